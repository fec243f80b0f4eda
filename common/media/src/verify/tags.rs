//! What is said of a file and its streams: tags, languages, dispositions, chapters.
//!
//! Owns which tags describe content (and must survive) and which describe the file or its packets (and
//! change with every writing). Names are compared without case: containers differ in it.

use super::inventory::{Chapter, Inventory, Stream};
use super::pairs::Common;
use super::report::{Aspect, Report, Status};

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
pub(super) fn of_files(source: &Tags, output: &Tags, report: &mut Report) {
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
    content("file", source, output, report);
}

/// Compares the tags, languages and dispositions of two streams.
pub(super) fn of_streams(one: &Stream, other: &Stream, report: &mut Report) {
    let name = one.name();
    let shown = |language: Option<&str>| language.unwrap_or("none").to_owned();
    match (one.language(), other.language()) {
        (before, after) if before == after => {
            if let Some(language) = before {
                report.add(Aspect::Language, Status::Survived, name.clone(), language);
            }
        }
        (None, Some(after)) => {
            report.add(
                Aspect::Language,
                Status::Noted,
                name.clone(),
                format!("none became {after}"),
            );
        }
        (before, after) => {
            let detail = format!("{} became {}", shown(before), shown(after));
            report.add(Aspect::Language, Status::Lost, name.clone(), detail);
        }
    }
    let lost = one.dispositions.iter().filter(|flag| !other.dispositions.contains(flag));
    let lost: Vec<&str> = lost.copied().collect();
    // Muxers call the first stream of a kind the default one where nothing is said.
    let added = other.dispositions.iter().filter(|flag| !one.dispositions.contains(flag));
    let added: Vec<&str> = added.copied().filter(|flag| *flag != "default").collect();
    if !lost.is_empty() {
        let detail = format!("no longer {}", lost.join(", "));
        report.add(Aspect::Disposition, Status::Lost, name.clone(), detail);
    } else if !added.is_empty() {
        let detail = format!("now {}", added.join(", "));
        report.add(Aspect::Disposition, Status::Noted, name.clone(), detail);
    } else if !one.dispositions.is_empty() {
        let detail = one.dispositions.join(", ");
        report.add(Aspect::Disposition, Status::Survived, name.clone(), detail);
    }
    content(&name, &one.tags, &other.tags, report);
}

fn content(subject: &str, source: &Tags, output: &Tags, report: &mut Report) {
    let mut kept = 0_usize;
    for (name, value) in source.iter().filter(|(name, _)| is_of_content(name)) {
        match valued(output, name) {
            Some(after) if after == value => kept += 1,
            Some(after) => {
                let detail = format!("{name}: \"{value}\" became \"{after}\"");
                report.add(Aspect::Tag, Status::Lost, subject, detail);
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
    for (name, value) in output.iter().filter(|(name, _)| is_of_content(name)) {
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
