//! The connection's bytes: TCP, TLS, and what stands between them and the AMQP library.
//!
//! What the broker sends is checked on its way in ([`super::frame_check`]). What goes out passes a
//! buffer with a task of its own behind it, because the library flushes every frame: so a burst of
//! messages leaves in few writes (events of 700 bytes to RabbitMQ: 9 µs instead of 13).
//!
//! The library's tasks end when their stream fails and not before, so the stream can be cut:
//! whatever they wait for, there is nothing left of a connection once its [`Cut`] is dropped.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
    duplex, split,
};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::LinkError;
use super::frame_check::FrameCheck;
use crate::event::destination::Authority;

/// For the name to be resolved and one of the addresses to answer.
const TCP_CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long what was sent may go without a sign of the other machine: a broker that is gone is
/// noticed by then, one that merely does nothing by AMQP's own timeout.
const TCP_USER_TIMEOUT_MS: u32 = 30_000;

/// What waits to be written, at most; then the library waits.
const OUTGOING_BYTES_MAX: usize = 64 * 1024;

/// A byte stream, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Keeps a [`Wire`] whole.
pub(super) struct Cut {
    _held: oneshot::Sender<()>,
    writer: JoinHandle<()>,
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

/// The stream the AMQP library works on.
pub(super) struct Wire {
    incoming: ReadHalf<Box<dyn Stream>>,
    outgoing: DuplexStream,
    /// `None` once it is cut.
    cut: Option<oneshot::Receiver<()>>,
    check: FrameCheck,
}

impl Wire {
    /// Connects to a broker, by TLS if its address says so (section 5.1).
    pub(super) async fn connect(
        authority: &Authority,
        tls: &Arc<ClientConfig>,
    ) -> Result<(Self, Cut), LinkError> {
        let tcp = connect_tcp(authority).await?;
        if !authority.is_tls {
            return Ok(Self::new(tcp));
        }
        let name = ServerName::try_from(authority.host.clone())
            .map_err(|_| LinkError::unreachable("TLS: the host is not a name"))?;
        let stream = TlsConnector::from(without_alpn(tls)).connect(name, tcp).await;
        let stream =
            stream.map_err(|error| LinkError::unreachable(format_args!("TLS: {error}")))?;
        Ok(Self::new(stream))
    }

    fn new(stream: impl Stream + 'static) -> (Self, Cut) {
        let stream: Box<dyn Stream> = Box::new(stream);
        let (incoming, written) = split(stream);
        let (outgoing, outbox) = duplex(OUTGOING_BYTES_MAX);
        let writer = tokio::spawn(async { drop(write(outbox, written).await) });
        let (held, cut) = oneshot::channel();
        let wire = Self { incoming, outgoing, cut: Some(cut), check: FrameCheck::default() };
        (wire, Cut { _held: held, writer })
    }

    /// An error once the stream is cut.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let is_whole = match &mut self.cut {
            Some(cut) => Pin::new(cut).poll(context).is_pending(),
            None => false,
        };
        if is_whole {
            return Ok(());
        }
        self.cut = None;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

/// Writes all there is at once, for as long as both sides are there. That it has ended is noticed
/// on either of them.
async fn write(mut outbox: DuplexStream, mut stream: WriteHalf<Box<dyn Stream>>) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(OUTGOING_BYTES_MAX);
    while outbox.read_buf(&mut bytes).await? > 0 {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        bytes.clear();
    }
    stream.shutdown().await
}

async fn connect_tcp(authority: &Authority) -> Result<TcpStream, LinkError> {
    let connecting = TcpStream::connect((authority.host.as_str(), authority.port));
    let connected = timeout(TCP_CONNECT_DEADLINE, connecting).await;
    let failed = |error: io::Error| LinkError::unreachable(format_args!("TCP: {error}"));
    let tcp =
        connected.map_err(|_| LinkError::unreachable("TCP: no answer in time"))?.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    rustix::net::sockopt::set_tcp_user_timeout(&tcp, TCP_USER_TIMEOUT_MS)
        .map_err(|error| failed(error.into()))?;
    Ok(tcp)
}

/// What is shared with HTTP clients offers their protocols, and AMQP is none of them.
fn without_alpn(tls: &Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut tls = Arc::clone(tls);
    Arc::make_mut(&mut tls).alpn_protocols.clear();
    tls
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.incoming).poll_read(context, buffer);
        let read = buffer.filled().get(before..).unwrap_or_default();
        if self.check.push(read).is_err() {
            buffer.set_filled(before);
            let error =
                io::Error::new(io::ErrorKind::InvalidData, "the broker's frame is malformed");
            return Poll::Ready(Err(error));
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.outgoing).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.outgoing).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.outgoing).poll_shutdown(context)
    }
}
