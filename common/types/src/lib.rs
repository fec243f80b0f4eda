//! The nouns of cleanplate and their exact arithmetic: ids, time, frames, plans, parts, failures.
//!
//! Owns what the other crates speak about. Refuses IO, clocks, async and decisions: a decision
//! belongs to `cleanplate-core`, a byte moved belongs to `cleanplate-store` or `cleanplate-media`.

pub mod access;
pub mod brief;
pub mod cell;
pub mod choice;
pub mod detection;
pub mod digest;
pub mod encode;
pub mod failure;
pub mod frames;
pub mod glimpse;
pub mod ids;
pub mod known_models;
pub mod limits;
pub mod model;
pub mod object;
pub mod overlay;
pub mod part;
pub mod picture;
pub mod preview;
pub mod request;
pub mod source;
pub mod tier;
pub mod time;
pub mod trail;
