//! Clients: without a token, with a forged one, without the role, after another owner's job, and malformed.

use cleanplate_access::Token;
use cleanplate_proto::keda::external_scaler_client::ExternalScalerClient;
use cleanplate_proto::keda::{GetMetricsRequest, ScaledObjectRef};
use cleanplate_proto::v1 as pb;
use pb::fleet_client::FleetClient;
use pb::from_worker;
use pb::jobs_client::JobsClient;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::catalogue::Catalogue;
use crate::scene::{Scene, hello};

/// Every call, without a word of who asks.
pub(crate) async fn nobody(scene: &Scene, catalogue: &mut Catalogue) {
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

pub(crate) async fn forged_tokens(scene: &Scene, catalogue: &mut Catalogue) {
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

pub(crate) async fn wrong_roles(scene: &Scene, catalogue: &mut Catalogue) {
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

pub(crate) async fn other_owners(scene: &Scene, catalogue: &mut Catalogue) {
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

pub(crate) async fn forms(scene: &Scene, catalogue: &mut Catalogue) {
    let mut alice = scene.jobs(&scene.alice);
    let odd = Code::InvalidArgument;
    let big = "x".repeat(17 << 20);
    let got = scene.submit(&scene.alice, |job| job.preset = Some(big)).await;
    catalogue.add("oversized", "a request of 17 MiB", Code::OutOfRange, got);
    let got = alice.submit(pb::SubmitRequest::default()).await;
    catalogue.add("malformed", "a job without a request", odd, got);
    let got = alice.show(pb::ShowRequest { job: "../x".to_owned() }).await;
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
