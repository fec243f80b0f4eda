//! VMAF, by the ffmpeg program on the path where it was built with libvmaf.
//!
//! Owns the command and the reading of its last line. Refuses to guess a score: without one it says why.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// How the score is introduced, in all versions of ffmpeg.
const SCORE: &str = "VMAF score: ";

/// Both videos from their first frame on, the second as the reference.
const GRAPH: &str = "[0:v:0]setpts=PTS-STARTPTS[made];[1:v:0]setpts=PTS-STARTPTS[from];\
    [made][from]libvmaf";

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Vmaf {
    /// The mean over all frames, mask included.
    Score(f64),
    /// Why there is none.
    NotThere(String),
}

/// Measures `output` against `source`.
pub(super) async fn measure(source: &Path, output: &Path) -> Vmaf {
    let not_there = |why: &str| Vmaf::NotThere(why.to_owned());
    let mut filters = Command::new("ffmpeg");
    filters.args(["-hide_banner", "-v", "error", "-filters"]).stdin(Stdio::null());
    match filters.output().await {
        Ok(listed) if has_libvmaf(&String::from_utf8_lossy(&listed.stdout)) => {}
        Ok(_) => return not_there("the ffmpeg on the path has no libvmaf"),
        Err(_) => return not_there("no ffmpeg is on the path"),
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-nostats", "-i"]).arg(output);
    command.arg("-i").arg(source).args(["-lavfi", GRAPH, "-f", "null", "-"]);
    match command.stdin(Stdio::null()).kill_on_drop(true).output().await {
        Ok(ended) => score(&String::from_utf8_lossy(&ended.stderr))
            .map_or_else(|| not_there("ffmpeg gave no score"), Vmaf::Score),
        Err(error) => Vmaf::NotThere(format!("ffmpeg did not run: {error}")),
    }
}

fn has_libvmaf(filters: &str) -> bool {
    filters.lines().any(|line| line.split_whitespace().nth(1) == Some("libvmaf"))
}

fn score(log: &str) -> Option<f64> {
    let line = log.lines().rev().find_map(|line| line.split_once(SCORE))?;
    line.1.trim().parse().ok().filter(|score: &f64| score.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_told_from_those_with_a_similar_name() {
        assert!(!has_libvmaf(" ... vmafmotion        V->V       VMAF Motion score.\n"));
        assert!(has_libvmaf(" ... libvmaf           VV->V      Calculate the VMAF.\n"));
    }

    #[test]
    fn the_score_is_read_from_the_last_line_that_has_one() {
        let log = "[Parsed_libvmaf_2 @ 0x55] VMAF score: 97.427994\nvideo:0kB\n";
        assert_eq!(score(log), Some(97.427_994));
        assert_eq!(score("Conversion failed!"), None);
        assert_eq!(score("VMAF score: nan"), None);
    }
}
