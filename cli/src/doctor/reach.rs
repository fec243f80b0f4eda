//! The store and the coordinator, where they are asked for.

use cleanplate_access::Hint;
use cleanplate_proto::v1::WorkersRequest;
use cleanplate_store::{Location, Store};
use tonic::{Code, Status as Reply};

use super::findings::Finding;
use crate::client::{Client, Missed, Route, is_lost};
use crate::exit::Status;
use crate::settings::Settings;

/// What helps where nobody answers.
const START: &str = "start one with `cleanplate coordinator`, and see that its port is open";

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
    let connected = match Route::of(settings, None) {
        Ok(route) => Client::connect(url, &route).await,
        Err(refusal) => Err(refusal.into()),
    };
    let finding = match connected {
        Ok(client) => match client.jobs.clone().workers(WorkersRequest {}).await {
            Ok(reply) => {
                let count = reply.into_inner().workers.len();
                Finding::works(check, format!("answers, workers: {count}"))
            }
            Err(reply) => refused(check, &reply, client.refusal(&reply).message),
        },
        Err(missed) => {
            let remedy = remedy_of_way(&missed);
            Finding::missing(check, missed.refusal.message, remedy)
        }
    };
    finding.asked_for()
}

/// Of a coordinator that answered `reply` when it was asked for its workers, of which `said` is told.
fn refused(check: String, reply: &Reply, said: String) -> Finding {
    if reply.code() == Code::PermissionDenied {
        // It is there, and knows who asks.
        return Finding::works(check, "answers; its workers are not shown to this token");
    }
    let remedy = if reply.code() == Code::Unauthenticated {
        "it runs: get a token from whoever runs it, and put it into CLEANPLATE_TOKEN or its file into \
         `client.token_file`"
    } else if reply.code() == Code::Unimplemented {
        "name the address where it listens, which is not the one of its probes; run the same version"
    } else if is_lost(reply) {
        START
    } else {
        "it runs: its log says more"
    };
    Finding::missing(check, said, remedy)
}

/// What helps where there was no way to it.
fn remedy_of_way(missed: &Missed) -> &'static str {
    if missed.refusal.status == Status::Usage {
        return "correct the setting that is named";
    }
    match missed.hint {
        Some(Hint::Untrusted) => {
            "it runs: name its certificate's authority by `tls.ca` (CLEANPLATE_TLS_CA), and it by a \
             name that the certificate holds"
        }
        Some(Hint::Clear) => "write its address with http://",
        Some(Hint::Tls) => "write its address with https://",
        None if missed.stands_by.is_some() => {
            "see the coordinators' logs, and that `coordinator.advertise` is an address that is \
             reached from here"
        }
        None => START,
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_proto::StandsBy;

    use super::*;
    use crate::doctor::findings::State;
    use crate::exit::Refusal;

    #[test]
    fn a_coordinator_that_runs_is_not_to_be_started() {
        let of = |reply: &Reply| refused("coordinator".to_owned(), reply, "said".to_owned());
        let denied = of(&Reply::permission_denied("Workers needs the role operate; use a token"));
        assert_eq!((denied.state, denied.remedy), (State::Works, None));
        assert!(denied.detail.contains("not shown") && !denied.detail.contains("needs"));
        let unknown = of(&Reply::unauthenticated("this coordinator asks who you are"));
        assert_eq!((unknown.state, unknown.detail.as_str()), (State::Missing, "said"));
        assert!(unknown.remedy.is_some_and(|remedy| remedy.contains("CLEANPLATE_TOKEN")));
        for reply in [Reply::unimplemented(""), Reply::internal("x")] {
            assert_ne!(of(&reply).remedy.as_deref(), Some(START), "{reply:?}");
        }
        assert_eq!(of(&Reply::unavailable("gone")).remedy.as_deref(), Some(START));
    }

    #[test]
    fn the_remedy_is_of_what_is_in_the_way() {
        let missed = || Missed::from(Refusal::failed("x"));
        let hinted = |hint| remedy_of_way(&Missed { hint: Some(hint), ..missed() });
        assert!(hinted(Hint::Untrusted).contains("tls.ca"));
        assert!(hinted(Hint::Tls).ends_with("https://"));
        assert!(hinted(Hint::Clear).ends_with("http://"));
        let stands_by = Some(StandsBy { leader: None });
        let waits = remedy_of_way(&Missed { stands_by, ..missed() });
        assert!(waits.contains("coordinator.advertise"), "{waits}");
        let setting = remedy_of_way(&Missed::from(Refusal::usage("x")));
        assert!(setting.contains("setting"), "{setting}");
        assert_eq!(remedy_of_way(&missed()), START);
    }

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
