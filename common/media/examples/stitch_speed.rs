//! How long the stitch takes beside ffmpeg's concat demuxer on the same packets, and in how much memory.
//!
//! `cargo run --release -p cleanplate-media --example stitch_speed`. Makes 5,000 parts of 24 frames with a
//! sound track, joins both ways in turns, prints times and peaks; then ten hours once, for the memory.

#![expect(clippy::print_stdout, reason = "the figures are for people and for `make bench`")]
#![expect(clippy::unwrap_used, reason = "a bench ends where it cannot go on")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_media::encode::{CellEncoder, EncodedPacket};
use cleanplate_media::error::MediaError;
use cleanplate_media::frame::VideoFrame;
use cleanplate_media::input::Input;
use cleanplate_media::probe::describe;
use cleanplate_media::stitch::{Parts, StitchJob, StitchPart, stitch};
use cleanplate_types::access::{PartSink, ReadAt, Stored};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncodeSpec, EncoderName, EncoderProof, Quality};
use cleanplate_types::frames::{FrameRange, FrameTable, TableOrigin};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::part::{PacketRow, PartManifest, Restored};
use cleanplate_types::picture::PlanesMut;
use cleanplate_types::source::SourceRef;
use cleanplate_types::time::{Pts, Timebase};

/// Ticks of the video's clock in a frame, at 15,360 ticks a second: 30 frames a second.
const TICKS: i64 = 512;

/// Pairs of timed runs; medians are printed.
const PAIRS: usize = 3;

/// What a bench is run on.
#[derive(Clone, Copy)]
struct Shape {
    parts: u32,
    frames: u32,
    /// Whether each part is a file of its own; else all are the first one.
    apart: bool,
}

const PARTS: Shape = Shape { parts: 5000, frames: 24, apart: true };
const TEN_HOURS: Shape = Shape { parts: 4500, frames: 240, apart: false };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [role, folder, output] if role == "parts" => join(PARTS, Path::new(folder), output),
        [role, folder, output] if role == "hours" => join(TEN_HOURS, Path::new(folder), output),
        [] => bench(),
        _ => println!("no arguments"),
    }
}

fn bench() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    println!("{} parts of {} frames, 160x96, AAC sound", PARTS.parts, PARTS.frames);
    make(PARTS, folder);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let mut own = || ours.push(own(folder, "parts"));
        if pair % 2 == 0 {
            own();
        }
        theirs.push(peer(folder));
        if pair % 2 == 1 {
            own();
        }
    }
    for (index, (own, peer)) in ours.iter().zip(&theirs).enumerate() {
        println!(
            "pair {}: cleanplate {}, ffmpeg concat -c copy {}",
            index + 1,
            told(own),
            told(peer)
        );
    }
    let (own, peer) = (median(ours), median(theirs));
    let percent = own.as_micros() * 100 / peer.as_micros().max(1);
    println!("ratio of medians: {}.{:02}", percent / 100, percent % 100);
    let hours = tempfile::tempdir().unwrap();
    make(TEN_HOURS, hours.path());
    let used = self::own(hours.path(), "hours");
    println!("ten hours, {} frames: {}", TEN_HOURS.parts * TEN_HOURS.frames, told(&used));
}

/// Time and peak of memory in KiB.
type Used = (Duration, u64);

fn told((wall, peak): &Used) -> String {
    format!("{} ms, {} MiB", wall.as_millis(), peak.div_ceil(1024))
}

fn median(mut runs: Vec<Used>) -> Duration {
    runs.sort_unstable();
    runs[runs.len() / 2].0
}

/// Runs a program to its end and reads the most memory that it had.
fn watched(command: &mut Command) -> Used {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    let status = format!("/proc/{}/status", child.id());
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{command:?}");
            return (begun.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn own(folder: &Path, shape: &str) -> Used {
    let output = folder.join("own.mp4");
    watched(Command::new(std::env::current_exe().unwrap()).arg(shape).arg(folder).arg(output))
}

fn peer(folder: &Path) -> Used {
    let (list, source) = (folder.join("list.txt"), folder.join("source.mp4"));
    let output = folder.join("peer.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i"]).arg(list);
    command.arg("-i").arg(source).args(["-map", "0:v", "-map", "1:a", "-c", "copy"]);
    watched(command.args(["-video_track_timescale", "15360"]).arg(output))
}

fn ffmpeg(arguments: &str, folder: &Path) {
    let words = arguments.replace("{}", folder.to_str().unwrap());
    let status = Command::new("ffmpeg").args(words.split_whitespace()).status().unwrap();
    assert!(status.success(), "ffmpeg {words}");
}

/// Makes the source, the parts, and the same parts as files of their own for ffmpeg.
fn make(shape: Shape, folder: &Path) {
    let seconds = u64::from(shape.parts) * u64::from(shape.frames) / 30;
    let quiet = "-nostdin -v error -y";
    let pictures = "-f lavfi -i testsrc2=s=160x96:r=30:d=60 -c:v libx264 -preset ultrafast";
    ffmpeg(&format!("{quiet} {pictures} -g 240 -video_track_timescale 15360 {{}}/one.mp4"), folder);
    ffmpeg(&format!("{quiet} -f lavfi -i sine=r=48000:d=60 -c:a aac {{}}/tone.mp4"), folder);
    let looped = "-stream_loop -1 -i {}/one.mp4 -stream_loop -1 -i {}/tone.mp4 -c copy";
    ffmpeg(&format!("{quiet} {looped} -t {seconds} {{}}/source.mp4"), folder);
    let job = job_of(shape, &folder.join("source.mp4"));
    let (first, bytes) = encode(&job);
    std::fs::write(folder.join("extradata"), &first.extradata).unwrap();
    let rows = first.packets.iter().map(|row| format!("{} {} {}\n", row.pts.0, row.bytes, row.key));
    std::fs::write(folder.join("rows"), rows.collect::<String>()).unwrap();
    std::fs::write(folder.join("0.part"), &bytes).unwrap();
    if !shape.apart {
        return;
    }
    let alone = job_of(Shape { parts: 1, ..shape }, &folder.join("one.mp4"));
    let mut parts = Same { folder: folder.to_owned(), shape, next: 0, first };
    let sink = ToDisk::create(&folder.join("0.mp4"));
    stitch(order(&alone, &folder.join("one.mp4"), "0.mp4"), &mut parts, sink, &mut |_| ()).unwrap();
    let mut list = String::new();
    for number in 0..shape.parts {
        std::fs::write(folder.join(format!("{number}.part")), &bytes).unwrap();
        if number > 0 {
            std::fs::copy(folder.join("0.mp4"), folder.join(format!("{number}.mp4"))).unwrap();
        }
        list.push_str(&format!("file '{}/{number}.mp4'\n", folder.display()));
    }
    std::fs::write(folder.join("list.txt"), list).unwrap();
}

/// A job with its table.
struct Job {
    brief: JobBrief,
    table: FrameTable,
}

fn order<'a>(job: &'a Job, source: &Path, output_name: &'a str) -> StitchJob<'a> {
    StitchJob {
        rest: None,
        brief: &job.brief,
        table: &job.table,
        source: Local::open(source),
        output_name,
        allow_metadata_loss: false,
        conceal: false,
        version: "bench",
    }
}

fn job_of(shape: Shape, source: &Path) -> Job {
    let mut input = Input::open(Local::open(source), "source.mp4").unwrap();
    let description = describe(&mut input).unwrap();
    let video = &description.video;
    let count = i64::from(shape.parts) * i64::from(shape.frames);
    let table = FrameTable {
        timebase: Timebase::new(1, 15_360).unwrap(),
        pts: (0..count).map(|number| Pts(number * TICKS)).collect(),
        last_duration: TICKS,
        entries: Vec::new(),
        origin: TableOrigin::Packets,
    };
    let spec = EncodeSpec {
        encoder: EncoderProof { name: EncoderName::Libx264, build: "of this bench".to_owned() },
        preset: "veryfast".to_owned(),
        quality: Quality::Constant(30),
        width: video.width,
        height: video.height,
        layout: video.layout.clone(),
        timebase: table.timebase,
        frame_rate: video.frame_rate,
        sample_aspect: video.sample_aspect,
        colour: video.colour,
        field_order: video.field_order,
        mastering: None,
        light_level: None,
        reorder_frames: 2,
        cell_frames_max: shape.frames,
        copied: None,
        painting: None,
    };
    let frames = u64::from(shape.frames);
    let cells = (0..shape.parts).map(|number| {
        let start = u64::from(number) * frames;
        let range = FrameRange::new(start, start + frames);
        let pts = table.pts_of(range);
        Cell {
            index: CellIndex(number),
            frames: range,
            first_pts: pts[0],
            last_pts: *pts.last().unwrap(),
            digest: table.digest_of(range),
            entry: None,
        }
    });
    let brief = JobBrief {
        job: JobId::parse("bench").unwrap(),
        source: SourceRef { url: "source.mp4".to_owned(), bytes: description.bytes, version: None },
        plan: OverlayPlan::new(video.width, video.height, Vec::new()),
        table: ObjectRef { key: "table".to_owned(), bytes: 0, sha: Sha::of(&[]) },
        rest: None,
        allow_metadata_loss: false,
        spec,
        cells: cells.collect(),
        description,
    };
    Job { brief, table }
}

/// Encodes the first cell: a gradient that moves.
fn encode(job: &Job) -> (PartManifest, Vec<u8>) {
    let spec = &job.brief.spec;
    let mut encoder = CellEncoder::open(spec, None).unwrap();
    let extradata = encoder.extradata().to_vec();
    let (mut packets, mut bytes) = (Vec::new(), Vec::new());
    let mut take = |packet: EncodedPacket<'_>| {
        let size = u32::try_from(packet.data.len()).map_err(|_large| MediaError::NoFrames)?;
        packets.push(PacketRow { pts: packet.pts, bytes: size, key: packet.key });
        bytes.extend_from_slice(packet.data);
        Ok(())
    };
    let layout = Arc::new(spec.layout.clone());
    for number in 0..spec.cell_frames_max as usize {
        let pts = job.table.pts[number];
        let mut frame = VideoFrame::blank(&layout, spec.width, spec.height, pts).unwrap();
        if let PlanesMut::Eight(planes) = frame.planes_mut().unwrap() {
            for plane in planes {
                for (place, sample) in plane.samples.iter_mut().enumerate() {
                    *sample = u8::try_from((place * (number + 3) / 7) % 251).unwrap();
                }
            }
        }
        encoder.encode(frame, &mut take).unwrap();
    }
    encoder.finish(&mut take).unwrap();
    let part = ObjectRef { key: String::new(), bytes: bytes.len() as u64, sha: Sha::of(&bytes) };
    (manifest(spec, extradata, packets, part), bytes)
}

fn manifest(
    spec: &EncodeSpec,
    extradata: Vec<u8>,
    packets: Vec<PacketRow>,
    part: ObjectRef,
) -> PartManifest {
    PartManifest {
        cell: CellIndex(0),
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
    }
}

/// The first part again and again, each time at its own place.
struct Same {
    folder: PathBuf,
    shape: Shape,
    next: u32,
    first: PartManifest,
}

impl Parts for Same {
    fn next(&mut self) -> Result<Option<StitchPart>, MediaError> {
        let number = self.next;
        self.next += 1;
        let mut manifest = self.first.clone();
        manifest.cell = CellIndex(number);
        for row in &mut manifest.packets {
            row.pts.0 += i64::from(number) * i64::from(self.shape.frames) * TICKS;
        }
        let name = if self.shape.apart { number } else { 0 };
        let bytes = Local::open(&self.folder.join(format!("{name}.part")));
        Ok(Some(StitchPart { manifest, bytes }))
    }
}

/// The child: joins what [`make`] made.
fn join(shape: Shape, folder: &Path, output: &str) {
    let source = folder.join("source.mp4");
    let job = job_of(shape, &source);
    let rows = std::fs::read_to_string(folder.join("rows")).unwrap();
    let row = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        let (pts, bytes) = (Pts(word().parse().unwrap()), word().parse().unwrap());
        PacketRow { pts, bytes, key: word() == "true" }
    };
    let bytes = std::fs::read(folder.join("0.part")).unwrap();
    let part = ObjectRef { key: String::new(), bytes: bytes.len() as u64, sha: Sha::of(&bytes) };
    let extradata = std::fs::read(folder.join("extradata")).unwrap();
    let first = manifest(&job.brief.spec, extradata, rows.lines().map(row).collect(), part);
    let mut parts = Same { folder: folder.to_owned(), shape, next: 0, first };
    let sink = ToDisk::create(Path::new(output));
    let stitched = stitch(order(&job, &source, output), &mut parts, sink, &mut |_| ()).unwrap();
    assert_eq!(stitched.notes, Vec::<String>::new());
}

/// A file of the local disk.
struct Local(File, u64);

impl Local {
    fn open(path: &Path) -> Arc<dyn ReadAt> {
        let file = File::open(path).unwrap();
        let size = file.metadata().unwrap().len();
        Arc::new(Self(file, size))
    }
}

impl ReadAt for Local {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

struct ToDisk(File);

impl ToDisk {
    fn create(path: &Path) -> Box<dyn PartSink> {
        Box::new(Self(File::create(path).unwrap()))
    }
}

impl PartSink for ToDisk {
    fn keep_head(&mut self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn finish(self: Box<Self>) -> io::Result<Stored> {
        Ok(Stored { bytes: self.0.metadata()?.len() })
    }
}
