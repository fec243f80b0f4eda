//! What a worker must have proved to take a piece of work.
//!
//! Owns the question whether it has. Refuses to say who gets what: that is granting.

use cleanplate_types::encode::EncoderProof;
use cleanplate_types::model::Painting;
use cleanplate_types::overlay::Look;

use crate::ledger::job::{Job, Phase};
use crate::scheduler::fleet::Worker;

/// What it must have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need<'a> {
    /// Nothing in particular.
    Nothing,
    /// This encoder.
    Encoder(&'a EncoderProof),
    /// This encoder, and what the model needs that paints the frames.
    Painting(&'a EncoderProof, &'a Painting),
    /// What the models need that the job's look runs.
    Models(&'a Job, Look),
}

impl<'a> Need<'a> {
    /// What the pieces of a job's phase need.
    pub(crate) fn of(job: &'a Job) -> Self {
        match &job.phase {
            Phase::Analyse(analysis) => Self::of_look(job, analysis.look),
            Phase::Encode(encoding) => {
                let encoder = &encoding.spec.encoder;
                let painting = encoding.spec.painting.as_ref();
                painting.map_or(Self::Encoder(encoder), |it| Self::Painting(encoder, it))
            }
            Phase::Intake
            | Phase::Survey
            | Phase::Draft { .. }
            | Phase::Reduce { .. }
            | Phase::Finding { .. }
            | Phase::Review
            | Phase::Previewed
            | Phase::Encoder
            | Phase::Brief { .. }
            | Phase::Copy { .. } => Self::Nothing,
        }
    }

    /// Whether it matters to the job what attached workers have proved: it waits to choose an encoder, or its pieces
    /// need something.
    pub(crate) fn minds_proofs(job: &'a Job) -> bool {
        matches!(job.phase, Phase::Encoder) || !matches!(Self::of(job), Self::Nothing)
    }

    /// What a window of a look needs.
    pub(crate) fn of_look(job: &'a Job, look: Look) -> Self {
        if job.request.models_of(look).next().is_some() {
            Self::Models(job, look)
        } else {
            Self::Nothing
        }
    }

    /// Whether `worker` has it.
    pub(crate) fn is_met_by(self, worker: &Worker) -> bool {
        match self {
            Self::Nothing => true,
            Self::Encoder(encoder) => worker.encoders.contains(encoder),
            Self::Painting(encoder, painting) => {
                worker.encoders.contains(encoder) && worker.models.can_paint(painting)
            }
            Self::Models(job, look) => {
                job.request.models_of(look).all(|model| worker.models.can_run(model))
            }
        }
    }

    /// The models, in words; empty where it is about none.
    pub(crate) fn models(self) -> String {
        match self {
            Self::Nothing | Self::Encoder(_) => String::new(),
            Self::Painting(_, Painting { model, class }) => format!("{model} on {class}"),
            Self::Models(job, look) => {
                let names = job.request.models_of(look).map(ToString::to_string);
                names.collect::<Vec<_>>().join(", ")
            }
        }
    }
}
