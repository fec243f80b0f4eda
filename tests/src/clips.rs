//! Clips made by the ffmpeg command line, each by a stated recipe.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::binary::{cleanplate, shipped_clip};

/// Runs ffmpeg with `arguments` (after `-v error -y`); panics with its words where it fails.
pub fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .output()
        .expect("ffmpeg is installed by `make test`");
    assert!(
        output.status.success(),
        "ffmpeg {arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// `seconds` of 1080p at 30 frames a second: the shipped live-action clip, looped and scaled, with film
/// grain, so that it costs an encoder what footage costs (synthetic patterns cost several times less).
#[must_use]
pub fn footage_1080p(folder: &Path, seconds: u32) -> PathBuf {
    let path = folder.join("footage.mp4");
    let source = shipped_clip();
    let length = seconds.to_string();
    println!(
        "recipe: bikes.mp4 looped to {seconds} s at 30 fps, scaled to 1920x1080, noise=alls=6:allf=t, x264 veryfast crf 18, AAC tone"
    );
    let look = "fps=30,scale=1920:1080:flags=bicubic,setsar=1,noise=alls=6:allf=t";
    let (source, target) = (source.to_str(), path.to_str());
    let (source, target) = source.zip(target).expect("a path is text");
    let input = ["-stream_loop", "-1", "-i", source, "-f", "lavfi"];
    let tone = ["-i", "sine=frequency=330:sample_rate=48000", "-t", &length, "-vf", look];
    let video = ["-pix_fmt", "yuv420p", "-map", "0:v", "-map", "1:a", "-c:v", "libx264"];
    let coded = ["-preset", "veryfast", "-crf", "18", "-c:a", "aac", target];
    ffmpeg(&[&input[..], &tone, &video, &coded].concat());
    path
}

/// Moving pictures with detail everywhere: the Mandelbrot zoom, which no codec finds trivial.
#[must_use]
pub fn moving(size: &str, rate: &str) -> String {
    format!("mandelbrot=size={size}:rate={rate}")
}

/// Encodes `frames` frames of moving pictures and a tone with the given video options.
pub fn make(folder: &Path, name: &str, size: &str, frames: u32, video: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let count = frames.to_string();
    let source = moving(size, "30000/1001");
    let mut arguments = vec!["-f", "lavfi", "-i", source.as_str()];
    arguments.extend(["-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000"]);
    arguments.extend(["-map", "0:v", "-map", "1:a", "-frames:v", count.as_str(), "-shortest"]);
    arguments.extend(["-pix_fmt", "yuv420p"]);
    arguments.extend(video);
    arguments.extend(["-c:a", "aac", "-b:a", "64k"]);
    let target = path.to_str().expect("a temporary path is text");
    arguments.push(target);
    ffmpeg(&arguments);
    path
}

/// The clip that [`make`] makes, made once and kept beside the binary under a name that says how.
#[must_use]
pub fn kept(size: &str, frames: u32, video: &[&str]) -> PathBuf {
    let recipe = Sha256::digest(video.join(" "));
    let recipe: String = recipe.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let folder = cleanplate().with_file_name("test-clips");
    let path = folder.join(format!("{size}-{frames}-{recipe}.mp4"));
    if !path.is_file() {
        std::fs::create_dir_all(&folder).expect("the build folder can be written");
        // Two tests may make it at once: the first one's stays, since a source must not change.
        let own = tempfile::tempdir_in(&folder).expect("the build folder can be written");
        let made = make(own.path(), "made.mp4", size, frames, video);
        match std::fs::hard_link(made, &path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                panic!("{}: {error}", path.display())
            }
            Ok(()) | Err(_) => {}
        }
    }
    path
}

/// x264 with an open GOP every 48 frames: recovery points with leading pictures, one IDR.
pub const X264_OPEN: [&str; 6] = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-x264-params",
    "open-gop=1:keyint=48:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal",
];

/// x265 with its default open GOP every 48 frames: CRA pictures with RASL pictures.
pub const X265_OPEN: [&str; 6] = [
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=none:open-gop=1:keyint=48:min-keyint=48:scenecut=0:bframes=4:b-adapt=0",
];

/// x264 as most people use it.
pub const X264_PLAIN: [&str; 4] = ["-c:v", "libx264", "-preset", "veryfast"];
