//! Has requests to S3 signed by the coordinator that this worker attends.
//!
//! Owns the wait for one: work goes on while a stream is opened again, and what it asks for meanwhile is asked of whoever
//! leads then.

use std::time::Duration;

use async_trait::async_trait;
use cleanplate_proto::v1 as pb;
use cleanplate_store::{Sign, Signed, Unsignable, Unsigned};
use cleanplate_types::ids::WorkerId;
use tokio::sync::watch;
use tonic::{Code, Status};

use crate::attend::line::Fleet;

/// How long one request waits for a coordinator, and for its answer.
const WAIT: Duration = Duration::from_secs(20);

/// See the top of the file.
#[derive(Debug)]
pub(super) struct SignedByCoordinator {
    /// The coordinator, while a stream is open.
    pub(super) fleet: watch::Receiver<Option<Fleet>>,
    pub(super) worker: WorkerId,
    pub(super) instance: u64,
}

#[async_trait]
impl Sign for SignedByCoordinator {
    async fn sign(&self, request: &Unsigned) -> Result<Signed, Unsignable> {
        let answer = tokio::time::timeout(WAIT, self.ask(request)).await;
        answer.unwrap_or_else(|_late| {
            let words = format!("the coordinator signed nothing within {} s", WAIT.as_secs());
            Err(Unsignable::Unanswered(words))
        })
    }
}

impl SignedByCoordinator {
    async fn ask(&self, request: &Unsigned) -> Result<Signed, Unsignable> {
        let mut fleet = self.fleet.clone();
        let open = fleet.wait_for(Option::is_some).await.ok().and_then(|open| open.clone());
        let Some(mut open) = open else {
            return Err(Unsignable::Unanswered("this worker goes".to_owned()));
        };
        let Unsigned { bucket, path, method, query, headers } = request.clone();
        let request = pb::SignRequest {
            worker: self.worker.as_str().to_owned(),
            instance: self.instance,
            bucket,
            path,
            method,
            query: named(query),
            headers: named(headers),
        };
        let answer = open.sign(request).await.map_err(|status| unsigned(&status))?;
        let pb::SignResponse { url, lasts_ms } = answer.into_inner();
        let url = url.parse().map_err(|error| {
            Unsignable::Refused(format!("the coordinator's answer is no URL: {error}"))
        })?;
        Ok(Signed { url, lasts: Duration::from_millis(lasts_ms) })
    }
}

fn named(pairs: Vec<(String, String)>) -> Vec<pb::NameValue> {
    pairs.into_iter().map(|(name, value)| pb::NameValue { name, value }).collect()
}

fn unsigned(status: &Status) -> Unsignable {
    let words = status.message().to_owned();
    let is_final = matches!(
        status.code(),
        Code::PermissionDenied
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::Unimplemented
    );
    if is_final { Unsignable::Refused(words) } else { Unsignable::Unanswered(words) }
}
