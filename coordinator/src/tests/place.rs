//! Where a test's coordinator lives: its folder, journal and store, and the way to it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cleanplate_child::{ChildProgram, Walls, WallsMode};
use cleanplate_core::config::{Retention, SchedulerConfig};
use cleanplate_core::record::{Event, Record};
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_client::JobsClient;
use cleanplate_store::Store;
use cleanplate_types::ids::JobId;
use cleanplate_types::limits::SourceLimits;
use cleanplate_types::request::EncoderChoice;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::finish::StitchProgram;
use crate::hooks::HookOptions;
use crate::pods::PodCosts;
use crate::tests::part;
use crate::{
    Batch, Coordinator, CoordinatorError, CoordinatorOptions, Epoch, Journal, JournalError,
    Leadership, SqliteJournal, Standing, TrailLine,
};

/// How long anything may take before a test is taken to hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Place {
    folder: tempfile::TempDir,
    pub(super) store: Store,
    /// What the stitch child is to play.
    play: Mutex<String>,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder, store: Store::in_memory(), play: Mutex::new("join".to_owned()) };
        std::fs::create_dir(place.folder()).unwrap();
        std::fs::write(place.input(), b"a video, as far as anybody here knows").unwrap();
        place
    }

    /// A place whose store other processes see too.
    pub(super) fn on_disk() -> Self {
        let mut place = Self::new();
        place.store = Self::store_in(place.folder.path());
        place
    }

    /// The store of a place on disk, by the folder of all that is its.
    pub(super) fn store_in(folder: &Path) -> Store {
        Store::open(&format!("file://{}", folder.join("store").display())).unwrap()
    }

    /// The folder of all that is its.
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("videos")
    }

    pub(super) fn input(&self) -> PathBuf {
        self.folder().join("in.mp4")
    }

    pub(super) fn output(&self) -> PathBuf {
        self.folder().join("out.mp4")
    }

    pub(super) fn videos(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(super) fn play(&self, what: &str) {
        what.clone_into(&mut self.play.lock().unwrap());
    }

    pub(super) async fn journal(&self) -> SqliteJournal {
        SqliteJournal::open(&self.folder.path().join("journal.db")).await.unwrap()
    }

    /// The records of job `j`, once no coordinator has the journal any more.
    pub(super) async fn records(&self) -> Vec<Record> {
        self.journal().await.records_of(&JobId::parse("j").unwrap()).await.unwrap()
    }

    pub(super) async fn start(&self) -> Running {
        self.start_on(Arc::new(self.journal().await)).await
    }

    pub(super) async fn start_on(&self, journal: Arc<dyn Journal>) -> Running {
        self.start_for(journal, SchedulerConfig::default().retention).await
    }

    /// As `start`, where ended jobs are kept for so long.
    pub(super) async fn start_keeping(&self, retention_ms: u64) -> Running {
        let retention = Retention::all(Some(retention_ms));
        self.start_for(Arc::new(self.journal().await), retention).await
    }

    /// As `start`, and somebody is told of jobs.
    pub(super) async fn start_telling(&self, hooks: HookOptions) -> Running {
        let retention = SchedulerConfig::default().retention;
        let options = options(Arc::new(self.journal().await), self.store.clone(), retention);
        let options = CoordinatorOptions { hooks: Some(hooks), ..options };
        Running::of(Coordinator::start_with(options, self.program()).await.unwrap()).await
    }

    /// As `start`, and Kubernetes is told of workers.
    pub(super) async fn start_costing(&self, costs: PodCosts) -> Running {
        let retention = SchedulerConfig::default().retention;
        let options = options(Arc::new(self.journal().await), self.store.clone(), retention);
        let options = CoordinatorOptions { pod_costs: Some(costs), ..options };
        Running::of(Coordinator::start_with(options, self.program()).await.unwrap()).await
    }

    async fn start_for(&self, journal: Arc<dyn Journal>, retention: Retention) -> Running {
        let options = options(journal, self.store.clone(), retention);
        Running::of(Coordinator::start_with(options, self.program()).await.unwrap()).await
    }

    /// This test program, as the stitch child.
    pub(super) fn program(&self) -> StitchProgram {
        stitch_child(self.play.lock().unwrap().clone(), self.folder.path())
    }

    pub(super) async fn submit(
        &self,
        jobs: &mut JobsClient<Channel>,
        job: Option<&str>,
    ) -> Result<String, Status> {
        let request = Some(self.request());
        let submit = pb::SubmitRequest { request, job: job.map(str::to_owned) };
        Ok(jobs.submit(submit).await?.into_inner().job)
    }

    /// Submits a job with an output of its own.
    pub(super) async fn submit_apart(&self, jobs: &mut JobsClient<Channel>, job: &str) {
        let output = self.folder().join(format!("{job}.mp4")).display().to_string();
        let request = Some(pb::JobRequest { output, ..self.request() });
        jobs.submit(pb::SubmitRequest { request, job: Some(job.to_owned()) }).await.unwrap();
    }

    /// Three cells of ten frames, a segment each.
    pub(super) fn request(&self) -> pb::JobRequest {
        pb::JobRequest {
            input: self.input().display().to_string(),
            output: self.output().display().to_string(),
            encoder: "libx264".to_owned(),
            cell_frames: Some(10),
            segment_frames: Some(10),
            ..pb::JobRequest::default()
        }
    }
}

/// What a test's coordinator goes by.
pub(super) fn options(
    journal: Arc<dyn Journal>,
    store: Store,
    retention: Retention,
) -> CoordinatorOptions {
    // Nothing here happens because somebody was silent for too long.
    let scheduler = SchedulerConfig {
        worker_silent_ms: 600_000,
        lease_stuck_ms: 1_200_000,
        rest_ms: 1,
        encoder_grace_ms: 0,
        retention,
        // One worker plays them all.
        second_worker_ms: 0,
        ..SchedulerConfig::default()
    };
    CoordinatorOptions {
        journal,
        store,
        scheduler,
        encoder_default: EncoderChoice::Auto,
        program: std::env::current_exe().unwrap(),
        engine_silent: PATIENCE,
        walls: Default::default(),
        movies_max: 2,
        source_limits: SourceLimits::USUAL,
        output_limit: Default::default(),
        new_store: false,
        door: Arc::new(crate::Door::open()),
        sign_for_workers: false,
        hooks: None,
        pod_costs: None,
    }
}

/// This test program as the stitch child, which plays `what` in a place whose folder is `root`.
pub(super) fn stitch_child(what: String, root: &Path) -> StitchProgram {
    let marker = root.join("marker").display().to_string();
    StitchProgram::played_by(ChildProgram {
        executable: std::env::current_exe().unwrap(),
        arguments: part::CHILD.map(str::to_owned).to_vec(),
        environment: vec![(part::PLAY.to_owned(), what), (part::MARKER.to_owned(), marker)],
        // It leaves marks in a folder.
        walls: Walls { mode: WallsMode::Off, ..Walls::default() },
    })
}

/// A coordinator that is served inside this process.
pub(super) struct Running {
    coordinator: Arc<Coordinator>,
    connections: mpsc::Sender<io::Result<DuplexStream>>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<(), CoordinatorError>>,
    channel: Channel,
}

impl Running {
    async fn of(coordinator: Coordinator) -> Self {
        let coordinator = Arc::new(coordinator);
        let (connections, incoming) = mpsc::channel(8);
        let (stop, mut stopped) = watch::channel(false);
        let served = Arc::clone(&coordinator);
        let serving = tokio::spawn(async move {
            let stopped = async move {
                stopped.wait_for(|stop| *stop).await.unwrap();
            };
            served.serve_in_process(ReceiverStream::new(incoming), stopped).await
        });
        let channel = connect(connections.clone()).await;
        Self { coordinator, connections, stop, serving, channel }
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> Channel {
        connect(self.connections.clone()).await
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(super) fn jobs(&self) -> JobsClient<Channel> {
        JobsClient::new(self.channel())
    }

    pub(super) async fn state(&self, job: &str) -> pb::JobState {
        let request = pb::ShowRequest { job: job.to_owned() };
        self.jobs().show(request).await.unwrap().into_inner().state.unwrap()
    }

    pub(super) async fn workers(&self) -> Vec<pb::WorkerState> {
        self.jobs().workers(pb::WorkersRequest {}).await.unwrap().into_inner().workers
    }

    /// Waits for a job's end.
    pub(super) async fn outcome(&self, job: &str) -> pb::Outcome {
        let request = pb::WatchRequest { job: job.to_owned() };
        let mut states = self.jobs().watch(request).await.unwrap().into_inner();
        let to_the_end = async {
            loop {
                let state = states.message().await.unwrap().expect("a watch ends with the job");
                if let Some(outcome) = state.outcome {
                    return outcome;
                }
            }
        };
        tokio::time::timeout(PATIENCE, to_the_end).await.expect("the job ends")
    }

    /// Waits until nothing of any job is in the store.
    pub(super) async fn swept(&self, place: &Place) {
        self.swept_to(place, &[]).await;
    }

    /// Waits until nothing but `key` is in the store.
    pub(super) async fn swept_but_for(&self, place: &Place, key: &str) {
        self.swept_to(place, &[key]).await;
    }

    async fn swept_to(&self, place: &Place, keys: &[&str]) {
        let swept = async {
            loop {
                let listed = place.store.list("jobs").await.unwrap();
                if listed.iter().map(|one| one.key.as_str()).eq(keys.iter().copied()) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, swept).await.expect("the store is swept");
    }

    /// Ends the loop at whatever point it is, as a kill would.
    pub(super) async fn kill(self) {
        self.coordinator.kill();
        self.ended().await;
    }

    /// Waits until it has ended by itself, and has let go of its journal.
    pub(super) async fn ended(self) -> CoordinatorError {
        let error = self.serving.await.unwrap().expect_err("nobody stopped it");
        let journal = Arc::downgrade(&self.coordinator.journal);
        drop((self.coordinator, self.channel));
        let let_go = async {
            while journal.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, let_go).await.expect("its tasks end");
        error
    }

    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        self.serving.await.unwrap().unwrap();
        let coordinator = Arc::into_inner(self.coordinator).expect("the server has let it go");
        coordinator.stop().await;
    }
}

async fn connect(connections: mpsc::Sender<io::Result<DuplexStream>>) -> Channel {
    let connector = tower::service_fn(move |_uri| {
        let connections = connections.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            connections.send(Ok(theirs)).await.map_err(io::Error::other)?;
            Ok::<_, io::Error>(TokioIo::new(ours))
        }
    });
    Endpoint::from_static("http://in-process").connect_with_connector(connector).await.unwrap()
}

/// A journal that takes nothing of the kind that `refuses` says.
#[derive(Debug)]
pub(super) struct Refusing {
    pub(super) journal: SqliteJournal,
    pub(super) refuses: fn(&Event) -> bool,
    /// Whether another coordinator leads.
    pub(super) deposed: bool,
    /// Where it is read so slowly that the lead has to be renewed meanwhile: told of each renewal.
    pub(super) renewed: Option<Notify>,
}

#[async_trait::async_trait]
impl Leadership for Refusing {
    async fn take(&self) -> Result<Standing, JournalError> {
        self.journal.take().await
    }

    async fn renew(&self) -> Result<(), JournalError> {
        if self.deposed {
            let (by, address) = ("other".to_owned(), "http://other".to_owned());
            return Err(JournalError::Deposed { epoch: Epoch(2), by, address });
        }
        if let Some(renewed) = &self.renewed {
            renewed.notify_one();
        }
        self.journal.renew().await
    }

    async fn resign(&self) -> Result<(), JournalError> {
        self.journal.resign().await
    }

    fn standing(&self) -> watch::Receiver<Standing> {
        self.journal.standing()
    }

    fn pace(&self) -> Duration {
        if self.renewed.is_some() { Duration::from_millis(1) } else { self.journal.pace() }
    }
}

#[async_trait::async_trait]
impl Journal for Refusing {
    async fn load(&self) -> Result<Vec<Record>, JournalError> {
        if let Some(renewed) = &self.renewed {
            renewed.notified().await;
        }
        self.journal.load().await
    }

    async fn append(&self, batch: &Batch) -> Result<(), JournalError> {
        if batch.records.iter().any(|record| (self.refuses)(&record.event)) {
            let source = io::ErrorKind::StorageFull.into();
            return Err(JournalError::Folder { path: PathBuf::from("/state"), source });
        }
        self.journal.append(batch).await
    }

    async fn records_of(&self, job: &JobId) -> Result<Vec<Record>, JournalError> {
        self.journal.records_of(job).await
    }

    async fn trails_of(&self, job: &JobId) -> Result<Vec<TrailLine>, JournalError> {
        self.journal.trails_of(job).await
    }

    async fn fallbacks(&self) -> Result<Vec<TrailLine>, JournalError> {
        self.journal.fallbacks().await
    }

    async fn store_named(&self) -> Result<Option<String>, JournalError> {
        self.journal.store_named().await
    }

    async fn name_store(&self, farm: &str) -> Result<(), JournalError> {
        self.journal.name_store(farm).await
    }

    async fn close(&self) {
        self.journal.close().await;
    }
}
