//! What an application hears of its clients, and which handler is told.
//!
//! A shard raises an [`call::Event`] for a connection, the hub's [`handlers::Handlers`] say which
//! event handler gets it (`events-webhook.md` section 2.4), its [`listeners::Listeners`] which event
//! listeners do (`events-listener.md` section 2.4), and each one's [`gate::Gate`] whether there is
//! room for one more. What comes of that is an [`call::EventCall`], which crosses to the webhook
//! shard; blocking events come back as an [`call::EventAnswer`].
//!
//! All of this is values and rules: how a call is delivered is [`crate::upstream`]'s, what its
//! answer does to a connection is the shard's.

pub mod call;
pub mod destination;
pub mod gate;
pub mod handlers;
pub mod listeners;
pub mod pattern;
pub mod receivers;
pub mod secret;
pub mod template;
