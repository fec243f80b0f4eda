//! Whether a part can be joined: its summary against the plan, before it is committed (invariant 7).

use cleanplate_types::cell::Cell;
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncodeSpec;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::{PartSummary, layout_text};
use cleanplate_types::time::Timebase;

/// Why a part cannot be joined; names what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeamError {
    /// It is another cell's.
    #[error("the part is of cell {found}, not of cell {expected}")]
    Cell {
        /// The cell that was asked for.
        expected: CellIndex,
        /// The cell that came.
        found: CellIndex,
    },
    /// It was made by another contract.
    #[error("the part of cell {cell} was made by encode spec {found}, the job's is {expected}")]
    Spec {
        /// Which cell.
        cell: CellIndex,
        /// The job's.
        expected: Sha,
        /// The part's.
        found: Sha,
    },
    /// It has too few or too many frames.
    #[error("the part of cell {cell} has {found} frames, the cell has {expected}")]
    Frames {
        /// Which cell.
        cell: CellIndex,
        /// The cell's.
        expected: u64,
        /// The part's.
        found: u64,
    },
    /// It has the right number of wrong frames.
    #[error(
        "the part of cell {cell} shows frames at other times than the source: digest {found}, the cell's is {expected}"
    )]
    Times {
        /// Which cell.
        cell: CellIndex,
        /// The cell's.
        expected: Sha,
        /// The part's.
        found: Sha,
    },
    /// A decoder cannot start at it.
    #[error("the part of cell {cell} does not start with a key frame")]
    NotKey {
        /// Which cell.
        cell: CellIndex,
    },
    /// Its coding order runs further ahead than the stitch's dts allow.
    #[error(
        "the part of cell {cell} reorders by {found} frames, the encode spec allows {expected}"
    )]
    Reorder {
        /// Which cell.
        cell: CellIndex,
        /// The most that is allowed.
        expected: u8,
        /// The part's.
        found: u8,
    },
    /// Its timestamps count on another clock.
    #[error("the part of cell {cell} counts in {found}, the job in {expected}")]
    Clock {
        /// Which cell.
        cell: CellIndex,
        /// The job's clock.
        expected: Timebase,
        /// The part's.
        found: Timebase,
    },
    /// It does not tell what its parameter sets say.
    #[error("the part of cell {cell} does not tell what its parameter sets say")]
    Unread {
        /// Which cell.
        cell: CellIndex,
    },
    /// Its pictures have another size, by its own parameter sets.
    #[error(
        "the part of cell {cell} has pictures of {found_width}x{found_height}, the job's have {width}x{height}"
    )]
    Size {
        /// Which cell.
        cell: CellIndex,
        /// Width of its pictures.
        found_width: u32,
        /// Height of its pictures.
        found_height: u32,
        /// Width of the job's.
        width: u32,
        /// Height of the job's.
        height: u32,
    },
    /// Its samples are laid out otherwise, by its own parameter sets.
    #[error("the part of cell {cell} has {found}, the job {expected}")]
    Samples {
        /// Which cell.
        cell: CellIndex,
        /// The job's, in words.
        expected: String,
        /// The part's, in words.
        found: String,
    },
    /// Its samples are to be shown otherwise, by its own parameter sets.
    #[error("the part of cell {cell} says {differs}")]
    Signal {
        /// Which cell.
        cell: CellIndex,
        /// What it says, and what the job does.
        differs: String,
    },
    /// It keeps back what its neighbour is compared with.
    #[error(
        "the part of cell {cell} does not tell the hash of {which}, which its neighbour shares"
    )]
    Border {
        /// Which cell.
        cell: CellIndex,
        /// Which frame.
        which: &'static str,
    },
    /// Its parameter sets are not those of the parts before it, or of the source whose packets it is made of.
    #[error("the part of cell {cell} has extradata {found}, the job's other parts have {expected}")]
    Extradata {
        /// Which cell.
        cell: CellIndex,
        /// The first accepted part's, or the source's.
        expected: Sha,
        /// The part's.
        found: Sha,
    },
    /// It holds no bytes.
    #[error("the part of cell {cell} is empty")]
    Empty {
        /// Which cell.
        cell: CellIndex,
    },
}

/// What a part is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Seam<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// The job's encode contract.
    pub spec: &'a EncodeSpec,
    /// Its fingerprint.
    pub fingerprint: Sha,
    /// The extradata of the first accepted part that was encoded, where there is one; that of parts of the
    /// source's own packets is in the contract.
    pub extradata: Option<Sha>,
    /// Which borders it shares with parts that tell of the same frame.
    pub shared: Shared,
}

/// The borders of a cell at which both neighbours must tell how they decoded the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shared {
    /// The one before it, which its decoder must have seen: the cell does not begin at an IDR.
    pub before: bool,
    /// The one after it.
    pub after: bool,
}

/// Checks that the part which `summary` tells of can be joined.
///
/// # Errors
/// [`SeamError`] names the first thing that does not fit.
pub fn check(seam: Seam<'_>, summary: &PartSummary) -> Result<(), SeamError> {
    let Seam { cell, spec, fingerprint, extradata, shared } = seam;
    let index = cell.index;
    if summary.cell != index {
        return Err(SeamError::Cell { expected: index, found: summary.cell });
    }
    if summary.spec != fingerprint {
        return Err(SeamError::Spec { cell: index, expected: fingerprint, found: summary.spec });
    }
    let frames = cell.frames.count();
    if summary.frames != frames {
        return Err(SeamError::Frames { cell: index, expected: frames, found: summary.frames });
    }
    if summary.digest != cell.digest {
        let (expected, found) = (cell.digest.0, summary.digest.0);
        return Err(SeamError::Times { cell: index, expected, found });
    }
    if !summary.starts_with_key {
        return Err(SeamError::NotKey { cell: index });
    }
    if summary.reorder_frames > spec.reorder_frames {
        let (expected, found) = (spec.reorder_frames, summary.reorder_frames);
        return Err(SeamError::Reorder { cell: index, expected, found });
    }
    pictures(spec, summary)?;
    let copied = spec.copied.as_ref().filter(|_| spec.copies(index));
    if let Some(expected) = copied.map(|copied| copied.extradata).or(extradata)
        && summary.extradata != expected
    {
        return Err(SeamError::Extradata { cell: index, expected, found: summary.extradata });
    }
    if summary.part_bytes == 0 {
        return Err(SeamError::Empty { cell: index });
    }
    borders(shared, summary)
}

/// Checks that nothing is kept back that a neighbour is compared with.
fn borders(shared: Shared, summary: &PartSummary) -> Result<(), SeamError> {
    let cell = summary.cell;
    if shared.before && summary.before.is_none() {
        return Err(SeamError::Border { cell, which: "the frame before it" });
    }
    if shared.after && summary.last.is_none() {
        return Err(SeamError::Border { cell, which: "its last frame" });
    }
    Ok(())
}

/// Checks clock and pictures.
fn pictures(spec: &EncodeSpec, summary: &PartSummary) -> Result<(), SeamError> {
    let cell = summary.cell;
    if summary.timebase != spec.timebase {
        let (expected, found) = (spec.timebase, summary.timebase);
        return Err(SeamError::Clock { cell, expected, found });
    }
    let Some(coded) = summary.coded else {
        let unread = spec.encoder.name.has_parameter_sets();
        return if unread { Err(SeamError::Unread { cell }) } else { Ok(()) };
    };
    let (width, height) = (spec.width, spec.height);
    if (coded.width, coded.height) != (width, height) {
        let (found_width, found_height) = (coded.width, coded.height);
        return Err(SeamError::Size { cell, found_width, found_height, width, height });
    }
    if !coded.has_samples_of(&spec.layout) {
        let (expected, found) = (layout_text(&spec.layout), coded.samples_text());
        return Err(SeamError::Samples { cell, expected, found });
    }
    // What the source's say was looked at when it was decided to copy.
    if let Some(differs) = coded.signal.differs(spec).filter(|_| !spec.copies(cell)) {
        return Err(SeamError::Signal { cell, differs });
    }
    match coded.reorder_frames.filter(|found| *found > spec.reorder_frames) {
        Some(found) => Err(SeamError::Reorder { cell, expected: spec.reorder_frames, found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
