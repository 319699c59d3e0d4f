//! What an upstream answers, and what it does instead.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::deadline::PATIENCE;

/// One answer; what is not said is a plain HTTP answer at once.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(super) manner: Manner,
    pub(super) delay: Delay,
}

#[derive(Clone)]
pub(super) enum Manner {
    Http {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing, until the other side gives up.
    Silence,
}

#[derive(Clone)]
pub(super) enum Delay {
    None,
    For(Duration),
    Until(Hold),
}

impl Answer {
    /// No body, no content type.
    pub(crate) fn status(status: u16) -> Self {
        Self::of(Manner::Http { status, headers: Vec::new(), body: Vec::new() })
    }

    /// `200` with this body and no content type.
    pub(crate) fn untyped(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body)
    }

    /// `200` with this body.
    pub(crate) fn typed(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::untyped(body).header("Content-Type", content_type)
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::typed("text/plain; charset=utf-8", text)
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::typed("application/json", value.to_string())
    }

    pub(crate) fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::typed("application/octet-stream", bytes)
    }

    /// Anything that is not HTTP, and the end of the connection after it.
    pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(Manner::Bytes(bytes.into()))
    }

    /// The end of the connection instead of an answer.
    pub(crate) fn hang_up() -> Self {
        Self::bytes([])
    }

    /// Nothing at all, for as long as somebody waits for it.
    pub(crate) fn never() -> Self {
        Self::of(Manner::Silence)
    }

    fn of(manner: Manner) -> Self {
        Self { manner, delay: Delay::None }
    }

    pub(crate) fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        if let Manner::Http { body, .. } = &mut self.manner {
            *body = bytes.into();
        }
        self
    }

    /// Adds a header, even if there is one of that name already.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Manner::Http { headers, .. } = &mut self.manner {
            headers.push((name.to_owned(), value.into()));
        }
        self
    }

    /// Changes the status.
    pub(crate) fn with_status(mut self, code: u16) -> Self {
        if let Manner::Http { status, .. } = &mut self.manner {
            *status = code;
        }
        self
    }

    /// Sets the state of the connection (`events-webhook.md`, section 9).
    pub(crate) fn state(self, state: &str) -> Self {
        self.header("ce-connectionState", state)
    }

    /// Answers only when the hold is released.
    pub(crate) fn held(mut self, hold: &Hold) -> Self {
        self.delay = Delay::Until(hold.clone());
        self
    }

    /// Answers only after this time.
    pub(crate) fn after(mut self, time: Duration) -> Self {
        self.delay = Delay::For(time);
        self
    }

    /// The bytes on the wire.
    pub(crate) fn sent(&self) -> Vec<u8> {
        match &self.manner {
            Manner::Http { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                // RFC 9110, section 8.6: not with 204.
                if *status != 204 {
                    head.push_str(&format!("Content-Length: {}\r\n", body.len()));
                }
                head.push_str("\r\n");
                [head.as_bytes(), body].concat()
            }
            Manner::Bytes(bytes) => bytes.clone(),
            Manner::Silence => Vec::new(),
        }
    }

    /// Whether the connection can carry a further request after this answer.
    pub(super) fn keeps_connection(&self) -> bool {
        matches!(self.manner, Manner::Http { .. })
    }
}

/// Keeps answers back until it is released.
#[derive(Clone)]
pub(crate) struct Hold(Arc<(Mutex<bool>, Condvar)>);

impl Hold {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    pub(crate) fn release(&self) {
        let (released, changed) = &*self.0;
        *released.lock().expect("no panic inside") = true;
        changed.notify_all();
    }

    /// Waits for the release; a test that fails meanwhile never releases.
    pub(super) fn wait(&self) {
        let (released, changed) = &*self.0;
        let released = released.lock().expect("no panic inside");
        let _ = changed.wait_timeout_while(released, PATIENCE * 2, |released| !*released);
    }
}
