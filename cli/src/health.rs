//! `health`: asks a coordinator whether it lives, for probes that can only start a program.

use std::time::Duration;

use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::arguments::HealthArguments;
use crate::client::Route;
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
        let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
        let mut client = HealthClient::with_interceptor(channel, bearer);
        let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await;
        answer.map(|answer| answer.into_inner().status()).map_err(|status| status.to_string())
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
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
        Err(why) => Err(Refusal::failed(format!("{url} does not answer: {why}"))),
    }
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
    fn one_that_listens_everywhere_is_found_here() {
        assert_eq!(reached("0.0.0.0:7701"), "127.0.0.1:7701");
        assert_eq!(reached("[::]:7701"), "[::1]:7701");
        assert_eq!(reached("10.0.0.7:7701"), "10.0.0.7:7701");
    }
}
