//! The walls around engine processes, as one that was started for the purpose found them.

use cleanplate_child::{WallsMode, WallsPolicy, WallsReport};

use super::findings::Finding;

/// What helps where a wall is missing.
const REMEDY: &str = "files and network need Landlock (Linux 5.13, better 6.12, with `landlock` among its `lsm=`); seccomp \
                      is in every kernel of a distribution, and a container's runtime must let both through";

/// What stands.
pub(super) fn look(report: Option<&WallsReport>, policy: &WallsPolicy) -> Finding {
    let finding = match report {
        None => Finding::missing("walls", "the engine process did not tell of them", REMEDY),
        Some(report) if report.is_off() => Finding::info("walls", "off, by `walls.mode`"),
        Some(report) if report.is_whole() => Finding::works("walls", report.to_string()),
        Some(report) => Finding::missing("walls", report.to_string(), REMEDY),
    };
    if policy.mode == WallsMode::Required { finding.asked_for() } else { finding }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::findings::State;

    #[test]
    fn walls_that_are_required_and_unknown_are_a_fault() {
        let policy = WallsPolicy { mode: WallsMode::Required, ..WallsPolicy::default() };
        let finding = look(None, &policy);
        assert!(finding.asked && finding.state == State::Missing);
        assert!(!look(None, &WallsPolicy::default()).asked);
    }
}
