//! `submit`: queues a job and prints its id, and nothing else, on standard output.

use cleanplate_proto::v1::SubmitRequest;
use serde_json::json;

use crate::arguments::SubmitArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
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
    let SubmitArguments { input, output, job, client } = arguments;
    let input = place::parse("the input", &input)?;
    let output = place::parse("the output", &output)?;
    let request = request::build(input.url(), output.url(), &job, false)?;
    let connected = Client::connect(settings.coordinator_of(&client)).await?;
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
