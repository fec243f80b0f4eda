//! The coordinator as its workers and clients see it: over real gRPC, with a journal in SQLite, workers
//! that are played, and a stitch child that is this very test program.

mod failpoints;
mod fleet;
mod hooks;
mod killed;
mod mishap;
mod part;
mod place;
mod pods;
mod receiver;
mod restored;
mod stitch;

use cleanplate_proto::v1 as pb;
use cleanplate_types::failure::FailureKind;
use cleanplate_types::ids::LeaseId;
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::tests::fleet::FakeWorker;
use crate::tests::place::Place;

#[tokio::test]
async fn a_job_goes_from_submission_to_its_movie_and_leaves_nothing_in_the_store() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, None).await.unwrap();
    assert!(id.starts_with("job-"), "{id}");
    let mut states = jobs.watch(pb::WatchRequest { job: id.clone() }).await.unwrap().into_inner();
    FakeWorker::attach(&running, "w1").await.work(&place, &running, &id).await;
    let mut last = None;
    while let Some(state) = states.next().await {
        last = Some(state.unwrap());
    }
    let last = last.unwrap();
    let outcome = last.outcome.unwrap();
    assert_eq!((outcome.kind.as_str(), last.phase.as_str()), ("done", "done"), "{outcome:?}");
    assert_eq!((last.frames_done, last.frames_total), (30, 30));
    let told = [
        part::INTAKE_NOTE,
        "audit: 1 of 3 cells (10 frames)",
        "audit: 1 cell was decoded again by the worker that made it",
        "fallback in encode: nvenc -> libx264: no card (3 times)",
        "played",
    ];
    assert_eq!(last.notes.len(), told.len(), "{:?}", last.notes);
    for (note, begins) in last.notes.iter().zip(told) {
        assert!(note.starts_with(begins), "{:?}", last.notes);
    }
    let movie = std::fs::read(place.output()).unwrap();
    assert_eq!(movie, part::movie(), "every part, in order, once");
    assert_eq!(outcome.output_bytes, movie.len() as u64);
    running.swept(&place).await;
}

#[tokio::test]
async fn a_job_is_shown_with_every_attempt_and_the_trail_of_each() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, Some("j")).await.unwrap();
    FakeWorker::attach(&running, "w1").await.work(&place, &running, &id).await;
    let shown = jobs.show(pb::ShowRequest { job: id }).await.unwrap().into_inner();
    let told: Vec<_> =
        shown.attempts.iter().map(|one| (one.work.as_str(), one.outcome.as_str())).collect();
    assert_eq!(told.first(), Some(&("intake", "done")));
    assert_eq!(told.iter().filter(|one| **one == ("segment", "done")).count(), 3, "{told:?}");
    let stitch = shown.attempts.iter().find(|one| one.work == "stitch").unwrap();
    assert_eq!(stitch.outcome, "done");
    let stages: Vec<_> =
        stitch.trail.iter().map(|line| (line.stage.as_str(), line.event.as_str())).collect();
    assert_eq!(stages, [("stitch", "started"), ("stitch", "finished"), ("publish", "finished")]);
    let segment = shown.attempts.iter().find(|one| one.work == "segment").unwrap();
    let trail: Vec<_> =
        segment.trail.iter().map(|line| (line.stage.as_str(), line.event.as_str())).collect();
    assert_eq!(trail, [("encode", "fallback"), ("commit", "finished")]);
    assert_eq!(segment.worker, "w1");
    assert_eq!(shown.request.unwrap().cell_frames, Some(10));
}

#[tokio::test]
async fn what_is_told_under_a_lease_that_is_not_current_changes_nothing() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, Some("j")).await.unwrap();
    let mut worker = FakeWorker::attach(&running, "w1").await;
    let intake = worker.granted().await;
    let mut zombie = FakeWorker::attach(&running, "w2").await;
    jobs.drain_worker(pb::DrainWorkerRequest { worker: "w2".to_owned(), within_ms: None })
        .await
        .unwrap();
    zombie.drained().await;
    let nobodys = LeaseId(intake.lease.0 + 1000);
    zombie.fail(intake.lease, FailureKind::BadInput, "another's").await;
    zombie.fail(nobodys, FailureKind::BadInput, "nobody's").await;
    zombie.leave().await;
    assert!(zombie.is_cut_off().await, "all that it said has been read");
    worker.fail(nobodys, FailureKind::BadInput, "nobody's").await;
    worker.perform(&place, intake).await;
    assert_eq!(worker.work(&place, &running, &id).await.kind, "done");
}

#[tokio::test]
async fn a_worker_of_another_protocol_version_is_told_both_versions() {
    let place = Place::new();
    let running = place.start().await;
    let other = cleanplate_proto::PROTOCOL_VERSION + 1;
    let Err(status) = FakeWorker::hello(&running, "w1", other, &[]).await else {
        panic!("it must be refused")
    };
    assert_eq!(status.code(), Code::FailedPrecondition);
    let words = ["9.9.9", env!("CARGO_PKG_VERSION"), "run the same version of cleanplate"];
    assert!(words.iter().all(|word| status.message().contains(word)), "{status}");
}

#[tokio::test]
async fn a_second_worker_of_a_name_is_refused_while_the_first_lives_and_the_first_works_on() {
    let place = Place::new();
    let running = place.start().await;
    let id = place.submit(&mut running.jobs(), Some("j")).await.unwrap();
    let mut first = FakeWorker::instance(&running, "w1", 1).await.unwrap();
    let intake = first.granted().await;
    let Err(status) = FakeWorker::instance(&running, "w1", 2).await else {
        panic!("the first one lives")
    };
    assert_eq!(status.code(), Code::AlreadyExists);
    assert!(["w1", "--name"].iter().all(|word| status.message().contains(word)), "{status}");
    first.perform(&place, intake).await;
    assert_eq!(first.work(&place, &running, &id).await.kind, "done");
    let shown = running.jobs().show(pb::ShowRequest { job: id }).await.unwrap().into_inner();
    assert!(shown.attempts.iter().all(|one| one.outcome == "done"), "{:?}", shown.attempts);
}

#[tokio::test]
async fn a_process_that_opens_a_new_stream_takes_over_from_its_old_one() {
    let place = Place::new();
    let running = place.start().await;
    let mut old = FakeWorker::instance(&running, "w1", 1).await.unwrap();
    let _new = FakeWorker::instance(&running, "w1", 1).await.unwrap();
    assert!(old.is_cut_off().await);
    assert_eq!(running.workers().await.len(), 1);
}

#[tokio::test]
async fn a_cancelled_job_publishes_nothing_and_is_swept() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, Some("j")).await.unwrap();
    let mut worker = FakeWorker::attach(&running, "w1").await;
    for _ in 0..2 {
        let granted = worker.granted().await;
        worker.perform(&place, granted).await;
    }
    let held = worker.granted().await;
    for _ in 0..2 {
        jobs.cancel(pb::CancelRequest { job: id.clone() }).await.unwrap();
    }
    assert_eq!(worker.revoked().await, held.lease);
    assert_eq!(running.outcome(&id).await.kind, "cancelled");
    running.swept(&place).await;
    assert_eq!(place.videos(), ["in.mp4"]);
    let status = jobs.cancel(pb::CancelRequest { job: "other".to_owned() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn an_output_that_is_the_input_or_cannot_be_written_is_refused_at_the_door() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let link = place.folder().join("link.mp4");
    std::os::unix::fs::symlink(place.input(), &link).unwrap();
    let absent = place.folder().join("absent/out.mp4");
    let cases = [
        (place.input(), Code::InvalidArgument, "the output is the input"),
        (link, Code::InvalidArgument, "the output is the input"),
        (absent, Code::FailedPrecondition, "create it first"),
        (place.folder(), Code::FailedPrecondition, "is a folder"),
    ];
    for (output, code, words) in cases {
        let output = output.display().to_string();
        let request = Some(pb::JobRequest { output, ..place.request() });
        let status = jobs.submit(pb::SubmitRequest { request, job: None }).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(words), "{status}");
    }
    let listed = jobs.list(pb::ListRequest::default()).await.unwrap().into_inner().jobs;
    assert_eq!(listed, []);
    assert_eq!(place.videos(), ["in.mp4", "link.mp4"]);
}

#[tokio::test]
async fn the_same_id_is_the_same_job_and_another_request_under_it_is_refused() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    for _ in 0..2 {
        assert_eq!(place.submit(&mut jobs, Some("mine")).await.unwrap(), "mine");
    }
    let request = Some(pb::JobRequest { quality: Some(30), ..place.request() });
    let submit = pb::SubmitRequest { request, job: Some("mine".to_owned()) };
    assert_eq!(jobs.submit(submit).await.unwrap_err().code(), Code::AlreadyExists);
    let status = place.submit(&mut jobs, Some("Not an id")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let listed = jobs.list(pb::ListRequest::default()).await.unwrap().into_inner().jobs;
    let told: Vec<_> =
        listed.iter().map(|one| (one.phase.as_str(), one.waits_for.as_str())).collect();
    assert_eq!(told, [("queued", "no worker is attached")]);
}

#[tokio::test]
async fn the_output_of_an_open_job_is_refused_to_another_however_it_is_spelled() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    place.submit(&mut jobs, Some("first")).await.unwrap();
    let spelled = [
        format!("file://{}/./out.mp4", place.folder().display()),
        place.folder().join("../videos/out.mp4").display().to_string(),
    ];
    for output in spelled {
        let request = Some(pb::JobRequest { output, ..place.request() });
        let status = jobs.submit(pb::SubmitRequest { request, job: None }).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists, "{status}");
        assert!(status.message().contains("job first writes"), "{status}");
        assert!(status.message().contains("cleanplate cancel first"), "{status}");
    }
    jobs.cancel(pb::CancelRequest { job: "first".to_owned() }).await.unwrap();
    place.submit(&mut jobs, Some("second")).await.unwrap();
    let retried = jobs.retry(pb::RetryRequest { job: "first".to_owned() }).await;
    let status = retried.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{status}");
    assert!(status.message().contains("job second writes"), "{status}");
}

#[tokio::test]
async fn a_job_is_found_by_the_beginning_of_its_id_where_that_is_its_alone() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    for id in ["job-abc", "job-abd", "job-ab", "mine"] {
        place.submit_apart(&mut jobs, id).await;
    }
    let cases = [("job-abc", "job-abc"), ("abd", "job-abd"), ("job-ab", "job-ab"), ("m", "mine")];
    for (typed, meant) in cases {
        assert_eq!(running.state(typed).await.job, meant, "{typed}");
    }
    let show = |job: &str| pb::ShowRequest { job: job.to_owned() };
    let status = jobs.show(show("ab")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains("write more of the id"), "{status}");
    assert_eq!(jobs.show(show("abx")).await.unwrap_err().code(), Code::NotFound);
    jobs.cancel(pb::CancelRequest { job: "abd".to_owned() }).await.unwrap();
    assert_eq!(running.outcome("job-abd").await.kind, "cancelled");
}

#[tokio::test]
async fn a_list_has_the_jobs_of_an_owner_or_a_state_and_its_limit_counts_those() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    for (number, owner) in ["a", "b", "a", "b", "b"].into_iter().enumerate() {
        let output = place.folder().join(format!("{number}.mp4")).display().to_string();
        let (owner, priority) = (owner.to_owned(), i32::try_from(number).unwrap());
        let request = pb::JobRequest { output, owner, priority, ..place.request() };
        let job = Some(format!("j{number}"));
        jobs.submit(pb::SubmitRequest { request: Some(request), job }).await.unwrap();
    }
    jobs.cancel(pb::CancelRequest { job: "j4".to_owned() }).await.unwrap();
    let list = |limit: u32, owner: &str, state: &str| pb::ListRequest {
        limit,
        owner: owner.to_owned(),
        state: state.to_owned(),
        after: String::new(),
    };
    let cases = [
        (list(0, "", ""), &["j4", "j3", "j2", "j1", "j0"][..]),
        (list(2, "a", ""), &["j2", "j0"]),
        (list(1, "b", "queued"), &["j3"]),
        (list(0, "", "cancelled"), &["j4"]),
        (list(0, "", "running"), &[]),
        (list(0, "nobody", ""), &[]),
    ];
    for (request, wanted) in cases {
        let told = format!("{request:?}");
        let listed = jobs.list(request).await.unwrap().into_inner().jobs;
        assert_eq!(listed.iter().map(|one| one.job.as_str()).collect::<Vec<_>>(), wanted, "{told}");
    }
    assert_eq!(running.state("j3").await.owner, "b");
    assert_eq!(running.state("j3").await.priority, 3);
    let status = jobs.list(list(5_001, "", "")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains("at most 5000"), "{status}");
    let status = jobs.list(list(0, "", "done for")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains("queued, running"), "{status}");
}

#[tokio::test]
async fn a_preview_that_is_not_made_yet_says_when_to_ask_again() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let submit = |job: &str, review| {
        let output = place.folder().join(format!("{job}.mp4")).display().to_string();
        let request = Some(pb::JobRequest { review, output, ..place.request() });
        pb::SubmitRequest { request, job: Some(job.to_owned()) }
    };
    jobs.submit(submit("waits", "wait".to_owned())).await.unwrap();
    jobs.submit(submit("goes", "go".to_owned())).await.unwrap();
    let mut said = async |job: &str| {
        let request = pb::PreviewRequest { job: job.to_owned() };
        jobs.preview(request).await.unwrap_err().message().to_owned()
    };
    let waits = said("waits").await;
    assert!(waits.contains("not made its preview yet") && waits.contains("`queued`"), "{waits}");
    let goes = said("goes").await;
    assert!(goes.contains("submit with --review"), "{goes}");
}

#[tokio::test]
async fn a_retry_of_what_has_not_ended_or_is_done_says_so() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, Some("j")).await.unwrap();
    let retry = || pb::RetryRequest { job: id.clone() };
    let status = jobs.retry(retry()).await.unwrap_err();
    assert!(status.message().contains("has not ended yet"), "{status}");
    let mut worker = FakeWorker::attach(&running, "w1").await;
    let intake = worker.granted().await;
    worker.fail(intake.lease, FailureKind::BadInput, "not a video").await;
    let failure = running.outcome(&id).await.failure.unwrap();
    assert_eq!((failure.kind.as_str(), failure.worker.as_str()), ("bad_input", "w1"));
    jobs.retry(retry()).await.unwrap();
    assert_eq!(worker.work(&place, &running, &id).await.kind, "done");
    let status = jobs.retry(retry()).await.unwrap_err();
    assert!(status.message().contains("has ended (done)"), "{status}");
}

#[tokio::test]
async fn what_a_leaving_worker_holds_goes_to_another_at_once() {
    let place = Place::new();
    let running = place.start().await;
    let id = place.submit(&mut running.jobs(), Some("j")).await.unwrap();
    let mut leaver = FakeWorker::attach(&running, "w1").await;
    leaver.granted().await;
    let mut heir = FakeWorker::attach(&running, "w2").await;
    leaver.leave().await;
    assert_eq!(heir.work(&place, &running, &id).await.kind, "done");
    let workers = running.workers().await;
    let told: Vec<_> = workers.iter().map(|one| (one.worker.as_str(), one.frames_done)).collect();
    assert_eq!(told, [("w2", 30)], "who left is not listed");
    assert_eq!((workers[0].tier.as_str(), workers[0].version.as_str()), ("cpu", "9.9.9"));
}

#[tokio::test]
async fn a_drained_worker_is_told_and_gets_no_more() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let mut worker = FakeWorker::attach(&running, "w1").await;
    let drain =
        |worker: &str| pb::DrainWorkerRequest { worker: worker.to_owned(), within_ms: None };
    jobs.drain_worker(drain("w1")).await.unwrap();
    worker.drained().await;
    place.submit(&mut jobs, Some("j")).await.unwrap();
    assert_eq!(running.workers().await[0].state, "draining");
    let within = pb::DrainWorkerRequest { within_ms: Some(60_000), ..drain("w1") };
    jobs.drain_worker(within).await.unwrap();
    assert_eq!(running.workers().await[0].state, "leaving");
    assert_eq!(running.state("j").await.leases, 0);
    assert_eq!(jobs.drain_worker(drain("w9")).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn health_and_reflection_answer() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let place = Place::new();
    let running = place.start().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(running.channel());
    for service in ["", "cleanplate.v1.Fleet", "cleanplate.v1.Jobs"] {
        let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status.as_str_name(), "SERVING", "{service}");
    }
    let question = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(running.channel());
    let asked = client.server_reflection_info(tokio_stream::once(question)).await;
    let answer = asked.unwrap().into_inner().next().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|one| one.name.as_str()).collect();
    for service in ["cleanplate.v1.Fleet", "cleanplate.v1.Jobs", "grpc.health.v1.Health"] {
        assert!(names.contains(&service), "{service} is not in {names:?}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named_with_a_remedy() {
    let first = crate::listen("127.0.0.1:0").await.unwrap();
    let address = first.local_addr().unwrap().to_string();
    let text = crate::listen(&address).await.unwrap_err().to_string();
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}
