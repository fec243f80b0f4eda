//! Applying a record: the only way in which the durable state changes.

use cleanplate_types::encode::EncodeSpec;
use cleanplate_types::failure::{Failure, FailureKind, Verdict};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Backgrounds, Look};
use cleanplate_types::request::Review;
use cleanplate_types::time::Tick;

use crate::input::Survey;
use crate::ledger::audits::Audit;
use crate::ledger::border::BREAKS_MAX;
use crate::ledger::job::{Analysis, Encoding, Job, Part, Phase, place};
use crate::ledger::tries::Blamed;
use crate::ledger::{Lease, Ledger, Limits};
use crate::outcome::JobOutcome;
use crate::planning::copying::told;
use crate::planning::looks::{next_look, painted, windows_of};
use crate::planning::settle::SettledPlan;
use crate::record::{Event, LeaseEnd, Piece, Record};

/// How the note on parts that nobody but their makers decoded again ends; a job has one such note.
const AUDITED_ALONE: &str =
    "since no other worker could: what goes wrong on that machine in both decodings is not found";

/// What people are told whose approval was of a plan that is made anew.
const APPROVED_BEFORE: &str = "the plan that was approved was made on that table and is void: it is made anew, and \
                               waits for an approval again";

impl Ledger {
    /// Makes `record` true. A record of a job that is not there says nothing.
    pub(crate) fn apply(&mut self, record: &Record) {
        let id = &record.job;
        match &record.event {
            Event::Submitted { request } => {
                let job = Job::new((**request).clone(), self.next_sequence, record.at);
                self.order.insert(self.next_sequence, id.clone());
                self.next_sequence += 1;
                self.jobs.insert(id.clone(), job);
            }
            Event::Leased { lease, worker, piece, attempt } => {
                let (job, piece, attempt) = (id.clone(), *piece, *attempt);
                let worker = worker.clone();
                self.lease(*lease, Lease { job, worker, piece, attempt, since: record.at });
            }
            Event::LeaseEnded { lease, end } => self.end_lease(*lease, end, record.at),
            Event::StitchStarted { lease } => self.next_lease = lease.0 + 1,
            Event::Forgotten => {
                if let Some(job) = self.jobs.remove(id) {
                    self.order.remove(&job.sequence);
                }
            }
            Event::IntakeDone { lease, .. }
            | Event::WindowDone { lease, .. }
            | Event::Reduced { lease, .. } => {
                self.drop_lease(*lease);
                self.apply_to_job(record);
            }
            Event::Retabled { .. } | Event::EncoderLost { .. } | Event::Ended(_) => {
                self.drop_leases(id);
                self.apply_to_job(record);
            }
            Event::Surveyed(_)
            | Event::PlanSettled(_)
            | Event::CopySettled(_)
            | Event::EncoderChosen(_)
            | Event::Briefed { .. }
            | Event::StitchFailed { .. }
            | Event::AuditsDrawn { .. }
            | Event::Drafted { .. }
            | Event::Approved { .. }
            | Event::Prioritised { .. }
            | Event::Retried => self.apply_to_job(record),
            Event::CellCommitted { lease, summary } => {
                let worker = self.leases.get(lease).map(|lease| lease.worker.clone());
                if let (Some(job), Some(worker)) = (self.jobs.get_mut(id), worker) {
                    job.committed(Part { summary: (**summary).clone(), worker });
                }
            }
            Event::AuditDone { lease, cell } => {
                let auditor = self.leases.get(lease).map(|lease| lease.worker.clone());
                if let Some(job) = self.jobs.get_mut(id) {
                    job.audited(*cell, auditor.as_ref());
                }
                self.drop_lease(*lease);
                if let Some(job) = self.jobs.get_mut(id) {
                    job.tries.remove(&Blamed::Audit(*cell));
                }
            }
            Event::SeamBroken { cell, failure } => self.seam_broken(id, *cell, failure),
            Event::PartDiscarded { cell, failure } => {
                let leased = self.leases_of(id, *cell).next().is_some();
                let (limits, next) = (self.limits, self.next_lease());
                if let Some(job) = self.jobs.get_mut(id) {
                    job.discarded(*cell, (leased, next), failure, limits);
                    if let Some(tries) = job.tries.get_mut(&Blamed::Cell(*cell)) {
                        tries.last = record.at;
                    }
                }
            }
        }
    }

    /// The current leases of `job` that cover `cell`: at most two.
    pub(crate) fn leases_of(
        &self,
        job: &JobId,
        cell: CellIndex,
    ) -> impl Iterator<Item = LeaseId> + use<'_> {
        let leases = self.jobs.get(job).into_iter().flat_map(|job| &job.leases);
        let covers = move |lease: &Lease| match lease.piece {
            Piece::Segment(segment) => segment.holds(cell),
            Piece::Intake | Piece::Window(_) | Piece::Reduce | Piece::Audit(_) => false,
        };
        leases.filter(move |id| self.leases.get(id).is_some_and(covers)).copied()
    }

    fn apply_to_job(&mut self, record: &Record) {
        let limits = self.limits;
        let Some(job) = self.jobs.get_mut(&record.job) else {
            return;
        };
        match &record.event {
            Event::IntakeDone { intake, .. } => {
                job.tries.remove(&Blamed::Intake);
                job.intake = Some(intake.clone());
                job.phase = Phase::Survey;
            }
            Event::Surveyed(survey) => job.surveyed(survey),
            Event::Drafted { draft } => job.drafted(draft),
            Event::WindowDone { index, evidence, .. } => job.window_done(*index, evidence),
            Event::Reduced { finding, mattes, .. } => {
                job.tries.remove(&Blamed::Reduce);
                if let Phase::Reduce { look, .. } = job.phase {
                    let (finding, mattes) = (finding.clone(), mattes.clone());
                    job.phase = Phase::Finding { look, finding, mattes };
                }
            }
            Event::Approved { dropped } => job.approved(dropped),
            Event::PlanSettled(settled) => job.settled(settled),
            Event::CopySettled(why) => {
                job.plan = None;
                job.phase = Phase::Copy { why: why.clone() };
            }
            Event::EncoderChosen(spec) => job.encoder_chosen(spec),
            Event::Briefed { brief } => {
                if let (Phase::Brief { spec }, Some(survey)) = (&job.phase, &job.survey) {
                    let encoding = Encoding::new((**spec).clone(), brief.clone(), survey);
                    job.phase = Phase::Encode(Box::new(encoding));
                }
            }
            Event::StitchFailed { failure } => job.stitch_failed(failure, limits),
            Event::Retabled { failure } => {
                job.remember(failure);
                let approved = job.approved;
                job.start_anew();
                job.approved = approved;
                job.decode_all = Some(failure.to_string());
            }
            Event::EncoderLost { failure } => {
                job.note(format!("{}; the cells start anew in software", failure.message));
                job.remember(failure);
                job.tries.clear();
                job.in_software = true;
                job.phase = Phase::Encoder;
            }
            Event::Ended(outcome) => {
                job.outcome = Some(outcome.clone());
                job.ended = Some(record.at);
            }
            Event::Retried => job.retried(),
            Event::Prioritised { priority } => job.request.priority = *priority,
            Event::AuditsDrawn { cells, note } => {
                job.note(note.clone());
                if let Some(encoding) = job.encoding_mut() {
                    encoding.audits = cells.iter().map(|cell| (*cell, Audit::Open)).collect();
                }
            }
            Event::Submitted { .. }
            | Event::Leased { .. }
            | Event::LeaseEnded { .. }
            | Event::CellCommitted { .. }
            | Event::PartDiscarded { .. }
            | Event::SeamBroken { .. }
            | Event::AuditDone { .. }
            | Event::StitchStarted { .. }
            | Event::Forgotten => {}
        }
    }

    /// The border before `cell` does not hold: the cells that this makes void are free again.
    fn seam_broken(&mut self, id: &JobId, cell: CellIndex, failure: &Failure) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.remember(failure);
        let Some(encoding) = job.encoding_mut() else { return };
        let void = encoding.borders.broke(cell);
        if encoding.borders.breaks(cell) >= BREAKS_MAX {
            job.doomed = Some(Box::new(failure.clone()));
        }
        let next = self.next_lease();
        for cell in void {
            let leased = self.leases_of(id, cell).next().is_some();
            let Some(job) = self.jobs.get_mut(id) else { return };
            if let Some(part) = job.void(cell, leased, next) {
                let tries = job.tries.entry(Blamed::Cell(cell)).or_default();
                tries.breaks += 1;
                tries.workers.insert(part.worker);
            }
        }
    }

    fn lease(&mut self, id: LeaseId, lease: Lease) {
        self.next_lease = self.next_lease.max(id.0 + 1);
        if let Some(job) = self.jobs.get_mut(&lease.job) {
            job.take(lease.piece);
            job.leases.insert(id);
            self.leases.insert(id, lease);
        }
    }

    fn end_lease(&mut self, id: LeaseId, end: &LeaseEnd, at: Tick) {
        let limits = self.limits;
        let Some(lease) = self.drop_lease(id) else {
            return;
        };
        let Some(job) = self.jobs.get_mut(&lease.job) else {
            return;
        };
        match end {
            LeaseEnd::Done | LeaseEnd::GaveBack | LeaseEnd::Outrun => {}
            LeaseEnd::Failed(failure) => {
                job.failed(lease.piece, &lease.worker, failure, limits);
                if let Some(blamed) = job.to_blame(lease.piece, failure)
                    && let Some(tries) = job.tries.get_mut(&blamed)
                {
                    tries.last = at;
                }
            }
        }
    }

    fn drop_lease(&mut self, id: LeaseId) -> Option<Lease> {
        let lease = self.leases.remove(&id)?;
        if let Some(job) = self.jobs.get_mut(&lease.job) {
            job.leases.remove(&id);
            job.give(lease.piece);
        }
        Some(lease)
    }

    fn drop_leases(&mut self, job: &JobId) {
        let held = self.jobs.get(job).map(|job| job.leases.clone()).unwrap_or_default();
        for lease in held {
            self.drop_lease(lease);
        }
    }
}

impl Job {
    fn surveyed(&mut self, survey: &Survey) {
        let mut survey = Box::new(survey.clone());
        if let Some(intake) = &self.intake {
            survey.notes.splice(..0, intake.notes.iter().cloned());
        }
        if !self.request.searches() {
            self.plan = Some(Box::new(survey.given.clone()));
            self.survey = Some(survey);
            self.looked(None);
        } else {
            let windows = survey.windows.clone();
            self.phase = Phase::Analyse(Box::new(Analysis::new(Look::Find, None, windows)));
            self.survey = Some(survey);
        }
        if let Some(why) = &self.decode_all {
            self.note(format!("the frame table was made again by decoding everything: {why}"));
        }
        if self.approved {
            // Its frames may be others now, and what was dropped counts by its place in that plan.
            self.note(APPROVED_BEFORE.to_owned());
        }
    }

    fn settled(&mut self, settled: &SettledPlan) {
        let SettledPlan { plan, notes } = settled;
        let look = match self.phase {
            Phase::Finding { look, .. } => Some(look),
            Phase::Intake
            | Phase::Survey
            | Phase::Draft { .. }
            | Phase::Analyse(_)
            | Phase::Reduce { .. }
            | Phase::Review
            | Phase::Previewed
            | Phase::Encoder
            | Phase::Brief { .. }
            | Phase::Encode(_)
            | Phase::Copy { .. } => None,
        };
        self.plan = Some(Box::new(plan.clone()));
        notes.iter().for_each(|note| self.note(note.clone()));
        self.looked(look);
    }

    /// The look is done, and what it found is in the plan: on to the next, or to the cells.
    fn looked(&mut self, look: Option<Look>) {
        let Some(plan) = &self.plan else { return };
        self.phase = match (next_look(&self.request, plan, look), self.request.review) {
            (Some(look), _) => Phase::Draft { look },
            (None, Review::Go) => Phase::Encoder,
            (None, Review::Wait) => Phase::Review,
            (None, Review::PreviewOnly) => Phase::Previewed,
        };
    }

    fn drafted(&mut self, draft: &ObjectRef) {
        let (Phase::Draft { look }, Some(survey), Some(plan)) =
            (&self.phase, &self.survey, &self.plan)
        else {
            return;
        };
        let (look, draft) = (*look, Some(draft.clone()));
        let windows = windows_of(look, &self.request, survey, plan);
        self.phase = if windows.is_empty() {
            Phase::Reduce { look, draft, evidence: Vec::new() }
        } else {
            Phase::Analyse(Box::new(Analysis::new(look, draft, windows)))
        };
    }

    /// A person let the plan pass, but for some of its overlays: those show in no frame from here on.
    fn approved(&mut self, dropped: &[u32]) {
        if let Some(plan) = &mut self.plan {
            dropped.iter().for_each(|number| plan.hide(*number as usize));
        }
        self.approved = true;
        self.phase = Phase::Encoder;
    }

    fn encoder_chosen(&mut self, spec: &EncodeSpec) {
        let told = match (&self.survey, &self.plan) {
            (Some(survey), Some(plan)) => told(&self.request, survey, plan, spec),
            (Some(_) | None, Some(_) | None) => None,
        };
        let painting = spec.painting.as_ref();
        let painted = self.plan.as_ref().and_then(|plan| painted(&self.request, plan, painting));
        let is_known =
            |note: &String| self.survey.as_ref().is_some_and(|survey| survey.notes.contains(note));
        let notes: Vec<String> =
            told.into_iter().chain(painted).filter(|note| !is_known(note)).collect();
        notes.into_iter().for_each(|note| self.note(note));
        self.phase = Phase::Brief { spec: Box::new(spec.clone()) };
    }

    /// Keeps what people should know of the job, for as long as its cells are these.
    fn note(&mut self, note: String) {
        if let Some(survey) = &mut self.survey {
            survey.notes.push(note);
        }
    }

    /// An audit by the worker that made the part is no second opinion of another machine: whoever reads what
    /// the audits were worth reads that too, in one note however many there are.
    fn audited(&mut self, cell: CellIndex, auditor: Option<&WorkerId>) {
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

    fn window_done(&mut self, index: u32, object: &ObjectRef) {
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

    fn take(&mut self, piece: Piece) {
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

    fn give(&mut self, piece: Piece) {
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

    fn committed(&mut self, part: Part) {
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
    fn discarded(
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
    fn void(&mut self, cell: CellIndex, leased: bool, next: LeaseId) -> Option<Part> {
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

    fn retried(&mut self) {
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
