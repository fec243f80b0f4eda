//! What probes ask: health, one for all of this process's life, beside the door or at an address of its own.
//!
//! An address of its own serves health (of gRPC, and `/healthz` and `/readyz`), `/metrics` and KEDA's scaler, and
//! nothing else, without TLS and without a token: who may reach it is for the network to say. None of that names a
//! job, a file or a person.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cleanplate_proto::keda::external_scaler_server::ExternalScalerServer;
use cleanplate_proto::v1::fleet_server::FleetServer;
use cleanplate_proto::v1::jobs_server::JobsServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::attend::Attend;
use crate::door::Door;
use crate::door::wire::incoming_open;
use crate::http::{self, Ready};
use crate::jobs::JobsService;
use crate::journal::Standing;
use crate::scaler::Scaler;

/// Whether this coordinator takes work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    reporter: HealthReporter,
    /// The same for HTTP.
    serves: Arc<AtomicBool>,
}

impl Health {
    /// It does.
    pub(crate) async fn serving(&self) {
        self.reporter.set_serving::<FleetServer<Attend>>().await;
        self.reporter.set_serving::<JobsServer<JobsService>>().await;
        self.serves.store(true, Ordering::Relaxed);
    }

    /// Another one does.
    pub(crate) async fn not_serving(&self) {
        self.serves.store(false, Ordering::Relaxed);
        self.reporter.set_not_serving::<FleetServer<Attend>>().await;
        self.reporter.set_not_serving::<JobsServer<JobsService>>().await;
    }

    /// Whether it does.
    pub(crate) fn is_serving(&self) -> bool {
        self.serves.load(Ordering::Relaxed)
    }

    /// The service.
    pub(crate) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }
}

/// The address of the probes, served until this is dropped.
#[derive(Debug)]
pub(crate) struct Probes(JoinHandle<()>);

impl Probes {
    /// Begins to answer on `listener`, where there is one. A probe that comes before anything is decided is told so, and
    /// not that there is no such service.
    pub(crate) async fn begin(
        listener: Option<TcpListener>,
        door: &Door,
        standing: watch::Receiver<Standing>,
    ) -> Option<Self> {
        door.health().not_serving().await;
        listener.map(|listener| Self::serve(listener, door, standing))
    }

    fn serve(listener: TcpListener, door: &Door, standing: watch::Receiver<Standing>) -> Self {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "probes are answered, without a token");
        }
        let meters = Arc::clone(door.meters());
        let ready = Ready::new(door.health(), standing.clone(), Arc::clone(&meters));
        let scaler = Scaler::new(meters, standing);
        let server = tonic::transport::Server::builder()
            .accept_http1(true)
            .add_routes(http::routes_of_probes(ready).into())
            .add_service(ExternalScalerServer::new(scaler))
            .add_service(door.health().service());
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
