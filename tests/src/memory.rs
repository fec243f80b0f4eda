//! The memory of a process and all that it started, sampled while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How often the tree is looked at: short against the life of a child, cheap against its work.
const SAMPLE_EVERY: Duration = Duration::from_millis(40);

/// What a process tree used.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// How it ended.
    pub status: ExitStatus,
    /// From start to end.
    pub wall: Duration,
    /// The largest sum over the tree of proportional set sizes, in KiB: pages that several
    /// processes share count once.
    pub peak_kib: u64,
}

/// Waits for `child` and watches its tree meanwhile.
pub fn watch(child: Child) -> Used {
    watch_every(SAMPLE_EVERY, child)
}

/// As [`watch`], and looks as often as it is told: often for what lives less than a second.
pub fn watch_every(pause: Duration, mut child: Child) -> Used {
    let start = Instant::now();
    let mut peak_kib = 0;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Used { status, wall: start.elapsed(), peak_kib };
        }
        peak_kib = peak_kib.max(tree_kib(child.id()));
        std::thread::sleep(pause);
    }
}

/// The ids of `root` and all its descendants.
#[must_use]
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("/proc is there").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name may hold anything; the fields after its closing bracket do not.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        if let Some(parent) = parent.and_then(|text| text.parse().ok()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(id) = found.get(next).copied() {
        found.extend(children.get(&id).into_iter().flatten());
        next += 1;
    }
    found
}

/// The sum of proportional set sizes of `root` and all its descendants now, in KiB.
#[must_use]
pub fn tree_kib(root: u32) -> u64 {
    let pss = |id: u32| {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        let line = text.lines().find(|line| line.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    tree(root).into_iter().filter_map(pss).sum()
}
