//! The way of a stream of the source into the movie: its packets' timestamps on the movie's clocks.
//!
//! Owns the one rule that a packet of another stream than the video is moved to the nearest tick, and
//! only as far as a muxer needs rising times. Refuses to touch when a reordered picture is shown.

pub(super) mod ffi;
mod hidden;
mod left_out;

use cleanplate_types::source::StreamKind;
use cleanplate_types::time::{Pts, Timebase};
use ffmpeg_next as libav;

use super::ffi::Stamps;
use super::movie::{Clock, Plan};
use crate::adts::{self, Spoilt};
use crate::container::Container;
use crate::error::MediaError;
use crate::input::Input;
use crate::when;
use hidden::Hidden;
use left_out::LeftOut;

/// What is needed of a stream of the source to keep its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) timebase: (i32, i32),
    /// Samples a second; 0 where it is no sound.
    pub(super) sample_rate: i32,
    /// Whether pictures may be shown in another order than they are coded.
    pub(super) reorders: bool,
    /// Samples ahead of the first that is heard, where Matroska keeps them in a place of their own.
    pub(super) matroska_delay: i32,
    /// Whether the demuxer keeps it to itself (chapters that it has read already).
    pub(super) is_internal: bool,
    /// The sample entry or the like.
    pub(super) tag: [u8; 4],
}

/// Packets that came out of order.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    packets: u64,
    /// When the first of them is due, on the source's clock.
    first: Option<i64>,
    /// The most by which one was moved, in ticks of the movie's stream.
    furthest: i64,
}

/// The way of one stream of the source into the movie.
pub(super) struct Lane {
    pub(super) place: usize,
    pub(super) timing: Timing,
    to: Clock,
    is_sound: bool,
    /// Whether the source's container has decoding timestamps.
    has_decoding_times: bool,
    /// The decoding timestamp written last, in ticks of the movie's stream.
    last: Option<i64>,
    /// Ticks from one decoding timestamp to the next at least: Matroska's clock is coarse, and several
    /// packets may share one tick there.
    least_step: i64,
    /// Ticks that are added to every stamp: Matroska counts its sound's time from the first sample, heard or
    /// not, and libav's muxer leaves that to others.
    pub(super) delay: i64,
    /// libav's state of sound on a finer clock.
    sound: i64,
    /// Packets whose decoding timestamp had to be moved to rise.
    moved: Moved,
    hidden: Hidden,
    /// Whether packets lose a header of their own (ADTS) on the way.
    loses_headers: bool,
    /// Packets that are left out.
    pub(super) left_out: LeftOut,
}

impl Lane {
    /// The way of stream `index` of the source to `place` in the movie, whose clock there is `to`.
    pub(super) fn open(
        input: &Input,
        index: usize,
        (place, to): (usize, Clock),
        container: Container,
    ) -> Option<Self> {
        let timing = ffi::timing(input.context(), index)?;
        let has_place = timing.matroska_delay > 0;
        let delay = match timing.matroska_delay {
            samples if samples > 0 && timing.sample_rate > 0 && container.is_matroska() => {
                ffi::rescale(i64::from(samples), (1, timing.sample_rate), to)
            }
            _ => 0,
        };
        let facts = input.facts(index)?;
        let has_headers = facts.codec == "aac" && facts.extradata.is_empty();
        Some(Self {
            loses_headers: has_headers && !matches!(container, Container::Ts { .. }),
            left_out: LeftOut::default(),
            place,
            timing,
            delay,
            to,
            is_sound: facts.kind == StreamKind::Audio,
            has_decoding_times: !input.container().contains("matroska"),
            last: None,
            least_step: i64::from(!container.is_matroska()),
            sound: ffi::NO_STAMP,
            moved: Moved::default(),
            hidden: Hidden::in_container(container, has_place),
        })
    }

    /// What keeps a packet from being copied; nothing where it can.
    pub(super) fn fault_of(&self, packet: &libav::Packet) -> Option<&'static str> {
        let data = packet.data().unwrap_or_default();
        self.loses_headers.then(|| adts::fault_of(data)).flatten()
    }

    /// The refusal of a packet of stream `index` of the source.
    pub(super) fn refusal(&self, index: usize, due: Option<i64>, why: &'static str) -> MediaError {
        let stream = u32::try_from(index).unwrap_or(u32::MAX);
        let (num, den) = self.timing.timebase;
        let number = |number: i32| u32::try_from(number).unwrap_or(0);
        match Timebase::new(number(num), number(den)) {
            Some(timebase) => Spoilt { stream, pts: due.map(Pts), timebase, why }.refusal(),
            None => MediaError::Internal(format!("stream {index} has no clock")),
        }
    }

    /// The stamps of a packet on the movie's clock.
    pub(super) fn stamps(&mut self, input: &Input, index: usize, packet: &libav::Packet) -> Stamps {
        if self.is_sound {
            self.hidden.hear(packet);
        }
        let from = self.timing.timebase;
        let duration = ffi::rescale(packet.duration(), from, self.to);
        if self.timing.reorders {
            return self.reordered(packet, duration);
        }
        let own = packet.dts().or_else(|| packet.pts());
        let shown = packet.pts().or(own);
        let mut dts = own.map(|own| self.on_movie_clock(input, index, packet, own));
        let mut pts = match (own, dts, shown) {
            // Sound has one stamp: both stay together on the finer clock.
            (Some(own), Some(dts), Some(shown)) if own == shown => Some(dts),
            (_, _, shown) => shown.map(|shown| ffi::rescale(shown, from, self.to)),
        };
        if let (Some(last), Some(this)) = (self.last, dts)
            && this < last + self.least_step
        {
            // A muxer takes rising times only.
            let next = last + self.least_step;
            self.moved.packets += 1;
            self.moved.first = self.moved.first.or(own);
            self.moved.furthest = self.moved.furthest.max(next - this);
            dts = Some(next);
            pts = pts.map(|pts| pts.max(next));
        }
        self.last = dts.or(self.last);
        let late = |stamp: Option<i64>| stamp.map(|stamp| stamp + self.delay);
        Stamps { pts: late(pts), dts: late(dts), duration }
    }

    /// What is to be told of packets that were moved.
    pub(super) fn displaced(&self) -> Option<String> {
        let Moved { packets, first, furthest } = self.moved;
        let first = first.filter(|_| packets > 0)?;
        let millis = ffi::rescale(furthest, self.to, (1, 1000));
        Some(format!(
            "{packets} packets came out of order; their times were moved (the first is due at {}, and none was \
             moved by more than {millis} ms)",
            when::told(first, self.timing.timebase)
        ))
    }

    /// What the source hides of the sound and the movie does not, in words.
    pub(super) fn uncovered(&self) -> Option<String> {
        self.hidden.uncovered()
    }

    /// The stamps of a packet of pictures that are coded in another order than shown: when they are shown
    /// is never touched. Where the container has no decoding times (the demuxer's are guesses, which need
    /// not rise), libav finds some from the order.
    fn reordered(&mut self, packet: &libav::Packet, duration: i64) -> Stamps {
        let on_movie = |stamp: i64| ffi::rescale(stamp, self.timing.timebase, self.to);
        let dts = packet.dts().filter(|_| self.has_decoding_times).map(on_movie);
        Stamps { pts: packet.pts().map(on_movie), dts, duration }
    }

    fn on_movie_clock(
        &mut self,
        input: &Input,
        index: usize,
        packet: &libav::Packet,
        stamp: i64,
    ) -> i64 {
        let from = self.timing.timebase;
        let is_finer =
            i64::from(self.to.1) * i64::from(from.0) > i64::from(from.1) * i64::from(self.to.0);
        if !(self.is_sound && is_finer && self.timing.sample_rate > 0) {
            return ffi::rescale(stamp, from, self.to);
        }
        let samples = ffi::samples_in(input.context(), index, packet.size());
        ffi::rescale_sound(
            (from, self.to),
            self.timing.sample_rate,
            stamp,
            samples,
            &mut self.sound,
        )
    }
}

/// Ticks a second of an MP4's movie clock: the usual 1000, or what makes the start of every stream a whole
/// number of ticks, since late starts are written on this clock.
pub(super) fn movie_clock(plan: &Plan<'_>) -> u32 {
    const USUAL: u64 = 1000;
    let mut ticks = USUAL;
    for (index, stream) in plan.input.context().streams().enumerate() {
        let base = stream.time_base();
        // The first packet of a video may be one that is never shown.
        let first_shown = plan.stream.first_shown().filter(|_| index == plan.video);
        let start = first_shown.unwrap_or_else(|| stream.start_time());
        let (num, den) = (i64::from(base.numerator()), i64::from(base.denominator()));
        if start == i64::MIN || start <= 0 || den <= 0 {
            continue;
        }
        let rate = ffi::timing(plan.input.context(), index).map_or(0, |timing| timing.sample_rate);
        // The start in seconds is `over / all`: its reduced denominator must divide the clock. Sound is
        // counted in samples in the movie.
        let (over, all) = if rate > 0 {
            let clock = (base.numerator(), base.denominator());
            (ffi::rescale(start, clock, (1, rate)).unsigned_abs(), u64::from(rate.unsigned_abs()))
        } else {
            (start.unsigned_abs().saturating_mul(num.unsigned_abs()), den.unsigned_abs())
        };
        let under = all / gcd(over, all);
        let common = ticks / gcd(ticks, under) * under;
        if u32::try_from(common).is_ok_and(|common| i32::try_from(common).is_ok()) {
            ticks = common;
        } else if index == plan.video {
            // The video's start is never rounded; a sound's is, by less than its own sample.
            ticks = under;
        }
    }
    u32::try_from(ticks).unwrap_or(1000)
}

const fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { gcd(other, one % other) }
}
