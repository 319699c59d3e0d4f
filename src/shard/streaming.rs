//! What streams do: to the publisher's group, and to the publisher (`client-json.md` section 7).

use std::cmp::Reverse;

use super::connection::ConnectionHandle;
use super::dispatch::Flow;
use super::fanout::GroupMessage;
use super::state::State;
use super::streams::{FragmentOrder, Stream};
use crate::hub::id::ShardSet;
use crate::hub::permission::Action;
use crate::protocol::subprotocol::{
    AckError, Answer, EndOfStream, MessageError, Metadata, Payload, StreamContent, StreamData,
    StreamEnd, StreamError, StreamFailure, StreamPart, StreamStart,
};

/// How a stream ends.
#[derive(Clone, Copy, Debug)]
struct Ending<'a> {
    /// What its publisher hears, if anything.
    publisher: Option<Option<(StreamError, &'a str)>>,
    subscribers: EndOfStream<'a>,
}

impl<'a> Ending<'a> {
    /// Both sides hear of a failure, by the name that is theirs.
    fn failed(publisher: StreamError, subscribers: StreamError, text: &'a str) -> Self {
        let failure =
            StreamFailure { error: subscribers, message: Some(text), user_error_code: None };
        Self { publisher: Some(Some((publisher, text))), subscribers: EndOfStream::Failed(failure) }
    }
}

impl State {
    /// Section 7.1.
    pub(super) fn on_stream_start(&mut self, slot: u32, start: &StreamStart<'_>) {
        if self.is_duplicate(slot, start.ack_id) {
            return;
        }
        let refusal = self.open_stream(slot, start).err();
        let id = &*start.stream_id;
        match refusal {
            None => {
                self.tell(slot, &Answer::StreamAck { stream_id: id, expected: 1 });
                self.succeed(slot, start.ack_id);
            }
            Some((error, text)) => {
                let (error, ack_error) = match error {
                    AckError::Forbidden => (StreamError::Forbidden, AckError::Forbidden),
                    _ => (StreamError::BadRequest, AckError::BadRequest),
                };
                let error = Some((error, text.as_str()));
                self.tell(slot, &Answer::StreamClosed { stream_id: id, error });
                self.fail(slot, start.ack_id, ack_error, text.as_str());
            }
        }
    }

    fn open_stream(
        &mut self,
        slot: u32,
        start: &StreamStart<'_>,
    ) -> Result<(), (AckError, String)> {
        let settings = start.settings.map_err(|error| (AckError::BadRequest, error.to_string()))?;
        let now = self.now;
        let connection = self.connection_mut(slot);
        if !connection.permissions.allows(Action::SendToGroup, &start.group) {
            let text = format!("Sending to group '{}' is not permitted.", start.group);
            return Err((AckError::Forbidden, text));
        }
        let streams = &mut connection.extras_mut().streams;
        if !streams.open(&start.stream_id, &start.group, settings, now) {
            let text = "The stream is active, or too many are.".to_owned();
            return Err((AckError::BadRequest, text));
        }
        let idle_at = now + u64::from(settings.idle_timeout_ms) + 1;
        self.stream_deadlines.push(Reverse((idle_at, self.handle(slot))));
        Ok(())
    }

    /// An `event` or the like with a stream, which only groups have (section 3.4).
    pub(super) fn on_event_with_stream(&mut self, slot: u32, stream_id: &str, ack_id: Option<u64>) {
        if self.is_duplicate(slot, ack_id) {
            return;
        }
        let text = "Streams go to groups.";
        let error = Some((StreamError::BadRequest, text));
        self.tell(slot, &Answer::StreamClosed { stream_id, error });
        self.fail(slot, ack_id, AckError::BadRequest, text);
    }

    /// Section 7.2.
    pub(super) fn on_stream_data(&mut self, slot: u32, data: &StreamData<'_>) -> Flow {
        let now = self.now;
        let id = &*data.stream_id;
        let Some(stream) = self.stream_mut(slot, id) else {
            self.no_such_stream(slot, id);
            return Flow::Continue;
        };
        let sent_to = match &data.content {
            StreamContent::KeepAlive => {
                stream.touch(now);
                ShardSet::default()
            }
            StreamContent::Refused(error) => self.refuse_fragment(slot, id, *error),
            StreamContent::Fragment { sequence_id, payload } => {
                match stream.order_of(*sequence_id) {
                    FragmentOrder::Expected => self.publish_fragment(slot, id, payload),
                    FragmentOrder::Duplicate => {
                        let expected = stream.expected;
                        self.tell(slot, &Answer::StreamAck { stream_id: id, expected });
                        ShardSet::default()
                    }
                    FragmentOrder::TooEarly => {
                        let expected = stream.expected;
                        let (error, text) =
                            (StreamError::InvalidSequenceId, "Fragments are missing before it.");
                        let nack = Answer::StreamNack { stream_id: id, expected, error, text };
                        self.tell(slot, &nack);
                        ShardSet::default()
                    }
                }
            }
        };
        self.flow(sent_to.intersects(self.outbox.blocked()))
    }

    fn publish_fragment(&mut self, slot: u32, id: &str, payload: &Payload<'_>) -> ShardSet {
        let now = self.now;
        let Some(stream) = self.stream_mut(slot, id) else { return ShardSet::default() };
        let stream = stream.clone();
        if !self.connection(slot).permissions.allows(Action::SendToGroup, &stream.group) {
            let forbidden = StreamError::Forbidden;
            let text = "Sending to the group is not permitted any more.";
            return self.end_stream(slot, id, &Ending::failed(forbidden, forbidden, text));
        }
        let part = StreamPart { stream_id: id, sequence_id: stream.expected, end: None };
        let sent_to = self.publish_part(slot, &stream, payload, part);
        let expected = stream.expected + 1;
        if let Some(stream) = self.stream_mut(slot, id) {
            stream.expected = expected;
            stream.touch(now);
        }
        self.tell(slot, &Answer::StreamAck { stream_id: id, expected });
        sent_to
    }

    fn refuse_fragment(&mut self, slot: u32, id: &str, error: MessageError) -> ShardSet {
        let text = error.to_string();
        let ending = Ending::failed(StreamError::BadRequest, StreamError::Cancelled, &text);
        self.end_stream(slot, id, &ending)
    }

    /// Section 7.3.
    pub(super) fn on_stream_end(&mut self, slot: u32, end: &StreamEnd<'_>) -> Flow {
        let id = &*end.stream_id;
        if self.stream_mut(slot, id).is_none() {
            self.no_such_stream(slot, id);
            return Flow::Continue;
        }
        let subscribers = match &end.error {
            None => EndOfStream::Normal,
            Some(error) => EndOfStream::Failed(StreamFailure {
                error: StreamError::UserError,
                message: error.message.as_deref(),
                user_error_code: error.user_error_code.as_deref(),
            }),
        };
        let sent_to = self.end_stream(slot, id, &Ending { publisher: Some(None), subscribers });
        self.flow(sent_to.intersects(self.outbox.blocked()))
    }

    fn no_such_stream(&mut self, slot: u32, stream_id: &str) {
        let error = Some((StreamError::StreamNotFound, "There is no such stream."));
        self.tell(slot, &Answer::StreamClosed { stream_id, error });
    }

    fn stream_mut(&mut self, slot: u32, id: &str) -> Option<&mut Stream> {
        self.connections[slot].extras.as_mut()?.streams.get_mut(id)
    }

    fn end_stream(&mut self, slot: u32, id: &str, ending: &Ending<'_>) -> ShardSet {
        let extras = self.connections[slot].extras.as_mut();
        match extras.and_then(|extras| extras.streams.close(id)) {
            Some(stream) => self.conclude(slot, &stream, ending),
            None => ShardSet::default(),
        }
    }

    /// Tells both sides that a stream, which is not active any more, has ended.
    fn conclude(&mut self, slot: u32, stream: &Stream, ending: &Ending<'_>) -> ShardSet {
        if let Some(error) = ending.publisher {
            self.tell(slot, &Answer::StreamClosed { stream_id: &stream.id, error });
        }
        let part = StreamPart {
            stream_id: &stream.id,
            sequence_id: stream.expected,
            end: Some(ending.subscribers),
        };
        self.publish_part(slot, stream, &Payload::text(""), part)
    }

    fn publish_part(
        &mut self,
        slot: u32,
        stream: &Stream,
        payload: &Payload<'_>,
        part: StreamPart<'_>,
    ) -> ShardSet {
        let message = GroupMessage {
            group: &stream.group,
            payload,
            metadata: &Metadata::default(),
            ttl_seconds: 0,
            no_echo: stream.no_echo,
            stream: Some(part),
        };
        self.publish(slot, &message)
    }

    /// The publisher is going: its streams end with it (section 7.5).
    pub(super) fn cancel_streams(&mut self, slot: u32) {
        let text = "The publisher has gone.";
        let failure = StreamFailure {
            error: StreamError::Cancelled,
            message: Some(text),
            user_error_code: None,
        };
        let ending = Ending { publisher: None, subscribers: EndOfStream::Failed(failure) };
        while let Some(extras) = &mut self.connections[slot].extras
            && let Some(stream) = extras.streams.pop()
        {
            self.conclude(slot, &stream, &ending);
        }
    }

    /// What a recovered publisher has to know (section 7.5).
    pub(super) fn acknowledge_streams(&mut self, slot: u32) {
        let Some(extras) = &self.connections[slot].extras else { return };
        let streams: Vec<_> = extras.streams.iter().map(|s| (s.id.clone(), s.expected)).collect();
        for (id, expected) in streams {
            self.tell(slot, &Answer::StreamAck { stream_id: &id, expected });
        }
    }

    /// Ends the streams whose time has run out.
    pub fn expire_streams(&mut self) {
        while let Some(Reverse((at, handle))) = self.stream_deadlines.peek().copied()
            && at <= self.now
        {
            self.stream_deadlines.pop();
            if let Some(slot) = self.resolve(handle) {
                self.expire_streams_of(slot, handle);
            }
        }
    }

    fn expire_streams_of(&mut self, slot: u32, handle: ConnectionHandle) {
        let idle = StreamError::IdleTimeout;
        let ending = Ending::failed(idle, idle, "The stream was idle for too long.");
        let now = self.now;
        while let Some(extras) = &mut self.connections[slot].extras
            && let Some(stream) = extras.streams.close_idle(now)
        {
            self.conclude(slot, &stream, &ending);
        }
        let extras = self.connections[slot].extras.as_ref();
        if let Some(next) = extras.and_then(|extras| extras.streams.next_idle_at()) {
            self.stream_deadlines.push(Reverse((next, handle)));
        }
    }

    /// When the first stream may run out of time.
    pub fn next_stream_deadline(&self) -> Option<u64> {
        self.stream_deadlines.peek().map(|Reverse((at, _))| *at)
    }
}
