//! Whether a job may be cut: correct first, parallel second. Decided once, with the reason in words.

use cleanplate_types::frames::{EntryKind, FrameTable};
use cleanplate_types::request::{JobRequest, OnDamage};
use cleanplate_types::source::SourceDescription;
use serde::{Deserialize, Serialize};

/// Codecs whose standards fix every sample, so that two decodings of a sound stream are the same.
/// MPEG-2 and MPEG-4 leave room in the inverse transform.
const NORMATIVE: [&str; 4] = ["h264", "hevc", "vp9", "av1"];

/// libav's demuxers of bare streams: they have no timestamps, and frames are told apart by counting.
const BARE: [&str; 12] = [
    "h264",
    "hevc",
    "vvc",
    "mpegvideo",
    "m4v",
    "h263",
    "h261",
    "vc1",
    "dirac",
    "obu",
    "cavsvideo",
    "mjpeg",
];

/// How a job may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutting {
    /// It runs as one segment, and whatever is left of it after a failure is decoded from the start.
    pub whole: bool,
    /// Neighbours must have decoded the frame at their border alike from this frame on; nothing
    /// where decoding is not fixed by the codec's standard.
    pub compared_from: Option<u64>,
}

/// Decides how a job may be cut; says why, where it is not freely.
#[must_use]
pub fn cutting(
    request: &JobRequest,
    description: &SourceDescription,
    table: &FrameTable,
) -> (Cutting, Option<String>) {
    let whole = Cutting { whole: true, compared_from: None };
    if request.on_damage == OnDamage::Conceal {
        let why = "damage is concealed, and what a decoder then shows depends on where it began and \
                   on its threads: the job runs as one segment with one thread for decoding";
        return (whole, Some(why.to_owned()));
    }
    if BARE.contains(&description.container.as_str()) {
        let why = "the source is a bare stream without timestamps, and its frames are told by \
                   counting from the start: the job runs as one segment";
        return (whole, Some(why.to_owned()));
    }
    let compared_from =
        if is_normative(description) { head_end(&description.video.codec, table) } else { None };
    (Cutting { whole: false, compared_from }, None)
}

/// Whether every decoder must give the same samples of this source.
#[must_use]
pub fn is_normative(description: &SourceDescription) -> bool {
    NORMATIVE.contains(&description.video.codec.as_str())
}

/// The first frame after what a source that begins in the middle of a group of pictures may show
/// damaged; nothing where all of it may be.
fn head_end(codec: &str, table: &FrameTable) -> Option<u64> {
    let is_whole = match table.entries.first()?.kind {
        EntryKind::Idr => true,
        EntryKind::Recovery => codec == "hevc",
        EntryKind::Unknown => false,
    };
    if is_whole { Some(0) } else { table.entries.get(1).map(|entry| entry.frame) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{description, request, table};

    #[test]
    fn a_sound_h264_file_is_cut_anywhere_and_all_its_borders_are_compared() {
        let (cutting, why) = cutting(&request(), &description(), &table(900, 300));
        assert_eq!((cutting.whole, cutting.compared_from, why), (false, Some(0), None));
    }

    #[test]
    fn where_damage_is_concealed_or_frames_are_counted_the_job_is_one_segment_and_says_so() {
        let concealing = JobRequest { on_damage: OnDamage::Conceal, ..request() };
        let bare = SourceDescription { container: "h264".to_owned(), ..description() };
        let cases = [(concealing, description(), "concealed"), (request(), bare, "bare stream")];
        for (request, description, word) in cases {
            let (cutting, why) = cutting(&request, &description, &table(900, 300));
            assert!(cutting.whole && cutting.compared_from.is_none());
            assert!(why.is_some_and(|why| why.contains(word) && why.contains("one segment")));
        }
    }

    #[test]
    fn a_start_in_mid_group_and_codecs_with_free_arithmetic_are_not_compared() {
        let mut headless = table(900, 300);
        headless.entries[0].kind = EntryKind::Unknown;
        assert_eq!(cutting(&request(), &description(), &headless).0.compared_from, Some(300));
        headless.entries.truncate(1);
        assert_eq!(cutting(&request(), &description(), &headless).0.compared_from, None);
        let mut old = description();
        old.video.codec = "mpeg2video".to_owned();
        assert_eq!(cutting(&request(), &old, &table(900, 300)).0.compared_from, None);
    }
}
