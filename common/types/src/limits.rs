//! How much is accepted: of a source, of a job, of an output. Each limit is a setting and an error of its own.
//!
//! Owns the numbers, their defaults and the comparisons. Refuses to look anything up: who checks brings what it found.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind, Stage};
use crate::frames::FrameTable;
use crate::time::Pts;

/// What a source may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLimits {
    /// Its size in bytes (`limits.source_bytes`).
    pub bytes: u64,
    /// What it shows, in milliseconds (`limits.source_duration`).
    pub duration_ms: u64,
    /// Samples of a picture (`limits.source_pixels`).
    pub pixels: u64,
    /// Streams of all kinds (`limits.source_streams`).
    pub streams: u32,
    /// Frames a second (`limits.source_frame_rate`).
    pub frame_rate: u32,
}

impl SourceLimits {
    /// Beyond what cameras and archives hold, and below what makes no sense: a day of 16384x16384 at 1000 frames a
    /// second, 4 TiB.
    pub const USUAL: Self = Self {
        bytes: 4 << 40,
        duration_ms: 24 * 3_600_000,
        pixels: 16_384 * 16_384,
        streams: 256,
        frame_rate: 1000,
    };
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What goes into the store and comes out at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLimit {
    /// Times the source's size that a lease may write, and a movie may be (`limits.output_times`).
    pub times: u32,
}

impl Default for OutputLimit {
    /// A lossless encode of a source of few bits is some fifty times as large.
    fn default() -> Self {
        Self { times: 200 }
    }
}

/// Bytes that an output may have whatever its source: of a small one, tables and headers are the larger part.
pub const OUTPUT_SPARE_BYTES: u64 = 1 << 30;

/// Something is more than is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// The source is too large.
    #[error("the source has {found} bytes; `limits.source_bytes` allows {most}")]
    SourceBytes {
        /// Its size.
        found: u64,
        /// What is allowed.
        most: u64,
    },
    /// The source shows too long.
    #[error(
        "the source shows {found_ms} ms; `limits.source_duration` allows {most_ms} ms: cut it into parts"
    )]
    SourceDuration {
        /// What it shows.
        found_ms: u64,
        /// What is allowed.
        most_ms: u64,
    },
    /// Its pictures are too large.
    #[error(
        "the pictures have {width}x{height} samples; `limits.source_pixels` allows {most} of them: scale it down"
    )]
    SourcePixels {
        /// Their width.
        width: u32,
        /// Their height.
        height: u32,
        /// Samples that are allowed.
        most: u64,
    },
    /// It has too many streams.
    #[error(
        "the source has {found} streams; `limits.source_streams` allows {most}: leave some out"
    )]
    SourceStreams {
        /// How many.
        found: u64,
        /// What is allowed.
        most: u32,
    },
    /// It shows too many frames in a second.
    #[error(
        "the source has {frames} frames in {found_ms} ms; `limits.source_frame_rate` allows {most} a second"
    )]
    SourceFrameRate {
        /// How many frames.
        frames: u64,
        /// In what time.
        found_ms: u64,
        /// Frames a second that are allowed.
        most: u32,
    },
    /// The job would have too many cells.
    #[error(
        "the job would have {found} cells; `limits.cells` allows {most}: ask for longer ones by --cell-frames"
    )]
    Cells {
        /// How many.
        found: u64,
        /// What is allowed.
        most: u32,
    },
    /// More is written than such a source can need.
    #[error(
        "more than {most} bytes were written for a source of {source_bytes}, as a runaway encode would; \
         `limits.output_times` sets how much more than its source an output may be"
    )]
    Output {
        /// Bytes that are allowed.
        most: u64,
        /// The source's size.
        source_bytes: u64,
    },
}

impl OverLimit {
    /// The failure of `stage` that it is.
    #[must_use]
    pub fn failure(&self, stage: Stage) -> Failure {
        Failure::new(FailureKind::OverLimit, stage, self.to_string())
    }
}

impl SourceLimits {
    /// Checks a size.
    ///
    /// # Errors
    /// [`OverLimit::SourceBytes`].
    pub const fn check_bytes(&self, found: u64) -> Result<(), OverLimit> {
        let most = self.bytes;
        if found > most { Err(OverLimit::SourceBytes { found, most }) } else { Ok(()) }
    }

    /// Checks a number of streams.
    ///
    /// # Errors
    /// [`OverLimit::SourceStreams`].
    pub const fn check_streams(&self, found: usize) -> Result<(), OverLimit> {
        let (found, most) = (found as u64, self.streams);
        if found > most as u64 { Err(OverLimit::SourceStreams { found, most }) } else { Ok(()) }
    }

    /// Checks a size of pictures.
    ///
    /// # Errors
    /// [`OverLimit::SourcePixels`].
    pub const fn check_picture(&self, width: u32, height: u32) -> Result<(), OverLimit> {
        let most = self.pixels;
        if width as u64 * height as u64 > most {
            return Err(OverLimit::SourcePixels { width, height, most });
        }
        Ok(())
    }

    /// Checks how long a source shows, and how many frames.
    ///
    /// # Errors
    /// [`OverLimit::SourceDuration`] and [`OverLimit::SourceFrameRate`].
    pub fn check_table(&self, table: &FrameTable) -> Result<(), OverLimit> {
        let (Some(first), Some(last)) = (table.pts.first(), table.pts.last()) else {
            return Ok(());
        };
        let end = Pts(last.0.saturating_add(table.last_duration));
        let found_ms = table.timebase.nanos_between(*first, end) / 1_000_000;
        let found_ms = u64::try_from(found_ms.max(0)).unwrap_or(u64::MAX);
        if found_ms > self.duration_ms {
            return Err(OverLimit::SourceDuration { found_ms, most_ms: self.duration_ms });
        }
        let (frames, most) = (table.range().count(), self.frame_rate);
        // A single frame may be shown for an instant: what counts is a second of them.
        if frames > found_ms.div_ceil(1000).max(1).saturating_mul(most.into()) {
            return Err(OverLimit::SourceFrameRate { frames, found_ms, most });
        }
        Ok(())
    }
}

impl OutputLimit {
    /// Bytes that may be written for a source of so many.
    #[must_use]
    pub const fn of(self, source_bytes: u64) -> u64 {
        source_bytes.saturating_mul(self.times as u64).saturating_add(OUTPUT_SPARE_BYTES)
    }

    /// Checks what was written for a source of `source_bytes`.
    ///
    /// # Errors
    /// [`OverLimit::Output`].
    pub const fn check(self, source_bytes: u64, written: u64) -> Result<(), OverLimit> {
        let most = self.of(source_bytes);
        if written > most { Err(OverLimit::Output { most, source_bytes }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::TableOrigin;
    use crate::time::Timebase;

    fn table(frames: i64, step: i64) -> FrameTable {
        FrameTable {
            timebase: Timebase::new(1, 1000).unwrap(),
            pts: (0..frames).map(|frame| Pts(frame * step)).collect(),
            last_duration: step,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        }
    }

    #[test]
    fn what_is_at_a_limit_is_accepted_and_one_more_is_refused_by_the_settings_name() {
        let limits = SourceLimits {
            bytes: 10,
            duration_ms: 1000,
            pixels: 64 * 64,
            streams: 3,
            frame_rate: 50,
        };
        let said = |refused: Result<(), OverLimit>| refused.unwrap_err().to_string();
        assert_eq!(limits.check_bytes(10), Ok(()));
        assert!(said(limits.check_bytes(11)).contains("limits.source_bytes"));
        assert_eq!(limits.check_streams(3), Ok(()));
        assert!(said(limits.check_streams(4)).contains("limits.source_streams"));
        assert_eq!(limits.check_picture(128, 32), Ok(()));
        assert!(said(limits.check_picture(u32::MAX, u32::MAX)).contains("limits.source_pixels"));
        assert_eq!(limits.check_table(&table(50, 20)), Ok(()));
        assert!(said(limits.check_table(&table(51, 20))).contains("limits.source_duration"));
        assert!(said(limits.check_table(&table(51, 1))).contains("limits.source_frame_rate"));
        assert_eq!(limits.check_table(&table(1, 0)), Ok(()), "one frame is no rate");
    }

    #[test]
    fn a_table_of_extreme_times_is_refused_and_does_not_overflow() {
        let mut extreme = table(2, 1);
        extreme.pts = vec![Pts(i64::MIN), Pts(i64::MAX)];
        let refused = SourceLimits::default().check_table(&extreme).unwrap_err();
        assert!(matches!(refused, OverLimit::SourceDuration { .. }), "{refused}");
    }

    #[test]
    fn an_output_may_be_so_many_times_its_source_and_then_some() {
        let limit = OutputLimit { times: 2 };
        assert_eq!(limit.check(100, 200 + OUTPUT_SPARE_BYTES), Ok(()));
        let refused = limit.check(100, 201 + OUTPUT_SPARE_BYTES).unwrap_err();
        assert!(refused.to_string().contains("limits.output_times"), "{refused}");
        assert_eq!(OutputLimit { times: u32::MAX }.check(u64::MAX, u64::MAX), Ok(()));
        assert_eq!(refused.failure(Stage::Upload).kind, FailureKind::OverLimit);
    }
}
