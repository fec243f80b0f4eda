//! From a grant to what its child is told and may touch.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use cleanplate_store::{Location, Store, StoreError, decode_object, keys, kinds};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::request::OnDamage;
use cleanplate_types::trail::{TrailEntry, TrailEvent};

use crate::grant::{
    AnalyseGrant, AuditGrant, Grant, Granted, IntakeGrant, ReduceGrant, SegmentGrant,
};
use crate::lease::host::Readable;
use crate::lease::{Room, Watch, internal};
use crate::order::{
    BRIEF, DESCRIPTION, EVIDENCE, FINDING, Intake, Means, Order, REST, Run, SOURCE, TABLE, Work,
    evidence, manifest, part,
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
        Granted::Analyse(analyse) => of_analyse(grant, analyse)?,
        Granted::Reduce(reduce) => of_reduce(grant, reduce),
        Granted::Segment(segment) => {
            let bytes = store.get(&segment.brief).await.map_err(|error| unread(&error))?;
            of_segment(grant, segment, bytes)?
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
    let means = Means { threads: room.threads, card, batches: room.seat.batches };
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
    let IntakeGrant { url, output, decode_all, on_damage, allow_metadata_loss, encoder, lossless } =
        intake;
    let location = located(url)?;
    let intake = Intake {
        output: located(output)?.name_hint().to_owned(),
        decode_all: decode_all.clone(),
        conceal: *on_damage == OnDamage::Conceal,
        allow_metadata_loss: *allow_metadata_loss,
        encoder: *encoder,
        lossless: *lossless,
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

fn of_analyse(grant: &Grant, analyse: &AnalyseGrant) -> Result<Needs, Failure> {
    let AnalyseGrant { source, description, table, window, index, detect } = analyse;
    Ok(Needs {
        work: Work::Analyse { window: *window, detect: detect.clone() },
        name_hint: located(&source.url)?.name_hint().to_owned(),
        reads: vec![
            (SOURCE.to_owned(), Readable::Pinned(source.clone())),
            (DESCRIPTION.to_owned(), Readable::Object(description.clone())),
            (TABLE.to_owned(), Readable::Object(table.clone())),
        ],
        writes: vec![(EVIDENCE.to_owned(), keys::evidence(&grant.job, *index, grant.lease))],
        span: None,
    })
}

fn of_reduce(grant: &Grant, reduce: &ReduceGrant) -> Needs {
    let ReduceGrant { table, evidence: windows, fill } = reduce;
    let each = (0_u32..).zip(windows);
    let mut reads: Vec<_> =
        each.map(|(at, one)| (evidence(at), Readable::Object(one.clone()))).collect();
    reads.push((TABLE.to_owned(), Readable::Object(table.clone())));
    let count = u32::try_from(windows.len()).unwrap_or(u32::MAX);
    Needs {
        work: Work::Reduce { windows: count, fill: *fill },
        name_hint: String::new(),
        reads,
        writes: vec![(FINDING.to_owned(), keys::finding(&grant.job, grant.lease))],
        span: None,
    }
}

fn of_segment(grant: &Grant, segment: &SegmentGrant, bytes: Bytes) -> Result<Needs, Failure> {
    let SegmentGrant { brief: object, first, cells, on_damage, decode_from, earlier } = segment;
    let brief = decoded(object, &bytes)?;
    let (job, lease) = (&grant.job, grant.lease);
    let start = first.0 as usize;
    let span = brief.cells.get(start..start.saturating_add(*cells as usize));
    let span =
        span.ok_or_else(|| internal("the segment's cells are not in the plan".to_owned()))?;
    let indices: Vec<CellIndex> = span.iter().map(|cell| cell.index).collect();
    let parts = indices.iter().map(|cell| (part(*cell), keys::part(job, *cell, lease)));
    let manifests = indices.iter().map(|cell| (manifest(*cell), keys::manifest(job, *cell, lease)));
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
        reads: vec![
            (SOURCE.to_owned(), Readable::Pinned(brief.source)),
            (TABLE.to_owned(), Readable::Object(brief.table)),
            (BRIEF.to_owned(), Readable::Bytes(bytes)),
        ],
    })
}

fn of_audit(audit: &AuditGrant, bytes: Bytes) -> Result<Needs, Failure> {
    let AuditGrant { brief: object, cell, manifest: told, on_damage } = audit;
    let brief = decoded(object, &bytes)?;
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

fn decoded(object: &ObjectRef, bytes: &Bytes) -> Result<JobBrief, Failure> {
    decode_object(kinds::BRIEF, bytes).map_err(|source| {
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
