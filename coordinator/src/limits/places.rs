//! Places at the door: how many connections are open, in all and from each address.
//!
//! A connection for which there is no place is closed before it is heard: an answer would cost what the limit is to
//! save. The log says so, at most once in a while.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _, future};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

use crate::limits::DoorLimits;

/// The least time between two lines about connections that were closed.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Places {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: DoorLimits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    each: BTreeMap<IpAddr, u32>,
    told: Option<Instant>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    /// None for anybody.
    #[error("{0} connections are open, and `limits.connections` allows no more")]
    AtAll(u32),
    /// None for this address.
    #[error(
        "{each} connections are open from {address}, and `limits.connections_each` allows no more"
    )]
    ForOne {
        /// Whose.
        address: IpAddr,
        /// How many.
        each: u32,
    },
}

/// A place; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Places {
    /// As many as `limits` say.
    pub(crate) fn new(limits: DoorLimits) -> Self {
        Self { shared: Arc::new(Shared { limits, taken: Mutex::default() }) }
    }

    /// Lets those connections through for which there is a place, which they keep as long as they are open.
    pub(crate) fn guard(
        self,
        incoming: impl Stream<Item = io::Result<TcpStream>>,
    ) -> impl Stream<Item = io::Result<Seated<TcpStream>>> {
        incoming.filter_map(move |arrived| {
            future::ready(match arrived {
                Ok(stream) => self.seat(stream).map(Ok),
                Err(error) => Some(Err(error)),
            })
        })
    }

    fn seat(&self, stream: TcpStream) -> Option<Seated<TcpStream>> {
        // One whose address cannot be told is gone already.
        let address = stream.peer_addr().ok()?.ip();
        match self.take(address) {
            Ok(place) => Some(Seated { stream, _place: place }),
            Err(none) => {
                let mut taken = self.shared.lock();
                if taken.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    taken.told = Some(Instant::now());
                    tracing::warn!("a connection is closed unheard: {none}");
                }
                None
            }
        }
    }

    /// Takes a place for a connection from `address`.
    ///
    /// # Errors
    /// [`NoPlace`].
    fn take(&self, address: IpAddr) -> Result<Place, NoPlace> {
        let DoorLimits { connections, connections_each, .. } = self.shared.limits;
        let mut taken = self.shared.lock();
        if taken.all >= connections {
            return Err(NoPlace::AtAll(taken.all));
        }
        let each = taken.each.entry(address).or_default();
        if *each >= connections_each {
            return Err(NoPlace::ForOne { address, each: *each });
        }
        *each += 1;
        taken.all += 1;
        drop(taken);
        Ok(Place { shared: Arc::clone(&self.shared), address })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.shared.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(each) = taken.each.get_mut(&self.address) {
            *each = each.saturating_sub(1);
            if *each == 0 {
                taken.each.remove(&self.address);
            }
        }
    }
}

/// A connection that has a place.
#[derive(Debug)]
pub(crate) struct Seated<S> {
    stream: S,
    _place: Place,
}

impl<S: Connected> Connected for Seated<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Seated<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Seated<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn places_are_counted_in_all_and_for_each_address_and_come_back() {
        let limits = DoorLimits { connections: 3, connections_each: 2, ..DoorLimits::default() };
        let places = Places::new(limits);
        let (near, far) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from([10, 0, 0, 1]));
        let first = places.take(near).unwrap();
        let _second = places.take(near).unwrap();
        let refused = places.take(near).unwrap_err();
        assert_eq!(refused, NoPlace::ForOne { address: near, each: 2 });
        let _third = places.take(far).unwrap();
        assert_eq!(places.take(far).unwrap_err(), NoPlace::AtAll(3));
        drop(first);
        assert!(places.take(far).is_ok());
        assert_eq!(places.shared.lock().all, 2);
    }
}
