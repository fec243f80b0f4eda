//! The processes that open media, as the product starts them: behind walls, and replaceable. Whatever a file makes of
//! one of them, it costs an attempt; what kills every one is a failure that says how, after three attempts.
//!
//! Built without debug assertions the product has no fault switches, and these tests say so.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;

const FRAMES: u32 = 60;
const OPTIONS: [&str; 10] = [
    "--region",
    "20,20,40,20",
    "--fill",
    "membrane",
    "--encoder",
    "libx264",
    "--preset",
    "ultrafast",
    "--cell-frames",
    "30",
];

fn clip() -> PathBuf {
    clips::kept("320x180", FRAMES, &clips::X264_PLAIN)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A cluster of one worker whose children, and the coordinator's, obey `faults`.
fn cluster(folder: &Path, faults: &str, settings: &[(&str, &str)]) -> Cluster {
    // How long a failed worker rests is not what is tested.
    let usual = [
        ("CLEANPLATE_FAULTS", faults),
        ("CLEANPLATE_SCHEDULER_SECOND_WORKER", "0ms"),
        ("CLEANPLATE_SCHEDULER_SET_ASIDE", "100ms"),
        ("CLEANPLATE_SCHEDULER_REST", "100ms"),
    ];
    let settings = usual.iter().chain(settings);
    let settings: Vec<(String, String)> =
        settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let store = format!("file://{}", folder.join("store").display());
    let mut cluster = Cluster::start_with(folder, &store, &settings);
    cluster.start_worker(1);
    cluster
}

/// The lines of a job's trails that contain `word`.
fn lines(cluster: &Cluster, job: &str, word: &str) -> Vec<String> {
    let shown = cluster.show(job);
    let attempts = shown["attempts"].as_array().unwrap().iter();
    let lines = attempts.flat_map(|attempt| attempt["trail"].as_array().unwrap().clone());
    let details = lines.map(|line| line["detail"].as_str().unwrap_or_default().to_owned());
    details.filter(|detail| detail.contains(word)).collect()
}

/// Has intake and stitch try every way out; returns what both say of it, and whether this kernel has the walls.
fn escapes(mode: &str) -> (Vec<String>, bool) {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let prey = folder.path().join("prey");
    std::fs::create_dir(&prey).unwrap();
    std::fs::write(prey.join("victim"), "v").unwrap();
    let faults = format!("escape@{}{}", listener.local_addr().unwrap(), prey.display());
    let cluster = cluster(folder.path(), &faults, &[("CLEANPLATE_WALLS_MODE", mode)]);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &OPTIONS);
    let last = cluster.done(&job);
    assert_eq!(reference::frames(&output).len(), FRAMES as usize, "walls are in nobody's way");
    let mut told = lines(&cluster, &job, "escape: ");
    // The stitch's own line tells more.
    told.retain(|line| line.starts_with("escape: "));
    assert_eq!(told.len(), 1, "intake tells: {told:?}");
    let notes = last["notes"].as_array().unwrap().iter().filter_map(Value::as_str);
    told.extend(notes.filter(|note| note.starts_with("escape: ")).map(str::to_owned));
    assert_eq!(told.len(), 2, "the stitch tells: {last}");
    let walls = lines(&cluster, &job, "walls: ");
    assert!(walls.len() >= 2, "every lease says what stands around it: {walls:?}");
    println!("{}", walls[0]);
    (told, walls.iter().all(|line| !line.contains("missing") && !line.contains("in part")))
}

#[test]
fn intake_and_stitch_find_every_way_out_refused() {
    if binary::has_no_switches() {
        return;
    }
    let (told, has_walls) = escapes("on");
    if !has_walls {
        return println!("skipped: this kernel does not have all walls");
    }
    for told in &told {
        assert!(told.contains("read /etc/passwd refused"), "{told}");
        assert!(!told.contains("OPEN"), "{told}");
    }
    // The same attempts succeed where there are none: they prove something.
    let (told, _) = escapes("off");
    for told in &told {
        assert!(told.contains("read /etc/passwd OPEN") && told.contains("TCP OPEN"), "{told}");
    }
}

/// Kinds of death, what the failure is called, and what it says.
const DEATHS: [(&str, &str, &str); 4] = [
    ("crash", "engine_crashed", "SIGABRT"),
    ("hang", "engine_hung", "no progress for 3000 ms"),
    ("eat", "engine_crashed", "`walls.memory`"),
    ("spin", "engine_hung", "turned in circles"),
];

const TIGHT: [(&str, &str); 1] = [("CLEANPLATE_WALLS_MEMORY", "1GiB")];

/// A file that always kills whoever opens it at `stage` fails its job after three attempts, and says how.
fn poisons(stage: &str, at: &str, (how, kind, words): (&str, &str, &str)) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = TIGHT.to_vec();
    if how == "hang" {
        settings.push(("CLEANPLATE_WORKER_ENGINE_SILENT", "3s"));
    }
    let cluster = cluster(folder.path(), &format!("{how}@{at}"), &settings);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &OPTIONS);
    assert_eq!(cluster.wait(&job), 1, "{how}@{at}");
    let shown = cluster.show(&job);
    let failure = &shown["state"]["outcome"]["failure"];
    assert_eq!(failure["kind"], kind, "{how}@{at}: {failure}");
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains(words), "{how}@{at}: {message}");
    let attempts = cluster.attempts(&job, stage);
    // A lease of several cells that is lost is cut, so that what kills is alone with its attempts.
    let failed = attempts.iter().filter(|attempt| {
        let why = &attempt["failure"];
        why["kind"] == kind && why["frames"] == failure["frames"]
    });
    assert_eq!(failed.count(), 3, "{how}@{at} costs an attempt each time: {attempts:#?}");
    for attempt in &attempts {
        assert!(!attempt["trail"].as_array().unwrap().is_empty(), "{how}@{at}: {attempt:#}");
    }
    assert!(!output.exists());
}

#[test]
fn what_kills_every_intake_is_told_with_the_way_it_died() {
    if !binary::has_no_switches() {
        // What intake reads it keeps: one that reads in circles there asks for nothing, and is silent.
        DEATHS.into_iter().take(3).for_each(|death| poisons("intake", "intake", death));
    }
}

#[test]
fn what_kills_every_stitch_is_told_with_the_way_it_died() {
    if !binary::has_no_switches() {
        DEATHS.into_iter().for_each(|death| poisons("stitch", "stitch", death));
    }
}

#[test]
fn what_kills_every_segment_is_told_with_the_way_it_died() {
    if !binary::has_no_switches() {
        DEATHS.into_iter().take(3).for_each(|death| poisons("segment", "40", death));
    }
}

#[test]
fn what_kills_one_process_costs_one_attempt_and_the_movie_is_the_same() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let marks = folder.path().join("marks");
    std::fs::create_dir(&marks).unwrap();
    let mark = |name: &str| marks.join(name).display().to_string();
    let faults = format!(
        "crash@intake:{},eat@stitch:{},eat@40:{}",
        mark("intake"),
        mark("stitch"),
        mark("segment")
    );
    let cluster = cluster(folder.path(), &faults, &TIGHT);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &OPTIONS);
    cluster.done(&job);
    for name in ["intake", "stitch", "segment"] {
        assert!(marks.join(name).exists(), "{name} was struck");
        let attempts = cluster.attempts(&job, name);
        let mut failed = attempts.iter().filter(|one| one["failure"]["kind"] == "engine_crashed");
        assert!(failed.next().is_some() && failed.next().is_none(), "{name}: {attempts:#?}");
    }
    let plain = folder.path().join("plain.mp4");
    binary::run_ok([&["run", text(&clip()), "-o", text(&plain)][..], &OPTIONS].concat());
    assert!(std::fs::read(&plain).unwrap() == std::fs::read(&output).unwrap());
}

#[test]
fn doctor_says_which_walls_stand() {
    let ran = binary::run(["doctor", "--json"]);
    let said = String::from_utf8_lossy(&ran.stdout);
    let findings = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let walls = findings.into_iter().find(|finding| finding["check"] == "walls");
    let walls = walls.unwrap_or_else(|| panic!("no word of walls: {said}"));
    assert!(walls["detail"].as_str().unwrap().contains("Landlock"), "{walls}");
}

#[test]
fn where_walls_are_required_and_missing_no_byte_is_read() {
    // A kernel without Landlock cannot be had here; a second filter that the first one refuses is one missing wall.
    let ran = binary::command(["probe", text(&clip())])
        .env("CLEANPLATE_WALLS_MODE", "required")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    match ran.status.code() {
        Some(0) => {}
        Some(4) => assert!(said.contains("walls.mode"), "{said}"),
        other => panic!("{other:?}: {said}"),
    }
}
