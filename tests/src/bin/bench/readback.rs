//! What it costs a job that its movie is read back before it is published.

use std::path::Path;
use std::time::Instant;

use cleanplate_tests::{binary, clips};

/// Prints the share for a job that encodes, and for one that has next to nothing else to do: a source whose
/// frames are small and cheap.
pub(super) fn share(folder: &Path, clip: &Path) {
    println!(
        "\n# reading the movie back before it is published (goal at most 3 % of a job's wall time)"
    );
    let small = folder.join("small.mp4");
    let options =
        ["-vf", "scale=320:180", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy"];
    clips::ffmpeg(&[&["-i", super::text(clip)], &options[..], &[super::text(&small)]].concat());
    for (what, source, region) in
        [("1080p", clip, super::REGION), ("180p", small.as_path(), "250,10,50,20")]
    {
        for ending in ["mp4", "ts"] {
            let output = folder.join(format!("verify-out.{ending}"));
            let mut arguments = vec!["run", super::text(source), "-o", super::text(&output)];
            arguments.extend([
                "--region",
                region,
                "--encoder",
                "libx264",
                "--preset",
                "veryfast",
                "--fill",
                "membrane",
                "-vv",
            ]);
            let began = Instant::now();
            let ended = binary::run(&arguments);
            let wall_ms = began.elapsed().as_secs_f64() * 1000.0;
            let log = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success(), "{log}");
            let check_ms = spent_ms(&log).unwrap_or_else(|| panic!("no word of the check: {log}"));
            println!(
                "{what} 60 s into {ending}: {check_ms:.1} ms of {wall_ms:.0} ms, {:.3} %",
                check_ms / wall_ms * 100.0
            );
        }
    }
}

/// What the coordinator's log says of it.
fn spent_ms(log: &str) -> Option<f64> {
    let line = log.lines().find(|line| line.contains("read back before publishing"))?;
    let (_, rest) = line.split_once("streams, in ")?;
    rest.split_once(" ms")?.0.parse().ok()
}
