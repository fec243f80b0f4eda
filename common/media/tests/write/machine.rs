//! A worker and a coordinator in a few lines: plans a clip, encodes its cells, stitches them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cleanplate_media::encode::CellEncoder;
use cleanplate_media::error::MediaError;
use cleanplate_media::frame::VideoFrame;
use cleanplate_media::input::Input;
use cleanplate_media::probe::describe;
use cleanplate_media::stitch::{Parts, StitchError, StitchJob, StitchPart, Stitched, stitch};
use cleanplate_types::access::{HEAD_BYTES, PartSink, ReadAt, Stored};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncodeSpec, EncoderName, EncoderProof, Quality};
use cleanplate_types::frames::{FrameRange, FrameTable, TableOrigin};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::part::{PacketRow, PartManifest, Restored};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlanesMut};
use cleanplate_types::source::SourceRef;
use cleanplate_types::time::Pts;

/// Bytes in memory.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl ReadAt for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.0[usize::try_from(offset).unwrap().min(self.0.len())..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// A file.
pub(crate) struct OnDisk(File);

impl OnDisk {
    pub(crate) fn open(path: &Path) -> Arc<dyn ReadAt> {
        Arc::new(Self(File::open(path).unwrap()))
    }
}

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// A file that insists on the rule of sinks, and can fail.
pub(crate) struct ToDisk {
    file: File,
    end: u64,
    head: u64,
    /// Fails when this many bytes are there.
    full_at: u64,
}

impl ToDisk {
    pub(crate) fn create(path: &Path, full_at: u64) -> Box<dyn PartSink> {
        Box::new(Self { file: File::create(path).unwrap(), end: 0, head: HEAD_BYTES, full_at })
    }
}

impl PartSink for ToDisk {
    fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        assert_eq!(self.end, 0, "the head is settled before the first byte");
        self.head = bytes.max(HEAD_BYTES);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let after = offset + bytes.len() as u64;
        assert!(offset == self.end || after <= self.head.min(self.end), "writes at {offset}");
        if after > self.full_at {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
        }
        self.end = self.end.max(after);
        self.file.write_all_at(bytes, offset)
    }

    fn finish(self: Box<Self>) -> io::Result<Stored> {
        Ok(Stored { bytes: self.end })
    }
}

/// A clip with its plan.
pub(crate) struct Job {
    pub(crate) clip: PathBuf,
    pub(crate) table: FrameTable,
    pub(crate) brief: JobBrief,
}

/// Plans `clip` in cells of `cell_frames`, by the contract that `change` makes of a lossless one.
pub(crate) fn plan(clip: &Path, cell_frames: u64, change: impl FnOnce(&mut EncodeSpec)) -> Job {
    let mut input = Input::open(OnDisk::open(clip), clip.to_str().unwrap()).unwrap();
    let description = describe(&mut input).unwrap();
    let pts: Vec<Pts> = super::clips::pts(clip).into_iter().map(Pts).collect();
    let last_duration = pts.windows(2).last().map_or(1, |pair| pair[1].0 - pair[0].0);
    let video = &description.video;
    let table = FrameTable {
        timebase: video.timebase,
        pts,
        last_duration,
        entries: Vec::new(),
        origin: TableOrigin::Packets,
    };
    let name = if video.codec == "hevc" { EncoderName::Libx265 } else { EncoderName::Libx264 };
    let mut spec = EncodeSpec {
        encoder: EncoderProof { name, build: "of this test".to_owned() },
        preset: "veryfast".to_owned(),
        quality: Quality::Lossless,
        width: video.width,
        height: video.height,
        layout: video.layout.clone(),
        timebase: video.timebase,
        frame_rate: video.frame_rate,
        sample_aspect: video.sample_aspect,
        colour: video.colour,
        field_order: video.field_order,
        mastering: video.mastering.clone(),
        light_level: video.light_level,
        reorder_frames: 2,
        cell_frames_max: u32::try_from(cell_frames).unwrap(),
        copied: None,
        painting: None,
    };
    change(&mut spec);
    let whole = table.range();
    let cell = |(index, start): (u32, u64)| {
        let frames = FrameRange::new(start, (start + cell_frames).min(whole.end));
        let pts = table.pts_of(frames);
        Cell {
            index: CellIndex(index),
            frames,
            first_pts: pts[0],
            last_pts: *pts.last().unwrap(),
            digest: table.digest_of(frames),
            entry: None,
        }
    };
    let starts = (0..whole.end).step_by(usize::try_from(cell_frames).unwrap());
    let cells = (0..).zip(starts).map(cell).collect();
    let nothing = ObjectRef { key: "table".to_owned(), bytes: 0, sha: Sha::of(&[]) };
    let brief = JobBrief {
        job: JobId::parse("a-test").unwrap(),
        source: SourceRef {
            url: format!("file://{}", clip.display()),
            bytes: description.bytes,
            version: None,
        },
        plan: OverlayPlan::new(video.width, video.height, Vec::new()),
        description,
        table: nothing,
        rest: None,
        allow_metadata_loss: false,
        spec,
        cells,
    };
    Job { clip: clip.to_owned(), table, brief }
}

/// The clip's frames as ffmpeg decodes them, with the table's timestamps.
pub(crate) fn frames(job: &Job) -> Vec<VideoFrame> {
    let spec = &job.brief.spec;
    let samples = super::clips::samples(&job.clip, &spec.layout.name);
    let layout = Arc::new(spec.layout.clone());
    let sizes = (0..layout.planes).map(|plane| layout.plane_size(plane, spec.width, spec.height));
    let words: usize = sizes.map(|(width, height)| (width * height) as usize).sum();
    let bytes = words * if layout.depth > 8 { 2 } else { 1 };
    assert_eq!(samples.len(), bytes * job.table.pts.len(), "all frames are there");
    let frame = |(samples, pts): (&[u8], &Pts)| filled(&layout, spec, samples, *pts);
    samples.chunks(bytes).zip(&job.table.pts).map(frame).collect()
}

fn filled(layout: &Arc<PixelLayout>, spec: &EncodeSpec, samples: &[u8], pts: Pts) -> VideoFrame {
    let mut frame = VideoFrame::blank(layout, spec.width, spec.height, pts).unwrap();
    let mut rest = samples;
    match frame.planes_mut().unwrap() {
        PlanesMut::Eight(planes) => {
            planes.into_iter().for_each(|plane| fill(plane, &mut rest, |bytes| bytes[0], 1));
        }
        PlanesMut::Sixteen(planes) => {
            let word = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
            planes.into_iter().for_each(|plane| fill(plane, &mut rest, word, 2));
        }
    }
    frame
}

fn fill<S>(plane: PlaneMut<'_, S>, rest: &mut &[u8], one: impl Fn(&[u8]) -> S, bytes: usize) {
    let width = plane.width as usize;
    for row in plane.samples.chunks_mut(plane.stride) {
        for sample in &mut row[..width] {
            *sample = one(rest);
            *rest = &rest[bytes..];
        }
    }
}

/// A part: its manifest and its bytes.
pub(crate) type Part = (PartManifest, Vec<u8>);

/// Encodes the cells of a job; gives their parts in order.
pub(crate) fn encode(job: &Job) -> Vec<Part> {
    let mut frames = frames(job).into_iter();
    job.brief.cells.iter().map(|cell| encode_cell(job, cell, &mut frames)).collect()
}

/// Encodes one cell from the frames that come next.
pub(crate) fn encode_cell(
    job: &Job,
    cell: &Cell,
    frames: &mut dyn Iterator<Item = VideoFrame>,
) -> Part {
    let spec = &job.brief.spec;
    let mut encoder = CellEncoder::open(spec, None).unwrap().starting_at(cell.frames.start);
    let extradata = encoder.extradata().to_vec();
    let (mut packets, mut bytes) = (Vec::new(), Vec::new());
    let mut take = |packet: cleanplate_media::encode::EncodedPacket<'_>| {
        let size = u32::try_from(packet.data.len()).unwrap();
        packets.push(PacketRow { pts: packet.pts, bytes: size, key: packet.key });
        bytes.extend_from_slice(packet.data);
        Ok(())
    };
    for _ in 0..cell.frames.count() {
        encoder.encode(frames.next().unwrap(), &mut take).unwrap();
    }
    encoder.finish(&mut take).unwrap();
    let part =
        ObjectRef { key: "part".to_owned(), bytes: bytes.len() as u64, sha: Sha::of(&bytes) };
    let manifest = PartManifest {
        cell: cell.index,
        lease: LeaseId(1),
        spec: spec.fingerprint(),
        timebase: spec.timebase,
        coded: None,
        extradata,
        packets,
        part,
        decoded: Vec::new(),
        outside: Vec::new(),
        restored: Restored::default(),
        before: None,
    };
    (manifest, bytes)
}

/// Parts that are all there.
pub(crate) struct Ready(pub(crate) std::vec::IntoIter<Part>);

impl Parts for Ready {
    fn next(&mut self) -> Result<Option<StitchPart>, MediaError> {
        let part = self.0.next();
        Ok(part.map(|(manifest, bytes)| StitchPart { manifest, bytes: Arc::new(Bytes(bytes)) }))
    }
}

/// Stitches parts of a job into `output`.
pub(crate) fn join(
    job: &Job,
    parts: Vec<Part>,
    output: &Path,
    allow_metadata_loss: bool,
) -> Result<Stitched, StitchError> {
    let seen = Mutex::new(0);
    let order = StitchJob {
        brief: &job.brief,
        table: &job.table,
        source: OnDisk::open(&job.clip),
        rest: None,
        output_name: output.to_str().unwrap(),
        allow_metadata_loss,
        conceal: false,
        version: "1.2.3",
    };
    let mut progress = |frames| *seen.lock().unwrap() = frames;
    let mut parts = Ready(parts.into_iter());
    let stitched = stitch(order, &mut parts, ToDisk::create(output, u64::MAX), &mut progress)?;
    assert_eq!(*seen.lock().unwrap(), job.table.range().count(), "progress ends at the last frame");
    assert_eq!(stitched.bytes, std::fs::metadata(output).unwrap().len());
    Ok(stitched)
}
