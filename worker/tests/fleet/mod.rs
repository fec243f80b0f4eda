//! A coordinator that does what a test says: the other end of a worker's stream.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::fleet_server::{Fleet, FleetServer};
use cleanplate_types::ids::WorkerId;
use cleanplate_worker::{
    Addresses, Coordinators, Ended, ModelOptions, ModelsFor, Stop, WorkerError, WorkerOptions,
    serve,
};
use pb::from_worker::Message;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One stream of a worker.
pub(crate) struct Session {
    /// What the worker said of itself.
    pub(crate) hello: pb::Hello,
    to_worker: mpsc::Sender<Result<pb::ToWorker, Status>>,
    from_worker: Streaming<pb::FromWorker>,
}

impl Session {
    /// Says something.
    pub(crate) async fn say(&self, message: pb::to_worker::Message) {
        self.to_worker.send(Ok(pb::ToWorker { message: Some(message) })).await.unwrap();
    }

    /// Welcomes the worker to the store at `store`.
    pub(crate) async fn welcome(&self, store: &Path) {
        self.welcome_to(store, "").await;
    }

    /// The same, to a store that is known by the mark of `farm`.
    pub(crate) async fn welcome_to(&self, store: &Path, farm: &str) {
        let welcome = pb::Welcome {
            farm: farm.to_owned(),
            protocol: cleanplate_proto::PROTOCOL_VERSION,
            version: "test".to_owned(),
            store: format!("file://{}", store.display()),
            heartbeat_ms: 200,
            signs: false,
        };
        self.say(pb::to_worker::Message::Welcome(welcome)).await;
    }

    /// Ends the stream with a status.
    pub(crate) async fn refuse(&self, status: Status) {
        self.to_worker.send(Err(status)).await.unwrap();
    }

    /// Grants work under `lease`.
    pub(crate) async fn grant(&self, lease: u64, work: pb::grant::Work) {
        let grant = pb::Grant {
            lease,
            job: "job".to_owned(),
            attempt: 1,
            renew_ms: 60_000,
            work: Some(work),
        };
        self.say(pb::to_worker::Message::Grant(grant)).await;
    }

    /// The next message that is no heartbeat; `None` at the end of the stream.
    pub(crate) async fn hear(&mut self) -> Option<Message> {
        let next = async {
            loop {
                match self.from_worker.message().await.ok()??.message.unwrap() {
                    Message::Heartbeat(_) => {}
                    other => return Some(other),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("the worker says something in time")
    }

    /// The next message that is a result: no progress and no trail, which are kept in `trail`.
    pub(crate) async fn result(&mut self, trail: &mut Vec<pb::TrailEntry>) -> Message {
        loop {
            match self.hear().await.expect("the stream is open") {
                Message::Progress(_) => {}
                Message::Trail(more) => trail.extend(more.entries),
                other => return other,
            }
        }
    }
}

struct Door {
    sessions: mpsc::Sender<Session>,
}

#[tonic::async_trait]
impl Fleet for Door {
    async fn join(
        &self,
        _request: Request<pb::JoinRequest>,
    ) -> Result<Response<pb::JoinResponse>, Status> {
        Ok(Response::new(pb::JoinResponse::default()))
    }

    async fn sign(
        &self,
        _request: Request<pb::SignRequest>,
    ) -> Result<Response<pb::SignResponse>, Status> {
        Err(Status::failed_precondition("the welcome did not say so"))
    }

    type AttendStream = ReceiverStream<Result<pb::ToWorker, Status>>;

    async fn attend(
        &self,
        request: Request<Streaming<pb::FromWorker>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let mut from_worker = request.into_inner();
        let Some(Message::Hello(hello)) = from_worker.message().await?.and_then(|it| it.message)
        else {
            return Err(Status::invalid_argument("no hello"));
        };
        let (to_worker, outgoing) = mpsc::channel(64);
        self.sessions.send(Session { hello, to_worker, from_worker }).await.ok();
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

/// A worker in this process, attached to a coordinator that the test plays.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) sessions: mpsc::Receiver<Session>,
    pub(crate) stop: watch::Sender<Stop>,
    pub(crate) worker: JoinHandle<Result<Ended, WorkerError>>,
}

impl Fixture {
    /// Starts both. Its children are this test binary again.
    pub(crate) async fn start(slots: u32) -> Self {
        Self::start_with(slots, std::env::current_exe().unwrap()).await
    }

    /// Starts both; children of the worker are `program`.
    pub(crate) async fn start_with(slots: u32, program: PathBuf) -> Self {
        Self::start_by(slots, program, None).await
    }

    /// Starts both; the worker runs models by `runtime`.
    pub(crate) async fn start_with_models(slots: u32, runtime: PathBuf) -> Self {
        Self::start_by(slots, std::env::current_exe().unwrap(), Some(runtime)).await
    }

    async fn start_by(slots: u32, program: PathBuf, runtime: Option<PathBuf>) -> Self {
        let is_child = std::env::args().nth(1).is_some_and(|word| word == "engine");
        assert!(
            !is_child,
            "this test has a word of the children's in its name, and each of them runs it"
        );
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sessions_in, sessions) = mpsc::channel(4);
        let door = FleetServer::new(Door { sessions: sessions_in });
        let incoming = TcpListenerStream::new(listener);
        let server = tonic::transport::Server::builder().add_service(door);
        tokio::spawn(server.serve_with_incoming(incoming));
        let options = WorkerOptions {
            models_for: ModelsFor::AnyJob,
            name: Some(WorkerId::parse("w").unwrap()),
            scratch: Some(folder.path().join("scratch")),
            pretend: None,
            slots: Some(slots),
            sessions: None,
            idle_exit: None,
            engine_silent: PATIENCE,
            walls: Default::default(),
            limits: Default::default(),
            tally: Default::default(),
            models: ModelOptions {
                folder: folder.path().join("models"),
                runtime,
                cache_bytes: 1 << 20,
            },
            program,
        };
        let addresses = Addresses { urls: vec![address], ..Addresses::default() };
        let (stop, stops) = watch::channel(Stop::Run);
        let worker = tokio::spawn(serve(options, Coordinators::Addresses(addresses), stops));
        Self { folder, sessions, stop, worker }
    }

    /// The next stream that the worker opens.
    pub(crate) async fn session(&mut self) -> Session {
        let session = tokio::time::timeout(PATIENCE, self.sessions.recv()).await;
        session.expect("the worker attaches in time").expect("the server lives")
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Waits for the worker's end.
    pub(crate) async fn ended(self) -> Result<Ended, WorkerError> {
        tokio::time::timeout(PATIENCE, self.worker).await.expect("it ends in time").unwrap()
    }
}

/// Makes a clip of moving test pictures with a still square in a corner.
pub(crate) fn clip(path: &Path, frames: u32) {
    let source = format!("testsrc2=size=320x240:rate=25:duration={}", f64::from(frames) / 25.0);
    let square = "drawbox=x=240:y=16:w=48:h=24:color=white:t=fill";
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source, "-vf", square])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p"])
        .arg(path)
        .status()
        .expect("ffmpeg is installed");
    assert!(status.success());
}
