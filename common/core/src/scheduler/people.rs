//! What people ask of jobs: submit, cancel, approve, reject, try again, forget, put first or last.

use cleanplate_types::ids::JobId;
use cleanplate_types::request::JobRequest;

use crate::effect::{Effect, Ignored};
use crate::ledger::job::Phase;
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
        if self.is_queue_full(&job, &request.owner, effects) {
            return;
        }
        let owner = request.owner.clone();
        self.record(&job, Event::Submitted { request }, effects);
        self.open(job, &owner, effects);
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
        let known = self.ledger.jobs.get(&job);
        let owner = known.map(|known| known.request.owner.clone()).unwrap_or_default();
        match known.and_then(|known| known.outcome.as_ref()) {
            Some(JobOutcome::Failed(_) | JobOutcome::Abstained { .. } | JobOutcome::Cancelled) => {
                if !self.is_queue_full(&job, &owner, effects) {
                    self.record(&job, Event::Retried, effects);
                    self.open(job, &owner, effects);
                }
            }
            Some(JobOutcome::Done(_) | JobOutcome::Copied { .. } | JobOutcome::Previewed(_))
            | None => {
                not_now(&job, "a retry", effects);
            }
        }
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
    fn open(&mut self, id: JobId, owner: &str, effects: &mut Vec<Effect>) {
        self.grantable.opened(owner);
        self.tended.insert(id.clone(), Tending::default());
        self.advance(&id, effects);
    }

    /// Whether `owner` has as many open jobs as one may have; `job` is refused then.
    fn is_queue_full(&self, job: &JobId, owner: &str, effects: &mut Vec<Effect>) -> bool {
        let open = self.grantable.open(owner);
        let most = self.config.caps.owner_queued.filter(|most| open >= *most);
        if let Some(most) = most {
            let (job, owner) = (job.clone(), owner.to_owned());
            effects.push(Effect::Ignored(Ignored::OwnerQueueFull { job, owner, most }));
        }
        most.is_some()
    }
}
