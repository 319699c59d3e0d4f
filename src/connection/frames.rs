//! A client's frames: control frames answered, data frames handed to the shard as messages.

use tungstenite::protocol::frame::coding::{Control, OpCode};

use super::lifecycle::Sockets;
use super::reader::{Next, Progress};
use super::transport::Phase;
use crate::protocol::ws::assembly::Assembly;
use crate::protocol::ws::close;
use crate::protocol::ws::decoder::{Decoded, decode};
use crate::shard::close::CloseReason;
use crate::shard::dispatch::Flow;
use crate::shard::state::State;

impl Sockets {
    /// Executes every whole frame in `buffer`.
    pub(super) fn consume_frames(
        &mut self,
        state: &mut State,
        slot: u32,
        connection: u32,
        buffer: &mut [u8],
    ) -> Progress {
        let mut assembly = self.take_assembly(slot);
        let mut consumed = 0;
        let mut next = Next::Read;
        if state.connection(connection).held_joins > 0 || state.connection(connection).is_held() {
            next = Next::Hold;
        }
        while next == Next::Read {
            let rest = &mut buffer[consumed..];
            if !rest.is_empty() && state.is_turn_spent() {
                next = Next::Yield;
                break;
            }
            next = match decode(rest) {
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(Decoded::Frame { opcode, is_final, payload }) => {
                    consumed += payload.end;
                    let payload = &rest[payload];
                    if state.connection(connection).closing.is_some() {
                        self.on_frame_while_closing(state, slot, connection, opcode)
                    } else {
                        let frame = (opcode, is_final, payload);
                        on_frame(state, connection, &mut assembly, frame)
                    }
                }
                Err(error) => end(state, connection, CloseReason::Protocol(error)),
            };
            // A burst that fills a queue within the turn is offered to the socket on the spot.
            if !state.ready.overfull.is_empty() {
                self.relieve(state);
            }
        }
        if let Next::Part(code) = next {
            self.part(state, slot, code, "");
            next = Next::Discard;
        }
        if next == Next::Discard {
            consumed = buffer.len();
        }
        if let Phase::WebSocket { assembly: kept, .. } = &mut self.transports[slot as usize].phase {
            *kept = assembly;
        }
        if next == Next::Pause {
            self.paused.push(self.handle(slot));
        }
        Progress { consumed, next }
    }

    fn take_assembly(&mut self, slot: u32) -> Assembly {
        match &mut self.transports[slot as usize].phase {
            Phase::WebSocket { assembly, .. } => std::mem::take(assembly),
            Phase::Http(_) | Phase::Lingering => Assembly::default(),
        }
    }

    /// After our close frame only the client's own matters; what else it sends is discarded
    /// (`client-connect.md` section 12.1).
    fn on_frame_while_closing(
        &mut self,
        state: &State,
        slot: u32,
        connection: u32,
        opcode: OpCode,
    ) -> Next {
        if opcode != OpCode::Control(Control::Close) {
            return Next::Read;
        }
        self.transports[slot as usize].is_peer_closed = true;
        if state.connection(connection).outbound.is_empty() {
            self.doom(slot);
        }
        Next::Discard
    }
}

fn on_frame(
    state: &mut State,
    connection: u32,
    assembly: &mut Assembly,
    (opcode, is_final, payload): (OpCode, bool, &[u8]),
) -> Next {
    let kind = match opcode {
        OpCode::Data(kind) => kind,
        OpCode::Control(Control::Ping) => {
            state.pong(connection, payload);
            return Next::Read;
        }
        OpCode::Control(Control::Close) => {
            return match close::read_payload(payload) {
                //= client-connect.md section 11.1: only 1000 ends a reliable connection.
                Ok((code, _)) if is_recoverable(state, connection, code) => {
                    Next::Part(code.unwrap_or(close::NORMAL))
                }
                Ok((code, reason)) => {
                    state.close_by_client(connection, code, reason);
                    Next::Discard
                }
                Err(error) => end(state, connection, CloseReason::Protocol(error)),
            };
        }
        OpCode::Control(_) => return Next::Read,
    };
    let completed = match assembly.push(kind, is_final, payload) {
        Ok(Some(completed)) => completed,
        Ok(None) => return Next::Read,
        Err(error) => return end(state, connection, CloseReason::Protocol(error)),
    };
    match completed.message() {
        Ok(message) => match state.on_message(connection, message) {
            Flow::Continue => Next::Read,
            Flow::Pause => Next::Pause,
            Flow::Hold => Next::Hold,
        },
        Err(error) => end(state, connection, CloseReason::Protocol(error)),
    }
}

fn is_recoverable(state: &State, connection: u32, code: Option<u16>) -> bool {
    code != Some(close::NORMAL) && state.connection(connection).kind.is_reliable()
}

/// Closes the connection; nothing that follows in its stream is looked at.
fn end(state: &mut State, connection: u32, reason: CloseReason) -> Next {
    state.close(connection, reason);
    Next::Discard
}
