//! Decodes a range of frames: exactly those, in order, each proved by its timestamp in the table.
//!
//! Owns pre-roll, the fallbacks (an earlier beginning, software for a card), and what damage means.
//! Refuses to guess: a frame that is not the one the table names is an error, never shown.

mod clock;
mod ffi;
pub(crate) mod first;
mod mishap;
mod order;
pub(crate) mod pick;
pub(crate) mod place;
pub(crate) mod run;
pub(crate) mod start;
mod way;

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::digest::FrameHash;
use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::source::{SourceDescription, VideoDescription};
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;

use crate::device::{DeviceFrame, DevicePool};
use crate::error::MediaError;
use crate::frame::{self, VideoFrame};
use mishap::Mishap;
pub use order::{DecodeCard, DecodeOrder, Fallback, PreRoll};
use pick::Pick;
use place::{Near, Place};
use run::{Damage, Event, Means, Run, What};
use way::Way;

/// How often a run may begin earlier, each time twice as far back: beyond it a table made from packets
/// is what is wrong. A table made by decoding is right, so there the start of the source is the limit.
const EARLIER_RUNS_MAX: u32 = 3;

/// Decodes one range of a source.
pub struct Decoder {
    place: Place,
    video: VideoDescription,
    layout: Arc<PixelLayout>,
    table: Arc<FrameTable>,
    order: DecodeOrder,
    way: Way,
    run: Option<Run>,
    /// Every frame of the range before it has come out or is not to.
    next: u64,
    /// Whether this run has shown a frame that was due: what comes before that is pre-roll.
    arrived: bool,
    /// Damage in packets from this timestamp on matters.
    blame_from: i64,
    earlier: u32,
    /// Whether the run begins at a free cut of which the table does not know.
    began_freely: bool,
    /// Whether entries that are not known are looked at: not where one deceived.
    looks: bool,
    fallbacks: Vec<Fallback>,
    decoded: u64,
    pick: Pick,
    /// Where frames of the card stay, until that fails.
    pool: Option<Arc<DevicePool>>,
    /// The hash of the frame right before the range, as pre-roll showed it.
    before: Option<FrameHash>,
    mishap: Mishap,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Decoder")
            .field("order", &self.order)
            .field("way", &self.way)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Opens the source and goes to where decoding must begin for `order.range`.
    ///
    /// `description` and `table` are those that the scan of the same source gave.
    ///
    /// # Errors
    /// [`MediaError::OutsideTable`], and whatever opening a source gives.
    pub fn open(
        source: Arc<dyn ReadAt>,
        name_hint: &str,
        description: &SourceDescription,
        table: Arc<FrameTable>,
        order: DecodeOrder,
    ) -> Result<Self, MediaError> {
        let count = table.range().end;
        if order.range.end > count {
            return Err(MediaError::OutsideTable { range: order.range, count });
        }
        let video = description.video.clone();
        let stream = usize::try_from(video.stream).unwrap_or(usize::MAX);
        let mut decoder = Self {
            place: Place {
                source,
                name_hint: name_hint.to_owned(),
                stream,
                near: Near::of(&table, order.range),
            },
            layout: Arc::new(video.layout.clone()),
            way: Way::Software,
            run: None,
            next: order.range.start,
            arrived: false,
            blame_from: i64::MIN,
            earlier: 0,
            began_freely: false,
            looks: true,
            fallbacks: Vec::new(),
            decoded: 0,
            pick: Pick::Every,
            pool: None,
            before: None,
            mishap: Mishap::default(),
            video,
            table,
            order,
        };
        if let Some(DecodeCard { pool, .. }) = &decoder.order.card {
            decoder.pool.clone_from(pool);
        }
        let due = decoder.due().map_or(i64::MAX, |pts| pts.0);
        if start::is_in_head(&decoder.table, &decoder.video.codec, due) {
            decoder.order.threads = 1;
        }
        let DecodeOrder { card, conceal, .. } = &decoder.order;
        let (way, why) = Way::first(card.is_some(), *conceal, &decoder.video.codec);
        decoder.way = way;
        if let Some(why) = why {
            decoder.note_fallback(why);
        }
        decoder.begin()?;
        Ok(decoder)
    }

    /// The next frame of the range, with its index in the table; nothing after the last.
    ///
    /// # Errors
    /// [`MediaError::TableMismatch`] where the decoder shows another frame than the table says,
    /// [`MediaError::Damaged`], [`MediaError::PictureChanges`], [`MediaError::Read`] and their kin.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would go on after one"
    )]
    pub fn next(&mut self) -> Result<Option<(u64, VideoFrame)>, MediaError> {
        while self.next < self.order.range.end {
            if self.way.fails_at(self.next) {
                self.leave_card(
                    "the card's decoder fails here, as a fault switch asks".to_owned(),
                )?;
            }
            let Some(run) = self.run.as_mut() else {
                return Err(MediaError::Internal("a decoder goes on after its error".to_owned()));
            };
            match run.next(&mut |_packet| ())? {
                Event::Frame(frame, time) => {
                    self.decoded += 1;
                    let Some(time) = self.mishap.befall(&self.table, time) else { continue };
                    if let Some(shown) = self.take(frame, time)? {
                        return Ok(Some(shown));
                    }
                }
                Event::Damage(damage) => {
                    self.weigh(damage)?;
                }
                // Whether something is left that is to come out, only its bits would say.
                Event::End if self.pick == Pick::Referenced && self.arrived => break,
                Event::End => self.mismatch(None)?,
            }
        }
        // Nothing more is read, and the pictures that the decoder holds are given back.
        self.run = None;
        Ok(None)
    }

    /// Fallbacks since the last call.
    #[must_use]
    pub fn take_fallbacks(&mut self) -> Vec<Fallback> {
        std::mem::take(&mut self.fallbacks)
    }

    /// What is decoded and how, for the trail: `h264 High 1920x1080 yuv420p, software, 1 thread`.
    #[must_use]
    pub fn way(&self) -> String {
        let VideoDescription { codec, profile, width, height, layout, .. } = &self.video;
        let profile =
            ffi::profile_name(codec, *profile).map_or_else(String::new, |p| format!(" {p}"));
        let way = self.way.text(&self.order);
        format!("{codec}{profile} {width}x{height} {}, {way}", layout.name)
    }

    /// Number of frames decoded so far, pre-roll included.
    #[must_use]
    pub const fn frames_decoded(&self) -> u64 {
        self.decoded
    }

    /// The hash of the decoded frame right before the range, where pre-roll has shown it. Known when
    /// the first frame of the range is.
    #[must_use]
    pub const fn frame_before(&self) -> Option<FrameHash> {
        self.before
    }

    /// Shows those frames of the range alone, which come out as they do where all are shown; pictures that
    /// are not needed for that are passed over where this is exact.
    pub(crate) fn pick(&mut self, pick: Pick) {
        self.pick = pick;
        self.next = self.pick.due(self.order.range.start, self.order.range.end);
        self.pass_over();
    }

    fn pass_over(&mut self) {
        // What a decoder conceals damage with may be any picture.
        if let Some(run) = self.run.as_mut().filter(|_| !self.order.conceal) {
            run.pass_over(self.pick.passed_over(&self.table, &self.video.codec));
        }
    }

    fn due(&self) -> Option<Pts> {
        self.table.pts.get(usize::try_from(self.next).unwrap_or(usize::MAX)).copied()
    }

    /// Begins a run from which the frame that is due comes out right; in software where the card
    /// does not open.
    fn begin(&mut self) -> Result<(), MediaError> {
        let due = self.due().map_or(i64::MAX, |pts| pts.0);
        let head = start::head_end(&self.table, &self.video.codec);
        self.blame_from = head.map_or(due, |head| head.max(due));
        self.arrived = false;
        self.mishap = Mishap::of_run(self.entry());
        let opened = match self.open_run() {
            Err(MediaError::Decode { doing, words }) if self.means().card.is_some() => {
                self.note_fallback(format!("{doing}: {words}"));
                self.way = Way::Software;
                self.open_run()
            }
            other => other,
        };
        self.run = Some(opened?);
        self.pass_over();
        Ok(())
    }

    fn means(&self) -> Means {
        self.way.means(&self.order)
    }

    fn open_run(&mut self) -> Result<Run, MediaError> {
        self.began_freely = false;
        let unknown = start::unknown_for(&self.table, self.first_wanted());
        let looks = self.looks && self.earlier == 0 && self.order.pre_roll.doublings == 0;
        if let Some(unknown) = unknown.filter(|_| looks) {
            let (run, freely) = Run::from_either(&self.place, unknown, self.entry(), self.means())?;
            self.began_freely = freely;
            return Ok(run);
        }
        match self.entry() {
            Some(entry) => Run::from_entry(&self.place, entry, self.means()),
            None => Run::from_start(&self.place, self.means()),
        }
    }

    /// Looks whether `found` is the frame that is due; nothing where it is to be dropped.
    fn take(
        &mut self,
        found: libav::frame::Video,
        pts: Option<i64>,
    ) -> Result<Option<(u64, VideoFrame)>, MediaError> {
        let Some(due) = self.due() else { return Ok(None) };
        if pts.is_none_or(|pts| pts < due.0) && self.may_drop(pts) {
            self.look_before(found, pts)?;
            return Ok(None);
        }
        if pts != Some(due.0) && !self.skip_to(pts) {
            self.mismatch(pts.map(Pts))?;
            return Ok(None);
        }
        let due = self.due().unwrap_or(due);
        if self.next >= self.order.range.end {
            return Ok(None);
        }
        let on_card = self.keep(&found);
        let Some(host) = self.fetch(found, on_card.as_ref())? else { return Ok(None) };
        if let Some(words) = frame::damage_of(&host) {
            let began_anew = self.weigh(Damage::of_bits(pts, words))?;
            if began_anew {
                return Ok(None);
            }
        }
        let size = (self.video.width, self.video.height);
        frame::check_shape(&host, &self.layout, size)?;
        let mut frame = VideoFrame::adopt(host, &self.layout, due)?;
        if let Some(on_card) = on_card {
            frame.lay_on_card(on_card);
        }
        let index = self.next;
        self.mishap.spoil(index, &mut frame)?;
        self.next = self.pick.due(index + 1, self.order.range.end);
        self.arrived = true;
        Ok(Some((index, frame)))
    }

    /// Goes on to the frame of that time where those before it need not come out; false where there is none.
    fn skip_to(&mut self, pts: Option<i64>) -> bool {
        let place = pts.and_then(|pts| self.table.pts.binary_search(&Pts(pts)).ok());
        let later = place.map(|place| place as u64).filter(|index| *index > self.next);
        match (later, &self.pick) {
            (Some(index), Pick::Referenced) => {
                self.next = index;
                true
            }
            (Some(_) | None, Pick::Every | Pick::Listed(_)) | (None, Pick::Referenced) => false,
        }
    }

    /// Keeps the hash of the frame right before the range.
    fn look_before(
        &mut self,
        found: libav::frame::Video,
        pts: Option<i64>,
    ) -> Result<(), MediaError> {
        let is_whole = self.pick == Pick::Every;
        let Some(index) = self.order.range.start.checked_sub(1).filter(|_| is_whole) else {
            return Ok(());
        };
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(own) = self.table.pts.get(place).copied().filter(|own| pts == Some(own.0)) else {
            return Ok(());
        };
        if self.next != self.order.range.start || frame::damage_of(&found).is_some() {
            return Ok(());
        }
        let Some(host) = self.fetch(found, None)? else { return Ok(()) };
        let size = (self.video.width, self.video.height);
        if frame::check_shape(&host, &self.layout, size).is_ok() {
            let mut frame = VideoFrame::adopt(host, &self.layout, own)?;
            self.mishap.spoil(index, &mut frame)?;
            self.before = Some(frame.fast_hash());
        }
        Ok(())
    }

    /// Whether a frame that comes before the one that is due belongs to pre-roll. One whose time is
    /// between two neighbours of the table does not: the table knows nothing of it.
    fn may_drop(&self, pts: Option<i64>) -> bool {
        if self.order.conceal {
            // In concealed damage a decoder may show a picture twice; the table has it once.
            return true;
        }
        let before = usize::try_from(self.next).ok().and_then(|next| next.checked_sub(1));
        let before = before.and_then(|place| self.table.pts.get(place));
        let is_before = pts.is_none_or(|pts| before.is_some_and(|before| pts <= before.0));
        match self.pick {
            Pick::Every | Pick::Referenced => !self.arrived && is_before,
            // Between two that are listed there may be others, and the table knows of them.
            Pick::Listed(_) => is_before && (!self.arrived || self.is_in_table(pts)),
        }
    }

    fn is_in_table(&self, pts: Option<i64>) -> bool {
        pts.is_some_and(|pts| self.table.pts.binary_search(&Pts(pts)).is_ok())
    }

    /// Copies a frame of the card into the pool; from the first one on that this fails for, frames are the
    /// host's alone.
    fn keep(&mut self, found: &libav::frame::Video) -> Option<DeviceFrame> {
        let pool = self.pool.as_ref().filter(|_| frame::is_cuda(found))?;
        match pool.copy_of(found) {
            Ok(kept) => Some(kept),
            Err(error) => {
                self.pool = None;
                self.note("frames of the card -> of the host", error.to_string());
                None
            }
        }
    }

    /// Brings a frame from the card, its copy where there is one; nothing where the card failed and software
    /// begins anew.
    fn fetch(
        &mut self,
        found: libav::frame::Video,
        kept: Option<&DeviceFrame>,
    ) -> Result<Option<libav::frame::Video>, MediaError> {
        if !frame::is_cuda(&found) {
            if let (Way::Card, Some(run)) = (self.way, self.run.as_mut()) {
                // libav itself went over to software, at the first frame or where the stream changed.
                let words = run.card_words();
                run.left_by_card();
                self.way = Way::Software;
                self.note_fallback(format!("the card does not decode this stream: {words}"));
            }
            return Ok(Some(found));
        }
        // What is downloaded waits for the copy before it: the decoder's own frame may go after that.
        let host = match kept {
            Some(kept) => kept.fetched(&found),
            None => frame::convert_hardware(&found, &self.layout),
        };
        match host {
            Ok(host) => Ok(Some(host)),
            Err(error @ (MediaError::Decode { .. } | MediaError::Card(_))) => {
                drop(found);
                self.leave_card(error.to_string())?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Decides what damage means: nothing, another run (then it is true), or the end.
    fn weigh(&mut self, damage: Damage) -> Result<bool, MediaError> {
        let matters = damage.pts.map_or(self.arrived, |pts| pts >= self.blame_from);
        if self.order.conceal {
            return Ok(false);
        }
        let words = match damage.what {
            What::CutOff(detail) => return Err(MediaError::Truncated { detail }),
            What::Bits(words) => words,
        };
        if !matters {
            return Ok(false);
        }
        if let Way::Card = self.way {
            return self.leave_card(words.to_string()).map(|()| true);
        }
        // Where a run does not begin at an IDR, what is missing there may be felt for longer.
        let begins_whole =
            self.began_freely || self.entry().is_none_or(|entry| entry.kind == EntryKind::Idr);
        if !begins_whole && self.earlier < EARLIER_RUNS_MAX {
            return self.begin_earlier().map(|()| true);
        }
        let after = |pts: i64| self.table.pts.partition_point(|one| one.0 <= pts) as u64;
        Err(MediaError::Damaged {
            frame: damage.pts.map(after).and_then(|count| count.checked_sub(1)),
            pts: damage.pts.map(Pts),
            words,
        })
    }

    /// The decoder shows `found` where another frame is due: begins earlier, or gives up.
    fn mismatch(&mut self, found: Option<Pts>) -> Result<(), MediaError> {
        let (index, expected) = (self.next, self.due());
        let error = MediaError::TableMismatch { index, expected, found };
        if let Way::Card = self.way {
            return self.leave_card(error.to_string());
        }
        if std::mem::take(&mut self.began_freely) {
            self.looks = false;
            return self.begin();
        }
        let may_go_on = match self.table.origin {
            TableOrigin::Packets | TableOrigin::Index => self.earlier < EARLIER_RUNS_MAX,
            TableOrigin::Decoded { .. } => true,
        };
        if self.entry().is_none() || !may_go_on {
            self.run = None;
            return Err(error);
        }
        tracing::debug!(%error, earlier = self.earlier, "decoding begins earlier");
        self.begin_earlier()
    }

    /// The entry at which a run for the frame that is due begins; nothing for the very start.
    fn entry(&self) -> Option<&Entry> {
        let doublings = self.earlier.saturating_add(self.order.pre_roll.doublings);
        let more = 1_usize.checked_shl(doublings).map_or(usize::MAX, |twice| twice - 1);
        start::entry_for(&self.table, self.first_wanted(), more)
    }

    /// The first frame that must come out right.
    fn first_wanted(&self) -> u64 {
        self.order.pre_roll.from.map_or(self.next, |from| from.min(self.next))
    }

    fn begin_earlier(&mut self) -> Result<(), MediaError> {
        self.earlier += 1;
        self.begin()
    }

    /// Goes on in software, at the frame that is due.
    fn leave_card(&mut self, message: String) -> Result<(), MediaError> {
        self.note_fallback(message);
        self.way = Way::Software;
        // The card's surfaces are given back before the other decoder is opened.
        self.run = None;
        self.begin()
    }

    fn note_fallback(&mut self, message: String) {
        self.note("nvdec -> software", message);
    }

    fn note(&mut self, what: &str, message: String) {
        let what = what.to_owned();
        tracing::warn!(what, message, frame = self.next, "fallback");
        self.fallbacks.push(Fallback { what, message });
    }
}
