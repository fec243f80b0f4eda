//! Uploading: the packets of a cell become a part and a manifest, while the next cell is encoded.
//!
//! A cell is handed in only when both are stored. Before that, what is there is garbage under the
//! lease's own name.

use std::borrow::Cow;
use std::sync::mpsc::Receiver;

use cleanplate_media::fault::faults;
use cleanplate_media::sequence::{self, ParameterSets, Whose};
use cleanplate_store::{keys, kinds};
use cleanplate_types::access::PartSink;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::{PtsDigest, ShaWriter};
use cleanplate_types::encode::{EncodeSpec, EncoderName};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::{PacketRow, PartManifest, reorder_frames};
use cleanplate_types::trail::TrailEvent;

use super::encode::{Bundle, CellLog};
use super::{Segment, forge};
use crate::engine::{Desk, unwritten};
use crate::order::{Handed, manifest, part};

/// Stores and hands in the cells as they come.
pub(super) fn run(segment: &Segment, bundles: &Receiver<Bundle>) -> Result<(), Failure> {
    let desk = &segment.desk;
    let started = format!("{} parts", segment.cells.len());
    desk.trail(Stage::Upload, TrailEvent::Started, started, Some(segment.cells.len() as u64));
    let mut open: Option<OpenPart> = None;
    let (mut stored, mut bytes) = (0_u64, 0_u64);
    while let Ok(bundle) = bundles.recv() {
        match bundle {
            Bundle::Begin { cell, extradata } => {
                let encoder = segment.brief.spec.encoder.name;
                open = Some(OpenPart::begin(desk, cell, (encoder, extradata))?);
            }
            Bundle::Packets { rows, data } => {
                if let Some(part) = &mut open {
                    part.write(rows, &data)?;
                }
            }
            Bundle::End { log } => {
                if let Some(part) = open.take() {
                    let cell = part.cell.clone();
                    let manifest = part.finish(segment, log)?;
                    bytes += manifest.part.bytes;
                    stored += 1;
                    hand_in(segment, &cell, &manifest)?;
                }
            }
        }
    }
    if stored < segment.cells.len() as u64 {
        // Whoever stopped the cells reports why itself.
        return Ok(());
    }
    desk.trail(
        Stage::Upload,
        TrailEvent::Finished,
        format!("{bytes} bytes of parts"),
        Some(stored),
    );
    Ok(())
}

/// A part being written.
struct OpenPart {
    cell: Cell,
    extradata: Vec<u8>,
    sets: ParameterSets,
    rows: Vec<PacketRow>,
    name: String,
    sink: Box<dyn PartSink>,
    sha: ShaWriter,
    end: u64,
}

impl OpenPart {
    fn begin(
        desk: &Desk,
        cell: Cell,
        (encoder, extradata): (EncoderName, Vec<u8>),
    ) -> Result<Self, Failure> {
        let sets = ParameterSets::of(encoder, &extradata);
        let name = part(cell.index);
        let sink = desk.create(&name)?;
        let (rows, sha) = (Vec::new(), ShaWriter::default());
        Ok(Self { cell, extradata, sets, rows, name, sink, sha, end: 0 })
    }

    fn write(&mut self, mut rows: Vec<PacketRow>, data: &[u8]) -> Result<(), Failure> {
        let data = if self.rows.is_empty() {
            forge::in_band(self.cell.index, &self.extradata, &mut rows, data)
        } else {
            Cow::Borrowed(data)
        };
        let data = data.as_ref();
        if !faults().blind {
            self.check_sets(&rows, data)?;
        }
        self.sha.write(data);
        let written = self.sink.write_at(self.end, forge::uploaded(self.cell.index, data));
        written.map_err(|error| unwritten(&self.name, &error).at(self.cell.frames))?;
        self.end += data.len() as u64;
        self.rows.extend(rows);
        Ok(())
    }

    /// Insists that packets bring no parameter sets but the part's.
    fn check_sets(&self, rows: &[PacketRow], data: &[u8]) -> Result<(), Failure> {
        let mut rest = data;
        for (place, row) in rows.iter().enumerate() {
            let size = usize::try_from(row.bytes).unwrap_or(usize::MAX).min(rest.len());
            let (packet, after) = rest.split_at(size);
            let checked = self.sets.check(self.rows.len() + place, packet);
            checked.map_err(|error| {
                let index = self.cell.index;
                wrong(
                    &self.cell,
                    format!("the encoder of cell {index} made other pictures: {error}"),
                )
            })?;
            rest = after;
        }
        Ok(())
    }

    fn finish(self, segment: &Segment, log: CellLog) -> Result<PartManifest, Failure> {
        let CellLog { decoded, outside, restored, before } = log;
        let Self { cell, extradata, mut rows, name, sink, sha, end, .. } = self;
        let (order, spec) = (segment.desk.order(), &segment.brief.spec);
        forge::rows(cell.index, &mut rows);
        sink.finish().map_err(|error| unwritten(&name, &error).at(cell.frames))?;
        let key = keys::part(&order.job, cell.index, order.lease);
        let coded = sequence::coded_picture(spec.encoder.name, &extradata);
        let mut made = PartManifest {
            cell: cell.index,
            lease: order.lease,
            spec: spec.fingerprint(),
            timebase: spec.timebase,
            coded: coded.map_err(|error| wrong(&cell, error.to_string()))?,
            extradata,
            packets: rows,
            part: ObjectRef { key, bytes: end, sha: sha.finish() },
            decoded,
            outside,
            restored,
            before,
        };
        forge::manifest(&mut made);
        if !faults().blind {
            check(&cell, spec, &made).map_err(|text| wrong(&cell, text))?;
        }
        Ok(made)
    }
}

/// The encoder did not keep to the contract.
fn wrong(cell: &Cell, text: String) -> Failure {
    Failure::new(FailureKind::EncoderFailed, Stage::Encode, text).at(cell.frames)
}

/// What was made must be the cell's frames, each once, as the contract says.
fn check(cell: &Cell, spec: &EncodeSpec, made: &PartManifest) -> Result<(), String> {
    let index = cell.index;
    if made.timebase != spec.timebase {
        let (found, expected) = (made.timebase, spec.timebase);
        return Err(format!("the part of cell {index} counts in {found}, the job in {expected}"));
    }
    check_rows(cell, &made.packets, spec.reorder_frames)?;
    if let Err(error) = sequence::check(spec, Whose::of(spec, index), &made.extradata) {
        return Err(format!("the encoder of cell {index} made other pictures: {error}"));
    }
    Ok(())
}

/// The packets must show the cell's frames, and be coded no further ahead than `allowed`.
fn check_rows(cell: &Cell, rows: &[PacketRow], allowed: u8) -> Result<(), String> {
    let index = cell.index;
    let mut shown: Vec<_> = rows.iter().map(|row| row.pts).collect();
    shown.sort_unstable();
    if PtsDigest::of(&shown) != cell.digest {
        return Err(format!(
            "the encoder gave {} packets with other timestamps than the {} frames of cell {index}",
            rows.len(),
            cell.frames.count(),
        ));
    }
    let found = reorder_frames(rows);
    if found > allowed {
        return Err(format!(
            "the encoder ran {found} frames ahead in cell {index}, the encode spec allows {allowed}"
        ));
    }
    Ok(())
}

fn hand_in(segment: &Segment, cell: &Cell, made: &PartManifest) -> Result<(), Failure> {
    let desk = &segment.desk;
    let order = desk.order();
    let written = desk.save(&manifest(made.cell), kinds::MANIFEST, made)?;
    let key = keys::manifest(&order.job, made.cell, order.lease);
    let object = ObjectRef { key, bytes: written.bytes, sha: written.sha };
    let mut summary = made.summary(object);
    forge::summary(&mut summary, cell, &segment.brief.spec);
    desk.hand(&Handed::Cell { summary: Box::new(summary), part: made.part.clone() })
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::FrameRange;
    use cleanplate_types::ids::CellIndex;
    use cleanplate_types::time::Pts;

    use super::*;

    fn row(pts: i64) -> PacketRow {
        PacketRow { pts: Pts(pts), bytes: 1, key: pts == 0 }
    }

    #[test]
    fn packets_of_other_frames_than_the_cells_are_not_handed_in() {
        let cell = Cell {
            index: CellIndex(3),
            frames: FrameRange::new(10, 13),
            first_pts: Pts(0),
            last_pts: Pts(4),
            digest: PtsDigest::of(&[Pts(0), Pts(2), Pts(4)]),
            entry: None,
        };
        let checked = |rows: &[PacketRow]| check_rows(&cell, rows, 1);
        assert!(checked(&[row(0), row(4), row(2)]).is_ok(), "coding order is another");
        for wrong in [&[row(0), row(2)][..], &[row(0), row(2), row(5)], &[row(0), row(2), row(2)]] {
            assert!(checked(wrong).unwrap_err().contains("other timestamps"));
        }
        let ahead = check_rows(&cell, &[row(0), row(4), row(2)], 0).unwrap_err();
        assert!(ahead.contains("1 frames ahead"), "{ahead}");
    }
}
