//! `plan`: writes what a job learned of its overlays to a file. Also for `--save-plan` of `run` and
//! `preview`, whose coordinator is in this process.

use std::path::Path;

use cleanplate_proto::v1::PlanRequest;
use cleanplate_types::request::ToldPlan;
use serde_json::json;

use crate::arguments::{JobArgument, PlanArguments};
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::{plan_file, say};

/// Does it.
///
/// # Errors
/// A refusal where there is no such job, it is not settled what it removes, what it learned is gone, or the
/// file cannot be written.
pub(crate) async fn run(arguments: PlanArguments, settings: &Settings) -> Result<Status, Refusal> {
    let PlanArguments { job: JobArgument { job, client }, output } = arguments;
    plan_file::check_target(&output).map_err(|error| Refusal::usage(error.to_string()))?;
    let connected = Client::of(settings, &client).await?;
    let Some(plan) = fetch(&connected, &job).await? else {
        return Err(Refusal::failed(format!(
            "job {job} removes nothing: there is no plan to write to {}",
            output.display()
        )));
    };
    write(&output, &plan)?;
    if client.json {
        let overlays = plan.plan.overlays.len();
        say::json(&json!({ "job": job, "plan": output, "overlays": overlays }))?;
    } else {
        say::note(&saved(&output, &plan));
    }
    Ok(Status::Done)
}

/// Writes what `job` learned to `path`, unless the job removes nothing; returns what to tell people.
///
/// # Errors
/// As for [`run`].
pub(crate) async fn save(client: &Client, job: &str, path: &Path) -> Result<String, Refusal> {
    match fetch(client, job).await? {
        Some(plan) => {
            write(path, &plan)?;
            Ok(saved(path, &plan))
        }
        None => Ok(nothing_to_save(path)),
    }
}

/// That there is no plan.
pub(crate) fn nothing_to_save(path: &Path) -> String {
    format!("note: nothing is removed, so there is no plan to write to {}", path.display())
}

/// The plan of `job`; nothing where it removes nothing.
async fn fetch(client: &Client, job: &str) -> Result<Option<ToldPlan>, Refusal> {
    let reply = client.jobs.clone().plan(PlanRequest { job: job.to_owned() }).await;
    let plan = reply.map_err(|reply| client.refusal(&reply))?.into_inner().plan;
    let plan =
        plan.ok_or_else(|| Refusal::failed("the coordinator sends a plan without content"))?;
    let plan = ToldPlan::try_from(plan).map_err(|error| {
        Refusal::failed(format!("the coordinator is of another version: {error}"))
    })?;
    Ok(Some(plan).filter(|plan| !plan.plan.overlays.is_empty()))
}

fn write(path: &Path, plan: &ToldPlan) -> Result<(), Refusal> {
    plan_file::write(path, plan).map_err(|error| Refusal::failed(error.to_string()))
}

fn saved(path: &Path, plan: &ToldPlan) -> String {
    let count = plan.plan.overlays.len();
    format!(
        "saved the plan of {count} overlay{} to {}; --plan takes it",
        if count == 1 { "" } else { "s" },
        path.display()
    )
}
