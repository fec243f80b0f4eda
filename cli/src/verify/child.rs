//! The child of `verify`: compares the two files that its parent lets it read.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cleanplate_child::Link;
use cleanplate_media::verify::{Media, VerifyError, VerifyOrder, verify};
use cleanplate_types::failure::{Failure, FailureKind, Stage};

use super::Ask;
use crate::inquiry;

/// The name of what the other was made from.
pub(super) const SOURCE: &str = "source";
/// The name of what was made.
pub(super) const OUTPUT: &str = "output";

/// The least time between two signs of life.
const ALIVE_EVERY: Duration = Duration::from_secs(1);

/// Does what the parent asks; returns the process's exit status.
#[must_use]
pub(crate) fn main() -> u8 {
    inquiry::answer_parent(answer)
}

fn answer(link: &Link, request: &[u8]) -> Result<Vec<u8>, Failure> {
    let internal = |error: postcard::Error| {
        Failure::new(FailureKind::Internal, Stage::Intake, format!("verify: {error}"))
    };
    let ask: Ask = postcard::from_bytes(request).map_err(internal)?;
    let unread = |error: io::Error| {
        Failure::new(FailureKind::SourceUnavailable, Stage::Intake, error.to_string())
    };
    let open = |name: &str, file_name: String| {
        let bytes = link.open(name).map_err(unread)?;
        Ok::<_, Failure>(Media { bytes: Arc::new(bytes), name: file_name })
    };
    let source = open(SOURCE, ask.source_name)?;
    let output = open(OUTPUT, ask.output_name)?;
    let order = VerifyOrder {
        cheap: ask.cheap,
        regions: ask.regions,
        masks: ask.masks,
        tolerance: ask.tolerance,
        threads: ask.threads,
    };
    let told = Mutex::new(Instant::now());
    let progress = |_count: u64| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= ALIVE_EVERY {
            *told = Instant::now();
            // A parent that is gone ends this process by itself.
            link.event(Vec::new()).ok();
        }
    };
    let report = verify(&source, &output, &order, &progress).map_err(|error| failure(&error))?;
    postcard::to_stdvec(&report).map_err(internal)
}

fn failure(error: &VerifyError) -> Failure {
    let kind = match error {
        VerifyError::Unreadable { error, .. } => error.kind(),
        VerifyError::Undecodable { .. } => FailureKind::BadInput,
        VerifyError::Mask(_) => FailureKind::BadRequest,
        VerifyError::NoThread(_) => FailureKind::WorkerLacks,
    };
    Failure::new(kind, Stage::Intake, error.to_string())
}

#[cfg(test)]
mod tests {
    use cleanplate_media::error::MediaError;
    use cleanplate_media::verify::Side;
    use cleanplate_types::time::Pts;

    use super::*;
    use crate::exit::Status;

    #[test]
    fn what_cannot_be_compared_ends_as_what_cannot_be_read_does() {
        let error = MediaError::TableMismatch {
            index: 50,
            expected: Some(Pts(2023)),
            found: Some(Pts(2743)),
        };
        let told = failure(&VerifyError::Undecodable { side: Side::Source, error });
        assert_eq!(Status::of(told.kind), Status::BadInput);
        assert!(told.message.contains("2743"), "{}", told.message);
    }
}
