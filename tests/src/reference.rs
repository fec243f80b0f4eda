//! The ffmpeg command line as the reference: every frame that it shows, with time and hash.

use std::path::Path;
use std::process::Command;

/// One displayed frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Timestamp as an exact fraction of a second: numerator and denominator, reduced.
    pub time: (i128, i128),
    /// Hash of its samples.
    pub md5: String,
}

/// The fraction in lowest terms.
#[must_use]
pub fn reduced(num: i128, den: i128) -> (i128, i128) {
    let (mut a, mut b) = (num.abs(), den.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let divisor = a.max(1);
    (num / divisor, den / divisor)
}

/// Every frame of the first video stream of `path`, as ffmpeg decodes it.
#[must_use]
pub fn frames(path: &Path) -> Vec<Shown> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-noautorotate", "-copyts", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-vsync", "passthrough", "-enc_time_base", "-1"])
        .args(["-f", "framemd5", "-"])
        .output()
        .expect("ffmpeg is installed by `make test`");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "ffmpeg cannot decode {}: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// Every frame of the first video stream that ffmpeg shows of a source that may be damaged, whatever it
/// says and however it ends; with so many threads where that is given.
#[must_use]
pub fn frames_of_damaged(path: &Path, threads: Option<u32>) -> Vec<Shown> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "quiet"]);
    if let Some(threads) = threads {
        command.args(["-threads", &threads.to_string()]);
    }
    let output = command
        .args(["-noautorotate", "-copyts", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-vsync", "passthrough", "-enc_time_base", "-1"])
        .args(["-f", "framemd5", "-"])
        .output()
        .expect("ffmpeg is installed by `make test`");
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(text: &str) -> Vec<Shown> {
    let (mut num, mut den) = (0, 1);
    let mut shown = Vec::new();
    for line in text.lines() {
        if let Some(base) = line.strip_prefix("#tb 0: ") {
            let (a, b) = base.split_once('/').expect("a timebase is a fraction");
            (num, den) = (a.parse().expect("a number"), b.parse().expect("a number"));
        }
        if line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let pts: i128 = fields[2].parse().expect("a timestamp");
        shown.push(Shown { time: reduced(pts * num, den), md5: fields[5].to_owned() });
    }
    shown
}

/// Insists that both lists are the same frames at the same times.
pub fn assert_same(expected: &[Shown], found: &[Shown], what: &str) {
    assert_eq!(expected.len(), found.len(), "{what}: number of frames");
    for (index, (want, have)) in expected.iter().zip(found).enumerate() {
        assert_eq!(want.time, have.time, "{what}: time of frame {index}");
        assert_eq!(want.md5, have.md5, "{what}: picture of frame {index}");
    }
}

/// The hash of every stream's packets but the video's, as `-f streamhash` prints it.
#[must_use]
pub fn other_streams(path: &Path) -> String {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-map", "0", "-map", "-0:v", "-c", "copy", "-f", "streamhash", "-"])
        .output()
        .expect("ffmpeg is installed by `make test`");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What ffprobe says of `entries` in `path`, one value a line.
#[must_use]
pub fn probe(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "default=nk=1:nw=1"])
        .args(arguments)
        .arg(path)
        .output()
        .expect("ffprobe is installed by `make test`");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
