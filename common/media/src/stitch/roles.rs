//! What streams are for (default, forced, for the hard of hearing), and what of it a container does not say again.
//!
//! Owns the list of what libav's muxers write and its demuxers read back. Refuses to refuse: a stream without its role
//! is all there, and the job's notes say what it was.

use cleanplate_types::source::StreamKind;
use ffmpeg_next::format::stream::Disposition;

use crate::container::Container;

/// Roles by their names. `DEFAULT` is not among them: players take the first of a kind where nothing is said.
const ROLES: &[(Disposition, &str)] = &[
    (Disposition::DUB, "dub"),
    (Disposition::ORIGINAL, "original"),
    (Disposition::COMMENT, "comment"),
    (Disposition::LYRICS, "lyrics"),
    (Disposition::KARAOKE, "karaoke"),
    (Disposition::FORCED, "forced"),
    (Disposition::HEARING_IMPAIRED, "hearing_impaired"),
    (Disposition::VISUAL_IMPAIRED, "visual_impaired"),
    (Disposition::CLEAN_EFFECTS, "clean_effects"),
];

/// The roles of a stream that the container does not say again, in words; nothing where there are none.
pub(super) fn unsaid(container: Container, kind: StreamKind, roles: Disposition) -> Option<String> {
    let said = said(container, kind);
    let lost = ROLES.iter().filter(|(role, _)| roles.contains(*role) && !said.contains(*role));
    let lost: Vec<&str> = lost.map(|(_, name)| *name).collect();
    (!lost.is_empty())
        .then(|| format!("that it is {} has no place in {}", lost.join(" and "), container.name()))
}

/// Whether the container says again what a stream is for, by its name.
pub(crate) fn says(container: Container, kind: StreamKind, name: &str) -> bool {
    match ROLES.iter().find(|(_, own)| *own == name) {
        Some((role, _)) => said(container, kind).contains(*role),
        None => !matches!(container, Container::Ts { .. }),
    }
}

fn said(container: Container, kind: StreamKind) -> Disposition {
    use Disposition as Role;
    let impaired = Role::HEARING_IMPAIRED | Role::VISUAL_IMPAIRED;
    match container {
        Container::Mov => Role::empty(),
        Container::Mp4 => impaired | Role::DUB | Role::COMMENT | Role::FORCED,
        Container::Mkv | Container::Webm => {
            impaired | Role::DUB | Role::ORIGINAL | Role::COMMENT | Role::FORCED
        }
        Container::Ts { .. } if kind == StreamKind::Audio => impaired,
        Container::Ts { .. } if kind == StreamKind::Subtitle => Role::HEARING_IMPAIRED,
        Container::Ts { .. } => Role::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_without_a_place_is_told_by_name() {
        let told = |container, roles| unsaid(container, StreamKind::Subtitle, roles);
        let forced = Disposition::FORCED | Disposition::DEFAULT;
        assert_eq!(told(Container::Mp4, forced), None);
        let mov = told(Container::Mov, forced).unwrap();
        assert_eq!(mov, "that it is forced has no place in mov");
        let both = Disposition::FORCED | Disposition::HEARING_IMPAIRED;
        assert_eq!(
            told(Container::Mov, both).unwrap(),
            "that it is forced and hearing_impaired has no place in mov"
        );
        assert_eq!(told(Container::Mov, Disposition::DEFAULT), None);
        let ts = Container::Ts { timed: false };
        assert!(!says(ts, StreamKind::Audio, "default") && !says(ts, StreamKind::Audio, "dub"));
        assert!(says(ts, StreamKind::Audio, "visual_impaired"));
        assert!(says(Container::Mov, StreamKind::Audio, "default"));
    }
}
