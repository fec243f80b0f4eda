//! Compares any two files, one of which was made from the other: what survived, what changed, what is lost.
//!
//! Owns the judgement of what should have survived. The cheap part reads packets; the full part decodes
//! both in step. Memory does not grow with the video but for its table of times and the prints of the
//! other streams' packets. Refuses to guess: where pictures cannot be compared sample by sample it says so.

mod beside;
mod identity;
mod inventory;
mod kept;
mod measure;
mod pairs;
mod pictures;
pub mod report;
mod streams;
mod tags;
mod video;
pub(crate) mod witness;

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::failure::FailureKind;
use cleanplate_types::request::{Region, UserMask};

use crate::error::MediaError;
use inventory::Inventory;
use pairs::{Common, Tables};
use report::{Aspect, Report, Status};
pub use witness::Checked;

/// A file to compare.
#[derive(Clone)]
pub struct Media {
    /// Its bytes.
    pub bytes: Arc<dyn ReadAt>,
    /// Its file name, which helps to tell raw streams apart.
    pub name: String,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Media").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How to compare.
#[derive(Debug, Clone, Default)]
pub struct VerifyOrder {
    /// Look at packets alone, decode no pictures.
    pub cheap: bool,
    /// Samples that are not compared: regions, at their times counted from the first frame.
    pub regions: Vec<Region>,
    /// Samples that are not compared: drawings of the source's size.
    pub masks: Vec<UserMask>,
    /// The largest difference of a sample outside of those that is no loss; nothing where every encoder
    /// loss is expected.
    pub tolerance: Option<u32>,
    /// Threads of each decoder.
    pub threads: u32,
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that the other was made from.
    Source,
    /// The one that was made.
    Output,
}

impl std::fmt::Display for Side {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Source => "the source",
            Self::Output => "the output",
        })
    }
}

/// Why two files could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// One of them cannot be read.
    #[error("{side} cannot be compared: {error}")]
    Unreadable {
        /// Which.
        side: Side,
        /// Why.
        #[source]
        error: MediaError,
    },
    /// One of them does not decode to the pictures that its packets promise.
    #[error("{side} cannot be compared, since it does not decode as its packets say: {error}")]
    Undecodable {
        /// Which.
        side: Side,
        /// Why.
        #[source]
        error: MediaError,
    },
    /// A mask or a region that does not fit the picture.
    #[error("{0}")]
    Mask(String),
    /// No thread could be started.
    #[error("no thread can be had: {0}")]
    NoThread(#[source] std::io::Error),
}

impl VerifyError {
    fn of(side: Side) -> impl Fn(MediaError) -> Self {
        move |error| Self::Unreadable { side, error }
    }

    /// For what a decoder ends with.
    fn of_decoding(side: Side) -> impl Fn(MediaError) -> Self {
        move |error| {
            let is_bad = matches!(error.kind(), FailureKind::TableMismatch | FailureKind::BadInput);
            if is_bad || matches!(error, MediaError::Decode { .. }) {
                Self::Undecodable { side, error }
            } else {
                Self::Unreadable { side, error }
            }
        }
    }
}

/// Compares `output` with `source`; `progress` is called now and then, from any thread.
///
/// # Errors
/// [`VerifyError`] where one cannot be read, or a mask does not fit.
pub fn verify(
    source: &Media,
    output: &Media,
    order: &VerifyOrder,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Report, VerifyError> {
    let (one, other) = std::thread::scope(|scope| {
        let read = |media, side| {
            move || inventory::read(media, order.threads, &progress).map_err(VerifyError::of(side))
        };
        let beside = std::thread::Builder::new()
            .name("verify-output".to_owned())
            .spawn_scoped(scope, read(output, Side::Output))
            .map_err(VerifyError::NoThread)?;
        let one = read(source, Side::Source)()?;
        let broken = |_panic| VerifyError::Unreadable {
            side: Side::Output,
            error: MediaError::Internal("reading it ended in a bug".to_owned()),
        };
        Ok((one, beside.join().map_err(broken)??))
    })?;
    let video = &one.description.video;
    kept::fit(&order.masks, &order.regions, (video.width, video.height))
        .map_err(VerifyError::Mask)?;
    let clocks = |file: &Inventory| {
        let streams = file.streams.iter().map(|stream| stream.clock);
        streams.chain(file.chapters.iter().filter_map(|chapter| chapter.clock)).collect::<Vec<_>>()
    };
    let tables = [one.table.timebase, other.table.timebase];
    let common = Common::of(tables.into_iter().chain(clocks(&one)).chain(clocks(&other)));
    let tables = Tables::new(common, &one.table, &other.table);
    let mut report = Report { frames: tables.count(), ..Report::default() };
    by_packets(&one, &other, &tables, &mut report);
    if !order.cheap {
        let found = pictures::compare((source, &one), (output, &other), &tables, order, progress)?;
        pictures::judge(&found, order, &mut report);
        report.pictures = Some(found);
    }
    Ok(report)
}

fn by_packets(one: &Inventory, other: &Inventory, tables: &Tables<'_>, report: &mut Report) {
    video::compare(one, other, report);
    beside::compare(one, other, tables, report);
    streams::compare(one, other, tables, report);
    tags::chapters(one, other, (tables.common, tables.shift), report);
    tags::of_files(&one.description.tags, &other.description.tags, other.held(), report);
    let (before, after) = (&one.description.container, &other.description.container);
    if before != after {
        let detail = format!("{before} became {after}");
        report.add(Aspect::Container, Status::OnPurpose, "file", detail);
    }
    for (side, file) in [(Side::Source, one), (Side::Output, other)] {
        report.notes.extend(file.notes.iter().map(|note| format!("{side}: {note}")));
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::time::Pts;

    use super::*;

    #[test]
    fn a_file_that_decodes_otherwise_than_planned_says_so() {
        let error = MediaError::TableMismatch {
            index: 50,
            expected: Some(Pts(2023)),
            found: Some(Pts(2743)),
        };
        let told = VerifyError::of_decoding(Side::Source)(error);
        assert!(matches!(told, VerifyError::Undecodable { side: Side::Source, .. }));
        let words = told.to_string();
        assert!(words.starts_with("the source cannot be compared, since"), "{words}");
        let bug = VerifyError::of_decoding(Side::Output)(MediaError::Internal("a bug".to_owned()));
        assert!(matches!(bug, VerifyError::Unreadable { .. }));
    }
}
