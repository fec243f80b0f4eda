//! From a grant to what its child is told and may touch.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use cleanplate_plate::blend::HALO;
use cleanplate_store::{Location, Store, StoreError, decode_object, keys, kinds};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::model::Painting;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Draft, OverlayPlan};
use cleanplate_types::request::OnDamage;
use cleanplate_types::trail::{TrailEntry, TrailEvent};
use serde::de::DeserializeOwned;

use crate::grant::{
    AnalyseGrant, AuditGrant, Grant, Granted, IntakeGrant, ReduceGrant, SegmentGrant,
};
use crate::lease::host::Readable;
use crate::lease::{Room, Watch, internal};
use crate::order::{
    BRIEF, DESCRIPTION, DRAFT, EVIDENCE, FINDING, Intake, MATTES, Means, Order, PAINTER, REST, Run,
    SOURCE, TABLE, Work, backgrounds, evidence, manifest, model, part,
};

/// A lease that is ready to be worked on.
pub(super) struct Prepared {
    pub(super) order: Order,
    pub(super) reads: BTreeMap<String, Readable>,
    pub(super) writes: BTreeMap<String, String>,
    /// What is known of a segment's cells.
    pub(super) span: Option<Span>,
}

/// The cells of a segment and who encodes them.
pub(super) struct Span {
    cells: Vec<Cell>,
    pub(super) encoder: EncoderName,
}

impl Span {
    /// The frames that are not handed in yet.
    pub(super) fn left(&self, watch: &Watch) -> Option<FrameRange> {
        let next = self.cells.get(watch.cells() as usize)?;
        Some(FrameRange::new(next.frames.start, self.cells.last()?.frames.end))
    }
}

/// What the work itself asks for.
struct Needs {
    work: Work,
    name_hint: String,
    reads: Vec<(String, Readable)>,
    writes: Vec<(String, String)>,
    span: Option<Span>,
}

pub(super) async fn prepare(
    room: &Room,
    store: &Store,
    grant: &Grant,
    watch: &Arc<Watch>,
) -> Result<Prepared, Failure> {
    let needs = match &grant.work {
        Granted::Intake(intake) => of_intake(grant, intake)?,
        Granted::Analyse(analyse) => {
            let draft = fetched(store, analyse.draft.as_ref()).await?;
            let models = models(room, store, analyse).await?;
            of_analyse(grant, analyse, draft, models)?
        }
        Granted::Reduce(reduce) => of_reduce(grant, reduce),
        Granted::Segment(segment) => {
            let bytes = store.get(&segment.brief).await.map_err(|error| unread(&error))?;
            let brief: JobBrief = decoded(&segment.brief, kinds::BRIEF, &bytes)?;
            let painter = painter(room, store, &brief).await?;
            let mut needs = of_segment(grant, segment, (brief, bytes))?;
            needs.reads.extend(painter);
            needs
        }
        Granted::Audit(audit) => {
            let bytes = store.get(&audit.brief).await.map_err(|error| unread(&error))?;
            of_audit(audit, bytes)?
        }
    };
    let Needs { work, name_hint, reads, writes, span } = needs;
    // An audit is a second opinion: it comes from software, whatever the first came from.
    let card = match &work {
        Work::Audit { .. } => None,
        Work::Intake(_) | Work::Analyse { .. } | Work::Reduce { .. } | Work::Segment(_) => {
            room.seat.ordinal()
        }
    };
    let runtime = room.runtime.as_ref().map(|runtime| runtime.path.clone());
    let (threads, batches, source) = (room.threads, room.seat.batches, room.limits.source);
    let means = Means { threads, card, batches, runtime, source };
    let began_ms = watch.elapsed_ms();
    let (stage, event) = (Stage::Fetch, TrailEvent::Started);
    let detail = format!("an engine process on {}", card_in_words(room));
    watch.trail(TrailEntry { at_ms: began_ms, stage, event, detail, count: None });
    let (job, lease) = (grant.job.clone(), grant.lease);
    let order = Order { job, lease, began_ms, name_hint, means, work };
    let (reads, writes) = (reads.into_iter().collect(), writes.into_iter().collect());
    Ok(Prepared { order, reads, writes, span })
}

fn card_in_words(room: &Room) -> String {
    match &room.seat.card {
        cleanplate_types::tier::Card::None => format!("the processor, threads: {}", room.threads),
        cleanplate_types::tier::Card::Gpu { name, vram_mib, pretended } => {
            let pretended = if *pretended { ", which is pretended" } else { "" };
            format!("{name} with {vram_mib} MiB{pretended}")
        }
    }
}

fn of_intake(grant: &Grant, intake: &IntakeGrant) -> Result<Needs, Failure> {
    let IntakeGrant {
        url,
        output,
        decode_all,
        on_damage,
        allow_metadata_loss,
        encoder,
        lossless,
        read_packets,
        drawn_for,
    } = intake;
    let location = located(url)?;
    let intake = Intake {
        output: located(output)?.name_hint().to_owned(),
        decode_all: decode_all.clone(),
        conceal: *on_damage == OnDamage::Conceal,
        allow_metadata_loss: *allow_metadata_loss,
        encoder: *encoder,
        lossless: *lossless,
        read_packets: *read_packets,
        is_far: location.path().is_none(),
        drawn_for: *drawn_for,
    };
    let (job, lease) = (&grant.job, grant.lease);
    Ok(Needs {
        work: Work::Intake(intake),
        name_hint: location.name_hint().to_owned(),
        reads: vec![(SOURCE.to_owned(), Readable::Source(location))],
        writes: vec![
            (DESCRIPTION.to_owned(), keys::description(job, lease)),
            (TABLE.to_owned(), keys::table(job, lease)),
            (REST.to_owned(), keys::rest(job, lease)),
        ],
        span: None,
    })
}

fn of_analyse(
    grant: &Grant,
    analyse: &AnalyseGrant,
    draft: Option<(Bytes, Draft)>,
    models: Vec<(String, Readable)>,
) -> Result<Needs, Failure> {
    let AnalyseGrant {
        look,
        draft: _,
        source,
        description,
        table,
        window,
        index,
        detect,
        detectors,
        painter,
    } = analyse;
    let mut reads = vec![
        (SOURCE.to_owned(), Readable::Pinned(source.clone())),
        (DESCRIPTION.to_owned(), Readable::Object(description.clone())),
        (TABLE.to_owned(), Readable::Object(table.clone())),
    ];
    reads.extend(models);
    if let Some((bytes, draft)) = draft {
        reads.push((DRAFT.to_owned(), Readable::Bytes(bytes)));
        reads.extend(of_plan(&draft.plan, *window));
    }
    let key = keys::evidence(&grant.job, *look, *index, grant.lease);
    Ok(Needs {
        work: Work::Analyse {
            look: *look,
            window: *window,
            detect: detect.clone(),
            detectors: detectors.clone(),
            painter: painter.as_ref().map(ToString::to_string),
        },
        name_hint: located(&source.url)?.name_hint().to_owned(),
        reads,
        writes: vec![(EVIDENCE.to_owned(), key)],
        span: None,
    })
}

/// The model files that a look runs.
async fn models(
    room: &Room,
    store: &Store,
    analyse: &AnalyseGrant,
) -> Result<Vec<(String, Readable)>, Failure> {
    let detectors = analyse.detectors.iter().enumerate();
    let detectors = detectors.map(|(at, detector)| (model(at), &detector.model));
    let painter = analyse.painter.iter().map(|painter| (PAINTER.to_owned(), painter));
    let mut files = Vec::new();
    for (name, wanted) in detectors.chain(painter) {
        files.push((name, Readable::Model(room.models.open(store.keys(), wanted).await?)));
    }
    Ok(files)
}

/// The objects that a plan names, as far as they speak of `frames`.
fn of_plan(plan: &OverlayPlan, frames: FrameRange) -> Vec<(String, Readable)> {
    let mattes = plan.mattes.iter();
    let mattes = mattes.map(|mattes| (MATTES.to_owned(), Readable::Object(mattes.clone())));
    let windows = plan.backgrounds.iter().enumerate();
    let windows = windows.filter(|(_, window)| !window.frames.intersect(frames).is_empty());
    let windows =
        windows.map(|(at, window)| (backgrounds(at), Readable::Object(window.object.clone())));
    mattes.chain(windows).collect()
}

/// The frames that a segment of `frames` restores: where frames are painted, those beside it too, for the blending.
fn restored(painting: Option<&Painting>, frames: FrameRange) -> FrameRange {
    let halo = painting.map_or(0, |_| HALO);
    FrameRange::new(frames.start.saturating_sub(halo), frames.end + halo)
}

/// The draft of a look, where it has one.
async fn fetched(
    store: &Store,
    draft: Option<&ObjectRef>,
) -> Result<Option<(Bytes, Draft)>, Failure> {
    let Some(object) = draft else { return Ok(None) };
    let bytes = store.get(object).await.map_err(|error| unread(&error))?;
    let draft = decoded(object, kinds::DRAFT, &bytes)?;
    Ok(Some((bytes, draft)))
}

fn of_reduce(grant: &Grant, reduce: &ReduceGrant) -> Needs {
    let ReduceGrant { look, draft, description, table, evidence: windows, fill } = reduce;
    let each = (0_u32..).zip(windows);
    let mut reads: Vec<_> =
        each.map(|(at, one)| (evidence(at), Readable::Object(one.clone()))).collect();
    reads.push((DESCRIPTION.to_owned(), Readable::Object(description.clone())));
    reads.push((TABLE.to_owned(), Readable::Object(table.clone())));
    reads.extend(draft.iter().map(|draft| (DRAFT.to_owned(), Readable::Object(draft.clone()))));
    let count = u32::try_from(windows.len()).unwrap_or(u32::MAX);
    Needs {
        work: Work::Reduce { look: *look, windows: count, fill: *fill },
        name_hint: String::new(),
        reads,
        writes: vec![
            (FINDING.to_owned(), keys::finding(&grant.job, grant.lease)),
            (MATTES.to_owned(), keys::mattes(&grant.job, grant.lease)),
        ],
        span: None,
    }
}

/// The model that paints frames, where one does.
async fn painter(
    room: &Room,
    store: &Store,
    brief: &JobBrief,
) -> Result<Option<(String, Readable)>, Failure> {
    let Some(Painting { model, class: _ }) = &brief.spec.painting else { return Ok(None) };
    Ok(Some((PAINTER.to_owned(), Readable::Model(room.models.open(store.keys(), model).await?))))
}

fn of_segment(
    grant: &Grant,
    segment: &SegmentGrant,
    (brief, bytes): (JobBrief, Bytes),
) -> Result<Needs, Failure> {
    let SegmentGrant { brief: _, first, cells, on_damage, decode_from, earlier } = segment;
    let (job, lease) = (&grant.job, grant.lease);
    let start = first.0 as usize;
    let span = brief.cells.get(start..start.saturating_add(*cells as usize));
    let span =
        span.ok_or_else(|| internal("the segment's cells are not in the plan".to_owned()))?;
    let indices: Vec<CellIndex> = span.iter().map(|cell| cell.index).collect();
    let parts = indices.iter().map(|cell| (part(*cell), keys::part(job, *cell, lease)));
    let manifests = indices.iter().map(|cell| (manifest(*cell), keys::manifest(job, *cell, lease)));
    let (head, last) = (span.first(), span.last());
    let frames = head.zip(last).map_or(FrameRange::new(0, 0), |(head, last)| {
        FrameRange::new(head.frames.start, last.frames.end)
    });
    let mut reads = of_plan(&brief.plan, restored(brief.spec.painting.as_ref(), frames));
    reads.push((SOURCE.to_owned(), Readable::Pinned(brief.source.clone())));
    reads.push((TABLE.to_owned(), Readable::Object(brief.table.clone())));
    reads.push((BRIEF.to_owned(), Readable::Bytes(bytes)));
    Ok(Needs {
        work: Work::Segment(Run {
            first: *first,
            cells: *cells,
            conceal: *on_damage == OnDamage::Conceal,
            decode_from: *decode_from,
            earlier: *earlier,
        }),
        name_hint: located(&brief.source.url)?.name_hint().to_owned(),
        writes: parts.chain(manifests).collect(),
        span: Some(Span { cells: span.to_vec(), encoder: brief.spec.encoder.name }),
        reads,
    })
}

fn of_audit(audit: &AuditGrant, bytes: Bytes) -> Result<Needs, Failure> {
    let AuditGrant { brief: object, cell, manifest: told, on_damage } = audit;
    let brief: JobBrief = decoded(object, kinds::BRIEF, &bytes)?;
    Ok(Needs {
        work: Work::Audit { cell: *cell, conceal: *on_damage == OnDamage::Conceal },
        name_hint: located(&brief.source.url)?.name_hint().to_owned(),
        writes: Vec::new(),
        span: None,
        reads: vec![
            (SOURCE.to_owned(), Readable::Pinned(brief.source)),
            (TABLE.to_owned(), Readable::Object(brief.table)),
            (BRIEF.to_owned(), Readable::Bytes(bytes)),
            (manifest(*cell), Readable::Object(told.clone())),
        ],
    })
}

fn decoded<T: DeserializeOwned>(
    object: &ObjectRef,
    kind: &str,
    bytes: &Bytes,
) -> Result<T, Failure> {
    decode_object(kind, bytes).map_err(|source| {
        let key = object.key.clone();
        unread(&StoreError::Undecodable { key, source })
    })
}

fn located(url: &str) -> Result<Location, Failure> {
    Location::parse(url).map_err(|error| unread(&error))
}

fn unread(error: &StoreError) -> Failure {
    Failure::new(error.kind(), Stage::Fetch, error.to_string())
}

#[cfg(test)]
mod tests {
    use cleanplate_types::digest::Sha;
    use cleanplate_types::model::{ModelClass, ModelRef};
    use cleanplate_types::overlay::Backgrounds;

    use super::*;

    fn object(key: &str) -> ObjectRef {
        ObjectRef { key: key.to_owned(), bytes: 1, sha: Sha::of(key.as_bytes()) }
    }

    #[test]
    fn a_segment_that_is_painted_reads_what_lies_behind_the_frames_beside_it() {
        let window = |start: u64, key: &str| Backgrounds {
            frames: FrameRange::new(start, start + 300),
            object: object(key),
        };
        let plan = OverlayPlan {
            backgrounds: vec![window(0, "a"), window(300, "b")],
            ..OverlayPlan::new(640, 360, Vec::new())
        };
        let painting = Painting {
            model: ModelRef::installed("lama", Sha::of(b"lama"), 4),
            class: ModelClass("cpu".to_owned()),
        };
        let read = |painting: Option<&Painting>, start: u64, end: u64| {
            let reads = of_plan(&plan, restored(painting, FrameRange::new(start, end)));
            reads.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let (first, second) = (backgrounds(0), backgrounds(1));
        assert_eq!(read(None, 150, 300), std::slice::from_ref(&first));
        assert_eq!(read(Some(&painting), 150, 300), [first.clone(), second.clone()]);
        assert_eq!(read(Some(&painting), 300, 450), [first, second.clone()]);
        assert_eq!(read(Some(&painting), 302, 450), [second], "no more than the halo");
    }
}
