//! One shard at work: the only part of the server that names the runtime.
//!
//! [`turn`] is the loop: input, mesh, deadlines, output, sleep. [`mesh`] carries messages between
//! the loops and [`application`] events to the webhook shard, both waking who sleeps (`sleeper`);
//! [`readiness`] waits for an epoll inside glommio, [`start`] brings the threads up.

pub mod application;
pub mod mesh;
pub mod readiness;
mod sleeper;
pub mod start;
pub mod turn;
