//! Landlock: which files a child may open, and that it reaches no network and no other process.
//!
//! Nothing may be written, made, removed or executed; read may be what the loader and the C library need, and what
//! the parent names. A card's driver may also use its own devices and read what the kernel tells of them.

use super::Walls;
use super::report::Wall;

/// Read by every child: libraries that are loaded late (character sets, ONNX Runtime's own, a driver's), and what the
/// machine's processors and memory are.
#[cfg(target_os = "linux")]
const SYSTEM: [&str; 19] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/cuda/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/dev/urandom",
];

/// Read by a child on a card as well.
#[cfg(target_os = "linux")]
const DRIVER: [&str; 11] = [
    "/proc/driver",
    "/proc/devices",
    "/proc/modules",
    "/proc/sys",
    "/sys",
    "/dev",
    "/etc/nvidia",
    "/usr/share/nvidia",
    "/run/nvidia-persistenced",
    "/opt/nvidia",
    "/usr/local/cuda",
];

/// Puts it up.
#[cfg(target_os = "linux")]
pub(super) fn restrict(walls: &Walls) -> Wall {
    match landlock::restrict(walls) {
        Ok(wall) => wall,
        Err(error) => Wall::Missing(error.to_string()),
    }
}

/// There is none.
#[cfg(not(target_os = "linux"))]
pub(super) fn restrict(_walls: &Walls) -> Wall {
    Wall::Missing("not on this system".to_owned())
}

#[cfg(target_os = "linux")]
mod landlock {
    use std::path::PathBuf;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr as _,
        RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
    };

    use super::{DRIVER, SYSTEM};
    use crate::walls::report::Wall;
    use crate::walls::{Computes, Walls};

    /// The newest Landlock whose every right was tried here: what a newer one adds is looked at before it is asked
    /// for.
    const TRIED: ABI = ABI::V7;

    /// From this one on there is nothing left that is asked for and not had.
    const WHOLE: ABI = ABI::V6;

    /// From this one on connections are refused.
    const NETWORK: ABI = ABI::V4;

    pub(super) fn restrict(walls: &Walls) -> Result<Wall, RulesetError> {
        let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let use_device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
        let rules = Ruleset::default()
            .handle_access(AccessFs::from_all(TRIED))?
            .handle_access(AccessNet::from_all(TRIED))?
            .scope(Scope::from_all(TRIED))?
            .create()?
            .add_rules(path_beneath_rules(SYSTEM, read))?
            .add_rules(path_beneath_rules(searched(), read))?
            .add_rules(path_beneath_rules(&walls.reads, read))?
            .add_rules(path_beneath_rules(
                &walls.marks,
                read | AccessFs::MakeReg | AccessFs::WriteFile,
            ))?
            .add_rules(path_beneath_rules(
                ["/dev/null"],
                AccessFs::ReadFile | AccessFs::WriteFile,
            ))?;
        let rules = match walls.computes {
            Computes::Processor => rules,
            Computes::Card => rules
                .add_rules(path_beneath_rules(DRIVER, read))?
                .add_rules(path_beneath_rules(devices(), use_device))?,
        };
        let status = rules.restrict_self()?;
        let abi = match status.landlock {
            LandlockStatus::NotEnabled => {
                return Ok(Wall::Missing(
                    "this kernel was started without it (lsm=landlock)".into(),
                ));
            }
            LandlockStatus::NotImplemented => {
                return Ok(Wall::Missing("not built into this kernel".into()));
            }
            LandlockStatus::Available { effective_abi, .. } => effective_abi,
        };
        let held = if abi >= WHOLE {
            "files, network, signals"
        } else if abi >= NETWORK {
            "files, network; other processes can be signalled"
        } else {
            "files; its network is open but for seccomp"
        };
        let words = format!("ABI {} ({held})", abi as i32);
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Wall::Stands(words),
            RulesetStatus::PartiallyEnforced if abi >= WHOLE => Wall::Stands(words),
            RulesetStatus::PartiallyEnforced => Wall::Partly(words),
            RulesetStatus::NotEnforced => Wall::Missing("it does not hold".into()),
        })
    }

    /// Where the loader looks for libraries, and this program, whose own pages a trace of a panic reads.
    fn searched() -> Vec<PathBuf> {
        let path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        folders.chain(std::env::current_exe().ok()).collect()
    }

    /// The devices of NVIDIA's cards.
    fn devices() -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir("/dev") else { return Vec::new() };
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let is_card = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("nvidia") || name == "dri" || name == "dxg"
        };
        paths.filter(is_card).collect()
    }
}
