//! What goes wrong: coordinators that are killed or stopped, a journal that is full, parts that are
//! lost, a stitch that crashes.

use std::sync::Arc;

use cleanplate_core::record::Event;
use cleanplate_proto::v1 as pb;
use cleanplate_types::failure::FailureKind;
use cleanplate_types::ids::CellIndex;
use tokio::sync::Notify;
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::tests::fleet::FakeWorker;
use crate::tests::part::{self, Spoilt};
use crate::tests::place::{PATIENCE, Place, Refusing};

#[tokio::test]
async fn a_coordinator_takes_up_where_the_one_before_it_was_killed() {
    let place = Place::new();
    let first = place.start().await;
    let id = place.submit(&mut first.jobs(), Some("j")).await.unwrap();
    let mut worker = FakeWorker::attach(&first, "w1").await;
    for _ in 0..2 {
        let granted = worker.granted().await;
        worker.perform(&place, granted).await;
    }
    // This one is under way when the coordinator dies, and handed in to the next.
    let held = worker.granted().await;
    first.kill().await;
    let second = place.start().await;
    let mut worker = FakeWorker::attach_holding(&second, "w1", &[held.lease]).await;
    worker.perform(&place, held).await;
    assert_eq!(worker.work(&place, &second, &id).await.kind, "done");
    assert_eq!(std::fs::read(place.output()).unwrap(), part::movie());
    let shown = second.jobs().show(pb::ShowRequest { job: id }).await.unwrap().into_inner();
    let fates = |work: &str| -> Vec<_> {
        let attempts = shown.attempts.iter().filter(|one| one.work == work);
        attempts.map(|one| one.outcome.clone()).collect()
    };
    assert_eq!(fates("segment"), ["done", "done", "done"], "no cell was made twice");
    assert_eq!(fates("stitch"), ["revoked", "done"], "it started again from its first part");
}

#[tokio::test]
async fn a_lead_is_renewed_while_the_journal_is_still_read() {
    let place = Place::new();
    let (journal, refuses) = (place.journal().await, |_: &Event| false);
    let renewed = Some(Notify::new());
    // What is read ends when the lead was renewed, and not before.
    let starting = place.start_on(Arc::new(Refusing { journal, refuses, deposed: false, renewed }));
    tokio::time::timeout(PATIENCE, starting).await.expect("it leads").stop().await;
}

#[tokio::test]
async fn a_movie_that_was_published_when_the_coordinator_died_is_published_again() {
    let place = Place::new();
    let refuses = |event: &Event| matches!(event, Event::Ended(_));
    let journal = place.journal().await;
    let first = place
        .start_on(Arc::new(Refusing { journal, refuses, deposed: false, renewed: None }))
        .await;
    let id = place.submit(&mut first.jobs(), Some("j")).await.unwrap();
    let mut worker = FakeWorker::attach(&first, "w1").await;
    // Intake, three segments, an audit.
    for _ in 0..5 {
        let granted = worker.granted().await;
        worker.perform(&place, granted).await;
    }
    let error = first.ended().await;
    assert!(error.to_string().contains("cannot be made durable"), "{error}");
    assert_eq!(std::fs::read(place.output()).unwrap(), part::movie());
    let second = place.start().await;
    assert_eq!(second.outcome(&id).await.kind, "done");
    assert_eq!(std::fs::read(place.output()).unwrap(), part::movie());
    second.swept(&place).await;
}

#[tokio::test]
async fn a_sweep_that_a_kill_cut_short_is_done_again_but_a_failed_job_keeps_its_objects() {
    let place = Place::new();
    let first = place.start().await;
    let mut jobs = first.jobs();
    for id in ["failed", "cancelled"] {
        place.submit_apart(&mut jobs, id).await;
    }
    jobs.cancel(pb::CancelRequest { job: "cancelled".to_owned() }).await.unwrap();
    let mut worker = FakeWorker::attach(&first, "w1").await;
    let intake = worker.granted().await;
    worker.fail(intake.lease, FailureKind::BadInput, "not a video").await;
    first.outcome("failed").await;
    first.kill().await;
    for key in ["jobs/failed/table.1", "jobs/cancelled/remains"] {
        place.store.put(key, "x".into()).await.unwrap();
    }
    let second = place.start().await;
    second.swept_but_for(&place, "jobs/failed/table.1").await;
}

#[tokio::test]
async fn an_ended_job_is_forgotten_with_its_objects_and_records_when_its_time_is_over() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, Some("j")).await.unwrap();
    let mut worker = FakeWorker::attach(&running, "w1").await;
    let intake = worker.granted().await;
    let lease = intake.lease;
    worker.fail(lease, FailureKind::BadInput, "not a video").await;
    running.outcome(&id).await;
    place.store.put("jobs/j/table.1", "x".into()).await.unwrap();
    running.stop().await;
    assert!(place.records().await.len() > 2, "a failed job is kept for a retry");

    let running = place.start_keeping(1).await;
    running.swept(&place).await;
    let mut jobs = running.jobs();
    let status = jobs.show(pb::ShowRequest { job: id.clone() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
    running.stop().await;
    let told: Vec<_> = place.records().await.into_iter().map(|record| record.event).collect();
    assert!(
        matches!(&told[..], [Event::Leased { lease: last, .. }, Event::Forgotten] if *last == lease),
        "{told:?}"
    );

    // Its name may be used again; its lease may not.
    let running = place.start().await;
    place.submit(&mut running.jobs(), Some("j")).await.unwrap();
    let mut worker = FakeWorker::attach(&running, "w1").await;
    assert!(worker.granted().await.lease > lease);
    let shown = running.jobs().show(pb::ShowRequest { job: id }).await.unwrap().into_inner();
    assert_eq!(shown.attempts.len(), 1, "of the job that is there: {:?}", shown.attempts);
}

#[tokio::test]
async fn what_was_forgotten_when_the_coordinator_died_is_swept_by_the_next() {
    let place = Place::new();
    let running = place.start_keeping(1).await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, Some("j")).await.unwrap();
    jobs.cancel(pb::CancelRequest { job: id.clone() }).await.unwrap();
    while jobs.show(pb::ShowRequest { job: id.clone() }).await.is_ok() {
        tokio::task::yield_now().await;
    }
    running.kill().await;
    place.store.put("jobs/j/remains", "x".into()).await.unwrap();
    place.start().await.swept(&place).await;
}

#[tokio::test]
async fn a_part_that_is_lost_or_damaged_is_made_again() {
    for how in [Spoilt::Lost, Spoilt::Damaged, Spoilt::ManifestLost] {
        let place = Place::new();
        let running = place.start().await;
        let id = place.submit(&mut running.jobs(), Some("j")).await.unwrap();
        let mut worker = FakeWorker::attach(&running, "w1").await;
        worker.spoil(CellIndex(1), how);
        let outcome = worker.work(&place, &running, &id).await;
        assert_eq!(outcome.kind, "done", "{how:?}: {outcome:?}");
        assert_eq!(std::fs::read(place.output()).unwrap(), part::movie(), "{how:?}");
        running.stop().await;
        let records = place.records().await;
        let discarded: Vec<_> = records
            .iter()
            .filter_map(|record| {
                let Event::PartDiscarded { cell, failure } = &record.event else { return None };
                Some((*cell, failure.frames.unwrap().to_string()))
            })
            .collect();
        assert_eq!(discarded, [(CellIndex(1), "10..20".to_owned())], "{how:?}");
    }
}

#[tokio::test]
async fn a_stitch_that_crashes_is_tried_again() {
    let place = Place::new();
    place.play("crash once");
    let running = place.start().await;
    let id = place.submit(&mut running.jobs(), Some("j")).await.unwrap();
    let mut worker = FakeWorker::attach(&running, "w1").await;
    assert_eq!(worker.work(&place, &running, &id).await.kind, "done");
    let shown = running.jobs().show(pb::ShowRequest { job: id }).await.unwrap().into_inner();
    let crashed = shown.attempts.iter().find(|one| one.work == "stitch").unwrap();
    assert_eq!(crashed.outcome, "failed");
    assert_eq!(crashed.failure.as_ref().unwrap().kind, "engine_crashed");
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_the_coordinator_and_nothing_is_performed() {
    let place = Place::new();
    let refuses = |event: &Event| matches!(event, Event::Leased { .. });
    let journal = place.journal().await;
    let running = place
        .start_on(Arc::new(Refusing { journal, refuses, deposed: false, renewed: None }))
        .await;
    let mut worker = FakeWorker::attach(&running, "w1").await;
    let status = place.submit(&mut running.jobs(), None).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(worker.is_cut_off().await, "it was granted nothing");
    let error = running.ended().await;
    assert!(error.to_string().contains("cannot be made durable"), "{error}");
}

#[tokio::test]
async fn a_stopped_coordinator_ends_its_streams_and_frees_its_journal() {
    let place = Place::new();
    let running = place.start().await;
    let mut jobs = running.jobs();
    let id = place.submit(&mut jobs, Some("j")).await.unwrap();
    let mut states = jobs.watch(pb::WatchRequest { job: id.clone() }).await.unwrap().into_inner();
    states.next().await.unwrap().unwrap();
    let mut worker = FakeWorker::attach(&running, "w1").await;
    worker.granted().await;
    running.stop().await;
    let mut last = states.next().await.unwrap();
    while last.is_ok() {
        last = states.next().await.unwrap();
    }
    assert_eq!(last.unwrap_err().code(), Code::Unavailable);
    assert!(worker.is_cut_off().await);
    let again = place.start().await;
    assert_eq!(again.state(&id).await.job, id);
}
