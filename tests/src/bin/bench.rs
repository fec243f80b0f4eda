//! The figures that are promised: product and peer in one run, on a clip made by a stated recipe.
//!
//! `make bench` runs all of it; `make bench ONLY=golden,fleet,farm,failover,wall,memory,verify,table` some of it. Prints a
//! table; exits with 1 where identity does not hold. Speed and size are printed, never asserted:
//! machines are noisy.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::memory::{Used, watch};
use cleanplate_tests::{binary, clips, reference};
use sha2::{Digest as _, Sha256};

#[path = "bench/failover.rs"]
mod failover;
#[path = "bench/farm.rs"]
mod farm;
#[path = "bench/readback.rs"]
mod readback;
#[path = "bench/table.rs"]
mod table;

/// Where the logo would be: the region that is removed in the timed runs.
const REGION: &str = "1500,60,300,120";
/// The same, in a picture of 640x360.
const SMALL_REGION: &str = "500,20,100,40";
/// The same quality for product and peer.
const CRF: &str = "20";
/// Pairs of timed runs; medians are printed.
const PAIRS: usize = 3;

fn main() -> std::process::ExitCode {
    let only = std::env::var("ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut good = true;
    if wanted("golden") {
        good &= golden(folder.path());
    }
    if wanted("fleet") {
        good &= fleet(folder.path());
    }
    if wanted("farm") {
        good &= farm::figures(folder.path());
    }
    if wanted("failover") {
        failover::kills(folder.path());
    }
    if wanted("table") {
        good &= table::ten_hours(folder.path());
    }
    if wanted("wall") || wanted("memory") || wanted("verify") {
        let clip = clips::footage_1080p(folder.path(), 60);
        if wanted("wall") {
            wall(folder.path(), &clip);
        }
        if wanted("verify") {
            readback::share(folder.path(), &clip);
        }
        if wanted("memory") {
            memory(folder.path(), &clip);
        }
    }
    if good { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

fn golden(folder: &Path) -> bool {
    println!(
        "\n# every decoded frame and every pts, --detect none --lossless, cells and segments of 30 frames, 2 workers"
    );
    let open264 = clips::make(folder, "open264.mp4", "640x360", 480, &clips::X264_OPEN);
    let open265 = clips::make(folder, "open265.mp4", "640x360", 480, &clips::X265_OPEN);
    [binary::shipped_clip(), open264, open265].iter().all(|clip| {
        let output = folder.join("golden-out.mp4");
        let mut arguments = vec!["run", "-vv", text(clip), "-o", text(&output)];
        arguments.extend(["--detect", "none", "--lossless", "--workers", "2"]);
        arguments.extend(["--cell-frames", "30", "--segment-frames", "30"]);
        let ran = binary::run(&arguments);
        let log = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{log}");
        let (want, have) = (reference::frames(clip), reference::frames(&output));
        let wrong = want.iter().zip(&have).filter(|(a, b)| a != b).count()
            + want.len().abs_diff(have.len());
        let idr = idr_frames(clip);
        let starts = granted_starts(&log);
        let cuts: Vec<&usize> = starts.iter().filter(|start| **start > 0).collect();
        let free = cuts.iter().filter(|cut| idr.contains(cut)).count();
        println!(
            "{:<16} {} frames, {} segments, {} of {} boundaries not IDR: {wrong} frames differ",
            clip.file_name().unwrap_or_default().to_string_lossy(),
            want.len(),
            starts.len(),
            cuts.len() - free,
            cuts.len(),
        );
        wrong == 0
    })
}

/// The first frames of the segments that were granted, by the coordinator's own log.
fn granted_starts(log: &str) -> BTreeSet<usize> {
    log.lines()
        .filter(|line| line.contains("segment granted"))
        .filter_map(|line| line.split("frames=").nth(1)?.split("..").next()?.parse().ok())
        .collect()
}

/// Display indices of the IDR pictures of `clip`, by ffmpeg's own trace of its NAL units: the
/// n-th displayed frame counts, so pictures are put into the order of their timestamps.
fn idr_frames(clip: &Path) -> Vec<usize> {
    let codec =
        reference::probe(clip, &["-select_streams", "v:0", "-show_entries", "stream=codec_name"]);
    let kinds: &[&str] = if codec.trim() == "hevc" { &["19", "20"] } else { &["5"] };
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-copyts", "-i"])
        .arg(clip)
        .args(["-map", "0:v:0", "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed by `make test`");
    let log = String::from_utf8_lossy(&output.stderr);
    let mut pictures: Vec<(i64, bool)> = Vec::new();
    for line in log.lines() {
        if let Some(rest) = line.split("Packet: ").nth(1) {
            let pts = rest.split("pts ").nth(1).and_then(|text| text.split(',').next());
            let pts = pts.and_then(|text| text.trim().parse().ok()).unwrap_or(i64::MIN);
            pictures.push((pts, false));
        } else if line.contains("nal_unit_type") && line.contains('=') {
            let value = line.rsplit('=').next().unwrap_or_default().trim();
            if let Some(last) = pictures.last_mut().filter(|_| kinds.contains(&value)) {
                last.1 = true;
            }
        }
    }
    pictures.sort_unstable();
    pictures.iter().enumerate().filter(|(_, (_, idr))| *idr).map(|(index, _)| index).collect()
}

fn fleet(folder: &Path) -> bool {
    println!("\n# the movie does not depend on the fleet (libx264, a region)");
    let clip = clips::make(folder, "fleet.mp4", "1280x720", 1200, &clips::X264_PLAIN);
    let options = ["--region", "20,20,120,50", "--encoder", "libx264", "--preset", "veryfast"];
    let run = |name: &str, more: &[&str]| {
        let output = folder.join(name);
        let mut arguments = vec!["run", text(&clip), "-o", text(&output)];
        arguments.extend(options);
        arguments.extend(more);
        binary::run_ok(&arguments);
        sha(&output)
    };
    let alone = run("alone.mp4", &["--workers", "1", "--segment-frames", "100000"]);
    println!("1 worker, 1 segment:                     {alone}");
    let three = run("three.mp4", &["--workers", "3", "--segment-frames", "170"]);
    println!("3 workers, segments up to 170 frames:    {three}");
    let killed = killed(folder, &clip, &options);
    println!("3 workers, 2 and the coordinator killed: {killed}");
    alone == three && alone == killed
}

fn killed(folder: &Path, clip: &Path, options: &[&str]) -> String {
    let output = folder.join("killed.mp4");
    let mut cluster = Cluster::start(folder);
    for _ in 0..3 {
        cluster.start_worker(1);
    }
    let job = cluster.submit(text(clip), text(&output), options);
    let past = |frames: u64| {
        move |state: &serde_json::Value| state["frames_done"].as_u64().unwrap_or(0) >= frames
    };
    cluster.watch_until(&job, past(100));
    cluster.kill_worker(0);
    cluster.watch_until(&job, past(400));
    cluster.kill_coordinator();
    cluster.kill_worker(1);
    cluster.start_coordinator();
    assert_eq!(cluster.wait(&job), 0, "the job ends well");
    sha(&output)
}

fn wall(folder: &Path, clip: &Path) {
    println!(
        "\n# whole wall time and size, a region removed, libx264 veryfast crf {CRF}, against ffmpeg with its automatic threads"
    );
    let (mut ratios, mut sizes) = (Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        let (ours, theirs) = (folder.join("ours.mp4"), folder.join("theirs.mp4"));
        let peer = watch(peer(clip, &theirs));
        let product = watch(product(clip, &ours, REGION));
        assert!(peer.status.success() && product.status.success(), "both succeed");
        let ratio = seconds(product.wall) / seconds(peer.wall);
        let size = video_bytes(&ours) / video_bytes(&theirs);
        println!(
            "pair {pair}: product {:.1} s, peer {:.1} s, wall {ratio:.3}x, bits {size:.3}x",
            seconds(product.wall),
            seconds(peer.wall)
        );
        ratios.push(ratio);
        sizes.push(size);
    }
    println!(
        "median: wall {:.3}x (goal at most 1.10), bits {:.3}x (goal at most 1.03)",
        median(ratios),
        median(sizes)
    );
}

fn memory(folder: &Path, clip: &Path) {
    println!("\n# peak memory of the whole process tree (sum of proportional set sizes), 2 slots");
    let target = folder.join("memory-out.mp4");
    let mib = |used: Used| used.peak_kib / 1024;
    let theirs = watch(peer(clip, &target));
    let ours = watch(product(clip, &target, REGION));
    println!(
        "1080p: peer {} MiB; product {} MiB (goal at most peer + 400)",
        mib(theirs),
        mib(ours)
    );
    // In small pictures what grows with the length is a larger share, and ten minutes are done soon.
    let (one, ten) = (folder.join("one.mp4"), folder.join("ten.mp4"));
    let small = ["-vf", "scale=640:360", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy"];
    clips::ffmpeg(&[&["-i", text(clip)], &small[..], &[text(&one)]].concat());
    clips::ffmpeg(&["-stream_loop", "9", "-i", text(&one), "-c", "copy", text(&ten)]);
    let short = watch(product(&one, &target, SMALL_REGION));
    let long = watch(product(&ten, &target, SMALL_REGION));
    println!(
        "360p: 1 minute {} MiB, 10 minutes {} MiB, {:+.1} % (goal within 5 %)",
        mib(short),
        mib(long),
        (long.peak_kib as f64 / short.peak_kib as f64 - 1.0) * 100.0
    );
}

fn product(clip: &Path, output: &Path, region: &str) -> std::process::Child {
    let mut arguments = vec!["run", text(clip), "-o", text(output), "--region", region];
    arguments.extend(["--encoder", "libx264", "--preset", "veryfast", "--quality", CRF]);
    // What the engine costs beyond a fill is `make bench-quality ONLY=speed`'s.
    arguments.extend(["--fill", "membrane", "--workers", "2"]);
    quiet(binary::command(arguments))
}

fn peer(clip: &Path, output: &Path) -> std::process::Child {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-i", text(clip), "-c:v", "libx264"]);
    command.args(["-preset", "veryfast", "-crf", CRF, "-c:a", "copy", text(output)]);
    quiet(command)
}

fn quiet(mut command: Command) -> std::process::Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it starts")
}

fn video_bytes(path: &Path) -> f64 {
    let sizes = reference::probe(path, &["-select_streams", "v:0", "-show_entries", "packet=size"]);
    sizes.lines().filter_map(|line| line.trim().parse::<f64>().ok()).sum()
}

fn sha(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).expect("the output is there"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seconds(wall: Duration) -> f64 {
    wall.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path is text")
}
