//! One frame of a source to look at, from near its middle, without counting anything.
//!
//! Refuses to say which frame it is: nothing exact may be built on it. What intake refuses by a source's header is
//! refused here as well.

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::limits::SourceLimits;
use cleanplate_types::source::VideoDescription;
use cleanplate_types::time::Pts;

use crate::decode::first::{First, first_frame};
use crate::decode::place::Place;
use crate::error::MediaError;
use crate::frame::{self, VideoFrame};
use crate::input::{Input, SeekTo};
use crate::probe;
use crate::scan::within;

/// Packets that are tried for a frame: more than a GOP of ten seconds.
const PACKETS_MAX: u32 = 1024;

/// A frame of `source`, and what it is of. A source that cannot be entered in the middle shows its first.
///
/// # Errors
/// Whatever [`probe::describe`] refuses, [`MediaError::OverLimit`], [`MediaError::PictureChanges`],
/// [`MediaError::NoFrames`].
pub fn glimpse(
    source: Arc<dyn ReadAt>,
    name_hint: &str,
    limits: &SourceLimits,
) -> Result<(VideoDescription, VideoFrame), MediaError> {
    limits.check_bytes(source.size())?;
    let mut input = Input::open(Arc::clone(&source), name_hint)?;
    within(&input, limits)?;
    let description = probe::describe(&mut input)?;
    drop(input);
    let video = description.video;
    limits.check_picture(video.width, video.height)?;
    let stream = usize::try_from(video.stream).unwrap_or(usize::MAX);
    let place = Place { source, name_hint: name_hint.to_owned(), stream, near: None };
    let half = description.duration_micros.map(|duration| duration / 2);
    let middle = half.and_then(|half| shown(&place, &video, Some(half)).ok().flatten());
    let frame = match middle {
        Some(frame) => Some(frame),
        None => shown(&place, &video, None)?,
    };
    frame.map(|frame| (video, frame)).ok_or(MediaError::NoFrames)
}

/// The first sound frame from the key frame before `micros` on, or from the start.
fn shown(
    place: &Place,
    video: &VideoDescription,
    micros: Option<i64>,
) -> Result<Option<VideoFrame>, MediaError> {
    let mut input = place.open()?;
    if let Some(micros) = micros {
        let stamp = stamp(&input, place.stream, micros);
        input.seek(place.stream, SeekTo::Stamp(stamp))?;
    }
    let Some(First { frame: found, .. }) = first_frame(&mut input, place.stream, PACKETS_MAX)?
    else {
        return Ok(None);
    };
    if micros.is_some() && frame::damage_of(&found).is_some() {
        return Ok(None);
    }
    let layout = Arc::new(video.layout.clone());
    frame::check_shape(&found, &layout, (video.width, video.height))?;
    VideoFrame::adopt(found, &layout, Pts(0)).map(Some)
}

/// The time `micros` after the stream's first, in its ticks.
fn stamp(input: &Input, stream: usize, micros: i64) -> i64 {
    let Some(stream) = input.context().stream(stream) else { return 0 };
    let (base, start) = (stream.time_base(), stream.start_time());
    let (over, under) = (i128::from(base.denominator()), i128::from(base.numerator().max(1)));
    let ticks = i128::from(micros) * over / (under * 1_000_000);
    let start = if start == i64::MIN { 0 } else { start };
    i64::try_from(ticks).unwrap_or(i64::MAX).saturating_add(start)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use cleanplate_types::picture::PlanesRef;

    use super::*;
    use crate::clip::on_disk;

    /// Black for two seconds, then white for eight, with key frames each second.
    fn clip(folder: &std::path::Path, name: &str) -> Arc<dyn ReadAt> {
        let path = folder.join(name);
        let black =
            "color=black:s=320x180:r=25:d=2[a];color=white:s=320x180:r=25:d=8[b];[a][b]concat";
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-filter_complex", black, "-c:v", "libx264", "-g", "25"])
            .args(["-pix_fmt", "yuv420p"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        on_disk(&path)
    }

    #[test]
    fn a_frame_from_the_middle_is_shown_whatever_the_container() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.mp4", "a.mkv", "a.ts"] {
            let source = clip(folder.path(), name);
            let (video, frame) = glimpse(source, name, &SourceLimits::USUAL).unwrap();
            assert_eq!((video.width, video.height), (320, 180), "{name}");
            let PlanesRef::Eight(planes) = frame.planes() else { panic!("eight bits") };
            assert!(planes[0].samples[0] > 200, "{name}: white, not the first second's black");
        }
    }

    #[test]
    fn what_has_no_frames_is_refused_as_by_intake() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.mp4");
        std::fs::write(&path, "no video at all, only words, and many more of them").unwrap();
        let error = glimpse(on_disk(&path), "words.mp4", &SourceLimits::USUAL).unwrap_err();
        assert!(matches!(error, MediaError::NotMedia(_)), "{error}");
        let small = SourceLimits { bytes: 10, ..SourceLimits::USUAL };
        let source = clip(folder.path(), "b.mp4");
        let error = glimpse(source, "b.mp4", &small).unwrap_err();
        assert!(matches!(error, MediaError::OverLimit { .. }), "{error}");
    }
}
