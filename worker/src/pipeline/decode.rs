//! Decoding: exactly the frames of the segment and its halo, in order.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use cleanplate_media::decode::{DecodeOrder, Decoder, PreRoll};
use cleanplate_media::fault::{FaultAt, Faults, eat, faults};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::part::Restored;
use cleanplate_types::trail::TrailEvent;

use super::{Frame, Segment};
use crate::engine::OpenCard;

/// Decodes the segment.
pub(super) fn run(segment: &Segment, decoded: &SyncSender<Frame>) -> Result<(), Failure> {
    let Segment { desk, brief, decoded: range, .. } = segment;
    let means = &desk.order().means;
    let failed = |error: cleanplate_media::error::MediaError| error.failure(Stage::Decode);
    let order = DecodeOrder {
        range: *range,
        // What is shown of damage depends on the number of threads.
        threads: if segment.run.conceal { 1 } else { means.threads },
        card: segment.card.as_ref().map(OpenCard::for_decoder),
        conceal: segment.run.conceal,
        pre_roll: PreRoll { from: segment.run.decode_from, doublings: segment.run.earlier },
    };
    let hint = &desk.order().name_hint;
    let source = Arc::clone(&segment.source);
    let table = Arc::clone(&segment.table);
    let mut decoder =
        Decoder::open(source, hint, &brief.description, table, order).map_err(failed)?;
    let (first, last) = (segment.cells.first(), segment.cells.last());
    let cells = match (first, last) {
        (Some(first), Some(last)) => format!("cells {} to {}", first.index, last.index),
        _ => String::new(),
    };
    let (num, den) = brief.description.video.frame_rate;
    let started =
        format!("{}, {num}/{den} frames a second; {cells}, frames {range}", decoder.way());
    desk.trail(Stage::Decode, TrailEvent::Started, started, Some(range.count()));
    let mut handed = 0_u64;
    let mut last = None;
    loop {
        let next = decoder.next();
        for fallback in decoder.take_fallbacks() {
            let text = format!("{}: {}", fallback.what, fallback.message);
            desk.trail(Stage::Decode, TrailEvent::Fallback, text, Some(handed));
        }
        let Some((index, picture)) = next.map_err(failed)? else { break };
        strike(index);
        let hash = picture.fast_hash();
        let before = if handed == 0 { decoder.frame_before() } else { last };
        let (touched, outside, restored) = (false, hash, Restored::default());
        let frame = Frame { index, picture, touched, hash, outside, restored, before };
        if decoded.send(frame).is_err() {
            // The next stage has gone and reports why itself.
            return Ok(());
        }
        last = Some(hash);
        handed += 1;
    }
    if handed != range.count() {
        let text = format!("the source ends after {handed} of {} frames", range.count());
        let missing = FrameRange::new(range.start + handed, range.end);
        return Err(Failure::new(FailureKind::TableMismatch, Stage::Decode, text).at(missing));
    }
    let dropped = decoder.frames_decoded().saturating_sub(handed);
    let layout = &brief.description.video.layout.name;
    let done = format!(
        "{}; {dropped} frames of pre-roll dropped; conversion: none, the decoder's own {layout} planes \
         go on",
        decoder.way()
    );
    desk.trail(Stage::Decode, TrailEvent::Finished, done, Some(handed));
    Ok(())
}

/// Plays an engine that dies, hangs or eats, where a test asks for it; release builds have no faults.
fn strike(index: u64) {
    let Faults { crash_at, hang_at, eat_at, .. } = faults();
    let is_due = |fault: &Option<FaultAt>| fault.as_ref().is_some_and(|at| at.strikes(index));
    if is_due(crash_at) {
        std::process::abort();
    }
    if is_due(eat_at) {
        eat();
    }
    if is_due(hang_at) {
        loop {
            std::thread::park();
        }
    }
}
