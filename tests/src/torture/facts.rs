//! What ffprobe says of a file, as facts with names and lists of packets with exact times.
//!
//! Owns which facts belong to the stream and which to the muxer that wrote it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A packet of a stream that is not the video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it is shown, in ticks.
    pub pts: Option<i128>,
    /// Hash of its bytes.
    pub hash: String,
    /// Samples that are to be skipped at its start and its end, where it says so.
    pub skipped: String,
}

/// A stream's packets and their clock.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Its name among the facts, such as `stream1`.
    pub name: String,
    /// Seconds of a tick.
    pub timebase: (i128, i128),
    /// Hash of all bytes together, where the stream is samples that stand alone (PCM).
    pub whole: Option<String>,
    /// Its packets in the order of the file.
    pub packets: Vec<Packet>,
}

/// What ffprobe says of a file.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Facts by name.
    pub named: BTreeMap<String, String>,
    /// Streams that are not the video, in order.
    pub streams: Vec<Stream>,
    /// Decoding times of the video's packets, in the order of the file.
    pub video_dts: Vec<Option<i128>>,
}

/// Asks ffprobe.
///
/// # Panics
/// Where ffprobe cannot read the file.
#[must_use]
pub fn of(path: &Path) -> Facts {
    let told = ffprobe(
        path,
        &[
            "-show_format",
            "-show_streams",
            "-show_chapters",
            "-show_packets",
            "-show_data_hash",
            "md5",
        ],
    );
    let empty = Vec::new();
    let list = |name: &str| told[name].as_array().unwrap_or(&empty);
    let mut facts = Facts { named: BTreeMap::new(), streams: Vec::new(), video_dts: Vec::new() };
    facts.tags("format", &told["format"]["tags"]);
    for (place, chapter) in list("chapters").iter().enumerate() {
        let base = fraction(&chapter["time_base"], '/').unwrap_or((1, 1));
        for side in ["start", "end"] {
            let time = number(&chapter[side]).map(|ticks| seconds(ticks, base));
            facts.say(&format!("chapter{place}.{side}"), time.unwrap_or_default());
        }
        facts.tags(&format!("chapter{place}"), &chapter["tags"]);
    }
    let mut main = None;
    let (mut others, mut attached) = (0, 0);
    for stream in list("streams") {
        let kind = text(&stream["codec_type"]);
        if main.is_none() && kind == "video" && stream["disposition"]["attached_pic"] != 1 {
            main = Some(stream["index"].clone());
            facts.video(stream, list("streams"));
            continue;
        }
        if is_carried_otherwise(stream, &told) {
            continue;
        }
        if kind == "attachment" {
            facts.tags(&format!("attachment{attached}"), &stream["tags"]);
            facts.say(&format!("attachment{attached}.bytes"), text(&stream["extradata_hash"]));
            attached += 1;
            continue;
        }
        let name = format!("stream{others}");
        others += 1;
        facts.say(&format!("{name}.codec"), format!("{kind} {}", codec(stream)));
        facts.say(&format!("{name}.disposition"), disposition(stream, list("streams")));
        facts.tags(&name, &stream["tags"]);
        let timebase = fraction(&stream["time_base"], '/').unwrap_or((1, 1));
        let own = list("packets").iter().filter(|one| one["stream_index"] == stream["index"]);
        let whole = text(&stream["codec_name"]).starts_with("pcm_").then(|| whole(path, stream));
        facts.streams.push(Stream { name, timebase, whole, packets: own.map(packet).collect() });
    }
    let own = list("packets").iter().filter(|one| Some(&one["stream_index"]) == main.as_ref());
    facts.video_dts = own.map(|one| number(&one["dts"])).collect();
    facts
}

impl Facts {
    fn say(&mut self, name: &str, value: String) {
        if !value.is_empty() {
            self.named.insert(name.to_owned(), value);
        }
    }

    fn tags(&mut self, of: &str, tags: &Value) {
        for (name, value) in tags.as_object().into_iter().flatten() {
            let name = name.to_lowercase();
            let is_own = MUXERS_OWN.iter().any(|own| name.starts_with(own));
            // A language that is said to be undetermined is one that is not said.
            let is_silent = name == "language" && value == "und";
            if !is_own && !is_silent {
                self.say(&format!("{of}.{name}"), text(value));
            }
        }
    }

    fn video(&mut self, stream: &Value, all: &[Value]) {
        for (name, unsaid) in VIDEO {
            let value = text(&stream[*name]);
            let is_said = !unsaid.contains(&value.as_str());
            self.say(&format!("video.{name}"), if is_said { value } else { String::new() });
        }
        let sides = stream["side_data_list"].as_array();
        let turn = sides.into_iter().flatten().find_map(|side| side["rotation"].as_i64());
        // Half a turn has two names.
        let turn = turn.map(|turn| turn.rem_euclid(360)).filter(|turn| *turn != 0);
        self.say("video.rotation", turn.map(|turn| turn.to_string()).unwrap_or_default());
        self.say("video.disposition", disposition(stream, all));
        self.tags("video", &stream["tags"]);
    }
}

/// Tags that a muxer writes for itself, or that say how this product made the file.
const MUXERS_OWN: [&str; 15] = [
    "encoder",
    "processed_by",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "vendor_id",
    "bps",
    "duration",
    "number_of_",
    "_statistics",
    "handler_name",
    "cleanplate",
    "service_",
    "variant_bitrate",
    "language-",
];

/// What belongs to the video stream, and the values that say nothing: a decoder takes an unsaid range as
/// video range, an unsaid shape of samples as square, an unsaid field order as progressive.
const VIDEO: &[(&str, &[&str])] = &[
    ("width", &[]),
    ("height", &[]),
    ("sample_aspect_ratio", &["0:1", "1:1"]),
    ("color_range", &["unknown", "tv"]),
    ("color_space", &["unknown"]),
    ("color_transfer", &["unknown"]),
    ("color_primaries", &["unknown"]),
    ("chroma_location", &["unspecified", "left"]),
    ("field_order", &["unknown", "progressive"]),
];

/// A track that exists only to say what chapters or a tag say as well.
fn is_carried_otherwise(stream: &Value, told: &Value) -> bool {
    let tag = text(&stream["codec_tag_string"]);
    let has_chapters = told["chapters"].as_array().is_some_and(|list| !list.is_empty());
    tag == "tmcd" || (has_chapters && text(&stream["codec_name"]) == "bin_data" && tag == "text")
}

/// The codec's name; layers of MPEG audio have one number in mp4, and a reader takes the name from the bytes.
fn codec(stream: &Value) -> String {
    match text(&stream["codec_name"]).as_str() {
        "mp1" | "mp2" | "mp3" => "mpeg audio".to_owned(),
        other => other.to_owned(),
    }
}

/// What the stream is for. That the first of its kind, and no other, is the default says nothing: players
/// take it where nothing is said, and mp4 has no way not to say it.
fn disposition(stream: &Value, all: &[Value]) -> String {
    let is_default = |one: &&Value| one["disposition"]["default"] == 1;
    let alike = |one: &&Value| {
        one["codec_type"] == stream["codec_type"]
            && one["disposition"]["attached_pic"] == stream["disposition"]["attached_pic"]
    };
    let mut kin = all.iter().filter(alike);
    let unsaid =
        kin.next().is_some_and(|first| is_default(&first)) && !kin.any(|one| is_default(&one));
    let set = stream["disposition"].as_object().into_iter().flatten();
    let set = set.filter(|(name, set)| **set == 1 && !(unsaid && *name == "default"));
    let set: Vec<&str> = set.map(|(name, _)| name.as_str()).collect();
    set.join("+")
}

/// The hash of a stream's bytes, however they are divided.
fn whole(path: &Path, stream: &Value) -> String {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-map", &format!("0:{}", stream["index"]), "-c", "copy", "-f", "hash", "-"])
        .output()
        .expect("ffmpeg is installed by `make test`");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn packet(told: &Value) -> Packet {
    let sides = told["side_data_list"].as_array().into_iter().flatten();
    let skips = sides.filter(|side| side["side_data_type"] == "Skip Samples");
    let skips = skips.map(|side| format!("{} {}", side["skip_samples"], side["discard_padding"]));
    Packet {
        pts: number(&told["pts"]),
        hash: text(&told["data_hash"]),
        skipped: skips.collect::<Vec<_>>().join(" "),
    }
}

/// What is attached to each shown frame: its fields, captions; and HDR where the frame is a key.
#[must_use]
pub fn sides(path: &Path) -> Vec<String> {
    let entries = "frame=key_frame,interlaced_frame,top_field_first,side_data_list";
    let told = ffprobe(path, &["-select_streams", "v:0", "-show_frames", "-show_entries", entries]);
    let frames = told["frames"].as_array().into_iter().flatten();
    frames.map(side).collect()
}

fn side(frame: &Value) -> String {
    let mut words = Vec::new();
    if frame["interlaced_frame"] == 1 {
        let upper = frame["top_field_first"] == 1;
        words.push(if upper {
            "upper field first".to_owned()
        } else {
            "lower field first".to_owned()
        });
    }
    for side in frame["side_data_list"].as_array().into_iter().flatten() {
        let kind = text(&side["side_data_type"]);
        let is_static = kind.contains("Mastering") || kind.contains("light level");
        if kind.contains("Captions") || kind.contains("Active Format") {
            words.push(kind);
        } else if is_static && frame["key_frame"] == 1 {
            words.push(side.to_string());
        }
    }
    words.sort();
    words.join(", ")
}

fn ffprobe(path: &Path, arguments: &[&str]) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(arguments)
        .arg(path)
        .output()
        .expect("ffprobe is installed by `make test`");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{}: {error}: {}", path.display(), String::from_utf8_lossy(&output.stderr))
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn number(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from)
}

fn fraction(value: &Value, by: char) -> Option<(i128, i128)> {
    let (num, den) = value.as_str()?.split_once(by)?;
    Some((num.parse().ok()?, den.parse().ok()?))
}

fn seconds(ticks: i128, (num, den): (i128, i128)) -> String {
    let (num, den) = crate::reference::reduced(ticks * num, den);
    format!("{num}/{den} s")
}
