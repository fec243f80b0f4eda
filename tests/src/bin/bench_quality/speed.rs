//! What cleaning costs beside an encode alone, and beside the program that one writes first in Python.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use cleanplate_tests::quality::canvas::{Canvas, Ink, Pen};
use cleanplate_tests::{binary, clips};

use crate::case::stages;
use crate::product::{self, End};
use crate::{media, peers};

/// Seconds of the clip, at 30 frames each.
const SECONDS: u32 = 20;
const FRAMES: usize = SECONDS as usize * 30;
/// The overlay: left, top, width, height.
const BOX: [usize; 4] = [1500, 60, 300, 120];
const CRF: &str = "20";
/// Runs of each, in turns; medians are printed. Python runs once: it takes several times as long.
const ROUNDS: usize = 3;

/// Runs of each: those that `ROUNDS` asks for, else the usual.
fn rounds() -> usize {
    let asked = std::env::var("ROUNDS").ok().and_then(|asked| asked.parse().ok());
    asked.filter(|rounds| *rounds > 0).unwrap_or(ROUNDS)
}

/// One command of the product that is timed.
struct Timed {
    name: &'static str,
    options: Vec<String>,
    /// Wall time against the plain transcode, at most.
    goal: Option<f64>,
    walls: Vec<f64>,
    /// Where the time of the last run went.
    stages: String,
    /// Why it cannot be timed.
    why: Option<String>,
}

/// Runs all; returns the page's block.
pub(crate) fn speed(folder: &Path) -> String {
    let rounds = rounds();
    let head = format!(
        "1080p, {SECONDS} s ({FRAMES} frames), an opaque logo of 300x120, libx264 veryfast crf {CRF}, 2 workers; \
         medians of {rounds} rounds"
    );
    println!("\n# wall time: {head}");
    let clip = clips::footage_1080p(folder, SECONDS);
    let logo = folder.join("speed-logo.png");
    let source = burn(folder, &clip, &logo);
    let output = folder.join("speed-out.mp4");
    let mut all = commands(&logo);
    let mut transcodes = Vec::new();
    for _ in 0..rounds {
        transcodes.push(transcode(&source, &output));
        for timed in &mut all {
            timed.once(&source, &output);
        }
    }
    let plain = median(&transcodes);
    let own = all[0].wall();
    let python = obvious(&source, &output);
    let against = |wall: f64, own: Option<f64>| {
        let own = own.map_or_else(|| "-".to_owned(), |own| format!("{:.3}x", wall / own));
        format!("{wall:.1} s | {:.3}x | {own}", wall / plain)
    };
    let mut text = format!(
        "{head}.\n\n| what | wall | of ffmpeg's transcode | of our own passthrough | goal | ms a frame by stage |\n|---|---|---|---|---|---|\n"
    );
    writeln!(text, "| ffmpeg, plain transcode | {} | - | - |", against(plain, own)).ok();
    for timed in &all {
        let goal = timed.goal.map_or("-".to_owned(), |goal| format!("at most {goal}x"));
        let told = match (&timed.why, timed.wall()) {
            (None, Some(wall)) => format!("{} | {goal} | {}", against(wall, own), timed.stages),
            (why, _) => format!("- | - | - | {goal} | {}", why.as_deref().unwrap_or("no run")),
        };
        writeln!(text, "| {} | {told} |", timed.name).ok();
    }
    let python = match python {
        Ok(wall) => {
            let found = all.last().and_then(Timed::wall).unwrap_or(f64::NAN);
            let times = wall / found;
            format!("{} | product at least 2x faster: {times:.2}x | - |", against(wall, own))
        }
        Err(why) => format!("- | - | - | product at least 2x faster | {why} |"),
    };
    writeln!(text, "| PyAV and `cv2.inpaint` (scripts/bench-quality.d/obvious.py) | {python}").ok();
    text.push_str(&fill_alone());
    println!("{text}");
    text
}

fn commands(logo: &Path) -> Vec<Timed> {
    let region = BOX.map(|number| number.to_string()).join(",");
    let told = format!("{}@{},{}", crate::text(logo), BOX[0], BOX[1]);
    let timed = |name, goal: Option<f64>, options: &[&str]| Timed {
        name,
        options: options.iter().map(|&word| word.to_owned()).collect(),
        goal,
        walls: Vec::new(),
        stages: String::new(),
        why: None,
    };
    vec![
        timed("own passthrough, `--detect none`", None, &["--detect", "none"]),
        timed("membrane, `--region`", Some(1.05), &["--region", &region, "--fill", "membrane"]),
        timed("inversion, `--overlay`", Some(1.05), &["--overlay", &told, "--fill", "invert"]),
        timed("fetch, `--region`", Some(1.35), &["--region", &region, "--fill", "fetch"]),
        timed("membrane, found by itself", Some(1.2), &["--fill", "membrane"]),
        timed("fetch, found by itself", Some(1.6), &["--fill", "fetch"]),
        timed("the default: found by itself", Some(1.6), &[]),
    ]
}

impl Timed {
    fn once(&mut self, source: &Path, output: &Path) {
        if self.why.is_some() {
            return;
        }
        let mut options = vec!["--encoder", "libx264", "--preset", "veryfast", "--quality", CRF];
        options.extend(["--workers", "2"]);
        options.extend(self.options.iter().map(String::as_str));
        let ran = product::run(source, output, &options);
        match &ran.end {
            End::Done => {
                self.walls.push(ran.wall.as_secs_f64());
                self.stages = stages(&ran, FRAMES);
            }
            End::NotBuilt(words) => self.why = Some(format!("not built: {words}")),
            End::Unchanged => self.why = Some("found nothing to remove".to_owned()),
            End::Abstained(words) => self.why = Some(format!("abstained: {words}")),
            End::Failed(words) => self.why = Some(format!("failed: {words}")),
        }
    }

    /// The median in seconds, once there is a run.
    fn wall(&self) -> Option<f64> {
        (!self.walls.is_empty()).then(|| median(&self.walls))
    }
}

/// Puts an opaque logo of several colours on the clip, and leaves its picture at `logo`.
fn burn(folder: &Path, clip: &Path, logo: &Path) -> PathBuf {
    let [x, y, width, height] = BOX;
    let mut canvas = Canvas::new(width, height);
    let all = (width as f64, height as f64);
    canvas.rect(Ink::opaque([28, 70, 150]), (0.0, 0.0), all);
    canvas.disc(Ink::opaque([255, 176, 32]), (60.0, 60.0), 44.0);
    canvas.text(Ink::opaque([245, 245, 245]), (120.0, 30.0), Pen { dot: 8.0, more: 0.0 }, "TV7");
    media::write_png(logo, "rgba", (width, height), canvas.rgba.as_flattened());
    let source = folder.join("speed.mp4");
    let place = format!("[0:v][1:v]overlay=x={x}:y={y}[v]");
    clips::ffmpeg(
        &[
            &["-i", crate::text(clip), "-i", crate::text(logo), "-filter_complex", &place][..],
            &["-map", "[v]", "-map", "0:a", "-c:a", "copy", "-pix_fmt", "yuv420p"],
            &["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", crate::text(&source)],
        ]
        .concat(),
    );
    source
}

/// ffmpeg with its automatic threads, in seconds.
fn transcode(source: &Path, output: &Path) -> f64 {
    let mut command = media::ffmpeg();
    command.args(["-i", crate::text(source), "-c:v", "libx264", "-preset", "veryfast"]);
    command.args(["-crf", CRF, "-c:a", "copy", crate::text(output)]);
    seconds(command).expect("ffmpeg transcodes")
}

/// The Python that one writes first, in seconds.
fn obvious(source: &Path, output: &Path) -> Result<f64, String> {
    let mut command = peers::python()?;
    command.arg(peers::script("obvious.py")).arg(source).arg(output);
    command.args(BOX.map(|number| number.to_string())).arg(CRF);
    seconds(command)
}

fn seconds(mut command: Command) -> Result<f64, String> {
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let wall = began.elapsed().as_secs_f64();
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().last().unwrap_or("no word");
    if output.status.success() { Ok(wall) } else { Err(format!("failed: {last}")) }
}

/// The fill stage by itself beside `cv2.inpaint` by itself.
fn fill_alone() -> String {
    let mut text = String::from(
        "\nThe fill alone, a hole of 300x120, one frame (goal: at least 10x faster than `cv2.inpaint`):\n\n| what | fastest | median |\n|---|---|---|\n",
    );
    for (example, row) in [("fill_speed", fill_row as Row), ("restore_speed", restore_row as Row)] {
        match product_fills(example, row) {
            Ok(rows) => rows.iter().for_each(|row| text.push_str(row)),
            Err(why) => text.push_str(&format!("| product | {why} | - |\n")),
        }
    }
    match python_fills() {
        Ok(rows) => rows.iter().for_each(|row| text.push_str(row)),
        Err(why) => text.push_str(&format!("| `cv2.inpaint` | {why} | - |\n")),
    }
    text
}

/// A line of an example as a row of the table.
type Row = fn(&str) -> Option<String>;

/// By an example of the engine, which `scripts/bench-quality` builds beside the binary.
fn product_fills(example: &str, row: Row) -> Result<Vec<String>, String> {
    let example = binary::cleanplate().with_file_name("examples").join(example);
    let output = Command::new(&example).output();
    let output = output.map_err(|error| format!("skipped: {}: {error}", example.display()))?;
    let words = String::from_utf8_lossy(&output.stdout);
    Ok(words.lines().filter_map(row).collect())
}

/// `logo 300x120   membrane   fastest   1.20 ms, median   1.30 ms a frame`
fn fill_row(line: &str) -> Option<String> {
    let line = line.strip_prefix("logo 300x120")?;
    let (fastest, median) = costs(line)?;
    Some(format!("| product, {} | {fastest} ms | {median} ms |\n", line.split_whitespace().next()?))
}

/// `invert and membrane, opaque   fastest   1.20 ms, median   1.30 ms a frame`
fn restore_row(line: &str) -> Option<String> {
    let (fastest, median) = costs(line)?;
    let name = line.split(" fastest ").next()?.trim();
    Some(format!("| product, {name} | {fastest} ms | {median} ms |\n"))
}

/// The fastest frame and the median, in milliseconds.
fn costs(line: &str) -> Option<(&str, &str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1).copied()
    };
    Some((after("fastest")?, after("median")?))
}

fn python_fills() -> Result<Vec<String>, String> {
    let mut command = peers::python()?;
    command.arg(peers::script("peers.py")).args(["alone", "300", "120"]);
    let output = command.output().map_err(|error| error.to_string())?;
    let words = String::from_utf8_lossy(&output.stdout);
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, fastest, median) = (words.next()?, words.next()?, words.next()?);
        let number = |word: &str| word.parse::<f64>().ok();
        let (fastest, median) = (number(fastest)?, number(median)?);
        Some(format!("| `cv2.inpaint`, {name} | {fastest:.2} ms | {median:.2} ms |\n"))
    };
    Ok(words.lines().filter_map(row).collect())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_example_are_understood() {
        let row = fill_row("logo 300x120   membrane   fastest   1.20 ms, median   1.30 ms a frame");
        assert_eq!(row.as_deref(), Some("| product, membrane | 1.20 ms | 1.30 ms |\n"));
        let row = restore_row("fetch, nothing known   fastest   1.20 ms, median   1.30 ms a frame");
        assert_eq!(row.as_deref(), Some("| product, fetch, nothing known | 1.20 ms | 1.30 ms |\n"));
        assert_eq!(restore_row("nothing of the kind"), None);
        assert_eq!(fill_row("nothing of the kind"), None);
    }
}
