//! Connections: accepted, through their handshake where there is TLS, and known by their certificate.
//!
//! Refuses to let one that does not speak hold up another: handshakes run side by side, and each has its time.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cleanplate_access::{ServerTls, names_of};
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::server::Connected;

use crate::door::Door;
use crate::limits::{DoorLimits, Seated, Seats};

/// How long a handshake may take: a round trip or two around the world.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Handshakes at a time. Each holds a socket and some tens of KiB; the next ones wait in the queue of the system.
const HANDSHAKES_MAX: usize = 256;

/// A connection that may be spoken on.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(Seated<TcpStream>),
    Tls(Box<TlsStream<Seated<TcpStream>>>),
}

/// Who is at the other end of a connection, as far as it tells.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: Option<SocketAddr>,
    /// The names in the certificate that it showed and that was verified.
    pub(crate) names: Arc<[String]>,
}

/// The connections that `listener` takes. One that fails ends by itself and nothing else.
pub(crate) fn incoming(
    listener: TcpListener,
    door: &Door,
) -> impl Stream<Item = io::Result<Wire>> + Send + use<> {
    spoken(listener, door.tls().cloned(), Seats::new(*door.limits()))
}

/// The same without TLS, for what everybody may ask.
pub(crate) fn incoming_open(
    listener: TcpListener,
    limits: DoorLimits,
) -> impl Stream<Item = io::Result<Wire>> + Send {
    spoken(listener, None, Seats::new(limits))
}

fn spoken(
    listener: TcpListener,
    tls: Option<ServerTls>,
    seats: Seats,
) -> impl Stream<Item = io::Result<Wire>> + Send {
    let connections = TcpListenerStream::new(listener).filter_map(|taken| {
        // What fails here is one connection (it is gone already), or the machine's files at their end.
        let taken =
            taken.inspect_err(|error| tracing::debug!(%error, "a connection was not taken"));
        std::future::ready(taken.ok())
    });
    let spoken = seats.guard(connections).map(move |stream| opened(stream, tls.clone()));
    spoken.buffer_unordered(HANDSHAKES_MAX).filter_map(|wire| std::future::ready(wire.map(Ok)))
}

async fn opened(stream: Seated<TcpStream>, tls: Option<ServerTls>) -> Option<Wire> {
    if let Err(error) = stream.get_ref().set_nodelay(true) {
        tracing::debug!(%error, "a connection is gone already");
        return None;
    }
    match tls {
        None => Some(Wire::Plain(stream)),
        Some(tls) => shaken(stream, &tls).await,
    }
}

/// A connection after its handshake.
async fn shaken(stream: Seated<TcpStream>, tls: &ServerTls) -> Option<Wire> {
    let from = stream.get_ref().peer_addr().ok();
    let shaking = TlsAcceptor::from(tls.now()).accept(stream);
    let why = match tokio::time::timeout(HANDSHAKE_WAIT, shaking).await {
        Ok(Ok(stream)) => return Some(Wire::Tls(Box::new(stream))),
        Ok(Err(error)) => error.to_string(),
        Err(_late) => "it did not speak in time".to_owned(),
    };
    tracing::info!(?from, why, "no TLS with this one: refused");
    None
}

impl Connected for Wire {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        match self {
            Self::Plain(stream) => {
                Peer { address: stream.get_ref().peer_addr().ok(), names: Arc::default() }
            }
            Self::Tls(stream) => {
                let (stream, session) = stream.get_ref();
                let shown = session.peer_certificates().and_then(<[_]>::first);
                let names = shown.map(names_of).unwrap_or_default();
                Peer { address: stream.get_ref().peer_addr().ok(), names: names.into() }
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
