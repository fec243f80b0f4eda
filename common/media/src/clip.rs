//! Clips for this crate's own tests: made by ffmpeg, read from the disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cleanplate_types::access::ReadAt;

struct OnDisk(File);

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// The file at `path`.
pub(crate) fn on_disk(path: &Path) -> Arc<dyn ReadAt> {
    Arc::new(OnDisk(File::open(path).unwrap()))
}

/// So many seconds of reordered pictures, 25 in each, and of sound, and more as `options` say.
pub(crate) fn clip(folder: &Path, name: &str, seconds: u32, options: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let pictures = format!("testsrc2=size=64x48:rate=25:duration={seconds}");
    let sound = format!("sine=sample_rate=44100:duration={seconds}");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &pictures]);
    command.args(["-f", "lavfi", "-i", &sound, "-c:v", "libx264", "-bf", "2", "-c:a", "aac"]);
    command.args(options).arg(&path);
    assert!(command.status().unwrap().success(), "{name}");
    path
}
