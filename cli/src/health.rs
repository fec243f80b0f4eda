//! `health`: asks a coordinator whether it lives, for probes that can only start a program.

use std::error::Error as _;
use std::time::Duration;

use cleanplate_access::Hint;
use serde_json::json;
use tonic::{Code, Status as Reply};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::arguments::HealthArguments;
use crate::client::{Route, cause};
use crate::exit::{Refusal, Status};
use crate::say;
use crate::settings::Settings;

/// How long it may take to answer: probes are asked again soon.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked of one that must lead.
const JOBS: &str = "cleanplate.v1.Jobs";

/// Does it.
///
/// # Errors
/// A refusal where it does not live, or does not lead though it should.
pub(crate) async fn run(
    arguments: HealthArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let HealthArguments { url, leads, token_file, json } = arguments;
    let url = url.unwrap_or_else(|| own(settings));
    let route = Route::of(settings, token_file.as_deref())?;
    let (endpoint, bearer) = (route.endpoint(&url)?, route.bearer(&url)?);
    let service = if leads { JOBS } else { "" };
    let asked = async {
        let channel = endpoint.connect().await;
        let channel = channel.map_err(|error| silent(&url, &cause(&error)))?;
        let mut client = HealthClient::with_interceptor(channel, bearer);
        let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await;
        answer.map(|answer| answer.into_inner().status()).map_err(|reply| refused(&url, &reply))
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let late = || Err(silent(&url, &format!("no answer within {} s", PATIENCE.as_secs())));
    let lives = answer.unwrap_or_else(|_late| late());
    let serves = lives.as_ref().is_ok_and(|status| *status == ServingStatus::Serving);
    if json {
        let what = if leads { "leads" } else { "lives" };
        say::json(&json!({ "url": url, (what): serves }))?;
    }
    match lives {
        Ok(_) if serves => Ok(Status::Done),
        Ok(_) if leads => Err(Refusal::failed(format!("{url} lives and does not lead"))),
        Ok(status) => Err(Refusal::failed(format!("{url} says {}", status.as_str_name()))),
        Err(refusal) => Err(refusal),
    }
}

/// What to tell where there is no answer, or none that is understood.
fn silent(url: &str, why: &str) -> Refusal {
    Refusal::failed(match Hint::of(url, why) {
        Some(hint) => format!("{url} is answered ({why}), and {hint}"),
        None => format!("{url} does not answer: {why}"),
    })
}

/// What to tell where the answer is none about health.
fn refused(url: &str, reply: &Reply) -> Refusal {
    if let Some(source) = reply.source() {
        return silent(url, &cause(source));
    }
    let said = reply.message();
    if reply.code() != Code::Unauthenticated {
        return Refusal::failed(format!("{url} answers, but not how it is: {said}"));
    }
    // Only who has an address for probes asks who they are.
    let said = said.split("; ").next().unwrap_or(said);
    Refusal::failed(format!(
        "{url} answers, but {said}: ask at its address for probes (`coordinator.probe_listen`), or put \
         a token into CLEANPLATE_TOKEN or its file into --token-file"
    ))
}

/// The coordinator that these settings are of: where probes ask, else where everybody does.
fn own(settings: &Settings) -> String {
    if let Some(probes) = &settings.probe_listen {
        return format!("http://{}", reached(probes));
    }
    let scheme = if settings.access.identity.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", reached(&settings.listen))
}

/// An address of this machine at which one is found that listens on all of them.
fn reached(listen: &str) -> String {
    match listen.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        Some(_) | None => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_refuses_is_told_to_answer_in_plain_words() {
        let who = "this coordinator asks who you are; put a token into X";
        let told = refused("https://a", &Reply::unauthenticated(who)).message;
        let begin = "https://a answers, but this coordinator asks who you are: ";
        assert!(told.starts_with(begin), "{told}");
        assert!(told.contains("coordinator.probe_listen") && told.contains("CLEANPLATE_TOKEN"));
        let told = refused("https://a", &Reply::internal("odd")).message;
        assert_eq!(told, "https://a answers, but not how it is: odd");
    }

    #[test]
    fn one_that_does_not_answer_is_told_as_that_and_one_that_is_not_understood_is_not() {
        assert_eq!(silent("http://a", "refused").message, "http://a does not answer: refused");
        let told = silent("http://a", "frame with invalid size").message;
        assert!(told.contains("try https://") && !told.contains("does not"), "{told}");
    }

    #[test]
    fn one_that_listens_everywhere_is_found_here() {
        assert_eq!(reached("0.0.0.0:7701"), "127.0.0.1:7701");
        assert_eq!(reached("[::]:7701"), "[::1]:7701");
        assert_eq!(reached("10.0.0.7:7701"), "10.0.0.7:7701");
    }
}
