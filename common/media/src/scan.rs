//! Intake: every displayed frame of a source, from its packets in one pass where they can be trusted.
//!
//! Owns the decision between packets and decoding, and gives the reason for the latter. Workers prove
//! a table made from packets when they decode; where they find it wrong, intake is asked to decode.

pub(crate) mod bits;
mod decoded;
mod ends;
mod gaps;
pub(crate) mod headers;
pub(crate) mod keep;
pub(crate) mod watch;

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::{FrameTable, TableOrigin};
use cleanplate_types::limits::SourceLimits;
use cleanplate_types::source::SourceDescription;
use ffmpeg_next as libav;

use crate::adts::SpoiltStreams;
use crate::decode::place::Place;
use crate::decode::start::head_end;
use crate::error::MediaError;
use crate::index::short::Needed;
use crate::index::{self, IndexUse};
use crate::input::Input;
use crate::probe;
use decoded::{Reading, decode_all, decode_head};
use keep::{Keep, Kept};
use watch::Watch;

pub use keep::BeginRest;

/// How to scan.
#[derive(Debug, Clone, Default)]
pub struct ScanOrder {
    /// Decode everything, for this reason, whatever the packets say.
    pub decode_all: Option<String>,
    /// Take damaged pictures as the decoder shows them, and note which they are where everything is
    /// decoded; otherwise damage is an error.
    pub conceal: bool,
    /// Threads of the decoder where everything is decoded; one where damage is concealed, since what a
    /// decoder shows then depends on them.
    pub threads: u32,
    /// When the container's own index is taken for the table.
    pub index: IndexUse,
    /// The source is far away, and reading it twice costs: the packets of its other streams are kept though its index
    /// is taken for the table.
    pub is_far: bool,
    /// Width and height that the pictures must have, where something was drawn for them: others are refused
    /// before anything is read but the header.
    pub drawn_for: Option<(u32, u32)>,
    /// What a source may be; more is refused as soon as it is known.
    pub limits: SourceLimits,
}

/// What intake learned.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// What the source is.
    pub description: SourceDescription,
    /// Its displayed frames.
    pub table: FrameTable,
    /// Whether the packets of its other streams were kept.
    pub has_rest: bool,
    /// Packets of its other streams that were seen to be damaged.
    pub spoilt: SpoiltStreams,
    /// What is worth telling a person.
    pub notes: Vec<String>,
}

/// Makes the frame table of `source`; `progress` hears the number of frames found so far.
///
/// # Errors
/// Whatever [`probe::describe`] refuses; [`MediaError::Truncated`], [`MediaError::Damaged`],
/// [`MediaError::BadTimes`], [`MediaError::PictureChanges`], [`MediaError::NoFrames`], [`MediaError::OverLimit`].
pub fn scan(
    source: Arc<dyn ReadAt>,
    name_hint: &str,
    order: &ScanOrder,
    progress: &mut dyn FnMut(u64),
) -> Result<Scanned, MediaError> {
    scan_keeping(source, name_hint, order, None, progress)
}

/// As [`scan`]; where the source has to be read whole, the packets of its other streams go into the
/// object that `rest` begins ([`RestReader`](crate::rest::RestReader) reads it back).
///
/// # Errors
/// As [`scan`], and [`MediaError::Write`] where the object is not taken.
pub fn scan_keeping(
    source: Arc<dyn ReadAt>,
    name_hint: &str,
    order: &ScanOrder,
    rest: Option<BeginRest<'_>>,
    progress: &mut dyn FnMut(u64),
) -> Result<Scanned, MediaError> {
    order.limits.check_bytes(source.size())?;
    let mut input = Input::open_for(&source, name_hint, Needed::Pictures)?;
    within(&input, &order.limits)?;
    let mut notes = Vec::new();
    let mut description = probe::describe_noting(&mut input, &mut notes)?;
    let found = (description.video.width, description.video.height);
    order.limits.check_picture(found.0, found.1)?;
    if let Some(drawn) = order.drawn_for.filter(|drawn| *drawn != found) {
        return Err(MediaError::OtherSize { drawn, found });
    }
    let stream = usize::try_from(description.video.stream).unwrap_or(usize::MAX);
    let extradata = input.facts(stream).map(|facts| facts.extradata).unwrap_or_default();
    let place =
        Place { source: Arc::clone(&source), name_hint: name_hint.to_owned(), stream, near: None };
    if order.decode_all.is_none() && index::is_worth(&input, stream, order.index) {
        match index::table(&mut input, source.as_ref(), &description, &extradata)? {
            index::Found::Table(table) => {
                order.limits.check_table(&table)?;
                progress(table.range().count());
                notes.extend(ends::told(&place, &description, &table)?);
                drop(input);
                let far = rest.filter(|_| order.is_far);
                let Kept { is_there: has_rest, note, spoilt } =
                    keep::of_indexed(&place, far, &description)?;
                notes.extend(note);
                return Ok(Scanned { description, table, has_rest, spoilt, notes });
            }
            index::Found::Doubt(why) => {
                notes.push(format!("the source was read whole, since of its index: {why}"));
            }
        }
    }
    drop(input);
    let mut keep = Keep::new(rest, &description);
    let whole = Whole { place: &place, description: &description, extradata: &extradata, order };
    let ReadWhole { table, notes: more, dynamic, is_cut_off } = whole.read(&mut keep, progress)?;
    order.limits.check_table(&table)?;
    for note in more {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    if !is_cut_off {
        notes.extend(ends::told(&place, &description, &table)?);
    }
    // What begins after the first picture is metadata all the same.
    for kind in dynamic {
        if !description.video.dynamic_hdr.iter().any(|known| known == kind) {
            description.video.dynamic_hdr.push(kind.to_owned());
        }
    }
    let Kept { is_there: has_rest, note, spoilt } = keep.finish()?;
    notes.extend(note);
    Ok(Scanned { description, table, has_rest, spoilt, notes })
}

/// Refuses by what the container says of itself, before any picture is decoded.
pub(crate) fn within(input: &Input, limits: &SourceLimits) -> Result<(), MediaError> {
    let count = input.context().streams().len();
    limits.check_streams(count)?;
    for facts in (0..count).filter_map(|index| input.facts(index)) {
        limits.check_picture(facts.size.0, facts.size.1)?;
    }
    Ok(())
}

/// A source that is read whole.
struct Whole<'a> {
    place: &'a Place,
    description: &'a SourceDescription,
    extradata: &'a [u8],
    order: &'a ScanOrder,
}

/// What reading a source whole gave.
struct ReadWhole {
    table: FrameTable,
    notes: Vec<String>,
    /// Kinds of HDR metadata of single pictures.
    dynamic: Vec<&'static str>,
    /// Whether the notes say that the file is cut off.
    is_cut_off: bool,
}

/// What the packets gave.
enum Answer {
    Table(ReadWhole),
    /// Why they are not displayed frames one to one.
    Doubt(String),
}

impl Whole<'_> {
    fn watch(&self) -> Watch {
        Watch::new(&self.description.video.codec, self.extradata)
    }

    /// By packets where they can be trusted.
    fn read(
        &self,
        keep: &mut Keep<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ReadWhole, MediaError> {
        let reason = match &self.order.decode_all {
            Some(reason) => reason.clone(),
            None => match self.by_packets(keep, progress)? {
                Answer::Table(read) => return Ok(read),
                Answer::Doubt(reason) => reason,
            },
        };
        let mut watch = self.watch();
        let threads = if self.order.conceal { 1 } else { self.order.threads };
        match self.by_decoding(&reason, (threads, &mut watch), keep, progress) {
            // Of several threads, what the head of a recording cut in mid-stream brings to light may be
            // heard after it. Of one it is not.
            Err(MediaError::Damaged { .. }) if threads > 1 && !watch.whole_start => {
                self.by_decoding(&reason, (1, &mut self.watch()), keep, progress)
            }
            other => other,
        }
    }

    fn by_packets(
        &self,
        keep: &mut Keep<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Answer, MediaError> {
        let (place, mut watch) = (self.place, self.watch());
        if let Some(doubt) = watch.doubt {
            return Ok(Answer::Doubt(doubt));
        }
        let mut rest = keep.begin()?;
        let mut input = if rest.is_some() { place.open_whole()? } else { place.open()? };
        let mut packet = libav::Packet::empty();
        loop {
            match input.read(&mut packet) {
                Ok(true) => {}
                Ok(false) => break,
                Err(MediaError::Damaged { words, .. }) => {
                    return Ok(Answer::Doubt(format!("the container is damaged: {words}")));
                }
                Err(MediaError::Truncated { detail }) if self.order.conceal => {
                    return Ok(Answer::Doubt(format!("the source ends early: {detail}")));
                }
                Err(error) => return Err(error),
            }
            if packet.stream() != place.stream {
                keep::aside(&mut rest, &packet)?;
                continue;
            }
            if packet.size() == 0 {
                continue;
            }
            watch.take(&packet);
            if let Some(doubt) = watch.doubt {
                return Ok(Answer::Doubt(doubt));
            }
            progress(watch.pts.len() as u64);
        }
        drop(input);
        keep.hold(rest);
        self.table_of_packets(watch)
    }

    /// The table of what went by, where each packet is one displayed frame.
    fn table_of_packets(&self, mut watch: Watch) -> Result<Answer, MediaError> {
        let place = self.place;
        let mut pts = std::mem::take(&mut watch.pts);
        pts.sort_unstable();
        if let Some(pair) = pts.windows(2).find(|pair| pair[0] == pair[1]) {
            return Ok(Answer::Doubt(format!("two packets have the timestamp {}", pair[0].0)));
        }
        let mut notes = Vec::new();
        if !watch.whole_start {
            let split = watch.second_entry();
            let head = split.map(|split| decode_head(place, split, &pts)).transpose()?.flatten();
            let (Some(split), Some(head)) = (split, head) else {
                let doubt = "the stream does not begin at a picture that stands alone";
                return Ok(Answer::Doubt(doubt.to_owned()));
            };
            let after = pts.partition_point(|one| *one < split);
            let lost = after.saturating_sub(head.len());
            if lost > 0 {
                notes.push(format!(
                    "{lost} pictures at the start are not shown: they refer to what was before"
                ));
            }
            pts.splice(..after, head);
        }
        notes.extend(watch.told());
        let timebase = self.description.video.timebase;
        let dynamic = watch.dynamic.into_iter().collect();
        let table = watch.take_table(pts, timebase, TableOrigin::Packets)?;
        Ok(Answer::Table(ReadWhole { table, notes, dynamic, is_cut_off: false }))
    }

    fn by_decoding(
        &self,
        reason: &str,
        (threads, watch): (u32, &mut Watch),
        keep: &mut Keep<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ReadWhole, MediaError> {
        tracing::info!(reason, threads, "the frame table is made by decoding");
        let Self { place, description, order, .. } = self;
        let video = &description.video;
        let size = (video.width, video.height);
        let reading = Reading { layout: &video.layout, size, threads, conceal: order.conceal };
        let mut rest = keep.begin()?;
        let mut shown = decode_all(place, reading, &mut rest, watch, progress)?;
        keep.hold(rest);
        let mut notes = shown.notes(video.timebase, &watch.key_pictures());
        notes.extend(watch.told());
        if order.decode_all.is_none() {
            // Who asked for it knows why.
            notes.insert(0, format!("every frame was decoded to be counted: {reason}"));
        }
        let is_cut_off = shown.is_cut_off();
        let pts = std::mem::take(&mut shown.pts);
        let dynamic = std::mem::take(&mut shown.dynamic).into_iter().collect();
        let origin = TableOrigin::Decoded { reason: reason.to_owned() };
        let table = watch.take_table(pts, video.timebase, origin)?;
        if !order.conceal {
            let from = head_end(&table, &video.codec).unwrap_or(i64::MIN);
            if let Some(error) = shown.damage_from(from, &table.pts) {
                return Err(error);
            }
        }
        Ok(ReadWhole { table, notes, dynamic, is_cut_off })
    }
}
