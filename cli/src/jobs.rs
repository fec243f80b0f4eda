//! `jobs`: lists jobs, or shows one with its attempts and the trail of each.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};

use cleanplate_proto::WireError;
use cleanplate_proto::v1::{Attempt, ListRequest, ShowRequest, ShowResponse};
use cleanplate_shapes as shapes;
use cleanplate_shapes::report::{numbered, percentages};
use cleanplate_types::failure::Failure;
use serde_json::json;

use crate::arguments::JobsArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::follow::parsed;
use crate::job_state::{JobState, JobWords as _, OutcomeWords as _};
use crate::progress::{clock, summary, thousandths};
use crate::settings::Settings;
use crate::{asked, say};

/// Characters of the reason why a job waits or failed in the list on a terminal; a pipe is told all of it, and so is
/// who asks by `--show`.
const WHY_CHARS_MAX: usize = 60;

/// Jobs to a page; a coordinator gives 5,000 at most.
const PAGE: usize = 1_000;

/// Does it.
///
/// # Errors
/// A refusal where there is no such job, or nobody answers.
pub(crate) async fn run(arguments: JobsArguments, settings: &Settings) -> Result<Status, Refusal> {
    let JobsArguments { show, limit, owner, state, client } = arguments;
    let connected = Client::of(settings, &client).await?;
    if let Some(job) = show {
        let reply = connected.jobs.clone().show(ShowRequest { job }).await;
        let shown = reply.map_err(|reply| connected.refusal(&reply))?.into_inner();
        return show_one(shown, client.json);
    }
    let is_chosen = owner.is_some() || state.is_some();
    let (owner, state) = (owner.unwrap_or_default(), state.unwrap_or_default());
    let asked = ListRequest { limit, owner, state, after: String::new() };
    let jobs = listed(&connected, asked).await?;
    if client.json {
        jobs.iter().try_for_each(say::json)?;
        return Ok(Status::Done);
    }
    if jobs.is_empty() && is_chosen {
        say::note("there are no such jobs; `cleanplate jobs` lists all");
        return Ok(Status::Done);
    }
    if jobs.is_empty() {
        say::note("there are no jobs; queue one with `cleanplate submit INPUT OUTPUT`");
        return Ok(Status::Done);
    }
    let why_chars = if io::stdout().is_terminal() { WHY_CHARS_MAX } else { usize::MAX };
    say::table(&rows(&jobs, why_chars))?;
    for job in jobs.iter().filter(|job| job.is_in_review()) {
        say::note(&format!("job {} waits for a review: {}", job.job, job.review_in_words()));
    }
    Ok(Status::Done)
}

/// The newest jobs that are asked for, page by page.
async fn listed(connected: &Client, asked: ListRequest) -> Result<Vec<JobState>, Refusal> {
    let wanted = asked.limit as usize;
    let mut jobs = Vec::new();
    let mut after = String::new();
    loop {
        let limit = u32::try_from(PAGE.min(wanted - jobs.len())).unwrap_or(u32::MAX);
        let page = ListRequest { limit, after, ..asked.clone() };
        let reply = connected.jobs.clone().list(page).await;
        let page = reply.map_err(|reply| connected.refusal(&reply))?.into_inner();
        for job in page.jobs {
            jobs.push(parsed(job)?);
        }
        if page.next.is_empty() || jobs.len() >= wanted {
            return Ok(jobs);
        }
        after = page.next;
    }
}

/// The table of the jobs, with its head. Owners and priorities have a column where a job has one. `why_chars` is how
/// much of a reason there is room for.
fn rows(jobs: &[JobState], why_chars: usize) -> Vec<Vec<String>> {
    let owned = jobs.iter().any(|state| !state.owner.is_empty());
    let preferred = jobs.iter().any(|state| state.priority != 0);
    let chosen = |row: [String; 10]| {
        let shown = [true, true, owned, preferred, true, true, true, true, true, true];
        row.into_iter().zip(shown).filter_map(|(cell, shown)| shown.then_some(cell)).collect()
    };
    let head =
        ["JOB", "PHASE", "OWNER", "PRIORITY", "FRAMES", "FPS", "LEFT", "ENCODER", "OUTPUT", "WHY"];
    let rows = jobs.iter().map(|state| row(state, why_chars));
    std::iter::once(head.map(str::to_owned)).chain(rows).map(chosen).collect()
}

fn row(state: &JobState, why_chars: usize) -> [String; 10] {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    [
        state.job.clone(),
        state.phase.clone(),
        or_dash(&state.owner),
        if state.priority == 0 { "-".to_owned() } else { state.priority.to_string() },
        format!("{}/{}", state.frames_done, state.frames_total),
        thousandths(state.fps_milli),
        state.eta_ms.map_or_else(|| "-".to_owned(), clock),
        or_dash(&state.encoder),
        state.output.clone(),
        shortened(&say::one_line(state.why()), why_chars),
    ]
}

/// The beginning of a text, as much as there is room for.
fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let begin: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", begin.trim_end())
}

fn show_one(shown: ShowResponse, as_json: bool) -> Result<Status, Refusal> {
    let ShowResponse { state, request, attempts } = shown;
    let request = request.unwrap_or_default();
    let state =
        state.ok_or_else(|| Refusal::failed("the coordinator shows a job without state"))?;
    let state = parsed(state)?;
    if as_json {
        let attempts = attempts.into_iter().map(attempt_as_json).collect::<Result<Vec<_>, _>>()?;
        say::json(
            &json!({ "state": state, "request": shapes::Asked::from(&request), "attempts": attempts }),
        )?;
        return Ok(Status::Done);
    }
    let mut rows: Vec<Vec<String>> = [
        ("job", state.job.clone()),
        ("input", state.input.clone()),
        ("output", state.output.clone()),
        ("phase", state.phase.clone()),
        ("frames", format!("{} of {}", state.frames_done, state.frames_total)),
        ("cells", format!("{} of {}", state.cells_done, state.cells_total)),
        ("encoder", state.encoder.clone()),
        ("waits for", state.waits_for.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| vec![name.to_owned(), value])
    .collect();
    rows.extend(asked::in_words(&request).into_iter().map(|(name, it)| vec![name.to_owned(), it]));
    if state.look.is_some() {
        rows.push(vec!["look".to_owned(), summary(&state)]);
    }
    rows.extend(
        numbered(&state.overlays, state.overlays_more)
            .into_iter()
            .map(|line| split_at_colon(&line)),
    );
    if state.restored.frames > 0 {
        let frames = format!("{} with an overlay", state.restored.frames);
        rows.push(vec!["cleaned".to_owned(), frames]);
    }
    rows.extend(percentages(&state.restored).map(|told| vec!["restored".to_owned(), told]));
    if state.is_in_review() {
        rows.push(vec!["to go on".to_owned(), state.review_in_words()]);
    }
    rows.extend(state.notes.iter().map(|note| vec!["note".to_owned(), note.clone()]));
    rows.extend(card_time(&attempts).map(|told| vec!["card time".to_owned(), told]));
    if let Some(outcome) = &state.outcome {
        rows.push(vec!["outcome".to_owned(), outcome.in_words()]);
    }
    say::table(&rows)?;
    attempts.iter().try_for_each(tell_attempt)?;
    Ok(Status::Done)
}

/// For how long workers held the job's leases, by the row of their cards; what runs is not in it.
fn card_time(attempts: &[Attempt]) -> Option<String> {
    let mut held: BTreeMap<&str, u64> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| !attempt.worker.is_empty()) {
        let row = if attempt.tier.is_empty() { "workers that are gone" } else { &attempt.tier };
        *held.entry(row).or_default() += attempt.held_ms.unwrap_or(0);
    }
    let told = |(row, millis): (&str, u64)| format!("{} ({row})", clock(millis));
    let told: Vec<String> = held.into_iter().map(told).collect();
    Some(told.join(", ")).filter(|told| !told.is_empty())
}

fn split_at_colon(line: &str) -> Vec<String> {
    let (name, value) = line.split_once(": ").unwrap_or((line, ""));
    vec![name.to_owned(), value.to_owned()]
}

fn failure_of(attempt: &Attempt) -> Result<Option<Failure>, Refusal> {
    let failure = attempt.failure.clone().map(Failure::try_from).transpose();
    failure.map_err(|error| of_another_version(&error))
}

fn of_another_version(error: &WireError) -> Refusal {
    Refusal::failed(format!("the coordinator is of another version: {error}"))
}

fn tell_attempt(attempt: &Attempt) -> Result<(), Refusal> {
    let frames = attempt
        .frames
        .as_ref()
        .map_or_else(String::new, |range| format!(", frames {}..{}", range.start, range.end));
    say::line("")?;
    // The stitch is the coordinator's own.
    let whose = match attempt.worker.as_str() {
        "" => "coordinator".to_owned(),
        worker => format!("worker {worker}"),
    };
    say::line(&format!(
        "{} (lease {}, attempt {}, {whose}{frames}): {}",
        attempt.work, attempt.lease, attempt.attempt, attempt.outcome
    ))?;
    let rows: Vec<Vec<String>> = attempt
        .trail
        .iter()
        .map(|entry| {
            vec![
                format!("{:>9} ms", entry.at_ms),
                entry.stage.clone(),
                entry.event.clone(),
                entry.count.map_or_else(String::new, |count| count.to_string()),
                entry.detail.clone(),
            ]
        })
        .collect();
    say::table(&rows)?;
    match failure_of(attempt)? {
        Some(failure) => say::line(&format!("failed: {failure}")),
        None => Ok(()),
    }
}

fn attempt_as_json(attempt: Attempt) -> Result<shapes::Attempt, Refusal> {
    attempt.try_into().map_err(|error: WireError| of_another_version(&error))
}

#[cfg(test)]
mod tests {
    use cleanplate_proto::v1::{self as pb, JobState as Told};
    use cleanplate_types::failure::{FailureKind, Stage};

    use super::*;

    fn state(told: Told) -> JobState {
        JobState::try_from(told).unwrap()
    }

    fn failed(message: &str) -> JobState {
        let failure = Failure::new(FailureKind::BadInput, Stage::Intake, message);
        let outcome = pb::Outcome {
            kind: "failed".to_owned(),
            message: failure.to_string(),
            failure: Some(failure.into()),
            output_bytes: 0,
        };
        state(Told { outcome: Some(outcome), ..Told::default() })
    }

    #[test]
    fn a_row_ends_with_why_the_job_waits_or_failed_in_few_words() {
        let why = |state: &JobState| row(state, WHY_CHARS_MAX).last().unwrap().clone();
        assert_eq!(why(&state(Told::default())), "");
        let waits = "no worker is attached".to_owned();
        assert_eq!(why(&state(Told { waits_for: waits.clone(), ..Told::default() })), waits);
        assert_eq!(why(&failed("it is cut off")), "it is cut off");
        let story = "a long story, ".repeat(20) + "and its end";
        let long = why(&failed(&story));
        assert!(long.chars().count() <= WHY_CHARS_MAX && long.ends_with('…'), "{long}");
        assert_eq!(row(&failed(&story), usize::MAX).last(), Some(&story), "a pipe has room");
    }

    #[test]
    fn owners_and_priorities_have_a_column_where_a_job_has_one() {
        let plain = || state(Told { job: "a".to_owned(), ..Told::default() });
        let rows = |jobs: &[JobState]| rows(jobs, WHY_CHARS_MAX);
        assert!(!rows(&[plain()])[0].iter().any(|head| head == "OWNER" || head == "PRIORITY"));
        let owner = "archive".to_owned();
        let preferred = state(Told { owner, priority: -5, ..Told::default() });
        let table = rows(&[plain(), preferred]);
        assert_eq!(table[0][2..4], ["OWNER", "PRIORITY"]);
        assert_eq!(table[1][2..4], ["-", "-"]);
        assert_eq!(table[2][2..4], ["archive", "-5"]);
    }

    #[test]
    fn the_cause_of_a_failure_is_told_once() {
        let told = failed("it is cut off").outcome.unwrap().in_words();
        assert_eq!(told.matches("it is cut off").count(), 1, "{told}");
        assert!(told.starts_with("failed, "), "{told}");
    }
}
