//! The names of classes, as exporters write them: the text of a Python dictionary, or of a list.
//!
//! Owns that notation and what a name means for removal. Refuses anything but whole numbers as keys and
//! strings as values.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use cleanplate_types::detection::DetectionKind;

/// The names in `{0: 'face', 1: "driver's plate"}` or `['face', 'plate']`, by class; `None` where the text is anything
/// else or the classes do not count from 0.
pub(crate) fn parse_names(text: &str) -> Option<Vec<String>> {
    if let Some(list) = text.trim().strip_prefix('[') {
        return parse_list(list.strip_suffix(']')?);
    }
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut letters = inner.chars().peekable();
    let mut names = BTreeMap::new();
    loop {
        skip_spaces(&mut letters);
        if letters.peek().is_none() {
            break;
        }
        let (key, name) = entry(&mut letters)?;
        names.insert(key, name);
        skip_spaces(&mut letters);
        match letters.next() {
            Some(',') => {}
            None => break,
            Some(_) => return None,
        }
    }
    let counts = names.keys().copied().eq(0..names.len());
    (counts && !names.is_empty()).then(|| names.into_values().collect())
}

fn parse_list(text: &str) -> Option<Vec<String>> {
    let mut letters = text.chars().peekable();
    let mut names = Vec::new();
    loop {
        skip_spaces(&mut letters);
        if letters.peek().is_none() {
            break;
        }
        names.push(string(&mut letters)?);
        skip_spaces(&mut letters);
        match letters.next() {
            Some(',') => {}
            None => break,
            Some(_) => return None,
        }
    }
    (!names.is_empty()).then_some(names)
}

fn entry(letters: &mut Peekable<Chars<'_>>) -> Option<(usize, String)> {
    let mut digits = String::new();
    while let Some(digit) = letters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    skip_spaces(letters);
    letters.next_if_eq(&':')?;
    skip_spaces(letters);
    Some((digits.parse().ok()?, string(letters)?))
}

fn string(letters: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quote = letters.next_if(|letter| matches!(letter, '\'' | '"'))?;
    let mut text = String::new();
    loop {
        match letters.next()? {
            '\\' => text.push(letters.next()?),
            letter if letter == quote => return Some(text),
            letter => text.push(letter),
        }
    }
}

fn skip_spaces(letters: &mut Peekable<Chars<'_>>) {
    while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
}

/// The numbers in `[640, 640]`.
pub(crate) fn parse_numbers(text: &str) -> Option<Vec<usize>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    inner.split(',').map(|number| number.trim().parse().ok()).collect()
}

/// What a class of this name shows.
pub(crate) fn kind_of(name: &str) -> DetectionKind {
    let lower = name.to_lowercase();
    let is_any = |known: &[&str]| {
        let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| known.contains(&word))
    };
    if is_any(&["plate", "plates", "licenseplate", "licenceplate", "numberplate"]) {
        DetectionKind::Plate
    } else if is_any(&["face", "faces"]) {
        DetectionKind::Face
    } else if is_any(&["text", "caption", "captions", "subtitle", "subtitles"]) {
        DetectionKind::Text
    } else {
        DetectionKind::Object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_whatever_their_quotes() {
        let names = parse_names(r#"{0: 'face', 1: "driver's plate", 2: 'it\'s, {a}: logo'}"#);
        assert_eq!(names.unwrap(), ["face", "driver's plate", "it's, {a}: logo"]);
        assert_eq!(parse_names("{0:'plate'}").unwrap(), ["plate"]);
        assert_eq!(parse_names("['face', \"plate\"]").unwrap(), ["face", "plate"]);
        assert_eq!(parse_names("{1: 'b', 0: 'a', }").unwrap(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_list_of_names_is_none() {
        for text in [
            "",
            "{}",
            "[]",
            "['a'",
            "['a' 'b']",
            "[a]",
            "{0: a}",
            "{1: 'a'}",
            "{0: 'a' 1: 'b'}",
            "{0: 'a",
            "{'a': 0}",
        ] {
            assert_eq!(parse_names(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read() {
        assert_eq!(parse_numbers("[384, 640]").unwrap(), [384, 640]);
        assert_eq!(parse_numbers("640"), None);
        assert_eq!(parse_numbers("[a]"), None);
    }

    #[test]
    fn a_name_says_what_the_class_shows() {
        for (name, kind) in [
            ("face", DetectionKind::Face),
            ("FACE_FEMALE", DetectionKind::Face),
            ("License-Plate", DetectionKind::Plate),
            ("licence plate", DetectionKind::Plate),
            ("subtitle", DetectionKind::Text),
            ("context", DetectionKind::Object),
            ("surface", DetectionKind::Object),
            ("logo", DetectionKind::Object),
        ] {
            assert_eq!(kind_of(name), kind, "{name}");
        }
    }
}
