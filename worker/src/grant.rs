//! Grants from the wire, parsed at the door by destructuring so that a new field cannot be
//! forgotten.

use cleanplate_proto::{
    WireError, damage_from, detect_from, encoder_from, fill_from, look_from, v1 as pb,
};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::model::{Detector, ModelRef};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Fill, Look};
use cleanplate_types::request::{Detect, EncoderChoice, OnDamage};
use cleanplate_types::source::SourceRef;

/// A piece of work under a lease.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) lease: LeaseId,
    pub(crate) job: JobId,
    /// Which attempt it is, from 1.
    pub(crate) attempt: u32,
    pub(crate) work: Granted,
}

/// What to do.
#[derive(Debug, Clone)]
pub(crate) enum Granted {
    /// Look at the source.
    Intake(IntakeGrant),
    /// Look at a window.
    Analyse(AnalyseGrant),
    /// Reduce the evidence.
    Reduce(ReduceGrant),
    /// Clean and encode cells.
    Segment(SegmentGrant),
    /// Decode a part's frames again.
    Audit(AuditGrant),
}

/// A look at a source.
#[derive(Debug, Clone)]
pub(crate) struct IntakeGrant {
    pub(crate) url: String,
    pub(crate) output: String,
    pub(crate) decode_all: Option<String>,
    pub(crate) on_damage: OnDamage,
    pub(crate) allow_metadata_loss: bool,
    pub(crate) encoder: EncoderChoice,
    pub(crate) lossless: bool,
    pub(crate) read_packets: bool,
    pub(crate) drawn_for: Option<(u32, u32)>,
}

/// A look at a window.
#[derive(Debug, Clone)]
pub(crate) struct AnalyseGrant {
    pub(crate) look: Look,
    pub(crate) draft: Option<ObjectRef>,
    pub(crate) source: SourceRef,
    pub(crate) description: ObjectRef,
    pub(crate) table: ObjectRef,
    pub(crate) window: FrameRange,
    pub(crate) index: u32,
    pub(crate) detect: Vec<Detect>,
    pub(crate) detectors: Vec<Detector>,
    pub(crate) painter: Option<ModelRef>,
}

/// A reduction.
#[derive(Debug, Clone)]
pub(crate) struct ReduceGrant {
    pub(crate) look: Look,
    pub(crate) draft: Option<ObjectRef>,
    pub(crate) description: ObjectRef,
    pub(crate) table: ObjectRef,
    pub(crate) evidence: Vec<ObjectRef>,
    pub(crate) fill: Fill,
}

/// A run of cells.
#[derive(Debug, Clone)]
pub(crate) struct SegmentGrant {
    pub(crate) brief: ObjectRef,
    pub(crate) first: CellIndex,
    pub(crate) cells: u32,
    pub(crate) on_damage: OnDamage,
    /// Decode as if this frame were the first that is wanted.
    pub(crate) decode_from: Option<u64>,
    /// Times that the pre-roll before it is doubled.
    pub(crate) earlier: u32,
}

/// A second look at a part.
#[derive(Debug, Clone)]
pub(crate) struct AuditGrant {
    pub(crate) brief: ObjectRef,
    pub(crate) cell: CellIndex,
    pub(crate) manifest: ObjectRef,
    pub(crate) on_damage: OnDamage,
}

impl TryFrom<pb::Grant> for Grant {
    type Error = WireError;

    fn try_from(grant: pb::Grant) -> Result<Self, WireError> {
        let pb::Grant { lease, job, attempt, renew_ms: _, work } = grant;
        if lease == 0 {
            return Err(WireError::Missing("lease"));
        }
        let job = JobId::parse(&job)
            .map_err(|bad| WireError::Unknown { field: "job", value: bad.to_string() })?;
        let work = match work.ok_or(WireError::Missing("work"))? {
            pb::grant::Work::Intake(intake) => of_intake(intake)?,
            pb::grant::Work::Analyse(analyse) => of_analyse(analyse)?,
            pb::grant::Work::Reduce(reduce) => {
                let pb::Reduce { description, table, evidence, fill, look, draft } = reduce;
                let evidence = evidence.into_iter().map(TryInto::try_into);
                Granted::Reduce(ReduceGrant {
                    look: look_from(&look)?,
                    draft: draft.map(TryInto::try_into).transpose()?,
                    description: object(description, "description")?,
                    table: object(table, "table")?,
                    evidence: evidence.collect::<Result<_, _>>()?,
                    fill: fill_from(&fill)?,
                })
            }
            pb::grant::Work::Segment(segment) => {
                let pb::Segment { brief, first_cell, cells, on_damage, decode_from, earlier } =
                    segment;
                if cells == 0 || first_cell.checked_add(cells).is_none() {
                    return Err(WireError::OutOfRange("cells"));
                }
                Granted::Segment(SegmentGrant {
                    brief: object(brief, "brief")?,
                    first: CellIndex(first_cell),
                    cells,
                    on_damage: damage_from(&on_damage)?,
                    decode_from,
                    earlier,
                })
            }
            pb::grant::Work::Audit(audit) => {
                let pb::Audit { brief, cell, manifest, on_damage } = audit;
                Granted::Audit(AuditGrant {
                    brief: object(brief, "brief")?,
                    cell: CellIndex(cell),
                    manifest: object(manifest, "manifest")?,
                    on_damage: damage_from(&on_damage)?,
                })
            }
        };
        Ok(Self { lease: LeaseId(lease), job, attempt, work })
    }
}

fn of_intake(intake: pb::Intake) -> Result<Granted, WireError> {
    let pb::Intake {
        url,
        output,
        decode_all,
        on_damage,
        allow_metadata_loss,
        decode_reason,
        encoder,
        lossless,
        read_packets,
        drawn_width,
        drawn_height,
    } = intake;
    if url.is_empty() {
        return Err(WireError::Missing("url"));
    }
    Ok(Granted::Intake(IntakeGrant {
        url,
        output,
        decode_all: decode_all.then_some(decode_reason),
        on_damage: damage_from(&on_damage)?,
        allow_metadata_loss,
        encoder: encoder_from(&encoder)?,
        lossless,
        read_packets,
        drawn_for: Some((drawn_width, drawn_height)).filter(|size| *size != (0, 0)),
    }))
}

fn of_analyse(analyse: pb::Analyse) -> Result<Granted, WireError> {
    let pb::Analyse {
        source,
        description,
        table,
        window,
        window_index,
        detect,
        look,
        draft,
        detectors,
        painter,
    } = analyse;
    Ok(Granted::Analyse(AnalyseGrant {
        look: look_from(&look)?,
        draft: draft.map(TryInto::try_into).transpose()?,
        source: source.ok_or(WireError::Missing("source"))?.try_into()?,
        description: object(description, "description")?,
        table: object(table, "table")?,
        window: window.ok_or(WireError::Missing("window"))?.try_into()?,
        index: window_index,
        detect: detect.iter().map(|name| detect_from(name)).collect::<Result<_, _>>()?,
        detectors: detectors.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        painter: painter.map(TryInto::try_into).transpose()?,
    }))
}

fn object(object: Option<pb::ObjectRef>, field: &'static str) -> Result<ObjectRef, WireError> {
    object.ok_or(WireError::Missing(field))?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(cells: u32) -> pb::Grant {
        let brief = pb::ObjectRef { key: "k".to_owned(), bytes: 1, sha256: vec![0; 32] };
        let on_damage = "conceal".to_owned();
        let work = pb::Segment {
            brief: Some(brief),
            first_cell: 3,
            cells,
            on_damage,
            decode_from: Some(7),
            earlier: 2,
        };
        pb::Grant {
            lease: 7,
            job: "j-1".to_owned(),
            attempt: 2,
            renew_ms: 1,
            work: Some(pb::grant::Work::Segment(work)),
        }
    }

    #[test]
    fn a_grant_is_taken_with_all_that_it_says() {
        let grant = Grant::try_from(segment(2)).unwrap();
        assert_eq!((grant.lease, grant.attempt, grant.job.as_str()), (LeaseId(7), 2, "j-1"));
        let Granted::Segment(SegmentGrant {
            first, cells, on_damage, decode_from, earlier, ..
        }) = grant.work
        else {
            panic!("it is a segment");
        };
        assert_eq!((first, cells, on_damage), (CellIndex(3), 2, OnDamage::Conceal));
        assert_eq!((decode_from, earlier), (Some(7), 2));
    }

    #[test]
    fn a_grant_that_makes_no_sense_is_refused_at_the_door() {
        assert!(Grant::try_from(segment(0)).is_err(), "no cells");
        assert!(Grant::try_from(segment(u32::MAX)).is_err(), "cells beyond all numbers");
        assert!(Grant::try_from(pb::Grant { lease: 0, ..segment(1) }).is_err());
        assert!(Grant::try_from(pb::Grant { job: "../x".to_owned(), ..segment(1) }).is_err());
        assert!(Grant::try_from(pb::Grant { work: None, ..segment(1) }).is_err());
    }
}
