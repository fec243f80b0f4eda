//! The time of frames whose packets do not tell it, as the ffmpeg command line gives it.
//!
//! Owns two cases: the last frames of a container without presentation stamps, and all frames of a bare
//! stream. Refuses to correct a time that is told.

use ffmpeg_next as libav;

/// Tells the time of frames whose packets do not: those that come out when a container without
/// presentation stamps has ended, and all frames of a bare stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// Whether any packet had a timestamp.
    told: bool,
    /// The next frame's time, as decoding stamps or the frame rate have it.
    next: i64,
    /// Ticks of a frame by the stream's frame rate.
    step: i64,
}

impl Clock {
    /// For frames of `stream`, by its frame rate where nothing else is known.
    pub(super) fn of(stream: &libav::Stream<'_>) -> Self {
        let (rate, base) = (stream.avg_frame_rate(), stream.time_base());
        let ticks = i64::from(rate.denominator()) * i64::from(base.denominator());
        let unit = i64::from(rate.numerator()) * i64::from(base.numerator());
        let step = if unit > 0 { (ticks / unit).max(1) } else { 1 };
        Self { told: false, next: 0, step }
    }

    /// Hears what a packet says, in decoding order.
    pub(super) fn hear(&mut self, packet: &libav::Packet) {
        self.told |= packet.pts().is_some() || packet.dts().is_some();
        if let Some(dts) = packet.dts() {
            let duration = packet.duration();
            self.next = dts.saturating_add(if duration > 0 { duration } else { self.step });
        }
    }

    /// The time of the next frame that has none of its own; nothing where packets tell the time and
    /// the decoder is not being emptied yet.
    pub(super) fn tell(&mut self, draining: bool) -> Option<i64> {
        if self.told && !draining {
            return None;
        }
        let now = self.next;
        self.next = now.saturating_add(self.step);
        Some(now)
    }
}
