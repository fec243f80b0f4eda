//! What a real card does with the committed kernels: `gpu_check` loads them, compares every one with the
//! engine on this machine's CPU bit for bit, times them at 1080p, and watches the card's memory over many
//! frames. `make gpu-check` packs it; it needs the driver and nothing else.
//!
//! Every line begins with PASS, FAIL, LACKS or a space. Ends with 0 where nothing failed, 4 where the
//! machine has no card that can be used, else with 1.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use cleanplate_vision::cuda::{CudaError, Device};

#[path = "../../tests/cuda/blocks.rs"]
mod blocks;
#[path = "../../tests/cuda/copies.rs"]
mod copies;
#[path = "../../tests/cuda/grounds.rs"]
mod grounds;
#[path = "../../tests/cuda/holes.rs"]
mod holes;
#[path = "../../tests/cuda/inversions.rs"]
mod inversions;
#[path = "../../tests/cuda/scene.rs"]
mod scene;
#[path = "../../tests/cuda/sets.rs"]
mod sets;
mod stages;
#[path = "../../tests/cuda/tensors.rs"]
mod tensors;

/// Drawn pictures of each comparison.
const ROUNDS: u64 = 200;
/// Frames over which memory must not grow, and seconds after which fewer are enough to say so.
const FRAMES: u64 = 10_000;
const SECONDS_MAX: f64 = 120.0;
/// Frames after which everything that is kept is there.
const WARM: u64 = 200;
/// Growth in bytes that other programs on the card may cause.
const GROWTH_MAX: u64 = 4 << 20;

fn main() -> ExitCode {
    let started = Instant::now();
    let device = match Device::open(0) {
        Ok(device) => device,
        Err(error @ (CudaError::Absent | CudaError::NoCard)) => {
            say(&format!("LACKS card for kernels: {error}"));
            return ExitCode::from(4);
        }
        Err(error) => {
            say(&format!("FAIL   kernels load: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let card = device.card();
    let (major, minor) = card.capability;
    let mib = card.total_bytes >> 20;
    let seconds = started.elapsed().as_secs_f64();
    say(&format!("  {} {} MiB, capability {major}.{minor}, {}", card.name, mib, card.uuid));
    say(&format!("PASS   the committed PTX loads: {seconds:.2} s with the driver's own compiler"));
    let mut failed = 0;
    let checks: [Check; 7] = [
        ("copies", copies::check),
        ("masks", sets::check),
        ("blocks", blocks::check),
        ("membrane", holes::check),
        ("inversion", inversions::check),
        ("backgrounds", grounds::check),
        ("tensors", tensors::check),
    ];
    for (name, check) in checks {
        failed += told(&format!("{name} = CPU"), check(&device, ROUNDS));
    }
    failed += told("1080p", stages::check(&device, say));
    failed += told("memory of the card", flat(&device));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A comparison: its name, and what makes it.
type Check = (&'static str, fn(&Arc<Device>, u64) -> Result<String, String>);

/// Says how something ended; 1 where it failed.
fn told(name: &str, result: Result<String, String>) -> u32 {
    match result {
        Ok(text) => say(&format!("PASS   {name}: {text}")),
        Err(text) => {
            say(&format!("FAIL   {name}: {text}"));
            return 1;
        }
    }
    0
}

/// Runs the whole chain on many frames, each in memory of its own, and watches what is free.
fn flat(device: &Arc<Device>) -> Result<String, String> {
    let mut chain = stages::Chain::new(device, 8)?;
    let started = Instant::now();
    let (mut first, mut least, mut most, mut done) = (0, u64::MAX, 0, 0);
    for index in 0..FRAMES {
        chain.frame(index)?;
        done = index + 1;
        if index % WARM == WARM - 1 {
            device.wait().map_err(|error| error.to_string())?;
            let free = device.memory().map_err(|error| error.to_string())?.free_bytes;
            first = if done == WARM { free } else { first };
            (least, most) = (least.min(free), most.max(free));
            if started.elapsed().as_secs_f64() > SECONDS_MAX {
                break;
            }
        }
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    let text = format!(
        "{done} frames of 1080p, each in memory of its own, {rate:.0} a second; free after {WARM}: \
         {first} bytes, then {least} to {most}"
    );
    if first.saturating_sub(least) > GROWTH_MAX { Err(text) } else { Ok(text) }
}

#[expect(clippy::print_stdout, reason = "the report is what it is for")]
fn say(text: &str) {
    println!("{text}");
}
