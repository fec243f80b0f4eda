//! Conversions of what is said about media: ranges, objects, parts, failures, trails, cards.

use cleanplate_types::digest::{FrameHash, PtsDigest, Sha};
use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, LeaseId, WorkerId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::{CodedPicture, CodedSignal, PartSummary, Restored};
use cleanplate_types::source::SourceRef;
use cleanplate_types::tier::{Card, CardLoad};
use cleanplate_types::time::Timebase;
use cleanplate_types::trail::{TrailEntry, TrailEvent};

use crate::error::WireError;
use crate::v1 as pb;

fn sha(bytes: &[u8], field: &'static str) -> Result<Sha, WireError> {
    Sha::from_slice(bytes).ok_or(WireError::Missing(field))
}

fn small(value: u32, field: &'static str) -> Result<u8, WireError> {
    u8::try_from(value).map_err(|_over| WireError::OutOfRange(field))
}

impl From<FrameRange> for pb::FrameRange {
    fn from(range: FrameRange) -> Self {
        let FrameRange { start, end } = range;
        Self { start, end }
    }
}

impl TryFrom<pb::FrameRange> for FrameRange {
    type Error = WireError;

    fn try_from(range: pb::FrameRange) -> Result<Self, WireError> {
        let pb::FrameRange { start, end } = range;
        if end < start {
            return Err(WireError::OutOfRange("end"));
        }
        Ok(Self { start, end })
    }
}

impl From<ObjectRef> for pb::ObjectRef {
    fn from(object: ObjectRef) -> Self {
        let ObjectRef { key, bytes, sha } = object;
        Self { key, bytes, sha256: sha.0.to_vec() }
    }
}

impl TryFrom<pb::ObjectRef> for ObjectRef {
    type Error = WireError;

    fn try_from(object: pb::ObjectRef) -> Result<Self, WireError> {
        let pb::ObjectRef { key, bytes, sha256 } = object;
        if key.is_empty() {
            return Err(WireError::Missing("key"));
        }
        Ok(Self { key, bytes, sha: sha(&sha256, "sha256")? })
    }
}

impl From<SourceRef> for pb::SourceRef {
    fn from(source: SourceRef) -> Self {
        let SourceRef { url, bytes, version } = source;
        Self { url, bytes, version: version.unwrap_or_default() }
    }
}

impl TryFrom<pb::SourceRef> for SourceRef {
    type Error = WireError;

    fn try_from(source: pb::SourceRef) -> Result<Self, WireError> {
        let pb::SourceRef { url, bytes, version } = source;
        if url.is_empty() {
            return Err(WireError::Missing("url"));
        }
        Ok(Self { url, bytes, version: (!version.is_empty()).then_some(version) })
    }
}

impl From<PartSummary> for pb::PartSummary {
    fn from(part: PartSummary) -> Self {
        let PartSummary {
            cell,
            frames,
            digest,
            reorder_frames,
            starts_with_key,
            spec,
            extradata,
            manifest,
            part_bytes,
            timebase,
            coded,
            before,
            last,
            restored,
        } = part;
        Self {
            cell: cell.0,
            frames,
            pts_sha256: digest.0.0.to_vec(),
            reorder_frames: reorder_frames.into(),
            starts_with_key,
            spec_sha256: spec.0.to_vec(),
            extradata_sha256: extradata.0.to_vec(),
            manifest: Some(manifest.into()),
            part_bytes,
            timebase_num: timebase.num(),
            timebase_den: timebase.den(),
            coded: coded.map(Into::into),
            before: before.map(|hash| hash.0),
            last: last.map(|hash| hash.0),
            restored: Some(restored.into()),
        }
    }
}

impl From<Restored> for pb::Restored {
    fn from(restored: Restored) -> Self {
        let Restored { frames, inverted, fetched, synthesised, pixelated, painted_frames } =
            restored;
        Self { frames, inverted, fetched, synthesised, pixelated, painted_frames }
    }
}

impl From<pb::Restored> for Restored {
    fn from(restored: pb::Restored) -> Self {
        let pb::Restored { frames, inverted, fetched, synthesised, pixelated, painted_frames } =
            restored;
        Self { frames, inverted, fetched, synthesised, pixelated, painted_frames }
    }
}

impl TryFrom<pb::PartSummary> for PartSummary {
    type Error = WireError;

    fn try_from(part: pb::PartSummary) -> Result<Self, WireError> {
        let pb::PartSummary {
            cell,
            frames,
            pts_sha256,
            reorder_frames,
            starts_with_key,
            spec_sha256,
            extradata_sha256,
            manifest,
            part_bytes,
            timebase_num,
            timebase_den,
            coded,
            before,
            last,
            restored,
        } = part;
        Ok(Self {
            cell: CellIndex(cell),
            frames,
            digest: PtsDigest(sha(&pts_sha256, "pts_sha256")?),
            reorder_frames: small(reorder_frames, "reorder_frames")?,
            starts_with_key,
            spec: sha(&spec_sha256, "spec_sha256")?,
            extradata: sha(&extradata_sha256, "extradata_sha256")?,
            manifest: manifest.ok_or(WireError::Missing("manifest"))?.try_into()?,
            part_bytes,
            timebase: Timebase::new(timebase_num, timebase_den)
                .ok_or(WireError::OutOfRange("timebase"))?,
            coded: coded.map(TryInto::try_into).transpose()?,
            before: before.map(FrameHash),
            last: last.map(FrameHash),
            restored: restored.map(Into::into).unwrap_or_default(),
        })
    }
}

impl From<CodedPicture> for pb::CodedPicture {
    fn from(coded: CodedPicture) -> Self {
        let CodedPicture { width, height, depth, planes, chroma_shift, reorder_frames, signal } =
            coded;
        let (chroma_shift_x, chroma_shift_y) = chroma_shift;
        Self {
            width,
            height,
            depth: depth.into(),
            planes: planes.into(),
            chroma_shift_x: chroma_shift_x.into(),
            chroma_shift_y: chroma_shift_y.into(),
            reorder_frames: reorder_frames.map(u32::from),
            signal: Some(signal.into()),
        }
    }
}

impl TryFrom<pb::CodedPicture> for CodedPicture {
    type Error = WireError;

    fn try_from(coded: pb::CodedPicture) -> Result<Self, WireError> {
        let pb::CodedPicture {
            width,
            height,
            depth,
            planes,
            chroma_shift_x,
            chroma_shift_y,
            reorder_frames,
            signal,
        } = coded;
        let shift = |value| small(value, "chroma_shift");
        Ok(Self {
            width,
            height,
            depth: small(depth, "depth")?,
            planes: small(planes, "planes")?,
            chroma_shift: (shift(chroma_shift_x)?, shift(chroma_shift_y)?),
            reorder_frames: reorder_frames
                .map(|value| small(value, "reorder_frames"))
                .transpose()?,
            signal: signal.ok_or(WireError::Missing("signal"))?.try_into()?,
        })
    }
}

impl From<CodedSignal> for pb::CodedSignal {
    fn from(signal: CodedSignal) -> Self {
        let CodedSignal { full_range, colour, sample_aspect, frame_rate } = signal;
        let [primaries, transfer, matrix] = colour.map(u32::from);
        let (aspect_num, aspect_den) = sample_aspect;
        let (rate_num, rate_den) = frame_rate.unwrap_or((0, 0));
        Self { full_range, primaries, transfer, matrix, aspect_num, aspect_den, rate_num, rate_den }
    }
}

impl TryFrom<pb::CodedSignal> for CodedSignal {
    type Error = WireError;

    fn try_from(signal: pb::CodedSignal) -> Result<Self, WireError> {
        let pb::CodedSignal {
            full_range,
            primaries,
            transfer,
            matrix,
            aspect_num,
            aspect_den,
            rate_num,
            rate_den,
        } = signal;
        Ok(Self {
            full_range,
            colour: [
                small(primaries, "primaries")?,
                small(transfer, "transfer")?,
                small(matrix, "matrix")?,
            ],
            sample_aspect: (aspect_num, aspect_den),
            frame_rate: ((rate_num, rate_den) != (0, 0)).then_some((rate_num, rate_den)),
        })
    }
}

impl From<Failure> for pb::Failure {
    fn from(failure: Failure) -> Self {
        let Failure { kind, stage, message, frames, worker, lease, attempt } = failure;
        Self {
            kind: kind.as_str().to_owned(),
            stage: stage.as_str().to_owned(),
            message,
            frames: frames.map(Into::into),
            worker: worker.map(|worker| worker.as_str().to_owned()).unwrap_or_default(),
            lease: lease.map_or(0, |lease| lease.0),
            attempt,
        }
    }
}

impl TryFrom<pb::Failure> for Failure {
    type Error = WireError;

    fn try_from(failure: pb::Failure) -> Result<Self, WireError> {
        let pb::Failure { kind, stage, message, frames, worker, lease, attempt } = failure;
        let worker =
            match worker.as_str() {
                "" => None,
                text => Some(WorkerId::parse(text).map_err(|bad| WireError::Unknown {
                    field: "worker",
                    value: bad.to_string(),
                })?),
            };
        Ok(Self {
            kind: FailureKind::parse(&kind)
                .ok_or(WireError::Unknown { field: "kind", value: kind })?,
            stage: Stage::parse(&stage)
                .ok_or(WireError::Unknown { field: "stage", value: stage })?,
            message,
            frames: frames.map(TryInto::try_into).transpose()?,
            worker,
            lease: (lease != 0).then_some(LeaseId(lease)),
            attempt,
        })
    }
}

impl From<TrailEntry> for pb::TrailEntry {
    fn from(entry: TrailEntry) -> Self {
        let TrailEntry { at_ms, stage, event, detail, count } = entry;
        Self {
            at_ms,
            stage: stage.as_str().to_owned(),
            event: event.as_str().to_owned(),
            detail,
            count,
        }
    }
}

impl TryFrom<pb::TrailEntry> for TrailEntry {
    type Error = WireError;

    fn try_from(entry: pb::TrailEntry) -> Result<Self, WireError> {
        let pb::TrailEntry { at_ms, stage, event, detail, count } = entry;
        Ok(Self {
            at_ms,
            stage: Stage::parse(&stage)
                .ok_or(WireError::Unknown { field: "stage", value: stage })?,
            event: TrailEvent::parse(&event)
                .ok_or(WireError::Unknown { field: "event", value: event })?,
            detail,
            count,
        })
    }
}

impl From<EncoderProof> for pb::EncoderProof {
    fn from(proof: EncoderProof) -> Self {
        let EncoderProof { name, build } = proof;
        Self { name: name.as_str().to_owned(), build }
    }
}

impl TryFrom<pb::EncoderProof> for EncoderProof {
    type Error = WireError;

    fn try_from(proof: pb::EncoderProof) -> Result<Self, WireError> {
        let pb::EncoderProof { name, build } = proof;
        let name = EncoderName::parse(&name)
            .ok_or(WireError::Unknown { field: "encoder", value: name })?;
        Ok(Self { name, build })
    }
}

/// A card for the wire; no card is no message.
#[must_use]
pub fn card_to_wire(card: Card) -> Option<pb::Card> {
    match card {
        Card::None => None,
        Card::Gpu { name, vram_mib, pretended } => Some(pb::Card { name, vram_mib, pretended }),
    }
}

/// What a card is doing, for the wire.
#[must_use]
pub const fn load_to_wire(load: CardLoad) -> pb::CardLoad {
    let CardLoad { busy_percent, celsius, used_mib } = load;
    pb::CardLoad { busy_percent, celsius, used_mib }
}

/// What a card is doing, from the wire: no card is busier than all of the time.
#[must_use]
pub fn load_from_wire(load: pb::CardLoad) -> CardLoad {
    let pb::CardLoad { busy_percent, celsius, used_mib } = load;
    CardLoad { busy_percent: busy_percent.map(|percent| percent.min(100)), celsius, used_mib }
}

/// A card from the wire; no message is no card.
#[must_use]
pub fn card_from_wire(card: Option<pb::Card>) -> Card {
    match card {
        None => Card::None,
        Some(pb::Card { name, vram_mib, pretended }) => Card::Gpu { name, vram_mib, pretended },
    }
}
