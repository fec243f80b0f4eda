//! What goes to the terminal: results to standard output, everything for people to standard error.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::exit::{Refusal, Status};

/// Writes one line to standard output.
///
/// # Errors
/// Status 1; in silence where the reader of the pipe has gone.
pub(crate) fn line(text: &str) -> Result<(), Refusal> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Refusal::unread();
        }
        Refusal::failed(format!("standard output cannot be written: {error}"))
    })
}

/// Writes `value` as one JSON object on a line of its own.
///
/// # Errors
/// As for [`line()`].
pub(crate) fn json(value: &impl Serialize) -> Result<(), Refusal> {
    let text = serde_json::to_string(value).map_err(|error| {
        Refusal::new(Status::Failed, format!("a result cannot be written as JSON: {error}"))
    })?;
    line(&text)
}

/// Tells people something that is not the result. A closed standard error is no reason to stop.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// `text` on one line: the words of libraries may have several.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// `text` in lines of at most `chars_max` characters, cut between words; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, chars_max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let fits = |line: &String| line.chars().count() + 1 + word.chars().count() <= chars_max;
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if fits(line) => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Rows of text in columns, each as wide as its widest cell.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// Writes rows as a table to standard output.
///
/// # Errors
/// As for [`line()`].
pub(crate) fn table(rows: &[Vec<String>]) -> Result<(), Refusal> {
    columns(rows).iter().try_for_each(|row| line(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a /very/long/path b", 5), ["a", "/very/long/path", "b"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn columns_line_up_and_end_without_blanks() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), String::new()]];
        assert_eq!(columns(&rows), ["a    bb", "ccc"]);
    }
}
