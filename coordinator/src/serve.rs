//! The server: `Fleet`, `Jobs`, KEDA's scaler, gRPC health and reflection, and the HTTP interface, on one port or inside the process.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_proto::keda::external_scaler_server::ExternalScalerServer;
use cleanplate_proto::v1::fleet_server::FleetServer;
use cleanplate_proto::v1::jobs_server::JobsServer;
use cleanplate_proto::{DESCRIPTORS, MESSAGE_BYTES_MAX};
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tower::layer::util::{Identity, Stack};

use crate::attend::Attend;
use crate::closing::Closing;
use crate::coordinator::{Coordinator, CoordinatorError};
use crate::door::{AskWho, Door, incoming};
use crate::http::{self, Api, Ready};
use crate::jobs::JobsService;
use crate::limits::Rate;
use crate::scaler::Scaler;

/// How often a silent connection is asked for a sign of life: below what routers and balancers
/// between the sites of a fleet forget.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);

/// How long the answer may take.
const KEEPALIVE_WAIT: Duration = Duration::from_secs(20);

/// How long connections may take to end when the server stops.
pub(crate) const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);

/// A server as every coordinator has it, behind its door.
///
/// Who asks too often is refused before anybody looks who it is.
pub(crate) fn server(door: &Arc<Door>) -> Server<Stack<AskWho, Stack<Rate, Identity>>> {
    Server::builder()
        .layer(Rate::new(*door.limits()))
        .layer(AskWho(Arc::clone(door)))
        .accept_http1(true)
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_WAIT))
}

/// What tells of all services.
///
/// # Errors
/// [`CoordinatorError::Descriptors`].
pub(crate) fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, CoordinatorError>
{
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(CoordinatorError::Descriptors)
}

/// Listens on `address` (`ADDR:PORT`).
///
/// # Errors
/// [`CoordinatorError::AddressInUse`] and [`CoordinatorError::Listen`].
pub async fn listen(address: &str) -> Result<TcpListener, CoordinatorError> {
    TcpListener::bind(address).await.map_err(|source| {
        let address = address.to_owned();
        if source.kind() == io::ErrorKind::AddrInUse {
            CoordinatorError::AddressInUse { address }
        } else {
            CoordinatorError::Listen { address, source }
        }
    })
}

impl Coordinator {
    /// Serves workers and clients on `listener` until `stop` resolves; then their streams end.
    ///
    /// # Errors
    /// [`CoordinatorError::JournalLost`] where the coordinator had to stop by itself, and
    /// [`CoordinatorError::Server`].
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), CoordinatorError> {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, store = self.greeting.store, "coordinator listens");
        }
        self.serve_on(incoming(listener, &self.door), stop).await
    }

    /// Serves workers and clients of this very process, each over one of `io`, until `stop` resolves.
    ///
    /// # Errors
    /// As for [`Coordinator::serve`].
    pub async fn serve_in_process(
        &self,
        io: impl Stream<Item = io::Result<DuplexStream>>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), CoordinatorError> {
        // That no more connections come does not end those that are there.
        self.serve_on(io.chain(futures::stream::pending()), stop).await
    }

    async fn serve_on<S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static>(
        &self,
        incoming: impl Stream<Item = io::Result<S>>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), CoordinatorError> {
        let (stopping, stopped) = watch::channel(false);
        let attend = Attend::new(
            self.orders.clone(),
            Arc::clone(&self.sessions),
            self.greeting.clone(),
            Closing::new(stopped.clone(), self.journal.standing()),
            Arc::clone(&self.door),
        );
        let jobs = JobsService::new(
            self.orders.clone(),
            self.store.clone(),
            Arc::clone(&self.journal),
            (self.encoder_default, Arc::clone(&self.door)),
            Closing::new(stopped.clone(), self.journal.standing()),
        );
        let health = self.door.health();
        health.serving().await;
        let message_bytes = self.door.limits().message_bytes;
        let fleet = FleetServer::new(attend)
            .max_decoding_message_size(message_bytes)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let jobs = Arc::new(jobs);
        let api = Api::new(Arc::clone(&jobs), Arc::clone(&self.glimpses), message_bytes);
        let meters = Arc::clone(self.door.meters());
        let ready = Ready::new(health.clone(), self.journal.standing(), Arc::clone(&meters));
        let scaler = Scaler::new(meters, self.journal.standing());
        let jobs = JobsServer::from_arc(jobs)
            .max_decoding_message_size(message_bytes)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let mut until = stopped;
        let server = server(&self.door)
            .add_routes(http::routes(api, ready).into())
            .add_service(fleet)
            .add_service(jobs)
            .add_service(ExternalScalerServer::new(scaler))
            .add_service(health.service())
            .add_service(reflection()?)
            .serve_with_incoming_shutdown(incoming, async move {
                until.wait_for(|stop| *stop).await.ok();
            });
        let mut server = Box::pin(server);
        let ended = tokio::select! {
            served = &mut server => return served.map_err(CoordinatorError::Server),
            ended = self.ended() => ended,
            () = stop => Ok(()),
        };
        stopping.send_replace(true);
        // A client that does not let go is not waited for.
        let left = tokio::time::timeout(SHUTDOWN_WAIT, server).await;
        if left.is_err() {
            tracing::debug!("connections were still open when the server stopped");
        }
        ended
    }
}
