//! The `Fleet` service: one stream a worker, parsed at the door.
//!
//! Owns the handshake and what a stream's end means. Refuses another protocol version, a worker whose name
//! another one lives under or that is not the one it was let in by, and one that does not take what it is sent: it is
//! detached, and may attach again. A stream lives no longer than what it was opened with.

mod door;
mod grants;
mod sessions;
mod sign;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cleanplate_access::{CREDENTIAL_LIFE, Caller};
use cleanplate_core::effect::Ignored;
use cleanplate_core::input::{Attachment, Input};
use cleanplate_proto::v1::fleet_server::Fleet;
use cleanplate_proto::{PROTOCOL_OLDEST, PROTOCOL_VERSION, load_from_wire, v1 as pb};
use cleanplate_store::OBJECT_FORMAT;
use cleanplate_types::ids::WorkerId;
use futures::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

pub(crate) use crate::attend::grants::grant_to_wire;
pub(crate) use crate::attend::sessions::Sessions;
pub(crate) use crate::attend::sign::Held;
use crate::attend::sign::Signer;
use crate::closing::Closing;
use crate::dispatch::{Order, Orders, Question};
use crate::door::{self as front, Door};

/// How long a worker may take to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(10);

/// Messages that may wait for a worker: every slot of the largest machines ([`door::SLOTS_MAX`]) granted and revoked. Each is below a KiB but for a reduce grant (64 windows, 10 KiB).
const TO_WORKER_MAX: usize = 2 * door::SLOTS_MAX as usize;

/// What a worker is told when it attaches.
#[derive(Debug, Clone)]
pub(crate) struct Greeting {
    /// The store's root URL.
    pub(crate) store: String,
    /// How often to send a heartbeat, in milliseconds.
    pub(crate) heartbeat_ms: u32,
    /// By what the store is known to be the same.
    pub(crate) farm: String,
    /// Whether its requests to S3 are signed here.
    pub(crate) signs: bool,
}

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Attend {
    orders: Orders,
    sessions: Arc<Sessions>,
    greeting: Greeting,
    closing: Closing,
    door: Arc<Door>,
    /// Signs workers' requests to the store, where it does.
    signer: Option<Signer>,
}

type ToWorkerStream = Pin<Box<dyn futures::Stream<Item = Result<pb::ToWorker, Status>> + Send>>;

impl Attend {
    pub(crate) fn new(
        orders: Orders,
        sessions: Arc<Sessions>,
        greeting: Greeting,
        closing: Closing,
        door: Arc<Door>,
    ) -> Self {
        let signer = greeting.signs.then(|| Signer::new(&greeting.store));
        Self { orders, sessions, greeting, closing, door, signer }
    }

    /// What a worker holds that says to be that process.
    async fn held(&self, worker: &WorkerId, instance: u64) -> Result<Held, Status> {
        let asked = worker.clone();
        let held = self.orders.ask(|reply| Question::Held { worker: asked, reply }).await?;
        held.filter(|held| held.instance == instance).ok_or_else(|| {
            // It comes back with a stream of its own, and then asks again.
            Status::unavailable(format!("no worker {worker} of this process is attached"))
        })
    }

    /// In the words of the worker's protocol, which is taken: an older worker goes by an equal number.
    fn welcome(&self, protocol: u32) -> pb::ToWorker {
        let welcome = pb::Welcome {
            protocol,
            version: VERSION.to_owned(),
            store: self.greeting.store.clone(),
            heartbeat_ms: self.greeting.heartbeat_ms,
            farm: self.greeting.farm.clone(),
            signs: self.signer.is_some(),
        };
        pb::ToWorker { message: Some(pb::to_worker::Message::Welcome(welcome)) }
    }
}

/// The version of the product.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[tonic::async_trait]
impl Fleet for Attend {
    async fn join(
        &self,
        request: Request<pb::JoinRequest>,
    ) -> Result<Response<pb::JoinResponse>, Status> {
        let caller = front::caller(&request)?;
        let pb::JoinRequest { worker, instance } = request.into_inner();
        let worker =
            WorkerId::parse(&worker).map_err(|bad| Status::invalid_argument(bad.to_string()))?;
        let access = self.door.access();
        let joined = access.join(&caller, worker.as_str(), instance, SystemTime::now())?;
        let Some((credential, text)) = joined else {
            return Ok(Response::new(pb::JoinResponse::default()));
        };
        tracing::info!(%worker, token = credential.token, "worker joins");
        let ends_in_ms = u64::try_from(CREDENTIAL_LIFE.as_millis()).unwrap_or(u64::MAX);
        Ok(Response::new(pb::JoinResponse { credential: text, ends_in_ms }))
    }

    async fn sign(
        &self,
        request: Request<pb::SignRequest>,
    ) -> Result<Response<pb::SignResponse>, Status> {
        let caller = front::caller(&request)?;
        let (worker, instance, request) = door::to_sign(request.into_inner())?;
        caller.may_be(worker.as_str(), instance)?;
        let signer = self.signer.as_ref().ok_or_else(|| {
            Status::failed_precondition("this coordinator signs no requests; use keys of your own")
        })?;
        let held = self.held(&worker, instance).await?;
        let (url, lasts) = signer.sign(&request, &held).await.inspect_err(|refused| {
            tracing::warn!(%worker, %refused, "a request to the store is not signed");
        })?;
        let lasts_ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        Ok(Response::new(pb::SignResponse { url, lasts_ms }))
    }

    type AttendStream = ToWorkerStream;

    async fn attend(
        &self,
        request: Request<Streaming<pb::FromWorker>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let caller = front::caller(&request)?;
        let mut incoming = request.into_inner();
        let first = tokio::time::timeout(HELLO_WAIT, incoming.message()).await;
        let first = first.map_err(|_late| {
            Status::deadline_exceeded("the worker did not say hello within 10 seconds")
        })??;
        let first = first.and_then(|from| from.message);
        let Some(pb::from_worker::Message::Hello(hello)) = first else {
            return Err(Status::invalid_argument("the first message of a worker is its hello"));
        };
        same_protocol(&hello)?;
        let (version, protocol) = (hello.version.clone(), hello.protocol);
        let hello = door::hello(hello)?;
        let worker = hello.worker.clone();
        caller.may_be(worker.as_str(), hello.instance).inspect_err(|refused| {
            tracing::warn!(%worker, %refused, "worker refused");
        })?;
        let (queue, outgoing) = mpsc::channel(TO_WORKER_MAX);
        // The queue is new and has room; the other end is held right here.
        queue.try_send(Ok(self.welcome(protocol))).ok();
        let (session, detached) = self.sessions.open(worker.clone(), version, queue);
        tracing::info!(%worker, session, card = ?hello.card, slots = hello.slots, "worker attaches");
        let attachment = Attachment {
            worker: hello.worker,
            session,
            instance: hello.instance,
            card: hello.card,
            slots: hello.slots,
            encoders: hello.encoders,
            models: hello.models,
            holding: hello.holding,
            acknowledges: hello.acknowledges,
        };
        let void = self.orders.input(Input::Attach(Box::new(attachment))).await?;
        if let Some(void @ Ignored::NameInUse { .. }) = void {
            tracing::warn!(%worker, session, %void, "worker refused");
            self.sessions.close(session);
            return Err(Status::already_exists(void.to_string()));
        }
        self.sessions.supersede(&worker, session);
        let listener = Listener {
            worker,
            session,
            orders: self.orders.clone(),
            sessions: Arc::clone(&self.sessions),
            closing: self.closing.clone(),
            let_in: (Arc::clone(&self.door), caller),
        };
        tokio::spawn(listener.listen(incoming, detached));
        let messages = ReceiverStream::new(outgoing).take_until(self.closing.clone().wait());
        // A coordinator that was deposed says so last.
        let closing = self.closing.clone();
        let last = futures::stream::once(async move { closing.elsewhere() });
        let last = last.filter_map(|status| std::future::ready(status.map(Err)));
        Ok(Response::new(Box::pin(messages.chain(last))))
    }
}

/// Refuses a worker that could misunderstand this coordinator, or its objects: one of the version before is taken
/// where it reads and writes the same objects.
fn same_protocol(hello: &pb::Hello) -> Result<(), Status> {
    if (PROTOCOL_OLDEST..=PROTOCOL_VERSION).contains(&hello.protocol) {
        return same_objects(hello);
    }
    let (theirs, their_version) = (hello.protocol, &hello.version);
    tracing::warn!(
        worker = hello.worker,
        protocol = theirs,
        version = their_version,
        "worker of another protocol version refused"
    );
    Err(Status::failed_precondition(format!(
        "the coordinator is cleanplate {VERSION} with protocol {PROTOCOL_VERSION}, the worker is \
         cleanplate {their_version} with protocol {theirs}; run the same version of cleanplate on both"
    )))
}

/// What workers of a protocol read and write that does not tell.
const OBJECTS_UNTOLD: u32 = 5;

fn same_objects(hello: &pb::Hello) -> Result<(), Status> {
    let theirs = if hello.objects == 0 { OBJECTS_UNTOLD } else { hello.objects };
    let ours = u32::from(OBJECT_FORMAT);
    if theirs == ours {
        return Ok(());
    }
    let their_version = &hello.version;
    tracing::warn!(
        worker = hello.worker,
        objects = theirs,
        "worker of another object format refused"
    );
    Err(Status::failed_precondition(format!(
        "the coordinator is cleanplate {VERSION} and keeps its objects in format {ours}, the worker is \
         cleanplate {their_version} with format {theirs}; run the same version of cleanplate on both"
    )))
}

/// Takes what one worker tells, until its stream ends.
struct Listener {
    worker: WorkerId,
    session: u64,
    orders: Orders,
    sessions: Arc<Sessions>,
    closing: Closing,
    /// What it was let in by.
    let_in: (Arc<Door>, Caller),
}

impl Listener {
    async fn listen(
        self,
        mut incoming: Streaming<pb::FromWorker>,
        mut detached: oneshot::Receiver<()>,
    ) {
        let mut closed = pin!(self.closing.clone().wait());
        let (entrance, caller) = self.let_in.clone();
        let mut out = pin!(entrance.until_out(caller));
        let why = loop {
            let message = tokio::select! {
                message = incoming.message() => message,
                _ = &mut detached => break "it was detached".to_owned(),
                _ = &mut closed => {
                    break "the coordinator is stopping".to_owned();
                }
                () = &mut out => {
                    self.sessions.refuse(self.session, front::is_out());
                    break "what it was let in by has ended".to_owned();
                }
            };
            let message = match message {
                Ok(Some(message)) => message,
                Ok(None) => break "it closed its stream".to_owned(),
                Err(status) => break status.message().to_owned(),
            };
            if let Some(pb::from_worker::Message::Heartbeat(pb::Heartbeat { load: Some(load) })) =
                &message.message
            {
                self.sessions.loaded(self.session, load_from_wire(*load));
            }
            match door::message(&self.worker, self.session, message) {
                Ok(order) => {
                    if self.orders.send(order).await.is_err() {
                        break "the coordinator is stopping".to_owned();
                    }
                }
                Err(error) => {
                    self.sessions.refuse(self.session, Status::from(error.clone()));
                    break format!("it sent what makes no sense: {error}");
                }
            }
        };
        let Self { worker, session, .. } = &self;
        tracing::info!(%worker, session, why, "worker detached");
        self.sessions.close(*session);
        let input = Input::Detach { worker: worker.clone(), session: *session };
        // If the dispatch loop is gone, so are all sessions.
        self.orders.send(Order::Tell { input, reply: None }).await.ok();
    }
}
