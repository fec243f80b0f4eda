//! The table of containers, codecs and exactness: rows of sources, and the proof of each cell.
//!
//! Owns the sources and the words of a cell. What a cell says is what a run did: the frames of an output
//! are compared with the source's before it is called exact.

mod rows;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use super::compare::{self, frames};
use super::draw::Draw;
use super::facts::{self, Facts};
use super::kind::Kind;
use super::lane::Lane;
use super::{known, workshop};
use crate::reference::{self, Shown};

/// What a cell says whose output is not what it must be; a table with such a cell fails its test.
pub const WRONG: &str = "**wrong**";

/// The containers that are asked for.
const CONTAINERS: [&str; 6] = ["mp4", "mov", "mkv", "webm", "ts", "m2ts"];

/// A row of a table: the words of its head, and the source.
#[derive(Debug)]
pub struct Row {
    /// What the source is.
    pub head: &'static str,
    /// The source.
    pub kind: Kind,
}

/// What a table shows in its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Whether times come back, on which clocks.
    Clocks,
    /// Whether pictures come back, by which encoder.
    Encoder,
    /// Whether the stream beside the video is kept.
    Beside,
}

/// A row's source and what FFmpeg says of it; each part asked once.
struct Source {
    row: &'static Row,
    path: OnceLock<PathBuf>,
    frames: OnceLock<Vec<Shown>>,
    samples: OnceLock<String>,
    facts: OnceLock<Facts>,
}

impl Source {
    const fn new(row: &'static Row) -> Self {
        Self {
            row,
            path: OnceLock::new(),
            frames: OnceLock::new(),
            samples: OnceLock::new(),
            facts: OnceLock::new(),
        }
    }

    fn path(&self) -> &Path {
        self.path.get_or_init(|| workshop::clip(&self.row.kind))
    }

    fn frames(&self) -> &[Shown] {
        self.frames.get_or_init(|| reference::frames(self.path()))
    }

    fn samples(&self) -> &str {
        self.samples.get_or_init(|| samples(self.path()))
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| facts::of(self.path()))
    }
}

/// A column: container and quality.
#[derive(Debug, Clone, Copy)]
struct Column {
    head: &'static str,
    container: &'static str,
    lossless: bool,
}

/// All tables, each with its title and what it shows, as Markdown.
///
/// # Panics
/// Where a run ends in a way that no cell has words for.
#[must_use]
pub fn all() -> String {
    let exactly = CONTAINERS.map(|container| Column { head: container, container, lossless: true });
    let encoders = [
        Column { head: "`--lossless`", container: "mp4", lossless: true },
        Column { head: "default quality", container: "mp4", lossless: false },
        Column { head: "`--lossless` in webm", container: "webm", lossless: true },
    ];
    let tables = [
        (rows::times::SAY, rows::times::ROWS, Shows::Clocks, &exactly[..]),
        (rows::codecs::SAY, rows::codecs::ROWS, Shows::Encoder, &exactly[..]),
        (rows::samples::SAY, rows::samples::ROWS, Shows::Encoder, &encoders[..]),
        (rows::beside::SAY, rows::beside::ROWS, Shows::Beside, &exactly[..]),
    ];
    let sources: Vec<Vec<Source>> =
        tables.iter().map(|(_, rows, ..)| rows.iter().map(Source::new).collect()).collect();
    let mut jobs = Vec::new();
    for (sources, (_, _, shows, columns)) in sources.iter().zip(&tables) {
        for source in sources {
            jobs.extend(columns.iter().map(|column| (source, column, *shows)));
        }
    }
    let mut cells = prove(&jobs).into_iter();
    let mut text = String::new();
    for (says, rows, _, columns) in tables {
        let heads: Vec<&str> = columns.iter().map(|column| column.head).collect();
        let lines = "---|".repeat(columns.len() + 1);
        writeln!(text, "{says}\n\n| source | {} |\n|{lines}", heads.join(" | ")).expect("a string");
        for row in rows {
            let own: Vec<String> = cells.by_ref().take(columns.len()).collect();
            writeln!(text, "| {} | {} |", row.head, own.join(" | ")).expect("a string");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Runs every cell, two side by side; returns their words in order.
fn prove(jobs: &[(&Source, &Column, Shows)]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let cells = Mutex::new(vec![String::new(); jobs.len()]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::thread::scope(|scope| {
        for lane in 0..super::series::LANES {
            let (next, cells) = (&next, &cells);
            let folder = folder.path().join(format!("lane-{lane}"));
            let work = move || {
                let mut lane = Lane::new(folder.clone());
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((source, column, shows)) = jobs.get(place) else { return };
                    let words = cell(&mut lane, &folder, source, column, *shows);
                    cells.lock().expect("the table is whole")[place] = words;
                }
            };
            std::thread::Builder::new()
                .name(format!("table-{lane}"))
                .spawn_scoped(scope, work)
                .expect("a thread starts");
        }
    });
    cells.into_inner().expect("the table is whole")
}

/// Runs one cell and says what came of it.
fn cell(lane: &mut Lane, folder: &Path, source: &Source, column: &Column, shows: Shows) -> String {
    let row = source.row;
    std::fs::create_dir_all(folder).expect("the lane's folder can be written");
    let output = folder.join(format!("cell.{}", column.container));
    let draw = Draw::plain(&row.kind, column.container, column.lossless);
    let ended = lane.end_of(&draw, source.path(), &output);
    let what = format!("{} in {}", row.head, column.container);
    if ended.status != 0 {
        if let Some(known) = known::explained(row.kind.name, column.container, &ended.message) {
            println!("{what}: {}", known.bug);
            return "fails (known)".to_owned();
        }
        assert!(matches!(ended.status, 2 | 3), "{what}: {} {}", ended.status, ended.message);
        return format!("refused: {}", reason(&ended.message));
    }
    let have = samples(&output);
    let is_alike = source.samples() == have;
    let pictures = column.lossless && is_alike;
    let differences = frames(source.frames(), &reference::frames(&output), pictures);
    if !differences.is_empty() {
        println!("{what}: {differences:?}");
        let is_known =
            |one: &String| known::explained(row.kind.name, column.container, one).is_some();
        if differences.iter().all(is_known) {
            return "**not exact** (known)".to_owned();
        }
        return format!("{WRONG}: {}", differences.join(", "));
    }
    let words = match shows {
        Shows::Clocks => clocks(&output, column.container),
        Shows::Encoder if is_alike => ended.encoder,
        Shows::Encoder => format!("{}, shown as {have} by FFmpeg", ended.encoder),
        Shows::Beside => beside(source, &output, column.container, &what),
    };
    std::fs::remove_file(&output).expect("the lane's folder can be written");
    words
}

/// A refusal in few words; the whole sentence where it is not one of those that are known.
fn reason(message: &str) -> String {
    const SHORT: [(&str, &str); 13] = [
        ("whole milliseconds", "milliseconds only"),
        ("before zero", "before zero"),
        ("ticks of 90 kHz", "outside its clock"),
        ("takes no H.264", "no H.264 or HEVC"),
        ("it does not know this codec", "not this codec"),
        ("only supported", "not this codec"),
        ("planar YUV", "not planar YUV"),
        ("no encoder takes", "no encoder"),
        ("keeps no data streams", "no data"),
        ("no clock of", "no such clock"),
        ("must be even", "odd size"),
        ("is not bit-exact", "not bit-exact"),
        ("webm", "not in webm"),
    ];
    let known = SHORT.iter().find(|(words, _)| message.contains(words));
    known.map_or_else(|| message.replace('|', "/"), |(_, short)| (*short).to_owned())
}

/// "exact", and the clocks of the video and of the movie in ticks a second.
fn clocks(output: &Path, container: &str) -> String {
    match container {
        "mp4" | "mov" => {
            let bytes = std::fs::read(output).expect("the output is there");
            let (media, movie) = super::bytes::clocks(&bytes);
            format!("exact: {media}, movie {movie}")
        }
        "mkv" | "webm" => "exact: 1000".to_owned(),
        _ => "exact: 90000".to_owned(),
    }
}

/// The layout of the samples; full range has names of its own among those of 8 bits.
fn samples(path: &Path) -> String {
    let arguments = ["-select_streams", "v:0", "-show_entries", "stream=pix_fmt"];
    // A stream of a program is told twice.
    let told = reference::probe(path, &arguments);
    told.lines().next().unwrap_or_default().trim().replace("yuvj", "yuv")
}

/// "kept": the bytes of the stream beside the video are equal, but for the headers of AAC.
fn beside(source: &Source, output: &Path, container: &str, what: &str) -> String {
    let (want, have) = (source.facts(), facts::of(output));
    let headers = matches!(container, "ts" | "m2ts")
        && want.named.get("stream0.codec").is_some_and(|codec| codec == "audio aac");
    let differences = compare::streams(want, &have);
    let wrong = differences.iter().find(|(name, _)| name == "streams" || name.ends_with("bytes"));
    assert!(headers || wrong.is_none(), "{what}: {wrong:?}");
    "kept".to_owned()
}
