//! Which codecs each container takes beside the video.
//!
//! Owns lists, where libav has none or one that is wider than what comes back (its transport stream muxer
//! takes everything, as private data that no demuxer knows again). Refuses to guess.

use cleanplate_types::source::StreamKind;

use super::Container;

/// What becomes of a stream that is not the video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is copied, packet for packet.
    Kept,
    /// It becomes an attachment: a cover picture in Matroska.
    Attached,
    /// What it says is carried in another way: a time code as a tag.
    Told,
    /// It has no place, for this reason.
    Lost(&'static str),
}

/// Sound and the like that comes back out of a transport stream as what it was.
const IN_TS: &[&str] = &[
    "h264",
    "hevc",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "aac",
    "aac_latm",
    "mp1",
    "mp2",
    "mp3",
    "ac3",
    "eac3",
    "dts",
    "truehd",
    "opus",
    "dvb_subtitle",
    "dvb_teletext",
    "timed_id3",
    "klv",
];

/// What only a transport stream for Blu-ray knows.
const IN_TIMED_TS: &[&str] = &["hdmv_pgs_subtitle", "pcm_bluray"];

/// What libav's muxers of the MP4 family name and then refuse: these only in MP4.
const NOT_IN_MOV: &[&str] = &["flac", "opus", "truehd", "mpegh_3d_audio", "vp9", "av1"];

/// These in neither.
const NOT_IN_BOXES: &[&str] = &["vp8"];

/// Pictures that can be a cover in MP4.
const COVERS: &[&str] = &["mjpeg", "png", "bmp"];

/// What becomes of a stream of this kind and codec (libav's name) in `container`.
pub(crate) fn fate(container: Container, kind: StreamKind, codec: &str, still: bool) -> Fate {
    if codec == "tmcd" {
        return Fate::Told;
    }
    match (container, kind) {
        (Container::Mkv, StreamKind::Attachment) => Fate::Kept,
        (Container::Mkv, StreamKind::Video) if still => Fate::Attached,
        (Container::Mkv | Container::Webm, StreamKind::Data) => {
            Fate::Lost("it keeps no data streams")
        }
        (Container::Mp4, StreamKind::Video) if still && COVERS.contains(&codec) => Fate::Kept,
        (
            Container::Mp4 | Container::Mov | Container::Webm | Container::Ts { .. },
            StreamKind::Video,
        ) if still => Fate::Lost("it has no place for this cover picture"),
        (
            Container::Mp4 | Container::Mov | Container::Webm | Container::Ts { .. },
            StreamKind::Attachment,
        ) => Fate::Lost("it has no attachments"),
        // In this mode libav's muxer has numbers for video, sound and Blu-ray's own subtitles alone.
        (Container::Ts { timed: true }, StreamKind::Data | StreamKind::Subtitle)
            if !IN_TIMED_TS.contains(&codec) =>
        {
            Fate::Lost("it does not know this codec")
        }
        (Container::Ts { timed }, _)
            if IN_TS.contains(&codec) || (timed && IN_TIMED_TS.contains(&codec)) =>
        {
            Fate::Kept
        }
        (Container::Ts { .. }, _) => Fate::Lost("it does not know this codec"),
        (Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm, _) => {
            if muxer_takes(container, codec) {
                Fate::Kept
            } else {
                Fate::Lost("it does not know this codec")
            }
        }
    }
}

/// Whether the container takes video of this codec (libav's name).
pub(crate) fn holds_video(container: Container, codec: &str) -> bool {
    match container {
        Container::Ts { .. } => IN_TS.contains(&codec),
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm => {
            muxer_takes(container, codec)
        }
    }
}

/// Whether libav's muxer takes the codec.
fn muxer_takes(container: Container, codec: &str) -> bool {
    let refused = match container {
        Container::Mov => NOT_IN_MOV.contains(&codec) || NOT_IN_BOXES.contains(&codec),
        Container::Mp4 => NOT_IN_BOXES.contains(&codec),
        Container::Mkv | Container::Webm | Container::Ts { .. } => false,
    };
    !refused && super::ffi::muxer_takes(container.muxer(), codec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_muxer_names_and_then_refuses_is_lost_before_any_work() {
        let lost = |container, codec| {
            matches!(fate(container, StreamKind::Audio, codec, false), Fate::Lost(_))
        };
        for codec in ["opus", "flac", "truehd"] {
            assert!(lost(Container::Mov, codec) && !lost(Container::Mkv, codec), "{codec}");
        }
        assert!(lost(Container::Mkv, "s302m"), "it has no name there");
        for codec in ["pcm_s16le", "adpcm_ms", "wmav2", "aac", "dts"] {
            assert!(!lost(Container::Mkv, codec), "{codec}");
        }
        let blu_ray = Container::Ts { timed: true };
        for (kind, codec, kept) in [
            (StreamKind::Data, "klv", false),
            (StreamKind::Subtitle, "dvb_subtitle", false),
            (StreamKind::Subtitle, "hdmv_pgs_subtitle", true),
            (StreamKind::Audio, "ac3", true),
        ] {
            assert_eq!(fate(blu_ray, kind, codec, false) == Fate::Kept, kept, "{codec}");
        }
        assert_eq!(
            fate(Container::Ts { timed: false }, StreamKind::Data, "klv", false),
            Fate::Kept
        );
        assert!(!lost(Container::Mp4, "opus") && !lost(Container::Mp4, "flac"));
        assert!(lost(Container::Webm, "aac") && !lost(Container::Webm, "opus"));
        assert!(holds_video(Container::Mp4, "vp9") && !holds_video(Container::Mov, "vp9"));
        assert!(!holds_video(Container::Mp4, "vp8") && !holds_video(Container::Webm, "h264"));
    }
}
