//! `submit`: queues a job and prints its id, and nothing else, on standard output.

use cleanplate_proto::v1::SubmitRequest;
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
    let SubmitArguments { input, output, job, review, keep_plan, client } = arguments;
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
