//! Whole folders: submitted again only what is missing, none of another owner.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use cleanplate_tests::closed::ClosedFarm;
use cleanplate_tests::cluster::{Cluster, PATIENCE};
use cleanplate_tests::schema;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::text;
use crate::web::{Web, problem};

/// The lines of a batch, and its totals.
async fn batch(web: &Web, body: &Value) -> (BTreeSet<(String, String)>, Value) {
    let answer = web.post("/api/v1/batches", body).await;
    let (status, kind) = (answer.status(), answer.headers()["content-type"].clone());
    let text = answer.text().await.unwrap();
    assert_eq!(
        (status, kind.to_str().unwrap()),
        (StatusCode::OK, "application/x-ndjson"),
        "{text}"
    );
    let document = web.document().await;
    let mut files = BTreeSet::new();
    let mut totals = Value::Null;
    for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        schema::hold(&document, "BatchLine", &line);
        assert!(totals.is_null(), "the totals are last");
        if let Some(file) = line.get("file") {
            let told = |name: &str| file[name].as_str().unwrap().to_owned();
            files.insert((told("file"), told("outcome")));
        } else {
            totals = line["totals"].clone();
        }
    }
    (files, totals)
}

#[tokio::test]
async fn a_folder_is_submitted_whole_and_again_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let (from, to) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(from.join("season-1")).unwrap();
    fs::create_dir_all(&to).unwrap();
    for name in ["a.mp4", "season-1/b.mkv", "old.avi", "notes.txt", ".hidden.mp4"] {
        fs::write(from.join(name), b"x").unwrap();
    }
    fs::write(to.join("a.mp4"), b"it is there").unwrap();
    let asked = json!({ "request": {
        "input": format!("{}/", text(&from)), "output": format!("{}/", text(&to)), "encoder": "libx264",
    }});
    let mut dry = asked.clone();
    dry["dry_run"] = true.into();
    let expected = |b: &str| {
        let told = [("a.mp4", "exists"), ("old.avi", "refused"), ("season-1/b.mkv", b)];
        told.map(|(file, outcome)| (file.to_owned(), outcome.to_owned())).into()
    };
    let (files, totals) = batch(&web, &dry).await;
    assert_eq!(files, expected("new"));
    assert_eq!((&totals["new"], &totals["submitted"]), (&1.into(), &0.into()));
    assert_eq!(web.get_json("/api/v1/jobs").await["jobs"], json!([]), "nothing was done");
    let (files, totals) = batch(&web, &asked).await;
    assert_eq!(files, expected("submitted"));
    let counted = json!({ "files": 3, "submitted": 1, "known": 0, "exists": 1, "refused": 1, "others": 2, "new": 0 });
    assert_eq!(totals, counted);
    // Cut off and asked again: what is there is taken as it is, what is new is submitted.
    cluster.kill_coordinator();
    cluster.start_coordinator();
    fs::write(from.join("season-1/c.mp4"), b"x").unwrap();
    let (files, totals) = batch(&web, &asked).await;
    let mut again: BTreeSet<_> = expected("known");
    again.insert(("season-1/c.mp4".to_owned(), "submitted".to_owned()));
    assert_eq!(files, again);
    assert_eq!((&totals["known"], &totals["submitted"]), (&1.into(), &1.into()));
    let jobs = web.get_json("/api/v1/jobs").await;
    let outputs: BTreeSet<&str> =
        jobs["jobs"].as_array().unwrap().iter().filter_map(|it| it["output"].as_str()).collect();
    let wanted =
        ["season-1/b.mkv", "season-1/c.mp4"].map(|name| format!("file://{}", text(&to.join(name))));
    assert_eq!(outputs, wanted.iter().map(String::as_str).collect());
    // By pattern and container.
    let mut old = asked.clone();
    old["include"] = json!(["*.avi"]);
    old["container"] = "mkv".into();
    let (files, totals) = batch(&web, &old).await;
    assert_eq!(files, [("old.avi".to_owned(), "submitted".to_owned())].into());
    assert_eq!(totals["others"], 5);
    let mut inside = asked.clone();
    inside["request"]["output"] = format!("{}/clean", text(&from)).into();
    problem(web.post("/api/v1/batches", &inside).await, 400, "invalid-request").await;
    // By the command line, the same batch is the same jobs.
    let paths = [format!("{}/", text(&from)), format!("{}/", text(&to))];
    let told = cluster.ask_json(&[
        "submit",
        &paths[0],
        &paths[1],
        "--encoder",
        "libx264",
        "--include",
        "*.mkv",
    ]);
    assert_eq!(told[0]["file"]["outcome"], "known", "{told:?}");
    assert_eq!(told[1]["totals"]["files"], 1);
}

#[tokio::test]
async fn a_folder_of_another_owner_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    let alice = farm.tokens.add("alice", "roles = [\"submit\", \"read\"]\nowner = \"alice\"");
    let web = Web::closed(&farm, alice.reveal());
    let known = async {
        while web.get("/api/v1/jobs").await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("the token is known");
    let asked = |from: &Path, to: &Path| json!({ "request": { "input": text(from), "output": text(to), "encoder": "libx264" } });
    let above = farm.sources.parent().unwrap();
    for (from, to) in [(above, farm.movies.as_path()), (&farm.sources, above)] {
        let answer = web.post("/api/v1/batches", &asked(from, to)).await;
        problem(answer, 403, "denied").await;
    }
    fs::write(farm.sources.join("a.mp4"), b"x").unwrap();
    // A link in a folder that is listed leads out of it.
    fs::write(above.join("secret.mp4"), b"x").unwrap();
    std::os::unix::fs::symlink(above.join("secret.mp4"), farm.sources.join("link.mp4")).unwrap();
    let (files, _) = batch(&web, &asked(&farm.sources, &farm.movies)).await;
    let told = [("a.mp4", "submitted"), ("link.mp4", "refused")];
    assert_eq!(files, told.map(|(file, how)| (file.to_owned(), how.to_owned())).into());
}

#[tokio::test]
async fn of_two_files_that_become_one_output_one_is_refused_each_time_and_no_name_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let (from, to) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(&from).unwrap();
    for name in ["same.mp4", "same.mkv"] {
        fs::write(from.join(name), b"x").unwrap();
    }
    fs::write(from.join(OsStr::from_bytes(b"odd\xff.mp4")), b"x").unwrap();
    let mut asked = json!({ "container": "mp4", "dry_run": true, "request": {
        "input": text(&from), "output": text(&to), "encoder": "libx264",
    }});
    let outcomes = |files: &BTreeSet<(String, String)>| {
        let mut outcomes: Vec<String> = files.iter().map(|(_, outcome)| outcome.clone()).collect();
        outcomes.sort();
        outcomes
    };
    let (files, totals) = batch(&web, &asked).await;
    assert_eq!(
        (outcomes(&files), &totals["files"]),
        (told(["new", "refused", "refused"]), &3.into())
    );
    asked["dry_run"] = false.into();
    let (files, _) = batch(&web, &asked).await;
    assert_eq!(outcomes(&files), told(["refused", "refused", "submitted"]));
    let (winner, _) = files.iter().find(|(_, outcome)| outcome == "submitted").unwrap().clone();
    // The output of the one is there now; it is not taken for the other's.
    fs::create_dir_all(&to).unwrap();
    fs::write(to.join("same.mp4"), b"it is there").unwrap();
    let (files, _) = batch(&web, &asked).await;
    assert_eq!(outcomes(&files), told(["known", "refused", "refused"]));
    assert!(files.contains(&(winner.clone(), "known".to_owned())), "{files:?}");
    // Neither is it where the loser is asked for alone.
    let loser = if winner == "same.mp4" { "same.mkv" } else { "same.mp4" };
    asked["include"] = json!([loser]);
    let (files, _) = batch(&web, &asked).await;
    assert_eq!(files, [(loser.to_owned(), "refused".to_owned())].into());
    // A folder is no longer than a place.
    let mut long = asked.clone();
    long["request"]["input"] = format!("/{}", "x/".repeat(100_000)).into();
    problem(web.post("/api/v1/batches", &long).await, 400, "invalid-request").await;
}

fn told<const N: usize>(outcomes: [&str; N]) -> Vec<String> {
    outcomes.map(str::to_owned).into()
}
