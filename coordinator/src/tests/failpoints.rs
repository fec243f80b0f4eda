//! The coordinator dies by SIGKILL just before and just after everything that it does, and goes on as if nothing had
//! happened: the movie is the same, no committed cell is made again, none is lost, none is committed twice.
//!
//! The points are the enums of effects and events: one that is new has to be told here in which story it is met, or
//! why in none.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use cleanplate_core::record::{Event, Piece, Record};
use cleanplate_proto::v1 as pb;
use cleanplate_types::ids::CellIndex;
use futures::StreamExt as _;
use tokio::sync::watch;
use tonic::{Code, Status};

use crate::failpoint::{EFFECTS, EVENTS};
use crate::journal::Journal as _;
use crate::tests::killed::{self, ASK_AGAIN, Address};
use crate::tests::part;
use crate::tests::place::{PATIENCE, Place};

/// Coordinators that live at a time.
const SIDE_BY_SIDE: usize = 2;

/// What happens to the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// A person approves its plan, and it is done.
    Done,
    /// It is cancelled while its cells are made, and tried again.
    Again,
    /// It is done, and forgotten soon afterwards.
    Forgotten,
}

/// In which story a point is met, and at which passing the coordinator dies there; or why in none.
fn met(name: &str) -> Result<(Story, u32), &'static str> {
    Ok(match name {
        // Cells, of which there are three: in the middle.
        "grant"
        | "stitch_part"
        | "record.leased"
        | "record.cell_committed"
        | "record.lease_ended" => (Story::Done, 2),
        "load_table"
        | "load_finding"
        | "write_brief"
        | "start_stitch"
        | "job_ended"
        | "sweep"
        | "record.submitted"
        | "record.intake_done"
        | "record.surveyed"
        | "record.window_done"
        | "record.reduced"
        | "record.plan_settled"
        | "record.encoder_chosen"
        | "record.briefed"
        | "record.stitch_started"
        | "record.ended"
        | "record.audits_drawn"
        | "record.audit_done"
        | "record.approved" => (Story::Done, 1),
        "revoke" | "drain_worker" | "abort_stitch" | "record.retried" | "record.prioritised" => {
            (Story::Again, 1)
        }
        "record.forgotten" => (Story::Forgotten, 1),
        "hand_in" => return Err("takes a machine that is taken away"),
        "record" => return Err("its points are those of the events"),
        "ignored" => return Err("nothing is done"),
        "copy_through" | "record.copy_settled" => return Err("the played stitch joins only"),
        "write_draft" | "record.drafted" => {
            return Err("the played search finds nothing to look at again");
        }
        "record.part_discarded" => return Err("takes a part that is damaged in the store"),
        "record.retabled" => return Err("takes a source whose index lies"),
        "record.encoder_lost" => return Err("takes an encoder that goes away"),
        "record.stitch_failed" => return Err("takes a stitch that fails"),
        "record.seam_broken" => return Err("takes decoders that differ"),
        other => panic!("say in which story `{other}` is met, or why in none"),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_dies_before_or_after_anything_it_does_loses_and_repeats_nothing() {
    let began = Instant::now();
    let names = EFFECTS.iter().chain(EVENTS).copied();
    let points: Vec<_> = names
        .filter_map(|name| met(name).ok().map(|(story, at)| (name, story, at)))
        .flat_map(|(name, story, at)| {
            ["before", "after"].map(|it| (format!("{it}:{name}@{at}"), story))
        })
        .collect();
    let count = points.len();
    let mut told = futures::stream::iter(points)
        .map(|(point, story)| async move {
            let told = tokio::time::timeout(PATIENCE, Box::pin(tell(&point, story))).await;
            told.unwrap_or_else(|_late| panic!("{point}: the job gets nowhere"));
        })
        .buffer_unordered(SIDE_BY_SIDE);
    while told.next().await.is_some() {}
    println!("{count} deaths in {:.1} s", began.elapsed().as_secs_f64());
}

/// Tells a story whose coordinator dies at `point`, and checks that all is as if it had not.
async fn tell(point: &str, story: Story) {
    let place = Place::on_disk();
    let died = place.root().join("died");
    let failpoint = format!("{point}:{}", died.display());
    let retention_ms = if story == Story::Forgotten { 100 } else { 600_000 };
    let (address_is, mut address) = watch::channel(None);
    let (gate, may) = watch::channel(story != Story::Again);
    let (first, second) = (address.clone(), address.clone());
    let fleet = async {
        tokio::join!(
            killed::work(&place, "w1", first, may.clone()),
            killed::work(&place, "w2", second, may.clone())
        );
    };
    tokio::select! {
        () = killed::keep(&place, Some(&failpoint), retention_ms, address_is) => {}
        () = fleet => {}
        () = act(&place, story, (&mut address, &gate), &died) => {}
    }
    assert!(died.exists(), "{point}: the coordinator was there");
    assert_eq!(std::fs::read(place.output()).unwrap(), part::movie(), "{point}");
    let journal = killed::journal(place.root()).await;
    check(point, story, &journal.load().await.unwrap());
}

/// Does what clients do in a story, until it is at its end.
async fn act(
    place: &Place,
    story: Story,
    (address, gate): (&mut Address, &watch::Sender<bool>),
    died: &Path,
) {
    let request = pb::JobRequest {
        regions: vec![pb::Region {
            rect: Some(pb::Rect { x: 8, y: 8, width: 16, height: 16 }),
            when: None,
        }],
        detect: vec!["static".to_owned()],
        fill: "membrane".to_owned(),
        review: "wait".to_owned(),
        ..place.request()
    };
    let job = || "j".to_owned();
    let mut submitted = false;
    let mut cancelled = false;
    loop {
        let mut jobs = killed::jobs(address).await;
        let shown = jobs.show(pb::ShowRequest { job: job() }).await;
        let state = match shown {
            Ok(shown) => shown.into_inner().state.unwrap(),
            Err(status) if status.code() == Code::NotFound && submitted => {
                assert_eq!(story, Story::Forgotten, "a job that was answered for is not lost");
                if died.exists() {
                    return;
                }
                continue;
            }
            Err(status) if status.code() == Code::NotFound => {
                let submit = pb::SubmitRequest { request: Some(request.clone()), job: Some(job()) };
                submitted = jobs.submit(submit).await.is_ok();
                continue;
            }
            Err(_gone) => continue,
        };
        submitted = true;
        match state.outcome.as_ref().map(|outcome| outcome.kind.as_str()) {
            Some("done") if story != Story::Forgotten && died.exists() => return,
            Some("done") => {}
            Some("cancelled") => {
                cancelled = true;
                heard(jobs.retry(pb::RetryRequest { job: job() }).await);
            }
            Some(other) => panic!("{}: {other}: {state:?}", place.root().display()),
            None if state.phase == "review" => {
                let approve = pb::ApproveRequest { job: job(), ..pb::ApproveRequest::default() };
                heard(jobs.approve(approve).await);
            }
            None if story == Story::Again && cancelled => {
                gate.send_replace(true);
            }
            None if story == Story::Again && state.leases > 1 && state.phase == "encode" => {
                let prefer = pb::PrioritiseRequest { job: job(), priority: 1 };
                heard(jobs.prioritise(prefer).await);
                let drain = pb::DrainWorkerRequest { worker: "w2".to_owned(), within_ms: None };
                heard(jobs.drain_worker(drain).await);
                heard(jobs.cancel(pb::CancelRequest { job: job() }).await);
            }
            None => {}
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// What was asked may have been done before a coordinator died: it is seen in the job's state whether it was.
fn heard<T>(answer: Result<T, Status>) {
    if let Err(status) = answer {
        let passes = [
            Code::Unavailable,
            Code::Unknown,
            Code::FailedPrecondition,
            Code::NotFound,
            Code::Cancelled,
        ];
        assert!(passes.contains(&status.code()), "{status}");
    }
}

/// No lease has the number of another, no cell is committed twice, none is leased once it is committed.
fn check(point: &str, story: Story, records: &[Record]) {
    let mut leases = BTreeSet::new();
    let mut committed = BTreeSet::new();
    let mut ends = 0;
    for record in records {
        if let Event::Leased { lease, .. } | Event::StitchStarted { lease } = &record.event {
            assert!(leases.insert(*lease), "{point}: {lease} is given once");
        }
        if let Event::Leased { piece: Piece::Segment(segment), .. } = &record.event {
            let again = segment.indices().find(|cell| committed.contains(cell));
            assert_eq!(again, None, "{point}: a committed cell is not made again");
        }
        if let Event::CellCommitted { summary, .. } = &record.event {
            assert!(committed.insert(summary.cell), "{point}: {:?} twice", summary.cell);
        }
        ends += u32::from(matches!(record.event, Event::Ended(_)));
    }
    let all = (0..3).map(CellIndex).collect();
    match story {
        Story::Done => assert_eq!((committed, ends), (all, 1), "{point}"),
        Story::Again => assert_eq!((committed, ends), (all, 2), "{point}"),
        Story::Forgotten => {
            assert_eq!(records.len(), 2, "{point}: its last lease, and that it is forgotten");
        }
    }
}
