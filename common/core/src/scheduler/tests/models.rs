//! Looks that run models go to workers that can run them, and a job that nobody can serve says so.

use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncodeSpec;
use cleanplate_types::model::{Detector, DetectorKind, ModelClass, ModelRef};
use cleanplate_types::overlay::{Fill, Look};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::Region;

use super::*;

/// A model that workers may have installed.
fn installed_model() -> ModelRef {
    ModelRef::installed("text", Sha::of(b"text"), 100)
}

/// A detector by that model.
fn detector() -> Detector {
    let model = installed_model();
    Detector { what: DetectorKind::Text, model, classes: Vec::new(), score_min: None }
}

fn wants_text() -> JobRequest {
    JobRequest { detectors: vec![detector()], ..request() }
}

fn runs(installed: bool) -> WorkerModels {
    let installed = if installed { vec![installed_model().sha] } else { Vec::new() };
    let classes = vec![ModelClass("usual".to_owned())];
    WorkerModels { runtime: Some("1.22.0".to_owned()), installed, classes }
}

/// The same, on a machine whose bytes are others.
fn runs_elsewhere() -> WorkerModels {
    WorkerModels { classes: vec![ModelClass("other".to_owned())], ..runs(true) }
}

fn waiting(rig: &Rig) -> Option<Waiting> {
    rig.scheduler.job_view(&job())?.waiting
}

#[test]
fn a_window_goes_to_a_worker_that_has_the_model_and_waits_for_one() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.models = runs(false);
    rig.attach("without", &[EncoderName::Libx264]);
    rig.submit(wants_text(), FRAMES);
    assert!(rig.grants().is_empty(), "the worker has the runtime, but not the model");
    let models = "text".to_owned();
    assert_eq!(waiting(&rig), Some(Waiting::NoModels { models }));
    rig.models = runs(true);
    rig.attach("with", &[EncoderName::Libx264]);
    let grants = rig.grants();
    assert_eq!(grants.len(), 1);
    let (_, holder, grant) = &grants[0];
    assert_eq!(holder.as_str(), "with");
    let Work::Analyse(work) = &grant.work else { panic!("it is a look") };
    assert_eq!((work.detectors.len(), work.detect.len()), (1, 0));
}

#[test]
fn a_job_whose_models_nobody_runs_fails_when_it_has_waited_long_enough() {
    let config = SchedulerConfig::default();
    let lost_ms = config.encoder_lost_ms;
    let mut rig = Rig::new(config);
    rig.attach("without", &[EncoderName::Libx264]);
    rig.submit(wants_text(), FRAMES);
    rig.wait(lost_ms - 1_000);
    assert!(rig.scheduler.job_view(&job()).unwrap().outcome.is_none());
    rig.wait(2_000);
    let view = rig.scheduler.job_view(&job()).unwrap();
    let Some(JobOutcome::Failed(failure)) = view.outcome else { panic!("{:?}", view.outcome) };
    assert_eq!(failure.kind, FailureKind::WorkerLacks);
    assert!(failure.message.contains("text") && failure.message.contains("make setup-models"));
}

#[test]
fn on_one_machine_it_fails_at_once() {
    let mut rig = Rig::new(SchedulerConfig::default().for_one_machine());
    rig.attach("without", &[EncoderName::Libx264]);
    rig.submit(wants_text(), FRAMES);
    let view = rig.scheduler.job_view(&job()).unwrap();
    assert!(matches!(view.outcome, Some(JobOutcome::Failed(_))), "{:?}", view.outcome);
}

#[test]
fn a_painter_is_needed_by_the_look_that_fetches_alone() {
    let asked = JobRequest { painter: Some(installed_model()), ..request() };
    let needs = |look| asked.models_of(look).count();
    assert_eq!([Look::Find, Look::Learn, Look::Fetch, Look::Preview].map(needs), [0, 0, 1, 0]);
}

/// A rectangle to fetch for, and a model that paints.
fn wants_painting() -> JobRequest {
    let rect = Rect { x: 16, y: 16, width: 32, height: 16 };
    JobRequest {
        regions: vec![Region { rect, when: None }],
        fill: Fill::Fetch,
        painter: Some(installed_model()),
        restart_on_encoder_loss: true,
        ..cells_of_30()
    }
}

/// Takes a job that paints to where its encoder is chosen: two workers have the model, one has not.
fn looked(config: SchedulerConfig) -> Rig {
    let mut rig = Rig::new(config);
    rig.models = runs(true);
    rig.attach("one", &[EncoderName::Libx264]);
    rig.submit(wants_painting(), FRAMES);
    rig.tell(Input::DraftWritten { job: job(), look: Look::Fetch, draft: object("draft") });
    let mut windows = 0;
    while let Some((lease, holder, grant)) = rig.grants().pop() {
        let Work::Analyse(work) = &grant.work else { panic!("it is a look: {:?}", grant.work) };
        assert_eq!((work.look, work.painter.is_some()), (Look::Fetch, true));
        windows += 1;
        rig.report(holder.as_str(), lease, Report::WindowDone { evidence: object("background") });
    }
    assert!(windows > 0, "the model paints backgrounds first");
    rig
}

/// The spec that was pinned.
fn pinned(rig: &Rig) -> EncodeSpec {
    let chosen = rig.journal.iter().rev().find_map(|record| {
        let Event::EncoderChosen(spec) = &record.event else { return None };
        Some((**spec).clone())
    });
    chosen.expect("the encoder is chosen")
}

#[test]
fn segments_that_are_painted_go_to_machines_of_the_pinned_class_alone() {
    let mut rig = looked(SchedulerConfig::default());
    let painting = pinned(&rig).painting.expect("who paints is pinned");
    assert_eq!((painting.class.0.as_str(), &painting.model), ("usual", &installed_model()));
    assert!(rig.view().notes.iter().any(|note| note.contains("frame by frame")));
    rig.tell(Input::BriefWritten { job: job(), brief: object("brief") });
    assert_eq!(rig.grants().len(), 1, "the first has it");
    rig.models = runs_elsewhere();
    rig.attach("other", &[EncoderName::Libx264]);
    assert!(rig.grants().is_empty(), "its bytes would be others");
    rig.models = WorkerModels::default();
    rig.attach("without", &[EncoderName::Libx264]);
    assert!(rig.grants().is_empty());
    rig.models = runs(true);
    rig.attach("same", &[EncoderName::Libx264]);
    let grants = rig.grants();
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].1.as_str(), "same");
}

#[test]
fn a_job_whose_painters_are_gone_says_so_and_fails_when_it_has_waited_long_enough() {
    let config = SchedulerConfig::default();
    let lost_ms = config.encoder_lost_ms;
    let mut rig = looked(config);
    rig.tell(Input::BriefWritten { job: job(), brief: object("brief") });
    let (lease, ..) = rig.grants().remove(0);
    rig.fail("one", lease, FailureKind::WorkerLacks);
    rig.models = runs_elsewhere();
    rig.attach("other", &[EncoderName::Libx264]);
    rig.tell(Input::Detach { worker: worker("one"), session: 1000 });
    rig.wait(lost_ms - 1_000);
    let models = "text on usual".to_owned();
    assert_eq!(rig.waits_for(), Some(Waiting::NoModels { models }));
    rig.wait(60_000);
    let Some(JobOutcome::Failed(failure)) = rig.outcome() else { panic!("{:?}", rig.outcome()) };
    assert_eq!(failure.kind, FailureKind::WorkerLacks);
    assert!(failure.message.contains("text on usual"), "{}", failure.message);
}

#[test]
fn a_job_without_a_model_pins_nobody_who_paints() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["one"]);
    assert_eq!(pinned(&rig).painting, None);
    rig.models = WorkerModels::default();
    rig.attach("without", &[EncoderName::Libx264]);
    assert_eq!(rig.grants().len(), 1, "a worker without a runtime encodes");
}
