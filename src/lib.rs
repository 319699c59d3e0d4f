//! corecast: a thread-per-core WebSocket publish/subscribe server, wire-compatible with Azure Web
//! PubSub. This page is the map of the code.
//!
//! # Bird's-eye view
//!
//! The process has one **shard** per core, a **webhook shard** and a control thread. A shard is a
//! glommio executor pinned to its core, with one task, and the only owner of its connections and of
//! all state about them: it accepts on its own `SO_REUSEPORT` socket, reads, executes, fans out and
//! writes, all in one loop of **turns** ([`reactor::turn`]). Shards share nothing; what one has to
//! tell another crosses the **mesh** ([`reactor::mesh`]) as a [`shard::message::ShardMessage`], and
//! a published message crosses as frames that are already finished.
//!
//! # The main path
//!
//! One message, from a publisher's socket to every subscriber's:
//!
//! 1. [`connection::reader`] takes bytes from a socket, and [`connection::frames`] works through
//!    the whole frames in them;
//! 2. [`protocol::ws::decoder`] unmasks a frame in place, [`protocol::ws::assembly`] makes it a
//!    message;
//! 3. [`protocol::subprotocol::json`] or [`protocol::subprotocol::protobuf`] turns it into a
//!    [`ClientMessage`](protocol::subprotocol::ClientMessage) that borrows its payload;
//! 4. [`shard::dispatch`] checks permission and acts;
//! 5. [`shard::fanout`] encodes the message once per [`Format`](frame::Format) in use and queues a
//!    reference for each member here;
//! 6. [`shard::outbox`] and [`reactor::mesh`] carry the same frames to each shard that has
//!    members, where step 5 goes on for those;
//! 7. [`shard::outbound`] holds the references, bounded, until
//! 8. [`connection::writer`] drains each connection's queue, normally in one write per turn; what
//!    is joined for one socket serves every other that waits for the same ([`shard::joined`]).
//!
//! An application server's request enters at [`connection::rest`], is judged by [`api`], becomes a
//! [`shard::command::Command`] that [`shard::calls`] has carried out wherever it concerns somebody,
//! and is answered when all of those shards have done it.
//!
//! A **reliable** connection outlives its transport: its messages stay in its queue until they are
//! acknowledged ([`shard::replay`]), and a new socket is handed to the shard that has it
//! ([`connection::recovery`], [`shard::recovery`]). Its receivers share the frames of all others;
//! only the few bytes around a receiver's own number are its own ([`frame::numbered`]).
//!
//! What an application is to hear of leaves in [`shard::events`]: the first event handler that
//! wants an event gets it, and every event listener does ([`event`]), if there is room at its gate.
//! It crosses to the webhook shard ([`reactor::application`]), a thread with the field's HTTP and
//! AMQP libraries ([`upstream`]), and a handler's answer comes back the same way. A connection whose
//! event is under way waits; its shard never does. A client that wants to connect may have to wait
//! likewise ([`shard::admission`]). Nobody waits for a listener's broker ([`upstream::publish`]);
//! what is to outlive an outage, or this process, is kept on disk ([`spool`]).
//!
//! # Layers
//!
//! | Module | Answers | Never knows |
//! | --- | --- | --- |
//! | [`protocol`] | What do these bytes mean? | sockets, runtime, clock, hubs |
//! | [`frame`] | What bytes go out? | who receives them |
//! | [`hub`] | Who is in what, who may do what? | sockets, runtime, clock, formats |
//! | [`event`] | What does an application hear of, and by which handler? | how it is told, shards' state |
//! | [`shard`] | In what order does state on this core change? | sockets, runtime, HTTP |
//! | [`connection`] | How do bytes move for one client? | groups, other connections |
//! | [`listener`], [`auth`] | Who gets in? | shards' state |
//! | [`api`] | What does an application server ask for, and what does it hear? | sockets, shards' state |
//! | [`upstream`] | How do applications hear, and what do they answer? | sockets of clients, shards' state |
//! | [`spool`] | What outlives the process? | what is in it, everything else |
//! | [`reactor`] | When does what happen? The only part that names the runtime | message formats |
//! | [`server`], [`config`], [`metrics`] | How does it start, stop and show itself? | – |
//!
//! A test (`tests/tidy.rs`) reads the `use` lines and holds this table. [`protocol`], [`frame`],
//! [`hub`], [`event`] and [`shard`] are synchronous and own no descriptor: unit and property tests
//! run them, and `tests/sim` runs several shards of them in one thread from a seed.
//!
//! # Invariants
//!
//! - State of a connection changes on its shard only, between two steps of its loop. There is no
//!   lock and no shared mutable state on the data path.
//! - Once per message: parse, encode, hash, allocate, join. Once per receiver: a reference and a
//!   count that only this core touches.
//! - A join is acknowledged only when every shard has confirmed that it knows of it
//!   ([`shard::membership`]); a message published anywhere after that reaches the member. Order
//!   per publisher and group is kept, because every channel on the way is in order.
//! - No shard waits for an application. A handler that is too far behind fails further events at
//!   once ([`event::gate`]), and no handler delays another.
//! - Everything is bounded. A full outbound queue closes its client ([`shard::outbound`]); a full
//!   mesh channel makes the sender keep the message and stop reading from the clients that produce
//!   for it ([`shard::outbox`]), and no loop ever waits inside a turn, so two full shards cannot
//!   wait for each other. Nothing is dropped without a counter.
//! - A turn does a bounded amount for each source, and queues a bounded amount for receivers
//!   ([`shard::allowance`]): no group is so large that others have to wait for it. A panic on any
//!   thread ends the process.
//!
//! # In code
//!
//! ```
//! use corecast::hub::permission::{Action, Permissions};
//!
//! let roles = ["webpubsub.joinLeaveGroup.news", "webpubsub.sendToGroups.rooms.*"];
//! let (permissions, ignored) = Permissions::from_roles(roles);
//! assert!(ignored.is_empty());
//! assert!(permissions.allows(Action::JoinLeaveGroup, "news"));
//! assert!(permissions.allows(Action::SendToGroup, "rooms.7"));
//! assert!(!permissions.allows(Action::SendToGroup, "rooms.7.log"));
//! ```

pub mod server;

pub mod reactor;

pub mod connection;
pub mod shard;

pub mod event;
pub mod frame;
pub mod hub;
pub mod protocol;

pub mod api;
pub mod auth;
pub mod listener;
pub mod spool;
pub mod upstream;

pub mod config;
pub mod metrics;
pub mod sys;
