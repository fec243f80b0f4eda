//! Taking a job as far as it can get: what to ask for next, and when it ends.

use cleanplate_types::brief::JobBrief;
use cleanplate_types::encode::{EncodeSpec, EncoderProof};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::model::{ModelRef, Painting};
use cleanplate_types::time::Tick;

use crate::effect::Effect;
use crate::ledger::job::{Job, Phase};
use crate::outcome::JobOutcome;
use crate::planning::copying::copy_untouched;
use crate::planning::encoder::{Choice, Mood, choose_encoder, encode_spec};
use crate::planning::looks::draft;
use crate::planning::painter::{choose_class, may_paint};
use crate::record::Event;
use crate::scheduler::need::Need;
use crate::scheduler::tending::Tending;
use crate::scheduler::timers::Timer;
use crate::scheduler::{Scheduler, place_of};
use crate::view::MODELS_REMEDY;

/// The most that a rest is doubled: 2 s become 32 s.
const REST_DOUBLINGS_MAX: u32 = 4;

impl Scheduler {
    /// Takes `job` as far as it can get now. Harmless to call too often.
    pub(super) fn advance(&mut self, job: &JobId, effects: &mut Vec<Effect>) {
        while self.advance_once(job, effects) {}
        self.refresh(job);
    }

    /// One transition or request; says whether there may be another at once.
    fn advance_once(&mut self, id: &JobId, effects: &mut Vec<Effect>) -> bool {
        let Some(job) = self.open_job(id) else {
            return false;
        };
        if let Some(failure) = job.doomed.clone() {
            self.end(id, JobOutcome::Failed(failure), effects);
            return false;
        }
        if let Some(failure) = job.retable.clone() {
            self.start_over(id, Event::Retabled { failure }, effects);
            return true;
        }
        if self.is_resting(id) {
            return false;
        }
        match &job.phase {
            Phase::Intake | Phase::Reduce { .. } | Phase::Review => false,
            Phase::Analyse(_) => {
                self.mind_models(id, effects);
                false
            }
            Phase::Survey | Phase::Draft { .. } | Phase::Finding { .. } | Phase::Brief { .. } => {
                self.ask(id, effects);
                false
            }
            Phase::Previewed => {
                let preview = job.preview.clone();
                self.end(id, JobOutcome::Previewed(preview), effects);
                false
            }
            Phase::Encoder => self.choose(id, effects),
            Phase::Encode(_) => {
                self.tend_stitch(id, effects);
                self.mind_encoder(id, effects)
            }
            Phase::Copy { .. } => {
                self.tend_copy(id, effects);
                false
            }
        }
    }

    /// Asks once for the object that the job's phase needs.
    fn ask(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let Some(tending) = self.tended.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut tending.asked, true) {
            return;
        }
        let request =
            self.ledger.jobs.get(id).and_then(|job| request_of(id, job, self.ledger.last_lease()));
        effects.extend(request);
    }

    /// Chooses the encoder, or waits for one; says whether it did.
    fn choose(&mut self, id: &JobId, effects: &mut Vec<Effect>) -> bool {
        let Some(job) = self.open_job(id) else {
            return false;
        };
        let Some(survey) = &job.survey else {
            return false;
        };
        let until = self.encoder_grace_ends(job);
        let mood = Mood { patient: self.now < until, in_software: job.in_software };
        let video = &survey.description.video;
        let mut chosen = choose_encoder(&job.request, video, self.fleet.proofs(), mood);
        let mut painting = None;
        if let Ok(Choice::Take(proof)) = &chosen {
            match self.painting_of(job, proof) {
                Ok(found) => painting = found,
                Err(model) => chosen = Ok(Choice::NoPainter(model)),
            }
        }
        let spec = match &chosen {
            Ok(Choice::Take(proof)) => {
                let spec = encode_spec(video, &job.request, proof, &survey.cells);
                let spec = spec.map(|spec| EncodeSpec { painting, ..spec });
                spec.map(|spec| match &job.plan {
                    Some(plan) => Some(copy_untouched(&job.request, survey, plan, spec)),
                    None => Some(spec),
                })
            }
            Ok(Choice::Wait { .. } | Choice::Missing(_) | Choice::NoPainter(_)) => Ok(None),
            Err(error) => Err(error.clone()),
        };
        if let (Some(tending), Ok(choice)) = (self.tended.get_mut(id), chosen) {
            if let Choice::Wait { .. } = choice {
                self.timers.insert((until, Timer::Job(id.clone())));
            }
            tending.choice = Some(choice);
        }
        match spec {
            Ok(Some(spec)) => {
                self.record(id, Event::EncoderChosen(Box::new(spec)), effects);
                true
            }
            Ok(None) => {
                self.mind_choice(id, effects);
                false
            }
            Err(error) => {
                self.fail_job(id, error.kind(), error.to_string(), effects);
                false
            }
        }
    }

    /// Who paints the job's frames where something of them may have to be painted; the model where nobody can.
    fn painting_of(&self, job: &Job, proof: &EncoderProof) -> Result<Option<Painting>, ModelRef> {
        let model = job.request.painter.as_ref();
        let Some(model) = model.filter(|_| job.plan.as_ref().is_some_and(|plan| may_paint(plan)))
        else {
            return Ok(None);
        };
        match choose_class(self.fleet.painters(proof, model)) {
            Some(class) => Ok(Some(Painting { model: model.clone(), class })),
            None => Err(model.clone()),
        }
    }

    /// When a job no longer waits for a better encoder.
    pub(super) fn encoder_grace_ends(&self, job: &Job) -> Tick {
        job.submitted.max(self.started).after(self.config.encoder_grace_ms)
    }

    /// Ends a job whose encoder nobody who is attached has proved, when it has waited long enough.
    fn mind_choice(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let choice = self.tended.get(id).and_then(|tending| tending.choice.clone());
        let message = match choice {
            Some(Choice::Missing(encoder)) => format!(
                "no attached worker has proved {encoder}; choose another encoder, or attach a worker that has it and retry"
            ),
            Some(Choice::NoPainter(model)) => {
                format!("no attached worker can run {model}; {MODELS_REMEDY}")
            }
            Some(Choice::Take(_) | Choice::Wait { .. }) | None => {
                self.is_missing_too_long(id, false);
                return;
            }
        };
        if self.is_missing_too_long(id, self.fleet.staying() > 0) {
            self.fail_job(id, FailureKind::WorkerLacks, message, effects);
        }
    }

    /// Notices that no attached worker has the job's encoder any more; says whether the job starts
    /// anew.
    fn mind_encoder(&mut self, id: &JobId, effects: &mut Vec<Effect>) -> bool {
        let Some(job) = self.open_job(id) else {
            return false;
        };
        let Some(encoding) = job.encoding() else {
            return false;
        };
        let need = Need::of(job);
        let unpainted = matches!(need, Need::Painting(..)) && !self.fleet.has(need);
        let unproved = !self.fleet.proves(&encoding.spec.encoder);
        let missing = (unproved || unpainted)
            && self.fleet.staying() > 0
            && !encoding.frontier.is_empty()
            && job.leases.is_empty();
        let painter = need.models();
        if !self.is_missing_too_long(id, missing) {
            return false;
        }
        if !unproved {
            let message = format!("no attached worker can run {painter} any more; {MODELS_REMEDY}");
            self.fail_job(id, FailureKind::WorkerLacks, message, effects);
            return false;
        }
        let Some((restart, encoder)) = self.open_job(id).and_then(|job| {
            Some((job.request.restart_on_encoder_loss, job.encoding()?.spec.encoder.clone()))
        }) else {
            return false;
        };
        let remedy = "; attach one and retry, or submit with --restart-on-encoder-loss";
        let message = format!(
            "no attached worker has proved {} of build `{}` any more{}",
            encoder.name,
            encoder.build,
            if restart { "" } else { remedy }
        );
        let failure = Box::new(Failure::new(FailureKind::WorkerLacks, Stage::Encode, message));
        if restart {
            self.start_over(id, Event::EncoderLost { failure }, effects);
        } else {
            self.end(id, JobOutcome::Failed(failure), effects);
        }
        restart
    }

    /// Ends a job whose models nobody who is attached can run, when it has waited long enough.
    fn mind_models(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let Some(job) = self.open_job(id) else {
            return;
        };
        let need = Need::of(job);
        let missing = matches!(need, Need::Models(..))
            && self.fleet.staying() > 0
            && !self.fleet.has(need)
            && job.leases.is_empty();
        let message = format!("no attached worker can run {}; {MODELS_REMEDY}", need.models());
        if self.is_missing_too_long(id, missing) {
            self.fail_job(id, FailureKind::WorkerLacks, message, effects);
        }
    }

    /// Keeps the time since when workers are attached and none has what is needed; says whether that
    /// is too long.
    fn is_missing_too_long(&mut self, id: &JobId, missing: bool) -> bool {
        let (now, lost_ms) = (self.now, self.config.encoder_lost_ms);
        let Some(tending) = self.tended.get_mut(id) else {
            return false;
        };
        if !missing {
            tending.missing_since = None;
            return false;
        }
        let until = tending.missing_since.get_or_insert(now).after(lost_ms);
        if now < until {
            self.arm(until, Timer::Job(id.clone()));
        }
        now >= until
    }

    /// Makes `event`, which throws the job's parts away, true.
    fn start_over(&mut self, id: &JobId, event: Event, effects: &mut Vec<Effect>) {
        self.abort_stitch(id, effects);
        if let Some(tending) = self.tended.get_mut(id) {
            let Tending { rest_until, frames_best, lost, .. } = *tending;
            *tending = Tending { rest_until, frames_best, lost, ..Default::default() };
        }
        self.record_and_revoke(id, event, effects);
    }

    /// Ends a job.
    pub(super) fn end(&mut self, id: &JobId, outcome: JobOutcome, effects: &mut Vec<Effect>) {
        let (published, swept) = match &outcome {
            JobOutcome::Done(_) | JobOutcome::Copied { .. } => (true, true),
            JobOutcome::Abstained { .. } | JobOutcome::Cancelled => (false, true),
            // Whoever asked for the preview has yet to read it.
            JobOutcome::Failed(_) | JobOutcome::Previewed(_) => (false, false),
        };
        let keep = self.open_job(id).and_then(|job| job.plan.as_ref()?.mattes.clone());
        let asked = self.open_job(id).is_some_and(|job| job.request.keep_plan);
        let keep = keep.filter(|_| published && asked);
        if !published {
            self.abort_stitch(id, effects);
        }
        self.record_and_revoke(id, Event::Ended(outcome.clone()), effects);
        let was_open = self.tended.remove(id).is_some();
        self.refresh(id);
        if was_open && let Some(job) = self.ledger.jobs.get(id) {
            self.grantable.closed(&job.request.owner);
            self.outputs.closed(id, &job.request);
        }
        self.arm_retention(id);
        effects.push(Effect::JobEnded { job: id.clone(), outcome });
        if swept {
            let before = self.ledger.next_lease();
            effects.push(Effect::Sweep { job: id.clone(), before, keep });
        }
    }

    /// Puts a job where granting and encoders look for it, or takes it away from there.
    pub(super) fn refresh(&mut self, id: &JobId) {
        self.refresh_tail(id);
        let Some(job) = self.ledger.jobs.get(id) else {
            return;
        };
        if job.has_free_piece() && !self.is_resting(id) && !self.is_capped(job) {
            self.work_freed |= self.grantable.put(place_of(job), id);
        } else {
            self.grantable.take(place_of(job));
        }
        let bound = job.outcome.is_none() && Need::minds_proofs(job);
        if !bound {
            self.proof_bound.remove(id);
        } else if !self.proof_bound.contains(id) {
            self.proof_bound.insert(id.clone());
        }
    }

    /// Whether a job holds as many leases as one may.
    pub(super) fn is_capped(&self, job: &Job) -> bool {
        self.config.caps.job_leases.is_some_and(|most| job.leases.len() >= most as usize)
    }

    pub(super) fn is_resting(&self, id: &JobId) -> bool {
        let until = self.tended.get(id).and_then(|tending| tending.rest_until);
        until.is_some_and(|until| self.now < until)
    }

    /// Lets a job rest: its source or the store is unavailable. All that fails while it rests fails
    /// for the same reason, and does not make the rest longer.
    pub(super) fn rest(&mut self, id: &JobId) {
        if self.is_resting(id) {
            return;
        }
        let (now, rest_ms) = (self.now, self.config.rest_ms);
        let Some(tending) = self.tended.get_mut(id) else {
            return;
        };
        let until = now.after(rest_ms << tending.rests.min(REST_DOUBLINGS_MAX));
        tending.rests += 1;
        tending.rest_until = Some(until);
        self.arm(until, Timer::Job(id.clone()));
    }

    /// Source and store were there again.
    pub(super) fn rested(&mut self, id: &JobId) {
        if let Some(tending) = self.tended.get_mut(id) {
            tending.rests = 0;
        }
    }
}

/// What the job's phase needs from the store.
fn request_of(id: &JobId, job: &Job, after: LeaseId) -> Option<Effect> {
    let intake = job.intake.as_ref()?;
    match &job.phase {
        Phase::Survey => Some(Effect::LoadTable {
            job: id.clone(),
            description: intake.description.clone(),
            table: intake.table.clone(),
        }),
        Phase::Draft { look } => {
            let draft = Box::new(draft(&job.request, job.plan.as_ref()?, *look));
            Some(Effect::WriteDraft { job: id.clone(), look: *look, after, draft })
        }
        Phase::Finding { finding, .. } => {
            Some(Effect::LoadFinding { job: id.clone(), finding: finding.clone() })
        }
        Phase::Brief { spec } => {
            let survey = job.survey.as_ref()?;
            let brief = JobBrief {
                job: id.clone(),
                source: intake.source.clone(),
                description: survey.description.clone(),
                table: intake.table.clone(),
                rest: intake.rest.clone(),
                plan: (**job.plan.as_ref()?).clone(),
                allow_metadata_loss: job.request.allow_metadata_loss,
                spec: (**spec).clone(),
                cells: survey.cells.clone(),
            };
            Some(Effect::WriteBrief { job: id.clone(), after, brief: Box::new(brief) })
        }
        Phase::Intake
        | Phase::Analyse(_)
        | Phase::Reduce { .. }
        | Phase::Review
        | Phase::Previewed
        | Phase::Encoder
        | Phase::Encode(_)
        | Phase::Copy { .. } => None,
    }
}
