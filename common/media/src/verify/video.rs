//! What belongs to the video beside its pictures: frames and times, shape, colour, fields, HDR.
//!
//! Owns what counts as equal where one file says nothing: what the source does not say cannot be lost.

use cleanplate_types::encode::VideoCodec;
use cleanplate_types::source::{Colour, FieldOrder, VideoDescription};

use super::inventory::Inventory;
use super::report::{Aspect, Frames, Report, Status};
use crate::container::{Container, says_chroma_location};

const SUBJECT: &str = "video";
const CHROMA_LOCATION: &str = "chroma location";

/// Compares the videos; the frames have been counted.
pub(super) fn compare(source: &Inventory, output: &Inventory, report: &mut Report) {
    frames(&report.frames.clone(), report);
    let (one, other) = (&source.description.video, &output.description.video);
    let mut look = Look { report };
    let size = |video: &VideoDescription| format!("{}x{}", video.width, video.height);
    look.equal(Aspect::Size, &size(one), &size(other));
    let pixels = |video: &VideoDescription| {
        let layout = &video.layout;
        let chroma = match (layout.planes, layout.chroma_shift_x, layout.chroma_shift_y) {
            (1, _, _) => "grey",
            (_, 0, 0) => "4:4:4",
            (_, 1, 0) => "4:2:2",
            (_, 1, 1) => "4:2:0",
            (_, 0, 1) => "4:4:0",
            (_, 2, 0) => "4:1:1",
            (_, _, _) => "4:1:0",
        };
        format!("{} bit {chroma}", layout.depth)
    };
    look.equal(Aspect::Pixels, &pixels(one), &pixels(other));
    let aspect = |video: &VideoDescription| reduced(video.sample_aspect);
    look.equal(Aspect::SampleAspect, &aspect(one), &aspect(other));
    let turned = |video: &VideoDescription| format!("{} degrees", video.rotation);
    look.known(Aspect::Rotation, (one.rotation != 0).then(|| turned(one)), &turned(other));
    look.colour(one, other, output.held());
    look.known(
        Aspect::Hdr,
        hdr(one),
        &hdr(other).unwrap_or_else(|| "no static metadata".to_owned()),
    );
    let dynamic = (!one.dynamic_hdr.is_empty()).then(|| one.dynamic_hdr.join(", "));
    let others = if other.dynamic_hdr.is_empty() { "none" } else { &other.dynamic_hdr.join(", ") };
    look.known(Aspect::DynamicHdr, dynamic, others);
    look.field_order(
        (one.field_order, source.fields_told),
        (other.field_order, output.fields_told),
    );
    look.known(
        Aspect::Timecode,
        source.timecode.clone(),
        output.timecode.as_deref().unwrap_or("none"),
    );
    alpha(source.alpha, output.alpha, report);
    if one.codec != other.codec {
        let detail = format!("{} became {}", one.codec, other.codec);
        report.add(Aspect::Codec, Status::OnPurpose, SUBJECT, detail);
    }
}

fn frames(frames: &Frames, report: &mut Report) {
    let listed = |what: &str, count: u64, first: Option<(u64, &str)>| {
        let first = first.map_or_else(String::new, |(index, time)| {
            let first = if count == 1 { "" } else { "the first is " };
            format!(": {first}frame {index} at {time} s")
        });
        format!("{count} of them {what}{first}")
    };
    let (missing, extra, moved) = (&frames.missing, &frames.extra, &frames.moved);
    let counts = format!("{} in the source, {} in the output", frames.source, frames.output);
    let mut lost = Vec::new();
    for (what, list) in [("missing", missing), ("extra", extra)] {
        let first = list.first.first().map(|frame| (frame.index, frame.time.exact.as_str()));
        if list.count > 0 {
            lost.push(listed(what, list.count, first));
        }
    }
    if lost.is_empty() {
        report.add(Aspect::Frames, Status::Survived, SUBJECT, format!("all {}", frames.source));
    } else {
        let detail = format!("{counts}; {}", lost.join("; "));
        report.add(Aspect::Frames, Status::Lost, SUBJECT, detail);
    }
    let mut wrong = Vec::new();
    if let Some(shift) = &frames.shift {
        wrong.push(format!("all frames are later by {} s ({:.6})", shift.exact, shift.seconds));
    }
    if let Some(first) = moved.first.first() {
        let by = first.later.as_ref().map_or("0", |later| &later.exact);
        let first = Some((first.index, first.time.exact.as_str()));
        wrong.push(format!("{}, later by {by} s", listed("moved", moved.count, first)));
    }
    if wrong.is_empty() {
        let detail = format!("{} exact to the tick", frames.matched);
        report.add(Aspect::FrameTimes, Status::Survived, SUBJECT, detail);
    } else {
        report.add(Aspect::FrameTimes, Status::Lost, SUBJECT, wrong.join("; "));
    }
}

struct Look<'a> {
    report: &'a mut Report,
}

impl Look<'_> {
    fn equal(&mut self, aspect: Aspect, before: &str, after: &str) {
        self.known(aspect, Some(before.to_owned()), after);
    }

    /// `before`, where the source says anything.
    fn known(&mut self, aspect: Aspect, before: Option<String>, after: &str) {
        let Some(before) = before else { return };
        if before == after {
            self.report.add(aspect, Status::Survived, SUBJECT, before);
        } else {
            let detail = format!("{before} became {after}");
            self.report.add(aspect, Status::Lost, SUBJECT, detail);
        }
    }

    fn colour(
        &mut self,
        one: &VideoDescription,
        other: &VideoDescription,
        held: Option<Container>,
    ) {
        let fields = |video: &VideoDescription| {
            let Colour { primaries, transfer, matrix, range, chroma_location } = video.colour;
            // Video range is what players take where nothing is said, and the pixel format may say more.
            let range = if video.layout.full_range { 2 } else { range.max(1) };
            // Where every sample has its own chroma, it lies where the sample does.
            let layout = &video.layout;
            let is_shared = layout.chroma_shift_x > 0 || layout.chroma_shift_y > 0;
            let chroma_location = if is_shared { chroma_location } else { 0 };
            [
                ("primaries", primaries, 2),
                ("transfer", transfer, 2),
                ("matrix", matrix, 2),
                ("range", range, 0),
                (CHROMA_LOCATION, chroma_location, 0),
            ]
        };
        let (mut kept, mut lost, mut without) = (Vec::new(), Vec::new(), Vec::new());
        for ((name, before, unknown), (_, after, _)) in fields(one).into_iter().zip(fields(other)) {
            if before == unknown {
                continue;
            }
            if before == after {
                kept.push(format!("{name} {before}"));
            } else if name == CHROMA_LOCATION && !says_location(held, one, &other.codec) {
                without.push(format!("{name} {before} became {after}: it has no place there"));
            } else {
                lost.push(format!("{name} {before} became {after}"));
            }
        }
        if !without.is_empty() {
            self.report.add(Aspect::Colour, Status::NoPlace, SUBJECT, without.join(", "));
        }
        let (status, told) =
            if lost.is_empty() { (Status::Survived, kept) } else { (Status::Lost, lost) };
        if without.is_empty() || !told.is_empty() {
            self.report.add(Aspect::Colour, status, SUBJECT, told.join(", "));
        }
    }

    /// Compares which field is shown first and, where both containers tell, how the two are stored.
    fn field_order(
        &mut self,
        (before, before_told): (FieldOrder, i32),
        (after, after_told): (FieldOrder, i32),
    ) {
        // A file that says nothing shows whole frames.
        if before == FieldOrder::Unknown {
            return;
        }
        let is_whole = |order| matches!(order, FieldOrder::Unknown | FieldOrder::Progressive);
        let after = if is_whole(before) && is_whole(after) { before } else { after };
        let (one, other) = (order_name(before), order_name(after));
        let stored = stored(before_told).zip(stored(after_told));
        match stored.filter(|(one, other)| one != other) {
            Some((before_stored, after_stored)) if one == other => {
                let before = format!("{one} ({before_stored})");
                self.known(Aspect::FieldOrder, Some(before), &format!("{other} ({after_stored})"));
            }
            _ => self.known(Aspect::FieldOrder, Some(one.to_owned()), other),
        }
    }
}

/// Whether `codec` in the output's container says where the chroma samples of `video` lie, as a job has it.
fn says_location(held: Option<Container>, video: &VideoDescription, codec: &str) -> bool {
    use VideoCodec::{Av1, H264, Hevc, Vp9};
    let codec = [H264, Hevc, Vp9, Av1].into_iter().find(|one| one.as_str() == codec);
    let known = held.zip(codec);
    known.is_none_or(|(container, codec)| says_chroma_location(container, video, codec))
}

const fn order_name(order: FieldOrder) -> &'static str {
    match order {
        FieldOrder::Unknown => "unknown",
        FieldOrder::Progressive => "progressive",
        FieldOrder::TopFirst => "top field first",
        FieldOrder::BottomFirst => "bottom field first",
    }
}

/// How a container says that fields are stored, in libav's numbering (tt, bb, tb, bt), of which `tb` and `bt` mean
/// what all who write them mean (see `probe`). One that says no more than which is first may be wrong in that:
/// the pictures themselves say it.
const fn stored(told: i32) -> Option<&'static str> {
    match told {
        2 | 3 => Some("fields one by one"),
        4 => Some("`tb`: two in one frame, the top one shown first"),
        5 => Some("`bt`: two in one frame, the bottom one shown first"),
        _ => None,
    }
}

/// Alpha beside the pictures, by the packets that carry it.
fn alpha(before: u64, after: u64, report: &mut Report) {
    let told = |count: u64| format!("on {count} packets");
    let (status, detail) = match (before, after) {
        (0, 0) => return,
        (0, after) => (Status::Noted, format!("{}, none in the source", told(after))),
        (before, after) if before == after => (Status::Survived, told(before)),
        (before, after) => {
            (Status::Lost, format!("{} of the source, {} of the output", told(before), told(after)))
        }
    };
    report.add(Aspect::Alpha, status, SUBJECT, detail);
}

/// A fraction for people; square samples where nothing is said.
fn reduced((num, den): (u32, u32)) -> String {
    const fn gcd(one: u32, other: u32) -> u32 {
        if other == 0 { one } else { gcd(other, one % other) }
    }
    match gcd(num, den) {
        _ if num == 0 || den == 0 => "1:1".to_owned(),
        by => format!("{}:{}", num / by, den / by),
    }
}

/// Mastering display and light level, where there are any.
fn hdr(video: &VideoDescription) -> Option<String> {
    let value = |(num, den): &(i32, i32)| f64::from(*num) / f64::from((*den).max(1));
    let mut told = Vec::new();
    if let Some(numbers) = &video.mastering {
        let numbers: Vec<String> = numbers.iter().map(|one| format!("{:.4}", value(one))).collect();
        told.push(format!("mastering display {}", numbers.join(" ")));
    }
    if let Some((most, average)) = video.light_level {
        told.push(format!("light level {most}/{average}"));
    }
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::PixelLayout;
    use cleanplate_types::time::Timebase;

    use super::*;

    fn video(codec: &str, chroma_location: u8) -> VideoDescription {
        VideoDescription {
            stream: 0,
            codec: codec.to_owned(),
            profile: 0,
            width: 160,
            height: 96,
            layout: PixelLayout {
                name: "yuv420p".to_owned(),
                depth: 8,
                planes: 3,
                chroma_shift_x: 1,
                chroma_shift_y: 1,
                full_range: false,
            },
            timebase: Timebase::new(1, 25).unwrap(),
            sample_aspect: (0, 1),
            frame_rate: (25, 1),
            colour: Colour { primaries: 2, transfer: 2, matrix: 2, range: 0, chroma_location },
            field_order: FieldOrder::Progressive,
            rotation: 0,
            mastering: None,
            light_level: None,
            dynamic_hdr: Vec::new(),
            messages: Vec::new(),
            stereo: None,
            alpha: false,
            sets: None,
        }
    }

    #[test]
    fn a_chroma_location_without_a_place_is_not_lost() {
        let judge = |location, codec| {
            let mut report = Report::default();
            let (one, other) = (video("h264", location), video(codec, 0));
            Look { report: &mut report }.colour(&one, &other, Some(Container::Mkv));
            report.findings[0].status
        };
        assert_eq!(judge(5, "vp9"), Status::NoPlace, "bottomleft");
        assert_eq!(judge(3, "vp9"), Status::Lost, "topleft");
        assert_eq!(judge(5, "h264"), Status::Lost);
    }
}
