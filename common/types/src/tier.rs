//! Cards and the tier table: how much a worker is given to begin with, by its VRAM.
//!
//! The table is the original system's. Measured speed corrects it; this is where it starts.

use serde::{Deserialize, Serialize};

/// What a worker computes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Card {
    /// No GPU.
    None,
    /// A GPU.
    Gpu {
        /// Its name as the driver tells it.
        name: String,
        /// Its memory in MiB as the driver tells it.
        vram_mib: u64,
        /// Named by `--card` for a rehearsal; no such card is there.
        pretended: bool,
    },
}

/// What a card is doing, with all that runs on it; nothing where the driver does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CardLoad {
    /// How much of the last second or so it was busy, in percent.
    pub busy_percent: Option<u32>,
    /// Its temperature.
    pub celsius: Option<u32>,
    /// Its memory in use, in MiB.
    pub used_mib: Option<u64>,
}

/// A row of the tier table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Tier {
    /// Its name: the least VRAM of the row in GiB, or `cpu`.
    pub name: &'static str,
    /// Frames to a detector's batch.
    pub detect_batch: u32,
    /// Frames to a fill model's batch.
    pub fill_batch: u32,
    /// Frames of a first segment.
    pub segment_frames: u32,
    /// Frames a second expected at 1080p, at least.
    pub fps_min: u32,
    /// Frames a second expected at 1080p, at most.
    pub fps_max: u32,
}

/// The table, richest row first.
pub const TIERS: [Tier; 6] = [
    // >= 24 GiB
    Tier {
        name: "24",
        detect_batch: 32,
        fill_batch: 16,
        segment_frames: 450,
        fps_min: 25,
        fps_max: 35,
    },
    // 16 to < 24 GiB
    Tier {
        name: "16",
        detect_batch: 24,
        fill_batch: 12,
        segment_frames: 360,
        fps_min: 20,
        fps_max: 30,
    },
    // 10 to < 16 GiB
    Tier {
        name: "10",
        detect_batch: 20,
        fill_batch: 10,
        segment_frames: 300,
        fps_min: 15,
        fps_max: 25,
    },
    // 8 to < 10 GiB
    Tier {
        name: "8",
        detect_batch: 16,
        fill_batch: 8,
        segment_frames: 240,
        fps_min: 12,
        fps_max: 20,
    },
    // < 8 GiB
    Tier {
        name: "0",
        detect_batch: 12,
        fill_batch: 6,
        segment_frames: 180,
        fps_min: 8,
        fps_max: 15,
    },
    // No GPU: one frame at a time, since a processor gains nothing by more.
    Tier {
        name: "cpu",
        detect_batch: 1,
        fill_batch: 1,
        segment_frames: 180,
        fps_min: 7,
        fps_max: 8,
    },
];

/// Expected frames a second at 1080p on the first row where NVENC is missing, at least and at most.
pub const FIRST_ROW_WITHOUT_NVENC: (u32, u32) = (16, 20);

impl Card {
    /// Its memory in whole GiB, rounded to the nearest.
    ///
    /// Cards report less than their name says: an RTX 4090 reports 24,564 MiB by NVML and about
    /// 23.6 GiB by the CUDA runtime, and belongs in the row of 24.
    #[must_use]
    pub const fn vram_gib(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Gpu { vram_mib, .. } => Some((*vram_mib + 512) / 1024),
        }
    }

    /// Its memory in MiB; nothing where there is no card.
    #[must_use]
    pub const fn vram_mib(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Gpu { vram_mib, .. } => Some(*vram_mib),
        }
    }

    /// Its row of the table.
    #[must_use]
    pub fn tier(&self) -> Tier {
        let [first, second, third, fourth, fifth, cpu] = TIERS;
        match self.vram_gib() {
            None => cpu,
            Some(24..) => first,
            Some(16..) => second,
            Some(10..) => third,
            Some(8..) => fourth,
            Some(_) => fifth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(vram_mib: u64) -> &'static str {
        Card::Gpu { name: "test".to_owned(), vram_mib, pretended: true }.tier().name
    }

    #[test]
    fn real_cards_fall_into_the_row_of_their_name() {
        // By NVML.
        assert_eq!(row(24_564), "24", "RTX 4090");
        assert_eq!(row(32_607), "24", "RTX 5090");
        assert_eq!(row(16_376), "16", "RTX 4080");
        assert_eq!(row(10_240), "10", "RTX 3080");
        assert_eq!(row(12_282), "10", "RTX 4070");
        assert_eq!(row(8_188), "8", "RTX 4060");
        assert_eq!(row(6_144), "0", "RTX 2060");
        assert_eq!(row(143_771), "24", "H200");
    }

    #[test]
    fn the_lower_numbers_of_the_cuda_runtime_choose_the_same_row() {
        assert_eq!(row(24_166), "24", "RTX 4090, 23.6 GiB");
        assert_eq!(row(16_047), "16", "RTX 4080, 15.67 GiB");
        assert_eq!(row(10_009), "10", "RTX 3080, 9.77 GiB");
        assert_eq!(row(7_941), "8", "RTX 4060, 7.76 GiB");
    }

    #[test]
    fn no_card_is_a_row_of_its_own() {
        assert_eq!(Card::None.tier().name, "cpu");
        assert_eq!(Card::None.tier().segment_frames, 180);
    }
}
