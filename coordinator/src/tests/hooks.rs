//! Webhooks as a receiver sees them: a server of this test's own beside a coordinator that is killed or stopped.

use std::collections::HashMap;
use std::time::Duration;

use cleanplate_access::Watched;
use cleanplate_proto::v1 as pb;
use serde_json::Value;

use crate::hooks::{HookOptions, Secrets};
use crate::tests::fleet::FakeWorker;
use crate::tests::place::{PATIENCE, Place, Running};
use crate::tests::receiver::{Came, Receiver};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

impl Came {
    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// Its path, type and job.
    fn told(&self) -> (String, String, String) {
        let json = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (self.path.clone(), text(&json["type"]), text(&json["data"]["job"]["job"]))
    }
}

fn options(urls: &[String]) -> HookOptions {
    HookOptions {
        endpoints: urls.iter().map(|url| url.parse().unwrap()).collect(),
        secrets: Watched::fixed(Secrets::parse(SECRET).unwrap()),
        give_up: Duration::from_secs(3_600),
        first_pause: Duration::from_millis(20),
    }
}

/// Waits until it is marked that something was told.
async fn marked(place: &Place) {
    let marked = async {
        while place.store.list("told/").await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, marked).await.expect("what was told is marked");
}

async fn submit(place: &Place, running: &Running, (job, owner): (&str, &str)) {
    let request = pb::JobRequest { owner: owner.to_owned(), ..place.request() };
    let submit = pb::SubmitRequest { request: Some(request), job: Some(job.to_owned()) };
    running.jobs().submit(submit).await.unwrap();
}

async fn cancel(running: &Running, job: &str) {
    running.jobs().cancel(pb::CancelRequest { job: job.to_owned() }).await.unwrap();
}

#[tokio::test]
async fn an_end_is_told_signed_to_whom_it_concerns_and_again_under_its_id_until_it_is_taken() {
    let place = Place::new();
    let receiver =
        Receiver::new(&["500 Internal Server Error", "503 Service Unavailable", "302 Found"]).await;
    let alices = format!("alice={}", receiver.url("alice"));
    let running = place.start_telling(options(&[alices])).await;
    submit(&place, &running, ("bobs", "bob")).await;
    cancel(&running, "bobs").await;
    submit(&place, &running, ("hers", "alice")).await;
    FakeWorker::attach(&running, "w1").await.work(&place, &running, "hers").await;
    let came = receiver.came(4).await;
    for one in &came {
        assert_eq!(one.told(), ("/alice".to_owned(), "job.done".to_owned(), "hers".to_owned()));
        assert_eq!(one.id(), came[0].id());
        let timestamp = one.headers["webhook-timestamp"].parse().unwrap();
        let signature = Secrets::parse(SECRET).unwrap().sign(one.id(), timestamp, &one.body);
        assert_eq!(one.headers["webhook-signature"], signature);
    }
    assert_eq!(came[0].json()["data"]["job"]["outcome"]["kind"], "done");
    running.stop().await;
    assert_eq!(receiver.came(4).await.len(), 4, "what was taken is not told again");
}

#[tokio::test]
async fn what_one_coordinator_could_not_tell_the_next_one_tells_and_nothing_twice() {
    let place = Place::new();
    let receiver = Receiver::new(&[]).await;
    let urls = [receiver.url("in")];
    let running = place.start().await;
    submit(&place, &running, ("before", "")).await;
    cancel(&running, "before").await;
    running.stop().await;

    // From its first start on.
    let running = place.start_telling(options(&urls)).await;
    submit(&place, &running, ("first", "")).await;
    cancel(&running, "first").await;
    assert_eq!(receiver.came(1).await[0].told().2, "first");
    marked(&place).await;
    *receiver.answers.lock().unwrap() = vec!["500 Internal Server Error"; 1_000];
    submit(&place, &running, ("second", "")).await;
    cancel(&running, "second").await;
    receiver.came(2).await;
    running.kill().await;

    receiver.answers.lock().unwrap().clear();
    let running = place.start_telling(options(&urls)).await;
    submit(&place, &running, ("third", "")).await;
    cancel(&running, "third").await;
    let told = |came: &[Came]| -> HashMap<String, usize> {
        let mut told = HashMap::new();
        let ids = came.iter().map(|one| (one.id().to_owned(), one.told().2));
        for (_, job) in ids.collect::<std::collections::BTreeSet<_>>() {
            *told.entry(job).or_default() += 1;
        }
        told
    };
    let mut came = receiver.came.clone();
    let all = came.wait_for(|came| came.last().is_some() && told(came).len() == 3);
    let came = tokio::time::timeout(PATIENCE, all).await.unwrap().unwrap().clone();
    let once = ["first", "second", "third"].map(|job| (job.to_owned(), 1)).into();
    assert_eq!(told(&came), once, "each under one id, and none of what came before");
    assert_eq!(came.iter().filter(|one| one.told().2 == "first").count(), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_hears_nothing_more_and_another_does() {
    let place = Place::new();
    let (gone, other) = (Receiver::new(&["410 Gone"]).await, Receiver::new(&[]).await);
    let running = place.start_telling(options(&[gone.url("a"), other.url("b")])).await;
    submit(&place, &running, ("one", "")).await;
    cancel(&running, "one").await;
    gone.came(1).await;
    other.came(1).await;
    submit(&place, &running, ("two", "")).await;
    cancel(&running, "two").await;
    assert_eq!(other.came(2).await[1].told().2, "two");
    running.stop().await;
    assert_eq!(gone.came(1).await.len(), 1);
}

#[tokio::test]
async fn an_end_that_was_undone_before_it_was_told_is_not_told_with_what_came_after() {
    let place = Place::new();
    let receiver = Receiver::new(&["500 Internal Server Error"; 1_000]).await;
    let running = place.start_telling(options(&[receiver.url("in")])).await;
    submit(&place, &running, ("one", "")).await;
    cancel(&running, "one").await;
    let first = receiver.came(1).await[0].id().to_owned();
    running.jobs().retry(pb::RetryRequest { job: "one".to_owned() }).await.unwrap();
    cancel(&running, "one").await;
    let mut came = receiver.came.clone();
    let is_second = |one: &Came| one.id() != first;
    let told = came.wait_for(|came| came.iter().filter(|one| is_second(one)).count() >= 3);
    let before = tokio::time::timeout(PATIENCE, told).await.unwrap().unwrap().len();
    receiver.answers.lock().unwrap().clear();
    let taken = receiver.came(before + 1).await;
    assert!(taken[before..].iter().all(is_second), "the first end has nothing to tell any more");
    running.stop().await;
    let all = receiver.came(before + 1).await;
    assert!(all[before..].iter().all(is_second));
}
