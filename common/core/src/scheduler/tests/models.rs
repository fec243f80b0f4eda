//! Looks that run models go to workers that can run them, and a job that nobody can serve says so.

use cleanplate_types::digest::Sha;
use cleanplate_types::model::{Detector, DetectorKind, ModelRef};
use cleanplate_types::overlay::Look;

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
    WorkerModels { runtime: Some("1.22.0".to_owned()), installed }
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
