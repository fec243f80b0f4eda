//! A disk that is soon full: a small tmpfs, where the machine lets us mount one.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A mounted file system of a few megabytes; unmounted when it is dropped.
#[derive(Debug)]
pub struct TinyDisk(TempDir);

impl TinyDisk {
    /// Mounts a file system of `mebibytes`.
    ///
    /// # Errors
    /// Why it cannot be mounted: the test that wanted it says `skipped: ` and this.
    pub fn mount(mebibytes: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=0777"), "tmpfs"])
            .arg(folder.path())
            .output()
            .map_err(|error| format!("no small disk can be mounted: {error}"))?;
        if output.status.success() {
            Ok(Self(folder))
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("no small disk can be mounted: {}", said.trim()))
        }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        // Lazily: a process that was just killed may still hold a file.
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}
