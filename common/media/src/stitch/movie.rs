//! The movie while it is written: its streams, its clock, and the copying of what is not video.
//!
//! Owns which stream of the source goes where. Refuses timestamps that the container would round for the
//! video; those of other streams go to the nearest tick, as every muxer does it.

use std::sync::Arc;

use cleanplate_types::access::{PartSink, ReadAt};
use cleanplate_types::source::StreamKind;
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;
use libav::format::context::StreamIo;

use super::boxes::{self, Kind};
use super::ffi::{Muxer, On, Stamps};
use super::index::{self, Frames};
use super::lane::{self, Lane, movie_clock};
use super::sink::{Placed, Shared};
use super::stream;
use super::tags;
use crate::container::{self, Container, Fate, fate, refuse_or_note};
use crate::error::{MediaError, Words};
use crate::fault;
use crate::input::Input;
use crate::verify::Checked;
use crate::verify::witness::{Mismatch, Track, Witness};

/// Bytes that are collected before the sink is called: one such buffer per stitch.
const BUFFER_BYTES: usize = 1 << 20;

/// A clock as libav has it: numerator and denominator of a tick in seconds.
pub(super) type Clock = (i32, i32);

/// What happens to the source's video stream.
pub(super) enum VideoStream<'a> {
    /// It is replaced.
    Replaced(stream::Video<'a>),
    /// It is copied like every other.
    Copied,
}

impl VideoStream<'_> {
    /// When the first frame of a video that is replaced is shown, in ticks of its own clock.
    pub(super) const fn first_shown(&self) -> Option<i64> {
        match self {
            Self::Replaced(video) => video.first_shown,
            Self::Copied => None,
        }
    }
}

/// What a movie is made of.
pub(super) struct Plan<'a> {
    pub(super) container: Container,
    pub(super) input: &'a mut Input,
    pub(super) source: &'a Arc<dyn ReadAt>,
    /// Index of the source's video stream.
    pub(super) video: usize,
    pub(super) stream: VideoStream<'a>,
    /// What is known of a video that is replaced.
    pub(super) frames: Option<Frames>,
    pub(super) allow_metadata_loss: bool,
    /// The record of what was done.
    pub(super) record: String,
}

/// A movie whose header is written.
pub(super) struct Movie {
    container: Container,
    muxer: Muxer,
    sink: Shared,
    /// By stream of the source; nothing where a stream is not copied as packets.
    lanes: Vec<Option<Lane>>,
    /// Place and clock of the video.
    video: (usize, Clock),
    /// By stream of the movie.
    written: Vec<Written>,
    /// Reads back what is written.
    witness: Witness,
    /// Boxes that are added behind the movie.
    carried: Vec<Vec<u8>>,
    notes: Vec<String>,
}

/// What was given to the muxer of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// A movie that is complete.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) bytes: u64,
    pub(super) notes: Vec<String>,
    /// The size of the index of a container of boxes.
    pub(super) index_bytes: Option<usize>,
    /// By stream of the movie.
    pub(super) written: Vec<Written>,
    /// What was read back.
    pub(super) checked: Checked,
}

impl Movie {
    /// Opens the output and writes its header.
    pub(super) fn begin(plan: Plan<'_>, sink: Box<dyn PartSink>) -> Result<Self, MediaError> {
        let container = plan.container;
        let (witness, sink) = Witness::watch(container, sink)?;
        let sink = Shared::new(sink, container.is_matroska());
        let io = StreamIo::from_write_seek_with_capacity(sink.clone(), BUFFER_BYTES);
        let io = io.map_err(|_full| MediaError::OutOfMemory { doing: "opening the output" })?;
        let muxer = Muxer::new(container.muxer(), io).map_err(mux("opening the output"))?;
        let room = plan.container.is_boxed().then(|| index::room(&plan)).flatten();
        if let Some(room) = room {
            sink.keep_head(room + index::BESIDE_BYTES).map_err(MediaError::Write)?;
            witness.begins_within(room + index::BESIDE_BYTES);
        }
        let mut setup = Setup { muxer, places: Vec::new(), notes: Vec::new(), has_cover: false };
        setup.add_streams(&plan)?;
        setup.add_rest(&plan)?;
        let after = setup.write_header(&plan, &sink, room)?;
        let Setup { mut muxer, places, mut notes, .. } = setup;
        for (name, value) in &after {
            muxer.set_tag(On::Movie, name, value).map_err(mux("setting a tag"))?;
        }
        let carried =
            carried_boxes(container, plan.source.as_ref(), &plan.input.container(), &mut notes)?;
        let video = places.get(plan.video).copied().flatten();
        let place =
            video.ok_or_else(|| MediaError::Internal("the movie has no video".to_owned()))?;
        let clock = muxer.timebase(place);
        let replaced = matches!(plan.stream, VideoStream::Replaced(_)).then_some(plan.video);
        let lane = |(index, place): (usize, &Option<usize>)| {
            let place = place.filter(|_| Some(index) != replaced)?;
            Lane::open(plan.input, index, (place, muxer.timebase(place)), container)
        };
        let lanes: Vec<_> = places.iter().enumerate().map(lane).collect();
        witness.begin(tracks(&plan, &places, &mut muxer, &lanes));
        let copied = |index: usize| lanes.get(index).is_some_and(Option::is_some);
        plan.input.keep(&copied);
        let written = vec![Written::default(); places.iter().flatten().count()];
        let video = (place, clock);
        Ok(Self { container, muxer, sink, lanes, video, written, witness, carried, notes })
    }

    /// Whether any stream is copied as packets.
    pub(super) fn copies(&self) -> bool {
        self.lanes.iter().any(Option::is_some)
    }

    /// Writes a packet of the video with stamps on `clock`, which the container must hold exactly.
    pub(super) fn write_video(
        &mut self,
        packet: &mut libav::Packet,
        (pts, dts, duration): (i64, i64, i64),
        clock: Clock,
    ) -> Result<(), MediaError> {
        let (place, to) = self.video;
        let exact = |stamp: i64| rescale_exact(stamp, clock, to);
        let (Some(pts), Some(dts)) = (exact(pts), exact(dts)) else {
            return Err(MediaError::Internal(format!(
                "the container's clock of {}/{} seconds cannot hold tick {pts} of {}/{}",
                to.0, to.1, clock.0, clock.1
            )));
        };
        let duration = lane::ffi::rescale(duration, clock, to);
        let stamps = Stamps { pts: Some(pts), dts: Some(dts), duration };
        self.write(place, packet, stamps, "writing the video")
    }

    /// When a packet of the source is due, with its clock; nothing where it is due at once.
    pub(super) fn due(&self, packet: &libav::Packet) -> Option<(i64, Clock)> {
        let lane = self.lanes.get(packet.stream())?.as_ref()?;
        Some((packet.dts().or_else(|| packet.pts())?, lane.timing.timebase))
    }

    /// Copies a packet of the source; packets of streams that are not copied are left out.
    pub(super) fn copy(
        &mut self,
        input: &Input,
        packet: &mut libav::Packet,
    ) -> Result<(), MediaError> {
        let index = packet.stream();
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return Ok(()) };
        let stamps = lane.stamps(input, index, packet);
        let place = lane.place;
        self.write(place, packet, stamps, "copying a stream of the source")
    }

    fn write(
        &mut self,
        place: usize,
        packet: &mut libav::Packet,
        stamps: Stamps,
        doing: &'static str,
    ) -> Result<(), MediaError> {
        self.witness.expect(place, packet, (stamps.pts, stamps.dts));
        let stamps = if place == self.video.0 { self.spoilt(stamps) } else { stamps };
        if let Some(written) = self.written.get_mut(place) {
            written.packets += 1;
            written.bytes += packet.size() as u64;
        }
        let result = self.muxer.write(place, packet, stamps);
        self.told(result, doing)
    }

    /// What a fault switch makes of the stamps of the next packet of the video.
    fn spoilt(&self, stamps: Stamps) -> Stamps {
        let number = self.written.get(self.video.0).map(|written| written.packets);
        if number.is_some() && number == fault::faults().spoil_at {
            return Stamps { pts: stamps.pts.map(|pts| pts + 1), ..stamps };
        }
        stamps
    }

    /// Says which frames the movie must show: those of `pts`, on `clock`, which the container holds exactly.
    pub(super) fn must_show(&self, pts: &[Pts], clock: Clock) {
        let on_movie = |pts: &Pts| rescale_exact(pts.0, clock, self.video.1);
        self.witness.frames(pts.iter().filter_map(on_movie).collect());
    }

    /// Writes the trailer and ends the output.
    pub(super) fn finish(self) -> Result<Finished, MediaError> {
        let Self { container, muxer, sink, lanes, written, witness, carried, mut notes, .. } = self;
        sink.catch_index();
        let ended = muxer.finish();
        if let Some(error) = sink.taken_error() {
            return Err(MediaError::Write(error));
        }
        // A muxer whose index does not fit into its room has written all of it, and says that it failed.
        let index_bytes = match sink.place_index().map_err(MediaError::Write)? {
            Some((placed, bytes)) => {
                if placed == Placed::AtEnd {
                    notes.push(format!("the index ({bytes} bytes) stands at the end: it is longer than the room that was kept for it in front"));
                }
                Some(bytes)
            }
            None => {
                ended.map_err(mux("ending the output"))?;
                None
            }
        };
        for bytes in carried {
            sink.append(&bytes).map_err(MediaError::Write)?;
        }
        for (index, lane) in lanes.iter().enumerate() {
            if let Some(uncovered) = lane.as_ref().and_then(Lane::uncovered) {
                notes.push(format!("stream {index}: {uncovered}"));
            }
            let is_empty =
                |lane: &Lane| written.get(lane.place).is_some_and(|one| one.packets == 0);
            if container.is_boxed() && lane.as_ref().is_some_and(is_empty) {
                notes.push(format!("stream {index} has no packets and is left out"));
            }
            if let Some(moved) = lane.as_ref().map(|lane| lane.moved).filter(|moved| *moved > 0) {
                notes.push(format!("{moved} packets of stream {index} came out of order; their decoding times were moved"));
            }
        }
        let stored = sink.finish().map_err(|error| match witness.mismatch() {
            Some(Mismatch { detail, frame }) => MediaError::MovieWrong { detail, frame },
            None => MediaError::Write(error),
        })?;
        let checked = witness.checked();
        Ok(Finished { bytes: stored.bytes, notes, index_bytes, written, checked })
    }

    /// The sink's own error, where there is one, or libav's.
    fn told(
        &self,
        result: Result<(), libav::Error>,
        doing: &'static str,
    ) -> Result<(), MediaError> {
        match (result, self.sink.taken_error()) {
            (_, Some(error)) => Err(MediaError::Write(error)),
            (result, None) => result.map_err(mux(doing)),
        }
    }
}

/// The streams of the movie that carry packets, in its order.
fn tracks(
    plan: &Plan<'_>,
    places: &[Option<usize>],
    muxer: &mut Muxer,
    lanes: &[Option<Lane>],
) -> Vec<Track> {
    let replaced = matches!(plan.stream, VideoStream::Replaced(_)).then_some(plan.video);
    let mut tracks = Vec::new();
    for (index, place) in places.iter().enumerate() {
        let (Some(place), Some(facts)) = (*place, plan.input.facts(index)) else { continue };
        let is_video = replaced == Some(index);
        let has_packets = is_video || lanes.get(index).is_some_and(Option::is_some);
        if has_packets && !facts.is_still && facts.kind != StreamKind::Attachment {
            tracks.push(Track {
                place,
                clock: muxer.timebase(place),
                is_video,
                codec: facts.codec,
                has_configuration: !facts.extradata.is_empty(),
                delay: lanes.get(index).and_then(Option::as_ref).map_or(0, |lane| lane.delay),
            });
        }
    }
    tracks.sort_by_key(|track| track.place);
    tracks
}

/// A movie before its header.
struct Setup {
    muxer: Muxer,
    /// Where each stream of the source goes.
    places: Vec<Option<usize>>,
    notes: Vec<String>,
    has_cover: bool,
}

impl Setup {
    fn add_streams(&mut self, plan: &Plan<'_>) -> Result<(), MediaError> {
        let mut lost = lost_beside(plan);
        for index in 0..plan.input.context().streams().len() {
            let unsaid =
                tags::unsaid(plan.container, &plan.input.tags(Some(index)), &plan.input.tags(None));
            self.notes.extend(unsaid.map(|unsaid| format!("stream {index}: {unsaid}")));
            let place = if index == plan.video {
                Some(self.add_video(plan)?)
            } else {
                self.add_other(plan, index, &mut lost)?
            };
            self.places.push(place);
        }
        // Intake has refused it, with advice, where it knew of it.
        refuse_or_note(plan.container, lost, plan.allow_metadata_loss, &mut self.notes).map_err(
            |lost| plan.container.cannot(format!("{lost}; --allow-metadata-loss leaves that out")),
        )
    }

    fn add_video(&mut self, plan: &Plan<'_>) -> Result<usize, MediaError> {
        let input = plan.input.context();
        match &plan.stream {
            VideoStream::Copied => self.muxer.add_copy(input, plan.video),
            VideoStream::Replaced(video) => {
                let names = plan.input.tags(Some(plan.video));
                let added = self.muxer.add_video(input, plan.video, video);
                added.and_then(|place| {
                    self.muxer.keep_tags(place, &names, tags::outlives_encoding)?;
                    Ok(place)
                })
            }
        }
        .map_err(mux("adding the video stream"))
    }

    fn add_other(
        &mut self,
        plan: &Plan<'_>,
        index: usize,
        lost: &mut Vec<String>,
    ) -> Result<Option<usize>, MediaError> {
        let (Some(facts), Some(timing)) =
            (plan.input.facts(index), lane::ffi::timing(plan.input.context(), index))
        else {
            return Ok(None);
        };
        let is_timecode = &timing.tag == b"tmcd";
        // Chapters that the demuxer has read come back as chapters, a time code as a tag.
        if timing.is_internal || is_timecode {
            return Ok(None);
        }
        let input = plan.input.context();
        match fate(plan.container, facts.kind, &facts.codec, facts.is_still) {
            Fate::Kept => {
                self.has_cover |= facts.is_still;
                self.muxer.add_copy(input, index).map(Some).map_err(mux("adding a stream"))
            }
            Fate::Attached => self.attach(plan, index, &facts.codec).map(|()| None),
            Fate::Told => Ok(None),
            Fate::Lost(why) => {
                lost.push(format!("stream {index} in {} ({why})", facts.codec));
                Ok(None)
            }
        }
    }

    /// Makes a cover picture an attachment, by the name that players look for.
    fn attach(&mut self, plan: &Plan<'_>, index: usize, codec: &str) -> Result<(), MediaError> {
        let (ending, mime) =
            if codec == "png" { ("png", "image/png") } else { ("jpg", "image/jpeg") };
        let tags = plan.input.tags(Some(index));
        let muxer = &mut self.muxer;
        let added = muxer.add_attachment(plan.input.context(), index).and_then(|place| {
            let Some(place) = place else { return Ok(()) };
            let mut set = |name: &str, value: &str| {
                let has = tags.iter().any(|(own, _)| own == name);
                if has { Ok(()) } else { muxer.set_tag(On::Stream(place), name, value) }
            };
            set("filename", &format!("cover.{ending}"))?;
            set("mimetype", mime)
        });
        added.map_err(mux("adding a cover picture"))
    }

    /// Adds chapters and, for transport streams, programs.
    fn add_rest(&mut self, plan: &Plan<'_>) -> Result<(), MediaError> {
        let input = plan.input.context();
        match plan.container {
            Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm => {
                self.muxer.add_chapters(input).map_err(mux("adding chapters"))
            }
            Container::Ts { timed } => {
                // Blu-ray has numbers of its own for its streams; other sources' numbers are no PIDs.
                if timed || plan.input.container() != "mpegts" {
                    self.muxer.forget_ids();
                }
                let added = self.muxer.add_programs(input, &self.places);
                added.map_err(mux("adding programs"))
            }
        }
    }

    /// Writes the header; returns the tags that are to be set after it.
    fn write_header(
        &mut self,
        plan: &Plan<'_>,
        sink: &Shared,
        room: Option<u64>,
    ) -> Result<Vec<(String, String)>, MediaError> {
        let source = plan.input.tags(None);
        let mut tags = tags::of_movie(plan.container, &source, &plan.record, self.has_cover);
        if matches!(plan.container, Container::Ts { .. }) && plan.input.container() != "mpegts" {
            // A source that is one has a provider of its own.
            tags.before.push(("service_provider".to_owned(), plan.record.clone()));
        }
        for (name, value) in &tags.before {
            self.muxer.set_tag(On::Movie, name, value).map_err(mux("setting a tag"))?;
        }
        self.notes.extend(tags.notes);
        let mut options = options(plan, tags.by_name);
        options.extend(room.map(|room| ("moov_size", room.to_string())));
        let written = self.muxer.write_header(&options);
        match (written, sink.taken_error()) {
            (_, Some(error)) => Err(MediaError::Write(error)),
            (Err(error), None) => {
                let words = Words::of(error);
                Err(MediaError::Mux { doing: "writing the output's header", words })
            }
            (Ok(()), None) => Ok(tags.after),
        }
    }
}

/// What the container cannot say of the source, beside streams.
fn lost_beside(plan: &Plan<'_>) -> Vec<String> {
    let input = plan.input.context();
    container::lost_beside(
        plan.container,
        stream::ffi::is_turned(input, plan.video),
        input.nb_chapters(),
    )
}

/// Options of the muxer.
fn options(plan: &Plan<'_>, tags_by_name: bool) -> Vec<(&'static str, String)> {
    match plan.container {
        Container::Mp4 | Container::Mov => {
            let mut options = vec![("movie_timescale", movie_clock(plan).to_string())];
            if tags_by_name {
                options.push(("movflags", "+use_metadata_tags".to_owned()));
            }
            options
        }
        Container::Mkv | Container::Webm => Vec::new(),
        Container::Ts { timed } => vec![
            ("mpegts_copyts", "1".to_owned()),
            ("mpegts_m2ts_mode", u8::from(timed).to_string()),
        ],
    }
}

/// Reads the boxes that are added behind the movie, and notes those that are lost.
fn carried_boxes(
    container: Container,
    source: &dyn ReadAt,
    source_container: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Vec<u8>>, MediaError> {
    let mut carried = Vec::new();
    if !source_container.split(',').any(|name| name == "mp4") {
        return Ok(carried);
    }
    for found in boxes::uuid_boxes(source) {
        let fits = found.is_outermost && found.bytes <= boxes::CARRIED_BYTES_MAX;
        if found.kind == Kind::Xmp && fits && container.is_boxed() {
            carried.push(found.read(source).map_err(MediaError::Read)?);
        } else {
            notes.push(found.loss());
        }
    }
    Ok(carried)
}

/// `stamp` on another clock, or nothing where it would fall between two ticks.
fn rescale_exact(stamp: i64, from: Clock, to: Clock) -> Option<i64> {
    let scaled = i128::from(stamp) * i128::from(from.0) * i128::from(to.1);
    let unit = i128::from(from.1) * i128::from(to.0);
    (unit != 0 && scaled % unit == 0).then(|| i64::try_from(scaled / unit).ok()).flatten()
}

/// An error of the muxer, with libav's words.
pub(super) fn mux(doing: &'static str) -> impl Fn(libav::Error) -> MediaError {
    move |error| MediaError::Mux { doing, words: Words::of(error) }
}

#[cfg(test)]
mod tests;
