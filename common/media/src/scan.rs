//! Intake: the table of displayed frames, from packets in one pass.

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::SourceDescription;

use crate::error::MediaError;
use crate::input::Input;
use crate::probe;

/// How to scan.
#[derive(Debug, Clone, Default)]
pub struct ScanOrder {
    /// Decode everything, for this reason.
    pub decode_all: Option<String>,
    /// Take damaged pictures as the decoder shows them.
    pub conceal: bool,
    /// Threads of the decoder, where everything is decoded.
    pub threads: u32,
}

/// What intake learned.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// What the source is.
    pub description: SourceDescription,
    /// Its displayed frames.
    pub table: FrameTable,
    /// What is worth telling a person.
    pub notes: Vec<String>,
}

/// Makes the frame table of `source`; `progress` hears the number of frames found so far.
///
/// # Errors
/// To come.
pub fn scan(
    source: Arc<dyn ReadAt>,
    name_hint: &str,
    order: &ScanOrder,
    progress: &mut dyn FnMut(u64),
) -> Result<Scanned, MediaError> {
    let mut input = Input::open(source, name_hint)?;
    let description = probe::describe(&mut input)?;
    progress(0);
    Err(MediaError::Internal(format!("no table yet: {order:?} {description:?}")))
}
