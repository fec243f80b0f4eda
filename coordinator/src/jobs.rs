//! The `Jobs` service: what clients ask, checked at the door, answered in one sentence where it fails. A job that is
//! not within the caller's reach is not there.

mod batch;
mod door;
mod glance;
mod names;
mod pattern;
mod submit;
mod wanted;

use std::pin::Pin;
use std::sync::Arc;

use cleanplate_access::Caller;
use cleanplate_core::input::Input;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::view::JobPhase;
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs;
use cleanplate_store::Store;
use cleanplate_types::ids::{JobId, WorkerId};
use cleanplate_types::overlay::{Look, Mask};
use cleanplate_types::request::{EncoderChoice, Review, ToldPlan};
use futures::{Stream, StreamExt as _};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use crate::attempts::attempts;
use crate::closing::Closing;
use crate::dispatch::{Known, Orders, Question};
use crate::door::{self as front, Door};
use crate::journal::{Journal, JournalError};
use crate::shown::{attempts_shown, shown_request};

pub(crate) use crate::jobs::door::source_of;
pub(crate) use crate::jobs::names::keyed;
pub(crate) use crate::jobs::wanted::{Place, Wanted};

/// Bytes of a preview in one message.
const PIECE_BYTES: usize = 1 << 20;

/// The key of the metadata of a refusal, by which programs tell it from others of its status.
pub(crate) const REASON: &str = "cleanplate-reason";

/// The id is that of a job that asks for something else.
pub(crate) const OTHER_REQUEST: &str = "other-request";

/// See the top of the file.
#[derive(Debug, Clone)]
pub(crate) struct JobsService {
    orders: Orders,
    store: Store,
    journal: Arc<dyn Journal>,
    encoder_default: EncoderChoice,
    door: Arc<Door>,
    closing: Closing,
}

impl JobsService {
    pub(crate) fn new(
        orders: Orders,
        store: Store,
        journal: Arc<dyn Journal>,
        (encoder_default, door): (EncoderChoice, Arc<Door>),
        closing: Closing,
    ) -> Self {
        Self { orders, store, journal, encoder_default, door, closing }
    }

    async fn find(&self, job: &JobId) -> Result<Option<Known>, Status> {
        let job = job.clone();
        Ok(self.orders.ask(|reply| Question::Job { job, reply }).await?)
    }

    async fn known(&self, job: &JobId) -> Result<Known, Status> {
        self.find(job).await?.ok_or_else(|| no_job(job))
    }

    /// The job that a person means by `text`: its id, or the beginning of it, or of what follows `job-`,
    /// where that is one job's alone of those within the caller's reach.
    async fn named(&self, text: &str, caller: &Caller) -> Result<JobId, Status> {
        let (begins, reach) = (text.to_owned(), caller.reach());
        match self.orders.ask(|reply| Question::Named { begins, reach, reply }).await?.as_slice() {
            [] => Err(no_job(&job_id(text)?)),
            [one] => Ok(one.clone()),
            [one, other, ..] => Err(Status::invalid_argument(format!(
                "`{text}` may be job {one} or job {other}; write more of the id"
            ))),
        }
    }

    /// The job, where it waits for a person.
    async fn reviewed(&self, job: &JobId) -> Result<Known, Status> {
        let known = self.known(job).await?;
        match known.phase {
            JobPhase::Review => Ok(known),
            JobPhase::Intake
            | JobPhase::Analyse
            | JobPhase::Plan
            | JobPhase::Encode
            | JobPhase::Stitch
            | JobPhase::Copy
            | JobPhase::Ended => Err(not_in_review(job)),
        }
    }
}

type PieceStream = Pin<Box<dyn Stream<Item = Result<pb::PreviewPiece, Status>> + Send>>;
type StateStream = Pin<Box<dyn Stream<Item = Result<pb::JobState, Status>> + Send>>;

#[tonic::async_trait]
impl Jobs for JobsService {
    async fn submit(
        &self,
        request: Request<pb::SubmitRequest>,
    ) -> Result<Response<pb::SubmitResponse>, Status> {
        let caller = front::caller(&request)?;
        let pb::SubmitRequest { request, job } = request.into_inner();
        let request = request.ok_or_else(|| Status::invalid_argument("a job needs a request"))?;
        let request = door::admit(request, self.encoder_default, (&caller, self.door.places()))?;
        let job = match job {
            Some(job) => {
                let job = job_id(&job)?;
                // A job that is there has been through this, and its movie may be there too.
                if self.find(&job).await?.is_none() {
                    door::prove(&request).await?;
                }
                self.submit_as(&job, request, &caller).await?;
                job
            }
            None => {
                door::prove(&request).await?;
                self.submit_new(request, &caller).await?
            }
        };
        Ok(Response::new(pb::SubmitResponse { job: job.as_str().to_owned() }))
    }

    type BatchStream = batch::LineStream;

    async fn batch(
        &self,
        request: Request<pb::BatchRequest>,
    ) -> Result<Response<Self::BatchStream>, Status> {
        let caller = front::caller(&request)?;
        Ok(Response::new(batch::begin(self, caller, request.into_inner())?))
    }

    type WatchStream = StateStream;

    async fn watch(
        &self,
        request: Request<pb::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = front::caller(&request)?;
        let job = self.named(&request.into_inner().job, &caller).await?;
        let asked = job.clone();
        let watched = self.orders.ask(|reply| Question::Watch { job: asked, reply }).await?;
        let watched = watched.ok_or_else(|| no_job(&job))?;
        let out = Arc::clone(&self.door).until_out(caller);
        Ok(Response::new(Box::pin(until_the_end(watched, self.closing.clone(), out))))
    }

    async fn list(
        &self,
        request: Request<pb::ListRequest>,
    ) -> Result<Response<pb::ListResponse>, Status> {
        let caller = front::caller(&request)?;
        let request = request.into_inner();
        let owner = caller.listed_owner(&request.owner)?;
        let wanted = Wanted::parse(pb::ListRequest { owner, ..request })?;
        let page = self.orders.ask(|reply| Question::Jobs { wanted, reply }).await?;
        Ok(Response::new(page))
    }

    async fn show(
        &self,
        request: Request<pb::ShowRequest>,
    ) -> Result<Response<pb::ShowResponse>, Status> {
        let caller = front::caller(&request)?;
        let job = self.named(&request.into_inner().job, &caller).await?;
        let Known { state, request, .. } = self.known(&job).await?;
        let records = self.journal.records_of(&job).await.map_err(unreadable)?;
        let trails = self.journal.trails_of(&job).await.map_err(unreadable)?;
        let workers = self.orders.ask(|reply| Question::Workers { reply }).await?;
        let tiers = workers.into_iter().map(|worker| (worker.worker, worker.tier)).collect();
        Ok(Response::new(pb::ShowResponse {
            state: Some(state),
            request: Some(shown_request(request).into()),
            attempts: attempts_shown(attempts(&records), &trails, &tiers),
        }))
    }

    async fn cancel(
        &self,
        request: Request<pb::CancelRequest>,
    ) -> Result<Response<pb::CancelResponse>, Status> {
        let caller = front::caller(&request)?;
        let job = self.named(&request.into_inner().job, &caller).await?;
        if self.orders.input(Input::Cancel { job: job.clone() }).await?.is_some() {
            match self.known(&job).await?.outcome {
                Some(JobOutcome::Cancelled) => {}
                Some(outcome) => return Err(has_ended(&job, &outcome, "to cancel")),
                None => return Err(Status::aborted(format!("job {job} was just tried again"))),
            }
        }
        Ok(Response::new(pb::CancelResponse {}))
    }

    async fn prioritise(
        &self,
        request: Request<pb::PrioritiseRequest>,
    ) -> Result<Response<pb::PrioritiseResponse>, Status> {
        let caller = front::caller(&request)?;
        let pb::PrioritiseRequest { job, priority } = request.into_inner();
        caller.may_prefer(priority)?;
        let job = self.named(&job, &caller).await?;
        if self.orders.input(Input::Prioritise { job: job.clone(), priority }).await?.is_some() {
            return Err(match self.known(&job).await?.outcome {
                Some(outcome) => has_ended(&job, &outcome, "to prefer"),
                None => Status::aborted(format!("job {job} was just tried again")),
            });
        }
        Ok(Response::new(pb::PrioritiseResponse {}))
    }

    async fn retry(
        &self,
        request: Request<pb::RetryRequest>,
    ) -> Result<Response<pb::RetryResponse>, Status> {
        let caller = front::caller(&request)?;
        let job = self.named(&request.into_inner().job, &caller).await?;
        let known = self.known(&job).await?;
        // Lists may have changed since it was submitted.
        door::may_use(&known.request, self.door.places())?;
        door::prove(&known.request).await?;
        let void = self.orders.input(Input::Retry { job: job.clone() }).await?;
        self.refuse_unopened(void.as_ref(), &caller).await?;
        if void.is_some() {
            return Err(match self.known(&job).await?.outcome {
                Some(outcome) => has_ended(&job, &outcome, "to try again"),
                None => Status::failed_precondition(format!("job {job} has not ended yet")),
            });
        }
        Ok(Response::new(pb::RetryResponse {}))
    }

    async fn approve(
        &self,
        request: Request<pb::ApproveRequest>,
    ) -> Result<Response<pb::ApproveResponse>, Status> {
        let caller = front::caller(&request)?;
        let pb::ApproveRequest { job, drop: dropped } = request.into_inner();
        let job = self.named(&job, &caller).await?;
        let known = self.reviewed(&job).await?;
        let mut dropped = dropped;
        dropped.sort_unstable();
        dropped.dedup();
        let shown: Vec<bool> = known.plan.iter().flat_map(|plan| plan.shown()).collect();
        if let Some(absent) = dropped.iter().find(|at| **at as usize >= shown.len()) {
            return Err(Status::invalid_argument(format!(
                "the plan of job {job} has no overlay {absent}; its overlays count from 0 to {}",
                shown.len().saturating_sub(1)
            )));
        }
        let left = (0_u32..).zip(&shown).filter(|(at, shown)| **shown && !dropped.contains(at));
        if left.count() == 0 {
            return Err(Status::invalid_argument(
                "nothing would be left to remove; reject the job instead",
            ));
        }
        match self.orders.input(Input::Approve { job: job.clone(), dropped }).await? {
            None => Ok(Response::new(pb::ApproveResponse {})),
            Some(_) => Err(not_in_review(&job)),
        }
    }

    async fn reject(
        &self,
        request: Request<pb::RejectRequest>,
    ) -> Result<Response<pb::RejectResponse>, Status> {
        let caller = front::caller(&request)?;
        let job = self.named(&request.into_inner().job, &caller).await?;
        self.reviewed(&job).await?;
        match self.orders.input(Input::Reject { job: job.clone() }).await? {
            None => Ok(Response::new(pb::RejectResponse {})),
            Some(_) => Err(not_in_review(&job)),
        }
    }

    async fn plan(
        &self,
        request: Request<pb::PlanRequest>,
    ) -> Result<Response<pb::PlanResponse>, Status> {
        let caller = front::caller(&request)?;
        let job = self.named(&request.into_inner().job, &caller).await?;
        let Known { plan, phase, look, state, .. } = self.known(&job).await?;
        let is_learned = !matches!(look, Some(Look::Find | Look::Learn));
        let mut plan = plan.filter(|_| is_learned).ok_or_else(|| {
            let text = match phase {
                JobPhase::Ended | JobPhase::Copy => "removes nothing: there is no plan to save",
                JobPhase::Intake
                | JobPhase::Analyse
                | JobPhase::Review
                | JobPhase::Plan
                | JobPhase::Encode
                | JobPhase::Stitch => "has not settled what it removes; ask again later",
            };
            Status::failed_precondition(format!("job {job} {text}"))
        })?;
        if !state.has_plan {
            return Err(Status::failed_precondition(format!(
                "what job {job} learned was deleted when it ended; submit with --keep-plan to keep it"
            )));
        }
        // What no frame shows, or a person dropped, is nothing to remove elsewhere either. It keeps its place,
        // which is that of its matte.
        for overlay in plan.overlays.iter_mut().filter(|overlay| overlay.when.is_empty()) {
            overlay.mask = Mask::empty(overlay.mask.bounds);
        }
        let mattes = match &plan.mattes {
            None => Vec::new(),
            Some(object) => self.store.get(object).await.map(Vec::from).map_err(|error| {
                let text = format!("what job {job} learned is not there any more: {error}");
                Status::failed_precondition(text)
            })?,
        };
        Ok(Response::new(pb::PlanResponse { plan: Some(ToldPlan { plan, mattes }.into()) }))
    }

    type PreviewStream = PieceStream;

    async fn preview(
        &self,
        request: Request<pb::PreviewRequest>,
    ) -> Result<Response<Self::PreviewStream>, Status> {
        let caller = front::caller(&request)?;
        let job = self.named(&request.into_inner().job, &caller).await?;
        let Known { preview, request, outcome, state, .. } = self.known(&job).await?;
        let object = preview.ok_or_else(|| {
            let text = match (request.review, outcome) {
                (Review::Go, _) => "has no preview; submit with --review to get one".to_owned(),
                (Review::Wait | Review::PreviewOnly, Some(outcome)) => {
                    format!("has ended ({}) without a preview", outcome.as_str())
                }
                (Review::Wait | Review::PreviewOnly, None) => format!(
                    "has not made its preview yet, it is at `{}`; ask again when `cleanplate jobs` \
                     says `review`",
                    state.phase
                ),
            };
            Status::failed_precondition(format!("job {job} {text}"))
        })?;
        if !state.has_preview {
            return Err(Status::failed_precondition(format!(
                "the preview of job {job} was deleted when it ended; a job that is submitted with --preview-only keeps it"
            )));
        }
        let bytes = self.store.get(&object).await.map_err(|error| {
            Status::failed_precondition(format!("the preview of job {job} is gone: {error}"))
        })?;
        let count = bytes.len().div_ceil(PIECE_BYTES);
        let pieces = (0..count).map(move |at| {
            let end = ((at + 1) * PIECE_BYTES).min(bytes.len());
            Ok(pb::PreviewPiece { bytes: bytes.slice(at * PIECE_BYTES..end).to_vec() })
        });
        Ok(Response::new(Box::pin(futures::stream::iter(pieces))))
    }

    async fn workers(
        &self,
        _request: Request<pb::WorkersRequest>,
    ) -> Result<Response<pb::WorkersResponse>, Status> {
        let workers = self.orders.ask(|reply| Question::Workers { reply }).await?;
        Ok(Response::new(pb::WorkersResponse { workers }))
    }

    async fn drain_worker(
        &self,
        request: Request<pb::DrainWorkerRequest>,
    ) -> Result<Response<pb::DrainWorkerResponse>, Status> {
        let pb::DrainWorkerRequest { worker, within_ms } = request.into_inner();
        let worker =
            WorkerId::parse(&worker).map_err(|bad| Status::invalid_argument(bad.to_string()))?;
        if self.orders.input(Input::Drain { worker: worker.clone(), within_ms }).await?.is_some() {
            return Err(Status::not_found(format!("no worker {worker} is attached")));
        }
        Ok(Response::new(pb::DrainWorkerResponse {}))
    }
}

/// The states of a job up to that with its outcome; a stream that ends without one was cut off.
fn until_the_end(
    watched: watch::Receiver<pb::JobState>,
    closing: Closing,
    out: impl Future<Output = ()> + Send + 'static,
) -> impl Stream<Item = Result<pb::JobState, Status>> + Send {
    let states = WatchStream::new(watched).map(Ok);
    let closed = closing.clone().wait();
    let stopped = async move {
        tokio::select! {
            _closing = closed => {}
            () = out => {}
        }
    };
    let cut_off = futures::stream::once(async move {
        let why = || if closing.is_closing() { stops() } else { front::is_out() };
        Err(closing.elsewhere().unwrap_or_else(why))
    });
    let mut ended = false;
    states.take_until(stopped).chain(cut_off).take_while(move |state| {
        let wanted = !std::mem::replace(&mut ended, state.as_ref().map_or(true, has_outcome));
        std::future::ready(wanted)
    })
}

const fn has_outcome(state: &pb::JobState) -> bool {
    state.outcome.is_some()
}

fn stops() -> Status {
    Status::unavailable("the coordinator is stopping")
}

fn job_id(text: &str) -> Result<JobId, Status> {
    JobId::parse(text).map_err(|bad| Status::invalid_argument(bad.to_string()))
}

fn no_job(job: &JobId) -> Status {
    Status::not_found(format!("there is no job {job}; `cleanplate jobs` lists all"))
}

fn not_in_review(job: &JobId) -> Status {
    Status::failed_precondition(format!(
        "job {job} does not wait for a review; `cleanplate jobs --show {job}` tells where it stands"
    ))
}

fn has_ended(job: &JobId, outcome: &JobOutcome, verb: &str) -> Status {
    let how = outcome.as_str();
    Status::failed_precondition(format!("job {job} has ended ({how}): there is nothing {verb}"))
}

fn unreadable(error: JournalError) -> Status {
    tracing::error!(%error, "the journal cannot be read");
    Status::internal(error.to_string())
}
