//! A worker with real child processes, under a coordinator that each test plays.
//!
//! The children are this test binary again: started as `BINARY engine worker`, where the test
//! runner takes the words for the names of tests. No other test may have one of them in its name.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests end a test by panicking, whatever came instead of what is due"
)]

mod fleet;
mod painting;

use std::path::Path;

use cleanplate_plate::find::{Evidence, Params, reduce};
use cleanplate_proto::v1 as pb;
use cleanplate_store::{Store, keys, kinds};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncodeSpec, EncoderProof, Quality};
use cleanplate_types::failure::{Failure, FailureKind};
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::ids::{CellIndex, JobId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Fill, Finding, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::part::{PartManifest, PartSummary};
use cleanplate_types::picture::Rect;
use cleanplate_types::source::{SourceDescription, SourceRef};
use cleanplate_worker::{Ended, Stop, Whose, WorkerError, engine_main};
use fleet::{Fixture, Session, clip};
use pb::from_worker::Message;
use pb::grant::Work;
use tonic::Status;

/// The children's side. Does nothing when the test runner calls it.
#[test]
fn the_engine_plays_its_part() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let whose = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["engine", "worker"] => Whose::Worker,
        ["engine", "check"] => Whose::Check,
        _ => return,
    };
    assert_eq!(engine_main(whose), 0);
}

/// What intake found.
struct Looked {
    source: SourceRef,
    description: ObjectRef,
    table: ObjectRef,
    frames: u64,
}

async fn intake(session: &mut Session, lease: u64, clip: &Path) -> Looked {
    let work = pb::Intake {
        url: format!("file://{}", clip.display()),
        output: "file:///out.mp4".to_owned(),
        decode_all: false,
        on_damage: "fail".to_owned(),
        allow_metadata_loss: false,
        decode_reason: String::new(),
        encoder: "auto".to_owned(),
        lossless: false,
        read_packets: false,
        drawn_width: 0,
        drawn_height: 0,
    };
    session.grant(lease, Work::Intake(work)).await;
    let mut trail = Vec::new();
    let Message::IntakeDone(done) = session.result(&mut trail).await else {
        panic!("intake ends well: {trail:?}");
    };
    assert_eq!(done.lease, lease);
    assert!(trail.iter().any(|line| line.stage == "intake" && line.event == "finished"));
    Looked {
        source: done.source.unwrap().try_into().unwrap(),
        description: done.description.unwrap().try_into().unwrap(),
        table: done.table.unwrap().try_into().unwrap(),
        frames: done.frames,
    }
}

/// The plan of a job: cells of `length` frames, a rectangle to fill in some of them.
async fn brief(
    store: &Store,
    looked: &Looked,
    build: &EncoderProof,
    (length, preset): (u64, &str),
) -> (JobBrief, ObjectRef) {
    let description: SourceDescription =
        store.get_value(&looked.description, kinds::DESCRIPTION).await.unwrap();
    let table: FrameTable = store.get_value(&looked.table, kinds::TABLE).await.unwrap();
    assert_eq!(table.range().count(), looked.frames);
    let frames = table.range().end;
    let cells: Vec<Cell> = (0..frames.div_ceil(length))
        .map(|index| {
            let range = FrameRange::new(index * length, ((index + 1) * length).min(frames));
            let pts = table.pts_of(range);
            Cell {
                index: CellIndex(u32::try_from(index).unwrap()),
                frames: range,
                first_pts: pts[0],
                last_pts: pts[pts.len() - 1],
                digest: table.digest_of(range),
                entry: None,
            }
        })
        .collect();
    let video = description.video.clone();
    let overlay = Overlay {
        origin: OverlayOrigin::Region,
        mask: Mask::full(Rect { x: 236, y: 12, width: 56, height: 32 }),
        when: vec![FrameRange::new(10, 70)],
        fill: Fill::Membrane,
        hides: true,
    };
    let brief = JobBrief {
        job: JobId::parse("job").unwrap(),
        source: looked.source.clone(),
        table: looked.table.clone(),
        rest: None,
        plan: OverlayPlan::new(video.width, video.height, vec![overlay]),
        allow_metadata_loss: false,
        spec: EncodeSpec {
            encoder: build.clone(),
            preset: preset.to_owned(),
            quality: Quality::Constant(20),
            width: video.width,
            height: video.height,
            layout: video.layout,
            timebase: video.timebase,
            frame_rate: video.frame_rate,
            sample_aspect: video.sample_aspect,
            colour: video.colour,
            field_order: video.field_order,
            mastering: None,
            light_level: None,
            reorder_frames: 2,
            cell_frames_max: u32::try_from(length).unwrap(),
            copied: None,
            painting: None,
        },
        cells,
        description,
    };
    let object = store.put_value("jobs/job/brief", kinds::BRIEF, &brief).await.unwrap();
    (brief, object)
}

fn segment(brief: &ObjectRef, first: u32, cells: u32) -> Work {
    let on_damage = "fail".to_owned();
    Work::Segment(pb::Segment {
        brief: Some(brief.clone().into()),
        first_cell: first,
        cells,
        on_damage,
        ..pb::Segment::default()
    })
}

/// Hears the cells of a segment until its end.
async fn parts(session: &mut Session, lease: u64) -> (Vec<PartSummary>, Vec<pb::TrailEntry>) {
    let (mut parts, mut trail) = (Vec::new(), Vec::new());
    loop {
        match session.result(&mut trail).await {
            Message::CellDone(done) => {
                assert_eq!(done.lease, lease);
                parts.push(done.part.unwrap().try_into().unwrap());
            }
            Message::LeaseDone(done) => {
                assert_eq!(done.lease, lease);
                return (parts, trail);
            }
            other => panic!("{other:?} after {trail:?}"),
        }
    }
}

async fn failure(session: &mut Session, lease: u64) -> Failure {
    let mut trail = Vec::new();
    match session.result(&mut trail).await {
        Message::LeaseFailed(failed) => {
            assert_eq!(failed.lease, lease);
            let failure: Failure = failed.failure.unwrap().try_into().unwrap();
            assert_eq!(failure.worker.as_ref().unwrap().as_str(), "w");
            assert_eq!((failure.lease.unwrap().0, failure.attempt), (lease, 1));
            failure
        }
        other => panic!("{other:?} after {trail:?}"),
    }
}

fn libx264(session: &Session) -> EncoderProof {
    let proofs = session.hello.encoders.iter().cloned();
    let mut proofs = proofs.map(|proof| EncoderProof::try_from(proof).unwrap());
    proofs.find(|proof| proof.name.as_str() == "libx264").expect("libx264 is proved")
}

async fn bytes_of(store: &Store, summary: &PartSummary) -> (PartManifest, Vec<u8>) {
    let manifest: PartManifest = store.get_value(&summary.manifest, kinds::MANIFEST).await.unwrap();
    let bytes = store.get(&manifest.part).await.unwrap().to_vec();
    (manifest, bytes)
}

#[tokio::test]
async fn halves_of_a_run_of_cells_give_the_same_bytes_as_the_whole() {
    let mut fixture = Fixture::start(2).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 100);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    assert_eq!(looked.frames, 100);
    let (brief, object) = brief(&store, &looked, &libx264(&session), (30, "veryfast")).await;
    assert_eq!(brief.cells.len(), 4, "the last is shorter");

    session.grant(2, segment(&object, 0, 4)).await;
    let (whole, trail) = parts(&mut session, 2).await;
    session.grant(3, segment(&object, 0, 2)).await;
    let (mut halves, _) = parts(&mut session, 3).await;
    session.grant(4, segment(&object, 2, 2)).await;
    halves.extend(parts(&mut session, 4).await.0);

    for ((cell, one), other) in brief.cells.iter().zip(&whole).zip(&halves) {
        assert_eq!((one.cell, one.frames), (cell.index, cell.frames.count()));
        assert_eq!(one.digest, cell.digest, "the frames are the table's");
        assert!(one.starts_with_key && one.reorder_frames <= brief.spec.reorder_frames);
        let ((one, bytes), (other, others)) =
            (bytes_of(&store, one).await, bytes_of(&store, other).await);
        assert_eq!((one.packets, one.extradata), (other.packets, other.extradata));
        assert_eq!(bytes, others, "cell {}", cell.index);
    }
    assert_eq!(halves.len(), 4);
    for stage in ["decode", "detect", "fill", "encode", "upload"] {
        for event in ["started", "finished"] {
            let told = trail.iter().any(|line| line.stage == stage && line.event == event);
            assert!(told, "{stage} {event} is in {trail:?}");
        }
    }
    let calls = trail.iter().find(|line| line.stage == "fill" && line.event == "finished");
    assert_eq!(calls.unwrap().count, Some(60), "as many as the plan touches");
    fixture.stop.send_replace(Stop::Now);
    assert_eq!(fixture.ended().await.unwrap(), Ended::Stopped);
}

#[tokio::test]
async fn windows_become_evidence_and_evidence_a_finding() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 100);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let mut evidence = Vec::new();
    for (index, (start, end)) in (0_u32..).zip([(0, 50), (50, 100)]) {
        let work = pb::Analyse {
            source: Some(looked.source.clone().into()),
            description: Some(looked.description.clone().into()),
            table: Some(looked.table.clone().into()),
            window: Some(pb::FrameRange { start, end }),
            window_index: index,
            detect: vec!["static".to_owned()],
            look: "find".to_owned(),
            draft: None,
            detectors: Vec::new(),
            painter: None,
        };
        session.grant(u64::from(index) + 2, Work::Analyse(work)).await;
        match session.result(&mut Vec::new()).await {
            Message::AnalyseDone(done) => evidence.push(done.evidence.unwrap()),
            other => panic!("{other:?}"),
        }
    }
    let work = pb::Reduce {
        description: Some(looked.description.clone().into()),
        table: Some(looked.table.clone().into()),
        evidence: evidence.clone(),
        fill: "auto".to_owned(),
        look: "find".to_owned(),
        draft: None,
    };
    session.grant(9, Work::Reduce(work)).await;
    let finding = match session.result(&mut Vec::new()).await {
        Message::ReduceDone(done) => ObjectRef::try_from(done.finding.unwrap()).unwrap(),
        other => panic!("{other:?}"),
    };
    let finding: Finding = store.get_value(&finding, kinds::FINDING).await.unwrap();
    let mut windows: Vec<Evidence> = Vec::new();
    for object in evidence {
        let object = ObjectRef::try_from(object).unwrap();
        // What stays in place, and what detectors saw: nothing, as there were none.
        let (still, watched): (Option<Evidence>, Vec<u8>) =
            store.get_value(&object, kinds::EVIDENCE).await.unwrap();
        assert!(watched.is_empty());
        windows.extend(still);
    }
    assert_eq!(windows[1].frames, FrameRange::new(50, 100));
    assert!(windows.iter().all(|window| window.samples > 1), "frames were looked at");
    assert_eq!(finding, reduce(&windows, 100, &Params::default()));
}

#[tokio::test]
async fn a_lost_stream_is_opened_again_with_what_is_held_and_results_are_told_again() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 120);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    assert!(session.hello.holding.is_empty());
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let (brief, object) = brief(&store, &looked, &libx264(&session), (30, "slower")).await;
    session.grant(2, segment(&object, 0, 4)).await;
    let Message::CellDone(first) = session.result(&mut Vec::new()).await else {
        panic!("the first result is a cell");
    };
    drop(session);
    let mut session = fixture.session().await;
    assert!(session.hello.holding.contains(&2), "{:?}", session.hello.holding);
    session.welcome(&fixture.store()).await;
    // What was told of the intake comes again too; the coordinator ignores it.
    let Message::IntakeDone(_) = session.result(&mut Vec::new()).await else {
        panic!("the results of before come first");
    };
    let (parts, _) = parts(&mut session, 2).await;
    let again: PartSummary = first.part.unwrap().try_into().unwrap();
    assert_eq!(parts[0], again, "the first cell is told again");
    assert_eq!(parts.len(), brief.cells.len(), "and the others follow");
}

#[tokio::test]
async fn a_refusal_is_the_end_and_says_why() {
    let mut fixture = Fixture::start(1).await;
    let session = fixture.session().await;
    let why = "run the same version of cleanplate on both";
    session.refuse(Status::failed_precondition(why)).await;
    let error = fixture.ended().await.unwrap_err();
    assert!(matches!(&error, WorkerError::Refused(said) if said.contains(why)), "{error}");
}

#[tokio::test]
async fn a_source_that_changed_since_intake_is_told_as_that() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 50);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let (_, object) = brief(&store, &looked, &libx264(&session), (30, "veryfast")).await;
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"more").unwrap();
    session.grant(2, segment(&object, 0, 1)).await;
    let changed = failure(&mut session, 2).await;
    assert_eq!(changed.kind, FailureKind::SourceChanged, "{changed}");

    std::fs::remove_file(&path).unwrap();
    session.grant(3, segment(&object, 0, 1)).await;
    let gone = failure(&mut session, 3).await;
    assert_eq!(gone.kind, FailureKind::BadInput, "{gone}");

    store.delete(&object.key).await.unwrap();
    session.grant(4, segment(&object, 0, 1)).await;
    let gone = failure(&mut session, 4).await;
    assert_eq!(gone.kind, FailureKind::ObjectLost, "{gone}");
}

#[tokio::test]
async fn what_is_done_in_a_store_that_is_not_the_farms_any_more_is_not_done() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 10);
    let mut session = fixture.session().await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let mark = keys::farm("here");
    store.put(&mark, bytes::Bytes::new()).await.unwrap();
    session.welcome_to(&fixture.store(), "here").await;
    intake(&mut session, 1, &path).await;
    // As where its folder is not mounted any more: what was there is gone too.
    store.delete(&mark).await.unwrap();
    let lost = ObjectRef { key: "jobs/job/brief.1".to_owned(), bytes: 1, sha: Sha::of(b"") };
    session.grant(2, segment(&lost, 0, 1)).await;
    let failed = failure(&mut session, 2).await;
    assert_eq!(failed.kind, FailureKind::WorkerLacks, "{failed}");
}

#[tokio::test]
async fn a_video_of_another_size_than_the_mask_or_plan_is_refused_at_intake() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 10);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let work = pb::Intake {
        url: format!("file://{}", path.display()),
        output: "file:///out.mp4".to_owned(),
        drawn_width: 31,
        drawn_height: 17,
        ..pb::Intake::default()
    };
    session.grant(1, Work::Intake(work)).await;
    let refused = failure(&mut session, 1).await;
    assert_eq!(refused.kind, FailureKind::BadRequest, "{refused}");
    assert!(
        refused.message.contains("31x17") && refused.message.contains("--save-plan"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_video_fails_at_intake_in_the_librarys_words() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("letter.mp4");
    std::fs::write(&path, b"I am a letter, not a film. ".repeat(200)).unwrap();
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let work = pb::Intake {
        url: format!("file://{}", path.display()),
        output: "file:///out.mp4".to_owned(),
        ..pb::Intake::default()
    };
    session.grant(1, Work::Intake(work)).await;
    let refused = failure(&mut session, 1).await;
    assert_eq!(refused.kind, FailureKind::BadInput, "{refused}");
    assert!(refused.message.starts_with("not a video"), "{refused}");
}

#[tokio::test]
async fn a_revoked_lease_is_let_go_of_and_frees_its_slot() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 120);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let (_, object) = brief(&store, &looked, &libx264(&session), (30, "placebo")).await;
    session.grant(2, segment(&object, 0, 4)).await;
    let Some(Message::Trail(_) | Message::Progress(_)) = session.hear().await else {
        panic!("it begins");
    };
    session.grant(3, segment(&object, 0, 1)).await;
    assert_eq!(failure(&mut session, 3).await.kind, FailureKind::WorkerLacks, "no slot is free");
    let revoke = pb::Revoke { lease: 2, why: "a test".to_owned() };
    session.say(pb::to_worker::Message::Revoke(revoke)).await;
    let answer = session.result(&mut Vec::new()).await;
    assert_eq!(answer, Message::Released(pb::Released { lease: 2 }));
    session.grant(4, segment(&object, 3, 1)).await;
    let (parts, _) = parts(&mut session, 4).await;
    assert_eq!(parts.len(), 1);
}

#[tokio::test]
async fn a_lease_that_is_to_be_handed_in_ends_with_its_cell_in_hand_and_is_given_back() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 240);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let (_, object) = brief(&store, &looked, &libx264(&session), (30, "placebo")).await;
    session.grant(2, segment(&object, 0, 8)).await;
    let Some(Message::Trail(_) | Message::Progress(_)) = session.hear().await else {
        panic!("it begins");
    };
    let hand_in = pb::HandIn { lease: 2, remaining_ms: 600_000 };
    session.say(pb::to_worker::Message::HandIn(hand_in)).await;
    let Message::CellDone(done) = session.result(&mut Vec::new()).await else {
        panic!("the cell in hand fits");
    };
    assert_eq!(done.lease, 2);
    let answer = session.result(&mut Vec::new()).await;
    assert_eq!(answer, Message::GaveBack(pb::GaveBack { lease: 2 }));
    session.grant(3, segment(&object, 7, 1)).await;
    let hand_in = pb::HandIn { lease: 3, remaining_ms: 1 };
    session.say(pb::to_worker::Message::HandIn(hand_in)).await;
    let answer = session.result(&mut Vec::new()).await;
    assert_eq!(answer, Message::GaveBack(pb::GaveBack { lease: 3 }), "there is no time for it");
}

#[tokio::test]
async fn who_is_drained_finishes_what_it_holds_and_leaves() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 60);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let (_, object) = brief(&store, &looked, &libx264(&session), (30, "veryfast")).await;
    session.grant(2, segment(&object, 0, 2)).await;
    let mut results = Vec::new();
    // On a busy machine the first that is heard may be a cell.
    if let Message::CellDone(_) = session.hear().await.unwrap() {
        results.push("cell");
    }
    fixture.stop.send_replace(Stop::Drain);
    while let Some(message) = session.hear().await {
        match message {
            Message::Progress(_) | Message::Trail(_) => {}
            Message::Leaving(pb::Leaving { when_done }) => {
                results.push(if when_done { "leaving when done" } else { "leaving" });
            }
            Message::CellDone(_) => results.push("cell"),
            Message::LeaseDone(_) => results.push("lease"),
            other => panic!("{other:?}"),
        }
        if results.last() == Some(&"leaving") {
            break;
        }
    }
    results.sort_unstable();
    assert_eq!(results, ["cell", "cell", "lease", "leaving", "leaving when done"]);
    drop(session);
    assert_eq!(fixture.ended().await.unwrap(), Ended::Asked);
}

#[tokio::test]
async fn a_drain_that_comes_while_the_stream_is_down_is_not_forgotten() {
    let mut fixture = Fixture::start(1).await;
    let path = fixture.folder.path().join("clip.mp4");
    clip(&path, 60);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let (_, object) = brief(&store, &looked, &libx264(&session), (30, "slower")).await;
    session.grant(2, segment(&object, 0, 2)).await;
    session.hear().await.unwrap();
    drop(session);
    // The worker says hello and waits for its welcome: it has no stream yet.
    let mut session = fixture.session().await;
    fixture.stop.send_replace(Stop::Drain);
    tokio::task::yield_now().await;
    session.welcome(&fixture.store()).await;
    let mut said = Vec::new();
    while !said.contains(&true) {
        if let Message::Leaving(leaving) = session.result(&mut Vec::new()).await {
            said.push(leaving.when_done);
        }
    }
    assert_eq!(said, [true], "it finishes first");
    while session.hear().await.is_some() {}
    drop(session);
    assert_eq!(fixture.ended().await.unwrap(), Ended::Asked);
}

#[tokio::test]
async fn a_program_that_cannot_be_a_child_is_told_at_the_start() {
    let fixture = Fixture::start_with(1, "/bin/false".into()).await;
    let error = fixture.ended().await.unwrap_err();
    assert!(matches!(error, WorkerError::Engine(_)), "{error}");
}
