//! A journal that is put back to an older copy of itself, while the store has gone on.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use cleanplate_core::config::Retention;
use cleanplate_core::record::Event;
use cleanplate_proto::v1 as pb;
use cleanplate_store::Store;
use cleanplate_types::ids::LeaseId;
use tonic::Code;

use crate::coordinator::{Coordinator, CoordinatorError, CoordinatorOptions};
use crate::journal::Journal as _;
use crate::tests::fleet::FakeWorker;
use crate::tests::place::{Place, options};

/// How much of the job was decided when the copy was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// Its intake is leased.
    Intake,
    /// Its cells are being made.
    Cells,
}

#[tokio::test]
async fn a_journal_that_is_put_back_gives_no_lease_twice_and_publishes_nothing_twice() {
    for copied in [Copied::Intake, Copied::Cells] {
        let place = Place::new();
        let first = place.start().await;
        let job = place.submit(&mut first.jobs(), Some("j")).await.unwrap();
        let mut worker = FakeWorker::attach(&first, "w1").await;
        let steps = if copied == Copied::Intake { 0 } else { 2 };
        for _ in 0..steps {
            let granted = worker.granted().await;
            worker.perform(&place, granted).await;
        }
        let held = worker.granted().await;
        first.stop().await;
        let (journal, copy) = (place.root().join("journal.db"), place.root().join("copy.db"));
        std::fs::copy(&journal, &copy).unwrap();

        // All goes on, to the end of this job and into another one.
        let second = place.start().await;
        let mut worker = FakeWorker::attach_holding(&second, "w1", &[held.lease]).await;
        let prefer = pb::PrioritiseRequest { job: job.clone(), priority: 3 };
        second.jobs().prioritise(prefer).await.unwrap();
        worker.perform(&place, held).await;
        assert_eq!(worker.work(&place, &second, &job).await.kind, "done", "{copied:?}");
        let folder = place.folder().join("later");
        std::fs::create_dir(&folder).unwrap();
        let output = folder.join("out.mp4").display().to_string();
        let request = pb::JobRequest { output, ..place.request() };
        let submit =
            || pb::SubmitRequest { request: Some(request.clone()), job: Some("later".to_owned()) };
        second.jobs().submit(submit()).await.unwrap();
        let granted = worker.granted().await;
        worker.perform(&place, granted).await;
        let held = worker.granted().await;
        let last = held.lease;
        second.stop().await;
        let movie = std::fs::metadata(place.output()).unwrap();

        std::fs::copy(&copy, &journal).unwrap();
        let third = place.start().await;
        let shown = third.jobs().show(pb::ShowRequest { job: "later".to_owned() }).await;
        assert_eq!(shown.unwrap_err().code(), Code::NotFound, "{copied:?}");
        // The worker knows nothing of all that.
        let mut worker = FakeWorker::attach_holding(&third, "w1", &[last]).await;
        assert_eq!(worker.revoked().await, last);
        let outcome = worker.work(&place, &third, &job).await;
        assert_eq!(outcome.kind, "done", "{copied:?}: {outcome:?}");
        let now = std::fs::metadata(place.output()).unwrap();
        assert_eq!(now.ino(), movie.ino(), "the movie that is there was not written again");
        let later = third.jobs().submit(submit()).await.unwrap().into_inner().job;
        assert_eq!(worker.work(&place, &third, &later).await.kind, "done");
        third.stop().await;

        // Nobody was given what others had: neither by the journal's own count, nor by the store's.
        let known = place.journal().await.load().await.unwrap();
        let given = known.iter().filter_map(|record| {
            let Event::Leased { lease, .. } = &record.event else { return None };
            (record.job.as_str() == "later").then_some(*lease)
        });
        let given: Vec<LeaseId> = given.collect();
        assert!(given.len() > 3 && given.iter().all(|lease| *lease > last), "{given:?} {last}");
    }
}

#[tokio::test]
async fn a_journal_with_open_jobs_is_not_taken_up_with_another_store() {
    let place = Place::new();
    let running = place.start().await;
    let job = place.submit(&mut running.jobs(), Some("j")).await.unwrap();
    running.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let other = Store::open(&folder.path().to_string_lossy()).unwrap();
    let start = async |store: Store, new_store| {
        let journal = Arc::new(place.journal().await);
        let options = options(journal, store, Retention::all(None));
        Coordinator::start(CoordinatorOptions { new_store, ..options }).await
    };

    let error = start(other.clone(), false).await.unwrap_err();
    assert!(matches!(error, CoordinatorError::OtherStore { jobs: 1, .. }), "{error}");
    assert_eq!(other.list("").await.unwrap(), [], "nothing was left in it");
    start(other.clone(), true).await.unwrap().stop().await;
    let error = start(place.store.clone(), false).await.unwrap_err();
    assert!(matches!(error, CoordinatorError::OtherStore { .. }), "{error}");
    start(place.store.clone(), true).await.unwrap().stop().await;

    // Without open jobs there is nothing to miss.
    let running = place.start().await;
    running.jobs().cancel(pb::CancelRequest { job }).await.unwrap();
    running.stop().await;
    start(other, false).await.unwrap().stop().await;
}
