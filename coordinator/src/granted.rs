//! The row of the tier table under which each lease was granted: the first line of its trail, kept with the record of the
//! lease. When its time is summed up, its worker may be long gone: a container of a serverless fleet always is.
//!
//! Owns the words of that line, which is shown to nobody as a line. Refuses to believe one that is not the first:
//! workers write the others.

use std::collections::BTreeSet;

use cleanplate_core::record::{Event, Record};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_types::failure::Stage;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::trail::{TrailEntry, TrailEvent};

use crate::journal::TrailLine;

/// What the line begins with; the row's name follows.
const WORDS: &str = "granted to a card of tier ";

/// The line of a lease that `record` grants, where its worker is known.
pub(crate) fn line(record: &Record, scheduler: &Scheduler) -> Option<TrailLine> {
    let Event::Leased { lease, worker, .. } = &record.event else { return None };
    let tier = scheduler.card_of(worker)?.tier().name;
    Some(of(record.job.clone(), *lease, tier))
}

fn of(job: JobId, lease: LeaseId, tier: &str) -> TrailLine {
    let (stage, event) = (Stage::Fetch, TrailEvent::Started);
    let entry =
        TrailEntry { at_ms: 0, stage, event, detail: format!("{WORDS}{tier}"), count: None };
    TrailLine { job, lease, entry }
}

/// The row in the lines of one lease, and the lines that are shown.
pub(crate) fn split<'a>(lines: &[&'a TrailLine]) -> (Option<&'a str>, Vec<&'a TrailLine>) {
    let first = lines.first().and_then(|line| line.entry.detail.strip_prefix(WORDS));
    (first, lines.iter().skip(usize::from(first.is_some())).copied().collect())
}

/// The lines of a job's trails without those that are shown to nobody.
pub(crate) fn without(lines: Vec<TrailLine>) -> Vec<TrailLine> {
    let mut known = BTreeSet::new();
    let is_row =
        |line: &TrailLine, is_first: bool| is_first && line.entry.detail.starts_with(WORDS);
    lines.into_iter().filter(|line| !is_row(line, known.insert(line.lease))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lease: u64, tier: &str) -> TrailLine {
        of(JobId::parse("j").unwrap(), LeaseId(lease), tier)
    }

    #[test]
    fn only_the_first_line_of_a_lease_says_its_row_and_is_not_shown() {
        let (real, forged) = (told(1, "16"), told(1, "24"));
        let (row, shown) = split(&[&real, &forged]);
        assert_eq!((row, shown), (Some("16"), vec![&forged]));
        let mut other = forged.clone();
        other.entry.detail = "an engine process".to_owned();
        assert_eq!(split(&[&other, &real]), (None, vec![&other, &real]));
        let kept = without(vec![told(1, "16"), told(2, "8"), forged.clone(), other.clone()]);
        assert_eq!(kept, [forged, other]);
    }
}
