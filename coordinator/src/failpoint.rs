//! Where a test lets this process die: `CLEANPLATE_FAILPOINT=MOMENT:WHAT@N:FILE`. Release builds have no such
//! points.
//!
//! Owns their names, which follow from the enums of effects and events: one that is new does not build until it
//! has a name here, and a test that lists them fails until it dies there. The process ends by SIGKILL, as when
//! the machine dies: nothing is flushed, closed or told, and the loop does nothing more. It does so once: FILE is made then, and whoever finds it
//! passes on.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use cleanplate_core::effect::Effect;
use cleanplate_core::record::Event;

/// The variable.
pub(crate) const VARIABLE: &str = "CLEANPLATE_FAILPOINT";

/// Gives every variant of an enum a name, and lists the names.
macro_rules! named {
    ($list:ident, $name:ident, $kind:ident: $doc:literal, $($variant:ident => $text:literal),+ $(,)?) => {
        #[cfg(test)]
        pub(crate) const $list: &[&str] = &[$($text),+];

        #[doc = $doc]
        pub(crate) const fn $name(it: &$kind) -> &'static str {
            match it {
                $($kind::$variant { .. } => $text,)+
            }
        }
    };
}

named! { EFFECTS, effect, Effect: "The name of an effect.",
    Record => "record",
    Grant => "grant",
    Revoke => "revoke",
    HandIn => "hand_in",
    DrainWorker => "drain_worker",
    LoadTable => "load_table",
    LoadFinding => "load_finding",
    WriteDraft => "write_draft",
    WriteBrief => "write_brief",
    StartStitch => "start_stitch",
    StitchPart => "stitch_part",
    AbortStitch => "abort_stitch",
    CopyThrough => "copy_through",
    JobEnded => "job_ended",
    Sweep => "sweep",
    Ignored => "ignored",
}

named! { EVENTS, event, Event: "The name of a record's event.",
    Submitted => "record.submitted",
    Leased => "record.leased",
    LeaseEnded => "record.lease_ended",
    IntakeDone => "record.intake_done",
    Surveyed => "record.surveyed",
    WindowDone => "record.window_done",
    Reduced => "record.reduced",
    PlanSettled => "record.plan_settled",
    CopySettled => "record.copy_settled",
    EncoderChosen => "record.encoder_chosen",
    Briefed => "record.briefed",
    CellCommitted => "record.cell_committed",
    PartDiscarded => "record.part_discarded",
    Retabled => "record.retabled",
    EncoderLost => "record.encoder_lost",
    StitchStarted => "record.stitch_started",
    StitchFailed => "record.stitch_failed",
    Ended => "record.ended",
    Retried => "record.retried",
    Forgotten => "record.forgotten",
    SeamBroken => "record.seam_broken",
    AuditsDrawn => "record.audits_drawn",
    AuditDone => "record.audit_done",
    Drafted => "record.drafted",
    Approved => "record.approved",
    Prioritised => "record.prioritised",
}

/// When, in relation to what is named: a record is made durable, another effect is performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Just before.
    Before,
    /// Just after.
    After,
}

impl Moment {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Passes the points of records that are written together: `after:record.leased`.
pub(crate) fn pass_events<'a>(moment: Moment, events: impl Iterator<Item = &'a Event>) {
    for one in events {
        pass(moment, event(one));
    }
}

/// The point at which this process dies.
#[derive(Debug, PartialEq, Eq)]
struct Deadly {
    moment: String,
    name: String,
    /// At which passing, from 1.
    at: u32,
    file: PathBuf,
}

impl Deadly {
    fn parse(text: &str) -> Option<Self> {
        let (point, rest) = text.split_once('@')?;
        let (at, file) = rest.split_once(':')?;
        let (moment, name) = point.split_once(':')?;
        let known = [Moment::Before, Moment::After].iter().any(|it| it.as_str() == moment)
            && !name.is_empty();
        let at = at.parse().ok().filter(|at| *at > 0)?;
        let (moment, name, file) = (moment.to_owned(), name.to_owned(), PathBuf::from(file));
        known.then_some(Self { moment, name, at, file })
    }
}

/// Passes a point: `before:grant`.
pub(crate) fn pass(moment: Moment, name: &str) {
    static DEADLY: OnceLock<Option<Deadly>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    if !cfg!(debug_assertions) {
        return;
    }
    let read = || std::env::var(VARIABLE).ok().as_deref().and_then(Deadly::parse);
    let Some(deadly) = DEADLY.get_or_init(read) else { return };
    if deadly.name != name || deadly.moment != moment.as_str() || deadly.file.exists() {
        return;
    }
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 == deadly.at {
        // Where it cannot be made, the test sees that nobody died.
        if std::fs::write(&deadly.file, name).is_ok() {
            die();
        }
    }
}

/// Nothing runs behind this.
fn die() -> ! {
    std::process::Command::new("kill")
        .args(["-KILL", &std::process::id().to_string()])
        .status()
        .ok();
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_one_that_there_is_at_a_passing_that_there_is() {
        let found = Deadly::parse("after:record.leased@2:/tmp/died").unwrap();
        assert_eq!((&*found.moment, &*found.name, found.at), ("after", "record.leased", 2));
        assert_eq!(found.file, PathBuf::from("/tmp/died"));
        for wrong in ["?", "after:@1:f", "during:grant@1:f", "after:grant@0:f", "after:grant@1"] {
            assert_eq!(Deadly::parse(wrong), None, "{wrong}");
        }
    }
}
