//! Answers from the store: tables, findings and briefs that were asked for.

use cleanplate_types::failure::{Failure, FailureKind, Verdict};
use cleanplate_types::frames::FrameTable;
use cleanplate_types::ids::JobId;
use cleanplate_types::limits::OverLimit;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Finding, Look};
use cleanplate_types::request::Review;
use cleanplate_types::source::SourceDescription;

use crate::effect::Effect;
use crate::input::Survey;
use crate::ledger::blame::is_outage;
use crate::ledger::job::{Job, Phase};
use crate::outcome::{CopyReason, JobOutcome};
use crate::planning::settle::{Settled, learned, settle};
use crate::planning::survey::{SurveyError, survey};
use crate::record::Event;
use crate::scheduler::{Scheduler, not_now};

/// The survey, where its cells are no more than `most`.
fn within(survey: Survey, most: u32) -> Result<Survey, SurveyError> {
    let found = survey.cells.len() as u64;
    if found > u64::from(most) { Err(OverLimit::Cells { found, most }.into()) } else { Ok(survey) }
}

impl Scheduler {
    pub(super) fn table_loaded(
        &mut self,
        id: &JobId,
        description: SourceDescription,
        table: &FrameTable,
        effects: &mut Vec<Effect>,
    ) {
        let Some(job) =
            self.answered(id, "a table", |phase| matches!(phase, Phase::Survey), effects)
        else {
            return;
        };
        let told = job.intake.as_ref().map_or(0, |intake| intake.frames);
        let found = table.range().count();
        let surveyed = survey(&job.request, description, table)
            .and_then(|survey| within(survey, self.config.cells_max));
        match surveyed {
            Ok(_) if found != told => {
                let message = format!("the frame table has {found} frames, intake told {told}");
                self.fail_job(id, FailureKind::Internal, message, effects);
            }
            Ok(survey) => {
                self.record(id, Event::Surveyed(Box::new(survey)), effects);
                self.advance(id, effects);
            }
            Err(error) => self.fail_job(id, error.kind(), error.to_string(), effects),
        }
    }

    pub(super) fn finding_loaded(
        &mut self,
        id: &JobId,
        finding: Finding,
        effects: &mut Vec<Effect>,
    ) {
        let finds = |phase: &Phase| matches!(phase, Phase::Finding { .. });
        let Some(job) = self.answered(id, "a finding", finds, effects) else {
            return;
        };
        let Phase::Finding { look, mattes, .. } = &job.phase else {
            return;
        };
        let plan = match look {
            Look::Find => job.survey.as_ref().map(|survey| survey.given.clone()),
            Look::Learn | Look::Fetch | Look::Preview => job.plan.as_deref().cloned(),
        };
        let Some(plan) = plan else {
            return;
        };
        let frames = job.cells().last().map_or(0, |cell| cell.frames.end);
        if let Finding::Overlays { plan: found, .. } | Finding::Learned { plan: found, .. } =
            &finding
            && found.overlays.iter().flat_map(|it| &it.when).any(|range| range.end > frames)
        {
            let message = format!("the finding speaks of frames after the last, {frames}");
            self.fail_job(id, FailureKind::Internal, message, effects);
            return;
        }
        let (fill, allow_unchanged) = (job.request.fill, job.request.allow_unchanged);
        let only_shown = job.request.review == Review::PreviewOnly;
        let settled = match look {
            Look::Find => settle(plan, finding, fill),
            Look::Learn | Look::Fetch | Look::Preview => learned(plan, finding, mattes.clone()),
        };
        match settled {
            Ok(Settled::Plan(settled)) => {
                self.record(id, Event::PlanSettled(Box::new(settled)), effects);
            }
            Ok(Settled::Nothing) if only_shown => {
                self.end(id, JobOutcome::Previewed(None), effects);
                return;
            }
            Ok(Settled::Nothing) => {
                self.record(id, Event::CopySettled(CopyReason::NothingFound), effects);
            }
            Ok(Settled::Abstained { why }) if allow_unchanged && !only_shown => {
                self.record(id, Event::CopySettled(CopyReason::Abstained { why }), effects);
            }
            Ok(Settled::Abstained { why }) => {
                self.end(id, JobOutcome::Abstained { why }, effects);
                return;
            }
            Err(error) => {
                self.fail_job(id, FailureKind::Internal, error.to_string(), effects);
                return;
            }
        }
        self.advance(id, effects);
    }

    pub(super) fn draft_written(
        &mut self,
        id: &JobId,
        look: Look,
        draft: ObjectRef,
        effects: &mut Vec<Effect>,
    ) {
        let writes = |phase: &Phase| *phase == Phase::Draft { look };
        if self.answered(id, "a draft", writes, effects).is_some() {
            self.record(id, Event::Drafted { draft }, effects);
            self.advance(id, effects);
        }
    }

    pub(super) fn brief_written(
        &mut self,
        id: &JobId,
        brief: ObjectRef,
        effects: &mut Vec<Effect>,
    ) {
        let writes = |phase: &Phase| matches!(phase, Phase::Brief { .. });
        if self.answered(id, "a brief", writes, effects).is_some() {
            self.record(id, Event::Briefed { brief }, effects);
            self.draw_audits(id, effects);
            self.advance(id, effects);
        }
    }

    pub(super) fn object_failed(
        &mut self,
        id: &JobId,
        mut failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        let asked = self.tended.get_mut(id).filter(|tending| tending.asked);
        let Some(tending) = asked else {
            not_now(id, "a failed object", effects);
            return;
        };
        tending.asked = false;
        tending.object_failures += 1;
        failure.attempt = tending.object_failures;
        let tries_max =
            if is_outage(failure.kind) { self.config.lapses_max } else { self.config.attempts_max };
        let again = match failure.kind.verdict() {
            Verdict::Retry | Verdict::RetryElsewhere => tending.object_failures < tries_max,
            Verdict::Retable | Verdict::FailJob => false,
        };
        if again {
            self.rest(id);
            self.refresh(id);
        } else {
            self.end(id, JobOutcome::Failed(Box::new(failure)), effects);
        }
    }

    /// The job that this answer is for, where it waits for such a one.
    fn answered(
        &mut self,
        id: &JobId,
        what: &'static str,
        fits: impl Fn(&Phase) -> bool,
        effects: &mut Vec<Effect>,
    ) -> Option<&Job> {
        let waits = self.open_job(id).is_some_and(|job| fits(&job.phase));
        let tending = self.tended.get_mut(id).filter(|tending| waits && tending.asked);
        let Some(tending) = tending else {
            not_now(id, what, effects);
            return None;
        };
        tending.asked = false;
        tending.object_failures = 0;
        tending.rests = 0;
        self.open_job(id)
    }
}
