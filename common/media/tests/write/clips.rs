//! Clips made by the ffmpeg command line, and what the ffmpeg command line sees in a file.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a program and returns what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    output.stdout
}

/// Makes `folder/name` by an ffmpeg command line; `{}` in the recipe stands for the folder.
pub(crate) fn make(folder: &Path, name: &str, recipe: &str) -> PathBuf {
    let path = folder.join(name);
    let recipe = recipe.replace("{}", folder.to_str().unwrap());
    let mut arguments = vec!["-nostdin", "-v", "error", "-y"];
    arguments.extend(recipe.split_whitespace());
    arguments.push(path.to_str().unwrap());
    run("ffmpeg", &arguments);
    path
}

/// One displayed frame: its timestamp as a reduced fraction of a second, and the hash of its samples.
pub(crate) type Shown = ((i128, i128), String);

/// Every frame of the video of `path`, as ffmpeg shows it.
pub(crate) fn shown(path: &Path) -> Vec<Shown> {
    let (base, rows) = rows(path);
    rows.into_iter().map(|(pts, hash)| (reduced(pts * base.0, base.1), hash)).collect()
}

/// The timestamps of every frame, in ticks of the stream.
pub(crate) fn pts(path: &Path) -> Vec<i64> {
    rows(path).1.into_iter().map(|(pts, _)| i64::try_from(pts).unwrap()).collect()
}

type Rows = ((i128, i128), Vec<(i128, String)>);

fn rows(path: &Path) -> Rows {
    let file = path.to_str().unwrap();
    let printed = run(
        "ffmpeg",
        &[
            "-nostdin",
            "-v",
            "error",
            "-copyts",
            "-i",
            file,
            "-map",
            "0:V:0",
            "-vsync",
            "passthrough",
            "-enc_time_base",
            "-1",
            "-f",
            "framemd5",
            "-",
        ],
    );
    let mut base = (0, 1);
    let mut rows = Vec::new();
    for line in String::from_utf8(printed).unwrap().lines() {
        if let Some((num, den)) = line.strip_prefix("#tb 0: ").and_then(|tb| tb.split_once('/')) {
            base = (num.parse().unwrap(), den.parse().unwrap());
        }
        if !line.starts_with('#') {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            rows.push((fields[2].parse().unwrap(), fields[5].to_owned()));
        }
    }
    (base, rows)
}

fn reduced(num: i128, den: i128) -> (i128, i128) {
    let (mut a, mut b) = (num.abs(), den.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (num / a.max(1), den / a.max(1))
}

/// The samples of every frame, one after another, in the format that libav calls `format`.
pub(crate) fn samples(path: &Path, format: &str) -> Vec<u8> {
    let file = path.to_str().unwrap();
    run(
        "ffmpeg",
        &[
            "-nostdin",
            "-v",
            "error",
            "-noautorotate",
            "-i",
            file,
            "-map",
            "0:V:0",
            "-vsync",
            "passthrough",
            "-pix_fmt",
            format,
            "-f",
            "rawvideo",
            "-",
        ],
    )
}

/// What ffprobe prints of a file, one value a line.
pub(crate) fn probe(path: &Path, arguments: &str) -> String {
    let mut all = vec!["-v", "error", "-of", "compact=nk=0:p=0"];
    all.extend(arguments.split_whitespace());
    all.push(path.to_str().unwrap());
    let printed = String::from_utf8(run("ffprobe", &all)).unwrap();
    // Sections without a wanted entry leave an empty line or a separator behind.
    let lines =
        printed.lines().map(|line| line.trim_end_matches('|')).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Timestamp (in seconds, as ffprobe rounds it) and hash of each packet of the streams that `which` names.
pub(crate) fn packets(path: &Path, which: &str) -> String {
    let entries = "-show_entries packet=pts_time,data_hash -show_data_hash md5";
    probe(path, &format!("-select_streams {which} {entries}"))
}

/// The hash of each packet of the streams that `which` names.
pub(crate) fn packet_hashes(path: &Path, which: &str) -> Vec<String> {
    let printed = packets(path, which);
    let hashes = printed.lines().filter_map(|line| line.split_once("data_hash="));
    hashes.map(|(_, hash)| hash.to_owned()).collect()
}
