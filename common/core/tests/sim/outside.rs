//! What a coordinator does outside of the scheduler: it loads and writes objects, joins parts, talks to
//! workers. Everything may fail, be late, or be lost when the coordinator dies.

use std::collections::BTreeMap;

use cleanplate_core::effect::Effect;
use cleanplate_core::input::Input;
use cleanplate_core::outcome::Published;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::part::PartSummary;

use crate::samples;
use crate::world::{Event, World};

/// A running stitch, or a copy: that is one of no parts.
#[derive(Debug)]
pub(crate) struct Stitch {
    lease: LeaseId,
    cells: u32,
    copies: bool,
    parts: Vec<PartSummary>,
    /// It has ended, and its answer is on the way.
    ended: bool,
}

impl Stitch {
    const fn new(lease: LeaseId, cells: u32, copies: bool) -> Self {
        Self { lease, cells, copies, parts: Vec::new(), ended: false }
    }
}

/// The stitches that run, one a job at most.
pub(crate) type Stitches = BTreeMap<JobId, Stitch>;

impl World {
    /// Does what the scheduler wants.
    pub(crate) fn perform(&mut self, effect: Effect) {
        match effect {
            // They are in the journal already.
            Effect::Record(_) | Effect::Ignored(_) | Effect::JobEnded { .. } => {}
            Effect::Grant { worker, session, lease, grant } => {
                let before = self.swept_before.get(&grant.job);
                assert!(before.is_none_or(|before| lease >= *before), "its objects may be swept");
                self.checkers.granted(&worker, lease);
                self.deliver(&worker, session, |worker| Event::Grant {
                    worker,
                    session,
                    lease,
                    grant,
                });
            }
            Effect::Revoke { worker, session, lease } => {
                self.deliver(&worker, session, |worker| Event::Revoke { worker, session, lease });
            }
            Effect::HandIn { worker, session, lease, .. } => {
                self.deliver(&worker, session, |worker| Event::HandIn { worker, session, lease });
            }
            Effect::DrainWorker { worker, session } => {
                self.deliver(&worker, session, |worker| Event::DrainWorker { worker, session });
            }
            Effect::LoadTable { job, table, .. } => {
                let decoded = table.key.ends_with("decoded");
                let table = Box::new(self.truths.of(&job).table_of_intake(decoded));
                let description = Box::new(samples::description());
                self.answer(job.clone(), Input::TableLoaded { job, description, table });
            }
            Effect::LoadFinding { job, finding } => {
                let finding = Box::new(self.truths.finding(&job, &finding));
                self.answer(job.clone(), Input::FindingLoaded { job, finding });
            }
            Effect::WriteDraft { job, look, after, draft } => {
                self.check_unswept(&job, after);
                let draft = self.truths.write_draft(&job, look, *draft);
                self.answer(job.clone(), Input::DraftWritten { job, look, draft });
            }
            Effect::WriteBrief { job, after, brief } => {
                self.check_unswept(&job, after);
                let brief = self.truths.write_brief(*brief);
                self.answer(job.clone(), Input::BriefWritten { job, brief });
            }
            Effect::StartStitch { job, lease, order } => {
                let stitch = Stitch::new(lease, order.cells, false);
                self.stitches.insert(job, stitch);
            }
            Effect::StitchPart { job, lease, cell, summary } => {
                self.stitch_part(&job, lease, cell, *summary);
            }
            Effect::AbortStitch { job, lease } => {
                let stitch = self.stitches.remove(&job);
                assert_eq!(stitch.map(|stitch| stitch.lease), Some(lease), "it runs");
            }
            Effect::CopyThrough { job, lease, .. } => {
                let stitch = Stitch::new(lease, 0, true);
                self.stitches.insert(job.clone(), stitch);
                self.stitch_ends_later(job, lease);
            }
            Effect::Sweep { job, keep, before } => {
                self.swept_before.insert(job.clone(), before);
                let stitch = self.stitches.get(&job);
                assert!(stitch.is_none_or(|it| it.ended), "nothing runs when objects are swept");
                self.swept.insert(job, keep.is_none());
            }
        }
    }

    /// Time goes on after the last job's end: whatever was kept for a while is forgotten, and nothing of
    /// it stays in the store.
    pub(crate) fn outlast_retention(&mut self) {
        let kept: Vec<JobId> = self.views().map(|view| view.job.clone()).collect();
        let Some(retention_ms) = self.chaos.retention_ms else { return };
        self.swept.clear();
        self.now += retention_ms;
        self.tell(Input::Clock);
        assert_eq!(self.views().count(), 0, "what ended so long ago is forgotten");
        for job in kept {
            assert_eq!(self.swept.get(&job), Some(&true), "nothing of {job} stays");
            self.checkers.count("retention over");
        }
        self.check_restart();
    }

    /// What is written after `lease` was given is none of what was swept.
    fn check_unswept(&self, job: &JobId, lease: LeaseId) {
        let before = self.swept_before.get(job);
        assert!(before.is_none_or(|before| lease >= *before), "what {job} writes may be swept");
    }

    /// Answers for the store, well or badly.
    fn answer(&mut self, job: JobId, answer: Input) {
        let input = if self.random.chance(self.chaos.objects_fail) {
            self.checkers.count("object failed");
            let kind = FailureKind::StoreUnavailable;
            let failure = Failure::new(kind, Stage::Plan, "the model store is away");
            Input::ObjectFailed { job, failure }
        } else {
            answer
        };
        let wait = self.random.between(1, 2000);
        self.later_in_this_life(wait, input);
    }

    fn stitch_part(&mut self, job: &JobId, lease: LeaseId, cell: CellIndex, part: PartSummary) {
        let stitch = self.stitches.get_mut(job).expect("parts come to a stitch that runs");
        assert_eq!(stitch.lease, lease, "parts come to the stitch that runs");
        if stitch.ended {
            return;
        }
        assert_eq!(stitch.parts.len(), cell.0 as usize, "parts come in order");
        assert_eq!(part.cell, cell, "a part is of its cell");
        let bad = self.rubbish.contains(&part.manifest.key);
        stitch.parts.push(part);
        let complete = stitch.parts.len() == stitch.cells as usize;
        if complete || bad || self.random.chance(self.chaos.stitch_fails) {
            self.stitch_ends_later(job.clone(), lease);
        }
    }

    fn stitch_ends_later(&mut self, job: JobId, lease: LeaseId) {
        let wait = self.random.between(1, 5000);
        let life = self.life;
        self.later(wait, Event::StitchEnds { life, job, lease });
    }

    /// The stitch finds a bad part, fails, or publishes.
    pub(crate) fn stitch_ends(&mut self, job: JobId, lease: LeaseId) {
        let stitch = self.stitches.get_mut(&job).filter(|it| it.lease == lease && !it.ended);
        let Some(stitch) = stitch else { return };
        stitch.ended = true;
        let bad = stitch.parts.iter().find(|part| self.rubbish.contains(&part.manifest.key));
        let complete = stitch.parts.len() == stitch.cells as usize;
        let input = if let Some(part) = bad {
            let failure =
                Failure::new(FailureKind::PartRefused, Stage::Stitch, "bytes do not match");
            Input::StitchFailed { job, lease, cell: Some(part.cell), failure }
        } else if !complete || self.random.chance(self.chaos.stitch_fails) {
            let kind = self.random.pick(&[
                FailureKind::StoreUnavailable,
                FailureKind::EngineCrashed,
                FailureKind::OutputUnwritable,
            ]);
            let failure = Failure::new(kind, Stage::Stitch, "the model stitch failed");
            Input::StitchFailed { job, lease, cell: None, failure }
        } else {
            if !stitch.copies {
                self.checkers.published(&job, &stitch.parts, &self.spoilt);
            }
            Input::Published { job, lease, published: Published { bytes: 1, notes: Vec::new() } }
        };
        let wait = self.random.between(1, 100);
        self.later_in_this_life(wait, input);
    }
}
