//! One TCP connection, seen as bytes.
//!
//! For everything a well-behaved client library would never send, and for seeing exactly what
//! came back. Reads end at [`PATIENCE`]; what was read beyond the thing asked for is kept.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::close::Close;
use super::deadline::PATIENCE;
use super::frame::{CLOSE, Frame, PING};
use super::http::Response;

pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::from(TcpStream::connect(address).expect("the server accepts"))
    }

    /// Sends all of `bytes`, in one segment if they fit.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes bytes");
    }

    /// Sends `bytes` to a server that may already have closed: what it said before is the result.
    pub(crate) fn send_regardless(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends every byte on its own.
    pub(crate) fn send_bytewise(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send([*byte]);
        }
    }

    /// No more bytes will come from here; the server may still answer.
    pub(crate) fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("a half-close");
    }

    /// The next answer; `has_body` is false for what answers `HEAD`.
    pub(crate) fn response(&mut self, has_body: bool) -> Response {
        loop {
            if let Some(response) = Response::take(&mut self.unread, has_body) {
                return response;
            }
            assert!(self.fill(), "the connection ended inside an answer: {:?}", self.shown());
        }
    }

    /// The next answer, or nothing if the connection ends without one.
    pub(crate) fn response_or_end(&mut self) -> Option<Response> {
        loop {
            if let Some(response) = Response::take(&mut self.unread, true) {
                return Some(response);
            }
            if !self.fill() {
                assert!(self.unread.is_empty(), "half an answer: {:?}", self.shown());
                return None;
            }
        }
    }

    /// Whether the stream ends within this time; what comes meanwhile is kept.
    pub(crate) fn ended_within(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("a TCP socket");
        let mut chunk = [0; 4096];
        let outcome = self.stream.read(&mut chunk);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        match outcome {
            Ok(length) => {
                self.unread.extend_from_slice(&chunk[..length]);
                length == 0
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// The next frame of any kind, or nothing at the end of the stream.
    pub(crate) fn frame_or_end(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.unread) {
                return Some(frame);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// The next frame that is not one of the server's keep-alive pings.
    pub(crate) fn frame(&mut self) -> Frame {
        loop {
            let frame = self.frame_or_end().expect("a frame, but the connection ended");
            if frame.opcode != PING {
                return frame;
            }
        }
    }

    /// Reads on to the server's close frame and the end of the stream; what came before it is
    /// handed back too.
    pub(crate) fn frames_to_close(&mut self) -> (Vec<Frame>, Close) {
        let mut before = Vec::new();
        loop {
            let frame = self.frame_or_end().unwrap_or_else(|| {
                panic!("the connection ended without close frame, after {before:?}")
            });
            match frame.opcode {
                CLOSE => return (before, Close::from_payload(&frame.payload)),
                PING => {}
                _ => before.push(frame),
            }
        }
    }

    /// The server's close frame, which has to be the next thing it says.
    pub(crate) fn close(&mut self) -> Close {
        let (before, close) = self.frames_to_close();
        assert_eq!(before, [], "frames before the close frame {close:?}");
        close
    }

    /// Waits for the end of the stream and refuses any byte before it.
    pub(crate) fn end(&mut self) {
        while self.fill() {}
        assert!(self.unread.is_empty(), "bytes before the end: {:?}", self.shown());
    }

    /// Gives the connection to something else, with what was already read.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.unread)
    }

    /// Reads once. False at the end of the stream, however it ended.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&chunk[..length]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error} while waiting, after {:?}", self.shown()),
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.unread[..self.unread.len().min(200)]).into_owned()
    }
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a TCP socket");
        Self { stream, unread: Vec::new() }
    }
}
