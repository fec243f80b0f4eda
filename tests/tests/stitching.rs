//! The stitch at length: what a bucket has acknowledged is not sent again after a kill, and hundreds of
//! parts are read one at a time.

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::weed::{BUCKET, Weed};
use cleanplate_tests::{binary, clips};

/// Bytes of a piece of a small movie in a bucket.
const PIECE_BYTES: u64 = 8 << 20;

#[test]
fn after_kill_9_in_mid_stitch_the_bucket_is_not_sent_what_it_has_acknowledged() {
    let server = match Weed::start() {
        Ok(server) => server,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("noise.mp4");
    let noise = "testsrc2=s=640x360:r=30:d=12,noise=alls=80:allf=t,format=yuv420p";
    let codec = "-c:v libx264 -preset ultrafast -crf 8 -g 20";
    let mut arguments = vec!["-f", "lavfi", "-i", noise];
    arguments.extend(codec.split(' '));
    arguments.push(clip.to_str().unwrap());
    clips::ffmpeg(&arguments);
    let options =
        "--detect none --lossless --preset ultrafast --cell-frames 20 --segment-frames 20";
    let options: Vec<&str> = options.split(' ').collect();
    let on_files = folder.path().join("files.mp4");
    let ends = [clip.to_str().unwrap(), "-o", on_files.to_str().unwrap()];
    binary::run_ok([&["run"], &ends[..], &options].concat());
    let expected = std::fs::read(&on_files).unwrap();
    assert!(expected.len() as u64 > 6 * PIECE_BYTES, "{} bytes are too few", expected.len());

    server.put("in/noise.mp4", &std::fs::read(&clip).unwrap());
    let store = format!("s3://{BUCKET}/store");
    let mut cluster = Cluster::start_with(folder.path(), &store, &server.environment());
    cluster.start_worker(1);
    let target = format!("s3://{BUCKET}/out/movie.mp4");
    let job = cluster.submit(&format!("s3://{BUCKET}/in/noise.mp4"), &target, &options);
    let records = format!("store/jobs/{job}/stitch/");
    let sent = |server: &Weed| {
        let listing = server.get(&records).unwrap_or_default();
        let listing = String::from_utf8_lossy(&listing).into_owned();
        // Each is named by its number: 7.00001.piece.
        (1..100).filter(|index| listing.contains(&format!(".{index:05}.piece"))).count() as u64
    };
    let pieces = cluster.until("two pieces are sent", |_| Some(sent(&server)).filter(|n| *n >= 2));
    cluster.kill_coordinator();
    assert!(server.get("out/movie.mp4").is_none(), "killed in the middle");
    cluster.start_coordinator();
    let last = cluster.done(&job);
    assert_eq!(last["outcome"]["output_bytes"], expected.len() as u64);
    assert!(server.get("out/movie.mp4").unwrap() == expected, "the same bytes as on files");
    let trails: Vec<String> = cluster
        .attempts(&job, "stitch")
        .iter()
        .map(|attempt| attempt["trail"].to_string())
        .collect();
    let trails = trails.concat();
    let said = trails.split(" bytes were there from before a restart").next().unwrap();
    let kept = said.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok());
    let kept = kept.unwrap_or_else(|| panic!("the trail says what was kept: {trails}"));
    assert!(kept >= pieces * PIECE_BYTES, "{kept} bytes were kept of {pieces} pieces");
}

#[test]
fn hundreds_of_parts_are_read_with_a_handful_of_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("640x360", 300, &clips::X264_PLAIN);
    let output = folder.path().join("movie.mp4");
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(2);
    let options = "--detect none --preset ultrafast --cell-frames 1 --segment-frames 30";
    let options: Vec<&str> = options.split(' ').collect();
    let target = format!("file://{}", output.display());
    let job = cluster.submit(&format!("file://{}", clip.display()), &target, &options);
    let mut most = 0;
    cluster.until("the movie is there", |cluster| {
        for id in cluster.coordinator_processes() {
            let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            if !command.ends_with(b"engine\0stitch\0") {
                continue;
            }
            let open = std::fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count);
            most = most.max(open);
        }
        output.exists().then_some(())
    });
    cluster.done(&job);
    // Standard input is the socket; the runtime, the log and the process's own take a few.
    assert!((1..=24).contains(&most), "{most} files were open at once");
}
