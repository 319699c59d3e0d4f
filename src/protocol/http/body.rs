//! Request bodies: framed by `Content-Length` or by chunks, within 1 MiB.
//!
//! A [`BodyReader`] is made from the head ([`BodyReader::of`]) and then eats what arrives, in
//! pieces of any size. It takes exactly the bytes of the body: what follows belongs to the next
//! request. Every part is bounded, chunk extensions and trailers as well, although nothing of
//! those is kept.
//!
//! A head that leaves room for two readings of where the body ends is refused rather than read
//! one way: a proxy in front may have read it the other way (request smuggling). For the same
//! reason chunk lines end in CRLF and nothing else. After any error the end of the request is
//! unknown, so the connection has to be closed.

use std::fmt;

use super::request::RequestHead;

/// Longest body (`rest-api.md` section 4).
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Most bytes of chunk extensions and trailers in one body, together.
const SKIPPED_BYTES_MAX: usize = 16 * 1024;

/// Most digits of a chunk's size; leading zeros are legal and useless.
const SIZE_DIGITS_MAX: u8 = 16;

/// Asks the peer for a body that it announced with `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Whether the peer waits for [`CONTINUE`] before it sends the body.
pub fn expects_continue(head: &RequestHead<'_>) -> bool {
    //= RFC 9110, section 10.1.1: the expectation of an HTTP/1.0 client is ignored.
    head.is_http_11
        && head.has_body()
        && head.list("expect").any(|word| word.eq_ignore_ascii_case("100-continue"))
}

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Its length is not one decimal number.
    InvalidLength,
    /// It is, or says it is, longer than [`BODY_BYTES_MAX`].
    TooLong,
    /// A transfer coding other than `chunked`, or one of an HTTP/1.0 peer.
    UnknownCoding,
    /// Both a length and a transfer coding.
    Ambiguous,
    /// The chunks break their grammar.
    MalformedChunk,
    /// Chunk extensions and trailers are longer than 16 KiB.
    TooMuchSkipped,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            // The reference has one text for both (`rest-api.md` section 5.7).
            Self::InvalidLength | Self::TooLong => "Invalid Content-Length header.",
            Self::UnknownCoding => "The only transfer coding known here is chunked.",
            Self::Ambiguous => "A request has either a Content-Length or a Transfer-Encoding.",
            Self::MalformedChunk => "The chunked request body is malformed.",
            Self::TooMuchSkipped => "The chunk extensions and trailers are too long.",
        })
    }
}

impl std::error::Error for BodyError {}

/// How far one [`BodyReader::read`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyProgress {
    /// Bytes that belonged to the body.
    pub consumed: usize,
    /// Whether the body is complete.
    pub is_done: bool,
}

/// Collects one request body.
#[derive(Debug)]
pub struct BodyReader {
    bytes: Vec<u8>,
    state: State,
    skipped_bytes: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A body of known length, so much of it missing.
    Sized {
        missing: usize,
    },
    /// The size of a chunk, in hexadecimal digits.
    ChunkSize {
        size: usize,
        digits: u8,
    },
    /// What may stand between a size and the end of its line.
    Extension {
        size: usize,
    },
    /// The line feed after a chunk's size.
    ChunkLineEnd {
        size: usize,
    },
    /// The data of a chunk.
    ChunkData {
        missing: usize,
    },
    /// The end of line behind a chunk's data: first or second byte.
    ChunkEnd {
        has_return: bool,
    },
    /// The trailers; `line` counts the bytes of the current one.
    Trailer {
        line: usize,
    },
    /// The line feed that ends a trailer, or with an empty line the body.
    TrailerEnd {
        is_last: bool,
    },
    Done,
}

impl BodyReader {
    /// Finds out how the body of a request is framed. A request without a body is done at once.
    ///
    /// # Errors
    /// [`BodyError::InvalidLength`], [`BodyError::TooLong`], [`BodyError::UnknownCoding`],
    /// [`BodyError::Ambiguous`].
    pub fn of(head: &RequestHead<'_>) -> Result<Self, BodyError> {
        let has_length = head.values("content-length").next().is_some();
        let has_coding = head.values("transfer-encoding").next().is_some();
        let state = match (has_coding, has_length) {
            //= RFC 9112, section 6.1: such a message ought to be handled as an error.
            (true, true) => return Err(BodyError::Ambiguous),
            (true, false) if is_chunked(head) => State::ChunkSize { size: 0, digits: 0 },
            (true, false) => return Err(BodyError::UnknownCoding),
            (false, true) => State::Sized { missing: content_length(head)? },
            (false, false) => State::Sized { missing: 0 },
        };
        Ok(Self { bytes: Vec::new(), state: state.settled(), skipped_bytes: 0 })
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes what belongs to the body from the front of `input`.
    ///
    /// # Errors
    /// [`BodyError::TooLong`], [`BodyError::MalformedChunk`], [`BodyError::TooMuchSkipped`]. The
    /// reader is of no use afterwards.
    pub fn read(&mut self, input: &[u8]) -> Result<BodyProgress, BodyError> {
        let mut rest = input;
        while !self.is_done()
            && let Some((&next, after)) = rest.split_first()
        {
            rest = match self.state {
                State::Sized { missing } => {
                    let after = self.take_data(rest, missing);
                    let missing = missing - (rest.len() - after.len());
                    self.state = State::Sized { missing }.settled();
                    after
                }
                State::ChunkData { missing } => {
                    let after = self.take_data(rest, missing);
                    let missing = missing - (rest.len() - after.len());
                    self.state = State::ChunkData { missing }.settled();
                    after
                }
                framing => {
                    self.state = self.after_framing(framing, next)?;
                    after
                }
            };
        }
        Ok(BodyProgress { consumed: input.len() - rest.len(), is_done: self.is_done() })
    }

    /// The body.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn take_data<'a>(&mut self, input: &'a [u8], missing: usize) -> &'a [u8] {
        let (data, rest) = input.split_at(missing.min(input.len()));
        self.bytes.extend_from_slice(data);
        rest
    }

    /// The state after one byte of chunk framing.
    fn after_framing(&mut self, state: State, byte: u8) -> Result<State, BodyError> {
        match (state, byte) {
            (State::ChunkSize { size, digits }, byte) if byte.is_ascii_hexdigit() => {
                self.chunk_size(size, digits, byte)
            }
            (State::ChunkSize { digits: 0, .. }, _) => Err(BodyError::MalformedChunk),
            (State::ChunkSize { size, .. } | State::Extension { size }, b'\r') => {
                Ok(State::ChunkLineEnd { size })
            }
            (State::ChunkSize { size, .. }, b';' | b' ' | b'\t') => {
                self.skip(State::Extension { size })
            }
            (State::Extension { size }, byte) if is_field_byte(byte) => {
                self.skip(State::Extension { size })
            }
            (State::ChunkLineEnd { size: 0 }, b'\n') => Ok(State::Trailer { line: 0 }),
            (State::ChunkLineEnd { size }, b'\n') => Ok(State::ChunkData { missing: size }),
            (State::ChunkEnd { has_return: false }, b'\r') => {
                Ok(State::ChunkEnd { has_return: true })
            }
            (State::ChunkEnd { has_return: true }, b'\n') => {
                Ok(State::ChunkSize { size: 0, digits: 0 })
            }
            (State::Trailer { line }, b'\r') => Ok(State::TrailerEnd { is_last: line == 0 }),
            (State::Trailer { line }, byte) if is_field_byte(byte) => {
                self.skip(State::Trailer { line: line + 1 })
            }
            (State::TrailerEnd { is_last: true }, b'\n') => Ok(State::Done),
            (State::TrailerEnd { is_last: false }, b'\n') => Ok(State::Trailer { line: 0 }),
            _ => Err(BodyError::MalformedChunk),
        }
    }

    /// One more digit of a chunk's size, which is held to the limit before any of its data.
    fn chunk_size(&self, size: usize, digits: u8, digit: u8) -> Result<State, BodyError> {
        if digits == SIZE_DIGITS_MAX {
            return Err(BodyError::MalformedChunk);
        }
        let value = char::from(digit).to_digit(16).unwrap_or_default() as usize;
        // Cannot overflow: the size was within the limit with one digit less.
        let size = size * 16 + value;
        if self.bytes.len() + size > BODY_BYTES_MAX {
            return Err(BodyError::TooLong);
        }
        Ok(State::ChunkSize { size, digits: digits + 1 })
    }

    fn skip(&mut self, state: State) -> Result<State, BodyError> {
        self.skipped_bytes += 1;
        if self.skipped_bytes > SKIPPED_BYTES_MAX {
            return Err(BodyError::TooMuchSkipped);
        }
        Ok(state)
    }
}

impl State {
    /// The state itself, or the next one if no byte is missing in this one.
    fn settled(self) -> Self {
        match self {
            Self::Sized { missing: 0 } => Self::Done,
            Self::ChunkData { missing: 0 } => Self::ChunkEnd { has_return: false },
            state => state,
        }
    }
}

/// Exactly one coding, and that one is `chunked`.
fn is_chunked(head: &RequestHead<'_>) -> bool {
    let mut codings = head.list("transfer-encoding");
    let is_first = codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    //= RFC 9112, section 6.1: HTTP/1.0 has no transfer codings; its framing is faulty.
    head.is_http_11 && is_first && codings.next().is_none()
}

/// The one length, as one number of digits only.
fn content_length(head: &RequestHead<'_>) -> Result<usize, BodyError> {
    let mut lengths = head.values("content-length");
    let (Some(length), None) = (lengths.next(), lengths.next()) else {
        return Err(BodyError::InvalidLength);
    };
    let length = length.trim_ascii();
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(BodyError::InvalidLength);
    }
    // Digits that are no `usize` are a number over every limit.
    let length = str::from_utf8(length).ok().and_then(|digits| digits.parse().ok());
    length.filter(|&length| length <= BODY_BYTES_MAX).ok_or(BodyError::TooLong)
}

/// A byte that may stand in an extension or a trailer: printable, a space or a tab.
fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests;
