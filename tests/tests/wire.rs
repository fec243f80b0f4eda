//! Version 1 of the wire stays readable: bytes of the first release still decode to the same
//! messages, and no field changes its number or type or gives its number to another.
//!
//! `BLESS=1 cargo test -p cleanplate-tests --test wire` writes down what is new; what is old it never
//! changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use cleanplate_proto::{DESCRIPTORS, v1 as pb};
use cleanplate_tests::binary::repository;
use pb::{from_worker, grant, to_worker};
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet};

fn written(name: &str) -> (PathBuf, BTreeMap<String, String>) {
    let path = repository().join("tests/wire").join(name);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let lines = text.lines().map(|line| line.split_once(' ').expect("a name and a value"));
    let entries = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (path, entries)
}

/// Insists that everything written down still holds, and that everything new is written down.
fn hold(file: &str, current: &BTreeMap<String, String>) {
    let (path, mut old) = written(file);
    for (name, value) in &old {
        let now = current.get(name);
        assert_eq!(now, Some(value), "{name} of {} is not what it was", path.display());
    }
    let new: Vec<_> = current.iter().filter(|(name, _)| !old.contains_key(*name)).collect();
    if new.is_empty() {
        return;
    }
    assert!(std::env::var("BLESS").is_ok(), "not written down yet, run with BLESS=1: {new:?}");
    old.extend(new.into_iter().map(|(name, value)| (name.clone(), value.clone())));
    let lines: Vec<String> = old.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
    fs::write(path, lines.concat()).unwrap();
}

#[test]
fn no_field_changes_its_number_or_its_type() {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut numbers = BTreeMap::new();
    let ours = set.file.iter().filter(|file| file.package() == "cleanplate.v1");
    for message in ours.flat_map(|file| &file.message_type) {
        assert!(message.nested_type.is_empty(), "nested messages would be overlooked here");
        describe(message, &mut numbers);
    }
    assert!(numbers.len() > 100, "the descriptors are those of the wire");
    hold("v1.fields", &numbers);
}

fn describe(message: &DescriptorProto, numbers: &mut BTreeMap<String, String>) {
    for field in &message.field {
        // By number, so that a number given to another field shows as a change.
        let key = format!("{}.{:03}", message.name(), field.number());
        let kind = field.r#type().as_str_name();
        let label = field.label().as_str_name();
        let value = format!("{} {label} {kind} {}", field.name(), field.type_name());
        numbers.insert(key, value.trim_end().to_owned());
    }
}

#[test]
fn bytes_of_version_1_still_decode_to_the_same_messages() {
    let current = examples().into_iter().map(|(name, bytes, _)| (name.to_owned(), hex(&bytes)));
    let (_, old) = written("v1.bytes");
    hold("v1.bytes", &current.collect());
    for (name, _, same) in examples() {
        let Some(bytes) = old.get(name) else { continue };
        assert!(same(&unhex(bytes)), "{name} decodes to what it was made of");
    }
}

type Example = (&'static str, Vec<u8>, Box<dyn Fn(&[u8]) -> bool>);

fn example<M: prost::Message + Default + PartialEq + 'static>(
    name: &'static str,
    message: M,
) -> Example {
    let bytes = message.encode_to_vec();
    (name, bytes, Box::new(move |bytes| M::decode(bytes).is_ok_and(|found| found == message)))
}

fn examples() -> Vec<Example> {
    vec![
        example("hello", from_worker(from_worker::Message::Hello(hello()))),
        example("progress", from_worker(from_worker::Message::Progress(progress()))),
        example("intake_done", from_worker(from_worker::Message::IntakeDone(intake_done()))),
        example(
            "intake_done_with_rest",
            from_worker(from_worker::Message::IntakeDone(with_rest())),
        ),
        example(
            "intake_done_with_notes",
            from_worker(from_worker::Message::IntakeDone(with_notes())),
        ),
        example("cell_done", from_worker(from_worker::Message::CellDone(cell_done()))),
        example(
            "cell_with_hashes_done",
            from_worker(from_worker::Message::CellDone(cell_with_hashes_done())),
        ),
        example("audit_done", from_worker(from_worker::Message::AuditDone(audit_done()))),
        example("grant_audit", to_worker(to_worker::Message::Grant(grant_audit()))),
        example("grant_with_pre_roll", to_worker(to_worker::Message::Grant(grant_with_pre_roll()))),
        example("lease_failed", from_worker(from_worker::Message::LeaseFailed(lease_failed()))),
        example("trail", from_worker(from_worker::Message::Trail(trail()))),
        example("welcome", to_worker(to_worker::Message::Welcome(welcome()))),
        example("grant_segment", to_worker(to_worker::Message::Grant(grant_segment()))),
        example("grant_intake", to_worker(to_worker::Message::Grant(grant_intake()))),
        example("revoke", to_worker(to_worker::Message::Revoke(revoke()))),
        example("submit", pb::SubmitRequest { request: Some(request()), job: Some("j1".into()) }),
        example("job_state", job_state()),
    ]
}

fn from_worker(message: from_worker::Message) -> pb::FromWorker {
    pb::FromWorker { message: Some(message) }
}

fn to_worker(message: to_worker::Message) -> pb::ToWorker {
    pb::ToWorker { message: Some(message) }
}

fn object(key: &str) -> pb::ObjectRef {
    pb::ObjectRef { key: key.into(), bytes: 300, sha256: vec![7; 32] }
}

fn source() -> pb::SourceRef {
    pb::SourceRef { url: "s3://b/in.mp4".into(), bytes: 1 << 40, version: "\"etag\"".into() }
}

fn hello() -> pb::Hello {
    pb::Hello {
        protocol: 1,
        version: "0.1.0".into(),
        worker: "box-1".into(),
        card: Some(pb::Card {
            name: "NVIDIA GeForce RTX 4090".into(),
            vram_mib: 24_564,
            pretended: true,
        }),
        slots: 4,
        encoders: vec![pb::EncoderProof {
            name: "libx264".into(),
            build: "Lavc59.37.100 libx264 164".into(),
        }],
        holding: vec![9, 300],
        ..pb::Hello::default()
    }
}

fn progress() -> pb::Progress {
    pb::Progress { lease: 300, frames: 1000 }
}

fn intake_done() -> pb::IntakeDone {
    pb::IntakeDone {
        lease: 1,
        source: Some(source()),
        description: Some(object("jobs/j1/description.1")),
        table: Some(object("jobs/j1/table.1")),
        rest: None,
        frames: 1_080_000,
        notes: Vec::new(),
    }
}

fn with_rest() -> pb::IntakeDone {
    pb::IntakeDone { rest: Some(object("jobs/j1/rest.1")), ..intake_done() }
}

fn with_notes() -> pb::IntakeDone {
    let notes = vec!["damage at frames 20..24, shown as the decoder conceals it".to_owned()];
    pb::IntakeDone { notes, ..intake_done() }
}

fn cell_done() -> pb::CellDone {
    let part = pb::PartSummary {
        cell: 42,
        frames: 240,
        pts_sha256: vec![1; 32],
        reorder_frames: 2,
        starts_with_key: true,
        spec_sha256: vec![2; 32],
        extradata_sha256: vec![3; 32],
        manifest: Some(object("jobs/j1/parts/000042.7.manifest")),
        part_bytes: 123_456,
        ..pb::PartSummary::default()
    };
    pb::CellDone { lease: 7, part: Some(part) }
}

fn cell_with_hashes_done() -> pb::CellDone {
    let pb::CellDone { lease, part } = cell_done();
    let coded = pb::CodedPicture {
        width: 1920,
        height: 1080,
        depth: 10,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        reorder_frames: Some(2),
        signal: None,
    };
    let part = part.map(|part| pb::PartSummary {
        timebase_num: 1,
        timebase_den: 90_000,
        coded: Some(coded),
        before: Some(1 << 60),
        last: Some(7),
        ..part
    });
    pb::CellDone { lease, part }
}

fn audit_done() -> pb::AuditDone {
    pb::AuditDone { lease: 300, frames: 240 }
}

fn failure() -> pb::Failure {
    pb::Failure {
        kind: "bad_input".into(),
        stage: "decode".into(),
        message: "the source ends after 10 of 20 frames".into(),
        frames: Some(pb::FrameRange { start: 10, end: 20 }),
        worker: "box-1".into(),
        lease: 7,
        attempt: 2,
    }
}

fn lease_failed() -> pb::LeaseFailed {
    pb::LeaseFailed { lease: 7, failure: Some(failure()) }
}

fn trail() -> pb::Trail {
    let entry = pb::TrailEntry {
        at_ms: 12,
        stage: "decode".into(),
        event: "started".into(),
        detail: "h264 High 1920x1080 yuv420p, software, 1 thread".into(),
        count: Some(0),
    };
    pb::Trail { lease: 7, entries: vec![entry] }
}

fn welcome() -> pb::Welcome {
    pb::Welcome {
        farm: String::new(),
        protocol: 1,
        version: "0.1.0".into(),
        store: "s3://bucket/prefix".into(),
        heartbeat_ms: 2500,
        signs: false,
    }
}

fn grant_segment() -> pb::Grant {
    let segment = pb::Segment {
        brief: Some(object("jobs/j1/brief")),
        first_cell: 3,
        cells: 2,
        ..pb::Segment::default()
    };
    grant(grant::Work::Segment(segment))
}

fn grant_with_pre_roll() -> pb::Grant {
    let segment = pb::Segment {
        brief: Some(object("jobs/j1/brief")),
        first_cell: 3,
        cells: 1,
        decode_from: Some(0),
        earlier: 1,
        ..pb::Segment::default()
    };
    grant(grant::Work::Segment(segment))
}

fn grant_audit() -> pb::Grant {
    let audit = pb::Audit {
        brief: Some(object("jobs/j1/brief")),
        cell: 3,
        manifest: Some(object("jobs/j1/parts/000003.7.manifest")),
        on_damage: "fail".into(),
    };
    grant(grant::Work::Audit(audit))
}

fn grant_intake() -> pb::Grant {
    let intake = pb::Intake {
        url: "s3://b/in.mp4".into(),
        output: "s3://b/out.mp4".into(),
        decode_all: true,
        on_damage: "fail".into(),
        allow_metadata_loss: true,
        decode_reason: "field packets".into(),
        ..pb::Intake::default()
    };
    grant(grant::Work::Intake(intake))
}

fn grant(work: grant::Work) -> pb::Grant {
    pb::Grant { lease: 7, job: "j1".into(), attempt: 1, renew_ms: 120_000, work: Some(work) }
}

fn revoke() -> pb::Revoke {
    pb::Revoke { lease: 7, why: "cancelled".into() }
}

fn request() -> pb::JobRequest {
    let rect = pb::Rect { x: 1500, y: 60, width: 300, height: 120 };
    let when = pb::TimeSpan { from_nanos: 1_500_000_000, to_nanos: 90_000_000_000 };
    pb::JobRequest {
        input: "s3://b/in.mp4".into(),
        output: "s3://b/out.mp4".into(),
        regions: vec![pb::Region { rect: Some(rect), when: Some(when) }],
        masks: vec![pb::UserMask { width: 9, height: 1, bounds: Some(rect), bits: vec![255, 1] }],
        detect: vec!["static".into()],
        fill: "auto".into(),
        encoder: "libx264".into(),
        quality: Some(0),
        preset: Some("veryfast".into()),
        cell_frames: Some(30),
        segment_frames: Some(300),
        priority: -5,
        owner: "tests".into(),
        on_damage: "fail".into(),
        restart_on_encoder_loss: true,
        ..pb::JobRequest::default()
    }
}

fn job_state() -> pb::JobState {
    let outcome = pb::Outcome {
        kind: "failed".into(),
        message: "words".into(),
        failure: Some(failure()),
        output_bytes: 1,
    };
    pb::JobState {
        job: "j1".into(),
        input: "s3://b/in.mp4".into(),
        output: "s3://b/out.mp4".into(),
        phase: "failed".into(),
        frames_total: 1_080_000,
        frames_done: 240,
        cells_total: 4500,
        cells_done: 1,
        fps_milli: 29_970,
        eta_ms: Some(0),
        outcome: Some(outcome),
        notes: vec!["nvenc -> libx264".into()],
        encoder: "libx264".into(),
        submitted_ms: 1_700_000_000_000,
        ..pb::JobState::default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
    digits.collect::<Result<_, _>>().expect("hexadecimal digits")
}
