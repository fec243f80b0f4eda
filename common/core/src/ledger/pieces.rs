//! What happens to the pieces of a job: taken, given back, done, void, and all of it begun again.
//!
//! Owns what of a job is free, held and there, and that these agree. Refuses to know leases.

use cleanplate_types::failure::{Failure, FailureKind, Verdict};
use cleanplate_types::ids::{CellIndex, LeaseId, WorkerId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Backgrounds, Look};

use crate::input::Survey;
use crate::ledger::Limits;
use crate::ledger::job::{Analysis, Job, Part, Phase, place};
use crate::ledger::tries::Blamed;
use crate::outcome::JobOutcome;
use crate::record::Piece;

/// How the note on parts that nobody but their makers decoded again ends; a job has one such note.
const AUDITED_ALONE: &str =
    "since no other worker could: what goes wrong on that machine in both decodings is not found";

impl Job {
    /// An audit by the worker that made the part is no second opinion of another machine: whoever reads what
    /// the audits were worth reads that too, in one note however many there are.
    pub(super) fn audited(&mut self, cell: CellIndex, auditor: Option<&WorkerId>) {
        let Some(encoding) = self.encoding_mut() else { return };
        let before = encoding.audits_alone();
        encoding.settle_audit(cell, auditor);
        let alone = encoding.audits_alone();
        if alone <= before {
            return;
        }
        let cells = match alone {
            1 => "1 cell was decoded again by the worker that made it".to_owned(),
            _ => format!("{alone} cells were decoded again by the worker that made them"),
        };
        let note = format!("audit: {cells}, {AUDITED_ALONE}");
        let mut notes = self.survey.iter_mut().flat_map(|survey| &mut survey.notes);
        match notes.find(|note| note.ends_with(AUDITED_ALONE)) {
            Some(told) => *told = note,
            None => self.note(note),
        }
    }

    pub(super) fn window_done(&mut self, index: u32, object: &ObjectRef) {
        self.tries.remove(&Blamed::Window(index));
        let Phase::Analyse(analysis) = &mut self.phase else { return };
        analysis.free.remove(&index);
        analysis.evidence.insert(index, object.clone());
        if analysis.evidence.len() < analysis.windows.len() {
            return;
        }
        let Analysis { look, draft, windows, free: _, doubled: _, evidence } = (**analysis).clone();
        let objects = evidence.into_values();
        match look {
            Look::Find | Look::Learn => {
                self.phase = Phase::Reduce { look, draft, evidence: objects.collect() };
            }
            Look::Fetch => {
                let made = windows.into_iter().zip(objects);
                let made = made.map(|(frames, object)| Backgrounds { frames, object });
                if let Some(plan) = &mut self.plan {
                    plan.backgrounds = made.collect();
                }
                self.looked(Some(look));
            }
            Look::Preview => {
                self.preview = objects.last();
                self.looked(Some(look));
            }
        }
    }

    pub(super) fn take(&mut self, piece: Piece) {
        match (piece, &mut self.phase) {
            (Piece::Window(window), Phase::Analyse(analysis)) => {
                if !analysis.free.remove(&window.index) {
                    analysis.doubled.insert(window.index);
                }
            }
            (Piece::Segment(segment), Phase::Encode(encoding)) => {
                for cell in segment.indices() {
                    if encoding.frontier.take(cell) {
                        encoding.frames_free -= frames_of(self.survey.as_deref(), cell);
                    } else {
                        encoding.doubled.insert(cell);
                    }
                }
            }
            (Piece::Audit(cell), Phase::Encode(encoding)) => encoding.hold_audit(cell),
            // Intake and reduction are free while the job has no lease.
            (
                Piece::Intake
                | Piece::Reduce
                | Piece::Window(_)
                | Piece::Segment(_)
                | Piece::Audit(_),
                _,
            ) => {}
        }
    }

    pub(super) fn give(&mut self, piece: Piece) {
        match (piece, &mut self.phase) {
            (Piece::Window(window), Phase::Analyse(analysis)) => {
                let held = analysis.doubled.remove(&window.index);
                if !held && !analysis.evidence.contains_key(&window.index) {
                    analysis.free.insert(window.index);
                }
            }
            (Piece::Segment(segment), Phase::Encode(encoding)) => {
                for cell in segment.indices() {
                    // What another lease holds stays that one's.
                    let held = encoding.doubled.remove(&cell);
                    if !held && encoding.part(cell).is_none() && encoding.frontier.give(cell) {
                        encoding.frames_free += frames_of(self.survey.as_deref(), cell);
                    }
                }
            }
            (Piece::Audit(cell), Phase::Encode(encoding)) => encoding.release_audit(cell),
            (
                Piece::Intake
                | Piece::Reduce
                | Piece::Window(_)
                | Piece::Segment(_)
                | Piece::Audit(_),
                _,
            ) => {}
        }
    }

    pub(super) fn committed(&mut self, part: Part) {
        let Phase::Encode(encoding) = &mut self.phase else {
            return;
        };
        let blamed = Blamed::Cell(part.summary.cell);
        if let Some(tries) = self.tries.get_mut(&blamed) {
            tries.done();
            if tries.is_clean() {
                self.tries.remove(&blamed);
            }
        }
        if let Some(place @ None) = encoding.parts.get_mut(place(part.summary.cell)) {
            encoding.cells_committed += 1;
            encoding.frames_committed += part.summary.frames;
            encoding.restored.add(&part.summary.restored);
            // Those of the source's own packets are in the contract.
            if !encoding.spec.copies(part.summary.cell) {
                encoding.extradata.get_or_insert(part.summary.extradata);
            }
            *place = Some(Box::new(part));
            encoding.settle();
        }
    }

    /// The part of `cell` is void. Where the cell is `leased`, the lease's end gives it back.
    pub(super) fn discarded(
        &mut self,
        cell: CellIndex,
        (leased, next): (bool, LeaseId),
        failure: &Failure,
        limits: Limits,
    ) {
        self.remember(failure);
        let Some(part) = self.void(cell, leased, next) else {
            return;
        };
        let tries = self.tries.entry(Blamed::Cell(cell)).or_default();
        tries.discards += 1;
        tries.workers.insert(part.worker);
        if failure.kind == FailureKind::AuditMismatch {
            // One of both is wrong: a third is asked before either is asked again.
            tries.workers.extend(failure.worker.clone());
        }
        if tries.is_hopeless(limits) {
            self.doomed = Some(Box::new(failure.clone()));
        }
    }

    /// Takes the part of `cell` away before the lease `next` is given; returns it.
    pub(super) fn void(&mut self, cell: CellIndex, leased: bool, next: LeaseId) -> Option<Part> {
        let encoding = self.encoding_mut()?;
        let part = encoding.parts.get_mut(place(cell)).and_then(Option::take)?;
        let frames = part.summary.frames;
        encoding.cells_committed -= 1;
        encoding.frames_committed -= frames;
        encoding.restored.remove(&part.summary.restored);
        encoding.void.insert(part.summary.manifest.key.clone());
        encoding.voided.insert(cell, next);
        let is_encoded = |part: &Part| !encoding.spec.copies(part.summary.cell);
        if !encoding.parts.iter().flatten().any(|part| is_encoded(part)) {
            encoding.extradata = None;
        }
        if !leased && encoding.frontier.give(cell) {
            encoding.frames_free += frames;
        }
        encoding.borders.unsettle(cell);
        encoding.reopen_audit(cell);
        Some(*part)
    }

    pub(super) fn retried(&mut self) {
        let keeps = match &self.outcome {
            // The objects of a failed job are still there, unless it is the source or the table
            // that they were made from which is wrong.
            Some(JobOutcome::Failed(failure)) => match failure.kind.verdict() {
                Verdict::Retable => false,
                Verdict::FailJob | Verdict::Retry | Verdict::RetryElsewhere => {
                    !matches!(failure.kind, FailureKind::SourceChanged | FailureKind::ObjectLost)
                }
            },
            Some(
                JobOutcome::Done(_)
                | JobOutcome::Copied { .. }
                | JobOutcome::Previewed(_)
                | JobOutcome::Abstained { .. }
                | JobOutcome::Cancelled,
            )
            | None => false,
        };
        if !keeps {
            self.start_anew();
        }
        self.tries.clear();
        if let Some(encoding) = self.encoding_mut() {
            encoding.borders.forgive();
        }
        self.stitch_failures = 0;
        self.doomed = None;
        self.retable = None;
        self.outcome = None;
        self.ended = None;
    }
}

fn frames_of(survey: Option<&Survey>, cell: CellIndex) -> u64 {
    let cell = survey.and_then(|survey| survey.cells.get(place(cell)));
    cell.map_or(0, |cell| cell.frames.count())
}
