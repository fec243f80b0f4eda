//! Deletion costs as Kubernetes' API sees them, which is a server of this test's own.

use cleanplate_proto::v1 as pb;

use crate::pods::PodCosts;
use crate::tests::fleet::FakeWorker;
use crate::tests::place::Place;
use crate::tests::receiver::{Came, Receiver};

/// An answer that would have the account's token shown elsewhere.
const MOVED: &str = "307 Temporary Redirect\r\nlocation: /api/v1/namespaces/kube-system/pods/x";

fn cost(came: &Came) -> i32 {
    let annotations = &came.json()["metadata"]["annotations"];
    annotations["controller.kubernetes.io/pod-deletion-cost"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_busy_workers_pod_costs_more_than_an_idle_ones_and_a_draining_ones_least() {
    let account = tempfile::tempdir().unwrap();
    for (name, text) in [("namespace", "farm\n"), ("token", "of the account\n")] {
        std::fs::write(account.path().join(name), text).unwrap();
    }
    // The pod of a worker with a number is asked for by both names.
    let api = Receiver::new(&["403 Forbidden", MOVED, "404 Not Found", "200 OK"]).await;
    let place = Place::new();
    let running = place.start_costing(PodCosts::at(&api.url(""), account.path())).await;
    let mut worker = FakeWorker::attach(&running, "farm-worker-big-0").await;
    let came = api.came(4).await;
    let paths: Vec<&str> = came.iter().map(|one| one.path.as_str()).collect();
    let both = [
        "/api/v1/namespaces/farm/pods/farm-worker-big-0",
        "/api/v1/namespaces/farm/pods/farm-worker-big",
    ];
    assert_eq!(paths, [both[0], both[0], both[0], both[1]], "nobody is followed elsewhere");
    for one in &came {
        assert_eq!((one.method.as_str(), cost(one)), ("PATCH", 0));
        assert_eq!(one.headers["authorization"], "Bearer of the account");
        assert_eq!(one.headers["content-type"], "application/merge-patch+json");
        assert_eq!(one.json().as_object().unwrap().len(), 1, "nothing else of it is touched");
    }
    place.submit(&mut running.jobs(), Some("j")).await.unwrap();
    let held = worker.granted().await;
    let came = api.came(5).await;
    assert_eq!((came[4].path.as_str(), cost(&came[4])), (both[1], 1_000));
    std::fs::write(account.path().join("token"), "another\n").unwrap();
    let drain = pb::DrainWorkerRequest { worker: "farm-worker-big-0".to_owned(), within_ms: None };
    running.jobs().drain_worker(drain).await.unwrap();
    let came = api.came(6).await;
    assert_eq!(cost(&came[5]), -1_000);
    assert_eq!(came[5].headers["authorization"], "Bearer another", "it is read again");
    drop(held);
    running.stop().await;
}
