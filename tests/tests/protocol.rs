//! The handshake: worker and coordinator of different protocol versions are refused in words, by both, and
//! so is a second worker of a name that is in use.

use std::pin::Pin;

use cleanplate_proto::{PROTOCOL_VERSION, v1 as pb};
use cleanplate_tests::binary;
use cleanplate_tests::cluster::{Cluster, said};
use pb::fleet_client::FleetClient;
use pb::fleet_server::{Fleet, FleetServer};
use pb::{from_worker, to_worker};
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, Streaming};

fn hello(protocol: u32) -> pb::FromWorker {
    let hello = pb::Hello {
        protocol,
        version: "9.9.9".to_owned(),
        worker: "from-the-future".to_owned(),
        slots: 1,
        objects: cleanplate_store::OBJECT_FORMAT.into(),
        ..pb::Hello::default()
    };
    pb::FromWorker { message: Some(from_worker::Message::Hello(hello)) }
}

async fn attend(url: &str, first: pb::FromWorker) -> Result<Option<pb::ToWorker>, Status> {
    let mut client = FleetClient::connect(url.to_owned()).await.unwrap();
    // Pending at its end: a stream that ends is a worker that goes.
    let messages = tokio_stream::StreamExt::chain(
        tokio_stream::iter([first]),
        tokio_stream::pending::<pb::FromWorker>(),
    );
    client.attend(messages).await?.into_inner().message().await
}

#[tokio::test]
async fn a_worker_of_another_protocol_is_turned_away_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let status = attend(&cluster.url(), hello(PROTOCOL_VERSION + 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    for word in ["protocol", &PROTOCOL_VERSION.to_string(), &(PROTOCOL_VERSION + 1).to_string()] {
        assert!(status.message().contains(word), "{word}: {status}");
    }
    assert!(cluster.ask_json(&["workers"]).is_empty(), "it never attached");

    let welcome = attend(&cluster.url(), hello(PROTOCOL_VERSION)).await.unwrap().unwrap();
    let Some(to_worker::Message::Welcome(welcome)) = welcome.message else {
        panic!("the first message is a welcome: {welcome:?}")
    };
    assert_eq!(welcome.protocol, PROTOCOL_VERSION);

    // A fleet is upgraded one machine after the other: the protocol before is taken, but not other objects.
    let before = attend(&cluster.url(), hello(PROTOCOL_VERSION - 1)).await.unwrap().unwrap();
    let Some(to_worker::Message::Welcome(welcome)) = before.message else {
        panic!("a worker of the version before is welcome: {before:?}")
    };
    assert_eq!(welcome.protocol, PROTOCOL_VERSION - 1, "which goes on only where this is its own");
    let mut other = hello(PROTOCOL_VERSION);
    if let Some(from_worker::Message::Hello(hello)) = &mut other.message {
        hello.objects += 1;
    }
    let status = attend(&cluster.url(), other).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    assert!(status.message().contains("objects"), "{status}");
}

#[tokio::test]
async fn a_first_message_that_is_no_hello_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let first =
        pb::FromWorker { message: Some(from_worker::Message::Heartbeat(pb::Heartbeat::default())) };
    assert!(attend(&cluster.url(), first).await.is_err());
}

/// A coordinator of another protocol, which says so in its welcome.
struct Another;

#[tonic::async_trait]
impl Fleet for Another {
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
        Err(Status::unimplemented("it signs nothing"))
    }

    type AttendStream = Pin<Box<dyn Stream<Item = Result<pb::ToWorker, Status>> + Send>>;

    async fn attend(
        &self,
        _messages: Request<Streaming<pb::FromWorker>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let welcome = pb::Welcome {
            farm: String::new(),
            protocol: PROTOCOL_VERSION + 1,
            version: "9.9.9".to_owned(),
            store: "file:///nowhere".to_owned(),
            signs: false,
            heartbeat_ms: 1000,
        };
        let message = pb::ToWorker { message: Some(to_worker::Message::Welcome(welcome)) };
        let messages = tokio_stream::StreamExt::chain(
            tokio_stream::iter([Ok(message)]),
            tokio_stream::pending(),
        );
        Ok(Response::new(Box::pin(messages)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_ends_with_a_sentence_where_the_coordinator_is_of_another_protocol() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serve = tonic::transport::Server::builder()
        .add_service(FleetServer::new(Another))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let server = tokio::spawn(serve);
    let worker =
        tokio::task::spawn_blocking(move || binary::run(["worker", "--coordinator", &url]));
    let output = worker.await.unwrap();
    server.abort();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(errors[0].contains("protocol") && errors[0].contains("9.9.9"), "{text}");
}

#[test]
fn a_second_worker_of_a_name_in_use_ends_with_a_remedy_and_the_first_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    cluster.until("the first worker is attached", |cluster| {
        (!cluster.ask_json(&["workers"]).is_empty()).then_some(())
    });
    let second = binary::run(["worker", "--coordinator", &cluster.url(), "--name", "worker-0"]);
    assert_eq!(second.status.code(), Some(1));
    let text = said(&second);
    let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(errors[0].contains("worker-0") && errors[0].contains("--name"), "{text}");
    let workers = cluster.ask_json(&["workers"]);
    assert_eq!(workers.len(), 1, "{workers:?}");
    assert_eq!(workers[0]["state"], "attached", "{workers:?}");
}

#[test]
fn a_worker_that_sees_another_store_ends_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    // As where the store's folder is not mounted on the worker's machine.
    let store = folder.path().join("store");
    let marked = |_: &mut Cluster| store.join("farm").is_dir().then_some(());
    cluster.until("the coordinator has marked its store", marked);
    std::fs::rename(&store, folder.path().join("elsewhere")).unwrap();
    std::fs::create_dir(&store).unwrap();
    let worker = binary::run(["worker", "--coordinator", &cluster.url(), "--name", "far"]);
    let text = said(&worker);
    assert_eq!(worker.status.code(), Some(4), "{text}");
    let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(errors[0].contains("is not the coordinator's"), "{text}");
}
