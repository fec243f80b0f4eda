//! The store and the coordinator, where they are asked for.

use cleanplate_proto::v1::WorkersRequest;
use cleanplate_store::{Location, Store};

use tonic::Code;

use super::findings::Finding;
use crate::client::{Client, Route};
use crate::settings::Settings;

/// Writes, reads and deletes a small object. A folder that is not there is not made: it may be a slip.
pub(super) async fn store(url: &str) -> Finding {
    let check = format!("store {url}");
    let place = Location::parse(url).ok();
    if let Some(path) = place.as_ref().and_then(Location::path)
        && !path.is_dir()
    {
        let found = format!("there is no folder {}", path.display());
        let remedy = "correct its name, or make the folder; a coordinator makes it when it starts";
        return Finding::missing(check, found, remedy).asked_for();
    }
    let checked = async { Store::open(url)?.check().await }.await;
    let finding = match checked {
        Ok(()) => Finding::works(check, "written, read and deleted"),
        Err(error) => Finding::missing(check, error.to_string(), remedy_of_store(url)),
    };
    finding.asked_for()
}

fn remedy_of_store(url: &str) -> &'static str {
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("s3") => {
            "check the bucket's name, AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY"
        }
        Some("gs") => "check the bucket's name and GOOGLE_APPLICATION_CREDENTIALS",
        Some("az") => {
            "check the container's name, AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"
        }
        Some(_) | None => "name a folder that can be written by --store",
    }
}

/// Asks for its workers.
pub(super) async fn coordinator(url: &str, settings: &Settings) -> Finding {
    let check = format!("coordinator {url}");
    let asked = async {
        let client = Client::connect(url, &Route::of(settings, None)?).await?;
        match client.jobs.clone().workers(WorkersRequest {}).await {
            // It is there, and knows who asks.
            Err(reply) if reply.code() == Code::PermissionDenied => Ok(reply.message().to_owned()),
            Err(reply) => Err(client.refusal(&reply)),
            Ok(reply) => Ok(format!("workers: {}", reply.into_inner().workers.len())),
        }
    };
    let finding = match asked.await {
        Ok(said) => Finding::works(check, format!("answers, {said}")),
        Err(refusal) => Finding::missing(
            check,
            refusal.message,
            "start one with `cleanplate coordinator`, and see that its port is open",
        ),
    };
    finding.asked_for()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::findings::State;

    #[tokio::test]
    async fn a_store_that_can_be_written_works_and_one_that_cannot_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("store");
        let finding = store(&place.display().to_string()).await;
        assert_eq!((finding.state, finding.asked), (State::Missing, true), "{}", finding.detail);
        assert!(!place.exists(), "a slip leaves no folder behind");
        std::fs::create_dir(&place).unwrap();
        let finding = store(&place.display().to_string()).await;
        assert_eq!((finding.state, finding.asked), (State::Works, true), "{}", finding.detail);
        std::fs::write(folder.path().join("file"), "x").unwrap();
        let finding = store(&folder.path().join("file/store").display().to_string()).await;
        assert_eq!(finding.state, State::Missing);
        assert!(finding.remedy.is_some());
    }
}
