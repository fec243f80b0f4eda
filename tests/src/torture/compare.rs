//! Source against output: frames, times, packets, facts. What differs is said in words.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::facts::{self, Facts, Stream};
use super::kind::{Kind, Output};
use crate::reference::{self, Shown};

/// What the ffmpeg command line shows of a source; each part asked once.
#[derive(Debug)]
pub struct Truth {
    source: PathBuf,
    threads: Option<u32>,
    frames: OnceLock<Vec<Shown>>,
    single: OnceLock<Vec<Shown>>,
    facts: OnceLock<Facts>,
    sides: OnceLock<Vec<String>>,
}

impl Truth {
    /// Asks nothing yet.
    #[must_use]
    pub fn new(source: &Path) -> Self {
        Self::by_threads(source, None)
    }

    /// The same, of a decoder with so many threads where that is given.
    #[must_use]
    pub fn by_threads(source: &Path, threads: Option<u32>) -> Self {
        Self {
            source: source.to_owned(),
            threads,
            frames: OnceLock::new(),
            single: OnceLock::new(),
            facts: OnceLock::new(),
            sides: OnceLock::new(),
        }
    }

    /// Every frame of a source, whatever ffmpeg says meanwhile (recordings that were joined late have
    /// errors at their start).
    pub fn frames(&self) -> &[Shown] {
        self.frames.get_or_init(|| reference::frames_of_damaged(&self.source, self.threads))
    }

    /// The same as one thread shows it: what a decoder makes of damage depends on its threads.
    pub fn single(&self) -> &[Shown] {
        self.single.get_or_init(|| reference::frames_of_damaged(&self.source, Some(1)))
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| facts::of(&self.source))
    }

    fn sides(&self) -> &[String] {
        self.sides.get_or_init(|| facts::sides(&self.source))
    }
}

/// Everything that differs between the source and an output that should be exact.
#[must_use]
pub fn differences(truth: &Truth, kind: &Kind, output: &Output, path: &Path) -> Vec<String> {
    let mut found = frames(truth.frames(), &reference::frames(path), true);
    let (want, have) = (truth.facts(), facts::of(path));
    found.extend(named(want, &have, output.without));
    found.extend(
        streams(want, &have)
            .into_iter()
            .filter(|(name, _)| !is_spared(output.without, name))
            .map(|(_, what)| what),
    );
    found.extend(rising(&have));
    if kind.sides {
        found.extend(attached(truth.sides(), &facts::sides(path)));
    }
    found
}

/// What differs in number, times and (where `pictures`) samples.
#[must_use]
pub fn frames(want: &[Shown], have: &[Shown], pictures: bool) -> Vec<String> {
    let mut found = Vec::new();
    if want.len() != have.len() {
        found.push(format!("{} frames instead of {}", have.len(), want.len()));
    }
    let pairs = || want.iter().zip(have).enumerate();
    if let Some((index, (want, have))) = pairs().find(|(_, (want, have))| want.time != have.time) {
        let count = pairs().filter(|(_, (want, have))| want.time != have.time).count();
        found.push(format!(
            "{count} times differ: frame {index} is at {:?} s instead of {:?} s",
            have.time, want.time
        ));
    }
    let other = |pair: &(usize, (&Shown, &Shown))| pair.1.0.md5 != pair.1.1.md5;
    if let Some((index, _)) = pairs().find(other).filter(|_| pictures) {
        found.push(format!(
            "{} pictures differ, frame {index} first",
            pairs().filter(other).count()
        ));
    }
    found
}

fn named(want: &Facts, have: &Facts, without: &[&str]) -> Vec<String> {
    let names = want.named.keys().chain(have.named.keys().filter(|n| !want.named.contains_key(*n)));
    let mut found = Vec::new();
    for name in names.filter(|name| !is_spared(without, name)) {
        let value =
            |of: &Facts| of.named.get(name).cloned().unwrap_or_else(|| "nothing".to_owned());
        if want.named.get(name) != have.named.get(name) {
            found.push(format!("{name} is {} instead of {}", value(have), value(want)));
        }
    }
    found
}

/// Whether the name is one of a fact that nobody promises.
fn is_spared(without: &[&str], name: &str) -> bool {
    without.iter().any(|pattern| matches(pattern, name))
}

/// Whether `name` is `pattern`, in which a `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
        None => pattern == name,
    }
}

/// What differs in streams beside the video, each with the name of the fact.
#[must_use]
pub fn streams(want: &Facts, have: &Facts) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if want.streams.len() != have.streams.len() {
        let counts = (have.streams.len(), want.streams.len());
        let words = format!("{} streams beside the video instead of {}", counts.0, counts.1);
        found.push(("streams".to_owned(), words));
    }
    for (want, have) in want.streams.iter().zip(&have.streams) {
        let differences = [("bytes", bytes(want, have)), ("times", times(want, have))];
        for (what, difference) in differences {
            let Some(difference) = difference else { continue };
            found.push((format!("{}.{what}", want.name), format!("{}: {difference}", want.name)));
        }
    }
    found
}

/// The first difference between the bytes of two streams. Samples that stand alone are packed as each
/// reader likes: there all bytes together count.
fn bytes(want: &Stream, have: &Stream) -> Option<String> {
    if let (Some(one), Some(other)) = (&want.whole, &have.whole) {
        return (one != other).then(|| "the samples differ".to_owned());
    }
    if want.packets.len() != have.packets.len() {
        return Some(format!("{} packets instead of {}", have.packets.len(), want.packets.len()));
    }
    let mut pairs = want.packets.iter().zip(&have.packets);
    let place = pairs.position(|(one, other)| one.hash != other.hash)?;
    Some(format!("the bytes of packet {place} differ"))
}

/// The first difference between the times of two streams: within one tick of the coarser clock.
fn times(want: &Stream, have: &Stream) -> Option<String> {
    let apart = |a: i128, b: i128| {
        let (want, have) = (want.timebase, have.timebase);
        // All in units of 1 / (want.den * have.den) seconds.
        let distance = (a * want.0 * have.1 - b * have.0 * want.1).abs();
        let tick = (want.0 * have.1).max(have.0 * want.1);
        distance > if want == have { 0 } else { tick }
    };
    let ends = want.whole.is_some().then_some(1);
    let pairs = want.packets.iter().zip(&have.packets).take(ends.unwrap_or(usize::MAX));
    for (place, (one, other)) in pairs.enumerate() {
        let moved = match (one.pts, other.pts) {
            (Some(a), Some(b)) => apart(a, b),
            (one, other) => one != other,
        };
        if moved {
            return Some(format!(
                "packet {place} is at {:?} of {:?} s instead of {:?} of {:?} s",
                other.pts, have.timebase, one.pts, want.timebase
            ));
        }
        // What a source only implies (the delay of Opus) another container may spell out.
        if !one.skipped.is_empty() && one.skipped != other.skipped {
            return Some(format!(
                "packet {place} skips samples `{}` instead of `{}`",
                other.skipped, one.skipped
            ));
        }
    }
    None
}

/// Decoding times must rise strictly.
fn rising(have: &Facts) -> Option<String> {
    let known: Vec<i128> = have.video_dts.iter().flatten().copied().collect();
    let place = known.windows(2).position(|pair| pair[0] >= pair[1])?;
    Some(format!("the decoding times of the video do not rise at packet {place}"))
}

fn attached(want: &[String], have: &[String]) -> Option<String> {
    // HDR is said at keys, and where the output has them is its own affair: it must be what the
    // source says first.
    let statics = want.first().filter(|words| words.contains('{'));
    let expected = |index: usize, have: &str| match statics {
        Some(words) if have.contains('{') || index == 0 => words.clone(),
        _ => plain(&want[index]),
    };
    if want.len() != have.len() {
        return Some(format!("{} frames with sides instead of {}", have.len(), want.len()));
    }
    let place = (0..want.len()).find(|place| {
        let have = &have[*place];
        let expected = expected(*place, have);
        if have.contains('{') { *have != expected } else { plain(have) != expected }
    })?;
    let count =
        (0..want.len()).filter(|place| plain(&want[*place]) != plain(&have[*place])).count();
    Some(format!(
        "frame {place} carries `{}` instead of `{}` ({count} frames differ in fields or captions)",
        have[place],
        expected(place, &have[place])
    ))
}

fn plain(words: &str) -> String {
    let kept: Vec<&str> = words
        .split(", ")
        .filter(|word| word.contains("field") || word.contains("Caption"))
        .collect();
    kept.join(", ")
}
