//! The movie while it is written: its streams, its clock, and the copying of what is not video.
//!
//! Owns which stream of the source goes where. Refuses timestamps that the container would round for the
//! video; those of other streams go to the nearest tick, as every muxer does it.

use std::sync::Arc;

use cleanplate_types::access::{PartSink, ReadAt};
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;
use libav::format::context::StreamIo;

use super::ffi::{Muxer, On, Stamps};
use super::index::{self, Frames};
use super::lane::{self, Lane};
use super::setup::{Setup, carried_boxes, tracks};
use super::sink::{Placed, Shared};
use super::stream;
use crate::container::Container;
use crate::error::{MediaError, Words};
use crate::fault;
use crate::input::Input;
use crate::verify::Checked;
use crate::verify::witness::{Mismatch, Witness};

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
    /// Whether damaged packets that the container cannot hold are left out.
    pub(super) conceal: bool,
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
    conceal: bool,
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
        let mut setup = Setup::new(muxer);
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
        let (video, conceal) = ((place, clock), plan.conceal);
        Ok(Self { container, muxer, sink, lanes, video, written, witness, carried, conceal, notes })
    }

    /// Whether any stream is copied as packets.
    pub(super) fn copies(&self) -> bool {
        self.lanes.iter().any(Option::is_some)
    }

    /// Whether the video is one of them.
    pub(super) fn copies_video(&self) -> bool {
        self.lanes.iter().flatten().any(|lane| lane.place == self.video.0)
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
        // Matroska stores when pictures are shown and not when they are decoded.
        let rounded = || self.container.is_matroska().then(|| lane::ffi::rescale(dts, clock, to));
        let (Some(shown), Some(decoded)) = (exact(pts), exact(dts).or_else(rounded)) else {
            return Err(MediaError::Internal(format!(
                "the container's clock of {}/{} seconds cannot hold ticks {pts} (shown) and {dts} (decoded) of {}/{}",
                to.0, to.1, clock.0, clock.1
            )));
        };
        let duration = lane::ffi::rescale(duration, clock, to);
        let stamps = Stamps { pts: Some(shown), dts: Some(decoded.min(shown)), duration };
        self.write(place, packet, stamps, "writing the video")
    }

    /// When a packet of the source is due, with its clock; nothing where it is due at once.
    pub(super) fn due(&self, packet: &libav::Packet) -> Option<(i64, Clock)> {
        let lane = self.lanes.get(packet.stream())?.as_ref()?;
        Some((packet.dts().or_else(|| packet.pts())?, lane.timing.timebase))
    }

    /// Copies a packet of the source; packets of streams that are not copied are left out, and so are, where
    /// damage is concealed, those that the container cannot hold, but for packets of the video.
    pub(super) fn copy(
        &mut self,
        input: &Input,
        packet: &mut libav::Packet,
    ) -> Result<(), MediaError> {
        let index = packet.stream();
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return Ok(()) };
        let due = packet.pts().or_else(|| packet.dts());
        if let Some(why) = lane.fault_of(packet) {
            if !self.conceal {
                return Err(lane.refusal(index, due, why));
            }
            lane.left_out.add(due, why);
            return Ok(());
        }
        let stamps = lane.stamps(input, index, packet);
        let place = lane.place;
        let may_be_left_out = self.conceal && place != self.video.0;
        let written = self.write(place, packet, stamps, "copying a stream of the source");
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return written };
        match written {
            Err(MediaError::Mux { words, .. }) if may_be_left_out && words.are_about_a_packet() => {
                self.witness.take_back(place);
                lane.left_out.add(due, &words.to_string());
            }
            written => {
                written?;
                lane.left_out.pass();
            }
        }
        Ok(())
    }

    /// Whether damage is concealed.
    pub(super) const fn conceals(&self) -> bool {
        self.conceal
    }

    /// Takes down what is to be told of the movie.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
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
        let bytes = packet.size() as u64;
        let result = self.muxer.write(place, packet, stamps);
        self.told(result, doing)?;
        if let Some(written) = self.written.get_mut(place) {
            written.packets += 1;
            written.bytes += bytes;
        }
        Ok(())
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
            let left_out = lane.iter().flat_map(|lane| lane.left_out.told(lane.timing.timebase));
            notes.extend(left_out.map(|left_out| format!("stream {index}: {left_out}")));
            if let Some(uncovered) = lane.as_ref().and_then(Lane::uncovered) {
                notes.push(format!("stream {index}: {uncovered}"));
            }
            let is_empty =
                |lane: &Lane| written.get(lane.place).is_some_and(|one| one.packets == 0);
            if container.is_boxed() && lane.as_ref().is_some_and(is_empty) {
                notes.push(format!("stream {index} has no packets and is left out"));
            }
            if let Some(displaced) = lane.as_ref().and_then(Lane::displaced) {
                notes.push(format!("stream {index}: {displaced}"));
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
