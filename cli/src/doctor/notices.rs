//! Places where this machine may learn that it is taken away, and whether each answers.

use cleanplate_worker::{Left, NoticeError, NoticeSource, look_for_notice};
use futures::future::join_all;

use super::findings::Finding;

/// Looks once at each, at all of them at the same time.
pub(super) async fn look(places: &[NoticeSource]) -> Vec<Finding> {
    if places.is_empty() {
        return vec![Finding::info("notices", "none are watched (worker.notice)")];
    }
    join_all(places.iter().map(place)).await
}

async fn place(place: &NoticeSource) -> Finding {
    let check = format!("notice {place}");
    if let NoticeSource::File(path) = place
        && path.parent().is_some_and(|folder| !folder.is_dir())
    {
        let remedy = "correct worker.notice, or make the folder: nothing can appear there";
        return Finding::missing(check, "its folder is not there", remedy).asked_for();
    }
    let found = match look_for_notice(place).await {
        Ok(None) => "answers: there is no notice".to_owned(),
        Ok(Some(Left::Unsaid)) => "answers: there is a notice now".to_owned(),
        Ok(Some(Left::Within(left))) => {
            format!("answers: there is a notice now, which leaves {} s", left.as_secs())
        }
        Err(error) => {
            return Finding::missing(check, error.to_string(), remedy(place, &error)).asked_for();
        }
    };
    Finding::works(check, found).asked_for()
}

/// What helps where a place does not answer as it should.
const fn remedy(place: &NoticeSource, error: &NoticeError) -> &'static str {
    match (place, error) {
        (NoticeSource::File(_), _) => "let this user read the file and its folder",
        (NoticeSource::Address(_), _) => {
            "correct worker.notice; docs/scheduling.md says what must be answered"
        }
        (NoticeSource::Cloud { .. }, NoticeError::Silent(_) | NoticeError::Late(_)) => {
            "only machines of that cloud have it; in a container let AWS's answers take two hops \
             (HttpPutResponseHopLimit), and ask Azure again after two minutes"
        }
        (NoticeSource::Cloud { .. }, _) => {
            "see that nothing stands between this machine and its metadata service"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::findings::State;

    #[tokio::test]
    async fn each_place_is_looked_at_and_a_slip_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| NoticeSource::File(folder.path().join(name));
        std::fs::write(folder.path().join("there"), "").unwrap();
        // Nobody listens on this port any more.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = format!("aws=http://{}", listener.local_addr().unwrap());
        drop(listener);
        let closed = NoticeSource::parse(&closed).unwrap();
        let places = [file("not-yet"), file("there"), file("slip/notice"), closed];
        let findings = look(&places).await;
        let states: Vec<State> = findings.iter().map(|finding| finding.state).collect();
        assert_eq!(states, [State::Works, State::Works, State::Missing, State::Missing]);
        assert!(findings[0].detail.contains("no notice"), "{}", findings[0].detail);
        assert!(findings[1].detail.contains("notice now"), "{}", findings[1].detail);
        assert!(findings.iter().all(|finding| finding.asked));
        assert_eq!(look(&[]).await[0].state, State::Info);
    }
}
