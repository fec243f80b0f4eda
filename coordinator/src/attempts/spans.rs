//! When attempts were: from the record that began each to the one that ended it.

use cleanplate_core::record::{Event, Record};
use cleanplate_types::ids::LeaseId;
use cleanplate_types::time::Tick;

/// The time of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its lease.
    pub(crate) lease: LeaseId,
    /// When it was given.
    pub(crate) began: Tick,
    /// When it ended; nothing while it runs.
    pub(crate) ended: Option<Tick>,
    /// It is the coordinator's own work.
    is_stitch: bool,
}

/// The times of the attempts that `records` (of one job, in order) tell of, oldest first.
pub(crate) fn spans(records: &[Record]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for Record { at, event, .. } in records {
        match event {
            Event::Leased { lease, .. } => {
                spans.push(Span { lease: *lease, began: *at, ended: None, is_stitch: false });
            }
            Event::StitchStarted { lease } => {
                end(&mut spans, *at, |span| span.is_stitch);
                spans.push(Span { lease: *lease, began: *at, ended: None, is_stitch: true });
            }
            Event::LeaseEnded { lease, .. }
            | Event::IntakeDone { lease, .. }
            | Event::WindowDone { lease, .. }
            | Event::Reduced { lease, .. }
            | Event::AuditDone { lease, .. } => end(&mut spans, *at, |span| span.lease == *lease),
            Event::StitchFailed { .. } => end(&mut spans, *at, |span| span.is_stitch),
            Event::Retabled { .. } | Event::EncoderLost { .. } | Event::Ended(_) => {
                end(&mut spans, *at, |_| true);
            }
            Event::Forgotten => spans.clear(),
            Event::Submitted { .. }
            | Event::Surveyed(_)
            | Event::PlanSettled(_)
            | Event::CopySettled(_)
            | Event::EncoderChosen(_)
            | Event::Briefed { .. }
            | Event::CellCommitted { .. }
            | Event::PartDiscarded { .. }
            | Event::SeamBroken { .. }
            | Event::AuditsDrawn { .. }
            | Event::Drafted { .. }
            | Event::Approved { .. }
            | Event::Prioritised { .. }
            | Event::Retried => {}
        }
    }
    spans
}

fn end(spans: &mut [Span], at: Tick, is_meant: impl Fn(&Span) -> bool) {
    for span in spans.iter_mut().filter(|span| span.ended.is_none() && is_meant(span)) {
        span.ended = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::outcome::JobOutcome;
    use cleanplate_core::record::{LeaseEnd, Piece};
    use cleanplate_types::ids::{JobId, WorkerId};

    use super::*;

    #[test]
    fn an_attempt_lasts_until_its_lease_ends_or_the_job_does() {
        let leased = |lease| Event::Leased {
            lease: LeaseId(lease),
            worker: WorkerId::parse("w").unwrap(),
            piece: Piece::Intake,
            attempt: 1,
        };
        let ended = Event::LeaseEnded { lease: LeaseId(1), end: LeaseEnd::GaveBack };
        let events = [
            leased(1),
            leased(2),
            ended,
            Event::StitchStarted { lease: LeaseId(3) },
            Event::Ended(JobOutcome::Cancelled),
            leased(4),
        ];
        let job = JobId::parse("j").unwrap();
        let records: Vec<Record> = (10..)
            .zip(events)
            .map(|(at, event)| Record { at: Tick(at), job: job.clone(), event })
            .collect();
        let told: Vec<_> = spans(&records).iter().map(|it| (it.began.0, it.ended)).collect();
        let at = |tick| Some(Tick(tick));
        assert_eq!(told, [(10, at(12)), (11, at(14)), (13, at(14)), (15, None)]);
    }
}
