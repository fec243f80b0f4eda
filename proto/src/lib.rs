//! The wire: generated messages and services, and the only conversions between them and our types.
//!
//! Owns the protocol's version. Refuses anything that is not conversion: a message is parsed at the
//! door and nobody behind it sees a generated type.

mod convert;
mod error;
mod leader;
mod request;

pub use crate::convert::{card_from_wire, card_to_wire, load_from_wire, load_to_wire};
pub use crate::error::WireError;
pub use crate::leader::{LEADER, StandsBy, stands_by};
pub use crate::request::{
    damage_from, damage_name, detect_from, detect_name, encoder_from, encoder_name, fill_from,
    look_from,
};

/// The generated messages and services.
#[allow(clippy::all, missing_docs, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("cleanplate.v1");
}

/// What KEDA asks a scaler: its interface, not ours.
#[allow(clippy::all, missing_docs, reason = "generated code")]
pub mod keda {
    tonic::include_proto!("externalscaler");
}

/// The descriptors of all services, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("descriptors");

/// The version of the protocol between workers and coordinator: raised when one side could
/// misunderstand the other.
pub const PROTOCOL_VERSION: u32 = 6;

/// The oldest protocol of a worker that a coordinator of this version works with: fleets are upgraded one machine
/// after the other, the coordinator first.
pub const PROTOCOL_OLDEST: u32 = PROTOCOL_VERSION - 1;

/// The most bytes of one message either way: masks are the largest, 8 MiB covers one of 8K.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
