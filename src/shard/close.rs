//! Every reason a connection ends, as one value: close code, texts, category.

use std::borrow::Cow;

use crate::protocol::subprotocol::MessageError;
use crate::protocol::ws::{ProtocolError, close};

/// Why a connection ends (`client-connect.md` section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client sent a close frame, with this code if it had one.
    ClientClosed(Option<u16>),
    /// The transport ended without a close frame.
    TransportLost,
    /// A frame that RFC 6455 or the size limit forbids.
    Protocol(ProtocolError),
    /// A message that its subprotocol does not know.
    Malformed(MessageError),
    /// The outbound queue passed its bound.
    SlowClient,
    /// A reliable client has left more unacknowledged than is kept.
    ReplayOverflow,
    /// A lost transport was not replaced in time.
    NotRecovered,
    /// A text frame on a protobuf subprotocol.
    WrongFrame,
    /// Nothing was heard for three keep-alive intervals.
    PingTimeout,
    /// A simple client published without the permission.
    Forbidden,
    /// A simple client's event has no handler and no listener.
    NoEventHandler,
    /// The handler of a simple client's event has failed.
    EventFailed,
    /// The connection to recover is unknown, or cannot be recovered.
    NotRecoverable,
    /// The application server closed it; the text is its own.
    ClosedByAppServer,
    /// The server is shutting down.
    ServiceReload,
}

impl CloseReason {
    /// The code of the close frame; `None` if the transport is already gone.
    pub fn code(self) -> Option<u16> {
        match self {
            Self::ClientClosed(code) => Some(code.unwrap_or(close::NORMAL)),
            Self::TransportLost | Self::NotRecovered => None,
            Self::WrongFrame => Some(close::UNSUPPORTED),
            Self::Protocol(error) => Some(error.close_code()),
            Self::Malformed(_) => Some(close::INVALID_PAYLOAD),
            Self::ClosedByAppServer => Some(close::NORMAL),
            Self::SlowClient | Self::ReplayOverflow | Self::Forbidden | Self::NotRecoverable => {
                Some(close::POLICY)
            }
            Self::PingTimeout | Self::ServiceReload => Some(close::GOING_AWAY),
            Self::NoEventHandler | Self::EventFailed => Some(close::INTERNAL_ERROR),
        }
    }

    /// The close reason, and the message of the `disconnected` system message before it.
    pub fn text(self) -> String {
        match self {
            Self::ClientClosed(_)
            | Self::TransportLost
            | Self::NotRecovered
            | Self::ClosedByAppServer => String::new(),
            Self::ReplayOverflow => "Too many messages are not acknowledged.".to_owned(),
            Self::WrongFrame => "The subprotocol takes binary frames only.".to_owned(),
            Self::Protocol(error) => error.reason().to_owned(),
            Self::Malformed(error) => error.to_string(),
            Self::SlowClient => "The client reads too slowly.".to_owned(),
            Self::PingTimeout => "PingTimeout".to_owned(),
            Self::Forbidden => "Sending to the group is not permitted.".to_owned(),
            Self::NoEventHandler => "No event handler accepts the event.".to_owned(),
            Self::EventFailed => "The event failed.".to_owned(),
            Self::NotRecoverable => "The connection cannot be recovered.".to_owned(),
            Self::ServiceReload => "ServiceReload".to_owned(),
        }
    }

    /// What the application hears in `disconnected`, unless client or application gave a reason
    /// of their own (`events-webhook.md` section 8.3.3).
    pub fn for_application(self) -> Cow<'static, str> {
        match self {
            Self::ClientClosed(_) | Self::ClosedByAppServer => "".into(),
            Self::TransportLost => "The client connection was lost.".into(),
            Self::PingTimeout => "The client did not respond to pings.".into(),
            Self::NoEventHandler | Self::EventFailed => "The event handler failed.".into(),
            Self::SlowClient => "The outbound message queue is full.".into(),
            Self::ServiceReload => "The service is restarting.".into(),
            Self::ReplayOverflow => "The reliable message buffer is full.".into(),
            Self::NotRecovered => "The connection could not be recovered in time.".into(),
            Self::WrongFrame
            | Self::Protocol(_)
            | Self::Malformed(_)
            | Self::Forbidden
            | Self::NotRecoverable => self.text().into(),
        }
    }

    /// Whether PubSub clients get a `disconnected` message first (section 12.1).
    pub fn is_announced(self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::WrongFrame
            | Self::EventFailed
            | Self::ClosedByAppServer
            | Self::ServiceReload => true,
            Self::Protocol(error) => error.close_code() != close::PROTOCOL_ERROR,
            _ => false,
        }
    }

    /// Whether what the client sends next can still be read as frames, so that its close frame
    /// can be waited for. After a broken frame it cannot.
    pub fn is_stream_intact(self) -> bool {
        !matches!(self, Self::Protocol(_) | Self::TransportLost)
    }

    /// Whether frames that wait for the client are dropped rather than sent before the close.
    pub fn discards_queue(self) -> bool {
        matches!(self, Self::SlowClient | Self::ReplayOverflow | Self::PingTimeout)
    }

    pub fn category(self) -> CloseCategory {
        match self {
            Self::ClientClosed(_) | Self::TransportLost | Self::NotRecovered => {
                CloseCategory::Normal
            }
            Self::Protocol(_) | Self::Malformed(_) | Self::WrongFrame => CloseCategory::BadRequest,
            Self::SlowClient | Self::ReplayOverflow => CloseCategory::SlowClient,
            Self::PingTimeout => CloseCategory::PingTimeout,
            Self::Forbidden | Self::NotRecoverable => CloseCategory::Unauthorized,
            Self::NoEventHandler => CloseCategory::EventHandlerNotFound,
            Self::EventFailed => CloseCategory::SendEventFailed,
            Self::ClosedByAppServer => CloseCategory::ClosedByAppServer,
            Self::ServiceReload => CloseCategory::ServiceReload,
        }
    }
}

/// The label of a close in the metrics (`operations.md` section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCategory {
    Normal,
    BadRequest,
    SlowClient,
    PingTimeout,
    Unauthorized,
    EventHandlerNotFound,
    SendEventFailed,
    ClosedByAppServer,
    ServiceReload,
}

impl CloseCategory {
    pub const COUNT: usize = 9;
    pub const ALL: [Self; Self::COUNT] = [
        Self::Normal,
        Self::BadRequest,
        Self::SlowClient,
        Self::PingTimeout,
        Self::Unauthorized,
        Self::EventHandlerNotFound,
        Self::SendEventFailed,
        Self::ClosedByAppServer,
        Self::ServiceReload,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::BadRequest => "BadRequest",
            Self::SlowClient => "SlowClient",
            Self::PingTimeout => "PingTimeout",
            Self::Unauthorized => "Unauthorized",
            Self::EventHandlerNotFound => "EventHandlerNotFound",
            Self::SendEventFailed => "SendEventFailed",
            Self::ClosedByAppServer => "ClosedByAppServer",
            Self::ServiceReload => "ServiceReload",
        }
    }
}
