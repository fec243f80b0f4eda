//! What is shown of jobs and workers beyond the scheduler's own view: whose each lease is, fallbacks,
//! frames handed in by each worker, and progress that never runs backwards.
//!
//! Follows from records and trails, and so is the same after a restart, but for the frames by worker: those of jobs
//! that are forgotten are in it only until then. Decides nothing.

use std::collections::BTreeMap;

use cleanplate_core::record::{Event, Record};
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::trail::{TrailEntry, TrailEvent};

use crate::commits::Commits;
use crate::journal::TrailLine;

/// Lines that are kept of one attempt's trail: an attempt that says more is in trouble already.
pub(crate) const TRAIL_LINES_MAX: u32 = 512;

/// Kinds of fallback that are kept of one job.
const FALLBACKS_MAX: usize = 32;

/// A lease of a job that has not ended.
#[derive(Debug)]
struct Holder {
    job: JobId,
    /// Nobody where the coordinator does the work itself.
    worker: Option<WorkerId>,
    lines: u32,
}

/// One kind of fallback of a job.
#[derive(Debug)]
struct FallbackNote {
    kind: String,
    text: String,
    count: u64,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(crate) struct Book {
    leases: BTreeMap<LeaseId, Holder>,
    commits: Commits,
    fallbacks: BTreeMap<JobId, Vec<FallbackNote>>,
    frames_by_worker: BTreeMap<WorkerId, u64>,
}

impl Book {
    /// The lines that a record adds to trails: they become durable with it.
    pub(crate) fn foretell(&mut self, record: &Record) -> Vec<TrailLine> {
        self.commits.take(record)
    }

    /// Takes a record that is durable.
    pub(crate) fn take(&mut self, record: &Record) {
        let job = &record.job;
        match &record.event {
            Event::Leased { lease, worker, .. } => self.lease(*lease, job, Some(worker.clone())),
            Event::StitchStarted { lease } => self.lease(*lease, job, None),
            Event::CellCommitted { lease, summary } => {
                let holder = self.leases.get(lease);
                if let Some(worker) = holder.and_then(|holder| holder.worker.clone()) {
                    *self.frames_by_worker.entry(worker).or_default() += summary.frames;
                }
            }
            Event::Ended(_) => {
                self.leases.retain(|_, holder| holder.job != *job);
            }
            Event::Forgotten => {
                // The journal keeps a forgotten job's last lease.
                self.leases.retain(|_, holder| holder.job != *job);
                self.fallbacks.remove(job);
            }
            Event::Submitted { .. }
            | Event::LeaseEnded { .. }
            | Event::IntakeDone { .. }
            | Event::Surveyed(_)
            | Event::WindowDone { .. }
            | Event::Reduced { .. }
            | Event::PlanSettled(_)
            | Event::Prioritised { .. }
            | Event::CopySettled(_)
            | Event::EncoderChosen(_)
            | Event::Briefed { .. }
            | Event::PartDiscarded { .. }
            | Event::Retabled { .. }
            | Event::EncoderLost { .. }
            | Event::StitchFailed { .. }
            | Event::SeamBroken { .. }
            | Event::AuditsDrawn { .. }
            | Event::AuditDone { .. }
            | Event::Drafted { .. }
            | Event::Approved { .. }
            | Event::Retried => {}
        }
    }

    fn lease(&mut self, lease: LeaseId, job: &JobId, worker: Option<WorkerId>) {
        self.leases.insert(lease, Holder { job: job.clone(), worker, lines: 0 });
    }

    /// The lines of a trail that are worth keeping: of a lease of an open job, told by its holder,
    /// and not too many of them.
    pub(crate) fn admit(
        &mut self,
        lease: LeaseId,
        worker: Option<&WorkerId>,
        entries: Vec<TrailEntry>,
    ) -> Vec<TrailLine> {
        let Some(holder) = self.leases.get_mut(&lease) else { return Vec::new() };
        if holder.worker.as_ref() != worker {
            return Vec::new();
        }
        let room = TRAIL_LINES_MAX.saturating_sub(holder.lines);
        let mut lines = Vec::new();
        for entry in entries.into_iter().take(room as usize) {
            holder.lines += 1;
            lines.push(TrailLine { job: holder.job.clone(), lease, entry });
        }
        lines
    }

    /// Takes a line of a trail that is durable; `true` where it is the first fallback of its kind.
    pub(crate) fn take_line(&mut self, line: &TrailLine) -> bool {
        let TrailEntry { stage, event, detail, .. } = &line.entry;
        if *event != TrailEvent::Fallback {
            return false;
        }
        let kind = format!("{stage}: {}", detail.split(": ").next().unwrap_or_default());
        let notes = self.fallbacks.entry(line.job.clone()).or_default();
        if let Some(note) = notes.iter_mut().find(|note| note.kind == kind) {
            note.count += 1;
            return false;
        }
        if notes.len() < FALLBACKS_MAX {
            notes.push(FallbackNote { kind, text: format!("{stage}: {detail}"), count: 1 });
        }
        true
    }

    /// The fallbacks of a job for people, once for each kind.
    pub(crate) fn fallbacks_of(&self, job: &JobId) -> impl Iterator<Item = String> {
        let notes = self.fallbacks.get(job).map_or(&[][..], Vec::as_slice);
        notes.iter().map(|note| match note.count {
            1 => format!("fallback in {}", note.text),
            count => format!("fallback in {} ({count} times)", note.text),
        })
    }

    /// Frames that a worker has handed in, as far as they were committed.
    pub(crate) fn frames_of(&self, worker: &WorkerId) -> u64 {
        self.frames_by_worker.get(worker).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::failure::Stage;
    use cleanplate_types::time::Tick;

    use super::*;

    fn entry(detail: &str) -> TrailEntry {
        TrailEntry {
            at_ms: 0,
            stage: Stage::Encode,
            event: TrailEvent::Fallback,
            detail: detail.to_owned(),
            count: None,
        }
    }

    fn leased() -> (Book, JobId) {
        let mut book = Book::default();
        let job = JobId::parse("j").unwrap();
        let event = Event::StitchStarted { lease: LeaseId(1) };
        book.take(&Record { at: Tick(0), job: job.clone(), event });
        (book, job)
    }

    #[test]
    fn a_fallback_is_shown_once_for_each_kind_with_its_count() {
        let (mut book, job) = leased();
        let told = ["nvenc -> libx264: no session", "nvenc -> libx264: still none", "other: x"];
        let lines = book.admit(LeaseId(1), None, told.map(entry).to_vec());
        let first: Vec<bool> = lines.iter().map(|line| book.take_line(line)).collect();
        assert_eq!(first, [true, false, true]);
        let notes: Vec<_> = book.fallbacks_of(&job).collect();
        assert_eq!(
            notes,
            [
                "fallback in encode: nvenc -> libx264: no session (2 times)",
                "fallback in encode: other: x"
            ]
        );
    }

    #[test]
    fn a_trail_told_by_another_than_the_holder_is_dropped_and_a_long_one_is_cut() {
        let (mut book, _job) = leased();
        let stranger = WorkerId::parse("w").unwrap();
        assert!(book.admit(LeaseId(1), Some(&stranger), vec![entry("x")]).is_empty());
        assert!(book.admit(LeaseId(2), None, vec![entry("x")]).is_empty());
        let many = vec![entry("x"); 600];
        assert_eq!(book.admit(LeaseId(1), None, many).len(), 512);
        assert!(book.admit(LeaseId(1), None, vec![entry("x")]).is_empty());
    }
}
