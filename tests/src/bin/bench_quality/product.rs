//! The real binary on one clip, seen from outside: how it ended, what it reported, how long each phase took.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cleanplate_tests::binary;
use serde_json::Value;

/// A run of the product.
#[derive(Debug)]
pub(crate) struct Ran {
    /// How it ended.
    pub(crate) end: End,
    /// From start to end of the process.
    pub(crate) wall: Duration,
    /// Phases as `--json` names them, with the time until the next.
    pub(crate) phases: Vec<(String, Duration)>,
    /// Share of the pixels that were inverted or fetched, where the report says so.
    pub(crate) coverage: Option<f64>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The movie is there.
    Done,
    /// It found nothing to remove: the movie is a copy.
    Unchanged,
    /// It found no evidence either way; there is no movie.
    Abstained(String),
    /// This version does not know an option.
    NotBuilt(String),
    /// It failed.
    Failed(String),
}

/// Runs `cleanplate run` from `source` to `output` with `options`.
pub(crate) fn run(source: &Path, output: &Path, options: &[&str]) -> Ran {
    std::fs::remove_file(output).ok();
    let mut command = binary::command(["run", crate::text(source), "-o", crate::text(output)]);
    command.args(options).arg("--json");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().expect("the binary starts");
    let mut errors = child.stderr.take().expect("a pipe");
    let listener = std::thread::Builder::new().name("errors".to_owned()).spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).ok();
        text
    });
    let (mut phases, mut last, mut since) = (Vec::new(), Value::Null, began);
    let states = BufReader::new(child.stdout.take().expect("a pipe"));
    for line in states.lines().map_while(Result::ok) {
        let Ok(state) = serde_json::from_str::<Value>(&line) else { continue };
        let now = Instant::now();
        spend(&mut phases, last["phase"].as_str().unwrap_or("start"), now - since);
        (last, since) = (state, now);
    }
    let status = child.wait().expect("it ends");
    spend(&mut phases, "end", since.elapsed());
    let errors = listener.expect("a thread starts").join().unwrap_or_default();
    let end = ending(status.code(), &last, &errors);
    Ran { end, wall: began.elapsed(), phases, coverage: coverage(&last) }
}

fn spend(phases: &mut Vec<(String, Duration)>, phase: &str, time: Duration) {
    match phases.iter_mut().find(|(name, _)| name == phase) {
        Some((_, sum)) => *sum += time,
        None => phases.push((phase.to_owned(), time)),
    }
}

fn ending(status: Option<i32>, last: &Value, errors: &str) -> End {
    let words = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no word").trim();
    match (status, last["outcome"]["kind"].as_str()) {
        (Some(0), Some("unchanged")) => End::Unchanged,
        (Some(0), _) => End::Done,
        (Some(2), _) => End::NotBuilt(errors.lines().next().unwrap_or(words).trim().to_owned()),
        (Some(5), _) => {
            let why = last["outcome"]["message"].as_str().unwrap_or(words);
            End::Abstained(why.to_owned())
        }
        _ => End::Failed(words.to_owned()),
    }
}

/// Looks in a job's report for an object with `inverted`, `fetched` and `synthesised`: numbers of pixels,
/// or percentages.
fn coverage(report: &Value) -> Option<f64> {
    let number = |name: &str| report.get(name).and_then(Value::as_f64);
    if let (Some(inverted), Some(fetched), Some(rest)) =
        (number("inverted"), number("fetched"), number("synthesised"))
    {
        let all = inverted + fetched + rest;
        return (all > 0.0).then(|| (inverted + fetched) / all);
    }
    match report {
        Value::Object(fields) => fields.values().find_map(coverage),
        Value::Array(items) => items.iter().find_map(coverage),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn coverage_is_what_is_not_synthesised() {
        let report =
            json!({"outcome": {"pixels": {"inverted": 30, "fetched": 45, "synthesised": 25}}});
        assert_eq!(coverage(&report), Some(0.75));
        assert_eq!(coverage(&json!({"outcome": {"inverted": 30}})), None);
        assert_eq!(coverage(&json!({"inverted": 0, "fetched": 0, "synthesised": 0})), None);
    }

    #[test]
    fn ends_are_told_apart() {
        let state = |kind: &str| json!({"outcome": {"kind": kind, "message": "why"}});
        assert_eq!(ending(Some(0), &state("done"), ""), End::Done);
        assert_eq!(ending(Some(0), &state("unchanged"), ""), End::Unchanged);
        assert_eq!(ending(Some(5), &state("abstained"), "x"), End::Abstained("why".to_owned()));
        let refused = ending(Some(2), &Value::Null, "cleanplate: no --overlay here\nusage\n");
        assert_eq!(refused, End::NotBuilt("cleanplate: no --overlay here".to_owned()));
        assert_eq!(ending(Some(1), &Value::Null, "a\nb\n"), End::Failed("b".to_owned()));
    }
}
