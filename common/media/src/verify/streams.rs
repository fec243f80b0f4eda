//! Streams beside the video: which became which, and what of each survived.
//!
//! Owns the pairing (by content first, so that an order that changed is no loss) and the comparison packet
//! by packet; PCM, which muxers group as they like, as one run of samples. Times may differ by one tick of the
//! coarser clock: every container rounds so.

use std::collections::BTreeSet;

use super::inventory::{Inventory, Print, Run, Stream, kind_name};
use super::pairs::Tables;
use super::report::{Aspect, Report, Status, StreamPair};
use super::tags;
use crate::container::{Container, language};

/// Compares all streams.
pub(super) fn compare(
    source: &Inventory,
    output: &Inventory,
    tables: &Tables<'_>,
    report: &mut Report,
) {
    let pairs = pair(&source.streams, &output.streams);
    let held = output.held();
    let mut taken = BTreeSet::new();
    for (one, other) in source.streams.iter().zip(&pairs) {
        let other = other.map(|place| &output.streams[place]);
        taken.extend(other.map(|other| other.index));
        match other {
            Some(other) => both((one, other), held, tables, report),
            None => {
                let kept = "the output has none like it";
                report.add(Aspect::Stream, Status::Lost, one.name(), kept);
                report.streams.push(alone(one, true));
            }
        }
    }
    for extra in output.streams.iter().filter(|stream| !taken.contains(&stream.index)) {
        report.add(Aspect::Stream, Status::Noted, extra.name(), "is in the output alone");
        report.streams.push(alone(extra, false));
    }
}

/// Whether a stream of the output may be what one of the source became.
type Rule<'a> = dyn Fn(&Stream, &Stream) -> bool + 'a;

/// For each stream of the source the place of what it became.
fn pair(source: &[Stream], output: &[Stream]) -> Vec<Option<usize>> {
    let alike = |one: &Stream, other: &Stream| {
        let (video, attached) = (one.is_the_video, one.attached.is_some());
        one.kind == other.kind
            && one.is_still == other.is_still
            && video == other.is_the_video
            && attached == other.attached.is_some()
    };
    let same_content = |one: &Stream, other: &Stream| {
        let is_same = one.packets == other.packets && one.content == other.content;
        (is_same || regrouped(one, other).is_some()) && one.attached == other.attached
    };
    let same_codec = |one: &Stream, other: &Stream| one.codec == other.codec;
    let same_language = |one: &Stream, other: &Stream| match (one.language(), other.language()) {
        (Some(before), Some(after)) => language::is_same(before, after),
        (before, after) => before == after,
    };
    let rules: [&Rule<'_>; 5] = [
        &|one, other| same_content(one, other) && same_language(one, other),
        &|one, other| same_content(one, other) && one.packets > 0,
        &|one, other| same_codec(one, other) && same_language(one, other),
        &same_codec,
        &|_, _| true,
    ];
    let mut found: Vec<Option<usize>> = vec![None; source.len()];
    for rule in rules {
        for (place, one) in source.iter().enumerate() {
            if found[place].is_some() {
                continue;
            }
            let mut free = (0..output.len()).filter(|other| !found.contains(&Some(*other)));
            found[place] = free.find(|other| {
                let other = &output[*other];
                alike(one, other) && rule(one, other)
            });
        }
    }
    found
}

/// The samples of both, where muxers may have cut the same ones into other packets.
fn regrouped(one: &Stream, other: &Stream) -> Option<(Run, Run)> {
    let runs = one.run.zip(other.run).filter(|_| one.codec == other.codec);
    runs.filter(|(mine, others)| {
        mine.bytes > 0 && (mine.bytes, mine.content) == (others.bytes, others.content)
    })
}

fn both(
    (one, other): (&Stream, &Stream),
    held: Option<Container>,
    tables: &Tables<'_>,
    report: &mut Report,
) {
    let same_packets = one.packets == other.packets && one.content == other.content;
    let runs = regrouped(one, other).filter(|_| !same_packets);
    let identical = same_packets || runs.is_some();
    let mut pair = StreamPair {
        source: u32::try_from(one.index).ok(),
        output: u32::try_from(other.index).ok(),
        kind: kind_name(one.kind).to_owned(),
        codecs: (one.codec.clone(), other.codec.clone()),
        packets: (one.packets, other.packets),
        identical,
        start_offset_nanos: None,
        end_offset_nanos: None,
    };
    if one.attached.is_some() {
        attachment(one, other, report);
    } else if !one.is_the_video {
        if let Some((run, _)) = runs {
            let detail = format!("the same {} bytes of samples, in other packets", run.bytes);
            report.add(Aspect::Packets, Status::Survived, one.name(), detail);
        } else {
            packets(one, other, identical, report);
            times(one, other, tables, report);
            lengths(one, other, tables, report);
        }
        offsets(one, other, tables, &mut pair, report);
    }
    tags::of_streams(one, other, held, report);
    report.streams.push(pair);
}

fn attachment(one: &Stream, other: &Stream, report: &mut Report) {
    let (status, detail) = if one.attached == other.attached {
        (Status::Survived, "the same bytes")
    } else {
        (Status::Lost, "its bytes are others")
    };
    report.add(Aspect::Attachment, status, one.name(), detail);
}

fn packets(one: &Stream, other: &Stream, identical: bool, report: &mut Report) {
    let name = one.name();
    if identical {
        let detail = format!("all {} packets are the same", one.packets);
        return report.add(Aspect::Packets, Status::Survived, name, detail);
    }
    let contents =
        |stream: &Stream| stream.prints.iter().map(|one| one.content).collect::<Vec<_>>();
    let (mine, others) = (contents(one), contents(other));
    let first = mine.iter().zip(&others).take_while(|(mine, other)| mine == other).count();
    let sorted = |mut list: Vec<u64>| {
        list.sort_unstable();
        list
    };
    let detail = if one.codec != other.codec {
        format!("{} became {}", one.codec, other.codec)
    } else if mine.len() == others.len() && sorted(mine.clone()) == sorted(others.clone()) {
        format!("the same {} packets in another order, from packet {first} on", mine.len())
    } else {
        let held: BTreeSet<u64> = others.iter().copied().collect();
        let lost = mine.iter().filter(|content| !held.contains(content)).count();
        format!(
            "{lost} of {} packets are not in the output, which has {}; packet {first}{} is the first that \
             differs",
            mine.len(),
            others.len(),
            one.prints.get(first).map_or_else(String::new, |print| at_seconds(*print, one)),
        )
    };
    report.add(Aspect::Packets, Status::Lost, name, detail);
}

fn at_seconds(print: Print, stream: &Stream) -> String {
    let seconds = print.at as f64 * f64::from(stream.clock.num()) / f64::from(stream.clock.den());
    format!(" (at {seconds:.3} s)")
}

/// How far two times of these streams may be apart.
fn tick(one: &Stream, other: &Stream, tables: &Tables<'_>) -> i128 {
    tables.common.at(1, one.clock).max(tables.common.at(1, other.clock))
}

fn times(one: &Stream, other: &Stream, tables: &Tables<'_>, report: &mut Report) {
    let allowed = tick(one, other, tables);
    let later = |(one_print, other_print): (&Print, &Print)| {
        let due = tables.common.at(one_print.at, one.clock) + tables.shift;
        tables.common.at(other_print.at, other.clock) - due
    };
    let moved = || {
        let pairs = one.prints.iter().zip(&other.prints).enumerate();
        pairs.map(|(place, pair)| (place, later(pair))).filter(|(_, by)| by.abs() > allowed)
    };
    let name = one.name();
    let (Some((first, by)), count) = (moved().next(), moved().count()) else {
        return report.add(Aspect::PacketTimes, Status::Survived, name, "within one tick");
    };
    let by = tables.common.time(by);
    let detail = format!(
        "{count} of {} packets are due at another time; the first is packet {first}, later by {} s ({:.6})",
        one.prints.len(),
        by.exact,
        by.seconds
    );
    report.add(Aspect::PacketTimes, Status::Lost, name, detail);
}

/// How long the packets of texts and pictures over the video last, where both files tell.
fn lengths(one: &Stream, other: &Stream, tables: &Tables<'_>, report: &mut Report) {
    let allowed = tick(one, other, tables);
    let longer = |(mine, others): (&Print, &Print)| {
        let lasts = tables.common.at(others.lasts, other.clock);
        (mine.lasts > 0).then(|| lasts - tables.common.at(mine.lasts, one.clock))
    };
    let wrong = || {
        let pairs = one.prints.iter().zip(&other.prints).enumerate();
        let known = pairs.filter_map(|(place, pair)| Some((place, longer(pair)?)));
        known.filter(|(_, by)| by.abs() > allowed)
    };
    let (Some((first, by)), count) = (wrong().next(), wrong().count()) else { return };
    // A transport stream has no place for it.
    let tells = other.prints.iter().any(|print| print.lasts > 0);
    let (status, detail) = if tells {
        let by = tables.common.time(by);
        let detail = format!(
            "{count} of {} packets last otherwise; the first is packet {first}, longer by {} s ({:.6})",
            one.prints.len(),
            by.exact,
            by.seconds
        );
        (Status::Lost, detail)
    } else {
        (Status::Noted, "the output does not tell how long they last".to_owned())
    };
    report.add(Aspect::PacketTimes, status, one.name(), detail);
}

fn offsets(
    one: &Stream,
    other: &Stream,
    tables: &Tables<'_>,
    pair: &mut StreamPair,
    report: &mut Report,
) {
    // Packets that were cut anew are compared by where the last of them ends.
    let is_cut_anew = one.content != other.content && regrouped(one, other).is_some();
    let ends = |stream: &Stream, frames: Option<(i128, i128)>| {
        let (first, last) = (stream.prints.first()?, stream.prints.last()?);
        let (begins, ends) = frames?;
        let at = |ticks: i64| tables.common.at(ticks, stream.clock);
        let cut_anew = stream.run.filter(|_| is_cut_anew);
        let last = cut_anew.map_or(last.at, |run| run.ends);
        Some((at(first.at) - begins, at(last) - ends))
    };
    let (Some(mine), Some(others)) =
        (ends(one, tables.source_ends()), ends(other, tables.output_ends()))
    else {
        return;
    };
    let nanos = |at: i128| tables.common.nanos(at);
    pair.start_offset_nanos = Some((nanos(mine.0), nanos(others.0)));
    pair.end_offset_nanos = Some((nanos(mine.1), nanos(others.1)));
    // Where a packet ends is rounded twice: its time, and how long it lasts.
    let allowed = tick(one, other, tables) * if is_cut_anew { 2 } else { 1 };
    let millis = |at: i128| tables.common.nanos(at) as f64 / 1e6;
    let mut wrong = Vec::new();
    for (place, mine, other) in [("start", mine.0, others.0), ("end", mine.1, others.1)] {
        if (mine - other).abs() > allowed {
            let (mine, other) = (millis(mine), millis(other));
            wrong.push(format!(
                "at the {place} {other:.3} ms from the video instead of {mine:.3} ms"
            ));
        }
    }
    if wrong.is_empty() {
        let detail = "as far from the video as in the source, at start and end";
        report.add(Aspect::Sync, Status::Survived, one.name(), detail);
    } else {
        report.add(Aspect::Sync, Status::Lost, one.name(), wrong.join("; "));
    }
}

fn alone(stream: &Stream, is_of_source: bool) -> StreamPair {
    let index = u32::try_from(stream.index).ok();
    let (none, packets) = (String::new(), stream.packets);
    let codec = stream.codec.clone();
    StreamPair {
        source: index.filter(|_| is_of_source),
        output: index.filter(|_| !is_of_source),
        kind: kind_name(stream.kind).to_owned(),
        codecs: if is_of_source { (codec, none) } else { (none, codec) },
        packets: if is_of_source { (packets, 0) } else { (0, packets) },
        identical: false,
        start_offset_nanos: None,
        end_offset_nanos: None,
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::digest::Sha;
    use cleanplate_types::frames::{FrameTable, TableOrigin};
    use cleanplate_types::source::StreamKind;
    use cleanplate_types::time::{Pts, Timebase};

    use super::super::pairs::Common;
    use super::*;

    /// Sound that is cut every `step` ticks of 1/1000 s and ends at `ends`.
    fn sound(step: i64, ends: i64, content: u8) -> Stream {
        let starts = (0..ends).step_by(usize::try_from(step).unwrap());
        let prints: Vec<Print> =
            starts.map(|at| Print { at, lasts: 0, content: u64::from(content) }).collect();
        let cut = Sha([content.wrapping_add(u8::try_from(step).unwrap()); 32]);
        Stream {
            index: 1,
            kind: StreamKind::Audio,
            codec: "pcm_s16le".to_owned(),
            is_still: false,
            is_the_video: false,
            clock: Timebase::new(1, 1000).unwrap(),
            tags: Vec::new(),
            dispositions: Vec::new(),
            attached: None,
            packets: prints.len() as u64,
            prints,
            content: cut,
            run: Some(Run { bytes: 200, content: Sha([content; 32]), ends }),
        }
    }

    fn lost(one: &Stream, other: &Stream) -> Vec<Aspect> {
        let clock = Timebase::new(1, 1000).unwrap();
        let table = FrameTable {
            timebase: clock,
            pts: [0, 40, 80].map(Pts).to_vec(),
            last_duration: 40,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        };
        let tables = Tables::new(Common::of([clock, clock]), &table, &table);
        let mut report = Report::default();
        both((one, other), None, &tables, &mut report);
        let lost = report.findings.iter().filter(|one| one.status == Status::Lost);
        lost.map(|one| one.aspect).collect()
    }

    #[test]
    fn samples_that_are_cut_into_other_packets_are_the_same_sound() {
        let one = sound(40, 100, 1);
        assert!(lost(&one, &sound(25, 100, 1)).is_empty());
        assert_eq!(lost(&one, &sound(25, 90, 1)), [Aspect::Sync], "it ends early");
        assert!(lost(&one, &sound(25, 100, 2)).contains(&Aspect::Packets), "another sound");
        assert!(lost(&one, &sound(40, 100, 1)).is_empty());
        assert_eq!(pair(&[one], &[sound(25, 100, 2), sound(25, 100, 1)]), [Some(1)]);
    }
}
