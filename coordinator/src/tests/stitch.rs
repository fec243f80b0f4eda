//! The fence: of two stitches of a job only the later one publishes, and one that was ended says
//! nothing.

use std::sync::Arc;

use cleanplate_core::effect::StitchOrder;
use cleanplate_core::input::Input;
use cleanplate_core::outcome::CopyReason;
use cleanplate_core::planning::cells::cut_cells;
use cleanplate_core::planning::encoder::encode_spec;
use cleanplate_proto::v1 as pb;
use cleanplate_store::{Location, SourceReader, keys, kinds};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::failure::FailureKind;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::limits::OutputLimit;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::part::PartSummary;
use cleanplate_types::source::SourceRef;
use tokio::sync::mpsc;

use crate::dispatch::{Order, Orders};
use crate::finish::{CopyOrder, Finisher, Lead};
use crate::tests::part;
use crate::tests::place::{PATIENCE, Place, Refusing};

/// What a stitch needs, in the store; and its parts.
struct Prepared {
    job: JobId,
    order: StitchOrder,
    parts: Vec<PartSummary>,
}

async fn prepare(place: &Place) -> Prepared {
    let job = JobId::parse("j").unwrap();
    let input = Location::File(place.input());
    let head = SourceReader::open(&input, None).await.unwrap().head().clone();
    let source = SourceRef { url: input.url(), bytes: head.bytes, version: head.version };
    let (description, table) = (part::description(), part::table());
    let cells = cut_cells(&table, Some(10));
    let request = pb::JobRequest { fill: "auto".to_owned(), ..place.request() };
    let proof = EncoderProof { name: EncoderName::Libx264, build: "played".to_owned() };
    let request = request.try_into().unwrap();
    let spec = encode_spec(&description.video, &request, &proof, &cells).unwrap();
    let lease = LeaseId(1);
    let table = place.store.put_value(&keys::table(&job, lease), kinds::TABLE, &table).await;
    let brief = JobBrief {
        job: job.clone(),
        source: source.clone(),
        description,
        table: table.unwrap(),
        rest: None,
        plan: OverlayPlan::new(320, 180, Vec::new()),
        allow_metadata_loss: false,
        spec,
        cells,
    };
    let mut parts = Vec::new();
    for cell in brief.cells.iter().map(|cell| cell.index) {
        let stored =
            place.store.put(&keys::part(&job, cell, lease), part::bytes(cell).into()).await;
        let manifest = part::manifest(&brief, cell, lease, stored.unwrap());
        let key = keys::manifest(&job, cell, lease);
        let stored = place.store.put_value(&key, kinds::MANIFEST, &manifest).await.unwrap();
        parts.push(manifest.summary(stored));
    }
    let stored =
        place.store.put_value(&keys::brief(&job, LeaseId(1)), kinds::BRIEF, &brief).await.unwrap();
    let order = StitchOrder {
        brief: stored,
        source,
        output: Location::File(place.output()).url(),
        cells: 3,
        allow_metadata_loss: false,
        conceal: false,
    };
    Prepared { job, order, parts }
}

async fn finisher(place: &Place) -> (Finisher, mpsc::Receiver<Order>) {
    let lead = Lead::of(Arc::new(place.journal().await));
    finisher_of(place, 2, lead)
}

fn finisher_of(place: &Place, movies_max: u32, lead: Lead) -> (Finisher, mpsc::Receiver<Order>) {
    let (sender, orders) = mpsc::channel(64);
    let store = place.store.clone();
    let limits = (PATIENCE, movies_max, OutputLimit::default());
    let lead = (lead, Arc::new(crate::Door::open()));
    (Finisher::new(store, Orders::new(sender), place.program(), limits, lead), orders)
}

/// Hands `lease` every part.
fn feed(finisher: &Finisher, prepared: &Prepared, lease: LeaseId) {
    for part in &prepared.parts {
        finisher.part(&prepared.job, lease, part.cell, part.clone());
    }
}

/// The next input; lines of trails are passed over.
async fn told(orders: &mut mpsc::Receiver<Order>) -> Option<Input> {
    loop {
        let order = tokio::time::timeout(PATIENCE, orders.recv()).await.expect("something is told");
        if let Order::Tell { input, .. } = order? {
            return Some(input);
        }
    }
}

#[tokio::test]
async fn of_two_stitches_of_a_job_only_the_later_publishes() {
    let place = Place::new();
    let prepared = prepare(&place).await;
    let (mut finisher, mut orders) = finisher(&place).await;
    finisher.stitch(prepared.job.clone(), LeaseId(8), prepared.order.clone());
    feed(&finisher, &prepared, LeaseId(8));
    finisher.stitch(prepared.job.clone(), LeaseId(9), prepared.order.clone());
    feed(&finisher, &prepared, LeaseId(8));
    feed(&finisher, &prepared, LeaseId(9));
    let input = told(&mut orders).await.unwrap();
    assert!(matches!(input, Input::Published { lease: LeaseId(9), .. }), "{input:?}");
    finisher.stop().await;
    assert!(told(&mut orders).await.is_none(), "nothing else is said");
    assert_eq!(std::fs::read(place.output()).unwrap(), part::movie());
}

#[tokio::test]
async fn a_stitch_that_is_ended_leaves_nothing_and_says_nothing() {
    let place = Place::new();
    let prepared = prepare(&place).await;
    let (mut finisher, mut orders) = finisher(&place).await;
    finisher.stitch(prepared.job.clone(), LeaseId(8), prepared.order.clone());
    feed(&finisher, &prepared, LeaseId(8));
    finisher.abort(&prepared.job, LeaseId(7));
    finisher.abort(&prepared.job, LeaseId(8));
    finisher.stop().await;
    assert!(told(&mut orders).await.is_none());
    assert_eq!(place.videos(), ["in.mp4"]);
}

#[tokio::test]
async fn a_source_that_changed_since_intake_fails_the_stitch_by_name() {
    let place = Place::new();
    let prepared = prepare(&place).await;
    std::fs::write(place.input(), b"another film").unwrap();
    let (mut finisher, mut orders) = finisher(&place).await;
    finisher.stitch(prepared.job.clone(), LeaseId(8), prepared.order.clone());
    let Some(Input::StitchFailed { cell: None, failure, .. }) = told(&mut orders).await else {
        panic!("it must fail")
    };
    assert_eq!(failure.kind, FailureKind::SourceChanged);
    assert!(failure.message.contains("in.mp4"), "{failure}");
    assert_eq!(place.videos(), ["in.mp4"]);
}

#[tokio::test]
async fn an_output_that_became_a_link_to_the_source_is_never_written() {
    let place = Place::new();
    let prepared = prepare(&place).await;
    std::os::unix::fs::symlink(place.input(), place.output()).unwrap();
    let before = std::fs::read(place.input()).unwrap();
    let (mut finisher, mut orders) = finisher(&place).await;
    finisher.stitch(prepared.job.clone(), LeaseId(8), prepared.order.clone());
    feed(&finisher, &prepared, LeaseId(8));
    let Some(Input::StitchFailed { failure, .. }) = told(&mut orders).await else {
        panic!("it must fail")
    };
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert_eq!(std::fs::read(place.input()).unwrap(), before);
}

#[tokio::test]
async fn a_copy_is_a_movie_with_the_remark_why_nothing_was_removed() {
    let place = Place::new();
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/demo/bikes.mp4");
    let input = Location::parse(clip).unwrap();
    let head = SourceReader::open(&input, None).await.unwrap().head().clone();
    let source = SourceRef { url: input.url(), bytes: head.bytes, version: head.version };
    let output = Location::File(place.output()).url();
    let (mut finisher, mut orders) = finisher(&place).await;
    let order = CopyOrder { source, output, why: CopyReason::NothingFound, conceal: false };
    finisher.copy(JobId::parse("j").unwrap(), LeaseId(8), order);
    let input = told(&mut orders).await.unwrap();
    let Input::Published { published, .. } = input else { panic!("{input:?}") };
    let movie = std::fs::read(place.output()).unwrap();
    assert_eq!(published.bytes, movie.len() as u64);
    assert_eq!(movie.get(4..8), Some(&b"ftyp"[..]));
    let least = head.bytes * 9 / 10;
    assert!(published.bytes > least, "{} of {} bytes", published.bytes, head.bytes);
}

/// The first line of a stitch's trail; nothing is published before.
async fn first_line(orders: &mut mpsc::Receiver<Order>, stitch: LeaseId) -> String {
    loop {
        let order = tokio::time::timeout(PATIENCE, orders.recv()).await.unwrap().unwrap();
        assert!(!matches!(order, Order::Tell { .. }), "nothing is written yet: {order:?}");
        if let Order::Trail { lease, entries, .. } = order
            && lease == stitch
        {
            return entries[0].detail.clone();
        }
    }
}

#[tokio::test]
async fn a_stitch_of_a_coordinator_that_was_deposed_publishes_nothing_and_leaves_nothing() {
    let place = Place::new();
    let prepared = prepare(&place).await;
    let journal = Refusing {
        journal: place.journal().await,
        refuses: |_| false,
        deposed: true,
        renewed: None,
    };
    let (mut finisher, mut orders) = finisher_of(&place, 1, Lead::of(Arc::new(journal)));
    finisher.stitch(prepared.job.clone(), LeaseId(8), prepared.order.clone());
    feed(&finisher, &prepared, LeaseId(8));
    let begun = first_line(&mut orders, LeaseId(8)).await;
    assert!(begun.starts_with("3 cells"), "{begun}");
    // It has its turn once the first has ended, of which nothing is told.
    finisher.stitch(JobId::parse("k").unwrap(), LeaseId(9), prepared.order.clone());
    let has_turn = |order: Order| match order {
        Order::Trail { lease, entries, .. } => {
            lease == LeaseId(9) && entries[0].detail.starts_with("3 cells")
        }
        Order::Tell { input, .. } => panic!("{input:?}"),
        Order::Leave { .. } | Order::Ask(_) => false,
    };
    while !has_turn(orders.recv().await.unwrap()) {}
    finisher.stop().await;
    assert!(told(&mut orders).await.is_none(), "nobody is told of a movie");
    let folder = place.output().parent().unwrap().to_owned();
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("partial")).collect();
    assert!(!place.output().exists() && left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn beyond_the_limit_a_movie_waits_for_its_turn_and_its_trail_says_so() {
    let place = Place::new();
    let prepared = prepare(&place).await;
    let lead = Lead::of(Arc::new(place.journal().await));
    let (mut finisher, mut orders) = finisher_of(&place, 1, lead);
    let other = JobId::parse("k").unwrap();
    finisher.stitch(prepared.job.clone(), LeaseId(8), prepared.order.clone());
    // The first has its turn before the second is there.
    let begun = first_line(&mut orders, LeaseId(8)).await;
    assert!(begun.starts_with("3 cells"), "{begun}");
    finisher.stitch(other.clone(), LeaseId(9), prepared.order.clone());
    for part in &prepared.parts {
        finisher.part(&other, LeaseId(9), part.cell, part.clone());
    }
    let waits = first_line(&mut orders, LeaseId(9)).await;
    assert!(waits.contains("waits for its turn"), "{waits}");
    feed(&finisher, &prepared, LeaseId(8));
    for expected in [LeaseId(8), LeaseId(9)] {
        let input = told(&mut orders).await.unwrap();
        assert!(matches!(input, Input::Published { lease, .. } if lease == expected), "{input:?}");
    }
    finisher.stop().await;
}
