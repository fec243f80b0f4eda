//! What probes ask: health, one for all of this process's life, beside the door or at an address of its own.
//!
//! An address of its own serves health and nothing else, without TLS and without a token: who may reach it is for the
//! network to say.

use cleanplate_proto::v1::fleet_server::FleetServer;
use cleanplate_proto::v1::jobs_server::JobsServer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::attend::Attend;
use crate::door::Door;
use crate::door::wire::incoming_open;
use crate::jobs::JobsService;

/// Whether this coordinator takes work.
#[derive(Debug, Clone)]
pub(crate) struct Health(pub(crate) HealthReporter);

impl Health {
    /// It does.
    pub(crate) async fn serving(&self) {
        self.0.set_serving::<FleetServer<Attend>>().await;
        self.0.set_serving::<JobsServer<JobsService>>().await;
    }

    /// Another one does.
    pub(crate) async fn not_serving(&self) {
        self.0.set_not_serving::<FleetServer<Attend>>().await;
        self.0.set_not_serving::<JobsServer<JobsService>>().await;
    }

    /// The service.
    pub(crate) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.clone()))
    }
}

/// The address of the probes, served until this is dropped.
#[derive(Debug)]
pub(crate) struct Probes(JoinHandle<()>);

impl Probes {
    /// Begins to answer on `listener`, where there is one. A probe that comes before anything is decided is told so, and
    /// not that there is no such service.
    pub(crate) async fn begin(listener: Option<TcpListener>, door: &Door) -> Option<Self> {
        door.health().not_serving().await;
        listener.map(|listener| Self::serve(listener, door))
    }

    fn serve(listener: TcpListener, door: &Door) -> Self {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "probes are answered, without a token");
        }
        let server = tonic::transport::Server::builder().add_service(door.health().service());
        let incoming = incoming_open(listener, *door.limits());
        Self(tokio::spawn(async move {
            if let Err(error) = server.serve_with_incoming(incoming).await {
                tracing::error!(%error, "the address of the probes is served no more");
            }
        }))
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.0.abort();
    }
}
