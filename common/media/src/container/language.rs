//! Which languages a container says of a stream, and in which of their two forms.
//!
//! Owns the list of what libav's muxer writes into `QuickTime` files (numbers of an old table instead of codes) and
//! the languages for which ISO 639-2 has two codes. Refuses to guess at other codes.

use cleanplate_types::source::StreamKind;

use super::Container;

/// The languages with two codes: the one of libraries, then the one that is made from the language's own name.
const FORMS: [(&str, &str); 20] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// What has a number in `QuickTime`'s table, as libav knows it.
const IN_MOV: &[&str] = &[
    "eng", "fra", "ger", "ita", "dut", "sve", "spa", "dan", "por", "nor", "heb", "jpn", "ara",
    "fin", "gre", "ice", "mlt", "tur", "chi", "urd", "hin", "tha", "kor", "lit", "pol", "hun",
    "est", "lav", "smi", "per", "rus", "iri", "alb", "ron", "ces", "slk", "slv", "yid", "mac",
    "bul", "ukr", "bel", "uzb", "kaz", "aze", "arm", "geo", "mol", "kir", "tgk", "tuk", "mon",
    "pus", "kur", "kas", "snd", "tib", "nep", "san", "mar", "ben", "asm", "guj", "ori", "mal",
    "kan", "tam", "tel", "sin", "bur", "khm", "lao", "vie", "ind", "tgl", "may", "amh", "tir",
    "orm", "som", "swa", "kin", "run", "nya", "mlg", "epo", "wel", "baq", "cat", "lat", "que",
    "grn", "aym", "tat", "uig", "dzo", "jav",
];

/// Whether both codes mean one language.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one == other || other_form(one) == Some(other)
}

/// How the container says the `language` of a stream; nothing where it has no place for it.
pub(crate) fn said(container: Container, kind: StreamKind, language: &str) -> Option<&str> {
    if matches!(language, "" | "und") {
        return Some(language);
    }
    let is_code = |code: &str| code.len() == 3 && code.bytes().all(|one| one.is_ascii_lowercase());
    match container {
        Container::Mkv | Container::Webm => Some(language),
        Container::Mp4 => is_code(language).then_some(language),
        Container::Mov if IN_MOV.contains(&language) => Some(language),
        Container::Mov => other_form(language).filter(|other| IN_MOV.contains(other)),
        Container::Ts { .. } => {
            let has_place = matches!(kind, StreamKind::Audio | StreamKind::Subtitle);
            (has_place && language.split(',').all(|one| one.len() == 3)).then_some(language)
        }
    }
}

/// The other code of a language that has two.
fn other_form(language: &str) -> Option<&'static str> {
    let of_pair = |(one, other): &(&'static str, &'static str)| {
        if *one == language { Some(*other) } else { (*other == language).then_some(*one) }
    };
    FORMS.iter().find_map(of_pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quicktime_gets_the_form_that_its_table_has() {
        let said = |language| said(Container::Mov, StreamKind::Audio, language);
        for (language, written) in [
            ("deu", "ger"),
            ("ger", "ger"),
            ("fre", "fra"),
            ("nld", "dut"),
            ("zho", "chi"),
            ("cze", "ces"),
            ("fas", "per"),
            ("rum", "ron"),
            ("slo", "slk"),
            ("eng", "eng"),
            ("und", "und"),
        ] {
            assert_eq!(said(language), Some(written), "{language}");
            assert!(is_same(language, written) && is_same(written, language));
        }
        for unknown in ["mri", "mao", "hrv", "tlh", "de"] {
            assert_eq!(said(unknown), None, "{unknown}");
        }
        assert!(!is_same("ger", "dut") && !is_same("mri", "mkd"));
    }

    #[test]
    fn other_containers_say_what_they_have_room_for() {
        let ts = Container::Ts { timed: false };
        assert_eq!(said(ts, StreamKind::Audio, "deu"), Some("deu"));
        assert_eq!(said(ts, StreamKind::Audio, "deu,eng"), Some("deu,eng"));
        assert_eq!(said(ts, StreamKind::Video, "deu"), None);
        assert_eq!(said(Container::Mp4, StreamKind::Video, "tlh"), Some("tlh"));
        assert_eq!(said(Container::Mp4, StreamKind::Audio, "de-CH"), None);
        assert_eq!(said(Container::Mkv, StreamKind::Audio, "de-CH"), Some("de-CH"));
    }
}
