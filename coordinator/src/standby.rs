//! What a coordinator serves that does not lead: health, which says `NOT_SERVING` of the services and `SERVING` of the
//! process, and to every other call of who is let in UNAVAILABLE (503) with the address of the one that leads.

use std::convert::Infallible;
use std::future::{self, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use cleanplate_proto::keda::external_scaler_server::ExternalScalerServer;
use cleanplate_proto::v1::fleet_server::FleetServer;
use cleanplate_proto::v1::jobs_server::JobsServer;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http as message};
use tonic::server::NamedService;

use crate::attend::Attend;
use crate::coordinator::CoordinatorError;
use crate::door::{Door, incoming};
use crate::http::{self, Ready};
use crate::jobs::JobsService;
use crate::journal::Standing;
use crate::scaler::Scaler;
use crate::serve::{SHUTDOWN_WAIT, reflection, server};

/// A server that sends everybody elsewhere. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Standby {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Standby {
    /// Serves on `listener`; `standing` says where to.
    ///
    /// # Errors
    /// [`CoordinatorError::Descriptors`].
    pub(crate) async fn serve(
        listener: TcpListener,
        standing: watch::Receiver<Standing>,
        door: &Arc<Door>,
    ) -> Result<Self, CoordinatorError> {
        let health = door.health();
        health.not_serving().await;
        let (stop, stopped) = oneshot::channel();
        let meters = Arc::clone(door.meters());
        let ready = Ready::new(health.clone(), standing.clone(), Arc::clone(&meters));
        let scaler = Scaler::new(meters, standing.clone());
        let serving = server(door)
            .add_routes(http::routes_elsewhere(ready, standing.clone()).into())
            .add_service(Elsewhere::<FleetServer<Attend>>::new(standing.clone()))
            .add_service(Elsewhere::<JobsServer<JobsService>>::new(standing))
            .add_service(ExternalScalerServer::new(scaler))
            .add_service(health.service())
            .add_service(reflection()?)
            .serve_with_incoming_shutdown(incoming(listener, door), async {
                // The other end is dropped where this is to end, too.
                stopped.await.ok();
            });
        Ok(Self { stop, serving: tokio::spawn(serving) })
    }

    /// Takes no connection more, and ends those that are there. Whoever watches its health lets go, or is not
    /// waited for.
    pub(crate) async fn retire(self) {
        let Self { stop, serving } = self;
        stop.send(()).ok();
        let abort = serving.abort_handle();
        match tokio::time::timeout(SHUTDOWN_WAIT, serving).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the server of the standby failed"),
            Ok(Err(error)) => tracing::error!(%error, "the server of the standby panicked"),
            Err(_late) => abort.abort(),
        }
    }
}

/// In the place of the service `S` while another coordinator leads.
struct Elsewhere<S> {
    standing: watch::Receiver<Standing>,
    service: PhantomData<fn() -> S>,
}

impl<S> Elsewhere<S> {
    const fn new(standing: watch::Receiver<Standing>) -> Self {
        Self { standing, service: PhantomData }
    }
}

/// Where to ask instead.
pub(crate) fn answer(standing: &watch::Receiver<Standing>) -> Status {
    match &*standing.borrow() {
        Standing::StandsBy(Some(leader)) => cleanplate_proto::stands_by(Some(&leader.address)),
        // It has just taken the lead, and reads the journal.
        Standing::Leads(_) | Standing::StandsBy(None) => cleanplate_proto::stands_by(None),
    }
}

impl<S> Clone for Elsewhere<S> {
    fn clone(&self) -> Self {
        Self::new(self.standing.clone())
    }
}

impl<S: NamedService> NamedService for Elsewhere<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<message::Request<Body>> for Elsewhere<S> {
    type Response = message::Response<Body>;
    type Error = Infallible;
    type Future = future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: message::Request<Body>) -> Self::Future {
        ready(Ok(answer(&self.standing).into_http()))
    }
}
