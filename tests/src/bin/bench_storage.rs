//! The figures of storage: a whole job over S3 beside the same job over files, and the bytes of a large source that
//! everybody reads together, counted on the wire.
//!
//! `make bench-storage` runs it against a real server on loopback (ONLY=wall,bytes MIB=1100). Prints a table; exits
//! with 1 where a movie is not the one that files give. Times and bytes are printed, never asserted.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cleanplate_tests::clips;
use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::meddler::Meddler;
use cleanplate_tests::weed::{BUCKET, Weed};

/// Pairs of timed jobs; medians are printed.
const PAIRS: usize = 3;

/// What the jobs do: a region is filled, so that every frame is decoded, changed and encoded.
const OPTIONS: &str = "--region 20,20,120,50 --fill membrane --encoder libx264";

fn main() -> std::process::ExitCode {
    let only = std::env::var("ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let server = Weed::start().expect("SeaweedFS is installed by `make bench-storage`");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut good = true;
    if wanted("wall") {
        good &= wall(&server, folder.path());
    }
    if wanted("bytes") {
        let mebibytes = std::env::var("MIB").ok().and_then(|text| text.parse().ok());
        bytes(&server, folder.path(), mebibytes.unwrap_or(1100));
    }
    if good { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

fn wall(server: &Weed, folder: &Path) -> bool {
    println!(
        "\n# a whole job over S3 on loopback beside the same job over files, 60 s of 1080p, 2 slots"
    );
    let clip = clips::footage_1080p(folder, 60);
    server.put("in/footage.mp4", &std::fs::read(&clip).expect("the clip is there"));
    let on_files = {
        let store = format!("file://{}", folder.join("store").display());
        start(folder, "files", &store, &[])
    };
    let store = format!("s3://{BUCKET}/store");
    let on_s3 = start(folder, "s3", &store, &server.environment());
    let output = folder.join("movie.mp4");
    let (mut ratios, mut same) = (Vec::new(), true);
    for pair in 1..=PAIRS {
        let files = timed(&on_files, text(&clip), text(&output));
        let target = format!("s3://{BUCKET}/out/{pair}.mp4");
        let s3 = timed(&on_s3, &format!("s3://{BUCKET}/in/footage.mp4"), &target);
        let ratio = s3 / files;
        println!("pair {pair}: S3 {s3:.1} s, files {files:.1} s, {ratio:.3}x");
        let expected = std::fs::read(&output).expect("the movie is there");
        same &= server.get(&format!("out/{pair}.mp4")).is_some_and(|movie| movie == expected);
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median: {:.3}x (goal at most 1.10), the same bytes: {same}", ratios[PAIRS / 2]);
    same
}

fn timed(cluster: &Cluster, source: &str, target: &str) -> f64 {
    let mut options: Vec<&str> = OPTIONS.split(' ').collect();
    options.extend(["--preset", "veryfast"]);
    let began = Instant::now();
    let job = cluster.submit(source, target, &options);
    cluster.done(&job);
    began.elapsed().as_secs_f64()
}

fn bytes(server: &Weed, folder: &Path, mebibytes: u64) {
    println!(
        "\n# bytes of the source that everybody reads together, on the wire, one worker of 2 slots"
    );
    println!(
        "recipe: 640x360 at 25 fps, testsrc2 with noise=alls=60:allf=t, x264 ultrafast, GOPs of 2 s, AAC tone"
    );
    let mp4 = large(folder, mebibytes);
    let mkv = folder.join("large.mkv");
    clips::ffmpeg(&["-i", text(&mp4), "-c", "copy", text(&mkv)]);
    for (clip, goal) in [(mp4, 1.3), (mkv, 2.3)] {
        let name = clip.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let source = std::fs::read(&clip).expect("the clip is there");
        let size = source.len() as f64;
        server.put(&format!("in/{name}"), &source);
        drop(source);
        let meddler = Meddler::before(server.port());
        let environment = Weed::environment_at(meddler.port());
        let store = format!("s3://{BUCKET}/store");
        let cluster = start(folder, &format!("bytes-{name}"), &store, &environment);
        let mut options: Vec<&str> = OPTIONS.split(' ').collect();
        options.extend(["--preset", "ultrafast"]);
        let target = format!("s3://{BUCKET}/out/{name}");
        let began = Instant::now();
        let job = cluster.submit(&format!("s3://{BUCKET}/in/{name}"), &target, &options);
        cluster.done(&job);
        let wall = began.elapsed().as_secs_f64();
        let passed = meddler.passed();
        let of_source = passed.iter().filter(|one| one.path.contains("/in/"));
        let (count, sent) = of_source.fold((0, 0), |(n, sum), one| (n + 1, sum + one.bytes));
        let segments = cluster.attempts(&job, "segment").len();
        println!(
            "{name}: {:.0} MiB, read {:.0} MiB by {count} requests: {:.3}x (goal at most {goal}), {segments} segments, {wall:.0} s",
            size / f64::from(1 << 20),
            sent as f64 / f64::from(1 << 20),
            sent as f64 / size,
        );
    }
}

/// A clip of at least so many mebibytes.
fn large(folder: &Path, mebibytes: u64) -> PathBuf {
    let part = folder.join("part.mp4");
    let look = "testsrc2=s=640x360:r=25:d=40,noise=alls=60:allf=t,format=yuv420p";
    let mut arguments = vec!["-f", "lavfi", "-i", look];
    arguments.extend(["-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000", "-shortest"]);
    arguments.extend(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", "-g", "50"]);
    arguments.extend(["-c:a", "aac", text(&part)]);
    clips::ffmpeg(&arguments);
    let size = std::fs::metadata(&part).expect("it was made").len();
    let loops = ((mebibytes << 20).div_ceil(size) - 1).to_string();
    let clip = folder.join("large.mp4");
    clips::ffmpeg(&["-stream_loop", &loops, "-i", text(&part), "-c", "copy", text(&clip)]);
    clip
}

fn start(folder: &Path, name: &str, store: &str, environment: &[(String, String)]) -> Cluster {
    let place = folder.join(name);
    std::fs::create_dir_all(&place).expect("a folder");
    let mut cluster = Cluster::start_with(&place, store, environment);
    cluster.start_worker(2);
    cluster
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path is text")
}
