//! What a decoder is asked for: frames, threads, a card, how early to begin.
//!
//! Owns words only. What becomes of them is the decoder's.

use std::sync::Arc;

use cleanplate_types::frames::FrameRange;

use crate::device::{CardContext, DevicePool};

/// What to decode, and how.
#[derive(Debug, Clone)]
pub struct DecodeOrder {
    /// Frames to show.
    pub range: FrameRange,
    /// Threads of a software decoder; at least one is used.
    pub threads: u32,
    /// The card to decode on, where one is to be tried.
    pub card: Option<DecodeCard>,
    /// Show damaged pictures as the decoder conceals them. Always in software: cards conceal
    /// otherwise.
    pub conceal: bool,
    /// How early decoding begins beyond what the rules ask for.
    pub pre_roll: PreRoll,
}

/// A card to decode on, in a context that is shared.
#[derive(Debug, Clone)]
pub struct DecodeCard {
    /// The context.
    pub card: Arc<CardContext>,
    /// Where frames stay beside those of the host, for an encoder on the card.
    pub pool: Option<Arc<DevicePool>>,
}

/// How early decoding begins, beyond what the rules ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PreRoll {
    /// Begin as if this frame were the first to be shown, where it is before that one.
    pub from: Option<u64>,
    /// Times that the pre-roll is doubled.
    pub doublings: u32,
}

/// A way of working that was left for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// From what to what, such as `nvdec -> software`.
    pub what: String,
    /// Why, in the library's own words.
    pub message: String,
}
