//! Watches packets go by and keeps what the frame table is made of: timestamps and entries.
//!
//! Owns the reasons for which packets are not taken for frames. Small in memory: eight bytes a frame,
//! and no more entries than cells could ever use.

use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::time::{Pts, Timebase};
use ffmpeg_next as libav;

use super::headers::Headers;
use crate::error::MediaError;
use crate::input::is_hidden;

/// Packets from one entry to the next at least: where every picture is a key frame, one in so many is
/// enough to begin at, and ten hours stay small.
pub(crate) const ENTRY_SPACING: u64 = 12;

/// What is told of a source whose pictures say that players show a field of them again.
pub(crate) const PULLDOWN: &str = "its pictures carry pulldown flags (repeat_first_field), which the output does not: \
                        frames and times are the same";

/// How far a damaged picture shows in those that refer to it.
#[derive(Debug)]
pub(super) enum Spread {
    /// Every picture stands alone.
    Nowhere,
    /// As far as the next of these, which rise.
    ToEntries(Vec<Pts>),
}

/// What the packets of one stream say, in decoding order.
#[derive(Debug)]
pub(super) struct Watch {
    headers: Headers,
    /// Timestamps of the packets that show a frame.
    pub(super) pts: Vec<Pts>,
    entries: Vec<Entry>,
    /// Whether decoding can begin at every packet so far, and whether some show a field twice.
    stands_alone: bool,
    pub(super) pulls_down: bool,
    /// Number of packets, and the number of the one that the last entry is of.
    packets: u64,
    entered: u64,
    /// HDR metadata of single pictures, by name.
    pub(super) dynamic: Option<&'static str>,
    /// Why packets are not displayed frames one to one, once that is known.
    pub(super) doubt: Option<String>,
    /// Whether a decoder that begins at the first packet shows all that the headers announce.
    pub(super) whole_start: bool,
    /// The latest timestamp, and the duration of its packet.
    last: Option<(i64, i64)>,
    reached: i64,
}

impl Watch {
    /// For the codec that libav calls `codec`, configured by `extradata`.
    pub(super) fn new(codec: &str, extradata: &[u8]) -> Self {
        let headers = Headers::of(codec, extradata);
        let doubt = (!headers.are_known())
            .then(|| format!("packets of {codec} do not tell how many frames they show"));
        Self {
            headers,
            pts: Vec::new(),
            entries: Vec::new(),
            stands_alone: true,
            pulls_down: false,
            packets: 0,
            entered: 0,
            dynamic: None,
            doubt,
            whole_start: false,
            last: None,
            reached: i64::MIN,
        }
    }

    /// Takes the next packet of the stream.
    pub(super) fn take(&mut self, packet: &libav::Packet) {
        let look = self.headers.look(packet.data().unwrap_or_default(), packet.is_key());
        let doubt = look.doubt.or_else(|| doubt_of(packet, look.shows));
        if let (None, Some(doubt)) = (&self.doubt, doubt) {
            self.doubt = Some(doubt.to_owned());
        }
        self.dynamic = self.dynamic.or(look.dynamic);
        self.stands_alone &= look.entry.is_some();
        self.pulls_down |= look.pulls_down;
        if self.packets == 0 {
            self.whole_start = look.whole_start;
        }
        self.enter(packet, look.entry);
        self.packets += 1;
        let Some(pts) = packet.pts() else { return };
        self.lead(pts);
        if look.shows && self.doubt.is_none() {
            self.pts.push(Pts(pts));
        }
        if self.last.is_none_or(|(last, _)| last < pts) {
            self.last = Some((pts, packet.duration()));
        }
    }

    /// Keeps the packet as an entry where it is one worth keeping. The first packet always is.
    fn enter(&mut self, packet: &libav::Packet, kind: Option<EntryKind>) {
        let first = self.packets == 0;
        let Some(mut kind) = kind.or_else(|| first.then_some(EntryKind::Unknown)) else { return };
        let Some(pts) = packet.pts().or_else(|| packet.dts()).or_else(|| first.then_some(i64::MIN))
        else {
            return;
        };
        if packet.pts().is_none() {
            // A frame that takes its time from a decoding stamp may come before what it says.
            kind = EntryKind::Unknown;
        }
        let last_kind = self.entries.last().map(|entry| entry.kind);
        let is_close = self.packets - self.entered < ENTRY_SPACING;
        let is_better = kind == EntryKind::Idr && last_kind != Some(EntryKind::Idr);
        if !first && is_close && !is_better {
            return;
        }
        if pts <= self.reached && !first {
            self.doubt.get_or_insert_with(|| "timestamps run backwards".to_owned());
            return;
        }
        (self.reached, self.entered) = (pts, self.packets);
        let byte = u64::try_from(packet.position()).ok();
        self.entries.push(Entry { frame: 0, pts: Pts(pts), dts: packet.dts(), byte, kind });
    }

    /// An entry with pictures that lead it is no free cut of packets: they come behind it and are shown before.
    fn lead(&mut self, pts: i64) {
        if let Some(last) = self.entries.last_mut().filter(|last| pts < last.pts.0)
            && last.kind == EntryKind::Idr
        {
            last.kind = EntryKind::Recovery;
        }
    }

    /// The second entry: from it on every frame can be decoded.
    pub(super) fn second_entry(&self) -> Option<Pts> {
        self.entries.get(1).map(|entry| entry.pts)
    }

    /// How far damage spreads.
    pub(super) fn key_pictures(&self) -> Spread {
        if self.stands_alone {
            return Spread::Nowhere;
        }
        Spread::ToEntries(self.entries.iter().map(|entry| entry.pts).collect())
    }

    /// What the packets say that the output does not.
    pub(super) fn told(&self) -> Option<String> {
        self.pulls_down.then(|| PULLDOWN.to_owned())
    }

    /// The table of the frames at `pts`, which rise, with the entries that went by.
    ///
    /// # Errors
    /// [`MediaError::NoFrames`], [`MediaError::BadTimes`].
    pub(super) fn take_table(
        &mut self,
        pts: Vec<Pts>,
        timebase: Timebase,
        origin: TableOrigin,
    ) -> Result<FrameTable, MediaError> {
        table_of(
            pts,
            std::mem::take(&mut self.entries),
            self.last.map(|(_, duration)| duration),
            timebase,
            origin,
        )
    }
}

/// The table of the frames at `pts`, which rise, with entries that do not know their frames yet; `told` is
/// what the last frame's packet says of its duration.
///
/// # Errors
/// [`MediaError::NoFrames`], [`MediaError::BadTimes`].
pub(crate) fn table_of(
    pts: Vec<Pts>,
    mut entries: Vec<Entry>,
    told: Option<i64>,
    timebase: Timebase,
    origin: TableOrigin,
) -> Result<FrameTable, MediaError> {
    let (Some(first), Some(last)) = (pts.first().copied(), pts.last().copied()) else {
        return Err(MediaError::NoFrames);
    };
    let step = pts.len().checked_sub(2).map(|before| last.0 - pts[before].0);
    let last_duration = match (told.filter(|duration| *duration > 0), step) {
        // A packet that is one field of two tells the field's duration.
        (Some(told), Some(step)) if told.saturating_mul(2) == step => step,
        (told, step) => told.or(step).unwrap_or(1),
    };
    for entry in &mut entries {
        if entry.pts.0 == i64::MIN {
            entry.pts = first;
        }
        entry.frame = pts.partition_point(|one| *one < entry.pts) as u64;
    }
    entries.retain(|entry| entry.frame < pts.len() as u64);
    if entries.is_empty() {
        return Err(MediaError::Internal("no entry is before any frame".to_owned()));
    }
    let table = FrameTable { timebase, pts, last_duration, entries, origin };
    table.check().map_err(|bad| MediaError::BadTimes { detail: bad.to_string() })?;
    Ok(table)
}

/// What a packet itself says against being one displayed frame.
fn doubt_of(packet: &libav::Packet, shows: bool) -> Option<&'static str> {
    let changes = [
        libav::codec::packet::side_data::Type::NewExtraData,
        libav::codec::packet::side_data::Type::ParamChange,
    ];
    if is_hidden(packet) {
        Some("an edit list hides frames")
    } else if packet.is_corrupt() {
        Some("packets are flagged as damaged")
    } else if packet.pts().is_none() && shows {
        Some("packets without a timestamp")
    } else if packet.side_data().any(|data| changes.contains(&data.kind())) {
        Some("the codec's configuration changes in mid-stream")
    } else {
        None
    }
}
