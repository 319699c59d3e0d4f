//! One shard at work: the only part of the server that names the runtime.
//!
//! [`turn`] is the loop: input, mesh, deadlines, output, sleep. [`mesh`] carries messages between
//! the loops and [`application`] events to the webhook shard, both waking who sleeps (`sleeper`);
//! [`start`] brings the executors up, each with the loop as its one task.

pub mod application;
pub mod mesh;
mod sleeper;
pub mod start;
pub mod turn;
