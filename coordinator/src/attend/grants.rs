//! What workers are granted, as messages.

use cleanplate_core::effect::{Analyse, Grant, Work};
use cleanplate_proto::{damage_name, detect_name, encoder_name, v1 as pb};
use cleanplate_types::ids::LeaseId;

/// A grant for the wire.
pub(crate) fn grant_to_wire(lease: LeaseId, grant: Grant) -> pb::Grant {
    use pb::grant::Work as Wire;
    let Grant { job, attempt, deadline: _, renew_ms, work } = grant;
    let work = match work {
        Work::Intake {
            url,
            output,
            decode_all,
            on_damage,
            allow_metadata_loss,
            encoder,
            lossless,
            read_packets,
            drawn_for,
        } => Wire::Intake(pb::Intake {
            url,
            output,
            decode_all: decode_all.is_some(),
            on_damage: damage_name(on_damage).to_owned(),
            allow_metadata_loss,
            decode_reason: decode_all.unwrap_or_default(),
            encoder: encoder_name(encoder).to_owned(),
            lossless,
            read_packets,
            drawn_width: drawn_for.map_or(0, |(width, _)| width),
            drawn_height: drawn_for.map_or(0, |(_, height)| height),
        }),
        Work::Analyse(look) => Wire::Analyse(look_to_wire(*look)),
        Work::Reduce { look, draft, description, table, evidence, fill } => {
            Wire::Reduce(pb::Reduce {
                look: look.as_str().to_owned(),
                draft: draft.map(Into::into),
                description: Some(description.into()),
                table: Some(table.into()),
                evidence: evidence.into_iter().map(Into::into).collect(),
                fill: fill.as_str().to_owned(),
            })
        }
        Work::Segment { brief, segment, on_damage, pre_roll } => Wire::Segment(pb::Segment {
            brief: Some(brief.into()),
            first_cell: segment.first.0,
            cells: segment.cells,
            on_damage: damage_name(on_damage).to_owned(),
            decode_from: pre_roll.from,
            earlier: pre_roll.doublings,
        }),
        Work::Audit { brief, cell, manifest, on_damage } => Wire::Audit(pb::Audit {
            brief: Some(brief.into()),
            cell: cell.0,
            manifest: Some(manifest.into()),
            on_damage: damage_name(on_damage).to_owned(),
        }),
    };
    pb::Grant { lease: lease.0, job: job.as_str().to_owned(), attempt, renew_ms, work: Some(work) }
}

fn look_to_wire(work: Analyse) -> pb::Analyse {
    let Analyse {
        look,
        draft,
        source,
        description,
        table,
        detect,
        detectors,
        painter,
        index,
        window,
    } = work;
    pb::Analyse {
        source: Some(source.into()),
        description: Some(description.into()),
        table: Some(table.into()),
        window: Some(window.into()),
        window_index: index,
        detect: detect.into_iter().map(|one| detect_name(one).to_owned()).collect(),
        look: look.as_str().to_owned(),
        draft: draft.map(Into::into),
        detectors: detectors.into_iter().map(Into::into).collect(),
        painter: painter.map(Into::into),
    }
}
