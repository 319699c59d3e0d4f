//! One request, down to the header lines.

use std::fmt;
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::Value;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// In the order in which they came; values as bytes, because a user id may be any text.
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// When it had been read completely.
    pub(crate) arrived: Instant,
    /// By which of the connections to the upstream it came, counted from the first.
    pub(crate) connection: usize,
    answered: OnceLock<Instant>,
}

impl Request {
    /// Takes one request off the front of `bytes`, if it is whole.
    pub(super) fn take(bytes: &mut Vec<u8>, connection: usize) -> Option<Self> {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let mut lines = bytes[..head_end - 4].split(|&byte| byte == b'\n');
        let first = String::from_utf8_lossy(lines.next()?).into_owned();
        let mut words = first.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let headers: Vec<_> = lines.filter_map(header_line).collect();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.map_or(Some(0), |(_, value)| {
            std::str::from_utf8(value).ok().and_then(|value| value.parse().ok())
        })?;
        let body = bytes.get(head_end..head_end + length)?.to_vec();
        bytes.drain(..head_end + length);
        let (arrived, answered) = (Instant::now(), OnceLock::new());
        Some(Self { method, target, headers, body, arrived, connection, answered })
    }

    /// What tests call it: the event, or the last segment of the path.
    pub(crate) fn name(&self) -> &str {
        self.header("ce-eventName")
            .unwrap_or_else(|| self.path().rsplit('/').next().expect("rsplit has a first part"))
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().expect("split has a first part")
    }

    /// The value of a header, if it is there; more than once is a failure.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "header {name} occurs twice: {self:?}");
        Some(std::str::from_utf8(value).unwrap_or_else(|_| panic!("not UTF-8: {self:?}")))
    }

    /// The value of a header that has to be there.
    pub(crate) fn expect(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The names of all headers as they were written.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| &**name)
    }

    /// `ce-id`.
    pub(crate) fn id(&self) -> u64 {
        self.expect("ce-id").parse().unwrap_or_else(|_| panic!("no number: {self:?}"))
    }

    /// `ce-connectionId`.
    pub(crate) fn connection_id(&self) -> &str {
        self.expect("ce-connectionId")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("not UTF-8: {self:?}"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Just before the answer began to be written; `None` until then.
    pub(crate) fn answered(&self) -> Option<Instant> {
        self.answered.get().copied()
    }

    pub(super) fn answer_now(&self) {
        let _ = self.answered.set(Instant::now());
    }
}

fn header_line(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = String::from_utf8_lossy(&line[..colon]).into_owned();
    Some((name, line[colon + 1..].trim_ascii().to_vec()))
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} {} by connection {}", self.method, self.target, self.connection)?;
        for (name, value) in &self.headers {
            writeln!(out, "{name}: {}", String::from_utf8_lossy(value))?;
        }
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]);
        write!(out, "{} bytes: {shown:?}", self.body.len())
    }
}
