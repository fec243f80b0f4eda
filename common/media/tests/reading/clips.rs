//! Clips made by the ffmpeg command line, each by a stated recipe, in a folder that goes away.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cleanplate_media::error::MediaError;
use cleanplate_media::scan::{ScanOrder, Scanned, scan};
use cleanplate_types::access::ReadAt;

/// Moving pictures of which no two are alike, so that a wrong one cannot pass for the right one.
pub(crate) const MOVING: &str =
    "testsrc2=size=192x108:rate=24000/1001,noise=alls=12:allf=t,format=yuv420p";

/// A folder with clips.
pub(crate) struct Clips(tempfile::TempDir);

impl Clips {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Encodes `frames` moving pictures with `options`.
    pub(crate) fn make(&self, name: &str, frames: u32, options: &[&str]) -> PathBuf {
        let count = frames.to_string();
        let mut arguments = vec!["-f", "lavfi", "-i", MOVING, "-frames:v", &count];
        arguments.extend(options);
        self.run(name, &arguments)
    }

    /// Runs ffmpeg with `arguments` to make `name`.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.path(name);
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y"])
            .args(arguments)
            .arg(&path)
            .output()
            .expect("ffmpeg is installed");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ffmpeg {arguments:?}: {words}");
        path
    }

    /// Writes the first `bytes` of `of` under a new name.
    pub(crate) fn cut(&self, name: &str, of: &Path, bytes: usize) -> PathBuf {
        let path = self.path(name);
        let whole = std::fs::read(of).unwrap();
        assert!(bytes < whole.len(), "there is something to cut off");
        std::fs::write(&path, &whole[..bytes]).unwrap();
        path
    }
}

/// A file that counts what is read of it.
pub(crate) struct Local {
    file: File,
    size: u64,
    pub(crate) read: AtomicU64,
}

impl Local {
    pub(crate) fn open(path: &Path) -> Arc<Self> {
        let file = File::open(path).unwrap();
        let size = file.metadata().unwrap().len();
        Arc::new(Self { file, size, read: AtomicU64::new(0) })
    }
}

impl ReadAt for Local {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, offset)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Scans a clip; damage is an error.
pub(crate) fn scanned(path: &Path) -> Result<Scanned, MediaError> {
    scanned_by(path, &ScanOrder { threads: 1, ..ScanOrder::default() })
}

/// Scans a clip as `order` says.
pub(crate) fn scanned_by(path: &Path, order: &ScanOrder) -> Result<Scanned, MediaError> {
    scan(Local::open(path), path.to_str().unwrap(), order, &mut |_frames| ())
}

/// x264 with an open GOP every 24 frames: recovery points with leading pictures, one IDR.
pub(crate) const X264_OPEN: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-x264-params",
    "open-gop=1:keyint=24:min-keyint=24:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal:ref=4",
];

/// x265 with its open GOP every 24 frames: CRA pictures with RASL pictures.
pub(crate) const X265_OPEN: &[&str] = &[
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=none:open-gop=1:keyint=24:min-keyint=24:scenecut=0:bframes=4:b-adapt=0:b-pyramid=1:ref=3",
];

/// x264 without key frames after the first: a column of intra blocks moves over the picture.
pub(crate) const X264_REFRESH: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-x264-params",
    "intra-refresh=1:keyint=24:scenecut=0:bframes=2",
];
