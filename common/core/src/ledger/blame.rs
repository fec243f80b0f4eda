//! Who is to blame for a failure, what it counts against, and when a job is past hope.

use cleanplate_types::cell::Segment;
use cleanplate_types::failure::{Failure, FailureKind, Verdict};
use cleanplate_types::ids::{CellIndex, WorkerId};

use crate::ledger::Limits;
use crate::ledger::job::{Job, Phase, place};
use crate::ledger::tries::Blamed;
use crate::record::Piece;

impl Job {
    /// The stitch failed, and no part is to blame.
    pub(super) fn stitch_failed(&mut self, failure: &Failure, limits: Limits) {
        self.remember(failure);
        self.stitch_failures += 1;
        let hopeless = match failure.kind.verdict() {
            Verdict::FailJob => true,
            Verdict::Retry | Verdict::RetryElsewhere if is_outage(failure.kind) => {
                self.stitch_failures >= limits.lapses_max
            }
            Verdict::Retry | Verdict::RetryElsewhere | Verdict::Retable => {
                self.stitch_failures >= limits.attempts_max
            }
        };
        if hopeless {
            self.doomed = Some(Box::new(failure.clone()));
        }
    }

    /// A lease on `piece`, which is free again, failed.
    pub(super) fn failed(
        &mut self,
        piece: Piece,
        worker: &WorkerId,
        failure: &Failure,
        limits: Limits,
    ) {
        self.remember(failure);
        match failure.kind.verdict() {
            Verdict::FailJob => self.doomed = Some(Box::new(failure.clone())),
            Verdict::Retable if self.is_first_mismatch(piece, worker, failure) => {}
            Verdict::Retable if self.decode_all.is_some() => {
                self.doomed = Some(Box::new(failure.clone()));
            }
            Verdict::Retable => self.retable = Some(Box::new(failure.clone())),
            Verdict::Retry | Verdict::RetryElsewhere => {
                if let Some(blamed) = self.to_blame(piece, failure) {
                    self.blame(blamed, worker, failure, limits);
                }
            }
        }
    }

    /// Whether `failure` is the first to say that a cell's frames are not those of the table. The
    /// decoder of one worker may be what is wrong: another one is asked first.
    fn is_first_mismatch(&mut self, piece: Piece, worker: &WorkerId, failure: &Failure) -> bool {
        let Some(blamed @ Blamed::Cell(_)) = self.to_blame(piece, failure) else {
            return false;
        };
        let tries = self.tries.entry(blamed).or_default();
        tries.mismatches += 1;
        tries.workers.insert(worker.clone());
        tries.mismatches == 1
    }

    /// Which piece of work a failure is about: of a segment, the first cell that is not done and
    /// that the failure names, else the first that is not done (cells are made in order).
    pub(crate) fn to_blame(&self, piece: Piece, failure: &Failure) -> Option<Blamed> {
        match piece {
            Piece::Intake => Some(Blamed::Intake),
            Piece::Window(window) => Some(Blamed::Window(window.index)),
            Piece::Reduce => Some(Blamed::Reduce),
            Piece::Segment(segment) => self.cell_to_blame(segment, failure).map(Blamed::Cell),
            Piece::Audit(_) if is_against_the_part(failure.kind) => None,
            Piece::Audit(cell) => Some(Blamed::Audit(cell)),
        }
    }

    fn cell_to_blame(&self, segment: Segment, failure: &Failure) -> Option<CellIndex> {
        let Phase::Encode(encoding) = &self.phase else {
            return None;
        };
        let named = failure.frames.and_then(|frames| {
            encoding.missing(segment).find(|cell| {
                let cell = self.cells().get(place(*cell));
                cell.is_some_and(|cell| !cell.frames.intersect(frames).is_empty())
            })
        });
        named.or_else(|| encoding.missing(segment).next())
    }

    fn blame(&mut self, blamed: Blamed, worker: &WorkerId, failure: &Failure, limits: Limits) {
        let tries = self.tries.entry(blamed).or_default();
        tries.workers.insert(worker.clone());
        // What was read before was there: an outage is nobody's fault and passes, so it may take long.
        let outage = is_outage(failure.kind) && blamed != Blamed::Intake;
        match failure.kind.verdict() {
            Verdict::Retry if outage => tries.lapses += 1,
            Verdict::RetryElsewhere => tries.lapses += 1,
            Verdict::Retry | Verdict::Retable | Verdict::FailJob => tries.failures += 1,
        }
        if tries.is_hopeless(limits) {
            let mut failure = failure.clone();
            if tries.lapses >= limits.lapses_max {
                let lapses = tries.lapses;
                failure.message.push_str(&format!(
                    "; this is lapse {lapses} of the same piece of work, and `lapses_max` allows no more"
                ));
            }
            self.doomed = Some(Box::new(failure));
        }
    }
}

/// Whether the source or the store could not be reached, or has not got what it had.
pub(crate) fn is_outage(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::SourceUnavailable | FailureKind::StoreUnavailable | FailureKind::ObjectLost
    )
}

/// Whether what ended an audit is held against the part: it shows other pictures, or is not there.
pub(crate) fn is_against_the_part(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::AuditMismatch | FailureKind::ObjectLost)
}
