//! What every journal must do.

use std::sync::Arc;

use cleanplate_coordinator::{Batch, Journal, JournalError, Standing, TrailLine};
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, Record};
use cleanplate_types::trail::TrailEvent;

use crate::place::Place;
use crate::{job, line, one, record, stitch, times};

/// Each of these on both.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod in_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::place::Place::sqlite()).await;
            })+
        }
        mod in_postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(place) = crate::place::Place::postgres() {
                    super::$name(&place).await;
                }
            })+
        }
    };
}

on_both! {
    it_keeps_what_it_is_told,
    an_empty_batch_adds_nothing_and_a_late_time_is_kept,
    a_forgotten_job_takes_all_along_but_its_last_lease,
    a_job_is_forgotten_within_a_batch_too,
    a_long_batch_keeps_its_order,
    what_was_appended_is_there_after_the_process_is_gone,
    a_batch_that_cannot_be_written_leaves_nothing_of_itself,
    records_of_other_versions_are_refused_in_words,
    tables_of_a_newer_version_are_refused_in_words,
    the_name_of_the_store_is_kept_and_may_be_told_anew,
    readers_see_whole_batches_while_others_are_written,
    who_leads_keeps_its_epoch_until_it_resigns,
}

/// Appends two batches and returns what is in them.
async fn filled(journal: &dyn Journal) -> (Vec<Record>, Vec<TrailLine>) {
    let batches = [
        Batch {
            records: vec![stitch(1, "a"), stitch(2, "b"), stitch(2, "a")],
            trails: vec![
                line("a", 1, TrailEvent::Started, "x"),
                line("b", 2, TrailEvent::Failed, ""),
            ],
        },
        Batch {
            records: vec![record(3, "a", Event::Ended(JobOutcome::Cancelled))],
            trails: vec![line("a", u64::MAX, TrailEvent::Fallback, "nvenc -> libx264: 'no'\n")],
        },
    ];
    for batch in &batches {
        journal.append(batch).await.unwrap();
    }
    let [first, second] = batches;
    ([first.records, second.records].concat(), [first.trails, second.trails].concat())
}

async fn it_keeps_what_it_is_told(place: &Place) {
    let journal = place.lead().await;
    assert_eq!(journal.load().await.unwrap(), [], "a new journal is empty");
    let (records, trails) = filled(&*journal).await;
    assert_eq!(journal.load().await.unwrap(), records, "in the order of their appending");
    let of_a: Vec<_> = records.iter().filter(|one| one.job == job("a")).cloned().collect();
    assert_eq!(journal.records_of(&job("a")).await.unwrap(), of_a);
    let of_a: Vec<_> = trails.iter().filter(|one| one.job == job("a")).cloned().collect();
    assert_eq!(journal.trails_of(&job("a")).await.unwrap(), of_a);
    assert_eq!(journal.records_of(&job("c")).await.unwrap(), []);
    assert_eq!(journal.trails_of(&job("c")).await.unwrap(), []);
    assert_eq!(journal.fallbacks().await.unwrap(), &trails[2..]);
}

async fn an_empty_batch_adds_nothing_and_a_late_time_is_kept(place: &Place) {
    let journal = place.lead().await;
    let (records, _) = filled(&*journal).await;
    journal.append(&Batch::default()).await.unwrap();
    assert_eq!(journal.load().await.unwrap(), records);
    let far = u64::MAX - 1;
    journal.append(&one(far)).await.unwrap();
    assert_eq!(journal.load().await.unwrap().last(), Some(&stitch(far, "a")));
}

async fn a_forgotten_job_takes_all_along_but_its_last_lease(place: &Place) {
    let journal = place.lead().await;
    filled(&*journal).await;
    let forgotten = record(4, "a", Event::Forgotten);
    let again = stitch(5, "a");
    let batch = Batch {
        records: vec![forgotten.clone(), again.clone()],
        trails: vec![line("a", 5, TrailEvent::Started, "x")],
    };
    journal.append(&batch).await.unwrap();
    let left = [stitch(2, "b"), stitch(2, "a"), forgotten, again];
    assert_eq!(journal.load().await.unwrap(), left, "of a forgotten job its last lease stays");
    assert_eq!(journal.trails_of(&job("a")).await.unwrap(), batch.trails);
    assert_eq!(journal.fallbacks().await.unwrap(), []);
}

async fn a_job_is_forgotten_within_a_batch_too(place: &Place) {
    let journal = place.lead().await;
    filled(&*journal).await;
    let retried = |at| record(at, "a", Event::Retried);
    let forgotten = |at| record(at, "a", Event::Forgotten);
    let records = vec![stitch(4, "a"), retried(5), forgotten(6), stitch(7, "b"), retried(8)];
    journal.append(&Batch { records, trails: Vec::new() }).await.unwrap();
    let all = [stitch(2, "b"), stitch(4, "a"), forgotten(6), stitch(7, "b"), retried(8)];
    assert_eq!(journal.load().await.unwrap(), all);
    let records = vec![forgotten(9), retried(10), forgotten(11)];
    journal.append(&Batch { records, trails: Vec::new() }).await.unwrap();
    let all = [stitch(2, "b"), stitch(4, "a"), stitch(7, "b"), forgotten(11)];
    assert_eq!(journal.load().await.unwrap(), all, "forgotten twice, its lease stays");
}

async fn a_long_batch_keeps_its_order(place: &Place) {
    let journal = place.lead().await;
    let records = (0..3000).map(|at| stitch(at, if at % 2 == 0 { "a" } else { "b" })).collect();
    let detail = |number: u64| format!("line {number}");
    let trails = (0..500).map(|it| line("a", it, TrailEvent::Started, &detail(it))).collect();
    let batch = Batch { records, trails };
    journal.append(&batch).await.unwrap();
    assert_eq!(journal.load().await.unwrap(), batch.records);
    assert_eq!(journal.trails_of(&job("a")).await.unwrap(), batch.trails);
}

async fn what_was_appended_is_there_after_the_process_is_gone(place: &Place) {
    let journal = place.lead().await;
    let (records, _) = filled(&*journal).await;
    // Not closed: a kill closes nothing either.
    drop(journal);
    assert_eq!(place.lead().await.load().await.unwrap(), records);
}

async fn a_batch_that_cannot_be_written_leaves_nothing_of_itself(place: &Place) {
    let journal = place.lead().await;
    let (records, _) = filled(&*journal).await;
    place.refuse_trails().await;
    let batch = Batch {
        records: vec![stitch(9, "a"), record(9, "b", Event::Forgotten)],
        trails: vec![line("a", 9, TrailEvent::Started, "x")],
    };
    let error = journal.append(&batch).await.unwrap_err();
    assert!(matches!(error, JournalError::Database { .. }), "{error}");
    assert!(error.to_string().contains("journal"), "{error}");
    assert_eq!(journal.load().await.unwrap(), records);
    journal.append(&one(10)).await.unwrap();
    assert_eq!(journal.load().await.unwrap().len(), records.len() + 1, "it goes on");
}

async fn records_of_other_versions_are_refused_in_words(place: &Place) {
    let journal = place.lead().await;
    filled(&*journal).await;
    place.sql("UPDATE record SET format = 99 WHERE seq = 2").await;
    let error = journal.load().await.unwrap_err();
    assert!(matches!(error, JournalError::Newer { found: 99, .. }), "{error}");
    place.sql("UPDATE record SET format = 1 WHERE seq = 2").await;
    place.sql(garbage(place, "WHERE seq = 2")).await;
    let error = journal.load().await.unwrap_err();
    assert!(matches!(error, JournalError::Older { found: 1, .. }), "{error}");
    place.sql("UPDATE record SET format = (SELECT max(format) FROM record)").await;
    place.sql(garbage(place, "")).await;
    let error = journal.load().await.unwrap_err();
    assert!(matches!(error, JournalError::Damaged { seq: 1, .. }), "{error}");
}

/// A statement that makes the bodies of some records none.
fn garbage(place: &Place, which: &str) -> &'static str {
    format!("UPDATE record SET body = {} {which}", place.one_byte()).leak()
}

async fn the_name_of_the_store_is_kept_and_may_be_told_anew(place: &Place) {
    let journal = place.lead().await;
    assert_eq!(journal.store_named().await.unwrap(), None);
    for name in ["one", "one", "other"] {
        journal.name_store(name).await.unwrap();
        assert_eq!(journal.store_named().await.unwrap().as_deref(), Some(name));
    }
    journal.close().await;
    assert_eq!(place.lead().await.store_named().await.unwrap().as_deref(), Some("other"));
}

async fn tables_of_a_newer_version_are_refused_in_words(place: &Place) {
    place.lead().await.close().await;
    place.sql("UPDATE _sqlx_migrations SET version = 99 WHERE version = 1").await;
    let error = place.opened().await.unwrap_err();
    assert!(matches!(error, JournalError::Newer { found: 99, .. }), "{error}");
}

async fn readers_see_whole_batches_while_others_are_written(place: &Place) {
    const BATCHES: u64 = 60;
    let journal = place.lead().await;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                let mut looks = 0;
                loop {
                    let records = journal.load().await.unwrap();
                    let seen = records.len() as u64;
                    assert_eq!(times(&records), (0..seen).collect::<Vec<_>>(), "in order");
                    assert_eq!(seen % 3, 0, "a batch is there whole or not at all");
                    looks += 1;
                    if seen == BATCHES * 3 {
                        return looks;
                    }
                }
            })
        })
        .collect();
    for batch in 0..BATCHES {
        let records = (0..3).map(|place| stitch(batch * 3 + place, "a")).collect();
        journal.append(&Batch { records, trails: Vec::new() }).await.unwrap();
    }
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

async fn who_leads_keeps_its_epoch_until_it_resigns(place: &Place) {
    let journal = place.lead().await;
    let epoch = journal.epoch().expect("it leads");
    assert_eq!(*journal.standing().borrow(), Standing::Leads(epoch));
    assert_eq!(journal.take().await.unwrap(), Standing::Leads(epoch));
    journal.renew().await.unwrap();
    assert_eq!(journal.epoch(), Some(epoch));
    journal.append(&one(1)).await.unwrap();
    journal.resign().await.unwrap();
    journal.close().await;
    let next = place.opened().await.unwrap();
    assert!(matches!(next.take().await.unwrap(), Standing::Leads(_)), "it is free at once");
    assert_eq!(times(&next.load().await.unwrap()), [1]);
}
