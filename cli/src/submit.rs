//! `submit`: queues a job and prints its id, and nothing else, on standard output; or a job for each video of a folder,
//! with a line for each.

use cleanplate_proto::WireError;
use cleanplate_proto::v1::{BatchRequest, SubmitRequest};
use cleanplate_shapes::{BatchFile, BatchLine, BatchTotals};
use cleanplate_types::request::Review;
use serde_json::json;

use crate::arguments::SubmitArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::request::Terms;
use crate::settings::Settings;
use crate::{place, request, say};

/// Does it. Relative paths become absolute: workers and coordinator have other working directories.
///
/// # Errors
/// A refusal where the request makes no sense or nobody answers.
pub(crate) async fn run(
    arguments: SubmitArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let SubmitArguments {
        input,
        output,
        include,
        container,
        dry_run,
        job,
        review,
        keep_plan,
        client,
    } = arguments;
    let is_folder = input.ends_with('/');
    if !is_folder && (!include.is_empty() || container.is_some() || dry_run) {
        return Err(Refusal::usage(
            "--include, --container and --dry-run are for a folder: let the input end with a slash",
        ));
    }
    if job.what.save_plan.is_some() {
        return Err(Refusal::usage(
            "--save-plan waits for the end of the job, and submit does not; submit with --keep-plan, then \
             `cleanplate plan ID -o FILE` writes the plan",
        ));
    }
    let input = place::parse("the input", &input)?;
    let output = place::parse("the output", &output)?;
    let review = if review { Review::Wait } else { Review::Go };
    let terms = Terms { restart_default: false, review, keep_plan };
    let request = request::build(input.url(), output.url(), &job, terms).await?;
    let connected = Client::of(settings, &client).await?;
    if is_folder {
        let request = Some(request.into());
        let container = container.unwrap_or_default();
        let asked = BatchRequest { request, include, container, dry_run };
        return whole_folder(&connected, asked, client.json).await;
    }
    let request = SubmitRequest { request: Some(request.into()), job: None };
    let reply = connected.jobs.clone().submit(request).await;
    let job = reply.map_err(|reply| connected.refusal(&reply))?.into_inner().job;
    if client.json {
        say::json(&json!({ "job": job }))?;
    } else {
        say::line(&job)?;
    }
    Ok(Status::Done)
}

/// Tells what comes of each file, as it comes; fails where one was refused.
async fn whole_folder(
    connected: &Client,
    asked: BatchRequest,
    as_json: bool,
) -> Result<Status, Refusal> {
    let is_dry = asked.dry_run;
    let reply = connected.jobs.clone().batch(asked).await;
    let mut lines = reply.map_err(|reply| connected.refusal(&reply))?.into_inner();
    while let Some(line) = lines.message().await.map_err(|reply| connected.refusal(&reply))? {
        let line = BatchLine::try_from(line).map_err(|error: WireError| {
            Refusal::failed(format!("the coordinator is of another version: {error}"))
        })?;
        if as_json {
            say::json(&line)?;
        }
        match line {
            BatchLine::File(file) if !as_json => tell(&file)?,
            BatchLine::File(_) => {}
            BatchLine::Totals(totals) => return ended(totals, is_dry),
        }
    }
    Err(Refusal::failed(
        "the coordinator stopped in the middle; the same command goes on from there",
    ))
}

/// The id on standard output, as for one job; what has none is for people.
fn tell(file: &BatchFile) -> Result<(), Refusal> {
    let BatchFile { file, outcome, job, output, why } = file;
    match outcome.as_str() {
        "submitted" => say::line(&format!("{job} {file}")),
        "new" => say::line(&format!("- {file} -> {output}")),
        "known" if !why.is_empty() => {
            say::note(&format!(
                "{file}: its job {job} {why}; `cleanplate retry {job}` tries again"
            ));
            Ok(())
        }
        "known" => {
            say::note(&format!("{file}: there is job {job} for it"));
            Ok(())
        }
        "exists" => {
            say::note(&format!("{file}: its output is there"));
            Ok(())
        }
        _ => {
            say::note(&format!("{file}: refused: {why}"));
            Ok(())
        }
    }
}

fn ended(totals: BatchTotals, is_dry: bool) -> Result<Status, Refusal> {
    let BatchTotals { files, submitted, known, exists, refused, others, new } = totals;
    // Of one of the two there are none.
    let (new, what) = if is_dry { (new, "to submit") } else { (submitted, "submitted") };
    let hint = if files == 0 { "; none is a video that is wanted" } else { "" };
    say::note(&format!(
        "{files} videos: {new} {what}, {known} known, {exists} with an output already, {refused} refused; \
         {others} other files were left{hint}"
    ));
    if refused > 0 {
        return Err(Refusal::failed(format!(
            "{refused} of {files} videos were refused; the same command submits them once that is mended"
        )));
    }
    Ok(Status::Done)
}
