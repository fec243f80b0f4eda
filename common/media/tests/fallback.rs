//! A card's decoder that fails in mid-stream: software goes on at the exact next frame.
//!
//! The fault switch is read once per process, so the test starts itself with the switch set.
#![expect(
    clippy::unwrap_used,
    reason = "what the helper cannot do fails the test that asked for it"
)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cleanplate_media::decode::{DecodeOrder, Decoder, PreRoll};
use cleanplate_media::scan::{ScanOrder, scan};
use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::FrameRange;

/// Names the clip to the process with the switch.
const CLIP: &str = "CLEANPLATE_TEST_CLIP";

struct Local(File);

impl ReadAt for Local {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// What decoding `range` of the clip gives: a line a frame, then the fallbacks and the way.
fn told(path: &Path, range: FrameRange) -> Vec<String> {
    let source: Arc<dyn ReadAt> = Arc::new(Local(File::open(path).unwrap()));
    let name = path.to_str().unwrap();
    let order = ScanOrder { threads: 1, ..ScanOrder::default() };
    let scanned = scan(Arc::clone(&source), name, &order, &mut |_frames| ()).unwrap();
    let order =
        DecodeOrder { range, threads: 1, card: None, conceal: false, pre_roll: PreRoll::default() };
    let table = Arc::new(scanned.table);
    let mut decoder = Decoder::open(source, name, &scanned.description, table, order).unwrap();
    let mut lines = vec![decoder.way()];
    while let Some((index, frame)) = decoder.next().unwrap() {
        lines.push(format!("{index} {} {}", frame.pts().0, frame.content_sha()));
    }
    for fallback in decoder.take_fallbacks() {
        lines.push(format!("{}: {}", fallback.what, fallback.message));
    }
    lines.push(decoder.way());
    lines
}

#[test]
#[ignore = "started by the other test, with the fault switch set"]
fn decode_with_the_switch() {
    let path = std::env::var(CLIP).unwrap();
    for line in told(Path::new(&path), FrameRange::new(30, 60)) {
        println!("told: {line}");
    }
}

#[test]
fn software_goes_on_at_the_exact_next_frame_where_a_card_fails_in_mid_stream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open.mp4");
    let parameters = "open-gop=1:keyint=24:min-keyint=24:scenecut=0:bframes=3:b-adapt=0";
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg("testsrc2=size=128x96,noise=alls=12:allf=t,format=yuv420p")
        .args(["-frames:v", "100", "-c:v", "libx264", "-x264-params", parameters])
        .arg(&path)
        .status()
        .expect("ffmpeg is installed");
    assert!(made.success());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "decode_with_the_switch", "--ignored", "--nocapture"])
        .env("CLEANPLATE_FAULTS", "nvdec@45")
        .env(CLIP, &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("told: ")).collect();
    let expected = told(&path, FrameRange::new(30, 60));
    assert_eq!(found[1..31], expected[1..31], "frames");
    assert!(found[0].contains("nvdec"), "{}", found[0]);
    assert!(found[31].starts_with("nvdec -> software: ") && found[31].contains("fault switch"));
    assert!(found[32].ends_with("software, 1 thread"), "{}", found[32]);
    assert_eq!((found.len(), expected.len()), (33, 32));
}
