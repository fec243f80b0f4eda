//! What people ask of jobs: submit, cancel, approve, reject, try again, forget, put first or last.

use cleanplate_types::ids::JobId;
use cleanplate_types::request::JobRequest;

use crate::effect::{Effect, Ignored};
use crate::ledger::job::{Job, Phase};
use crate::outcome::JobOutcome;
use crate::record::Event;
use crate::scheduler::queue::Place;
use crate::scheduler::tending::Tending;
use crate::scheduler::{Scheduler, not_now, place_of};

impl Scheduler {
    pub(super) fn submit(
        &mut self,
        job: JobId,
        request: Box<JobRequest>,
        effects: &mut Vec<Effect>,
    ) {
        if self.ledger.jobs.contains_key(&job) {
            effects.push(Effect::Ignored(Ignored::NotNow { job, what: "a second submission" }));
            return;
        }
        if let Err(refused) = self.may_open(&job, &request) {
            effects.push(Effect::Ignored(refused));
            return;
        }
        self.record(&job, Event::Submitted { request }, effects);
        self.open(job, effects);
    }

    pub(super) fn cancel(&mut self, job: &JobId, effects: &mut Vec<Effect>) {
        if self.tended.contains_key(job) {
            self.end(job, JobOutcome::Cancelled, effects);
        } else {
            not_now(job, "a cancel", effects);
        }
    }

    pub(super) fn approve(&mut self, id: &JobId, dropped: Vec<u32>, effects: &mut Vec<Effect>) {
        let overlays = self.open_job(id).and_then(|job| job.plan.as_ref()).map_or(0, |plan| {
            let numbered = (0_u32..).zip(plan.shown());
            numbered.filter(|(at, shown)| *shown && !dropped.contains(at)).count()
        });
        // A plan of which nothing is left is to be rejected.
        if self.waits_for_review(id) && overlays > 0 {
            self.record(id, Event::Approved { dropped }, effects);
            self.advance(id, effects);
        } else {
            not_now(id, "an approval", effects);
        }
    }

    pub(super) fn reject(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        if self.waits_for_review(id) {
            self.end(id, JobOutcome::Cancelled, effects);
        } else {
            not_now(id, "a rejection", effects);
        }
    }

    fn waits_for_review(&self, id: &JobId) -> bool {
        self.open_job(id).is_some_and(|job| matches!(job.phase, Phase::Review))
    }

    pub(super) fn retry(&mut self, job: JobId, effects: &mut Vec<Effect>) {
        let Some(known) = self.ledger.jobs.get(&job).filter(|known| is_retryable(known)) else {
            not_now(&job, "a retry", effects);
            return;
        };
        if let Err(refused) = self.may_open(&job, &known.request) {
            effects.push(Effect::Ignored(refused));
            return;
        }
        self.record(&job, Event::Retried, effects);
        self.open(job, effects);
    }

    pub(super) fn forget(&mut self, job: &JobId, effects: &mut Vec<Effect>) {
        if self.ledger.jobs.get(job).is_some_and(|job| job.outcome.is_some()) {
            self.record(job, Event::Forgotten, effects);
            let before = self.ledger.next_lease();
            effects.push(Effect::Sweep { job: job.clone(), before, keep: None });
        } else {
            not_now(job, "forgetting", effects);
        }
    }

    /// The movie of an open job is there, which the journal has forgotten.
    pub(super) fn found(&mut self, id: &JobId, outcome: JobOutcome, effects: &mut Vec<Effect>) {
        if self.open_job(id).is_some() {
            self.abort_stitch(id, effects);
            self.end(id, outcome, effects);
        } else {
            not_now(id, "a movie that was found", effects);
        }
    }

    /// Changes the place of an open job. What is leased stays leased.
    pub(super) fn prioritise(&mut self, id: &JobId, priority: i32, effects: &mut Vec<Effect>) {
        let Some(job) = self.open_job(id) else {
            not_now(id, "a priority", effects);
            return;
        };
        let before = place_of(job);
        if before.priority == priority {
            return;
        }
        let Place { owner, priority: former, sequence } = before;
        let owner = owner.to_owned();
        self.grantable.take(Place { owner: &owner, priority: former, sequence });
        self.record(id, Event::Prioritised { priority }, effects);
        self.refresh(id);
    }

    /// A job is open from now on.
    fn open(&mut self, id: JobId, effects: &mut Vec<Effect>) {
        if let Some(job) = self.ledger.jobs.get(&id) {
            self.grantable.opened(&job.request.owner);
            self.outputs.opened(&id, &job.request);
        }
        self.tended.insert(id.clone(), Tending::default());
        self.advance(&id, effects);
    }

    /// Refuses `job` where its owner has as many open ones as one may have, or another one writes to its output.
    fn may_open(&self, job: &JobId, request: &JobRequest) -> Result<(), Ignored> {
        let (job, owner) = (job.clone(), request.owner.clone());
        let open = self.grantable.open(&owner);
        if let Some(most) = self.config.caps.owner_queued.filter(|most| open >= *most) {
            return Err(Ignored::OwnerQueueFull { job, owner, most });
        }
        self.outputs.writer(request).map_or(Ok(()), |writer| {
            let (output, writer) = (request.output.clone(), writer.clone());
            Err(Ignored::OutputTaken { job, output, writer })
        })
    }
}

/// Whether a job has ended in a way that may be better the next time.
const fn is_retryable(job: &Job) -> bool {
    match job.outcome {
        Some(JobOutcome::Failed(_) | JobOutcome::Abstained { .. } | JobOutcome::Cancelled) => true,
        Some(JobOutcome::Done(_) | JobOutcome::Copied { .. } | JobOutcome::Previewed(_)) | None => {
            false
        }
    }
}
