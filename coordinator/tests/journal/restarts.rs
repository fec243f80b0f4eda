//! The database goes away in the middle: what was told to be written is there once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_coordinator::{Batch, Journal as _, Leadership as _, stand_by};
use cleanplate_types::trail::TrailEvent;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::place::Database;
use crate::postgres::TestPostgres;
use crate::proxy::Proxy;
use crate::{job, line, one, stitch, times};

const SILENT: Duration = Duration::from_secs(20);

/// The URL of a database by way of a proxy.
fn by_way_of(proxy: &Proxy, url: &str) -> String {
    let folder = |path: &Path| path.display().to_string().replace('/', "%2F");
    let (head, rest) = url.split_once('@').unwrap();
    let (_, database) = rest.split_once('/').unwrap();
    format!("{head}@{}/{database}", folder(proxy.folder()))
}

/// The folder of the server's socket.
fn folder_of(url: &str) -> String {
    let (_, rest) = url.split_once('@').unwrap();
    rest.split_once('/').unwrap().0.replace("%2F", "/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_and_started_again_has_every_batch_once() {
    const BATCHES: u64 = 400;
    const KILLS: u64 = 3;
    let Some(database) = Database::on(TestPostgres::start().map(Arc::new)) else { return };
    let journal = Arc::new(database.opened_for("first", SILENT).await.unwrap());
    let epoch = stand_by(&*journal).await.unwrap();
    let (told, mut written) = tokio::sync::watch::channel(0);
    let writer = Arc::clone(&journal);
    let writing = tokio::spawn(async move {
        for at in 0..BATCHES {
            let trails = vec![line("a", at, TrailEvent::Started, "x")];
            writer.append(&Batch { records: vec![stitch(at, "a")], trails }).await.unwrap();
            told.send_replace(at + 1);
        }
    });
    for kill in 1..=KILLS {
        let enough = BATCHES / (KILLS + 1) * kill;
        written.wait_for(|written| *written >= enough).await.unwrap();
        let server = Arc::clone(&database.server);
        tokio::task::spawn_blocking(move || {
            server.kill();
            server.run();
        })
        .await
        .unwrap();
    }
    writing.await.unwrap();
    journal.renew().await.unwrap();
    assert_eq!(journal.epoch(), Some(epoch), "nobody else led meanwhile");
    let all: Vec<_> = (0..BATCHES).collect();
    assert_eq!(times(&journal.load().await.unwrap()), all);
    let lines = journal.trails_of(&job("a")).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.lease.0).collect::<Vec<_>>(), all);
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_there_once() {
    let Some(database) = Database::new() else { return };
    let proxy = Proxy::before(Path::new(&folder_of(&database.url)));
    let url = by_way_of(&proxy, &database.url);
    let journal = Database::opened_at(&url, "first", SILENT).await.unwrap();
    stand_by(&journal).await.unwrap();
    // The first prepares the statement; the next says nothing but "do it".
    journal.append(&one(1)).await.unwrap();
    for at in 2..6 {
        proxy.swallow_one_answer();
        let batch = Batch {
            records: vec![stitch(at, "a")],
            trails: vec![line("a", at, TrailEvent::Started, "x")],
        };
        journal.append(&batch).await.unwrap();
        assert!(!proxy.is_armed(), "an answer was lost");
    }
    assert_eq!(times(&journal.load().await.unwrap()), [1, 2, 3, 4, 5]);
    assert_eq!(journal.trails_of(&job("a")).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_batch_that_is_sent_again_while_it_is_still_under_way_is_there_once() {
    let Some(database) = Database::new() else { return };
    let proxy = Proxy::before(Path::new(&folder_of(&database.url)));
    let url = by_way_of(&proxy, &database.url);
    let journal = Database::opened_at(&url, "first", SILENT).await.unwrap();
    stand_by(&journal).await.unwrap();
    journal.append(&one(1)).await.unwrap();
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let mut holding = other.begin().await.unwrap();
    holding.execute("INSERT INTO batch (epoch, number) SELECT epoch, 2 FROM leader").await.unwrap();
    let batch = one(2);
    let (written, ()) = tokio::join!(journal.append(&batch), async {
        database.until_waiting(1).await;
        proxy.cut();
        // The first goes on waiting, and so does the second.
        database.until_waiting(2).await;
        holding.rollback().await.unwrap();
    });
    written.unwrap();
    assert_eq!(times(&journal.load().await.unwrap()), [1, 2]);
    assert_eq!(database.ask("SELECT count(*) FROM batch"), "2");
}
