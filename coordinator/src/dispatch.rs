//! The one loop: takes what happened, steps the scheduler, makes the records durable, and only then
//! performs the rest and answers.
//!
//! Owns the order of these four. Several steps may share one transaction; none is split. Refuses to
//! go on where the journal cannot be written: what is not durable is neither performed nor told.

mod board;
mod glance;
mod orders;
mod perform;

use std::sync::Arc;
use std::time::Instant;

use cleanplate_access::Reach;
use cleanplate_core::effect::{Effect, Ignored};
use cleanplate_core::input::Input;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, Record};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_core::view::{JobView, WorkerView};
use cleanplate_proto::v1 as pb;
use cleanplate_telemetry::traces::Traces;
use cleanplate_types::ids::{JobId, WorkerId};
use cleanplate_types::trail::TrailEvent;
use tokio::sync::{mpsc, oneshot, watch};

use crate::attend::Held;
use crate::book::Book;
use crate::clock::Clock;
use crate::dispatch::board::Board;
use crate::dispatch::glance::Glances;
use crate::failpoint::{self, Moment};
use crate::granted;
use crate::hooks::Hooks;
use crate::jobs::{Place, Wanted};
use crate::journal::{Batch, Journal, JournalError, TrailLine};
use crate::measured;
use crate::meters::Meters;
use crate::milestones;
use crate::shown;
use crate::tally::{self, Tally};
use crate::traces::Tracer;

pub(crate) use crate::dispatch::glance::{Glance, Totals};
pub(crate) use crate::dispatch::orders::{Gone, Known, Order, Orders, Question, WeakOrders};
pub(crate) use crate::dispatch::perform::Performer;

/// Orders that may wait for the loop: four full turns. Each is below a KiB but for a submission
/// (masks, 8 MiB each) and an answer from the store (a frame table, 25 MB for ten hours), of which
/// there are few.
pub(crate) const ORDERS_WAITING_MAX: usize = 256;

/// Orders that share one transaction: enough that a fleet of a thousand workers is not held up by
/// the disk, few enough that an answer waits for milliseconds.
const ORDERS_A_TURN_MAX: usize = 64;

/// Bytes of pictures in submissions, after which a turn takes no further order: a database writes them in a fraction
/// of the time that it may take for a transaction.
const BYTES_A_TURN_MAX: usize = 4 << 20;

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Dispatch {
    scheduler: Scheduler,
    clock: Clock,
    journal: Arc<dyn Journal>,
    book: Book,
    board: Board,
    glances: Glances,
    performer: Performer,
    tally: Tally,
    meters: Arc<Meters>,
    tracer: Tracer,
    hooks: Hooks,
}

/// What one turn of the loop came to.
#[derive(Debug, Default)]
struct Turn {
    batch: Batch,
    /// To perform once the batch is durable; no `Record`, no `Ignored`.
    effects: Vec<Effect>,
    answers: Vec<Answer>,
    /// Sessions whose worker has left.
    left: Vec<u64>,
    /// Bytes of pictures in submissions.
    bytes: usize,
    /// Orders that were taken.
    orders: u64,
}

/// Why the loop does something.
#[derive(Debug)]
enum Woken {
    Told(Box<Order>),
    Due,
    ToRefresh,
}

/// What is said once the batch is durable.
#[derive(Debug)]
enum Answer {
    Told(oneshot::Sender<Option<Ignored>>, Option<Ignored>),
    To(Question),
}

impl Dispatch {
    pub(crate) fn new(
        scheduler: Scheduler,
        clock: Clock,
        journal: Arc<dyn Journal>,
        (book, tally): (Book, Tally),
        (performer, meters, traces, hooks): (Performer, Arc<Meters>, Option<Traces>, Hooks),
    ) -> Self {
        let tracer = Tracer::new(traces, Arc::clone(&journal));
        let (board, glances) = (Board::default(), Glances::default());
        Self {
            scheduler,
            clock,
            journal,
            book,
            board,
            glances,
            performer,
            tally,
            meters,
            tracer,
            hooks,
        }
    }

    /// Runs until `stop` says so, or its sender is gone; then stitches are given up in order.
    ///
    /// # Errors
    /// [`JournalError`] where the journal cannot be written.
    pub(crate) async fn run(
        mut self,
        orders: mpsc::Receiver<Order>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), JournalError> {
        let ended = self.turn(orders, stop).await;
        self.performer.stop().await;
        self.tracer.stop().await;
        ended
    }

    async fn turn(
        &mut self,
        mut orders: mpsc::Receiver<Order>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), JournalError> {
        loop {
            let mut turn = Turn::default();
            let woken = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                order = orders.recv() => match order {
                    Some(order) => Woken::Told(Box::new(order)),
                    None => return Ok(()),
                },
                () = self.clock.until(self.scheduler.next_deadline()) => Woken::Due,
                () = self.clock.until(self.board.due()) => Woken::ToRefresh,
            };
            let begun = Instant::now();
            match woken {
                Woken::Told(order) => self.take(*order, &mut turn),
                Woken::Due => drop(self.step(Input::Clock, &mut turn)),
                Woken::ToRefresh => {}
            }
            for _ in 1..ORDERS_A_TURN_MAX {
                if turn.bytes >= BYTES_A_TURN_MAX {
                    break;
                }
                match orders.try_recv() {
                    Ok(order) => self.take(order, &mut turn),
                    Err(_none) => break,
                }
            }
            let orders_taken = turn.orders;
            self.end(turn).await?;
            self.meters.metrics().turned(orders_taken, begun.elapsed());
        }
    }

    fn take(&mut self, order: Order, turn: &mut Turn) {
        turn.orders += 1;
        match order {
            Order::Tell { input, reply } => {
                if let Input::Submit { request, .. } = &input {
                    turn.bytes += request.picture_bytes();
                }
                let ignored = self.step(input, turn);
                if let Some(reply) = reply {
                    turn.answers.push(Answer::Told(reply, ignored));
                }
            }
            Order::Trail { worker, lease, entries } => {
                turn.batch.trails.extend(self.book.admit(lease, worker.as_ref(), entries));
            }
            Order::Leave { worker, session } => self.leave(&worker, session, turn),
            Order::Ask(question) => turn.answers.push(Answer::To(question)),
        }
    }

    /// Steps the scheduler; returns why the input was void, where it was.
    fn step(&mut self, input: Input, turn: &mut Turn) -> Option<Ignored> {
        let mut effects = Vec::new();
        self.scheduler.step(self.clock.now(), input, &mut effects);
        let mut void = None;
        for effect in effects {
            match effect {
                Effect::Record(record) => {
                    turn.batch.trails.extend(granted::line(&record, &self.scheduler));
                    turn.batch.trails.extend(self.book.foretell(&record));
                    turn.batch.records.push(record);
                }
                Effect::Ignored(ignored) => {
                    tracing::debug!(%ignored, "input ignored");
                    void = void.or(Some(ignored));
                }
                Effect::Grant { .. }
                | Effect::Revoke { .. }
                | Effect::HandIn { .. }
                | Effect::DrainWorker { .. }
                | Effect::LoadTable { .. }
                | Effect::LoadFinding { .. }
                | Effect::WriteDraft { .. }
                | Effect::WriteBrief { .. }
                | Effect::StartStitch { .. }
                | Effect::StitchPart { .. }
                | Effect::AbortStitch { .. }
                | Effect::CopyThrough { .. }
                | Effect::JobEnded { .. }
                | Effect::Sweep { .. } => turn.effects.push(effect),
            }
        }
        self.board.touch(self.clock.now());
        void
    }

    /// A worker goes on purpose: it gets nothing more, and what it holds goes back at once rather
    /// than when its silence has lasted too long. The end of its stream tells it that this is so.
    fn leave(&mut self, worker: &WorkerId, session: u64, turn: &mut Turn) {
        tracing::info!(%worker, session, "worker leaves");
        self.step(Input::Leave { worker: worker.clone(), session }, turn);
        turn.left.push(session);
    }

    /// Makes the turn durable, then performs and answers.
    async fn end(&mut self, turn: Turn) -> Result<(), JournalError> {
        let Turn { batch, effects, answers, left, bytes: _, orders: _ } = turn;
        let events = || batch.records.iter().map(|record| &record.event);
        failpoint::pass_events(Moment::Before, events());
        if !batch.is_empty() {
            let begun = Instant::now();
            self.journal.append(&batch).await?;
            self.meters.metrics().appended(begun.elapsed());
            self.meters.stir();
        }
        failpoint::pass_events(Moment::After, events());
        for record in &batch.records {
            milestones::tell(record);
            self.book.take(record);
            self.glances.take(record);
            self.mark(record);
            self.count(record);
            self.hooks.take(record, &self.scheduler);
        }
        self.performer.marks().given(self.scheduler.last_lease());
        for line in &batch.trails {
            self.count_line(line);
            if self.book.take_line(line) {
                let (job, lease, entry) = (&line.job, line.lease, &line.entry);
                tracing::warn!(%job, %lease, stage = %entry.stage, detail = entry.detail, "fallback");
            }
        }
        for effect in effects {
            let point = failpoint::effect(&effect);
            failpoint::pass(Moment::Before, point);
            if let Effect::JobEnded { job, .. } = &effect {
                self.board.conclude(job, &self.scheduler, &mut self.book);
            }
            self.performer.perform(effect);
            failpoint::pass(Moment::After, point);
        }
        for session in left {
            self.performer.farewell(session);
        }
        for answer in answers {
            self.answer(answer);
        }
        self.board.refresh(self.clock.now(), &self.scheduler, &mut self.book);
        Ok(())
    }

    fn count(&mut self, record: &Record) {
        let scheduler = &self.scheduler;
        let tier_of = |worker: &WorkerId| scheduler.card_of(worker).map(|card| card.tier().name);
        let endings = self.tally.take(record, tier_of);
        tally::count(self.meters.metrics(), record, &endings);
        if let Event::Ended(_) = record.event {
            self.tracer.ended(&record.job);
        }
    }

    fn count_line(&mut self, line: &TrailLine) {
        let (metrics, stage) = (self.meters.metrics(), line.entry.stage.as_str());
        if line.entry.event == TrailEvent::Fallback {
            metrics.fallback(stage);
        } else if let Some(took) = self.tally.take_line(line) {
            metrics.stage(stage, took);
        }
    }

    /// Tells the store what must not be forgotten with the journal.
    fn mark(&mut self, record: &Record) {
        let marks = self.performer.marks();
        if let Event::Ended(outcome @ (JobOutcome::Done(_) | JobOutcome::Copied { .. })) =
            &record.event
            && let Some(view) = self.scheduler.job_view(&record.job)
        {
            marks.published(&record.job, view.request, outcome);
        } else if let Event::Forgotten = record.event {
            marks.forgotten(&record.job);
        }
    }

    /// Answers; whoever asked may be gone, and then wants no answer.
    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Told(reply, ignored) => drop(reply.send(ignored)),
            Answer::To(Question::Job { job, reply }) => {
                let known = self.scheduler.job_view(&job).map(|view| Known {
                    state: shown::job_state(&view, &mut self.book),
                    request: view.request.clone(),
                    outcome: view.outcome.cloned(),
                    ended: view.ended,
                    phase: view.phase,
                    look: view.look,
                    plan: view.plan.cloned(),
                    preview: view.preview.cloned(),
                });
                reply.send(known).ok();
            }
            Answer::To(Question::Named { begins, reach, reply }) => {
                reply.send(named(&self.scheduler, &begins, &reach)).ok();
            }
            Answer::To(Question::Jobs { wanted, reply }) => {
                reply.send(listed(&self.scheduler, &wanted, &mut self.book)).ok();
            }
            Answer::To(Question::Workers { reply }) => {
                let shown = |view| self.performer.worker_state(&view, &self.book);
                reply.send(self.scheduler.worker_views().map(shown).collect()).ok();
            }
            Answer::To(Question::Held { worker, reply }) => {
                reply.send(self.scheduler.held_by(&worker).map(|held| Held::of(&held))).ok();
            }
            Answer::To(Question::Snapshot { reply }) => {
                let load = |view: &WorkerView<'_>| self.performer.load(view);
                let now = self.clock.now();
                reply.send(measured::snapshot(&self.scheduler, now, &load)).ok();
            }
            Answer::To(Question::Demand { ask, reply }) => {
                reply.send(self.scheduler.demand(&ask)).ok();
            }
            Answer::To(Question::Glance { jobs, reach, reply }) => {
                let now = self.clock.now();
                let asked = (now, jobs.as_slice(), &reach);
                reply.send(self.glances.look(asked, &self.scheduler, &mut self.book)).ok();
            }
            Answer::To(Question::Watch { job, reply }) => {
                let watched = self.board.watch(&job, &self.scheduler, &mut self.book);
                reply.send(watched).ok();
            }
        }
    }
}

/// A page of jobs, newest first.
fn listed(scheduler: &Scheduler, wanted: &Wanted, book: &mut Book) -> pb::ListResponse {
    // The place of a page counts among all jobs: its last one may be in another state by now.
    let passed = wanted.after.as_ref().map_or(0, |after| after.passed(scheduler));
    let mut chosen = scheduler.newest_first(passed).filter(|view| wanted.has(view));
    let page: Vec<_> = chosen.by_ref().take(wanted.limit).collect();
    let has_more = chosen.next().is_some();
    let last = page.last().filter(|_| has_more).map(Place::of);
    let state = |view: &JobView<'_>| {
        // A list is of many jobs; what each removes is told by itself.
        let overlays = Vec::new();
        pb::JobState { overlays, ..shown::job_state(view, book) }
    };
    let jobs = page.iter().map(state).collect();
    pb::ListResponse { jobs, next: last.map(|place| place.text()).unwrap_or_default() }
}

/// The job of the id `text`; else the first two whose ids begin so, with or without `job-`.
fn named(scheduler: &Scheduler, text: &str, reach: &Reach) -> Vec<JobId> {
    let is_within =
        |job: &JobId| scheduler.job_view(job).is_some_and(|view| reach.has(&view.request.owner));
    let exact = JobId::parse(text).ok().filter(is_within);
    if let Some(job) = exact {
        return vec![job];
    }
    let ids = scheduler.job_ids().filter(|job| {
        let id = job.as_str();
        let rest = id.strip_prefix("job-").unwrap_or(id);
        !text.is_empty() && (id.starts_with(text) || rest.starts_with(text)) && is_within(job)
    });
    ids.take(2).cloned().collect()
}
