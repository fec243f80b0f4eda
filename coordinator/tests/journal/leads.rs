//! One leads: the epoch is checked by every statement that writes, however it is delayed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_coordinator::{
    Batch, Epoch, Journal as _, JournalError, Leadership as _, PostgresJournal, Standing,
    renew_for_good, stand_by,
};
use cleanplate_types::trail::TrailEvent;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::place::Database;
use crate::{job, line, one, stitch, times};

fn deposed_by(error: &JournalError, name: &str) -> bool {
    let JournalError::Deposed { epoch, by, address } = error else { return false };
    epoch.0 > 1 && by.starts_with(name) && *address == format!("http://{name}:7700")
}

async fn times_of(journal: &PostgresJournal) -> Vec<u64> {
    times(&journal.load().await.unwrap())
}

#[tokio::test]
async fn a_second_coordinator_stands_by_and_knows_who_leads_and_where() {
    let Some(database) = Database::new() else { return };
    let first = database.lead("first").await;
    let second = database.opened("second").await.unwrap();
    let mut standing = second.standing();
    let Standing::StandsBy(Some(leader)) = second.take().await.unwrap() else {
        panic!("the first leads");
    };
    assert_eq!(Some(leader.epoch), first.epoch());
    assert!(leader.holder.starts_with("first/"), "{leader:?}");
    assert_eq!(leader.address, "http://first:7700");
    assert!(standing.has_changed().unwrap(), "it is told to whoever watches");
    assert_eq!(*standing.borrow_and_update(), Standing::StandsBy(Some(leader)));
    let error = second.append(&one(1)).await.unwrap_err();
    assert!(matches!(error, JournalError::NotLeading { .. }), "{error}");
    first.append(&one(2)).await.unwrap();
    assert_eq!(times_of(&second).await, [2], "whoever stands by may read");
}

#[tokio::test]
async fn a_leader_that_is_silent_is_deposed_and_writes_nothing_more() {
    let Some(database) = Database::new() else { return };
    let first = database.lead("first").await;
    first.append(&one(1)).await.unwrap();
    database.silence();
    let second = database.lead("second").await;
    assert_eq!(second.epoch(), first.epoch().map(|epoch| Epoch(epoch.0 + 1)));
    let error = first.append(&one(2)).await.unwrap_err();
    assert!(deposed_by(&error, "second"), "{error:?}");
    assert!(matches!(&*first.standing().borrow(), Standing::StandsBy(Some(_))));
    let batch =
        Batch { records: Vec::new(), trails: vec![line("a", 1, TrailEvent::Started, "late")] };
    assert!(first.append(&batch).await.is_err());
    assert!(first.name_store("late").await.is_err());
    assert_eq!(second.store_named().await.unwrap(), None);
    second.append(&one(3)).await.unwrap();
    assert_eq!(times_of(&second).await, [1, 3]);
    assert_eq!(second.trails_of(&job("a")).await.unwrap(), []);
}

#[tokio::test]
async fn a_leader_learns_by_its_renewal_that_it_is_deposed() {
    let Some(database) = Database::new() else { return };
    let first = database.opened_for("first", Duration::from_secs(1)).await.unwrap();
    stand_by(&first).await.unwrap();
    let second = database.opened("second").await.unwrap();
    let mut standing = first.standing();
    let (error, ()) = tokio::join!(renew_for_good(&first), async {
        // The first may renew in between.
        while !matches!(second.take().await.unwrap(), Standing::Leads(_)) {
            database.silence();
        }
    });
    assert!(deposed_by(&error, "second"), "{error:?}");
    standing.wait_for(|it| matches!(it, Standing::StandsBy(Some(_)))).await.unwrap();
    second.append(&one(1)).await.unwrap();
}

#[tokio::test]
async fn a_leader_that_renews_keeps_its_lead_and_one_that_does_not_loses_it() {
    let Some(database) = Database::new() else { return };
    let silent = Duration::from_secs(3);
    let first = database.opened_for("first", silent).await.unwrap();
    let second = database.opened_for("second", silent).await.unwrap();
    let epoch = stand_by(&first).await.unwrap();
    let waiting = stand_by(&second);
    tokio::pin!(waiting);
    tokio::select! {
        error = renew_for_good(&first) => panic!("{error}"),
        _ = &mut waiting => panic!("the first leads"),
        () = tokio::time::sleep(silent * 2) => {}
    }
    let began = Instant::now();
    assert!(waiting.await.unwrap() > epoch);
    assert!(began.elapsed() < silent * 3, "soon after the silence");
}

#[tokio::test]
async fn a_leader_whose_process_is_gone_is_followed_before_its_silence_is_over() {
    let Some(database) = Database::new() else { return };
    let first = database.lead("first").await;
    let second = database.opened("second").await.unwrap();
    let leads = async || matches!(second.take().await.unwrap(), Standing::Leads(_));
    let late = "UPDATE leader SET renewed_at = clock_timestamp() - interval '300 s'";
    database.ask(late);
    assert!(!leads().await, "it misses renewals, and has its connection");
    first.renew().await.unwrap();
    drop(first);
    let gone = "SELECT count(*) FROM leader, pg_stat_get_activity(backend)";
    let began = Instant::now();
    while database.ask(gone) != "0" {
        assert!(began.elapsed() < Duration::from_secs(30), "the database notices at once");
    }
    assert!(!leads().await, "it has renewed just now, and may be connecting anew");
    database.ask(late);
    database.ask("UPDATE leader SET backend_start = backend_start - interval '1 year'");
    assert!(!leads().await, "all connections of before the database's start are gone");
    database.ask("UPDATE leader SET backend_start = backend_start + interval '1 year', epoch = 7");
    assert!(!leads().await, "who leads since then told of no connection");
    database.ask("UPDATE leader SET backend_epoch = 7");
    assert!(leads().await);
}

#[tokio::test]
async fn a_statement_under_way_when_the_lead_changes_hands_writes_nothing() {
    let Some(database) = Database::new() else { return };
    let first = database.lead("first").await;
    first.append(&one(1)).await.unwrap();
    let mut taker = PgConnection::connect(&database.url).await.unwrap();
    let mut taking = taker.begin().await.unwrap();
    taking
        .execute("UPDATE leader SET epoch = epoch + 1, holder = 'x', address = 'y'")
        .await
        .unwrap();
    let batch = one(2);
    let (written, ()) = tokio::join!(first.append(&batch), async {
        database.until_waiting(1).await;
        taking.commit().await.unwrap();
    });
    let error = written.unwrap_err();
    assert!(matches!(&error, JournalError::Deposed { by, .. } if by == "x"), "{error:?}");
    assert_eq!(times_of(&first).await, [1]);
}

#[tokio::test]
async fn a_statement_that_has_begun_to_write_is_waited_for_and_seen_by_who_follows() {
    let Some(database) = Database::new() else { return };
    let first = database.lead("first").await;
    let second = database.opened("second").await.unwrap();
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let mut holding = other.begin().await.unwrap();
    // It holds the first's statement up when that has locked the lead already.
    holding.execute("INSERT INTO batch (epoch, number) SELECT epoch, 1 FROM leader").await.unwrap();
    database.silence();
    let batch = one(1);
    let (written, taken) = tokio::join!(first.append(&batch), async {
        database.until_waiting(1).await;
        let (taken, ()) = tokio::join!(second.take(), async {
            database.until_waiting(2).await;
            holding.rollback().await.unwrap();
        });
        taken
    });
    written.unwrap();
    assert!(matches!(taken.unwrap(), Standing::Leads(_)), "the first was silent");
    assert_eq!(times_of(&second).await, [1]);
    assert!(first.append(&one(2)).await.is_err());
}

#[tokio::test]
async fn of_many_that_race_for_the_lead_exactly_one_has_each_epoch() {
    const RACERS: usize = 8;
    const RACES: u64 = 40;
    let Some(database) = Database::new() else { return };
    let mut racers = Vec::new();
    for number in 0..RACERS {
        racers.push(Arc::new(database.opened(&format!("racer{number}")).await.unwrap()));
    }
    let mut last = 0;
    for race in 0..RACES {
        let running: Vec<_> = racers
            .iter()
            .map(|racer| {
                let racer = Arc::clone(racer);
                tokio::spawn(async move { racer.take().await.unwrap() })
            })
            .collect();
        let mut won = Vec::new();
        for one in running {
            if let Standing::Leads(epoch) = one.await.unwrap() {
                won.push(epoch.0);
            }
        }
        let [epoch] = won[..] else { panic!("race {race}: one wins, not {won:?}") };
        assert!(epoch > last, "race {race}: {epoch} follows {last}");
        last = epoch;
        let winner = racers.iter().find(|racer| racer.epoch().is_some()).unwrap();
        winner.append(&one(race)).await.unwrap();
        if race % 2 == 0 {
            winner.resign().await.unwrap();
        } else {
            // It is gone without a word: its place is taken by another.
            let index = racers.iter().position(|racer| racer.epoch().is_some()).unwrap();
            database.silence();
            racers[index] = Arc::new(database.opened("again").await.unwrap());
        }
    }
    assert_eq!(times_of(&racers[0]).await, (0..RACES).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_resigns_is_followed_at_once_and_writes_nothing_more() {
    let Some(database) = Database::new() else { return };
    let first = database.lead("first").await;
    let second = database.opened("second").await.unwrap();
    first.append(&one(1)).await.unwrap();
    first.resign().await.unwrap();
    assert!(first.append(&one(2)).await.is_err());
    let Standing::Leads(epoch) = second.take().await.unwrap() else { panic!("it is free") };
    assert!(epoch.0 > 1);
    second.append(&one(3)).await.unwrap();
    first.resign().await.unwrap();
    second.append(&one(4)).await.unwrap();
    assert_eq!(times_of(&second).await, [1, 3, 4]);
}

#[tokio::test]
async fn letters_that_the_database_has_no_place_for_do_not_stop_a_trail() {
    let Some(database) = Database::new() else { return };
    let journal = database.lead("first").await;
    let batch = Batch {
        records: vec![stitch(1, "a")],
        trails: vec![line("a", 1, TrailEvent::Started, "a\0b \u{1f39e} \\ \" '")],
    };
    journal.append(&batch).await.unwrap();
    let told = journal.trails_of(&job("a")).await.unwrap();
    assert_eq!(told[0].entry.detail, "a\u{2400}b \u{1f39e} \\ \" '");
}

#[tokio::test]
async fn a_database_that_cannot_keep_text_is_refused_before_anything_is_made_in_it() {
    let Some(database) = Database::new() else { return };
    let bare = "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0";
    drop(database.ask(bare));
    let url = database.server.url_of("ascii");
    let error = Database::opened_at(&url, "first", Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, JournalError::Unsuitable { .. }), "{error}");
    assert!(error.to_string().contains("UTF8"), "{error}");
    assert_eq!(
        database.server.ask("ascii", "SELECT count(*) FROM pg_tables WHERE tablename = 'record'"),
        "0"
    );
}

#[tokio::test]
async fn no_password_is_shown_whatever_is_wrong() {
    use crate::postgres::PASSWORD;
    let Some(database) = Database::new() else { return };
    let journal = database.lead("first").await;
    let shown = format!("{journal:?}");
    assert!(shown.contains("first") && !shown.contains(PASSWORD), "{shown}");
    let wrong = database.url.replace(PASSWORD, "hush-wrong");
    for url in [wrong, database.server.url_of("nowhere")] {
        let error = Database::opened_at(&url, "x", Duration::from_secs(5)).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("postgres:***@"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}
