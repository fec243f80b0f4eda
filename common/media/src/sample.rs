//! Shows single frames of a source, decoding as little as that takes.
//!
//! Owns the grouping of wanted frames into runs. Refuses to trade exactness for speed: a frame comes
//! out as a whole decode shows it.

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::{FrameRange, FrameTable, TableOrigin};
use cleanplate_types::source::SourceDescription;

use crate::decode::start::entry_for;
use crate::decode::{DecodeOrder, Decoder, Fallback, PreRoll};
use crate::error::MediaError;
use crate::frame::VideoFrame;

/// Codecs whose decoders may pass over pictures to which no other refers, without a trace in those
/// that follow: so it is by their standards, and so it is tested.
const PASSING_OVER_IS_EXACT: &[&str] = &["h264", "hevc"];

/// How to decode the wanted frames.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampleOrder {
    /// Threads of a software decoder; at least one is used.
    pub threads: u32,
    /// CUDA ordinal of the card to decode on, where one is to be tried.
    pub card: Option<u32>,
    /// Show damaged pictures as the decoder conceals them.
    pub conceal: bool,
}

/// Shows the `wanted` frames (rising indices in the table) to `look`, in order.
///
/// # Errors
/// Whatever decoding them gives, [`MediaError::Internal`] where `wanted` does not rise, and what
/// `look` returns.
#[expect(clippy::too_many_arguments, reason = "a decoder's four, and what to do with its frames")]
pub fn sample(
    source: Arc<dyn ReadAt>,
    name_hint: &str,
    description: &SourceDescription,
    table: Arc<FrameTable>,
    wanted: &[u64],
    order: &SampleOrder,
    look: &mut dyn FnMut(u64, &VideoFrame) -> Result<(), MediaError>,
) -> Result<Vec<Fallback>, MediaError> {
    if wanted.windows(2).any(|pair| pair[1] <= pair[0]) {
        return Err(MediaError::Internal("the wanted frames do not rise".to_owned()));
    }
    let may_pass_over = table.origin == TableOrigin::Packets
        && !order.conceal
        && PASSING_OVER_IS_EXACT.contains(&description.video.codec.as_str());
    let mut fallbacks = Vec::new();
    let mut card = order.card;
    let mut rest = wanted;
    while let Some(first) = rest.first() {
        let (group, after) = rest.split_at(group_length(&table, rest));
        rest = after;
        let end = group.last().unwrap_or(first) + 1;
        let (threads, conceal) = (order.threads, order.conceal);
        let order = DecodeOrder {
            range: FrameRange::new(*first, end),
            threads,
            card,
            conceal,
            pre_roll: PreRoll::default(),
        };
        let source = Arc::clone(&source);
        let mut decoder = Decoder::open(source, name_hint, description, Arc::clone(&table), order)?;
        if may_pass_over {
            decoder.pass_over_unreferenced();
        }
        let mut due = group.iter().peekable();
        while let Some((index, frame)) = decoder.next()? {
            if due.next_if(|wanted| **wanted == index).is_some() {
                look(index, &frame)?;
            }
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

/// How many of the first wanted frames are decoded in one run: as long as a new run would have to
/// begin before, or right after, the frame that the run has reached.
fn group_length(table: &FrameTable, wanted: &[u64]) -> usize {
    let goes_on = |pair: &&[u64]| {
        let begin = entry_for(table, pair[1], 0).map_or(0, |entry| entry.frame);
        begin <= pair[0] + 1
    };
    1 + wanted.windows(2).take_while(goes_on).count()
}
