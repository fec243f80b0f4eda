//! What a request must be before it becomes a job: parsed, of sense, its caller's to make, with places that its owner
//! may use and an output that can be written. Found out here it costs a second; found out by the stitch it would cost the work.

use cleanplate_access::Caller;
use cleanplate_proto::v1 as pb;
use cleanplate_store::{
    Location, MovieUpload, PLACE_BYTES_MAX, PlaceError, Places, StoreError, Use, https_host,
};
use cleanplate_types::choice::{WRITTEN, extension};
use cleanplate_types::failure::FailureKind;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use tonic::Status;
use url::Url;

/// Takes a request, with places as URLs and the coordinator's own encoder where it asks for `auto`.
///
/// # Errors
/// A status with one sentence.
pub(super) fn admit(
    request: pb::JobRequest,
    encoder_default: EncoderChoice,
    (caller, places): (&Caller, &Places),
) -> Result<JobRequest, Status> {
    let mut request = JobRequest::try_from(request)?;
    are_short(&request)?;
    request.owner = caller.owner_of_new(&request.owner)?;
    caller.may_prefer(request.priority)?;
    refuse_inner(&request.input)?;
    refuse_inner(&request.output)?;
    let (input, output) = (place_of(&request.input)?, place_of(&request.output)?);
    if input.is_same(&output) {
        return Err(Status::invalid_argument(format!(
            "the output is the input, {input}, which is never written to; name another output"
        )));
    }
    request.input = input.url();
    request.output = output.url();
    // One without an ending becomes what its source is.
    if let Some(ending) = extension(&request.output).filter(|it| !WRITTEN.contains(&it.as_str())) {
        return Err(Status::invalid_argument(format!(
            "`.{}` is not written here; name the output .{}",
            ending.escape_default(),
            WRITTEN.join(", .")
        )));
    }
    may_use(&request, places)?;
    if request.encoder == EncoderChoice::Auto {
        request.encoder = encoder_default;
    }
    Ok(request)
}

/// Letters of an owner, of a preset, of what a detector is to look for.
const WORD_LETTERS_MAX: usize = 200;

/// Classes of a detector: models know some hundred at most.
const CLASSES_MAX: usize = 1_000;

/// Parts of a path, one below the other.
const DEPTH_MAX: usize = 256;

/// Refuses texts that are longer than anything that they could name: all of them are kept in the journal, and told to
/// many.
fn are_short(request: &JobRequest) -> Result<(), Status> {
    is_word("an owner", &request.owner)?;
    is_word("a preset", request.preset.as_deref().unwrap_or_default())?;
    for detector in &request.detectors {
        if detector.classes.len() > CLASSES_MAX {
            return Err(Status::invalid_argument(format!(
                "a detector has at most {CLASSES_MAX} classes that count"
            )));
        }
        detector.classes.iter().try_for_each(|class| is_word("a class of a detector", class))?;
    }
    let models = request.detectors.iter().map(|detector| &detector.model).chain(&request.painter);
    models.map(|model| &model.url).try_for_each(|url| is_short(url))
}

/// Refuses a text that is more than a name.
pub(super) fn is_word(what: &str, text: &str) -> Result<(), Status> {
    if text.chars().count() > WORD_LETTERS_MAX || text.chars().any(char::is_control) {
        return Err(Status::invalid_argument(format!(
            "{what} is at most {WORD_LETTERS_MAX} letters, and none that steers a terminal"
        )));
    }
    Ok(())
}

/// Refuses what is longer than a path or a key can be, before anybody follows its folders one by one.
pub(super) fn is_short(place: &str) -> Result<(), Status> {
    if place.len() > PLACE_BYTES_MAX || place.split('/').count() > DEPTH_MAX {
        return Err(Status::invalid_argument(format!(
            "a place is at most {PLACE_BYTES_MAX} bytes, and {DEPTH_MAX} folders deep"
        )));
    }
    Ok(())
}

/// A place that a person names: relative to which folder a path is meant, only they know.
fn place_of(text: &str) -> Result<Location, Status> {
    is_short(text)?;
    if !text.contains(':') && !text.starts_with('/') {
        return Err(Status::invalid_argument(format!(
            "`{text}` is no full path and no URL: write it as the coordinator and its workers find it"
        )));
    }
    let place = Location::parse(text).map_err(refusal)?;
    // One spelling for one place: a path may have `..` in it, its URL read again has none.
    Location::parse(&place.url()).map_err(refusal)
}

/// Where the source of a job of `owner` is.
///
/// # Errors
/// As for [`admit`].
pub(crate) fn source_of(text: &str, owner: &str, places: &Places) -> Result<Location, Status> {
    refuse_inner(text)?;
    let location = place_of(text)?;
    let checked = places.check_here(owner, Use::Source, &location.url());
    checked.map_err(|error| refused_place(&error))?;
    Ok(location)
}

/// What leads into an inner network is refused as that, whatever else it is.
fn refuse_inner(text: &str) -> Result<(), Status> {
    is_short(text)?;
    match Url::parse(text).ok().filter(|url| url.scheme() == "https") {
        Some(url) => https_host(&url).map(drop).map_err(|error| refused_place(&error.into())),
        None => Ok(()),
    }
}

/// Whether the job's owner may read and write what the job names.
///
/// # Errors
/// `PERMISSION_DENIED`, with the setting that would allow it.
pub(super) fn may_use(request: &JobRequest, places: &Places) -> Result<(), Status> {
    let check = |used, url: &str| {
        let checked = places.check_here(&request.owner, used, url);
        checked.map_err(|error| refused_place(&error))
    };
    check(Use::Source, &request.input)?;
    check(Use::Destination, &request.output)?;
    let models = request.detectors.iter().map(|detector| &detector.model).chain(&request.painter);
    for model in models.filter(|model| !model.is_installed()) {
        check(Use::Source, &model.url)?;
    }
    Ok(())
}

pub(super) fn refused_place(error: &PlaceError) -> Status {
    match error {
        PlaceError::NotListed { .. } | PlaceError::Own { .. } | PlaceError::Address(_) => {
            Status::permission_denied(error.to_string())
        }
        PlaceError::Odd { .. } => Status::invalid_argument(error.to_string()),
    }
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
pub(crate) fn refusal(error: StoreError) -> Status {
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
