//! `preview`: what would be removed and what would come out, as stills in a folder, before anything is
//! encoded. Of a video, by a machine in this process as for `run`; or of a job that waits for a review.

mod stills;

use std::fs;
use std::path::{Path, PathBuf};

use cleanplate_proto::v1::ShowRequest;
use cleanplate_shapes::report::numbered;
use cleanplate_store::Location;
use cleanplate_types::request::Review;
use serde::Serialize;

use crate::arguments::{JobArguments, PreviewArguments};
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::job_state::{End, JobState, JobWords as _, OutcomeWords as _};
use crate::preview::stills::Stills;
use crate::progress::Progress;
use crate::request::Terms;
use crate::run::{Alone, Followed, work};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{follow, place, plan, request, say, worker};

/// The folder of the state, in that of the stills.
const STATE: &str = "preview.cleanplate";
/// The name of the output without its ending. A job must have an output; that of a preview is never
/// written, and lies in the folder of the state, so that nothing of it could stay.
const OUTPUT: &str = "never-written";
/// Endings of the containers that are written; another source is looked at as if for the last.
const CONTAINERS: [&str; 8] = ["mp4", "m4v", "mov", "webm", "ts", "m2ts", "mts", "mkv"];

/// Does it.
///
/// # Errors
/// A refusal with the status of the contract; it names the state folder where one is kept.
pub(crate) async fn run(
    arguments: PreviewArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    check_folder(&arguments.output)?;
    let absent = absent(&arguments.output);
    let ended = show(&arguments, settings).await;
    // What was made for stills that did not come goes again; what holds something stays.
    for folder in absent {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    ended
}

async fn show(arguments: &PreviewArguments, settings: &Settings) -> Result<Status, Refusal> {
    match (&arguments.input, &arguments.job) {
        (_, Some(job)) => of_job(job, arguments, settings).await,
        (Some(input), None) => of_video(input, arguments, settings).await,
        (None, None) => Err(Refusal::usage("name a video, or a job by --job ID")),
    }
}

/// Writes what a job of a coordinator waits with.
async fn of_job(
    job: &str,
    arguments: &PreviewArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let client = Client::of(settings, &arguments.client).await?;
    let reply = client.jobs.clone().show(ShowRequest { job: job.to_owned() }).await;
    let state = reply.map_err(|reply| client.refusal(&reply))?.into_inner().state;
    let state =
        state.ok_or_else(|| Refusal::failed("the coordinator shows a job without state"))?;
    let state = follow::parsed(state)?;
    let stills = Stills::fetch(&client, job).await?;
    let files = stills.write(&arguments.output)?;
    tell(&state, &files, arguments)?;
    if state.is_in_review() {
        say::note(&format!("the job waits for a review: {}", state.review_in_words()));
    }
    Ok(Status::Done)
}

/// Looks at a video and writes what would come out.
async fn of_video(
    input: &str,
    arguments: &PreviewArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let PreviewArguments { output, what, fill, on_damage, workers, client, .. } = arguments;
    if client.coordinator.is_some() {
        return Err(Refusal::usage(
            "--coordinator goes with --job; a video is looked at on this machine",
        ));
    }
    let mut signals = Signals::listen()?;
    let source = place::parse("the input", input)?;
    place::check_input(&source)?;
    let save_plan = request::plan_target(what)?;
    let folder = state_folder(output)?;
    let target = Location::File(folder.join(format!("{OUTPUT}.{}", ending(&source))));
    let job = JobArguments {
        what: what.clone(),
        fill: fill.clone(),
        on_damage: *on_damage,
        encoder: "auto".to_owned(),
        // Nothing is written that could lose something.
        allow_metadata_loss: true,
        ..JobArguments::default()
    };
    let terms = Terms {
        restart_default: true,
        review: Review::PreviewOnly,
        keep_plan: save_plan.is_some(),
    };
    let request = request::build(source.url(), target.url(), &job, terms).await?;
    if request.is_passthrough() {
        return Err(Refusal::usage(
            "--detect none without region, mask, overlay or plan removes nothing: there is nothing to preview",
        ));
    }
    let mut progress = Progress::new(client.json);
    let alone = Alone {
        request,
        source: &source,
        folder,
        slots: workers.or(settings.worker.slots),
        pretend: worker::pretended(None, settings)?,
    };
    let fetched = async |client: &Client, ended: &JobState| made(client, ended, save_plan).await;
    let conclude = |ended: Followed<Option<Made>>| conclude(&ended.state, ended.fetched, arguments);
    work(alone, settings, (&mut signals, &mut progress), fetched, conclude).await
}

/// What a job made: the stills, and what to tell of the plan.
struct Made {
    stills: Stills,
    plan_told: Option<String>,
}

/// Fetches what the job made; nothing where it came to no preview.
async fn made(
    client: &Client,
    ended: &JobState,
    save_plan: Option<&Path>,
) -> Result<Option<Made>, Refusal> {
    if !ended.has_preview {
        return Ok(None);
    }
    let stills = Stills::fetch(client, &ended.job).await?;
    let plan_told = match save_plan {
        Some(path) => Some(plan::save(client, &ended.job, path).await?),
        None => None,
    };
    Ok(Some(Made { stills, plan_told }))
}

/// Writes the stills and tells what they show, or says why there are none.
fn conclude(
    state: &JobState,
    made: Option<Made>,
    arguments: &PreviewArguments,
) -> Result<Status, Refusal> {
    if let Some(Made { stills, plan_told }) = made {
        let files = stills.write(&arguments.output)?;
        tell(state, &files, arguments)?;
        if let Some(told) = plan_told {
            say::note(&told);
        }
        return Ok(Status::Done);
    }
    let Some(outcome) = &state.outcome else {
        return nothing_found(arguments);
    };
    let message = match (outcome.kind, &outcome.failure) {
        (End::Unchanged | End::Previewed, _) => return nothing_found(arguments),
        (End::Abstained, _) => format!(
            "the detector abstained: {}; there is nothing to show (say what to remove by --region, --mask, \
             --overlay or --plan)",
            outcome.message
        ),
        (End::Cancelled, _) => "the job was cancelled".to_owned(),
        (End::Failed, Some(failure)) => failure.to_string(),
        (End::Failed, None) => outcome.message.clone(),
        (End::Done, _) => "the job ended without a preview".to_owned(),
    };
    Err(Refusal::new(outcome.status(), message))
}

fn nothing_found(arguments: &PreviewArguments) -> Result<Status, Refusal> {
    say::note(
        "nothing that was looked for was found, so there is nothing to show (where there is something, \
         name it by --region, --mask, --overlay or --plan)",
    );
    if let Some(path) = &arguments.what.save_plan {
        say::note(&plan::nothing_to_save(path));
    }
    Ok(Status::Done)
}

/// The last object of `--json`: the job's state, and the files.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    state: &'a JobState,
    files: &'a [PathBuf],
}

fn tell(state: &JobState, files: &[PathBuf], arguments: &PreviewArguments) -> Result<(), Refusal> {
    if arguments.client.json {
        return say::json(&Shown { state, files });
    }
    numbered(&state.overlays, state.overlays_more).iter().try_for_each(|line| say::line(line))?;
    files.iter().try_for_each(|file| say::line(&file.display().to_string()))
}

/// Refuses a place for the stills that is something else than a folder.
fn check_folder(folder: &Path) -> Result<(), Refusal> {
    match fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => Err(Refusal::usage(format!(
            "{} is not a folder; name one by -o, it is made where it is not there",
            folder.display()
        ))),
        // One that is not there is made, and one that cannot be looked at says so then.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The folders of a path that are not there, the innermost first.
fn absent(folder: &Path) -> Vec<PathBuf> {
    let named = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    named.take_while(|folder| fs::symlink_metadata(folder).is_err()).map(Path::to_owned).collect()
}

/// Where the state lies: in the folder of the stills, by its full path.
fn state_folder(folder: &Path) -> Result<PathBuf, Refusal> {
    let folder = std::path::absolute(folder).map_err(|error| {
        Refusal::failed(format!("the folder {} is out of reach: {error}", folder.display()))
    })?;
    Ok(folder.join(STATE))
}

/// The ending that the source's own container has, so that it fits what the source holds; of those that are not
/// written, one whose times are exact at any rate.
fn ending(source: &Location) -> &'static str {
    let own = source.name_hint().rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = CONTAINERS.into_iter().find(|known| own.as_deref() == Some(*known));
    known.unwrap_or("mov")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_looked_at_as_if_for_its_own_container() {
        let of = |name: &str| ending(&Location::File(format!("/a.b/{name}").into()));
        assert_eq!([of("x.MP4"), of("x.ts"), of("x.avi"), of("x")], ["mp4", "ts", "mov", "mov"]);
    }

    #[test]
    fn the_folders_that_a_preview_makes_are_known_from_the_innermost_on() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        fs::create_dir(&there).unwrap();
        let stills = there.join("a/b");
        assert_eq!(absent(&stills), [stills.clone(), there.join("a")]);
        fs::create_dir_all(&stills).unwrap();
        assert_eq!(absent(&stills), Vec::<PathBuf>::new());
    }

    #[test]
    fn stills_go_into_a_folder_that_may_be_new_and_not_into_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_folder(&folder.path().join("new")).is_ok());
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert_eq!(check_folder(&file).unwrap_err().status, Status::Usage);
    }
}
