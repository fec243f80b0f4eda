//! How this program takes memory from the system and gives it back, as a parent and as a child.
//!
//! Owns three settings of glibc's allocator. By itself it gives every thread a heap of its own, and once a block
//! of three megabytes (a picture, a piece of a source) has been freed it takes all such blocks from these
//! heaps, which grow by what lies between and are not given back: a job ten times as long took a fifth
//! more. Other C libraries have no such settings, and do as they do.

mod ffi;

use ffi::Setting;

/// Heaps of the process, at most: pictures and pieces are not on them, and the rest is small.
const HEAPS_MAX: i32 = 2;

/// Blocks from this size on, in bytes, come from the system by themselves and go back when they are freed: pictures
/// and pieces. What is computed for an overlay is less, and is wanted again for the next frame: each time anew from
/// the system it cost a run a twentieth of its processor time.
const BLOCK_BYTES: i32 = 1 << 20;

/// Free bytes at a heap's end from which on they go back.
const FREE_BYTES: i32 = 16 << 20;

/// Settles it, best before there is a second thread; false where the C library does not take it.
pub(crate) fn settle() -> bool {
    let settings = [
        (Setting::Heaps, HEAPS_MAX),
        (Setting::BlockBytes, BLOCK_BYTES),
        (Setting::FreeBytes, FREE_BYTES),
    ];
    settings.into_iter().all(|(setting, value)| ffi::set(setting, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of this process that are in memory.
    fn resident() -> i64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<i64>().unwrap() << 10
    }

    #[test]
    fn glibc_takes_every_setting_and_gives_large_blocks_back_at_once() {
        // What other tests do with the memory of this process would be measured too.
        let alone = ["--ignored", "--exact", "heap::tests::large_blocks_go_back_at_once"];
        let program = std::env::current_exe().unwrap();
        let ran = std::process::Command::new(program).args(alone).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && told.contains("1 passed"), "{told}");
    }

    #[test]
    #[ignore = "run by the test above, in a process of its own"]
    fn large_blocks_go_back_at_once() {
        assert!(settle());
        // A freed block of this size would move the boundary, were it not set.
        drop(vec![1_u8; 3 << 20]);
        // Every second one is kept, so that a heap could not shrink.
        let mut blocks: Vec<_> = (0..64).map(|_| Some(vec![1_u8; 1 << 20])).collect();
        let full = resident();
        blocks.iter_mut().step_by(2).for_each(|block| *block = None);
        let given_back = full - resident();
        assert!(given_back > 24 << 20, "{given_back} of 32 MiB");
    }
}
