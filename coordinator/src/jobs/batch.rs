//! A whole folder: a job for each video below it, named by owner, folders and file, so that the same again is the same
//! jobs and only what is missing is new.
//!
//! Owns which files are videos and where each output goes. Each file passes the same door as a job by itself. Names
//! come and answers go one by one: a folder of any size needs the memory of a few, but for the names of the outputs
//! where all become one container.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;

use cleanplate_access::Caller;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_proto::v1 as pb;
use cleanplate_store::{Location, Use};
use cleanplate_types::choice::WRITTEN;
use cleanplate_types::ids::JobId;
use futures::{Stream, StreamExt as _};
use pb::batch_line::Line;
use tonic::{Code, Status};

use crate::closing::Closing;
use crate::jobs::names::keyed;
use crate::jobs::{JobsService, door, pattern};

/// Endings of files that are taken for videos: the containers that are read.
const VIDEOS: [&str; 18] = [
    "3gp", "asf", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf",
    "ogv", "ts", "vob", "webm", "wmv",
];

/// Patterns of a request, and letters of each.
const PATTERNS_MAX: usize = 32;
const PATTERN_LETTERS_MAX: usize = 256;

/// Outputs that are kept in mind where all become one container, so that no two files become the same one.
const CLAIMS_MAX: usize = 1_000_000;

/// Files that are looked at side by side: most of it is waiting for the outputs' store.
const FILES_AT_A_TIME: usize = 8;

/// The answer, line by line.
pub(super) type LineStream = Pin<Box<dyn Stream<Item = Result<pb::BatchLine, Status>> + Send>>;

/// A batch that was let in.
#[derive(Debug, Clone)]
struct Batch {
    service: JobsService,
    caller: Caller,
    /// Whose jobs they are.
    owner: String,
    from: Location,
    to: Location,
    request: pb::JobRequest,
    include: Vec<String>,
    container: String,
    dry_run: bool,
}

/// Begins a batch.
///
/// # Errors
/// A status where it makes no sense as a whole, or may not be.
pub(super) fn begin(
    service: &JobsService,
    caller: Caller,
    asked: pb::BatchRequest,
) -> Result<LineStream, Status> {
    let batch = Batch::parse(service, caller, asked)?;
    let names = batch.from.names_below().map_err(door::refusal)?;
    let closing = service.closing.clone();
    // Which file becomes which output, where two may become the same one.
    let mut claimed: HashMap<String, String> = HashMap::new();
    let done = names
        .map(move |name| {
            let rival = name.as_ref().map_or(Ok(None), |name| batch.rival(name, &mut claimed));
            let batch = batch.clone();
            async move {
                let name = name.map_err(door::refusal)?;
                Ok(batch.take(name, rival?).await)
            }
        })
        .buffer_unordered(FILES_AT_A_TIME)
        .take_until(closing.clone().wait());
    let totals = Some(pb::BatchTotals::default());
    let lines = Lines { done: Box::pin(done), closing, totals };
    Ok(Box::pin(futures::stream::unfold(lines, |mut lines| async move {
        let line = lines.next().await?;
        Some((line.map(|line| pb::BatchLine { line: Some(line) }), lines))
    })))
}

/// What came of files, and of all so far; no totals once the last line is said.
struct Lines<D> {
    done: Pin<Box<D>>,
    closing: Closing,
    totals: Option<pb::BatchTotals>,
}

impl<D: Stream<Item = Result<Option<pb::BatchFile>, Status>>> Lines<D> {
    async fn next(&mut self) -> Option<Result<Line, Status>> {
        let totals = self.totals.as_mut()?;
        loop {
            match self.done.next().await {
                Some(Ok(None)) => totals.others += 1,
                Some(Ok(Some(file))) => {
                    count(totals, &file.outcome);
                    return Some(Ok(Line::File(file)));
                }
                Some(Err(status)) => {
                    self.totals = None;
                    return Some(Err(status));
                }
                None => break,
            }
        }
        let totals = self.totals.take()?;
        if self.closing.is_closing() {
            return Some(Err(Status::unavailable("the coordinator is stopping; ask again")));
        }
        Some(Ok(Line::Totals(totals)))
    }
}

fn count(totals: &mut pb::BatchTotals, outcome: &str) {
    totals.files += 1;
    match outcome {
        SUBMITTED => totals.submitted += 1,
        NEW => totals.new += 1,
        KNOWN => totals.known += 1,
        EXISTS => totals.exists += 1,
        _ => totals.refused += 1,
    }
}

const SUBMITTED: &str = "submitted";
const NEW: &str = "new";
const KNOWN: &str = "known";
const EXISTS: &str = "exists";
const REFUSED: &str = "refused";

impl Batch {
    fn parse(
        service: &JobsService,
        caller: Caller,
        asked: pb::BatchRequest,
    ) -> Result<Self, Status> {
        let pb::BatchRequest { request, include, container, dry_run } = asked;
        let request = request.ok_or_else(|| Status::invalid_argument("a batch needs a request"))?;
        if include.len() > PATTERNS_MAX
            || include.iter().any(|one| one.chars().count() > PATTERN_LETTERS_MAX)
        {
            return Err(Status::invalid_argument(format!(
                "a batch has at most {PATTERNS_MAX} patterns of {PATTERN_LETTERS_MAX} letters"
            )));
        }
        let container = container.trim_start_matches('.').to_ascii_lowercase();
        if !container.is_empty() && !WRITTEN.contains(&container.as_str()) {
            return Err(Status::invalid_argument(format!(
                "`{container}` is not written here; outputs end with {}",
                WRITTEN.join(", ")
            )));
        }
        let owner = caller.owner_of_new(&request.owner)?;
        door::is_word("an owner", &owner)?;
        let from = folder("input", &request.input)?;
        let to = folder("output", &request.output)?;
        let (from_url, to_url) = (from.url(), to.url());
        for (used, url) in [(Use::Source, &from_url), (Use::Destination, &to_url)] {
            let checked = service.door.places().check_here(&owner, used, url);
            checked.map_err(|error| door::refused_place(&error))?;
        }
        let inside = format!("{}/", from_url.trim_end_matches('/'));
        if to_url == from_url || to_url.starts_with(&inside) {
            return Err(Status::invalid_argument(format!(
                "the outputs would be in the folder of the inputs, {from}, and be taken for inputs the next time; \
                 name another folder"
            )));
        }
        let service = service.clone();
        Ok(Self { service, caller, owner, from, to, request, include, container, dry_run })
    }

    /// The ending of a file that is one of the batch, in lowercase.
    fn wanted(&self, name: &str) -> Option<String> {
        let ending = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase())?;
        let is_video = VIDEOS.contains(&ending.as_str());
        let is_wanted = self.include.is_empty()
            || self.include.iter().any(|pattern| pattern::fits(pattern, name));
        let is_hidden = name.split('/').any(|part| part.starts_with('.'));
        (is_video && is_wanted && !is_hidden).then_some(ending)
    }

    /// The file that was found before this one and becomes the same output: `a.mkv` and `a.mov` both become `a.mp4`
    /// where all outputs are to be such. One of the two is refused each time, so that neither is lost silently.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` where there are more than can be kept in mind.
    fn rival(
        &self,
        name: &str,
        claimed: &mut HashMap<String, String>,
    ) -> Result<Option<String>, Status> {
        if self.container.is_empty() {
            return Ok(None);
        }
        let named = self.wanted(name).map(|ending| self.named_as(name, &ending));
        let Some(Ok(output)) = named else { return Ok(None) };
        if claimed.len() >= CLAIMS_MAX {
            return Err(Status::resource_exhausted(format!(
                "a batch with a container has at most {CLAIMS_MAX} videos; submit the folders below it one by one"
            )));
        }
        Ok(match claimed.entry(output) {
            Entry::Occupied(other) => Some(other.get().clone()),
            Entry::Vacant(free) => {
                free.insert(name.to_owned());
                None
            }
        })
    }

    /// Does what is to be done with a file; nothing where it is none of the batch.
    async fn take(&self, name: String, rival: Option<String>) -> Option<pb::BatchFile> {
        let ending = self.wanted(&name)?;
        let mut file = pb::BatchFile { file: name.clone(), ..pb::BatchFile::default() };
        match self.submit((&name, rival), &ending, &mut file).await {
            Ok(outcome) => outcome.clone_into(&mut file.outcome),
            Err(status) => {
                REFUSED.clone_into(&mut file.outcome);
                status.message().clone_into(&mut file.why);
            }
        }
        Some(file)
    }

    async fn submit(
        &self,
        (name, rival): (&str, Option<String>),
        ending: &str,
        file: &mut pb::BatchFile,
    ) -> Result<&'static str, Status> {
        let output = self.to.below(&self.named_as(name, ending)?).map_err(door::refusal)?;
        file.output = output.url();
        let job = self.job_of(name)?;
        if let Some(known) = self.service.find(&job).await? {
            job.as_str().clone_into(&mut file.job);
            known
                .outcome
                .as_ref()
                .and_then(unfinished)
                .unwrap_or_default()
                .clone_into(&mut file.why);
            return Ok(KNOWN);
        }
        if name.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Status::invalid_argument(
                "its name is no text in UTF-8, or has U+FFFD in it; rename it",
            ));
        }
        if let Some(rival) = rival {
            return Err(same_output(&rival));
        }
        let input = self.from.below(name).map_err(door::refusal)?;
        let request =
            pb::JobRequest { input: input.url(), output: output.url(), ..self.request.clone() };
        let places = (&self.caller, self.service.door.places());
        let request = door::admit(request, self.service.encoder_default, places)?;
        if output.is_there().await.map_err(door::refusal)? {
            return match self.maker_of(&request.output, name).await? {
                Some(rival) => Err(same_output(&rival)),
                None => Ok(EXISTS),
            };
        }
        if self.dry_run {
            return Ok(NEW);
        }
        output.make_room().await.map_err(door::refusal)?;
        door::prove(&request).await?;
        self.service.submit_as(&job, request, &self.caller).await?;
        job.as_str().clone_into(&mut file.job);
        Ok(SUBMITTED)
    }

    /// The job of a file.
    fn job_of(&self, name: &str) -> Result<JobId, Status> {
        let key = format!("batch\0{}\0{}\0{name}", self.from.url(), self.to.url());
        keyed(&self.owner, &key)
    }

    /// The other file of this folder whose job wrote `output`.
    async fn maker_of(&self, output: &str, name: &str) -> Result<Option<String>, Status> {
        let stem = name.strip_suffix(ending_of(name)).unwrap_or(name);
        let endings = VIDEOS.into_iter().flat_map(|it| [it.to_owned(), it.to_ascii_uppercase()]);
        for other in endings.map(|ending| format!("{stem}{ending}")).filter(|it| it != name) {
            let known = self.service.find(&self.job_of(&other)?).await?;
            if known.is_some_and(|known| known.request.output == output) {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// The output's name below its folder.
    fn named_as(&self, name: &str, ending: &str) -> Result<String, Status> {
        if !self.container.is_empty() {
            let stem = name.strip_suffix(ending_of(name)).unwrap_or(name);
            return Ok(format!("{stem}{}", self.container));
        }
        if WRITTEN.contains(&ending) {
            return Ok(name.to_owned());
        }
        Err(Status::new(
            Code::InvalidArgument,
            format!("`.{ending}` is not written here; say which container the outputs are to have"),
        ))
    }
}

fn same_output(rival: &str) -> Status {
    Status::already_exists(format!(
        "`{rival}` becomes the same output; leave the container out, or choose one of the two by a pattern and another folder"
    ))
}

/// How a job ended that left no movie.
const fn unfinished(outcome: &JobOutcome) -> Option<&'static str> {
    match outcome {
        JobOutcome::Failed(_) => Some("failed"),
        JobOutcome::Cancelled => Some("was cancelled"),
        JobOutcome::Abstained { .. } => Some("abstained"),
        JobOutcome::Done(_) | JobOutcome::Copied { .. } | JobOutcome::Previewed(_) => None,
    }
}

fn ending_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, end)| end)
}

/// A folder or a prefix, with or without a slash at its end, in one spelling.
fn folder(what: &str, text: &str) -> Result<Location, Status> {
    door::is_short(text)?;
    let trimmed = text.trim_end_matches('/');
    let (scheme_only, trimmed) =
        (trimmed.ends_with(':'), if trimmed.is_empty() { "/" } else { trimmed });
    if text.is_empty() || scheme_only {
        return Err(Status::invalid_argument(format!(
            "the {what} of a batch is a folder, not `{text}`"
        )));
    }
    let place = Location::parse(trimmed).map_err(door::refusal)?;
    Location::parse(place.url().trim_end_matches('/')).map_err(door::refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_spelling_and_the_root_of_a_scheme_is_none() {
        let url = |text: &str| folder("input", text).map(|place| place.url());
        assert_eq!(url("s3://b/in/").unwrap(), url("s3://b/in").unwrap());
        assert_eq!(url("/a/b/").unwrap(), "file:///a/b");
        for text in ["", "s3://", "file://"] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
