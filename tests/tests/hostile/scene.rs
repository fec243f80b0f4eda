//! The farm behind its door, who is known to it, and how they speak to it.

use std::path::Path;
use std::time::Duration;

use cleanplate_access::{Bearer, Token};
use cleanplate_proto::{PROTOCOL_VERSION, v1 as pb};
use cleanplate_tests::closed::{ClosedFarm, bearer};
use cleanplate_tests::cluster::free_port;
use pb::fleet_client::FleetClient;
use pb::jobs_client::JobsClient;
use pb::{from_worker, to_worker};
use tokio_stream::StreamExt as _;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

type Jobs = JobsClient<InterceptedService<Channel, Bearer>>;
type Fleet = FleetClient<InterceptedService<Channel, Bearer>>;

/// The farm and who is known to it.
pub(crate) struct Scene {
    pub(crate) farm: ClosedFarm,
    pub(crate) channel: Channel,
    pub(crate) alice: Token,
    pub(crate) bob: Token,
    pub(crate) reader: Token,
    pub(crate) dropper: Token,
    pub(crate) operator: Token,
    pub(crate) admin: Token,
    pub(crate) join: Token,
    pub(crate) over: Token,
    pub(crate) gone: Token,
    /// A job of bob's.
    pub(crate) bobs: String,
}

impl Scene {
    pub(crate) async fn set(folder: &Path) -> Self {
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

    pub(crate) fn jobs(&self, token: &Token) -> Jobs {
        jobs(&self.channel, token)
    }

    pub(crate) fn fleet(&self, secret: &str) -> Fleet {
        FleetClient::with_interceptor(self.channel.clone(), bearer(secret))
    }

    /// Lists with these authorizations.
    pub(crate) async fn list_with(&self, authorizations: &[&str]) -> Result<(), Status> {
        let mut request = Request::new(pb::ListRequest::default());
        for text in authorizations {
            request.metadata_mut().append("authorization", text.parse().unwrap());
        }
        JobsClient::new(self.channel.clone()).list(request).await.map(drop)
    }

    /// Submits with a token what a change makes of a request that is fine.
    pub(crate) async fn submit(
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
    pub(crate) async fn joined(&self, worker: &str, instance: u64) -> Result<String, Status> {
        let request = pb::JoinRequest { worker: worker.to_owned(), instance };
        let joined = self.fleet(self.join.reveal()).join(request).await?;
        Ok(joined.into_inner().credential)
    }

    /// Attends with this secret and says this; returns what comes after the welcome.
    pub(crate) async fn attend(
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
pub(crate) async fn attend_on(
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

pub(crate) async fn attend(
    fleet: Fleet,
    messages: Vec<from_worker::Message>,
) -> Result<Option<to_worker::Message>, Status> {
    attend_on(fleet, messages).await.map(|(next, _incoming)| next)
}

pub(crate) fn hello(worker: &str, instance: u64) -> from_worker::Message {
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
