//! The survey: everything that planning takes from a source's description and frame table, in one look,
//! so that neither is needed again.

use cleanplate_types::failure::FailureKind;
use cleanplate_types::frames::{BadTable, FrameTable, TableOrigin};
use cleanplate_types::limits::OverLimit;
use cleanplate_types::request::JobRequest;
use cleanplate_types::source::SourceDescription;
use cleanplate_types::time::Timebase;

use crate::input::Survey;
use crate::planning::cells::{clamped, cut_cells};
use crate::planning::cutting::cutting;
use crate::planning::encoder::{PlanError, check_request};
use crate::planning::given::{GivenError, given_plan};
use crate::planning::windows::analyse_windows;

/// A source or a request that cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SurveyError {
    /// The table breaks its own rules.
    #[error(transparent)]
    Table(#[from] BadTable),
    /// Table and description tell of different clocks.
    #[error("the frame table counts in {table}, the stream in {stream}")]
    Clock {
        /// The table's.
        table: Timebase,
        /// The description's.
        stream: Timebase,
    },
    /// The picture has no samples.
    #[error("the video stream has pictures of {width}x{height}")]
    NoPicture {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// It would be cut into too many cells.
    #[error(transparent)]
    Cells(#[from] OverLimit),
    /// What the user wants removed makes no sense for this source.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// No encoder, or not the one asked for, can serve.
    #[error(transparent)]
    Encoder(#[from] PlanError),
}

impl SurveyError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Table(_) | Self::NoPicture { .. } => FailureKind::BadInput,
            Self::Clock { .. } => FailureKind::Internal,
            Self::Given(_) => FailureKind::BadRequest,
            Self::Encoder(error) => error.kind(),
            Self::Cells(_) => FailureKind::OverLimit,
        }
    }
}

/// Plans all that can be planned before anything was decoded: cells, what the request itself says is
/// to be removed, windows to analyse. What no encoder could serve is refused here, before any work.
///
/// # Errors
/// [`SurveyError`] says what does not fit, in words for the user.
pub fn survey(
    request: &JobRequest,
    description: SourceDescription,
    table: &FrameTable,
) -> Result<Survey, SurveyError> {
    table.check()?;
    let video = &description.video;
    if table.timebase != video.timebase {
        return Err(SurveyError::Clock { table: table.timebase, stream: video.timebase });
    }
    if video.width == 0 || video.height == 0 {
        return Err(SurveyError::NoPicture { width: video.width, height: video.height });
    }
    check_request(request, video)?;
    let given = given_plan(request, video, table)?;
    let windows = if request.is_passthrough() { Vec::new() } else { analyse_windows(table) };
    let cells = cut_cells(table, request.cell_frames);
    let (cutting, why) = cutting(request, &description, table);
    let notes = notes(request).into_iter().chain(why).collect();
    let from_packets = table.origin == TableOrigin::Packets;
    Ok(Survey { cells, given, windows, notes, cutting, from_packets, description })
}

fn notes(request: &JobRequest) -> Vec<String> {
    match (request.cell_frames, clamped(request.cell_frames)) {
        (Some(asked), Some(used)) if u64::from(asked) != used => {
            vec![format!("cells of {asked} frames were asked for; the shortest is {used}")]
        }
        (Some(_), Some(_)) | (Some(_) | None, None) | (None, Some(_)) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
