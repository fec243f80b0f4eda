//! Pictures into and out of files, by the ffmpeg command line.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cleanplate_tests::quality::picture::{Frame, Size};
use cleanplate_tests::reference;

/// A quiet ffmpeg.
pub(crate) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    command
}

/// Width, height and frames a second (a fraction) of the video in `path`.
pub(crate) fn probe(path: &Path) -> (Size, String) {
    let fields = ["-select_streams", "v:0", "-show_entries", "stream=width,height,avg_frame_rate"];
    let text = reference::probe(path, &fields);
    let mut lines = text.split([',', '\n']).map(str::trim).filter(|line| !line.is_empty());
    let mut number = || lines.next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
    let (width, height) = (number(), number());
    let rate = lines.next().unwrap_or("25/1").to_owned();
    // Chroma is halved: an odd row or column is left away.
    (Size { width: width / 2 * 2, height: height / 2 * 2 }, rate)
}

/// Frames that a command writes to its standard output, one at a time.
#[derive(Debug)]
pub(crate) struct Frames {
    child: Child,
    size: Size,
}

impl Frames {
    /// Decodes what `input` (arguments with `-i`) names, through a filter where one is given.
    pub(crate) fn decode(input: &[&str], filter: Option<&str>, size: Size) -> Self {
        let mut command = ffmpeg();
        command.args(["-noautorotate"]).args(input).args(["-map", "0:v:0"]);
        if let Some(filter) = filter {
            command.args(["-vf", filter]);
        }
        command.args(["-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Self { child: command.spawn().expect("ffmpeg is installed by `make test`"), size }
    }

    /// Decodes a file.
    pub(crate) fn of(path: &Path, size: Size) -> Self {
        Self::decode(&["-i", crate::text(path)], None, size)
    }
}

impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let mut samples = vec![0; self.size.frame_bytes()];
        let output = self.child.stdout.as_mut().expect("its output is a pipe");
        output.read_exact(&mut samples).ok()?;
        Some(Frame { size: self.size, samples })
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        // One that is not read to its end would wait for its reader.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Encodes `frames` with x264 at crf 18, as a source that people have, tagged BT.709.
pub(crate) fn encode(path: &Path, size: Size, rate: &str, frames: impl Iterator<Item = Frame>) {
    let mut command = ffmpeg();
    command.args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-r", rate]);
    command.args(["-s", &format!("{}x{}", size.width, size.height), "-i", "-"]);
    command.args(["-c:v", "libx264", "-preset", "medium", "-crf", "18", "-color_range", "tv"]);
    command.args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]);
    command.arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().expect("ffmpeg is installed by `make test`");
    let mut input = child.stdin.take().expect("its input is a pipe");
    for frame in frames {
        input.write_all(&frame.samples).expect("ffmpeg takes the frames");
    }
    drop(input);
    assert!(child.wait().expect("ffmpeg ends").success(), "ffmpeg encodes {}", path.display());
}

/// Writes a picture of raw samples (`gray`, `rgba`) as a PNG.
pub(crate) fn write_png(path: &Path, format: &str, (width, height): (usize, usize), raw: &[u8]) {
    let mut command = ffmpeg();
    command.args(["-f", "rawvideo", "-pix_fmt", format, "-s", &format!("{width}x{height}")]);
    command.args(["-i", "-", "-frames:v", "1"]).arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().expect("ffmpeg is installed by `make test`");
    child.stdin.take().expect("a pipe").write_all(raw).expect("ffmpeg takes the picture");
    assert!(child.wait().expect("ffmpeg ends").success(), "ffmpeg writes {}", path.display());
}
