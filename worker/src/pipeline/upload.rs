//! Uploading: the packets of a cell become a part and a manifest, while the next cell is encoded.
//!
//! A cell is handed in only when both are stored. Before that, what is there is garbage under the
//! lease's own name.

use std::sync::mpsc::Receiver;

use cleanplate_store::{keys, kinds};
use cleanplate_types::access::PartSink;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::{PtsDigest, ShaWriter};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::{PacketRow, PartManifest};
use cleanplate_types::trail::TrailEvent;

use super::Segment;
use super::encode::Bundle;
use crate::engine::{Desk, unwritten};
use crate::order::{Handed, manifest, part};

/// Stores and hands in the cells as they come.
pub(super) fn run(segment: &Segment, bundles: &Receiver<Bundle>) -> Result<(), Failure> {
    let desk = &segment.desk;
    let started = format!("{} parts", segment.cells.len());
    desk.trail(Stage::Upload, TrailEvent::Started, started, Some(segment.cells.len() as u64));
    let spec = segment.brief.spec.fingerprint();
    let mut open: Option<OpenPart> = None;
    let (mut stored, mut bytes) = (0_u64, 0_u64);
    while let Ok(bundle) = bundles.recv() {
        match bundle {
            Bundle::Begin { cell, extradata } => {
                open = Some(OpenPart::begin(desk, cell, extradata)?);
            }
            Bundle::Packets { rows, data } => {
                if let Some(part) = &mut open {
                    part.write(rows, &data)?;
                }
            }
            Bundle::End => {
                if let Some(part) = open.take() {
                    let manifest = part.finish(desk, spec)?;
                    bytes += manifest.part.bytes;
                    stored += 1;
                    hand_in(desk, &manifest)?;
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
    rows: Vec<PacketRow>,
    name: String,
    sink: Box<dyn PartSink>,
    sha: ShaWriter,
    end: u64,
}

impl OpenPart {
    fn begin(desk: &Desk, cell: Cell, extradata: Vec<u8>) -> Result<Self, Failure> {
        let name = part(cell.index);
        let sink = desk.create(&name)?;
        let (rows, sha) = (Vec::new(), ShaWriter::default());
        Ok(Self { cell, extradata, rows, name, sink, sha, end: 0 })
    }

    fn write(&mut self, rows: Vec<PacketRow>, data: &[u8]) -> Result<(), Failure> {
        self.sha.write(data);
        let written = self.sink.write_at(self.end, data);
        written.map_err(|error| unwritten(&self.name, &error).at(self.cell.frames))?;
        self.end += data.len() as u64;
        self.rows.extend(rows);
        Ok(())
    }

    fn finish(
        self,
        desk: &Desk,
        spec: cleanplate_types::digest::Sha,
    ) -> Result<PartManifest, Failure> {
        let Self { cell, extradata, rows, name, sink, sha, end } = self;
        check(&cell, &rows)?;
        sink.finish().map_err(|error| unwritten(&name, &error).at(cell.frames))?;
        let order = desk.order();
        let key = keys::part(&order.job, cell.index, order.lease);
        Ok(PartManifest {
            cell: cell.index,
            lease: order.lease,
            spec,
            extradata,
            packets: rows,
            part: ObjectRef { key, bytes: end, sha: sha.finish() },
        })
    }
}

/// What the encoder made must be the cell's frames, each once.
fn check(cell: &Cell, rows: &[PacketRow]) -> Result<(), Failure> {
    let mut shown: Vec<_> = rows.iter().map(|row| row.pts).collect();
    shown.sort_unstable();
    if PtsDigest::of(&shown) == cell.digest {
        return Ok(());
    }
    let text = format!(
        "the encoder gave {} packets with other timestamps than the {} frames of cell {}",
        rows.len(),
        cell.frames.count(),
        cell.index
    );
    Err(Failure::new(FailureKind::EncoderFailed, Stage::Encode, text).at(cell.frames))
}

fn hand_in(desk: &Desk, made: &PartManifest) -> Result<(), Failure> {
    let order = desk.order();
    let written = desk.save(&manifest(made.cell), kinds::MANIFEST, made)?;
    let key = keys::manifest(&order.job, made.cell, order.lease);
    let object = ObjectRef { key, bytes: written.bytes, sha: written.sha };
    desk.hand(&Handed::Cell(Box::new(made.summary(object))))
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
        assert!(check(&cell, &[row(0), row(4), row(2)]).is_ok(), "coding order is another");
        for wrong in [&[row(0), row(2)][..], &[row(0), row(2), row(5)], &[row(0), row(2), row(2)]] {
            let failure = check(&cell, wrong).unwrap_err();
            assert_eq!(failure.kind, FailureKind::EncoderFailed);
            assert_eq!(failure.frames, Some(cell.frames));
        }
    }
}
