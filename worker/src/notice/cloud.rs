//! How the clouds tell that a spot machine is taken away.
//!
//! Owns their contracts, as they are documented:
//! - AWS: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html> (two minutes,
//!   on a best effort basis) and, for the token, `configuring-instance-metadata-service.html` beside it.
//! - Google: <https://docs.cloud.google.com/compute/docs/instances/create-use-spot> (up to 30 seconds, on a best
//!   effort basis).
//! - Azure: <https://learn.microsoft.com/en-us/azure/virtual-machines/linux/scheduled-events> (30 seconds at least; the
//!   first question of a machine may take two minutes to be answered; events name all machines of a group).
//!
//! Refuses to acknowledge an event: that would make Azure take the machine at once.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use url::Url;

use super::ask::Asker;
use super::{Left, NoticeError, senseless};

/// A cloud that tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Amazon EC2.
    Aws,
    /// Google Compute Engine.
    Gcp,
    /// Microsoft Azure.
    Azure,
}

/// What AWS leaves: its notice comes two minutes before, so that no moment that it names is later.
const AWS_LEFT: Duration = Duration::from_secs(120);
/// What Google leaves, at most.
const GCP_LEFT: Duration = Duration::from_secs(30);
/// What Azure leaves, at least.
const AZURE_LEFT: Duration = Duration::from_secs(30);
/// The header of AWS's token.
const AWS_TOKEN: &str = "X-aws-ec2-metadata-token";
/// How long AWS's token holds: the longest that is allowed, six hours. A new one is asked for when it is refused.
const AWS_TOKEN_SECONDS: &str = "21600";
/// The version of Azure's events.
const AZURE_EVENTS: &str = "2020-07-01";
/// The version of Azure's metadata that is asked for the machine's name.
const AZURE_INSTANCE: &str = "2021-02-01";

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Gcp, Self::Azure];

    /// Its name in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
        }
    }

    /// Where its metadata service is, as documented.
    #[must_use]
    pub const fn usual_address(self) -> &'static str {
        match self {
            Self::Aws | Self::Azure => "http://169.254.169.254/",
            Self::Gcp => "http://metadata.google.internal/",
        }
    }

    /// Asks it once.
    pub(super) async fn look(
        self,
        asker: &mut Asker,
        at: &Url,
    ) -> Result<Option<Left>, NoticeError> {
        match self {
            Self::Aws => look_at_aws(asker, at).await,
            Self::Gcp => look_at_gcp(asker, at).await,
            Self::Azure => look_at_azure(asker, at).await,
        }
    }
}

/// `path` at the service, with a query where there is one.
fn place(at: &Url, path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = at.clone();
    url.set_path(path);
    if !query.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(query);
    }
    url
}

/// What `instance-action` says: the action and its time, in UTC.
#[derive(Deserialize)]
struct AwsAction {
    #[serde(rename = "action")]
    _action: String,
    time: Option<String>,
}

async fn look_at_aws(asker: &mut Asker, at: &Url) -> Result<Option<Left>, NoticeError> {
    let action = place(at, "/latest/meta-data/spot/instance-action", &[]);
    // The second time with a new token, where the old one does not hold any more.
    let had_one = asker.token.is_some();
    let held = token(asker, at).await?;
    let mut answer = asker.get(&action, Some((AWS_TOKEN, &held))).await?;
    if answer.status == 401 {
        asker.token = None;
        if had_one {
            let new = token(asker, at).await?;
            answer = asker.get(&action, Some((AWS_TOKEN, &new))).await?;
        }
    }
    match answer.status {
        404 => Ok(None),
        200 => {
            let said: AwsAction =
                serde_json::from_str(&answer.body).map_err(|_error| senseless(&answer.body))?;
            let time = said.time.and_then(|time| humantime::parse_rfc3339(&time).ok());
            let left = time.map_or(AWS_LEFT, until).min(AWS_LEFT);
            Ok(Some(Left::Within(left)))
        }
        status => Err(NoticeError::Status(status)),
    }
}

async fn token(asker: &mut Asker, at: &Url) -> Result<String, NoticeError> {
    if let Some(token) = &asker.token {
        return Ok(token.clone());
    }
    let seconds = ("X-aws-ec2-metadata-token-ttl-seconds", AWS_TOKEN_SECONDS);
    let answer = asker.put(&place(at, "/latest/api/token", &[]), seconds).await?;
    if answer.status != 200 {
        return Err(NoticeError::Status(answer.status));
    }
    // It goes into a header: a page for people does not.
    let token = answer.body.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(senseless(token));
    }
    asker.token = Some(token.to_owned());
    Ok(token.to_owned())
}

async fn look_at_gcp(asker: &Asker, at: &Url) -> Result<Option<Left>, NoticeError> {
    let preempted = place(at, "/computeMetadata/v1/instance/preempted", &[]);
    let answer = asker.get(&preempted, Some(("Metadata-Flavor", "Google"))).await?;
    if answer.status != 200 {
        return Err(NoticeError::Status(answer.status));
    }
    match answer.body.trim() {
        "TRUE" => Ok(Some(Left::Within(GCP_LEFT))),
        "FALSE" => Ok(None),
        other => Err(senseless(other)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AzureEvents {
    events: Vec<AzureEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AzureEvent {
    event_type: String,
    #[serde(default)]
    resources: Vec<String>,
    /// Empty where it has begun.
    not_before: Option<String>,
}

async fn look_at_azure(asker: &mut Asker, at: &Url) -> Result<Option<Left>, NoticeError> {
    let machine = machine(asker, at).await?;
    let events = place(at, "/metadata/scheduledevents", &[("api-version", AZURE_EVENTS)]);
    let answer = asker.get(&events, Some(("Metadata", "true"))).await?;
    if answer.status != 200 {
        return Err(NoticeError::Status(answer.status));
    }
    let AzureEvents { events } =
        serde_json::from_str(&answer.body).map_err(|_error| senseless(&answer.body))?;
    let ours = |event: &&AzureEvent| {
        event.event_type == "Preempt"
            && event.resources.iter().any(|name| name.eq_ignore_ascii_case(&machine))
    };
    let left = events.iter().filter(ours).map(|event| match event.not_before.as_deref() {
        Some("") => Duration::ZERO,
        Some(time) => httpdate::parse_http_date(time).map_or(AZURE_LEFT, until),
        None => AZURE_LEFT,
    });
    Ok(left.min().map(Left::Within))
}

/// This machine's name, as Azure's events name it.
async fn machine(asker: &mut Asker, at: &Url) -> Result<String, NoticeError> {
    if let Some(name) = &asker.machine {
        return Ok(name.clone());
    }
    let query = [("api-version", AZURE_INSTANCE), ("format", "text")];
    let name = place(at, "/metadata/instance/compute/name", &query);
    let answer = asker.get(&name, Some(("Metadata", "true"))).await?;
    if answer.status != 200 {
        return Err(NoticeError::Status(answer.status));
    }
    let name = answer.body.trim();
    if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter == '<') {
        return Err(senseless(name));
    }
    asker.machine = Some(name.to_owned());
    Ok(name.to_owned())
}

/// How long it is until `moment`; nothing where it has passed.
fn until(moment: SystemTime) -> Duration {
    moment.duration_since(SystemTime::now()).unwrap_or_default()
}
