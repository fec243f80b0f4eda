//! How much the door takes: connections, requests and messages, each with a limit of its own.
//!
//! Owns the numbers and who has how much of them. Refuses to know who somebody is: a peer is an address, and the door,
//! which knows a better name for it, asks [`Rate`] by that.

mod buckets;
mod rate;
mod seats;

pub(crate) use buckets::Buckets;
pub(crate) use rate::Rate;
pub(crate) use seats::{Seated, Seats};

/// What the door takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorLimits {
    /// Bytes of a message (`limits.message`).
    pub message_bytes: usize,
    /// Connections that are open at a time (`limits.connections`).
    pub connections: u32,
    /// Of these from one address (`limits.connections_each`).
    pub connections_each: u32,
    /// Requests a second from one address, and of one caller from wherever (`limits.requests`).
    pub requests: u32,
}

impl Default for DoorLimits {
    /// A farm of thousands behind one address has a connection each, and asks little but on its one stream.
    fn default() -> Self {
        Self {
            message_bytes: cleanplate_proto::MESSAGE_BYTES_MAX,
            connections: 10_000,
            connections_each: 1_000,
            requests: 200,
        }
    }
}
