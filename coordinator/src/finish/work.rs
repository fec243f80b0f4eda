//! One stitch or copy from its order to its published movie, or to the reason why there is none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_child::{ChildEnd, ChildProgram, Limits, run_child};
use cleanplate_core::effect::StitchOrder;
use cleanplate_core::input::Input;
use cleanplate_core::outcome::{CopyReason, Published};
use cleanplate_store::{
    Location, MovieUpload, Places, SourceReader, Store, StoreError, UploadLog, Use, decode_object,
    kinds,
};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::limits::OutputLimit;
use cleanplate_types::part::PartSummary;
use cleanplate_types::trail::{TrailEntry, TrailEvent};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::dispatch::{Order, Orders, Question};
use crate::door::Door;
use crate::finish::host::{Fault, Queue, StitchHost};
use crate::finish::lead::Answer;
use crate::finish::speech::{self, Ended, Request};
use crate::finish::{CopyOrder, Fence, Lead};

/// The pause before a journal that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Debug)]
pub(super) enum Work {
    /// Join the parts that come.
    Stitch { order: StitchOrder, parts: mpsc::Receiver<(CellIndex, PartSummary)> },
    /// Copy the source.
    Copy(CopyOrder),
}

/// Who does it, and by what.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) job: JobId,
    pub(super) lease: LeaseId,
    pub(super) store: Store,
    pub(super) orders: Orders,
    pub(super) program: ChildProgram,
    pub(super) limits: Limits,
    pub(super) output_limit: OutputLimit,
    pub(super) turns: Arc<Semaphore>,
    pub(super) owner: String,
    pub(super) lead: Lead,
    pub(super) door: Arc<Door>,
    pub(super) fence: Fence,
}

/// All that the child needs, at hand.
struct Prepared {
    request: Request,
    host: Arc<StitchHost>,
    movie: Arc<Mutex<Option<MovieUpload>>>,
    output: Location,
    /// The frames of each cell.
    cells: Vec<FrameRange>,
}

/// A movie that the child has written.
struct Written {
    bytes: u64,
    notes: Vec<String>,
    /// What was read back of it.
    checked: String,
}

impl Task {
    /// Does the work and answers by an input, after the trail; one that was ended answers nothing.
    pub(super) async fn run(self, work: Work) {
        let began = Instant::now();
        let Some(ended) = self.finish(work, began).await else { return };
        let (job, lease) = (self.job.clone(), self.lease);
        let input = match ended {
            Ok(published) => Input::Published { job, lease, published },
            Err(Fault { cell, mut failure }) => {
                failure.lease = Some(lease);
                let (stage, words) = (failure.stage, failure.message.clone());
                self.trail(began, stage, TrailEvent::Failed, (words, None)).await;
                Input::StitchFailed { job, lease, cell, failure }
            }
        };
        // Where the loop has ended, nobody waits for it.
        self.orders.send(Order::Tell { input, reply: None }).await.ok();
    }

    /// Nothing where the work was ended.
    async fn finish(&self, work: Work, began: Instant) -> Option<Result<Published, Fault>> {
        let (_turn, prepared) = tokio::select! {
            biased;
            () = self.fence.closed() => return None,
            prepared = async { (self.turn(began).await, self.prepare(work).await) } => match prepared {
                (Some(turn), Ok(prepared)) => (turn, prepared),
                (Some(_turn), Err(fault)) => return Some(Err(fault)),
                (None, _) => return None,
            },
        };
        let what = match &prepared.request {
            Request::Stitch { .. } => format!("{} cells", prepared.cells.len()),
            Request::Copy { .. } => "a copy of the source".to_owned(),
        };
        let what = format!("{what} into {}", prepared.output);
        self.trail(began, Stage::Stitch, TrailEvent::Started, (what, None)).await;
        let written = tokio::select! {
            biased;
            () = self.fence.closed() => None,
            written = self.write(&prepared) => Some(written),
        };
        let movie = prepared.movie.lock().await.take()?;
        match written {
            Some(Ok(Written { bytes, notes, checked })) => {
                self.log_written(bytes, &checked);
                let said = std::iter::once(&checked).chain(&notes).cloned().collect::<Vec<_>>();
                let words = (said.join("; "), Some(bytes));
                self.trail(began, Stage::Stitch, TrailEvent::Finished, words).await;
                let kept = movie.kept();
                if let Err(fault) = self.publish(movie, bytes).await? {
                    return Some(Err(fault));
                }
                let mut words = (prepared.output.shown(), Some(bytes));
                if kept > 0 {
                    words.0 += &format!(", {kept} bytes were there from before a restart");
                }
                self.trail(began, Stage::Publish, TrailEvent::Finished, words).await;
                Some(Ok(Published { bytes, notes }))
            }
            Some(Err(mut fault)) => {
                self.give_up(movie).await;
                let frames = fault.cell.and_then(|cell| prepared.cells.get(cell.0 as usize));
                fault.failure.frames = fault.failure.frames.or_else(|| frames.copied());
                Some(Err(fault))
            }
            None => {
                self.give_up(movie).await;
                None
            }
        }
    }

    /// Waits for the turn to write a movie, and says so; nothing where the coordinator has ended.
    async fn turn(&self, began: Instant) -> Option<OwnedSemaphorePermit> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Some(turn);
        }
        let words = "waits for its turn: as many movies are being written as `coordinator.movies_max` allows";
        self.trail(began, Stage::Stitch, TrailEvent::Started, (words.to_owned(), None)).await;
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    fn log_written(&self, bytes: u64, checked: &str) {
        tracing::info!(job = %self.job, bytes, "stitch finished: {checked}");
    }

    /// Removes what there is of a movie, where another coordinator has not taken it up.
    async fn give_up(&self, movie: MovieUpload) {
        if self.lead.asked().await != Answer::Current {
            movie.leave().await;
            return;
        }
        if let Err(error) = movie.abort().await {
            tracing::warn!(job = %self.job, %error, "pieces of a movie that was given up stay");
        }
    }

    async fn prepare(&self, work: Work) -> Result<Prepared, Fault> {
        let failed = |error: StoreError| Fault::of(Stage::Stitch, &error);
        let (source, output) = match &work {
            Work::Stitch { order, .. } => (&order.source, &order.output),
            Work::Copy(CopyOrder { source, output, .. }) => (source, output),
        };
        self.may_use(&source.url, output).await?;
        let location = Location::parse(&source.url).map_err(failed)?;
        let output = Location::parse(output).map_err(failed)?;
        // Checked when the job was submitted; a link may have been made since.
        if location.is_same(&output) {
            let message = "the output is the source, which is never written to";
            let failure = Failure::new(FailureKind::BadRequest, Stage::Stitch, message);
            return Err(Fault { cell: None, failure });
        }
        let reader =
            SourceReader::open(&location, source.version.as_deref()).await.map_err(failed)?;
        let output_name = output.name_hint().to_owned();
        let mut objects = BTreeMap::new();
        let mut cells = Vec::new();
        let mut rest = None;
        let (request, queue) = match work {
            Work::Stitch { order, parts } => {
                let brief = self.store.get(&order.brief).await.map_err(failed)?;
                let decoded: JobBrief = decode_object(kinds::BRIEF, &brief)
                    .map_err(|error| internal(format!("{}: {error}", order.brief.key)))?;
                let table = self.store.get(&decoded.table).await.map_err(failed)?;
                objects.extend([(speech::BRIEF, brief), (speech::TABLE, table)]);
                if let Some(kept) = &decoded.rest {
                    rest = Some(self.store.reader(kept).await.map_err(failed)?);
                }
                cells.extend(decoded.cells.iter().map(|cell| cell.frames));
                let StitchOrder { allow_metadata_loss, conceal, .. } = order;
                let store = self.store.clone();
                let queue = Queue { store, cells: order.cells, waiting: parts };
                (Request::Stitch { output_name, allow_metadata_loss, conceal }, Some(queue))
            }
            Work::Copy(CopyOrder { why, conceal, .. }) => {
                let why = match why {
                    CopyReason::NothingFound => "nothing that was looked for was found".to_owned(),
                    CopyReason::Abstained { why } => format!("the detector abstained: {why}"),
                };
                let source_name = location.name_hint().to_owned();
                (Request::Copy { source_name, output_name, why, conceal }, None)
            }
        };
        let (store, job) = (self.store.clone(), self.job.clone());
        let log = UploadLog::new(store, job, self.lease, self.owner.clone());
        let movie = MovieUpload::start_with(&output, log).await.map_err(failed)?;
        let movie = Arc::new(Mutex::new(Some(movie)));
        let target = (Arc::clone(&movie), self.output_limit);
        let host = Arc::new(StitchHost::new(reader, rest, objects, queue, target));
        Ok(Prepared { request, host, movie, output, cells })
    }

    /// Whether the job may still read and write these: lists change, and so do links.
    async fn may_use(&self, source: &str, output: &str) -> Result<(), Fault> {
        let places = self.door.places();
        if matches!(places, Places::Any) {
            return Ok(());
        }
        let job = self.job.clone();
        let known = self.orders.ask(|reply| Question::Job { job, reply }).await;
        let known = known.map_err(|gone| internal(gone.to_string()))?;
        let known = known.ok_or_else(|| internal("the job is not there any more"))?;
        let owner = &known.request.owner;
        let checked = places
            .check_here(owner, Use::Source, source)
            .and_then(|()| places.check_here(owner, Use::Destination, output));
        checked.map_err(|error| {
            let failure = Failure::new(FailureKind::BadRequest, Stage::Stitch, error.to_string());
            Fault { cell: None, failure }
        })
    }

    /// Has the child write the movie.
    async fn write(&self, prepared: &Prepared) -> Result<Written, Fault> {
        let request =
            speech::encode(&prepared.request).map_err(|error| internal(error.to_string()))?;
        let host = Arc::clone(&prepared.host);
        let result = run_child(&self.program, request, host, self.limits).await;
        let ended = match result {
            Ok(result) => {
                speech::decode::<Ended>(&result).map_err(|error| internal(error.to_string()))?
            }
            Err(end) => Ended::Failed { cell: None, failure: failure_of(end) },
        };
        match ended {
            Ended::Done { bytes, notes, checked } => Ok(Written { bytes, notes, checked }),
            Ended::Failed { cell, failure } => {
                let noted = prepared.host.faults().take();
                Err(noted.unwrap_or(Fault { cell, failure }))
            }
        }
    }

    /// Gives the movie its final name, where the lease is still the job's latest, and the lead is current by the
    /// journal; nothing where one is not.
    async fn publish(&self, mut movie: MovieUpload, bytes: u64) -> Option<Result<(), Fault>> {
        if movie.bytes() != bytes {
            let found = movie.bytes();
            self.give_up(movie).await;
            return Some(Err(internal(format!("the movie has {found} bytes instead of {bytes}"))));
        }
        if let Err(error) = movie.stage().await {
            self.give_up(movie).await;
            return Some(Err(Fault::of(Stage::Publish, &error)));
        }
        // Asked last, with all but one request behind it: what a pause lets through is that one.
        // A journal that does not answer is asked again for as long as this coordinator bears it: when that ends, so
        // does the fence.
        let answer = loop {
            match self.lead.asked().await {
                Answer::None if self.fence.is_open() => tokio::time::sleep(ASK_AGAIN).await,
                answer @ (Answer::Current | Answer::Over | Answer::None) => break answer,
            }
        };
        if answer != Answer::Current {
            movie.leave().await;
            return None;
        }
        if !self.fence.is_open() {
            self.give_up(movie).await;
            return None;
        }
        let named = movie.finish().await;
        Some(named.map(|_stored| ()).map_err(|error| Fault::of(Stage::Publish, &error)))
    }

    async fn trail(
        &self,
        began: Instant,
        stage: Stage,
        event: TrailEvent,
        (detail, count): (String, Option<u64>),
    ) {
        let at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let entries = vec![TrailEntry { at_ms, stage, event, detail, count }];
        // Where the loop has ended, nobody reads it.
        self.orders.send(Order::Trail { worker: None, lease: self.lease, entries }).await.ok();
    }
}

fn internal(message: impl Into<String>) -> Fault {
    let failure = Failure::new(FailureKind::Internal, Stage::Stitch, message);
    Fault { cell: None, failure }
}

fn failure_of(end: ChildEnd) -> Failure {
    let kind = match &end {
        ChildEnd::Failed(failure) => return failure.clone(),
        ChildEnd::NotStarted(_) => FailureKind::WorkerLacks,
        ChildEnd::Crashed { .. } | ChildEnd::Overate { .. } => FailureKind::EngineCrashed,
        ChildEnd::Hung { .. } | ChildEnd::Spun { .. } => FailureKind::EngineHung,
    };
    Failure::new(kind, Stage::Stitch, end.to_string())
}
