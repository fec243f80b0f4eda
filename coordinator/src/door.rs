//! The door: who is let in by which connection, and which places its jobs may name.
//!
//! Owns the layer that every call passes before anything of it is parsed: it finds out who called, refuses who may not,
//! and takes the secret away, so that nothing behind it can show it. A handler finds the [`Caller`] in its request, and
//! one that finds none refuses: a server without this layer serves nobody.

mod probes;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use cleanplate_access::{Access, CREDENTIAL_LIFE, Caller, Sent, ServerTls};
use cleanplate_store::Places;
use futures::future::{BoxFuture, Either};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::{Request, Status};
use tower::Layer;

pub(crate) use probes::{Health, Probes};
pub(crate) use wire::{Peer, incoming};

use crate::http::{
    bearer_of_cookie, is_grpc, passed, refusal, refuse_pages, refuse_unproven, turned_away,
};
use crate::limits::{DoorLimits, Rate};
use crate::meters::Meters;

/// How often is looked whether who is in may stay: who is taken out of the file of tokens is out after this.
const STAYS_EVERY: Duration = Duration::from_secs(5);

/// See the top of the file.
#[derive(Debug)]
pub struct Door {
    access: Access,
    tls: Option<ServerTls>,
    places: Places,
    limits: DoorLimits,
    /// Requests of each caller that has a name.
    callers: Rate<String>,
    health: Health,
    meters: Arc<Meters>,
}

impl Door {
    /// A door for those who are known by `access`.
    #[must_use]
    pub fn new(access: Access, tls: Option<ServerTls>, places: Places, limits: DoorLimits) -> Self {
        let callers = Rate::new(limits);
        let (health, meters) = (Health::default(), Arc::default());
        Self { access, tls, places, limits, callers, health, meters }
    }

    /// An open door: for one process, for loopback, and for whoever wants it so.
    #[must_use]
    pub fn open() -> Self {
        Self::new(Access::Anyone, None, Places::Any, DoorLimits::default())
    }

    /// Who is let in.
    pub(crate) const fn access(&self) -> &Access {
        &self.access
    }

    /// Whether nobody is asked who they are.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.access, Access::Anyone)
    }

    /// Whether what is spoken here is encrypted.
    pub(crate) const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The first of `paths` that a client with this token may see.
    ///
    /// # Errors
    /// Why it may not see the first of them, in words.
    pub(crate) fn first_seen<'a>(&self, token: &str, paths: &[&'a str]) -> Result<&'a str, String> {
        let bearer = format!("Bearer {token}");
        let sent = Sent { authorization: &[&bearer], names: &[] };
        let mut why = None;
        for path in paths {
            match self.access.admit(("GET", path), sent, SystemTime::now()) {
                Ok(_caller) => return Ok(path),
                Err(refused) => {
                    why.get_or_insert_with(|| refused.to_string());
                }
            }
        }
        let why = why.unwrap_or_default();
        tracing::info!(%why, "nobody logged in");
        Err(why)
    }

    /// Which places jobs may name.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// How much it takes.
    pub(crate) const fn limits(&self) -> &DoorLimits {
        &self.limits
    }

    pub(crate) const fn tls(&self) -> Option<&ServerTls> {
        self.tls.as_ref()
    }

    pub(crate) fn health(&self) -> Health {
        self.health.clone()
    }

    /// Refuses a request that is one too many of its caller's, from however many addresses they come. Who joins is
    /// known by its address alone: a site's workers share a token.
    fn is_not_too_often(&self, caller: &Caller) -> Result<(), Status> {
        let name = match caller {
            Caller::Client(who) => format!("the token `{}`", who.id),
            Caller::Worker { worker, .. } => format!("the worker `{worker}`"),
            Caller::Anyone | Caller::Probe | Caller::Joiner { .. } | Caller::Certified { .. } => {
                return Ok(());
            }
        };
        self.callers.check(&name, Instant::now())
    }

    /// What this process tells of itself.
    pub(crate) const fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Resolves when `caller` may not stay: its token has gone, or what it was let in by has ended. With a
    /// certificate, which the handshake looks at, that is so after the life of a credential.
    pub(crate) async fn until_out(self: Arc<Self>, caller: Caller) {
        if matches!(self.access, Access::Anyone) {
            return std::future::pending().await;
        }
        if matches!(caller, Caller::Certified { .. }) {
            return tokio::time::sleep(CREDENTIAL_LIFE).await;
        }
        while self.access.stands(&caller, SystemTime::now()) {
            tokio::time::sleep(STAYS_EVERY).await;
        }
    }
}

/// What a stream is ended with whose caller may not stay; whoever may comes back at once.
pub(crate) fn is_out() -> Status {
    Status::unavailable("what this stream was let in by has ended; come again with what holds now")
}

/// Who sent a request.
///
/// # Errors
/// UNAUTHENTICATED where it did not come through the door.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| Status::unauthenticated("the call did not come through the door"))
}

/// Puts everything behind the door.
#[derive(Debug, Clone)]
pub(crate) struct AskWho(pub(crate) Arc<Door>);

impl<S> Layer<S> for AskWho {
    type Service = Asked<S>;

    fn layer(&self, inner: S) -> Asked<S> {
        Asked { door: Arc::clone(&self.0), inner }
    }
}

/// What is behind the door.
#[derive(Debug, Clone)]
pub(crate) struct Asked<S> {
    door: Arc<Door>,
    inner: S,
}

impl<S> Service<http::Request<Body>> for Asked<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Self::Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let admitted = admit(&self.door, &request)
            .and_then(|caller| self.door.is_not_too_often(&caller).map(|()| caller));
        match admitted {
            Ok(caller) => {
                request.headers_mut().remove(http::header::AUTHORIZATION);
                request.headers_mut().remove(http::header::COOKIE);
                request.extensions_mut().insert(caller);
                Either::Left(self.inner.call(request))
            }
            Err(status) => {
                let (method, uri) = (request.method(), request.uri());
                let page = turned_away((method, uri.path()), uri.query(), &status);
                let told = page.map(passed);
                let told = told.unwrap_or_else(|| refusal(request.headers(), status));
                // A stream of gRPC has no end to wait for.
                let rest = (!is_grpc(request.headers())).then(|| request.into_body());
                Either::Right(Box::pin(answered(told, rest)))
            }
        }
    }
}

/// Bytes of a refused request that are read before it is answered, and for how long: HTTP/2 says with the answer that
/// no more is wanted, and curl 7.88 (Debian 12) then drops the answer.
const REFUSED_BYTES: usize = 1 << 20;
const REFUSED_WAIT: Duration = Duration::from_secs(2);

async fn answered(
    refused: http::Response<Body>,
    rest: Option<Body>,
) -> Result<http::Response<Body>, Infallible> {
    if let Some(mut rest) = rest {
        let read = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = rest.frame().await {
                bytes += frame.data_ref().map_or(0, |data| data.len());
                if bytes > REFUSED_BYTES {
                    break;
                }
            }
        };
        // Whoever sends so slowly hears nothing, or hears it now.
        tokio::time::timeout(REFUSED_WAIT, read).await.ok();
    }
    Ok(refused)
}

fn admit<B>(door: &Door, request: &http::Request<B>) -> Result<Caller, Status> {
    if door.is_open() {
        refuse_pages(request)?;
    }
    let cookie = bearer_of_cookie(request, door.is_tls()).filter(|_| !door.is_open());
    refuse_unproven(request, cookie.is_some())?;
    let peer = request.extensions().get::<Peer>();
    let headers = request.headers().get_all(http::header::AUTHORIZATION).iter();
    let headers = headers.map(|value| value.to_str().unwrap_or_default());
    let headers: Vec<&str> = headers.chain(cookie.as_deref()).collect();
    let names = peer.map_or(&[][..], |peer| &peer.names);
    let sent = Sent { authorization: &headers, names };
    let path = request.uri().path();
    let call = (request.method().as_str(), path);
    door.access.admit(call, sent, SystemTime::now()).map_err(|refused| {
        let from = peer.and_then(|peer| peer.address).map(|address| address.to_string());
        tracing::info!(from = from.as_deref().unwrap_or("this process"), path, %refused, "refused at the door");
        refused.into()
    })
}

#[cfg(test)]
mod tests {
    use cleanplate_access::{Role, Who};

    use super::*;

    #[test]
    fn a_request_that_did_not_come_through_the_door_is_nobodys() {
        let status = caller(&Request::new(())).unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
    }

    #[test]
    fn a_token_asks_so_often_from_wherever_and_another_is_not_touched() {
        let limits = DoorLimits { requests: 1, ..DoorLimits::default() };
        let door = Door::new(Access::Anyone, None, Places::Any, limits);
        let client = |id: &str| {
            let roles = [Role::Read].into_iter().collect();
            Caller::Client(Who { id: id.to_owned(), roles, owner: None })
        };
        let refused = (0..100).find_map(|_| door.is_not_too_often(&client("a")).err()).unwrap();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(refused.message().contains("the token `a` asks"), "{refused}");
        door.is_not_too_often(&client("b")).unwrap();
        door.is_not_too_often(&Caller::Anyone).unwrap();
    }

    #[tokio::test]
    async fn who_needs_nothing_is_never_out() {
        let out = Arc::new(Door::open()).until_out(Caller::Anyone);
        assert!(futures::FutureExt::now_or_never(out).is_none());
    }
}
