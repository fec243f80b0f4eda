//! What else takes an overlay away: ffmpeg's `delogo`, and OpenCV's inpainting in a Python of its own.

use std::fmt::Write as _;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use cleanplate_tests::binary;
use cleanplate_tests::quality::measure::Mask;
use cleanplate_tests::quality::overlays::Overlay;
use cleanplate_tests::quality::picture::{Area, Frame, Size};

use crate::media::Frames;

/// Samples by which every mask that is told is larger than the overlay: its edge leaks as far when it is
/// encoded.
pub(crate) const GROWN: usize = 2;

/// The Python with OpenCV and PyAV, or why there is none.
pub(crate) fn python() -> Result<Command, String> {
    if let Ok(why) = std::env::var("PEERS_SKIPPED")
        && !why.is_empty()
    {
        return Err(format!("skipped: {why}"));
    }
    let python = binary::repository().join("build/venv/bin/python");
    if !python.is_file() {
        return Err("skipped: there is no build/venv; scripts/bench-quality makes it".to_owned());
    }
    Ok(Command::new(python))
}

/// A script beside `scripts/bench-quality`.
pub(crate) fn script(name: &str) -> std::path::PathBuf {
    binary::repository().join("scripts/bench-quality.d").join(name)
}

/// The clip as ffmpeg's `delogo` leaves it: it is told the rectangle of each frame.
pub(crate) fn delogo(burned: &Path, overlay: &Overlay, size: Size) -> Frames {
    let filter = delogo_filter(overlay, size);
    Frames::decode(&["-i", crate::text(burned)], Some(&filter), size)
}

fn delogo_filter(overlay: &Overlay, size: Size) -> String {
    // It needs a sample of the picture on every side.
    let inner = |area: Area| {
        let (x, y) = (area.x.saturating_sub(GROWN).max(1), area.y.saturating_sub(GROWN).max(1));
        let right = (area.right() + GROWN).min(size.width - 1);
        let bottom = (area.bottom() + GROWN).min(size.height - 1);
        (x, y, right - x, bottom - y)
    };
    let (mut filter, mut from) = (String::new(), 0);
    while from < overlay.shown.len() {
        let look = overlay.shown[from];
        let same = overlay.shown[from..].iter().take_while(|shown| **shown == look).count();
        if let Some(look) = look {
            let (x, y, w, h) = inner(overlay.blends[look].planes[0].area);
            let comma = if filter.is_empty() { "" } else { "," };
            let last = from + same - 1;
            write!(
                filter,
                "{comma}delogo=x={x}:y={y}:w={w}:h={h}:enable='between(n,{from},{last})'"
            )
            .ok();
        }
        from += same;
    }
    filter
}

/// The clip as `cv2.inpaint` leaves it, by `method` (`telea` or `ns`), with the mask of every frame; each
/// frame is handed to `take`. Returns the milliseconds of the inpainting itself for a frame.
pub(crate) fn inpaint(
    method: &str,
    burned: &[Frame],
    overlay: &Overlay,
    mut take: impl FnMut(usize, Frame),
) -> Result<f64, String> {
    let size = burned[0].size;
    let mut command = python()?;
    command.arg(script("peers.py")).args(["inpaint", method]);
    command.args([size.width.to_string(), size.height.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("skipped: no Python: {error}"))?;
    let input = child.stdin.take().expect("its input is a pipe");
    let mut output = child.stdout.take().expect("its output is a pipe");
    std::thread::scope(|scope| {
        let writer = std::thread::Builder::new().name("frames".to_owned());
        writer.spawn_scoped(scope, || send(input, burned, overlay)).expect("a thread starts");
        let mut samples = vec![0; size.frame_bytes()];
        for index in 0..burned.len() {
            if output.read_exact(&mut samples).is_err() {
                break;
            }
            take(index, Frame { size, samples: samples.clone() });
        }
    });
    let ended = child.wait_with_output().map_err(|error| error.to_string())?;
    let words = String::from_utf8_lossy(&ended.stderr);
    let last = words.lines().last().unwrap_or("no word").trim().to_owned();
    if !ended.status.success() {
        return Err(format!("failed: {last}"));
    }
    last.parse().map_err(|_error| format!("failed: {last}"))
}

fn send(input: ChildStdin, burned: &[Frame], overlay: &Overlay) {
    let mut input = BufWriter::new(input);
    for (index, frame) in burned.iter().enumerate() {
        let mask = overlay.at(index).map(|(_, masks)| grown(&masks[0], frame.size));
        let area = mask.as_ref().map_or([0; 4], |mask| {
            let Area { x, y, width, height } = mask.area;
            [x, y, width, height].map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        });
        let covered = mask.map_or(Vec::new(), |mask| levels(&mask.covered));
        let head: Vec<u8> = area.iter().flat_map(|number| number.to_le_bytes()).collect();
        // Where the other side has gone, its last words say why.
        for bytes in [&frame.samples, &head, &covered] {
            if input.write_all(bytes).is_err() {
                return;
            }
        }
    }
}

/// White where it is covered.
pub(crate) fn levels(covered: &[bool]) -> Vec<u8> {
    covered.iter().map(|covered| if *covered { 255 } else { 0 }).collect()
}

/// The mask, larger by [`GROWN`] samples on all sides. An area on whole chroma samples stays on them.
pub(crate) fn grown(mask: &Mask, size: Size) -> Mask {
    let area = mask.area.grown(GROWN, size);
    let mut covered = vec![false; area.width * area.height];
    for place in mask.places(size) {
        let spot = Area { x: place % size.width, y: place / size.width, width: 1, height: 1 };
        let spot = spot.grown(GROWN, size);
        for row in spot.y..spot.bottom() {
            let start = (row - area.y) * area.width + spot.x - area.x;
            covered[start..start + spot.width].fill(true);
        }
    }
    Mask { area, covered }
}

#[cfg(test)]
mod tests {
    use cleanplate_tests::quality::overlays::Kind;

    use super::*;

    const SIZE: Size = Size { width: 320, height: 180 };

    #[test]
    fn a_mask_grows_on_all_sides_and_not_out_of_the_picture() {
        let area = Area { x: 0, y: 10, width: 4, height: 2 };
        let mut mask = Mask { area, covered: vec![false; 8] };
        mask.covered[0] = true;
        let grown = grown(&mask, SIZE);
        assert_eq!(grown.area, Area { x: 0, y: 8, width: 6, height: 6 });
        let places: Vec<usize> = grown.places(SIZE).map(|place| place % SIZE.width).collect();
        assert_eq!(places, [0, 1, 2].repeat(5));
    }

    #[test]
    fn delogo_is_told_when_and_where() {
        let caption = Overlay::new(Kind::Caption, 1, SIZE, 100, 25);
        let filter = delogo_filter(&caption, SIZE);
        assert_eq!(filter.matches("delogo").count(), 2);
        assert!(filter.contains("between(n,0,39)") && filter.contains("between(n,50,89)"));
    }
}
