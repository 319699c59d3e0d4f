//! One shard at work: the only part of the server that names the runtime.
//!
//! [`turn`] is the loop: input, mesh, deadlines, output, sleep. [`mesh`] carries messages between
//! the loops, [`readiness`] waits for an epoll inside glommio, [`start`] brings the threads up.

pub mod mesh;
pub mod readiness;
pub mod start;
pub mod turn;
