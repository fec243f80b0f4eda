//! What a request must be before it becomes a job: parsed, of sense, and with an output that can be
//! written. Found out here it costs a second; found out by the stitch it would cost the work.

use cleanplate_proto::v1 as pb;
use cleanplate_store::{Location, MovieUpload, StoreError};
use cleanplate_types::failure::FailureKind;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use tonic::Status;

/// Takes a request, with places as URLs and the coordinator's own encoder where it asks for `auto`.
///
/// # Errors
/// A status with one sentence.
pub(super) fn admit(
    request: pb::JobRequest,
    encoder_default: EncoderChoice,
) -> Result<JobRequest, Status> {
    let mut request = JobRequest::try_from(request)?;
    let input = Location::parse(&request.input).map_err(refusal)?;
    let output = Location::parse(&request.output).map_err(refusal)?;
    if input.is_same(&output) {
        return Err(Status::invalid_argument(format!(
            "the output is the input, {input}, which is never written to; name another output"
        )));
    }
    request.input = input.url();
    // One spelling for one place: a path may have `..` in it, its URL read again has none.
    request.output = Location::parse(&output.url()).map_err(refusal)?.url();
    if request.encoder == EncoderChoice::Auto {
        request.encoder = encoder_default;
    }
    Ok(request)
}

/// Proves that the output can be written, and leaves nothing there.
///
/// # Errors
/// A status with one sentence.
pub(super) async fn prove(request: &JobRequest) -> Result<(), Status> {
    let output = Location::parse(&request.output).map_err(refusal)?;
    MovieUpload::prove(&output).await.map_err(|error| {
        let status = refusal(error);
        Status::new(status.code(), format!("the output cannot be written: {}", status.message()))
    })
}

/// A place that cannot be used, for the client: its own mistake, or a state of things.
fn refusal(error: StoreError) -> Status {
    match error.kind() {
        FailureKind::BadRequest => Status::invalid_argument(error.to_string()),
        FailureKind::BadInput
        | FailureKind::SourceUnavailable
        | FailureKind::SourceChanged
        | FailureKind::TableMismatch
        | FailureKind::StoreUnavailable
        | FailureKind::WorkerLacks
        | FailureKind::EncoderFailed
        | FailureKind::EngineCrashed
        | FailureKind::EngineHung
        | FailureKind::PartRefused
        | FailureKind::LeaseLapsed
        | FailureKind::OutputUnwritable
        | FailureKind::Cancelled
        | FailureKind::Internal
        | FailureKind::SeamMismatch
        | FailureKind::AuditMismatch
        | FailureKind::OutputWrong
        | FailureKind::ObjectLost
        | FailureKind::OverLimit => Status::failed_precondition(error.to_string()),
    }
}
