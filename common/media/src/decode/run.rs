//! One run of the decoder: from an entry (or the very start) on, frame by frame.
//!
//! Owns the open source, the open decoder, and finding the packet at which a run begins. Says what
//! was damaged and at which packet; refuses to judge whether that matters.

use cleanplate_types::frames::{Entry, EntryKind};
use ffmpeg_next as libav;

use super::DecodeCard;
use super::clock::Clock;
use super::ffi::{Codec, Step, is_out_of_memory};
use super::pick::PassedOver;
use super::place::Place;
use crate::error::{MediaError, Words};
use crate::input::{Input, SeekTo};
use crate::log;
use crate::rest::RestWriter;
use crate::scan::headers::Headers;
use crate::scan::keep;

/// Errors in a row that a decoder may give while it is being emptied, before it counts as empty:
/// more than any decoder holds pictures.
pub(super) const DRAIN_ERRORS_MAX: u32 = 64;

/// Places of damage in the container that are kept; more are only counted.
const HOLES_NOTED: usize = 1000;

/// Log lines of a card's decoder that are kept: they say why it was refused.
const CARD_LINES_MAX: usize = 8;

/// What to decode with.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    /// Threads of a software decoder.
    pub(crate) threads: u32,
    /// The card, where one decodes.
    pub(crate) card: Option<DecodeCard>,
}

/// Something that does not decode.
#[derive(Debug)]
pub(crate) struct Damage {
    /// Timestamp of the packet or frame, where it has one.
    pub(crate) pts: Option<i64>,
    /// What is wrong.
    pub(crate) what: What,
}

/// What is wrong where something does not decode.
#[derive(Debug)]
pub(crate) enum What {
    /// The bits, in libav's words.
    Bits(Words),
    /// The file is cut off; how that is known.
    CutOff(String),
}

impl Damage {
    /// Bits that do not decode.
    pub(crate) const fn of_bits(pts: Option<i64>, words: Words) -> Self {
        Self { pts, what: What::Bits(words) }
    }
}

/// A place where the container itself is damaged: what was there is not even a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hole {
    /// The latest timestamp of the packets before it.
    pub(crate) after: Option<i64>,
    /// The timestamp of the packet behind it; nothing where the source ends there.
    pub(crate) before: Option<i64>,
    /// What the demuxer logged.
    pub(crate) line: String,
}

/// What comes next in a run.
pub(crate) enum Event {
    /// A frame, as the decoder shows it, and its time, where there is a way to tell it.
    Frame(libav::frame::Video, Option<i64>),
    /// Damage; the run goes on.
    Damage(Damage),
    /// The source has ended and everything has come out.
    End,
}

/// A decoder on its way through a source.
pub(crate) struct Run {
    input: Input,
    codec: Codec,
    stream: usize,
    means: Means,
    packet: libav::Packet,
    /// Whether `packet` is the one that the run begins with, found but not decoded yet.
    pending: bool,
    /// A frame that has come out, behind the damage that was told of first.
    held: Option<(libav::frame::Video, Option<i64>)>,
    /// Timestamp of the packet that was given to the decoder last.
    last_pts: Option<i64>,
    draining: bool,
    drain_errors: u32,
    /// Pictures that need not be decoded.
    passed_over: PassedOver,
    card_lines: Vec<String>,
    clock: Clock,
    /// Where packets of other streams go.
    aside: Option<RestWriter>,
    /// The latest timestamp of the packets so far.
    reached: Option<i64>,
    holes: Vec<Hole>,
    /// Number of holes beyond those.
    more_holes: u64,
}

impl Run {
    /// Starts at the very first packet of `place`.
    pub(crate) fn from_start(place: &Place, means: Means) -> Result<Self, MediaError> {
        Self::new(place.open()?, place.stream, means)
    }

    /// Starts at the very first packet of `place`; those of other streams go into `aside`.
    pub(crate) fn from_start_aside(
        place: &Place,
        aside: Option<RestWriter>,
        means: Means,
    ) -> Result<Self, MediaError> {
        let input = if aside.is_some() { place.open_whole()? } else { place.open()? };
        Ok(Self { aside, ..Self::new(input, place.stream, means)? })
    }

    /// What went aside.
    pub(crate) const fn take_aside(&mut self) -> Option<RestWriter> {
        self.aside.take()
    }

    /// Starts at `entry`, wherever that takes the demuxer.
    pub(crate) fn from_entry(
        place: &Place,
        entry: &Entry,
        means: Means,
    ) -> Result<Self, MediaError> {
        let mut run = Self::new(place.open_from(entry)?, place.stream, means.clone())?;
        if run.go_to(entry)? {
            return Ok(run);
        }
        if place.near.is_some() {
            // Where the index of a stretch does not lead there, that of the whole source may.
            run = Self::new(place.open()?, place.stream, means.clone())?;
            if run.go_to(entry)? {
                return Ok(run);
            }
        }
        // No seek leads there: read from the start and leave out what is before.
        run = Self::new(place.open()?, place.stream, means)?;
        if run.find(entry)? {
            return Ok(run);
        }
        let found = None;
        Err(MediaError::TableMismatch { index: entry.frame, expected: Some(entry.pts), found })
    }

    /// Starts at `unknown` where its packet turns out to be a free cut, else at `entry` (or, where there
    /// is none, at the very start). Returns whether it is the former.
    pub(crate) fn from_either(
        place: &Place,
        unknown: &Entry,
        entry: Option<&Entry>,
        means: Means,
    ) -> Result<(Self, bool), MediaError> {
        let input = match entry {
            Some(entry) => place.open_from(entry)?,
            None => place.open()?,
        };
        let mut run = Self::new(input, place.stream, means.clone())?;
        if run.go_to(unknown)? && run.begins_freely() {
            return Ok((run, true));
        }
        // Nothing was decoded yet, so that the open source can go back.
        match entry {
            Some(entry) if run.go_to(entry)? => Ok((run, false)),
            Some(entry) => Self::from_entry(place, entry, means).map(|run| (run, false)),
            None => Self::from_start(place, means).map(|run| (run, false)),
        }
    }

    /// Whether the packet at which the run begins is a picture that stands alone, and all after it.
    fn begins_freely(&self) -> bool {
        let Some(facts) = self.input.facts(self.stream) else { return false };
        let mut headers = Headers::of(&facts.codec, &facts.extradata);
        let look = headers.look(self.packet.data().unwrap_or_default(), self.packet.is_key());
        look.entry == Some(EntryKind::Idr) && look.doubt.is_none()
    }

    /// Seeks to `entry`; false where no seek leads there.
    fn go_to(&mut self, entry: &Entry) -> Result<bool, MediaError> {
        for to in places_to_seek(entry) {
            self.pending = false;
            match self.input.seek(self.stream, to) {
                Ok(()) => {}
                Err(MediaError::Read(error)) => return Err(MediaError::Read(error)),
                Err(error) => {
                    tracing::debug!(?to, %error, "seeking failed");
                    continue;
                }
            }
            if self.find(entry)? {
                drop(log::take_errors(false));
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn new(input: Input, stream: usize, means: Means) -> Result<Self, MediaError> {
        let codec = open_codec(&input, stream, &means)?;
        // What is logged while a source is opened is about its head, wherever the run begins.
        drop(log::take_errors(true));
        let clock = input.context().stream(stream).as_ref().map(Clock::of);
        let clock = clock.unwrap_or_default();
        Ok(Self {
            input,
            codec,
            stream,
            means,
            packet: libav::Packet::empty(),
            pending: false,
            held: None,
            last_pts: None,
            draining: false,
            drain_errors: 0,
            passed_over: PassedOver::Nothing,
            card_lines: Vec::new(),
            clock,
            aside: None,
            reached: None,
            holes: Vec::new(),
            more_holes: 0,
        })
    }

    /// Reads until `entry`'s packet is there; false where the demuxer is past it.
    fn find(&mut self, entry: &Entry) -> Result<bool, MediaError> {
        while self.read()? {
            if is_entry(&self.packet, entry) {
                self.pending = true;
                return Ok(true);
            }
            let is_later = match (self.packet.dts(), entry.dts) {
                (Some(dts), Some(wanted)) => dts > wanted,
                _ => self.packet.is_key() && self.packet.pts().is_some_and(|pts| pts > entry.pts.0),
            };
            if is_later {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Passes over those pictures from here on.
    pub(super) fn pass_over(&mut self, passed_over: PassedOver) {
        self.passed_over = passed_over;
    }

    /// What the card's decoder has logged as errors.
    pub(crate) fn card_words(&self) -> String {
        self.card_lines.join("; ")
    }

    /// From here on the frames come from software, although a card was asked for: what is logged
    /// is about the stream again.
    pub(crate) fn left_by_card(&mut self) {
        self.means.card = None;
    }

    /// What comes next; `watch` sees every packet before it is decoded.
    pub(crate) fn next(
        &mut self,
        watch: &mut dyn FnMut(&libav::Packet),
    ) -> Result<Event, MediaError> {
        log::install();
        if let Some((frame, time)) = self.held.take() {
            return Ok(Event::Frame(frame, time));
        }
        loop {
            match self.codec.receive() {
                Ok(Step::Frame(frame)) => {
                    let (clock, draining) = (&mut self.clock, self.draining);
                    let time = frame.timestamp().or_else(|| clock.tell(draining));
                    // Whoever gets this frame may want no other, and would never hear what the
                    // thread that made it has said.
                    return Ok(match self.heard() {
                        Some(damage) => {
                            self.held = Some((frame, time));
                            Event::Damage(damage)
                        }
                        None => Event::Frame(frame, time),
                    });
                }
                Ok(Step::End) => return Ok(self.heard().map_or(Event::End, Event::Damage)),
                Ok(Step::Hungry) => {
                    if let Some(damage) = self.heard() {
                        return Ok(Event::Damage(damage));
                    }
                }
                Err(error) => {
                    self.drain_errors += u32::from(self.draining);
                    if self.drain_errors > DRAIN_ERRORS_MAX {
                        return Ok(Event::End);
                    }
                    return self.damage(error).map(Event::Damage);
                }
            }
            if let Some(damage) = self.feed(watch)? {
                return Ok(Event::Damage(damage));
            }
        }
    }

    /// Gives the decoder the next packet, or tells it that there is none.
    fn feed(
        &mut self,
        watch: &mut dyn FnMut(&libav::Packet),
    ) -> Result<Option<Damage>, MediaError> {
        let more = match self.read() {
            Ok(more) => more,
            Err(MediaError::Damaged { words, .. }) => {
                self.begin_draining()?;
                return Ok(Some(Damage::of_bits(self.last_pts, words)));
            }
            Err(MediaError::Truncated { detail }) => {
                self.begin_draining()?;
                return Ok(Some(Damage { pts: self.last_pts, what: What::CutOff(detail) }));
            }
            Err(error) => return Err(error),
        };
        // What the demuxer logged is not about this packet (its own flag is), but about what is missing
        // before it.
        self.note_hole(log::take_errors(false), more);
        if !more {
            self.begin_draining()?;
            return Ok(None);
        }
        watch(&self.packet);
        self.clock.hear(&self.packet);
        let at = self.packet.pts().or_else(|| self.packet.dts());
        self.last_pts = at;
        self.reached = self.reached.max(at);
        if self.passed_over != PassedOver::Nothing {
            self.codec.pass_over_unreferenced(self.passed_over.has(self.packet.pts()));
        }
        if let Err(error) = self.codec.send(&self.packet) {
            return self.damage(error).map(Some);
        }
        if self.packet.is_corrupt() && self.means.card.is_none() {
            let words = Words::logged("the packet is flagged as damaged");
            return Ok(Some(Damage::of_bits(at, words)));
        }
        Ok(self.heard())
    }

    /// Takes down what the demuxer logged on its way to the packet that was just read.
    fn note_hole(&mut self, lines: Vec<String>, has_packet: bool) {
        let Some(line) = lines.into_iter().next() else { return };
        if self.holes.len() >= HOLES_NOTED {
            self.more_holes += 1;
            return;
        }
        let before = self.packet.pts().or_else(|| self.packet.dts()).filter(|_| has_packet);
        self.holes.push(Hole { after: self.reached, before, line });
    }

    /// Where the container was seen to be damaged, and the number of places beyond those that are kept.
    pub(crate) fn take_holes(&mut self) -> (Vec<Hole>, u64) {
        (std::mem::take(&mut self.holes), std::mem::take(&mut self.more_holes))
    }

    /// Takes what the decoder has logged as errors since the last call.
    fn heard(&mut self) -> Option<Damage> {
        let lines = log::take_errors(self.means.threads > 1);
        if self.means.card.is_some() {
            let room = CARD_LINES_MAX.saturating_sub(self.card_lines.len());
            self.card_lines.extend(lines.into_iter().take(room));
            return None;
        }
        let meaning = "the decoder reports errors".to_owned();
        let has_words = !lines.is_empty();
        let damage = Damage::of_bits(self.last_pts, Words { code: 0, meaning, lines });
        has_words.then_some(damage)
    }

    fn damage(&self, error: libav::Error) -> Result<Damage, MediaError> {
        if is_out_of_memory(error) {
            return Err(MediaError::OutOfMemory { doing: "decoding" });
        }
        Ok(Damage::of_bits(self.last_pts, Words::of(error)))
    }

    /// Reads the next packet of the stream that holds anything; false at the end.
    fn read(&mut self) -> Result<bool, MediaError> {
        if std::mem::take(&mut self.pending) {
            return Ok(true);
        }
        // An empty packet would tell the decoder that the stream has ended.
        while self.input.read(&mut self.packet)? {
            if self.packet.stream() != self.stream {
                keep::aside(&mut self.aside, &self.packet)?;
            } else if self.packet.size() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn begin_draining(&mut self) -> Result<(), MediaError> {
        if std::mem::replace(&mut self.draining, true) {
            return Ok(());
        }
        self.codec.finish().map_err(|error| MediaError::Decode {
            doing: "ending the decoder",
            words: Words::of(error),
        })
    }
}

/// Opens the decoder of a stream.
pub(super) fn open_codec(input: &Input, stream: usize, means: &Means) -> Result<Codec, MediaError> {
    let context = input.context();
    let Some(found) = context.stream(stream) else {
        return Err(MediaError::Internal(format!("the source has no stream {stream}")));
    };
    let refused = |doing, error| MediaError::Decode { doing, words: Words::of(error) };
    let card = means.card.as_ref().map(|decodes| decodes.card.device());
    Codec::open(&found, means.threads, card).map_err(|error| match input.facts(stream) {
        Some(facts) if card.is_none() => {
            MediaError::UnsupportedCodec { codec: facts.codec, words: Words::of(error) }
        }
        _ => refused("opening the card's decoder", error),
    })
}

/// Where to try to seek to, best first.
pub(crate) fn places_to_seek(entry: &Entry) -> impl Iterator<Item = SeekTo> {
    let stamps = [entry.dts, Some(entry.pts.0)];
    let byte = entry.byte.and_then(|byte| i64::try_from(byte).ok());
    stamps.into_iter().flatten().map(SeekTo::Stamp).chain(byte.map(SeekTo::Byte))
}

/// Whether `packet` is the one that `entry` speaks of.
pub(crate) fn is_entry(packet: &libav::Packet, entry: &Entry) -> bool {
    let byte = u64::try_from(packet.position()).ok();
    let differ =
        |one: Option<u64>, other: Option<u64>| one.is_some() && other.is_some() && one != other;
    let dts_differ = packet.dts().is_some() && entry.dts.is_some() && packet.dts() != entry.dts;
    packet.pts().or_else(|| packet.dts()) == Some(entry.pts.0)
        && !dts_differ
        && !differ(byte, entry.byte)
}
