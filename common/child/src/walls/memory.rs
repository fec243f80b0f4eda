//! What a child may take of the machine: memory, core dumps, files, and no new rights.
//!
//! Memory is counted twice. The kernel refuses a child on the processor more *private writable* memory than its
//! share (`RLIMIT_DATA`; the address space would count what allocators and libraries only reserve). The parent looks
//! at what is in memory, for all children: a card's driver maps what no limit of that kind can count.

use std::path::Path;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::report::Wall;
use super::{Computes, Walls};

/// Sees to it that this process has no rights beyond those of its user, and that no program that it might start has.
pub(super) fn give_up_privileges() -> Wall {
    #[cfg(target_os = "linux")]
    match rustix::thread::set_no_new_privs(true) {
        Ok(()) => drop_capabilities(),
        Err(error) => Wall::Missing(error.to_string()),
    }
    #[cfg(not(target_os = "linux"))]
    Wall::Missing("not on this system".to_owned())
}

/// Of a child of root: what makes it more than another user, such as reading what other processes have in memory.
#[cfg(target_os = "linux")]
fn drop_capabilities() -> Wall {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    match set_capabilities(None, sets) {
        Ok(()) => Wall::Stands("no new privileges".to_owned()),
        Err(error) => Wall::Partly(format!("its capabilities stay: {error}")),
    }
}

/// Sets the limits; returns the bytes of memory that hold.
pub(super) fn limit(walls: &Walls) -> Option<u64> {
    // A dump of a process with a stranger's file in it helps nobody and fills disks.
    set("core dumps", Resource::Core, 0);
    match walls.computes {
        Computes::Processor => {
            // It writes no file: what it makes goes to its parent.
            set("files", Resource::Fsize, 0);
            if let Some(bytes) = walls.memory_bytes {
                set("memory", Resource::Data, bytes);
            }
        }
        // Drivers size shared memory like files, and map far more than they use.
        Computes::Card => {}
    }
    walls.memory_bytes
}

fn set(what: &str, resource: Resource, most: u64) {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    if let Err(error) = setrlimit(resource, limit) {
        tracing::warn!(%error, "the limit of {what} cannot be set");
    }
}

/// Threads of this process.
pub(super) fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}

/// Bytes of a process that are in memory; none where it is gone, or the system does not tell.
pub(crate) fn resident_bytes(process: u32) -> Option<u64> {
    let told = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = told.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// What a child may have where nothing is set: nine tenths of what this machine, or its control group, has, so that
/// one file can never take the machine down.
pub(super) fn usual_bytes() -> Option<u64> {
    let machine = machine_bytes(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let group = std::fs::read_to_string(Path::new("/sys/fs/cgroup/memory.max")).ok();
    let group = group.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    Some(machine.min(group) / 10 * 9)
}

fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read_from_what_the_kernel_tells() {
        assert_eq!(machine_bytes("MemTotal:       1000 kB\nMemFree: 2 kB\n"), Some(1_024_000));
        assert_eq!(machine_bytes("MemFree: 2 kB\n"), None);
        assert!(resident_bytes(std::process::id()).is_some_and(|bytes| bytes > 1 << 20));
        assert_eq!(resident_bytes(u32::MAX), None);
    }
}
