//! A stitch from kept packets is the stitch from the source, byte for byte, and reads no video of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cleanplate_media::error::MediaError;
use cleanplate_media::rest::RestReader;
use cleanplate_media::scan::{ScanOrder, scan_keeping};
use cleanplate_media::stitch::{StitchJob, stitch};
use cleanplate_types::access::{PartSink, ReadAt};

use crate::clips::make;
use crate::machine::{Bytes, Job, OnDisk, Part, Ready, ToDisk, encode, plan};
use crate::stitch::{PICTURES, SOUND, X264};

/// Counts what is read of a source.
struct Counted(Arc<dyn ReadAt>, AtomicU64);

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read_at(offset, buffer)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Stitches; returns the movie and the number of bytes that were read of the source.
fn joined(
    job: &Job,
    parts: Vec<Part>,
    output: &Path,
    rest: Option<Arc<dyn ReadAt>>,
) -> (Vec<u8>, u64) {
    let source = Arc::new(Counted(OnDisk::open(&job.clip), AtomicU64::new(0)));
    let order = StitchJob {
        brief: &job.brief,
        table: &job.table,
        source: source.clone(),
        rest,
        output_name: output.to_str().unwrap(),
        allow_metadata_loss: true,
        conceal: true,
        version: "1.2.3",
    };
    let mut parts = Ready(parts.into_iter());
    stitch(order, &mut parts, ToDisk::create(output, u64::MAX), &mut |_| ()).unwrap();
    (std::fs::read(output).unwrap(), source.1.load(Ordering::Relaxed))
}

/// Scans a clip and keeps its other streams' packets; nothing where none were.
fn kept(clip: &Path, at: &Path, order: &ScanOrder) -> Option<Arc<dyn ReadAt>> {
    let mut begin = || -> std::io::Result<Box<dyn PartSink>> { Ok(ToDisk::create(at, u64::MAX)) };
    let name = clip.to_str().unwrap();
    let source = OnDisk::open(clip);
    let scanned = scan_keeping(source, name, order, Some(&mut begin), &mut |_| ()).unwrap();
    assert_eq!(scanned.has_rest, at.exists(), "{:?}", scanned.notes);
    scanned.has_rest.then(|| OnDisk::open(at) as Arc<dyn ReadAt>)
}

#[test]
fn a_movie_from_kept_packets_is_the_movie_from_the_source() {
    let folder = tempfile::tempdir().unwrap();
    for (name, output, options) in [
        ("a.mkv", "a.out.mkv", "-c:a aac"),
        ("b.mkv", "b.out.mp4", "-c:a aac"),
        ("c.ts", "c.out.ts", "-c:a aac"),
        ("d.ts", "d.out.mp4", "-c:a ac3"),
        ("e.flv", "e.out.mp4", "-c:a aac"),
        ("f.avi", "f.out.mp4", "-c:a mp3 -bf 0"),
        ("g.mkv", "g.out.mkv", "-c:a libopus"),
    ] {
        let clip = make(folder.path(), name, &format!("{PICTURES} {SOUND} {X264} {options}"));
        let job = plan(&clip, 20, |_| {});
        let parts = encode(&job);
        let output = folder.path().join(output);
        let (expected, _) = joined(&job, parts.clone(), &output, None);
        for decode_all in [None, Some("a test asks for it".to_owned())] {
            let order = ScanOrder { decode_all, threads: 1, ..ScanOrder::default() };
            let at = folder.path().join(format!("{name}.{}.rest", order.decode_all.is_some()));
            let rest = kept(&clip, &at, &order).expect("its sound is kept");
            let counts = RestReader::open(rest.clone()).unwrap().counts().to_vec();
            assert_eq!(counts.len(), 1, "{name}: {counts:?}");
            let (found, _) = joined(&job, parts.clone(), &output, Some(rest));
            assert!(found == expected, "{name}: the movie is another one");
        }
    }
}

#[test]
fn a_stitch_reads_no_video_of_the_source() {
    let folder = tempfile::tempdir().unwrap();
    // Much video, so that what libav reads to open a file is little of it.
    let large = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=5,noise=alls=60:allf=t";
    for (name, output) in [("a.mkv", "a.out.mkv"), ("b.mp4", "b.out.mp4"), ("c.mov", "c.out.mov")] {
        let options = "-c:v libx264 -preset ultrafast -qp 8 -c:a aac -b:a 64k -shortest";
        let clip = make(folder.path(), name, &format!("{large} {SOUND} {options}"));
        let job = plan(&clip, 50, |spec| spec.preset = "ultrafast".to_owned());
        let parts = encode(&job);
        let order = ScanOrder { threads: 1, ..ScanOrder::default() };
        let rest = kept(&clip, &folder.path().join(format!("{name}.rest")), &order);
        assert_eq!(rest.is_some(), name == "a.mkv", "an index needs no kept packets");
        let (_, read) = joined(&job, parts, &folder.path().join(output), rest);
        let size = std::fs::metadata(&clip).unwrap().len();
        assert!(size > 16 << 20, "{size} bytes are much more than libav opens a file with");
        assert!(read < size / 2, "{name}: {read} of {size} bytes were read");
    }
}

#[test]
fn a_source_that_is_video_alone_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mkv", &format!("{PICTURES} {X264}"));
    let order = ScanOrder { threads: 1, ..ScanOrder::default() };
    assert!(kept(&clip, &folder.path().join("rest"), &order).is_none());
}

#[test]
fn kept_packets_that_are_cut_off_or_spoilt_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mkv", &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
    let at = folder.path().join("rest");
    let order = ScanOrder { threads: 1, ..ScanOrder::default() };
    kept(&clip, &at, &order).unwrap();
    let whole = std::fs::read(&at).unwrap();
    let opened = |bytes: Vec<u8>| RestReader::open(Arc::new(Bytes(bytes)));
    assert!(opened(whole.clone()).unwrap().counts()[0].1 > 10);
    for end in [0, 7, 8, 100, whole.len() - 8, whole.len() - 1] {
        let error = opened(whole[..end].to_vec()).unwrap_err();
        assert!(matches!(error, MediaError::Read(_)), "cut at {end}: {error}");
    }
    let mut other = whole.clone();
    other[7] = 9;
    assert!(opened(other).unwrap_err().to_string().contains("begin"), "another version");
    let mut far = whole;
    let last = far.len() - 8;
    far[last..].fill(0xff);
    assert!(opened(far).is_err());
}
