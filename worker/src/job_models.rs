//! The models that a worker may have to run; those of one job are looked at before anything else of it is done.
//!
//! Owns that question, where one job is all that a worker will ever have: a model that is damaged, absent or none is
//! told in its own words, at once. In a fleet the coordinator asks who can run what, and any worker may be the one.

use cleanplate_store::Keys;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::model::{Detector, ModelRef};
use cleanplate_types::request::JobRequest;

use crate::machine::{ProvedRuntime, ask, cores};
use crate::models::Models;
use crate::order::{CheckOrder, Checked, OwnModel, OwnModels, Purpose};
use crate::program::Engine;

/// Whose models a worker may have to run.
#[derive(Debug, Clone)]
pub enum ModelsFor {
    /// Those of any job.
    AnyJob,
    /// Those of one job: where one of them cannot be run here, the worker does not begin.
    OneJob(JobModels),
}

/// The models of a job.
#[derive(Debug, Clone, Default)]
pub struct JobModels {
    detectors: Vec<Detector>,
    painter: Option<ModelRef>,
}

impl ModelsFor {
    /// Those of this job alone.
    #[must_use]
    pub fn one_job(request: &JobRequest) -> Self {
        let JobRequest { detectors, painter, .. } = request;
        Self::OneJob(JobModels { detectors: detectors.clone(), painter: painter.clone() })
    }

    /// Whether there may be any.
    pub(crate) const fn may_be_any(&self) -> bool {
        match self {
            Self::AnyJob => true,
            Self::OneJob(JobModels { detectors, painter }) => {
                !detectors.is_empty() || painter.is_some()
            }
        }
    }

    /// Refuses a job whose models cannot be run here.
    ///
    /// # Errors
    /// [`FailureKind::WorkerLacks`] where something is absent or damaged here, [`FailureKind::BadRequest`] where a
    /// model is not what it is given for, [`FailureKind::SourceUnavailable`] where it cannot be read.
    pub(crate) async fn check(
        &self,
        engine: &Engine,
        models: &Models,
        proved: &Result<ProvedRuntime, String>,
    ) -> Result<(), Failure> {
        let Self::OneJob(job) = self else { return Ok(()) };
        if !self.may_be_any() {
            return Ok(());
        }
        let stage = if job.detectors.is_empty() { Stage::Fill } else { Stage::Detect };
        let lacks = |why: &str| Failure::new(FailureKind::WorkerLacks, stage, why);
        let proved = proved.as_ref().map_err(|why| lacks(why))?;
        for detector in &job.detectors {
            let name = detector.model.to_string();
            let missing = proved.missing.iter().find(|(missing, _)| *missing == name);
            if let Some((_, why)) = missing.filter(|_| detector.model.is_installed()) {
                return Err(lacks(&format!("--detect {name}: {why}")));
            }
        }
        let own = job.own(models).await?;
        if own.is_empty() { Ok(()) } else { opened(engine, proved, own).await }
    }
}

impl JobModels {
    /// Those that the job brings, fetched.
    async fn own(&self, models: &Models) -> Result<Vec<OwnModel>, Failure> {
        let brought = self.detectors.iter().filter(|it| !it.model.is_installed()).map(|it| {
            let classes = it.classes.clone();
            (&it.model, Purpose::Detect { classes })
        });
        let painter = self.painter.iter().map(|model| (model, Purpose::Fill));
        let mut own = Vec::new();
        for (model, purpose) in brought.chain(painter) {
            let path = models.open(&Keys::Own, model).await?.path;
            own.push(OwnModel { path, name: model.to_string(), purpose });
        }
        Ok(own)
    }
}

/// Has a child open the models. One that dies of them has not said what is wrong: the lease will.
async fn opened(
    engine: &Engine,
    proved: &ProvedRuntime,
    models: Vec<OwnModel>,
) -> Result<(), Failure> {
    let own = OwnModels { runtime: proved.path.clone(), threads: cores(), models };
    let order = CheckOrder { own: Some(own), ..CheckOrder::default() };
    match ask(engine, order, None).await {
        Ok(Checked { own: None, .. }) => Ok(()),
        Ok(Checked { own: Some(failure), .. }) => Err(failure),
        Err(error) => {
            tracing::warn!("the job's models were not looked at: {error}");
            Ok(())
        }
    }
}
