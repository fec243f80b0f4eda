//! What a card refuses, by what can be done about it.
//!
//! Owns the words; every one names the card.

use crate::error::Words;

/// Why a card did not take or give a frame.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// libav does not work in the context.
    #[error("{card}: libav does not take the CUDA context: {words}")]
    Context {
        /// The card's name.
        card: String,
        /// libav's words.
        words: Words,
    },
    /// Samples that no card encodes from.
    #[error("{card}: frames of {layout} are not kept on a card, only yuv420p and yuv420p10le are")]
    Layout {
        /// The card's name.
        card: String,
        /// libav's name of the layout.
        layout: String,
    },
    /// All frames of the pool are held.
    #[error("{card}: all {frames_max} frames of its pool are held; fewer can be under way at once")]
    PoolFull {
        /// The card's name.
        card: String,
        /// The pool's bound.
        frames_max: u32,
    },
    /// The card's memory is used up.
    #[error(
        "{card}: no memory for one more frame of {width}x{height} {format} beside {held} of them ({words}); \
         run fewer slots on this card, or free its memory"
    )]
    OutOfMemory {
        /// The card's name.
        card: String,
        /// Width in samples.
        width: u32,
        /// Height in samples.
        height: u32,
        /// libav's name of the packing.
        format: &'static str,
        /// Frames of this pool that are held.
        held: u32,
        /// libav's words.
        words: Words,
    },
    /// A picture or a rectangle that is not of the pool's shape.
    #[error("{card}: {what} does not fit frames of {width}x{height} {layout}")]
    Shape {
        /// The card's name.
        card: String,
        /// What does not.
        what: String,
        /// Width in samples.
        width: u32,
        /// Height in samples.
        height: u32,
        /// libav's name of the layout.
        layout: String,
    },
    /// The driver failed. The context may be lost with all that is in it.
    #[error("{card}: {doing}: {words}")]
    Driver {
        /// The card's name.
        card: String,
        /// What was being done.
        doing: &'static str,
        /// libav's words.
        words: Words,
    },
}
