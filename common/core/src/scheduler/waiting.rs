//! Why a job is not getting on, for people: no part of any decision.

use cleanplate_types::ids::JobId;

use crate::ledger::job::{Job, Phase};
use crate::planning::encoder::Choice;
use crate::scheduler::Scheduler;
use crate::scheduler::need::Need;
use crate::scheduler::tending::Tending;
use crate::view::Waiting;

impl Scheduler {
    /// Open jobs that neither get on nor say why not: there are none after any step, and a simulation
    /// checks that. A job gets on while it holds a lease, while its stitch or copy runs, and while an
    /// object that it needs is read or written.
    pub fn unexplained(&self) -> impl Iterator<Item = &JobId> {
        self.tended.iter().filter_map(|(id, tending)| {
            let job = self.ledger.jobs.get(id)?;
            let gets_on = !job.leases.is_empty() || tending.stitch.is_some() || tending.asked;
            let told = gets_on || self.resuming || self.waiting(id, job, || None).is_some();
            (!told).then_some(id)
        })
    }

    /// Why `job` is not getting on; `before` says how many queued jobs are served before it.
    pub(super) fn waiting(
        &self,
        id: &JobId,
        job: &Job,
        before: impl FnOnce() -> Option<usize>,
    ) -> Option<Waiting> {
        let tending = self.tended.get(id).filter(|_| job.leases.is_empty())?;
        if let Phase::Review = job.phase {
            return Some(Waiting::Approval);
        }
        if let Some(until) = tending.rest_until.filter(|until| self.now < *until) {
            return Some(Waiting::Resting { until });
        }
        if let Phase::Encoder = job.phase {
            return self.waiting_to_choose(job, tending);
        }
        if !job.has_free_piece() {
            return None;
        }
        if let Some(leases_max) = self.grantable.full_cap(&job.request.owner) {
            return Some(Waiting::OwnerCap { owner: job.request.owner.clone(), leases_max });
        }
        let need = Need::of(job);
        let crash_loop = if self.fleet.taking() == 0 { self.crash_loop() } else { None };
        if crash_loop.is_some() {
            crash_loop
        } else if self.fleet.attached() == 0 {
            Some(Waiting::NoWorker)
        } else if self.fleet.taking() == 0 {
            Some(Waiting::NoWorkerTakesWork)
        } else if self.fleet.able(need) == 0 {
            Some(match need {
                Need::Encoder(encoder) => Waiting::NoEncoder { encoder: encoder.clone() },
                Need::Painting(encoder, _) if !self.fleet.proves(encoder) => {
                    Waiting::NoEncoder { encoder: encoder.clone() }
                }
                Need::Nothing | Need::Painting(..) | Need::Models(..) => {
                    Waiting::NoModels { models: need.models() }
                }
            })
        } else if self.fleet.workers().any(|(_, it)| it.is_idle() && need.is_met_by(it)) {
            Some(Waiting::AnotherWorker { until: self.second_worker_due(id) })
        } else {
            Some(Waiting::NoSlot { jobs_before: before().unwrap_or(0) })
        }
    }

    /// How many workers wait for the end of a crash loop's back-off, and until when the first does.
    fn crash_loop(&self) -> Option<Waiting> {
        let ends = || self.lives.values().map(|life| life.until).filter(|until| self.now < *until);
        Some(Waiting::CrashLoop { workers: ends().count(), until: ends().min()? })
    }

    fn waiting_to_choose(&self, job: &Job, tending: &Tending) -> Option<Waiting> {
        match tending.choice.as_ref()? {
            Choice::Take(_) => None,
            Choice::Wait { better } => Some(Waiting::EncoderGrace {
                encoder: *better,
                until: self.encoder_grace_ends(job),
            }),
            Choice::Missing(_) if self.fleet.attached() == 0 => Some(Waiting::NoWorker),
            Choice::Missing(encoder) => Some(Waiting::NoEncoderNamed { encoder: *encoder }),
            Choice::NoPainter(model) => Some(Waiting::NoModels { models: model.to_string() }),
        }
    }
}
