//! Links against brokers that settle, refuse, stall, vanish, or speak nonsense.

mod broker;
mod claims;
mod endings;
mod outcomes;
mod security;
