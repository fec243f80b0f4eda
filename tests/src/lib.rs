//! What the tests of the whole product share: clips made by ffmpeg, the real binary as processes,
//! and the ffmpeg command line as the reference for frames.
//!
//! Owns no assertion about the product. Panics where the machine lacks what `make test` installs.

pub mod azurite;
pub mod binary;
pub mod chaos;
pub mod clips;
pub mod closed;
pub mod cluster;
pub mod meddler;
pub mod memory;
pub mod pair;
pub mod postgres;
pub mod prometheus;
pub mod quality;
pub mod reference;
pub mod runpod;
pub mod schema;
pub mod tiny_disk;
pub mod torture;
pub mod web_server;
pub mod weed;
