//! The frame table of ten hours, as `probe` and a job's intake make it, beside a scan of the packets by ffprobe.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::memory::{Used, tree_kib, watch_every};
use cleanplate_tests::{binary, clips};
use serde_json::Value;

/// Ten hours of minutes.
const MINUTES: u64 = 600;
/// At 30 frames a second.
const FRAMES: u64 = MINUTES * 60 * 30;
/// How often the memory is looked at: a table takes less than a second.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Prints time and memory of both; false where the table does not have every frame.
pub(super) fn ten_hours(folder: &Path) -> bool {
    println!(
        "\n# the frame table of a 10-hour mp4 (goal under 3 s, under 200 MiB: sum of proportional set sizes over the process tree)"
    );
    let clip = looped(folder);
    let probed = binary::run_ok(["probe", super::text(&clip), "--json"]);
    let probed: Value = serde_json::from_str(&probed).expect("--json prints JSON");
    let bytes = probed["bytes"].as_u64().unwrap_or(0);
    let counted = probed["counted"].as_str().unwrap_or_default();
    println!("{} frames, {} MiB, counted {counted}", probed["frames"], bytes >> 20);
    let peer = || told(&watch_every(LOOK_EVERY, super::quiet(scan(&clip))));
    let product = || {
        let probe = binary::command(["probe", super::text(&clip)]);
        told(&watch_every(LOOK_EVERY, super::quiet(probe)))
    };
    for pair in 1..=super::PAIRS {
        let (ours, theirs) = if pair % 2 == 0 {
            let theirs = peer();
            (product(), theirs)
        } else {
            (product(), peer())
        };
        println!("pair {pair}: cleanplate probe {ours}; ffprobe over the video's packets {theirs}");
    }
    let taken = intake(folder, &clip);
    // The disk is given back before what else is measured.
    std::fs::remove_file(&clip).expect("the clip can be removed");
    taken && probed["frames"] == FRAMES
}

/// A minute of small pictures with sound, again and again by stream copy.
fn looped(folder: &Path) -> PathBuf {
    println!(
        "recipe: testsrc2 64x48, 60 s at 30 fps, x264 with 3 B-frames, AAC tone; -stream_loop {} -c copy",
        MINUTES - 1
    );
    let (minute, hours) = (folder.join("small-minute.mp4"), folder.join("ten-hours.mp4"));
    let pictures = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=60"];
    let sound = ["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=60"];
    let coded = ["-c:v", "libx264", "-bf", "3", "-g", "60", "-crf", "40", "-c:a", "aac"];
    let rate = ["-b:a", "8k", super::text(&minute)];
    clips::ffmpeg(&[&pictures[..], &sound, &coded, &rate].concat());
    let times = (MINUTES - 1).to_string();
    let source = ["-stream_loop", &times, "-i", super::text(&minute)];
    clips::ffmpeg(&[&source[..], &["-c", "copy", super::text(&hours)]].concat());
    hours
}

/// What a table is made from elsewhere: no more than the fields of it, of the video alone.
fn scan(clip: &Path) -> Command {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-of", "csv"]);
    command.args(["-show_entries", "packet=pts,dts,pos,flags"]).arg(clip);
    command
}

fn told(used: &Used) -> String {
    assert!(used.status.success(), "both succeed");
    format!("{:.2} s, {} MiB", super::seconds(used.wall), used.peak_kib.div_ceil(1024))
}

/// The intake of a job, by a worker of its own that takes no other work. Prints the time by the
/// attempt's trail, and the memory of the worker with its engine; false where it does not end well.
fn intake(folder: &Path, clip: &Path) -> bool {
    let mut cluster = Cluster::start(folder);
    let worker = cluster.start_worker(1);
    cluster.until("the worker is there", |cluster| {
        (!cluster.ask_json(&["workers"]).is_empty()).then_some(())
    });
    let root = cluster.processes(worker)[0];
    let (looking, stopped) = sync_channel::<()>(0);
    let look = move || {
        let mut peak_kib = tree_kib(root);
        while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            peak_kib = peak_kib.max(tree_kib(root));
        }
        peak_kib
    };
    let looks = std::thread::Builder::new().name("memory".to_owned()).spawn(look);
    let looks = looks.expect("a thread starts");
    let output = folder.join("table-out.mp4");
    let region = ["--region", "4,4,16,16"];
    let job = cluster.submit(super::text(clip), super::text(&output), &region);
    cluster.until("the worker takes the intake", |cluster| {
        (!cluster.attempts(&job, "intake").is_empty()).then_some(())
    });
    // It ends what it holds and takes nothing more, so that nothing else is in the figure.
    cluster.signal_worker(worker, "TERM");
    cluster.worker_ended(worker);
    drop(looking);
    let peak_kib = looks.join().expect("the memory is looked at");
    let attempt = cluster.attempts(&job, "intake").remove(0);
    let trail = attempt["trail"].as_array().cloned().unwrap_or_default();
    let at = |event: &str| trail.iter().find(|entry| entry["event"] == event);
    let (Some(started), Some(finished)) = (at("started"), at("finished")) else {
        println!("the intake did not end well: {attempt}");
        return false;
    };
    let ms = |entry: &Value| entry["at_ms"].as_u64().unwrap_or(0);
    println!(
        "intake of a job, until its table is stored: {} ms by its trail, {} MiB with the worker; {} frames: {}",
        ms(finished).saturating_sub(ms(started)),
        peak_kib.div_ceil(1024),
        finished["count"],
        finished["detail"].as_str().unwrap_or_default()
    );
    finished["count"] == FRAMES
}
