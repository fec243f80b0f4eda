//! Seats at the door: how many connections are open, in all and from each address.
//!
//! A connection for which there is no seat is closed before it is heard: an answer would cost what the limit is to
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

use crate::limits::DoorLimits;

/// The least time between two lines about connections that were closed.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Seats {
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

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSeat {
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

/// A seat; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Seat {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Seats {
    /// As many as `limits` say.
    pub(crate) fn new(limits: DoorLimits) -> Self {
        Self { shared: Arc::new(Shared { limits, taken: Mutex::default() }) }
    }

    /// Lets those connections through for which there is a seat, which they keep as long as they are open.
    pub(crate) fn guard(
        self,
        incoming: impl Stream<Item = TcpStream>,
    ) -> impl Stream<Item = Seated<TcpStream>> {
        incoming.filter_map(move |stream| future::ready(self.seat(stream)))
    }

    fn seat(&self, stream: TcpStream) -> Option<Seated<TcpStream>> {
        // One whose address cannot be told is gone already.
        let address = stream.peer_addr().ok()?.ip();
        match self.take(address) {
            Ok(seat) => Some(Seated { stream, _seat: seat }),
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

    /// Takes a seat for a connection from `address`.
    ///
    /// # Errors
    /// [`NoSeat`].
    fn take(&self, address: IpAddr) -> Result<Seat, NoSeat> {
        let DoorLimits { connections, connections_each, .. } = self.shared.limits;
        let mut taken = self.shared.lock();
        if taken.all >= connections {
            return Err(NoSeat::AtAll(taken.all));
        }
        let each = taken.each.entry(address).or_default();
        if *each >= connections_each {
            return Err(NoSeat::ForOne { address, each: *each });
        }
        *each += 1;
        taken.all += 1;
        drop(taken);
        Ok(Seat { shared: Arc::clone(&self.shared), address })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
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

/// A connection that has a seat.
#[derive(Debug)]
pub(crate) struct Seated<S> {
    stream: S,
    _seat: Seat,
}

impl<S> Seated<S> {
    /// The connection itself.
    pub(crate) const fn get_ref(&self) -> &S {
        &self.stream
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
    fn seats_are_counted_in_all_and_for_each_address_and_come_back() {
        let limits = DoorLimits { connections: 3, connections_each: 2, ..DoorLimits::default() };
        let seats = Seats::new(limits);
        let (near, far) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from([10, 0, 0, 1]));
        let first = seats.take(near).unwrap();
        let _second = seats.take(near).unwrap();
        let refused = seats.take(near).unwrap_err();
        assert_eq!(refused, NoSeat::ForOne { address: near, each: 2 });
        let _third = seats.take(far).unwrap();
        assert_eq!(seats.take(far).unwrap_err(), NoSeat::AtAll(3));
        drop(first);
        assert!(seats.take(far).is_ok());
        assert_eq!(seats.shared.lock().all, 2);
    }
}
