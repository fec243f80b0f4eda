//! The ffmpeg command line as the reference: every frame that it shows, with its time and hash.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cleanplate_media::decode::{DecodeOrder, Decoder, PreRoll};
use cleanplate_media::error::MediaError;
use cleanplate_media::scan::Scanned;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::time::Timebase;

use crate::clips::Local;

/// What ffmpeg shows of a clip.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) timebase: Timebase,
    /// Timestamp and hash (in hexadecimal) of each frame.
    pub(crate) frames: Vec<(i64, String)>,
}

/// Every frame of the first video stream, as ffmpeg decodes it on one thread.
pub(crate) fn shown(path: &Path) -> Shown {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "quiet", "-threads", "1", "-noautorotate", "-copyts", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-vsync", "passthrough", "-enc_time_base", "-1"])
        .args(["-f", "framehash", "-hash", "sha256", "-"])
        .output()
        .expect("ffmpeg is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: ")).expect("a clock");
    let (num, den) = base.split_once('/').unwrap();
    let frame = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (fields[2].parse().unwrap(), fields[5].to_owned())
    };
    Shown {
        timebase: Timebase::new(num.parse().unwrap(), den.parse().unwrap()).unwrap(),
        frames: text.lines().filter(|line| !line.starts_with('#')).map(frame).collect(),
    }
}

/// Insists that the table is what ffmpeg shows.
pub(crate) fn assert_table(scanned: &Scanned, shown: &Shown, what: &str) {
    assert_eq!(scanned.table.timebase, shown.timebase, "{what}: clock");
    let table: Vec<i64> = scanned.table.pts.iter().map(|pts| pts.0).collect();
    let times: Vec<i64> = shown.frames.iter().map(|(pts, _)| *pts).collect();
    assert_eq!(table, times, "{what}: timestamps");
}

/// One frame that the decoder gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) index: u64,
    pub(crate) pts: i64,
    pub(crate) hash: String,
}

/// Frames of `order.range` as the decoder gives them.
pub(crate) fn decode(
    path: &Path,
    scanned: &Scanned,
    order: DecodeOrder,
) -> Result<(Decoder, Vec<Given>), MediaError> {
    let table = Arc::new(scanned.table.clone());
    let (source, name) = (Local::open(path), path.to_str().unwrap());
    let mut decoder = Decoder::open(source, name, &scanned.description, table, order)?;
    let mut frames = Vec::new();
    while let Some((index, frame)) = decoder.next()? {
        let hash = frame.content_sha().to_string();
        frames.push(Given { index, pts: frame.pts().0, hash });
    }
    Ok((decoder, frames))
}

/// Software on one thread, damage is an error.
pub(crate) fn plain(start: u64, end: u64) -> DecodeOrder {
    DecodeOrder {
        range: FrameRange::new(start, end),
        threads: 1,
        card: None,
        conceal: false,
        pre_roll: PreRoll::default(),
    }
}

/// Insists that decoding `order.range` gives what ffmpeg shows there.
pub(crate) fn assert_range(path: &Path, scanned: &Scanned, shown: &Shown, order: DecodeOrder) {
    let range = order.range;
    let (_, frames) = decode(path, scanned, order).unwrap_or_else(|error| {
        panic!("{} frames {range}: {error}", path.display());
    });
    let expected: Vec<Given> = (range.start..range.end)
        .map(|index| {
            let (pts, hash) = &shown.frames[usize::try_from(index).unwrap()];
            Given { index, pts: *pts, hash: hash.clone() }
        })
        .collect();
    assert_eq!(frames, expected, "{} frames {range}", path.display());
}
