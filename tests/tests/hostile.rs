//! A catalogue of hostile requests against a coordinator behind its door: all are refused, each with the status that it
//! should have. Run with `--nocapture` it prints the list.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cleanplate_access::{Bearer, Credential, Dialer, Token};
use cleanplate_proto::keda::external_scaler_client::ExternalScalerClient;
use cleanplate_proto::keda::{GetMetricsRequest, ScaledObjectRef};
use cleanplate_proto::{PROTOCOL_VERSION, v1 as pb};
use cleanplate_tests::closed::{Authority, ClosedFarm, bearer};
use cleanplate_tests::cluster::free_port;
use pb::fleet_client::FleetClient;
use pb::jobs_client::JobsClient;
use pb::{from_worker, to_worker};
use tokio_stream::StreamExt as _;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

type Jobs = JobsClient<InterceptedService<Channel, Bearer>>;
type Fleet = FleetClient<InterceptedService<Channel, Bearer>>;

/// What a hostile request is to meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// A status.
    Status(Code),
    /// The lease is taken from whoever reports under it.
    Revoked,
    /// No connection that could be spoken on.
    NoConnection,
    /// A problem of this status, over HTTP.
    Http(u16),
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(formatter, "{code:?}"),
            Self::Revoked => formatter.write_str("revoked"),
            Self::NoConnection => formatter.write_str("no connection"),
            Self::Http(status) => write!(formatter, "HTTP {status}"),
        }
    }
}

/// The catalogue, as it was met.
#[derive(Default)]
struct Catalogue {
    met: Vec<(&'static str, String, Wanted, String, bool)>,
}

impl Catalogue {
    fn add<T>(&mut self, kind: &'static str, what: &str, code: Code, got: Result<T, Status>) {
        let (said, is_right) = match got {
            Ok(_) => ("LET IN".to_owned(), false),
            Err(status) => {
                (format!("{:?}: {}", status.code(), status.message()), status.code() == code)
            }
        };
        self.met.push((kind, what.to_owned(), Wanted::Status(code), said, is_right));
    }

    fn add_other(&mut self, kind: &'static str, what: &str, wanted: Wanted, got: (String, bool)) {
        self.met.push((kind, what.to_owned(), wanted, got.0, got.1));
    }

    fn hold(&self, at_least: usize) {
        for (place, (kind, what, wanted, said, is_right)) in (1..).zip(&self.met) {
            let verdict = if *is_right { "refused" } else { "WRONG" };
            let said: String = said.chars().take(110).collect();
            let wanted = wanted.to_string();
            println!("{place:3} {verdict:7} {kind:13} {what:50} {wanted:18} {said}");
        }
        let wrong: Vec<_> = self.met.iter().filter(|met| !met.4).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(self.met.len() >= at_least, "{} requests", self.met.len());
    }
}

/// The farm and who is known to it.
struct Scene {
    farm: ClosedFarm,
    channel: Channel,
    alice: Token,
    bob: Token,
    reader: Token,
    dropper: Token,
    operator: Token,
    admin: Token,
    join: Token,
    over: Token,
    gone: Token,
    /// A job of bob's.
    bobs: String,
}

impl Scene {
    async fn set(folder: &Path) -> Self {
        let probes = format!("127.0.0.1:{}", free_port());
        let variable = ("CLEANPLATE_COORDINATOR_PROBE_LISTEN".to_owned(), probes);
        let mut farm = ClosedFarm::start(folder, &[variable]);
        let both = |owner: &str| format!("roles = [\"submit\", \"read\"]\nowner = \"{owner}\"");
        let tokens = &mut farm.tokens;
        let gone = tokens.add("gone", "roles = [\"admin\"]");
        tokens.remove("gone");
        let (alice, bob) = (tokens.add("alice", &both("alice")), tokens.add("bob", &both("bob")));
        let reader = tokens.add("reader", "roles = [\"read\"]\nowner = \"alice\"");
        let dropper = tokens.add("dropper", "roles = [\"submit\"]\nowner = \"alice\"");
        let operator = tokens.add("ops", "roles = [\"operate\"]\nowner = \"ops\"");
        let join = tokens.add("join", "kind = \"join\"\nworkers = \"w\"");
        let ended = "roles = [\"admin\"]\nnot_after = \"2001-01-01T00:00:00Z\"";
        let over = tokens.add("over", ended);
        let admin = tokens.add("admin", "roles = [\"admin\"]");
        let channel = farm.connect(None).await.unwrap();
        // The file of tokens is read again within a second; the last of them was added last.
        let known = async {
            let mut jobs = jobs(&channel, &admin);
            while jobs.list(pb::ListRequest::default()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, known).await.unwrap();
        let request = pb::JobRequest {
            input: farm.sources.join("bob.mp4").display().to_string(),
            output: farm.movies.join("bob.mp4").display().to_string(),
            encoder: "libx264".to_owned(),
            ..pb::JobRequest::default()
        };
        let request = pb::SubmitRequest { request: Some(request), job: None };
        let bobs = jobs(&channel, &bob).submit(request).await.unwrap().into_inner().job;
        Self { farm, channel, alice, bob, reader, dropper, operator, admin, join, over, gone, bobs }
    }

    fn jobs(&self, token: &Token) -> Jobs {
        jobs(&self.channel, token)
    }

    fn fleet(&self, secret: &str) -> Fleet {
        FleetClient::with_interceptor(self.channel.clone(), bearer(secret))
    }

    /// Lists with these authorizations.
    async fn list_with(&self, authorizations: &[&str]) -> Result<(), Status> {
        let mut request = Request::new(pb::ListRequest::default());
        for text in authorizations {
            request.metadata_mut().append("authorization", text.parse().unwrap());
        }
        JobsClient::new(self.channel.clone()).list(request).await.map(drop)
    }

    /// Submits with a token what a change makes of a request that is fine.
    async fn submit(
        &self,
        token: &Token,
        change: impl FnOnce(&mut pb::JobRequest),
    ) -> Result<(), Status> {
        let mut request = pb::JobRequest {
            input: self.farm.sources.join("a.mp4").display().to_string(),
            output: self.farm.movies.join("a.mp4").display().to_string(),
            encoder: "libx264".to_owned(),
            ..pb::JobRequest::default()
        };
        change(&mut request);
        let request = pb::SubmitRequest { request: Some(request), job: None };
        self.jobs(token).submit(request).await.map(drop)
    }

    /// A credential of the worker of this name, as a coordinator gives it.
    async fn joined(&self, worker: &str, instance: u64) -> Result<String, Status> {
        let request = pb::JoinRequest { worker: worker.to_owned(), instance };
        let joined = self.fleet(self.join.reveal()).join(request).await?;
        Ok(joined.into_inner().credential)
    }

    /// Attends with this secret and says this; returns what comes after the welcome.
    async fn attend(
        &self,
        secret: &str,
        messages: Vec<from_worker::Message>,
    ) -> Result<Option<to_worker::Message>, Status> {
        attend(self.fleet(secret), messages).await
    }
}

fn jobs(channel: &Channel, token: &Token) -> Jobs {
    JobsClient::with_interceptor(channel.clone(), bearer(token.reveal()))
}

/// Attends and says this; returns what comes after the welcome, and the stream, which lives on.
async fn attend_on(
    mut fleet: Fleet,
    messages: Vec<from_worker::Message>,
) -> Result<(Option<to_worker::Message>, Streaming<pb::ToWorker>), Status> {
    let messages = messages.into_iter().map(|message| pb::FromWorker { message: Some(message) });
    let messages = tokio_stream::iter(messages.collect::<Vec<_>>())
        .chain(tokio_stream::pending::<pb::FromWorker>());
    let mut incoming = fleet.attend(messages).await?.into_inner();
    let welcome = incoming.message().await?.and_then(|it| it.message);
    assert!(matches!(welcome, Some(to_worker::Message::Welcome(_)) | None), "{welcome:?}");
    let next = tokio::time::timeout(PATIENCE, incoming.message()).await;
    let next = next.map_err(|_late| Status::cancelled("nothing was answered"))??;
    Ok((next.and_then(|it| it.message), incoming))
}

async fn attend(
    fleet: Fleet,
    messages: Vec<from_worker::Message>,
) -> Result<Option<to_worker::Message>, Status> {
    attend_on(fleet, messages).await.map(|(next, _incoming)| next)
}

fn hello(worker: &str, instance: u64) -> from_worker::Message {
    from_worker::Message::Hello(pb::Hello {
        protocol: PROTOCOL_VERSION,
        version: "9.9.9".to_owned(),
        worker: worker.to_owned(),
        slots: 1,
        instance,
        objects: cleanplate_store::OBJECT_FORMAT.into(),
        acknowledges: true,
        ..pb::Hello::default()
    })
}

fn job(job: &str) -> String {
    job.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_request_of_the_catalogue_is_refused_with_the_right_status() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set(folder.path()).await;
    let mut catalogue = Catalogue::default();
    nobody(&scene, &mut catalogue).await;
    forged_tokens(&scene, &mut catalogue).await;
    wrong_roles(&scene, &mut catalogue).await;
    other_owners(&scene, &mut catalogue).await;
    places(&scene, &mut catalogue).await;
    workers(&scene, &mut catalogue).await;
    forms(&scene, &mut catalogue).await;
    connections(&scene, &mut catalogue).await;
    over_http(&scene, &mut catalogue).await;
    catalogue.hold(100);
    // The door still opens to who may come in.
    let listed = scene.jobs(&scene.bob).list(pb::ListRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().jobs.len(), 1);
    let own = scene.submit(&scene.alice, |_| {}).await;
    assert!(own.is_ok(), "{own:?}");
}

/// Every call, without a word of who asks.
async fn nobody(scene: &Scene, catalogue: &mut Catalogue) {
    let mut jobs = JobsClient::new(scene.channel.clone());
    let id = || scene.bobs.clone();
    let mut add = |what: &str, got: Result<(), Status>| {
        catalogue.add("no token", what, Code::Unauthenticated, got);
    };
    add("Submit", jobs.submit(pb::SubmitRequest::default()).await.map(drop));
    add("Watch", jobs.watch(pb::WatchRequest { job: id() }).await.map(drop));
    add("List", jobs.list(pb::ListRequest::default()).await.map(drop));
    add("Show", jobs.show(pb::ShowRequest { job: id() }).await.map(drop));
    add("Cancel", jobs.cancel(pb::CancelRequest { job: id() }).await.map(drop));
    add("Retry", jobs.retry(pb::RetryRequest { job: id() }).await.map(drop));
    let prioritise = pb::PrioritiseRequest { job: id(), priority: 9 };
    add("Prioritise", jobs.prioritise(prioritise).await.map(drop));
    add("Approve", jobs.approve(pb::ApproveRequest { job: id(), drop: vec![] }).await.map(drop));
    add("Reject", jobs.reject(pb::RejectRequest { job: id() }).await.map(drop));
    add("Plan", jobs.plan(pb::PlanRequest { job: id() }).await.map(drop));
    add("Preview", jobs.preview(pb::PreviewRequest { job: id() }).await.map(drop));
    add("Workers", jobs.workers(pb::WorkersRequest {}).await.map(drop));
    add("DrainWorker", jobs.drain_worker(pb::DrainWorkerRequest::default()).await.map(drop));
    let mut fleet = FleetClient::new(scene.channel.clone());
    add("Join", fleet.join(pb::JoinRequest::default()).await.map(drop));
    add("Sign", fleet.sign(pb::SignRequest::default()).await.map(drop));
    let silent = tokio_stream::pending::<pb::FromWorker>();
    add("Attend", fleet.attend(silent).await.map(drop));
    let mut health = HealthClient::new(scene.channel.clone());
    add(
        "health, where probes have an address",
        health.check(HealthCheckRequest::default()).await.map(drop),
    );
    let mut scaler = ExternalScalerClient::new(scene.channel.clone());
    add(
        "IsActive, where probes have an address",
        scaler.is_active(ScaledObjectRef::default()).await.map(drop),
    );
    let metrics = scaler.get_metrics(GetMetricsRequest::default()).await;
    add("GetMetrics, where probes have an address", metrics.map(drop));
    add("a call that there is not", raw(scene, "/cleanplate.v1.Jobs/Shutdown", None).await);
    add("a service that there is not", raw(scene, "/x.y.Z/W", None).await);
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    add("reflection", raw(scene, reflection, None).await);
}

/// Calls a path with a message of another kind.
async fn raw(scene: &Scene, path: &'static str, token: Option<&Token>) -> Result<(), Status> {
    let mut request = Request::new(pb::ListRequest { limit: 5, ..pb::ListRequest::default() });
    if let Some(token) = token {
        let text = format!("Bearer {}", token.reveal()).parse().unwrap();
        request.metadata_mut().insert("authorization", text);
    }
    let mut grpc = tonic::client::Grpc::new(scene.channel.clone());
    grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let codec = tonic_prost::ProstCodec::<pb::ListRequest, pb::ListResponse>::default();
    grpc.unary(request, PathAndQuery::from_static(path), codec).await.map(drop)
}

async fn forged_tokens(scene: &Scene, catalogue: &mut Catalogue) {
    let real = scene.admin.reveal();
    let hash = scene.admin.hash().to_string();
    let another = Token::fresh("admin").unwrap();
    let unknown = Token::fresh("root").unwrap();
    let upper = real.to_uppercase();
    let (cut, longer) = (&real[..real.len() - 1], format!("{real}0"));
    let bearers: [(&str, String); 16] = [
        ("the id of an admin, another secret", format!("Bearer {}", another.reveal())),
        ("an id that there is not", format!("Bearer {}", unknown.reveal())),
        ("the hash in the place of the secret", format!("Bearer cpt_admin_{hash}")),
        ("the hash alone", format!("Bearer {hash}")),
        ("a token that has ended", format!("Bearer {}", scene.over.reveal())),
        ("a token that was taken out of the file", format!("Bearer {}", scene.gone.reveal())),
        ("a token less its last letter", format!("Bearer {cut}")),
        ("a token and a letter", format!("Bearer {longer}")),
        ("a token in capitals", format!("Bearer {upper}")),
        ("a token and what a path would be", format!("Bearer {real}/../admin")),
        ("another scheme", format!("Basic {real}")),
        ("no scheme", real.to_owned()),
        ("nothing", String::new()),
        ("Bearer and nothing", "Bearer ".to_owned()),
        ("two tokens in one", format!("Bearer {real},{real}")),
        ("a million letters less some", format!("Bearer {}", "a".repeat(4000))),
    ];
    for (what, text) in &bearers {
        let got = scene.list_with(&[text]).await;
        catalogue.add("forged token", what, Code::Unauthenticated, got);
    }
    let (good, bad) = (format!("Bearer {real}"), format!("Bearer {}", unknown.reveal()));
    let got = scene.list_with(&[&bad, &good]).await;
    catalogue.add("forged token", "two authorizations", Code::Unauthenticated, got);
}

async fn wrong_roles(scene: &Scene, catalogue: &mut Catalogue) {
    let id = || scene.bobs.clone();
    let mut add = |what: &str, got: Result<(), Status>| {
        catalogue.add("wrong role", what, Code::PermissionDenied, got);
    };
    add("a reader submits", scene.submit(&scene.reader, |_| {}).await);
    let mut reader = scene.jobs(&scene.reader);
    add("a reader cancels", reader.cancel(pb::CancelRequest { job: id() }).await.map(drop));
    add("a reader retries", reader.retry(pb::RetryRequest { job: id() }).await.map(drop));
    let approve = pb::ApproveRequest { job: id(), drop: vec![] };
    add("a reader approves", reader.approve(approve).await.map(drop));
    add("a reader rejects", reader.reject(pb::RejectRequest { job: id() }).await.map(drop));
    let prioritise = pb::PrioritiseRequest { job: id(), priority: 0 };
    add("a reader prioritises", reader.prioritise(prioritise).await.map(drop));
    let mut dropper = scene.jobs(&scene.dropper);
    add("who only submits lists", dropper.list(pb::ListRequest::default()).await.map(drop));
    add("who only submits shows", dropper.show(pb::ShowRequest { job: id() }).await.map(drop));
    add("who only submits watches", dropper.watch(pb::WatchRequest { job: id() }).await.map(drop));
    add(
        "who only submits takes a plan",
        dropper.plan(pb::PlanRequest { job: id() }).await.map(drop),
    );
    let preview = pb::PreviewRequest { job: id() };
    add("who only submits takes a preview", dropper.preview(preview).await.map(drop));
    let mut alice = scene.jobs(&scene.alice);
    add("a client lists workers", alice.workers(pb::WorkersRequest {}).await.map(drop));
    let drain = pb::DrainWorkerRequest { worker: "w1".to_owned(), within_ms: None };
    add("a client drains a worker", alice.drain_worker(drain).await.map(drop));
    add(
        "a client submits before all others",
        scene.submit(&scene.alice, |job| job.priority = 1).await,
    );
    let prioritise = pb::PrioritiseRequest { job: id(), priority: i32::MAX };
    add("a client goes before all others", alice.prioritise(prioritise).await.map(drop));
    let owner = |job: &mut pb::JobRequest| "bob".clone_into(&mut job.owner);
    add("a client submits as another", scene.submit(&scene.alice, owner).await);
    add("an operator submits as another", scene.submit(&scene.operator, owner).await);
    add("an admin submits as nobody", scene.submit(&scene.admin, |_| {}).await);
    let list = pb::ListRequest { owner: "bob".to_owned(), ..pb::ListRequest::default() };
    add("a client lists another's jobs", alice.list(list).await.map(drop));
    let mut joiner = scene.jobs(&scene.join);
    add("a join token lists", joiner.list(pb::ListRequest::default()).await.map(drop));
    add("a join token submits", scene.submit(&scene.join, |_| {}).await);
}

async fn other_owners(scene: &Scene, catalogue: &mut Catalogue) {
    let mut alice = scene.jobs(&scene.alice);
    let id = || scene.bobs.clone();
    let mut add = |what: &str, code: Code, got: Result<(), Status>| {
        if let Err(status) = &got {
            // What is refused tells nothing of the job.
            assert!(!status.message().contains("bob.mp4"), "{status}");
        }
        catalogue.add("other owner", what, code, got);
    };
    let none = Code::NotFound;
    add("Show", none, alice.show(pb::ShowRequest { job: id() }).await.map(drop));
    add("Watch", none, alice.watch(pb::WatchRequest { job: id() }).await.map(drop));
    add("Cancel", none, alice.cancel(pb::CancelRequest { job: id() }).await.map(drop));
    add("Retry", none, alice.retry(pb::RetryRequest { job: id() }).await.map(drop));
    let prioritise = pb::PrioritiseRequest { job: id(), priority: -9 };
    add("Prioritise", none, alice.prioritise(prioritise).await.map(drop));
    let approve = pb::ApproveRequest { job: id(), drop: vec![] };
    add("Approve", none, alice.approve(approve).await.map(drop));
    add("Reject", none, alice.reject(pb::RejectRequest { job: id() }).await.map(drop));
    add("Plan", none, alice.plan(pb::PlanRequest { job: id() }).await.map(drop));
    add("Preview", none, alice.preview(pb::PreviewRequest { job: id() }).await.map(drop));
    let begins = scene.bobs[..7].to_owned();
    add(
        "Show by the beginning of an id",
        none,
        alice.show(pb::ShowRequest { job: begins }).await.map(drop),
    );
    let request = pb::JobRequest {
        input: scene.farm.sources.join("a.mp4").display().to_string(),
        output: scene.farm.movies.join("a.mp4").display().to_string(),
        encoder: "libx264".to_owned(),
        ..pb::JobRequest::default()
    };
    let again = pb::SubmitRequest { request: Some(request), job: Some(id()) };
    add("Submit under its id", Code::AlreadyExists, alice.submit(again).await.map(drop));
    let output = scene.farm.movies.join("bob.mp4").display().to_string();
    let taken = scene.submit(&scene.alice, |job| job.output = output).await;
    let told = taken.as_ref().err().map(|status| status.message().contains(&scene.bobs));
    add(
        "Submit to its output",
        Code::AlreadyExists,
        taken.map_err(|status| {
            let message = status.message().replace("bob.mp4", "");
            Status::new(status.code(), message)
        }),
    );
    assert_eq!(told, Some(false), "whose job it is, is not told");
    let listed = alice.list(pb::ListRequest::default()).await.unwrap().into_inner().jobs;
    assert!(listed.is_empty(), "a list has one's own jobs alone");
}

/// Sources that no job of alice's may have, nor any look at one before there is a job.
fn inputs(scene: &Scene) -> Vec<(&'static str, &'static str, String, Code)> {
    let sources = &scene.farm.sources;
    let inside = |rest: &str| format!("file://{}/{rest}", sources.display());
    let denied = Code::PermissionDenied;
    let odd = Code::InvalidArgument;
    vec![
        ("SSRF", "this machine", "https://127.0.0.1/a.mp4".into(), denied),
        ("SSRF", "this machine in hexadecimal", "https://0x7f000001/a.mp4".into(), denied),
        ("SSRF", "this machine as a number", "https://2130706433/a.mp4".into(), denied),
        ("SSRF", "this machine in short", "https://127.1/a.mp4".into(), denied),
        ("SSRF", "this machine by name", "https://localhost/a.mp4".into(), denied),
        ("SSRF", "this machine in IPv6", "https://[::1]/a.mp4".into(), denied),
        ("SSRF", "this machine, mapped", "https://[::ffff:127.0.0.1]/a.mp4".into(), denied),
        ("SSRF", "this machine by NAT64", "https://[64:ff9b::7f00:1]/a.mp4".into(), denied),
        ("SSRF", "a cloud's metadata", "https://169.254.169.254/latest/meta-data".into(), denied),
        ("SSRF", "a cloud's metadata by name", "https://metadata.google.internal/x".into(), denied),
        ("SSRF", "a private network", "https://10.0.0.1/a.mp4".into(), denied),
        ("SSRF", "a unique local address", "https://[fd00::1]/a.mp4".into(), denied),
        ("SSRF", "a link-local address", "https://[fe80::1]/a.mp4".into(), denied),
        ("SSRF", "another port", "https://cdn.example.com:6379/films/a".into(), denied),
        ("SSRF", "a user in the URL", "https://u:p@cdn.example.com/films/a".into(), denied),
        ("scheme", "http", "http://cdn.example.com/films/a.mp4".into(), odd),
        ("scheme", "ftp", "ftp://cdn.example.com/a.mp4".into(), odd),
        ("scheme", "gopher", "gopher://127.0.0.1:6379/_FLUSHALL".into(), odd),
        ("traversal", "another file", "file:///etc/passwd".into(), denied),
        ("traversal", "another file by its path", "/etc/passwd".into(), denied),
        ("traversal", "processes", "file:///proc/self/environ".into(), denied),
        ("traversal", "dots", inside("../secret/a.mp4"), denied),
        ("traversal", "dots in percent", inside("%2e%2e/secret/a.mp4"), denied),
        ("traversal", "slashes in percent", inside("..%2fsecret%2fa.mp4"), denied),
        ("traversal", "a link to a file", inside("link.mp4"), denied),
        ("traversal", "a link to a folder", inside("folder/a.mp4"), denied),
        (
            "traversal",
            "a folder that only begins so",
            format!("file://{}side/a.mp4", sources.display()),
            denied,
        ),
        ("traversal", "another host", "file://host/in/a.mp4".into(), odd),
        ("traversal", "a nul", "file:///in/a\0.mp4".into(), odd),
        ("traversal", "another bucket", "s3://other/in/a.mp4".into(), denied),
        ("traversal", "another prefix", "s3://media/inner/a.mp4".into(), denied),
        ("traversal", "dots in a key", "s3://media/in/../secret/a.mp4".into(), odd),
        ("traversal", "a path that is not full", "../secret/a.mp4".into(), odd),
        ("traversal", "dots in a key in percent", "s3://media/in/%2e%2e/secret".into(), odd),
    ]
}

async fn places(scene: &Scene, catalogue: &mut Catalogue) {
    let sources = &scene.farm.sources;
    let outside = sources.parent().unwrap().join("secret");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("a.mp4"), b"secret").unwrap();
    std::os::unix::fs::symlink(outside.join("a.mp4"), sources.join("link.mp4")).unwrap();
    std::os::unix::fs::symlink(&outside, sources.join("folder")).unwrap();
    std::os::unix::fs::symlink(&outside, scene.farm.movies.join("folder")).unwrap();
    let denied = Code::PermissionDenied;
    for (kind, what, input, code) in inputs(scene) {
        let got = scene.submit(&scene.alice, |job| job.input = input).await;
        catalogue.add(kind, what, code, got);
    }
    let store = format!("{}/jobs/x", sources.parent().unwrap().join("store").display());
    let movies = scene.farm.movies.display();
    let outputs = [
        ("to where sources are", sources.join("x.mp4").display().to_string()),
        ("into the coordinator's store", store),
        ("through a link", format!("{movies}/folder/x.mp4")),
        ("over a file of the machine", "/etc/cron.d/x".to_owned()),
        ("to a bucket that is to be read", "s3://media/in/x.mp4".to_owned()),
    ];
    for (what, output) in outputs {
        let got = scene.submit(&scene.alice, |job| job.output = output).await;
        catalogue.add("destination", what, denied, got);
    }
    let model = |url: &str| pb::Detector {
        model: Some(pb::ModelRef { url: url.to_owned(), sha256: vec![7; 32], bytes: 9 }),
        what: "model".to_owned(),
        ..pb::Detector::default()
    };
    let got =
        scene.submit(&scene.alice, |job| job.detectors = vec![model("file:///etc/shadow")]).await;
    catalogue.add("traversal", "a detector that is another file", denied, got);
}

async fn workers(scene: &Scene, catalogue: &mut Catalogue) {
    let denied = Code::PermissionDenied;
    let unknown = Code::Unauthenticated;
    let kind = "worker";
    let one = scene.joined("w1", 11).await.unwrap();
    let two = scene.joined("w2", 22).await.unwrap();
    for (what, secret) in [
        ("attends with a client's token", &scene.admin),
        ("attends with a join token", &scene.join),
    ] {
        let got = scene.attend(secret.reveal(), vec![hello("w1", 11)]).await;
        catalogue.add(kind, what, denied, got);
    }
    let mut fleet = scene.fleet(scene.admin.reveal());
    let request = pb::JoinRequest { worker: "w1".to_owned(), instance: 1 };
    catalogue.add(kind, "joins with a client's token", denied, fleet.join(request.clone()).await);
    catalogue.add(kind, "joins with a credential", denied, scene.fleet(&one).join(request).await);
    catalogue.add(kind, "joins under another site's name", denied, scene.joined("x1", 1).await);
    catalogue.add(
        kind,
        "joins under no name",
        Code::InvalidArgument,
        scene.joined("../w", 1).await,
    );
    let to_sign = |worker: &str, instance| pb::SignRequest {
        worker: worker.to_owned(),
        instance,
        bucket: "films".to_owned(),
        path: "in/another.mp4".to_owned(),
        method: "GET".to_owned(),
        ..pb::SignRequest::default()
    };
    for (what, secret, worker, instance, code) in [
        ("has a request signed with a client's token", scene.admin.reveal(), "w1", 11, denied),
        ("has a request signed with a join token", scene.join.reveal(), "w1", 11, denied),
        ("has a request signed as another", one.as_str(), "w2", 22, denied),
        ("has a request signed as another process", one.as_str(), "w1", 12, denied),
        ("has a request signed before it attends", one.as_str(), "w1", 11, Code::Unavailable),
    ] {
        let got = scene.fleet(secret).sign(to_sign(worker, instance)).await;
        catalogue.add(kind, what, code, got);
    }
    let got = scene.attend(&one, vec![hello("w2", 11)]).await;
    catalogue.add(kind, "says that it is another", denied, got);
    let got = scene.attend(&one, vec![hello("w1", 12)]).await;
    catalogue.add(kind, "is another process of that name", denied, got);
    let mut jobs = JobsClient::with_interceptor(scene.channel.clone(), bearer(&one));
    let got = jobs.list(pb::ListRequest::default()).await;
    catalogue.add(kind, "a credential lists jobs", denied, got);

    let now = SystemTime::now();
    let hash = scene.join.hash();
    let made = Credential::new("join", "w9", 9, now);
    let proved = |credential: &Credential, hash| credential.text(hash).unwrap();
    let past = Credential { until_s: made.until_s - 7200, ..made.clone() };
    let far = Credential { until_s: made.until_s + 86_400, ..made.clone() };
    let of_client = Credential { token: "admin".to_owned(), ..made.clone() };
    let of_none = Credential { token: "none".to_owned(), ..made.clone() };
    let renamed = one.replacen("_w1_", "_w9_", 1);
    let forged = [
        ("a credential that has ended", proved(&past, &hash)),
        ("a credential that lasts too long", proved(&far, &hash)),
        ("a credential by a client's token", proved(&of_client, &scene.admin.hash())),
        ("a credential by no token", proved(&of_none, &hash)),
        ("a credential with another proof", proved(&made, &scene.bob.hash())),
        ("a credential with another name", renamed),
    ];
    for (what, secret) in forged {
        let got = scene.attend(&secret, vec![hello("w9", 9)]).await;
        catalogue.add("forged worker", what, unknown, got);
    }

    // One worker holds a lease; another one reports under it.
    let held = attend_on(scene.fleet(&one), vec![hello("w1", 11)]).await;
    let (granted, _held) = held.unwrap();
    let Some(to_worker::Message::Grant(grant)) = granted else { panic!("a grant: {granted:?}") };
    let lease = grant.lease;
    let progress = from_worker::Message::Progress(pb::Progress { lease, frames: 1 });
    let replayed = scene.attend(&two, vec![hello("w2", 22), progress]).await;
    let is_revoked =
        matches!(&replayed, Ok(Some(to_worker::Message::Revoke(it))) if it.lease == lease);
    catalogue.add_other(
        "lease",
        "another worker's, replayed",
        Wanted::Revoked,
        (format!("{replayed:?}"), is_revoked),
    );
    let progress = from_worker::Message::Progress(pb::Progress { lease: 1 << 60, frames: 1 });
    let invented = scene.attend(&two, vec![hello("w2", 22), progress]).await;
    let is_revoked = matches!(&invented, Ok(Some(to_worker::Message::Revoke(_))));
    catalogue.add_other(
        "lease",
        "invented",
        Wanted::Revoked,
        (format!("{invented:?}"), is_revoked),
    );
    let object = |key: String| pb::ObjectRef { key, bytes: 1, sha256: vec![0; 32] };
    let bobs = &scene.bobs;
    for (what, key) in [
        ("an object of another lease", format!("jobs/{bobs}/find/000000.{}", lease + 1)),
        ("an object that is none of a lease", "farm/x".to_owned()),
        ("an object by dots", format!("jobs/../jobs/x/find/000000.{lease}")),
    ] {
        let done = pb::AnalyseDone { lease, evidence: Some(object(key)) };
        let message = from_worker::Message::AnalyseDone(done);
        let got = scene.attend(&two, vec![hello("w2", 22), message]).await;
        catalogue.add("lease", what, Code::InvalidArgument, got);
    }
    // Who is attached under a name stays.
    let stays = scene.attend(&two, vec![hello("w2", 22), hello("w2", 22)]).await;
    catalogue.add("malformed", "a second hello", Code::InvalidArgument, stays);
}

async fn forms(scene: &Scene, catalogue: &mut Catalogue) {
    let mut alice = scene.jobs(&scene.alice);
    let odd = Code::InvalidArgument;
    let big = "x".repeat(17 << 20);
    let got = scene.submit(&scene.alice, |job| job.preset = Some(big)).await;
    catalogue.add("oversized", "a request of 17 MiB", Code::OutOfRange, got);
    let got = alice.submit(pb::SubmitRequest::default()).await;
    catalogue.add("malformed", "a job without a request", odd, got);
    let got = alice.show(pb::ShowRequest { job: job("../x") }).await;
    catalogue.add("malformed", "an id that is a path", odd, got);
    let list =
        pb::ListRequest { state: "'; DROP TABLE record".to_owned(), ..pb::ListRequest::default() };
    catalogue.add("malformed", "a state that is SQL", odd, alice.list(list).await);
    let got = scene.submit(&scene.alice, |job| "libevil".clone_into(&mut job.encoder)).await;
    catalogue.add("malformed", "an encoder that there is not", odd, got);
    let got = scene.submit(&scene.alice, |job| job.input.clear()).await;
    catalogue.add("malformed", "no input", odd, got);
    let got = raw(scene, "/cleanplate.v1.Jobs/Submit", Some(&scene.alice)).await;
    catalogue.add("malformed", "a message of another kind", Code::Internal, got);
    let got = raw(scene, "/cleanplate.v1.Jobs/Shutdown", Some(&scene.admin)).await;
    catalogue.add("malformed", "a call that there is not", Code::Unimplemented, got);
    let one = scene.joined("w3", 3).await.unwrap();
    let mut first = hello("w3", 3);
    if let from_worker::Message::Hello(hello) = &mut first {
        hello.slots = u32::MAX;
    }
    catalogue.add(
        "oversized",
        "a worker of four billion slots",
        odd,
        scene.attend(&one, vec![first]).await,
    );
    let beat = from_worker::Message::Heartbeat(pb::Heartbeat::default());
    catalogue.add(
        "malformed",
        "a worker without a hello",
        odd,
        scene.attend(&one, vec![beat]).await,
    );
}

async fn connections(scene: &Scene, catalogue: &mut Catalogue) {
    let folder = tempfile::tempdir().unwrap();
    let listed = async |channel: Channel| {
        let mut jobs = JobsClient::with_interceptor(channel, bearer(scene.admin.reveal()));
        jobs.list(pb::ListRequest::default()).await.map(drop)
    };
    let mut add = |what: &str, got: Result<(), Status>| {
        let is_right = got.as_ref().is_err_and(|status| {
            status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
        });
        catalogue.add_other(
            "connection",
            what,
            Wanted::NoConnection,
            (format!("{got:?}"), is_right),
        );
    };
    let clear = format!("http://localhost:{}", scene.farm.cluster.port());
    let clear = Dialer::default().endpoint(&clear).unwrap().connect_lazy();
    add("without TLS", listed(clear).await);
    let other = Authority::new(folder.path(), "other");
    let dialer = Dialer { ca: Some(other.certificate()), ..Dialer::default() };
    let stranger = dialer.endpoint(&scene.farm.url()).unwrap().connect_lazy();
    add("by whom another authority is known", listed(stranger).await);
    let forged = other.sign("w1", &["w1"]);
    let authority = Some(scene.farm.authority.certificate());
    let dialer = Dialer { ca: authority.clone(), identity: Some(forged), insecure: false };
    let stranger = dialer.endpoint(&scene.farm.url()).unwrap().connect_lazy();
    add("with a certificate of another authority", listed(stranger).await);

    // A certificate of the farm's own authority, for one worker.
    let identity = scene.farm.authority.sign("w7", &["w7"]);
    let certified = scene.farm.connect(Some(identity)).await.unwrap();
    let denied = Code::PermissionDenied;
    let fleet = FleetClient::with_interceptor(certified.clone(), Bearer::default());
    let got = attend(fleet.clone(), vec![hello("w8", 1)]).await;
    catalogue.add("certificate", "says that it is another worker", denied, got);
    let got = attend(fleet.clone(), vec![hello("w7.gpu", 1)]).await;
    catalogue.add("certificate", "says that it is almost that worker", denied, got);
    let mut jobs = JobsClient::new(certified);
    catalogue.add("certificate", "lists jobs", denied, jobs.list(pb::ListRequest::default()).await);
    catalogue.add(
        "certificate",
        "drains",
        denied,
        jobs.drain_worker(pb::DrainWorkerRequest::default()).await,
    );
    let mut fleet = fleet;
    let request = pb::JoinRequest { worker: "w7".to_owned(), instance: 1 };
    catalogue.add("certificate", "joins", denied, fleet.join(request).await);
}

/// Every route of the table without a token, by whom it is not for, and what is only like a route.
/// As a value of a query.
fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

async fn over_http(scene: &Scene, catalogue: &mut Catalogue) {
    let authority = std::fs::read(scene.farm.authority.certificate()).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    let client = reqwest::Client::builder().timeout(PATIENCE).tls_certs_only([authority]);
    let client = client.build().unwrap();
    let mut asked = Vec::new();
    let (bobs, alice) = (scene.bobs.as_str(), Some(&scene.alice));
    for (method, path, need) in cleanplate_access::ROUTES {
        let path = path.replace("{job}", bobs).replace("{worker}", "w");
        asked.push(("no token", method, path.clone(), None, 401));
        asked.push(("a join token", method, path.clone(), Some(&scene.join), 403));
        asked.push(("a token that has ended", method, path.clone(), Some(&scene.over), 401));
        match need {
            cleanplate_access::Need::Role(role) if role.as_str() != "read" => {
                asked.push(("the role read", method, path.clone(), Some(&scene.reader), 403));
            }
            cleanplate_access::Need::Role(_) => {
                asked.push(("the role submit", method, path.clone(), Some(&scene.dropper), 403));
            }
            _ => {}
        }
        if path.contains(bobs) && method == "GET" {
            asked.push(("another owner's job", method, path, alice, 404));
        }
    }
    for (what, method, path, status) in [
        ("a slash more", "GET", "/api/v1/jobs/", 404),
        ("a slash more inside", "GET", "//api/v1/jobs", 404),
        ("a letter encoded", "GET", "/api/v1/%6aobs", 404),
        ("dots", "GET", "/healthz/..%2fapi/v1/jobs", 404),
        ("an id that is a path", "GET", "/api/v1/jobs/..%2f..%2fetc", 400),
        ("another method", "DELETE", "/api/v1/jobs", 405),
        ("TRACE", "TRACE", "/api/v1/jobs", 405),
        ("a form", "POST", "/api/v1/jobs", 415),
    ] {
        asked.push((what, method, path.to_owned(), alice, status));
    }
    for (_, what, input, code) in inputs(scene) {
        let query: String = form(&input);
        let status = if code == Code::PermissionDenied { 403 } else { 400 };
        asked.push((what, "GET", format!("/api/v1/glimpse?input={query}"), alice, status));
    }
    let others = format!("/api/v1/glimpse?owner=bob&input={}", form("/in/a.mp4"));
    asked.push(("for another owner", "GET", others, alice, 403));
    for (what, method, path, token, status) in asked {
        // A probe with an address of its own finds none here, and whoever is known may ask.
        let is_probe = ["/healthz", "/readyz", "/metrics"].contains(&path.as_str());
        if is_probe && what == "a join token" {
            continue;
        }
        let url = format!("{}{path}", scene.farm.url());
        let mut request = client.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token.reveal());
        }
        let answer = request.send().await.unwrap();
        let code = answer.status().as_u16();
        let kind = answer.headers().get("content-type").map(|it| it.to_str().unwrap().to_owned());
        let said = answer.text().await.unwrap();
        let is_right = code == status && kind.as_deref() == Some("application/problem+json");
        let what = format!("{method} {}: {what}", path.replace(bobs, "{job}"));
        catalogue.add_other(
            "http",
            &what,
            Wanted::Http(status),
            (format!("{code}: {said}"), is_right),
        );
    }
}
