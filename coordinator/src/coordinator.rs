//! The coordinator as its owner sees it: started from a journal, served, and stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_child::WallsPolicy;
use cleanplate_core::config::{ConfigError, SchedulerConfig};
use cleanplate_core::input::Input;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, Record};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_core::view::JobView;
use cleanplate_store::{Store, StoreError};
use cleanplate_telemetry::traces::{TraceError, Traces};
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::limits::{OutputLimit, SourceLimits};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::request::EncoderChoice;
use cleanplate_types::time::Tick;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::attend::{Greeting, Sessions};
use crate::book::Book;
use crate::clock::Clock;
use crate::dispatch::{Dispatch, ORDERS_WAITING_MAX, Order, Orders, Performer};
use crate::door::Door;
use crate::finish::{Finisher, Lead, StitchProgram};
use crate::glimpse::Glimpses;
use crate::hooks::{HookOptions, Hooks};
use crate::journal::{Epoch, Journal, JournalError, renew_for_good, stand_by};
use crate::marks::{self, Marks};
use crate::objects::Objects;
use crate::pods::{PodCosts, PodCostsError, Telling};
use crate::tally::Tally;

/// What a coordinator goes by.
#[derive(Debug, Clone)]
pub struct CoordinatorOptions {
    /// What it must not forget. Nobody else writes to it.
    pub journal: Arc<dyn Journal>,
    /// Where the jobs' objects are.
    pub store: Store,
    /// What the scheduler goes by.
    pub scheduler: SchedulerConfig,
    /// The encoder of jobs that ask for `auto`.
    pub encoder_default: EncoderChoice,
    /// This product's own executable; its children are `PROGRAM engine stitch`.
    pub program: PathBuf,
    /// A child that says nothing for so long, though nothing that it asked for is outstanding, is
    /// taken for hung.
    pub engine_silent: Duration,
    /// What is around the children.
    pub walls: WallsPolicy,
    /// Movies that are written at a time, each by a child; the others wait. At least 1.
    pub movies_max: u32,
    /// What a source may be that is looked at before there is a job.
    pub source_limits: SourceLimits,
    /// How much larger than its source a movie may be.
    pub output_limit: OutputLimit,
    /// Whether the store may be another than the journal's while jobs are open: theirs is lost.
    pub new_store: bool,
    /// Who is let in, how much it takes, and which places jobs may name.
    pub door: Arc<Door>,
    /// Whether workers' requests to S3 are signed by this process's keys, so that they need none.
    pub sign_for_workers: bool,
    /// Who is told of jobs that end, or that wait for a person.
    pub hooks: Option<HookOptions>,
    /// Where Kubernetes is told which of its pods are busy.
    pub pod_costs: Option<PodCosts>,
}

/// Why a coordinator does not run.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// Its settings contradict each other.
    #[error("the settings of the scheduler are wrong: {0}")]
    Settings(#[from] ConfigError),
    /// The settings for traces contradict each other.
    #[error(transparent)]
    Traces(#[from] TraceError),
    /// The journal could not be read when it started.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal could not be written: what is not durable is not performed, so it stopped.
    #[error("the coordinator stopped, since what it decides cannot be made durable: {0}")]
    JournalLost(String),
    /// Another coordinator leads in its place.
    #[error(
        "another coordinator leads since epoch {epoch}: {by} at {address}; this one decides nothing more"
    )]
    Deposed {
        /// The epoch of the other's lead.
        epoch: Epoch,
        /// Who has it; empty where nobody has.
        by: String,
        /// Where that one is found.
        address: String,
    },
    /// The store does not answer, or refuses: whoever cannot ask it which leases were given must give none.
    #[error("the coordinator cannot lead without its store: {0}")]
    Store(#[source] StoreError),
    /// The store is another than the one that the journal's jobs have their objects in.
    #[error(
        "the store {store} is not the one that this journal's {jobs} open {} in; name that one by --store, or a \
         journal of its own by --state; where the other store is lost for good, --new-store begins with this one, \
         and jobs that miss something fail and may be retried",
        if *.jobs == 1 { "job has its parts" } else { "jobs have their parts" }
    )]
    OtherStore {
        /// The store.
        store: String,
        /// Jobs that are open.
        jobs: usize,
    },
    /// There is no way to call webhooks.
    #[error("webhooks cannot be called from this machine: {0}")]
    Webhooks(#[source] reqwest::Error),
    /// Kubernetes cannot be told which pods are busy.
    #[error(transparent)]
    PodCosts(#[from] PodCostsError),
    /// A bug ended it.
    #[error("the coordinator's loop ended by a bug, which its log tells; start it again")]
    Panicked,
    /// Another program listens there.
    #[error(
        "{address} is in use by another program, or by another coordinator; stop that one, or choose another by --listen"
    )]
    AddressInUse {
        /// The address.
        address: String,
    },
    /// It cannot listen there, for another reason.
    #[error("cannot listen on {address}: {source}; choose another by --listen")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The socket that it listens on cannot be handed from one server to the next.
    #[error("the port cannot be kept: {0}; start the coordinator again")]
    PortLost(String),
    /// The server ended by itself.
    #[error("the server failed: {0}")]
    Server(#[source] tonic::transport::Error),
    /// The descriptions of the services, for reflection, are damaged.
    #[error("the descriptions of the services cannot be read: {0}")]
    Descriptors(#[source] tonic_reflection::server::Error),
}

/// A running coordinator. Dropped, it ends as in a crash: nothing is lost but time.
#[derive(Debug)]
pub struct Coordinator {
    pub(crate) orders: Orders,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) store: Store,
    pub(crate) greeting: Greeting,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) encoder_default: EncoderChoice,
    pub(crate) door: Arc<Door>,
    pub(crate) ending: watch::Receiver<Ending>,
    pub(crate) glimpses: Arc<Glimpses>,
    _costs: Option<Telling>,
    stop: watch::Sender<bool>,
    dispatch: JoinHandle<()>,
}

/// How the dispatch loop fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It runs.
    Running,
    /// It was stopped.
    Stopped,
    /// The journal failed, in its own words.
    JournalLost(String),
    /// Another coordinator leads.
    Deposed { epoch: Epoch, by: String, address: String },
}

impl Ending {
    /// How it ended by this failure, which is logged here.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "one failure is another coordinator's success, all others are this one's"
    )]
    fn by(error: JournalError) -> Self {
        match error {
            JournalError::Deposed { epoch, by, address } => {
                tracing::warn!(%epoch, by, address, "another coordinator leads, this one stops deciding");
                Self::Deposed { epoch, by, address }
            }
            // A stitch that asked before it published heard of it first, and said so.
            JournalError::NotLeading { .. } => {
                Self::Deposed { epoch: Epoch(0), by: String::new(), address: String::new() }
            }
            error => {
                tracing::error!(%error, "the journal cannot be written, the coordinator stops");
                Self::JournalLost(error.to_string())
            }
        }
    }

    /// The failure that it is, where it is one.
    fn told(&self) -> Result<(), CoordinatorError> {
        match self {
            Self::JournalLost(why) => Err(CoordinatorError::JournalLost(why.clone())),
            Self::Deposed { epoch, by, address } => {
                let (epoch, by, address) = (*epoch, by.clone(), address.clone());
                Err(CoordinatorError::Deposed { epoch, by, address })
            }
            Self::Running | Self::Stopped => Ok(()),
        }
    }
}

/// A sweep that a crash may have cut short is done again where the job ended so shortly before the
/// journal's last record.
const SWEEP_AGAIN_MS: u64 = 600_000;

impl Coordinator {
    /// Stands by until it leads, takes up from the journal and runs the dispatch loop. Leases of a coordinator
    /// that is gone stay current for a while, so that their workers may come back with them.
    ///
    /// # Errors
    /// [`CoordinatorError::Settings`], and [`CoordinatorError::Journal`] where the journal cannot be
    /// read.
    pub async fn start(options: CoordinatorOptions) -> Result<Self, CoordinatorError> {
        let program = StitchProgram::of(options.program.clone(), &options.walls);
        Self::start_with(options, program).await
    }

    pub(crate) async fn start_with(
        options: CoordinatorOptions,
        program: StitchProgram,
    ) -> Result<Self, CoordinatorError> {
        let CoordinatorOptions {
            journal,
            store,
            scheduler,
            encoder_default,
            engine_silent,
            movies_max,
            output_limit,
            program: executable,
            walls,
            source_limits,
            new_store,
            door,
            sign_for_workers: signs,
            hooks,
            pod_costs,
        } = options;
        scheduler.check()?;
        let traces = Traces::from_environment(env!("CARGO_PKG_VERSION"))?;
        let heartbeat_ms =
            u32::try_from(scheduler.worker_silent_ms / 3).map_or(u32::MAX, |ms| ms.max(1));
        let taken = TakenUp::by_whoever_leads(&*journal, (&store, new_store), scheduler).await?;
        let TakenUp { scheduler, book, tally, clock, latest, before, forgotten, found, farm } =
            taken;
        let greeting = Greeting { store: store.url(), heartbeat_ms, farm: farm.clone(), signs };

        let (sender, waiting) = mpsc::channel(ORDERS_WAITING_MAX);
        let orders = Orders::new(sender);
        let sessions = Arc::new(Sessions::default());
        let mut objects = Objects::new((store.clone(), farm.clone()), orders.clone());
        for (job, keep) in unswept(&scheduler, latest) {
            objects.sweep(job, before, keep);
        }
        for job in forgotten.into_iter().filter(|job| scheduler.job_view(job).is_none()) {
            objects.sweep(job, before, None);
        }
        let looked = (source_limits, Arc::clone(&door));
        let glimpses = Glimpses::new(executable, (&walls, engine_silent), looked);
        let led = (Lead::of(Arc::clone(&journal)), Arc::clone(&door));
        let limits = (engine_silent, movies_max, output_limit);
        let finisher = Finisher::new(store.clone(), orders.clone(), program, limits, led);
        let performer =
            Performer::new(Arc::clone(&sessions), objects, finisher, Marks::new(store.clone()));
        tell_found(found, orders.clone());
        let meters = Arc::clone(door.meters());
        meters.leads(&orders);
        let at = (&scheduler, clock.now());
        let hooks = Hooks::begin(hooks, (&store, &orders, &meters), at);
        let hooks = hooks.map_err(CoordinatorError::Webhooks)?;
        let costs = pod_costs.map(|costs| costs.begin(orders.clone())).transpose()?;
        let (kept, telling) = ((book, tally), (performer, meters, traces, hooks));
        let dispatch = Dispatch::new(scheduler, clock, Arc::clone(&journal), kept, telling);

        let (stop, ending, dispatch) = begun(dispatch, waiting, &journal);
        Ok(Self {
            orders,
            sessions,
            store,
            greeting,
            journal,
            encoder_default,
            door,
            ending,
            glimpses: Arc::new(glimpses),
            _costs: costs,
            stop,
            dispatch,
        })
    }

    /// Stops in order: what is decided is durable, running stitches are given up with nothing
    /// published, and the journal is closed. The next coordinator on the journal goes on from there.
    pub async fn stop(self) {
        let journal = self.step_down().await;
        give_up(&*journal).await;
        journal.close().await;
        tracing::info!("coordinator stopped");
    }

    /// Ends deciding, and waits until nothing of it is left: no loop, no errand, no child. The journal stays
    /// open, for another start.
    pub(crate) async fn step_down(self) -> Arc<dyn Journal> {
        self.sessions.close_all();
        self.stop.send_replace(true);
        if let Err(error) = self.dispatch.await {
            tracing::error!(%error, "the dispatch loop panicked");
        }
        self.journal
    }

    /// Ends the dispatch loop at whatever point it is.
    #[cfg(test)]
    pub(crate) fn kill(&self) {
        self.dispatch.abort();
    }

    /// Waits until the dispatch loop has ended by itself, and says why where that is a failure.
    pub(crate) async fn ended(&self) -> Result<(), CoordinatorError> {
        let mut ending = self.ending.clone();
        let ended = ending.wait_for(|ending| *ending != Ending::Running).await;
        match ended.as_deref() {
            Ok(ending) => ending.told(),
            Err(_dropped) => Err(CoordinatorError::Panicked),
        }
    }
}

/// Runs the loop until it is stopped, or another leads.
fn begun(
    dispatch: Dispatch,
    waiting: mpsc::Receiver<Order>,
    journal: &Arc<dyn Journal>,
) -> (watch::Sender<bool>, watch::Receiver<Ending>, JoinHandle<()>) {
    let (stop, stopped) = watch::channel(false);
    let (told, ending) = watch::channel(Ending::Running);
    let (leads, halt) = (Arc::clone(journal), stop.clone());
    let dispatch = tokio::spawn(async move {
        let mut running = Box::pin(dispatch.run(waiting, stopped));
        let ended = tokio::select! {
            ended = &mut running => ended,
            error = renew_for_good(&*leads) => {
                // Stitches are given up in order.
                halt.send_replace(true);
                running.await.and(Err(error))
            }
        };
        told.send_replace(ended.map_or_else(Ending::by, |()| Ending::Stopped));
    });
    (stop, ending, dispatch)
}

/// Lets another lead at once.
async fn give_up(journal: &dyn Journal) {
    if let Err(error) = journal.resign().await {
        tracing::warn!(%error, "the lead was not given up, another waits until it lapses");
    }
}

/// What the journal and the store tell whoever begins to lead.
struct TakenUp {
    scheduler: Scheduler,
    book: Book,
    tally: Tally,
    clock: Clock,
    /// When the last record was written.
    latest: Tick,
    /// The lease that comes after all of which the journal tells.
    before: LeaseId,
    forgotten: Vec<JobId>,
    /// Jobs whose movies are there, though the journal does not tell.
    found: Vec<(JobId, JobOutcome)>,
    farm: String,
}

impl TakenUp {
    /// Stands by until the lead is had, and takes up. A long journal or a slow store must not look like silence, so
    /// the lead is renewed meanwhile.
    async fn by_whoever_leads(
        journal: &dyn Journal,
        (store, new_store): (&Store, bool),
        config: SchedulerConfig,
    ) -> Result<Self, CoordinatorError> {
        let epoch = stand_by(journal).await?;
        tracing::info!(%epoch, "leads");
        let taken = tokio::select! {
            taken = Self::of(journal, (store, new_store), config) => taken,
            error = renew_for_good(journal) => {
                Ending::by(error).told().and(Err(CoordinatorError::Panicked))
            }
        };
        if taken.is_err() {
            // Another may know what to do with it, and should not wait for this one's silence.
            give_up(journal).await;
        }
        taken
    }

    async fn of(
        journal: &dyn Journal,
        (store, new_store): (&Store, bool),
        config: SchedulerConfig,
    ) -> Result<Self, CoordinatorError> {
        let (records, book, tally) = taken_up(journal).await?;
        let latest = records.last().map_or(Tick(0), |record| record.at);
        let clock = Clock::starting_after(latest);
        let count = records.len();
        let forgotten = lately_forgotten(&records, latest);
        let mut scheduler = Scheduler::restore(config, records, clock.now());
        tracing::info!(records = count, jobs_open = scheduler.jobs_open(), "journal restored");
        let before = scheduler.next_lease();
        let open = scheduler.jobs_open();
        let farm = farm(journal, store, if new_store { 0 } else { open }).await?;
        let found = marks::compare(store, &mut scheduler).await.map_err(CoordinatorError::Store)?;
        Ok(Self { scheduler, book, tally, clock, latest, before, forgotten, found, farm })
    }
}

/// The name of the store, which is to be the journal's where jobs are `open`.
async fn farm(
    journal: &dyn Journal,
    store: &Store,
    open: usize,
) -> Result<String, CoordinatorError> {
    let known = journal.store_named().await?;
    let found = marks::named(store).await.map_err(CoordinatorError::Store)?;
    if let Some(known) = known.filter(|known| found.as_ref() != Some(known)) {
        if open > 0 {
            return Err(CoordinatorError::OtherStore { store: store.url(), jobs: open });
        }
        tracing::info!(before = known, "the store {} is another than before", store.url());
    }
    let farm = match found {
        Some(found) => found,
        None => marks::name(store).await.map_err(CoordinatorError::Store)?,
    };
    journal.name_store(&farm).await?;
    Ok(farm)
}

/// Lets the jobs end whose movies are there.
fn tell_found(found: Vec<(JobId, JobOutcome)>, orders: Orders) {
    tokio::spawn(async move {
        for (job, outcome) in found {
            let input = Input::Found { job, outcome };
            if orders.send(Order::Tell { input, reply: None }).await.is_err() {
                return;
            }
        }
    });
}

/// All records of the journal, and what they come to.
async fn taken_up(journal: &dyn Journal) -> Result<(Vec<Record>, Book, Tally), JournalError> {
    let records = journal.load().await?;
    let (mut book, mut tally) = (Book::default(), Tally::default());
    for record in &records {
        // These lines are in the journal already.
        drop(book.foretell(record));
        book.take(record);
        // What ended before is no event of this process.
        drop(tally.take(record, |_| None));
    }
    for line in &journal.fallbacks().await? {
        book.take_line(line);
    }
    Ok((records, book, tally))
}

/// Jobs whose objects were about to be deleted when the journal's last record was written, each with the
/// object that stays.
fn unswept(scheduler: &Scheduler, latest: Tick) -> Vec<(JobId, Option<ObjectRef>)> {
    let lately = |view: &JobView<'_>| {
        view.ended.is_some_and(|ended| latest.since(ended) < SWEEP_AGAIN_MS)
            && !matches!(view.outcome, Some(JobOutcome::Failed(_) | JobOutcome::Previewed(_)))
    };
    let kept = |view: &JobView<'_>| {
        let published =
            matches!(view.outcome, Some(JobOutcome::Done(_) | JobOutcome::Copied { .. }));
        let mattes = view.plan.and_then(|plan| plan.mattes.clone());
        mattes.filter(|_| view.request.keep_plan && published)
    };
    scheduler.jobs().filter(lately).map(|view| (view.job.clone(), kept(&view))).collect()
}

/// Jobs that were forgotten shortly before the journal's last record.
fn lately_forgotten(records: &[Record], latest: Tick) -> Vec<JobId> {
    let lately = records.iter().filter(|record| latest.since(record.at) < SWEEP_AGAIN_MS);
    lately.filter(|it| it.event == Event::Forgotten).map(|it| it.job.clone()).collect()
}
