//! Joins parts into the movie: video by stream copy, everything else from the source, once.
//!
//! Owns the movie's clock: decoding timestamps come from the frame table by one rule. Refuses to decode,
//! and refuses parts that are not what their manifests say.

mod boxes;
mod clock;
mod ffi;
mod index;
mod join;
mod lane;
mod movie;
pub(crate) mod roles;
mod setup;
mod sink;
mod stream;
pub(crate) mod tags;

use std::sync::Arc;

use cleanplate_types::access::{PartSink, ReadAt};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::encode::VideoCodec;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::PartManifest;
use cleanplate_types::source::FieldOrder;
use ffmpeg_next as libav;

use crate::container::{self, Container};
use crate::error::MediaError;
use crate::index::short::Needed;
use crate::input::{Ahead, Input};
use crate::log;
use crate::rest::RestReader;
use crate::verify::Checked;
use clock::Clock;
use index::Frames;
use join::OpenPart;
use movie::{Finished, Movie, Plan, VideoStream};

/// What is to be stitched.
pub struct StitchJob<'a> {
    /// The job's plan.
    pub brief: &'a JobBrief,
    /// The job's frames.
    pub table: &'a FrameTable,
    /// The source's bytes.
    pub source: Arc<dyn ReadAt>,
    /// The packets of its other streams, where intake kept them: then they are read from here.
    pub rest: Option<Arc<dyn ReadAt>>,
    /// The output's name: its extension chooses the container.
    pub output_name: &'a str,
    /// Whether what the container cannot hold may be left out.
    pub allow_metadata_loss: bool,
    /// Whether damaged packets of the source's other streams are left out where the container cannot hold
    /// them; otherwise they are an error.
    pub conceal: bool,
    /// This program's version, for the movie's metadata.
    pub version: &'a str,
}

/// One part, ready to be copied.
pub struct StitchPart {
    /// What it says of itself.
    pub manifest: PartManifest,
    /// Its packets' bytes.
    pub bytes: Arc<dyn ReadAt>,
}

/// The parts in order, as they become ready.
pub trait Parts {
    /// Waits until the next part is there; nothing after the last.
    ///
    /// # Errors
    /// Whatever kept it from coming.
    fn next(&mut self) -> Result<Option<StitchPart>, MediaError>;
}

/// A movie that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stitched {
    /// Its size in bytes.
    pub bytes: u64,
    /// What is different from the source beside the video, in words.
    pub notes: Vec<String>,
    /// What was read back of it.
    pub checked: Checked,
}

/// Why there is no movie.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct StitchError {
    /// The cell whose part is at fault, where one is.
    pub cell: Option<CellIndex>,
    /// What went wrong.
    #[source]
    pub error: MediaError,
}

impl std::fmt::Debug for StitchJob<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StitchJob")
            .field("job", &self.brief.job)
            .field("output_name", &self.output_name)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StitchPart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StitchPart")
            .field("cell", &self.manifest.cell)
            .finish_non_exhaustive()
    }
}

impl From<MediaError> for StitchError {
    fn from(error: MediaError) -> Self {
        Self { cell: None, error }
    }
}

/// Joins the parts into the movie.
///
/// Writing starts when the first part is there, and the parts are asked for one by one, so that it goes
/// on while later ones are still being made. `progress` is called with the number of frames written.
/// The movie's bytes depend on the parts, the source and the job alone.
///
/// # Errors
/// [`StitchError`]: [`MediaError::PartRefused`] names the cell; nothing appears under the output's name.
pub fn stitch(
    job: StitchJob<'_>,
    parts: &mut dyn Parts,
    sink: Box<dyn PartSink>,
    progress: &mut dyn FnMut(u64),
) -> Result<Stitched, StitchError> {
    log::install();
    let container = container::chosen(&job.brief.description, job.output_name)?;
    container::times_fit(container, job.table)?;
    let video = usize::try_from(job.brief.description.video.stream).unwrap_or(usize::MAX);
    let needed = Needed::AllBut(video);
    // Between two packets of sound lie many of video, which are not read one by one.
    let source: Arc<dyn ReadAt> = Arc::new(Ahead::new(Arc::clone(&job.source)));
    let mut input = Input::open_for(&source, &job.brief.source.url, needed)?;
    let mut cells = job.brief.cells.iter();
    let Some(cell) = cells.next() else {
        return Err(MediaError::Internal("the job has no cells".to_owned()).into());
    };
    let mut part = next_part(&job, cell, parts, None)?;
    let extradata = part.extradata().to_vec();
    // Those of parts of the source's own packets are pinned by the plan.
    let copies = |cell: &Cell| job.brief.spec.copies(cell.index);
    let mut encoded = (!copies(cell)).then(|| extradata.clone());
    let plan = Plan {
        container,
        video,
        stream: VideoStream::Replaced(video_of(&job, container, &extradata)),
        frames: Some(Frames::of(job.table, job.brief.spec.reorder_frames, part.size())),
        input: &mut input,
        source: &job.source,
        allow_metadata_loss: job.allow_metadata_loss,
        conceal: job.conceal,
        record: tags::record(job.version),
    };
    let mut writing = Writing::begin(&job, plan, sink)?;
    if container.is_boxed() {
        writing.take_turns();
    }
    writing.rest.prepare(&mut input, &mut writing.movie)?;
    loop {
        writing
            .copy_part(&mut input, &mut part, progress)
            .map_err(|error| StitchError { cell: blamed(&error, part.cell()), error })?;
        match cells.next() {
            Some(cell) => {
                let expected = encoded.as_deref().filter(|_| !copies(cell));
                part = next_part(&job, cell, parts, expected)?;
                if encoded.is_none() && !copies(cell) {
                    encoded = Some(part.extradata().to_vec());
                }
            }
            None => break,
        }
    }
    Ok(writing.finish(input)?)
}

/// Waits for the part of `cell` and checks it.
fn next_part(
    job: &StitchJob<'_>,
    cell: &Cell,
    parts: &mut dyn Parts,
    extradata: Option<&[u8]>,
) -> Result<OpenPart, StitchError> {
    let part = parts.next()?.ok_or_else(|| MediaError::PartRefused {
        range: cell.frames,
        detail: "there is none".to_owned(),
    });
    let opened = part.and_then(|part| OpenPart::open(part, cell, job.brief, job.table, extradata));
    opened.map_err(|error| StitchError { cell: Some(cell.index), error })
}

/// The cell that an error is to be blamed on: a part that is wrong, or cannot be read.
fn blamed(error: &MediaError, cell: CellIndex) -> Option<CellIndex> {
    matches!(error, MediaError::PartRefused { .. }).then_some(cell)
}

/// What the movie's video is.
fn video_of<'a>(
    job: &'a StitchJob<'_>,
    container: Container,
    extradata: &'a [u8],
) -> stream::Video<'a> {
    let spec = &job.brief.spec;
    let signed =
        |(num, den): (u32, u32)| (i32::try_from(num).unwrap_or(0), i32::try_from(den).unwrap_or(1));
    let codec = spec.encoder.name.codec();
    stream::Video {
        codec,
        layout: &spec.layout,
        size: (spec.width, spec.height),
        timebase: signed((spec.timebase.num(), spec.timebase.den())),
        first_shown: job.table.pts.first().map(|pts| pts.0),
        extradata,
        sample_aspect: signed(spec.sample_aspect),
        colour: spec.colour,
        says_stereo: job
            .brief
            .description
            .video
            .stereo
            .is_none_or(|stereo| container::says_stereo(container, stereo)),
        reorder_frames: spec.reorder_frames,
        field_order: match spec.field_order {
            FieldOrder::Unknown => stream::FieldOrder::Unknown,
            FieldOrder::Progressive => stream::FieldOrder::Progressive,
            FieldOrder::TopFirst => stream::FieldOrder::TopFirst,
            FieldOrder::BottomFirst => stream::FieldOrder::BottomFirst,
        },
        mastering: spec.mastering.as_deref().and_then(|numbers| numbers.try_into().ok()),
        light_level: spec.light_level,
        tag: sample_entry(codec, spec.has_sets_in_band()).filter(|_| container.is_boxed()),
    }
}

/// The sample entry in containers of boxes, where it is not the muxer's usual one.
const fn sample_entry(codec: VideoCodec, sets_in_band: bool) -> Option<[u8; 4]> {
    match (codec, sets_in_band) {
        (VideoCodec::H264, true) => Some(*b"avc3"),
        (VideoCodec::Hevc, true) => Some(*b"hev1"),
        (VideoCodec::Hevc, false) => Some(*b"hvc1"),
        (VideoCodec::H264, false) | (VideoCodec::Vp9 | VideoCodec::Av1, _) => None,
    }
}

/// A stitch under way.
struct Writing<'a> {
    table: &'a FrameTable,
    clock: Clock<'a>,
    movie: Movie,
    rest: Rest,
    /// Packets of the video written so far.
    written: u64,
    /// The timebase of the table.
    timebase: (i32, i32),
    /// Ticks by which the source's other streams run ahead when it is their turn.
    ahead: i64,
    /// When it is their turn again, in ticks; nothing before the first.
    turn: Option<i64>,
}

impl<'a> Writing<'a> {
    fn begin(
        job: &StitchJob<'a>,
        plan: Plan<'_>,
        sink: Box<dyn PartSink>,
    ) -> Result<Self, MediaError> {
        let timebase = job.table.timebase;
        let signed = |number: u32| {
            i32::try_from(number).map_err(|_large| MediaError::BadTimes {
                detail: format!("its clock of {timebase} seconds is too fine"),
            })
        };
        let clock = (signed(timebase.num())?, signed(timebase.den())?);
        let movie = Movie::begin(plan, sink)?;
        movie.must_show(&job.table.pts, clock);
        Ok(Self {
            table: job.table,
            clock: Clock::new(job.table, job.brief.spec.reorder_frames),
            movie,
            rest: Rest::of(job.rest.clone())?,
            written: 0,
            ahead: 0,
            turn: None,
            timebase: clock,
        })
    }

    /// Has the source's other streams take turns, for an index of fewer chunks.
    fn take_turns(&mut self) {
        let (num, den) = (i64::from(self.timebase.0), i64::from(self.timebase.1));
        self.ahead = den / (num * index::TURNS_A_SECOND).max(1);
    }

    /// Copies the packets of a part, and of the source's other streams what is due before each.
    fn copy_part(
        &mut self,
        input: &mut Input,
        part: &mut OpenPart,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), MediaError> {
        while let Some((row, data)) = part.next()? {
            let dts = self.clock.dts(self.written);
            if self.turn.is_none_or(|turn| dts >= turn) {
                let turn = dts.saturating_add(self.ahead);
                self.rest.copy_until(input, &mut self.movie, Some((turn, self.timebase)))?;
                self.turn = Some(turn);
            }
            let mut packet = ffi::packet_of(data, row.key);
            let shown = self.table.pts.partition_point(|pts| *pts < row.pts) as u64;
            let stamps = (row.pts.0, dts, self.table.duration_of(shown));
            self.movie.write_video(&mut packet, stamps, self.timebase)?;
            self.written += 1;
            progress(self.written);
        }
        Ok(())
    }

    fn finish(mut self, mut input: Input) -> Result<Stitched, MediaError> {
        self.rest.copy_until(&mut input, &mut self.movie, None)?;
        // Its index is in memory, and the movie's comes now.
        drop(input);
        let Finished { bytes, notes, index_bytes, written, checked } = self.movie.finish()?;
        let check_us = checked.spent_micros;
        tracing::debug!(bytes, index_bytes, check_us, ?written, "the movie is complete");
        Ok(Stitched { bytes, notes, checked })
    }
}

/// The packets of the source's other streams, read once, one ahead.
#[derive(Default)]
struct Rest {
    waiting: Option<libav::Packet>,
    has_ended: bool,
    /// Where they come from, where it is not the source itself.
    kept: Option<RestReader>,
}

impl Rest {
    /// The packets that intake kept, or those of the source.
    fn of(kept: Option<Arc<dyn ReadAt>>) -> Result<Self, MediaError> {
        let kept = kept.map(RestReader::open).transpose()?;
        Ok(Self { waiting: None, has_ended: false, kept })
    }

    /// Reads the first packet; nothing is read of a source that has the video alone.
    fn prepare(&mut self, input: &mut Input, movie: &mut Movie) -> Result<(), MediaError> {
        if movie.copies() {
            return self.read(input, movie);
        }
        self.has_ended = true;
        Ok(())
    }

    fn read(&mut self, input: &mut Input, movie: &mut Movie) -> Result<(), MediaError> {
        let mut packet = libav::Packet::empty();
        let read = match &mut self.kept {
            Some(kept) => kept.next(&mut packet),
            None => input.read(&mut packet),
        };
        let more = match read {
            Err(error @ (MediaError::Truncated { .. } | MediaError::Damaged { .. }))
                if movie.conceals() =>
            {
                let what = if movie.copies_video() {
                    "the source ends"
                } else {
                    "the streams beside the video end"
                };
                movie.note(format!("{what} early: {error}"));
                false
            }
            read => read?,
        };
        self.has_ended = !more;
        self.waiting = (!self.has_ended).then_some(packet);
        Ok(())
    }

    /// Copies what is due before `until`, or everything.
    fn copy_until(
        &mut self,
        input: &mut Input,
        movie: &mut Movie,
        until: Option<(i64, (i32, i32))>,
    ) -> Result<(), MediaError> {
        while let Some(mut packet) = self.waiting.take() {
            if let (Some((until, clock)), Some((due, own))) = (until, movie.due(&packet))
                && !lane::ffi::is_before(due, own, until, clock)
            {
                self.waiting = Some(packet);
                return Ok(());
            }
            movie.copy(input, &mut packet)?;
            self.read(input, movie)?;
        }
        Ok(())
    }
}

/// Copies all streams of the source into the output, with a note of `why` in its metadata. Where damage is
/// to be concealed (`conceal`), damaged packets of streams beside the video are left out if the container
/// cannot hold them, and a source that ends early is copied as far as it goes; otherwise both are errors.
///
/// # Errors
/// [`MediaError`]: what kept the source from being read, the output from being written, or the container
/// from holding a stream.
#[expect(clippy::too_many_arguments, reason = "both ends, their names, and what is said of it")]
pub fn copy_through(
    source: Arc<dyn ReadAt>,
    source_name: &str,
    output_name: &str,
    why: &str,
    conceal: bool,
    version: &str,
    sink: Box<dyn PartSink>,
) -> Result<Stitched, MediaError> {
    let mut input = Input::open(Arc::clone(&source), source_name)?;
    let tags = input.tags(None);
    let brand =
        tags.iter().find(|(name, _)| name == "major_brand").map(|(_, brand)| brand.as_str());
    let container = container::by_name(output_name, &input.container(), brand)?;
    let video = input.best_video().ok_or(MediaError::NoVideo)?;
    if let Some(facts) = input.facts(video) {
        container::refuse_codec(container, &facts.codec)?;
    }
    let plan = Plan {
        container,
        video,
        stream: VideoStream::Copied,
        frames: None,
        input: &mut input,
        source: &source,
        // What is lost was refused or allowed at intake; here it is noted.
        allow_metadata_loss: true,
        conceal,
        record: format!("{}, copied unchanged: {why}", tags::record(version)),
    };
    let mut movie = Movie::begin(plan, sink)?;
    let mut rest = Rest::default();
    rest.prepare(&mut input, &mut movie)?;
    rest.copy_until(&mut input, &mut movie, None)?;
    drop(input);
    let Finished { bytes, notes, checked, .. } = movie.finish()?;
    Ok(Stitched { bytes, notes, checked })
}
