//! Requests a second: from one address, before a request is looked at, and of one caller, once it is known who that is.
//!
//! A worker's stream is one request, however long it is open. What comes over memory has no address and no limit.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::{Either, Ready, ready};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::{Code, Status};
use tower::Layer;

use crate::door::Peer;
use crate::http::refusal;
use crate::limits::{Buckets, DoorLimits};

/// See the top of the file. Clones share the buckets.
#[derive(Debug, Clone)]
pub(crate) struct Rate<K = IpAddr> {
    buckets: Arc<Mutex<Buckets<K>>>,
    requests: u32,
}

impl<K: Ord + Clone + Display> Rate<K> {
    /// As many requests as `limits` say.
    pub(crate) fn new(limits: DoorLimits) -> Self {
        let requests = limits.requests;
        Self { buckets: Arc::new(Mutex::new(Buckets::new(requests))), requests }
    }

    /// Refuses a request that is one too many.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`, with the time to wait.
    pub(crate) fn check(&self, whose: &K, now: Instant) -> Result<(), Status> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(whose.clone(), now).map_err(|wait| self.refusal(whose, wait))
    }

    fn refusal(&self, whose: &K, wait: Duration) -> Status {
        let (requests, wait_ms) = (self.requests, wait.as_millis().max(1));
        let text = format!(
            "{whose} asks more than {requests} times a second, which is what `limits.requests` allows; \
             come back in {wait_ms} ms"
        );
        Status::new(Code::ResourceExhausted, text)
    }
}

impl<S> Layer<S> for Rate {
    type Service = Rated<S>;

    fn layer(&self, inner: S) -> Rated<S> {
        Rated { rate: self.clone(), inner }
    }
}

/// A service behind the limit.
#[derive(Debug, Clone)]
pub(crate) struct Rated<S> {
    rate: Rate,
    inner: S,
}

impl<B, S> Service<http::Request<B>> for Rated<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Self::Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let peer = request.extensions().get::<Peer>();
        let address = peer.and_then(|peer| peer.address).map(|address| address.ip());
        let refused = address.and_then(|address| self.rate.check(&address, Instant::now()).err());
        match refused {
            Some(status) => Either::Left(ready(Ok(refusal(request.headers(), status)))),
            None => Either::Right(self.inner.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_asks_too_often_is_told_the_limit_and_when_to_come_back() {
        let rate = Rate::new(DoorLimits { requests: 1, ..DoorLimits::default() });
        let (address, now) = (IpAddr::from([10, 0, 0, 1]), Instant::now());
        let refused = (0..).find_map(|_| rate.check(&address, now).err()).unwrap();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("`limits.requests`"), "{refused}");
        assert!(rate.check(&IpAddr::from([10, 0, 0, 2]), now).is_ok());
    }
}
