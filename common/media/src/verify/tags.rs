//! What is said of a file and its streams: tags, languages, dispositions, chapters.
//!
//! Owns which tags describe content (and must survive) and which describe the file or its packets (and
//! change with every writing). Names are compared without case: containers differ in it. What the output's container
//! has no place for is told as that.

use super::inventory::{Chapter, Inventory, Stream};
use super::pairs::Common;
use super::report::{Aspect, Finding, Report, Status};
use crate::container::{Container, language};
use crate::stitch::roles;
use crate::stitch::tags::is_muxers_own;

/// Tags that name the format of the file or the program that wrote it: another file has others.
const OF_THE_FILE: &[&str] = &[
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "encoding_tool",
    "processed_by",
    "vendor_id",
];

/// Beginnings of tags that count packets.
const OF_THE_PACKETS: &[&str] = &["bps", "duration", "number_of_", "_statistics_", "source_id"];

/// Tags that are compared under a name of their own.
const ELSEWHERE: &[&str] = &["language", "timecode", "rotate", "alpha_mode"];

type Tags = [(String, String)];

/// Compares the tags of the files.
pub(super) fn of_files(source: &Tags, output: &Tags, held: Option<Container>, report: &mut Report) {
    let is_of_the_file = |name: &str| OF_THE_FILE.contains(&name.to_lowercase().as_str());
    for (name, value) in source.iter().chain(output).filter(|(name, _)| is_of_the_file(name)) {
        let told = |tags: &Tags| valued(tags, name).map_or("nothing", |value| value).to_owned();
        let (before, after) = (told(source), told(output));
        let is_first = valued(source, name) == Some(value) || valued(source, name).is_none();
        if before != after && is_first {
            let detail = format!("{name}: {before} became {after}");
            report.add(Aspect::Tag, Status::OnPurpose, "file", detail);
        }
    }
    let place = Place { held, is_movie: true, views_kept: false };
    content(("file", place), source, output, report);
}

/// Compares the tags, languages and dispositions of two streams, of which the other is in `held`.
pub(super) fn of_streams(
    one: &Stream,
    other: &Stream,
    held: Option<Container>,
    report: &mut Report,
) {
    languages(one, other, held, report);
    dispositions(one, other, held, report);
    // Matroska's demuxer says in a tag too how two views share the picture.
    let is_kept = |one: &Finding| one.aspect == Aspect::Stereo && one.status == Status::Survived;
    let views_kept = report.findings.iter().any(is_kept);
    let place = Place { held, is_movie: false, views_kept };
    content((one.name().as_str(), place), &one.tags, &other.tags, report);
}

fn languages(one: &Stream, other: &Stream, held: Option<Container>, report: &mut Report) {
    let (status, detail) = match (one.language(), other.language()) {
        (None, None) => return,
        (None, Some(after)) => (Status::Noted, format!("none became {after}")),
        (Some(before), Some(after)) if before == after => (Status::Survived, before.to_owned()),
        (Some(before), Some(after)) if language::is_same(before, after) => {
            (Status::Survived, format!("{before}, written as {after}"))
        }
        (Some(before), Some(after)) => (Status::Lost, format!("{before} became {after}")),
        (Some(before), None) => {
            let has_none = |held: &Container| language::said(*held, one.kind, before).is_none();
            match held.filter(has_none) {
                Some(held) => {
                    (Status::NoPlace, format!("{before} has no place in {}", held.name()))
                }
                None => (Status::Lost, format!("{before} became none")),
            }
        }
    };
    report.add(Aspect::Language, status, one.name(), detail);
}

fn dispositions(one: &Stream, other: &Stream, held: Option<Container>, report: &mut Report) {
    let gone = one.dispositions.iter().filter(|flag| !other.dispositions.contains(flag));
    let says = |flag: &&str| held.is_none_or(|container| roles::says(container, one.kind, flag));
    let (lost, without): (Vec<&str>, Vec<&str>) = gone.copied().partition(says);
    // Muxers call the first stream of a kind the default one where nothing is said.
    let added = other.dispositions.iter().filter(|flag| !one.dispositions.contains(flag));
    let added: Vec<&str> = added.copied().filter(|flag| *flag != "default").collect();
    let mut add = |status, detail| report.add(Aspect::Disposition, status, one.name(), detail);
    if !without.is_empty() {
        let name = held.map_or("the output", Container::name);
        let detail = format!("that it is {} has no place in {name}", without.join(" and "));
        add(Status::NoPlace, detail);
    }
    if !lost.is_empty() {
        add(Status::Lost, format!("no longer {}", lost.join(", ")));
    } else if !added.is_empty() {
        add(Status::Noted, format!("now {}", added.join(", ")));
    } else if without.is_empty() && !one.dispositions.is_empty() {
        add(Status::Survived, one.dispositions.join(", "));
    }
}

/// Where the tags of the output are.
#[derive(Debug, Clone, Copy)]
struct Place {
    held: Option<Container>,
    is_movie: bool,
    /// Whether it was found already that two views share the picture as before.
    views_kept: bool,
}

impl Place {
    fn compares(self, name: &str) -> bool {
        is_of_content(name) && !(self.views_kept && name.eq_ignore_ascii_case("stereo_mode"))
    }

    /// Whether the container says such a tag again; a job notes what it does not.
    fn has(self, name: &str) -> bool {
        let name = name.to_lowercase();
        match self.held {
            None => true,
            Some(Container::Ts { .. }) => {
                self.is_movie && matches!(name.as_str(), "service_name" | "service_provider")
            }
            Some(Container::Mp4 | Container::Mov) => self.is_movie || name != "title",
            Some(Container::Mkv | Container::Webm) => self.is_movie || name != "creation_time",
        }
    }
}

/// Whether two creation times are one, written differently: FLV has a space and no zone, Matroska fractions.
fn is_same_instant(name: &str, one: &str, other: &str) -> bool {
    let digits = |text: &str| -> String {
        let whole = text.split('.').next().unwrap_or(text);
        whole.chars().filter(char::is_ascii_digit).collect()
    };
    let fraction = |text: &str| -> String {
        let rest = text.split_once('.').map_or("", |(_, rest)| rest);
        rest.chars().filter(char::is_ascii_digit).collect::<String>().trim_end_matches('0').into()
    };
    let is_universal = |text: &str| !text.contains('+');
    name.eq_ignore_ascii_case("creation_time")
        && digits(one).len() == 14
        && digits(one) == digits(other)
        && fraction(one) == fraction(other)
        && is_universal(one)
        && is_universal(other)
}

fn content((subject, place): (&str, Place), source: &Tags, output: &Tags, report: &mut Report) {
    let mut kept = 0_usize;
    for (name, value) in source.iter().filter(|(name, _)| place.compares(name)) {
        match valued(output, name) {
            Some(after) if after == value || is_same_instant(name, value, after) => kept += 1,
            Some(after) => {
                let is_own = is_muxers_own(name, value) && is_muxers_own(name, after);
                let status = if is_own { Status::OnPurpose } else { Status::Lost };
                let detail = format!("{name}: \"{value}\" became \"{after}\"");
                report.add(Aspect::Tag, status, subject, detail);
            }
            None if is_muxers_own(name, value) || !place.has(name) => {
                let held = place.held.map_or("the output", Container::name);
                let detail = format!("{name}: \"{value}\" has no place in {held}");
                report.add(Aspect::Tag, Status::NoPlace, subject, detail);
            }
            None => {
                let detail = format!("{name}: \"{value}\" is gone");
                report.add(Aspect::Tag, Status::Lost, subject, detail);
            }
        }
    }
    if kept > 0 {
        report.add(Aspect::Tag, Status::Survived, subject, format!("{kept} of its tags"));
    }
    for (name, value) in output.iter().filter(|(name, _)| place.compares(name)) {
        if valued(source, name).is_none() {
            report.add(Aspect::Tag, Status::Noted, subject, format!("{name}: \"{value}\" is new"));
        }
    }
}

fn valued<'a>(tags: &'a Tags, name: &str) -> Option<&'a String> {
    tags.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn is_of_content(name: &str) -> bool {
    let name = name.to_lowercase();
    let is = |list: &[&str]| list.contains(&name.as_str());
    !is(OF_THE_FILE)
        && !is(ELSEWHERE)
        && !OF_THE_PACKETS.iter().any(|start| name.starts_with(start))
}

/// Compares the chapters: where each begins, and its title.
pub(super) fn chapters(
    source: &Inventory,
    output: &Inventory,
    (common, shift): (Common, i128),
    report: &mut Report,
) {
    let (mine, others) = (&source.chapters, &output.chapters);
    if mine.is_empty() {
        if !others.is_empty() {
            let detail = format!("{} in the output alone", others.len());
            report.add(Aspect::Chapters, Status::Noted, "file", detail);
        }
        return;
    }
    let is_kept = |one: &Chapter| others.iter().any(|other| same(one, other, common, shift));
    let lost: Vec<usize> = (0..mine.len()).filter(|place| !is_kept(&mine[*place])).collect();
    match lost.first() {
        None if mine.len() == others.len() => {
            let detail = format!("all {}", mine.len());
            report.add(Aspect::Chapters, Status::Survived, "file", detail);
        }
        None => {
            let detail = format!("{} became {}", mine.len(), others.len());
            report.add(Aspect::Chapters, Status::Noted, "file", detail);
        }
        Some(first) => {
            let title = &mine[*first].title;
            let detail = format!(
                "{} of {} are gone or begin elsewhere, the first is number {} \"{title}\"",
                lost.len(),
                mine.len(),
                first + 1
            );
            report.add(Aspect::Chapters, Status::Lost, "file", detail);
        }
    }
}

fn same(one: &Chapter, other: &Chapter, common: Common, shift: i128) -> bool {
    let (Some(clock), Some(others)) = (one.clock, other.clock) else { return one == other };
    // Muxers write chapters on clocks of their own.
    let allowed = common.at(1, clock).max(common.at(1, others));
    let (due, begins) = (common.at(one.start, clock), common.at(other.start, others));
    one.title == other.title && (due + shift - begins).abs() <= allowed
}

#[cfg(test)]
mod tests {
    use cleanplate_types::digest::Sha;
    use cleanplate_types::source::StreamKind;
    use cleanplate_types::time::Timebase;

    use super::*;

    const TS: Option<Container> = Some(Container::Ts { timed: false });

    fn stream(tags: &[(&str, &str)], dispositions: &[&'static str]) -> Stream {
        let tag = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Stream {
            index: 1,
            kind: StreamKind::Audio,
            codec: "aac".to_owned(),
            is_still: false,
            is_the_video: false,
            clock: Timebase::new(1, 48_000).unwrap(),
            tags: tags.iter().map(tag).collect(),
            dispositions: dispositions.to_vec(),
            attached: None,
            prints: Vec::new(),
            packets: 0,
            content: Sha([0; 32]),
            run: None,
        }
    }

    fn found(one: &Stream, other: &Stream, held: Option<Container>) -> Vec<(Aspect, Status)> {
        let mut report = Report::default();
        of_streams(one, other, held, &mut report);
        report.findings.iter().map(|one| (one.aspect, one.status)).collect()
    }

    #[test]
    fn what_a_transport_stream_has_no_place_for_is_not_lost() {
        let tags = [("handler_name", "SoundHandler"), ("title", "Son"), ("language", "deu")];
        let one = stream(&tags, &["default", "dub"]);
        let kept = found(&one, &stream(&[("language", "deu")], &[]), TS);
        assert!(kept.iter().all(|(_, status)| *status != Status::Lost), "{kept:?}");
        assert!(kept.contains(&(Aspect::Disposition, Status::NoPlace)));
        let impaired = stream(&[], &["hearing_impaired"]);
        let lost = found(&impaired, &stream(&[], &[]), TS);
        assert_eq!(lost, [(Aspect::Disposition, Status::Lost)]);
        let lost = found(&one, &stream(&[], &[]), TS);
        assert!(lost.contains(&(Aspect::Language, Status::Lost)));
    }

    #[test]
    fn a_name_that_a_person_gave_is_lost_and_that_of_a_muxer_is_not() {
        let gone = |name, value| {
            found(&stream(&[(name, value)], &[]), &stream(&[], &[]), Some(Container::Mov))
        };
        assert_eq!(gone("handler_name", "Kommentar"), [(Aspect::Tag, Status::Lost)]);
        assert_eq!(gone("handler_name", "SoundHandler"), [(Aspect::Tag, Status::NoPlace)]);
        assert_eq!(gone("file_package_umid", "0x06"), [(Aspect::Tag, Status::NoPlace)]);
    }

    #[test]
    fn both_codes_of_a_language_are_one_language() {
        let of = |language| stream(&[("language", language)], &[]);
        let became = |one, other| found(&of(one), &of(other), Some(Container::Mov))[0];
        assert_eq!(became("deu", "ger"), (Aspect::Language, Status::Survived));
        assert_eq!(became("deu", "dut"), (Aspect::Language, Status::Lost));
        assert_eq!(became("hrv", "und"), (Aspect::Language, Status::NoPlace));
        assert_eq!(became("deu", "und"), (Aspect::Language, Status::Lost));
    }

    #[test]
    fn an_instant_is_the_same_however_it_is_written() {
        let same = |one, other| is_same_instant("creation_time", one, other);
        assert!(same("2016-05-31 17:01:35", "2016-05-31T17:01:35.000000Z"));
        assert!(!same("2016-05-31 17:01:35", "2016-05-31T17:01:36.000000Z"));
        assert!(!same("2016-05-31 17:01:35", "2016-05-31T17:01:35.500000Z"));
        assert!(!same("2016", "2016"), "a year alone is compared as it is");
        assert!(!is_same_instant("date", "2016-05-31 17:01:35", "2016-05-31T17:01:35Z"));
    }

    #[test]
    fn the_tag_of_two_views_is_no_loss_where_the_views_are_there() {
        let (one, other) = (stream(&[("stereo_mode", "left_right")], &[]), stream(&[], &[]));
        let judge = |status| {
            let mut report = Report::default();
            report.add(Aspect::Stereo, status, "video", "side by side");
            of_streams(&one, &other, Some(Container::Mp4), &mut report);
            report.findings.len()
        };
        assert_eq!(judge(Status::Survived), 1);
        assert_eq!(judge(Status::Lost), 2);
    }
}
