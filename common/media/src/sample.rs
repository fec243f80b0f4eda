//! Shows single frames of a source, decoding as little as that takes.
//!
//! Owns the grouping of wanted frames into runs. Refuses to trade exactness for speed: a frame comes
//! out as a whole decode shows it.

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::source::SourceDescription;

use crate::decode::pick::Pick;
use crate::decode::start::entry_for;
use crate::decode::{DecodeCard, DecodeOrder, Decoder, Fallback, PreRoll};
use crate::error::MediaError;
use crate::frame::VideoFrame;

/// Which frames to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// These, rising.
    Listed(Vec<u64>),
    /// Of a range those to which other pictures refer, as the bits say; all of them where that cannot be
    /// told, or where damage is concealed. Between two of them lie mostly 1 to 4 frames.
    Referenced(FrameRange),
}

/// How to decode the wanted frames.
#[derive(Debug, Clone, Default)]
pub struct SampleOrder {
    /// Threads of a software decoder; at least one is used.
    pub threads: u32,
    /// The card to decode on, where one is to be tried.
    pub card: Option<DecodeCard>,
    /// Show damaged pictures as the decoder conceals them.
    pub conceal: bool,
}

/// Shows the `wanted` frames (indices in the table) to `look`, in order.
///
/// # Errors
/// Whatever decoding them gives, [`MediaError::Internal`] where those that are listed do not rise, and what
/// `look` returns.
#[expect(clippy::too_many_arguments, reason = "a decoder's four, and what to do with its frames")]
pub fn sample(
    source: Arc<dyn ReadAt>,
    name_hint: &str,
    description: &SourceDescription,
    table: Arc<FrameTable>,
    wanted: &Wanted,
    order: &SampleOrder,
    look: &mut dyn FnMut(u64, &VideoFrame) -> Result<(), MediaError>,
) -> Result<Vec<Fallback>, MediaError> {
    let mut fallbacks = Vec::new();
    let mut card = order.card.clone();
    for (range, pick) in runs(&table, wanted, order.conceal)? {
        let (threads, conceal) = (order.threads, order.conceal);
        let pre_roll = PreRoll::default();
        let order = DecodeOrder { range, threads, card: card.clone(), conceal, pre_roll };
        let source = Arc::clone(&source);
        let mut decoder = Decoder::open(source, name_hint, description, Arc::clone(&table), order)?;
        decoder.pick(pick);
        while let Some((index, frame)) = decoder.next()? {
            look(index, &frame)?;
        }
        let left = decoder.take_fallbacks();
        if !left.is_empty() {
            // What a card refused once it need not be asked again.
            card = None;
            fallbacks.extend(left);
        }
    }
    Ok(fallbacks)
}

/// The ranges that are decoded in one run each, and what is shown of them.
fn runs(
    table: &FrameTable,
    wanted: &Wanted,
    conceal: bool,
) -> Result<Vec<(FrameRange, Pick)>, MediaError> {
    let listed = match wanted {
        Wanted::Referenced(range) if conceal => return Ok(vec![(*range, Pick::Every)]),
        Wanted::Referenced(range) => return Ok(vec![(*range, Pick::Referenced)]),
        Wanted::Listed(listed) => listed,
    };
    if listed.windows(2).any(|pair| pair[1] <= pair[0]) {
        return Err(MediaError::Internal("the wanted frames do not rise".to_owned()));
    }
    let mut runs = Vec::new();
    let mut rest = &listed[..];
    while let Some(first) = rest.first() {
        let (group, after) = rest.split_at(group_length(table, rest));
        rest = after;
        let range = FrameRange::new(*first, group.last().unwrap_or(first) + 1);
        runs.push((range, Pick::Listed(group.to_vec())));
    }
    Ok(runs)
}

/// How many of the first wanted frames are decoded in one run: as long as a new run would have to
/// begin before, or right after, the frame that the run has reached.
fn group_length(table: &FrameTable, wanted: &[u64]) -> usize {
    let goes_on = |pair: &&[u64]| {
        let begin = entry_for(table, pair[1], 0).map_or(0, |entry| entry.frame);
        begin <= pair[0] + 1
    };
    1 + wanted.windows(2).take_while(goes_on).count()
}
