//! The cluster in one process: a coordinator and a worker that speak over memory, with the same
//! code and the same messages as over a network.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_coordinator::{
    Coordinator, CoordinatorError, CoordinatorOptions, Door, SqliteJournal,
};
use cleanplate_core::config::SchedulerConfig;
use cleanplate_store::Store;
use cleanplate_types::ids::WorkerId;
use cleanplate_types::request::JobRequest;
use cleanplate_types::tier::Card;
use cleanplate_worker::{Coordinators, Ended, ModelsFor, Stop, Tally, WorkerError, WorkerOptions};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::client::Client;
use crate::exit::Refusal;
use crate::run::state::State;
use crate::settings::Settings;
use crate::{program, worker};

/// Bytes that may be under way in each direction of a connection: a few messages.
const PIPE_BYTES: usize = 256 << 10;
/// Connections that may wait to be taken: the worker's and the client's.
const CONNECTIONS_WAITING_MAX: usize = 4;
/// How long the worker and the server may take to end.
const PART_ENDS: Duration = Duration::from_secs(10);

/// A coordinator and a worker that run.
#[derive(Debug)]
pub(super) struct Machine {
    coordinator: Arc<Coordinator>,
    channel: Channel,
    serving: JoinHandle<Result<(), CoordinatorError>>,
    working: JoinHandle<Result<Ended, WorkerError>>,
    stop_serving: oneshot::Sender<()>,
    stop_working: watch::Sender<Stop>,
}

impl Machine {
    /// Starts both on `state`.
    ///
    /// # Errors
    /// A refusal where the journal or the store cannot be had.
    pub(super) async fn start(
        state: &State,
        settings: &Settings,
        request: &JobRequest,
        (slots, pretend): (Option<u32>, Option<Card>),
    ) -> Result<Self, Refusal> {
        let program = program::own()?;
        let store = state.store();
        let store = Store::open(&store.to_string_lossy())
            .map_err(|error| Refusal::failed(error.to_string()))?;
        let journal = SqliteJournal::open(&state.journal())
            .await
            .map_err(|error| Refusal::failed(error.to_string()))?;
        let engine_silent = Duration::from_millis(settings.worker.engine_silent_ms);
        let coordinator = Coordinator::start(CoordinatorOptions {
            journal: Arc::new(journal),
            store,
            scheduler: alone(&settings.scheduler),
            encoder_default: settings.encoder_default,
            program: program.clone(),
            engine_silent,
            walls: settings.walls.clone(),
            movies_max: settings.movies_max,
            source_limits: settings.limits.worker.source,
            output_limit: settings.limits.worker.output,
            new_store: false,
            door: Arc::new(Door::open()),
            // Its one worker is this process.
            sign_for_workers: false,
            hooks: None,
            pod_costs: None,
        })
        .await
        .map_err(|error| Refusal::failed(error.to_string()))?;
        let coordinator = Arc::new(coordinator);

        let (channel, connections) = in_memory();
        let (stop_serving, stopped) = oneshot::channel();
        let served = Arc::clone(&coordinator);
        let serving = tokio::spawn(async move {
            // Dropping the sender stops it too.
            let stop = async { stopped.await.unwrap_or(()) };
            served.serve_in_process(ReceiverStream::new(connections), stop).await
        });
        let options = WorkerOptions {
            name: WorkerId::parse(WORKER).ok(),
            scratch: Some(settings.worker.scratch.clone().unwrap_or_else(|| state.scratch())),
            pretend,
            slots,
            sessions: settings.worker.sessions,
            idle_exit: None,
            engine_silent,
            walls: settings.walls.clone(),
            limits: settings.limits.worker,
            tally: Tally::default(),
            models: settings.models.clone(),
            models_for: ModelsFor::one_job(request),
            program,
        };
        let (stop_working, stops) = watch::channel(Stop::Run);
        let working =
            cleanplate_worker::serve(options, Coordinators::InProcess(channel.clone()), stops);
        let working = tokio::spawn(working);
        Ok(Self { coordinator, channel, serving, working, stop_serving, stop_working })
    }

    /// A client of the coordinator.
    pub(super) fn client(&self) -> Client {
        Client::over(self.channel.clone(), "this process")
    }

    /// Waits until one of both ends, which neither should by itself.
    pub(super) async fn died(&mut self) -> Refusal {
        tokio::select! {
            served = &mut self.serving => match served {
                Ok(Ok(())) => Refusal::failed("the coordinator ended by itself"),
                Ok(Err(error)) => Refusal::failed(error.to_string()),
                Err(error) => Refusal::failed(format!("the coordinator died: {error}")),
            },
            worked = &mut self.working => match worked {
                Ok(Ok(_)) => Refusal::failed("the worker ended by itself"),
                Ok(Err(error)) => worker::refusal(&error),
                Err(error) => Refusal::failed(format!("the worker died: {error}")),
            },
        }
    }

    /// Ends both in order: the worker with its children first, then what it speaks to.
    pub(super) async fn stop(self) {
        let Self { coordinator, channel, mut serving, mut working, stop_serving, stop_working } =
            self;
        stop_working.send_replace(Stop::Now);
        ends("the worker", &mut working).await;
        drop(channel);
        drop(stop_serving);
        ends("the coordinator's server", &mut serving).await;
        match Arc::into_inner(coordinator) {
            Some(coordinator) => coordinator.stop().await,
            None => tracing::warn!("the coordinator is still in use, its journal is cut off"),
        }
    }
}

/// The scheduler's settings where one worker is all there will ever be. Work that this worker could
/// not do for want of something (a full disk) is tried as often as work that failed: nobody else
/// will come and do better.
fn alone(config: &SchedulerConfig) -> SchedulerConfig {
    let lapses_max = config.attempts_max;
    SchedulerConfig { lapses_max, ..config.clone().for_one_machine() }
}

/// Waits for `part` to end, and cuts it off where it does not.
async fn ends<T>(part: &str, running: &mut JoinHandle<T>) {
    // One that has ended was heard already.
    if running.is_finished() || tokio::time::timeout(PART_ENDS, &mut *running).await.is_ok() {
        return;
    }
    tracing::warn!(part, "does not end and is cut off");
    running.abort();
    running.await.ok();
}

/// The worker's name where there is only one.
const WORKER: &str = "here";

/// A channel whose connections come out of the receiver, as duplex streams in memory.
fn in_memory() -> (Channel, mpsc::Receiver<io::Result<DuplexStream>>) {
    let (sender, connections) = mpsc::channel(CONNECTIONS_WAITING_MAX);
    let connect = service_fn(move |_address| {
        let sender = sender.clone();
        async move {
            let (near, far) = tokio::io::duplex(PIPE_BYTES);
            let gone = |_closed| io::Error::from(io::ErrorKind::ConnectionRefused);
            sender.send(Ok(far)).await.map_err(gone)?;
            Ok::<_, io::Error>(TokioIo::new(near))
        }
    });
    // The address is never resolved: the connector ignores it.
    (Endpoint::from_static("http://in.memory").connect_with_connector_lazy(connect), connections)
}
