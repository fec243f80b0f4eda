//! That memory does not grow with the video: a minute against an hour, everything on.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use cleanplate_tests::memory::{Used, watch};
use cleanplate_tests::{binary, clips};

/// Minutes of the long clip.
const MINUTES: u64 = 60;

/// Runs both; returns the page's block.
pub(crate) fn flat(folder: &Path) -> String {
    println!("\n# peak memory of the whole process tree, 360p, 1 minute against {MINUTES}");
    let (one, hour) = (folder.join("one.mp4"), folder.join("hour.mp4"));
    let source = binary::shipped_clip();
    let look = "fps=30,scale=640:360,setsar=1,noise=alls=4:allf=t,\
                drawbox=x=500:y=20:w=100:h=40:c=0x203060:t=fill,drawbox=x=510:y=28:w=24:h=24:c=0xffb020:t=fill";
    clips::ffmpeg(
        &[
            &["-stream_loop", "-1", "-i", crate::text(&source), "-t", "60", "-vf", look][..],
            &["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"],
            &[crate::text(&one)],
        ]
        .concat(),
    );
    let times = (MINUTES - 1).to_string();
    let again = ["-stream_loop", &times, "-i", crate::text(&one), "-c", "copy"];
    clips::ffmpeg(&[&again[..], &[crate::text(&hour)]].concat());
    let mut text = String::from(
        "| how | 1 minute | 1 hour | growth (goal: at most 5 %) |\n|---|---|---|---|\n",
    );
    let hows: [(&str, &[&str]); 2] =
        [("found by itself", &[]), ("told by `--region`", &["--region", "500,20,100,40"])];
    for (name, options) in hows {
        let output = folder.join("memory-out.mp4");
        let (short, long) = (used(&one, &output, options), used(&hour, &output, options));
        let growth = (long.peak_kib as f64 / short.peak_kib.max(1) as f64 - 1.0) * 100.0;
        let told = |used: Used| {
            let ended =
                if used.status.success() { String::new() } else { format!(", {}", used.status) };
            format!("{} MiB, {:.0} s{ended}", used.peak_kib / 1024, used.wall.as_secs_f64())
        };
        let line = format!("| {name} | {} | {} | {growth:+.1} % |", told(short), told(long));
        println!("{line}");
        writeln!(text, "{line}").ok();
    }
    text
}

fn used(source: &Path, output: &Path, options: &[&str]) -> Used {
    let mut command = binary::command(["run", crate::text(source), "-o", crate::text(output)]);
    command.args(["--encoder", "libx264", "--preset", "ultrafast", "--workers", "2"]).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    watch(command.spawn().expect("the binary starts"))
}
