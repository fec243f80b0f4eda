//! The corpus: for each target the files of its folder. Seeds are written by `fuzz --seeds`; what a run finds is added
//! as a file, and so is tried for ever.

use std::fs;
use std::path::{Path, PathBuf};

use cleanplate_store::{encode_object, kinds};
use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::time::{Pts, Timebase};

/// The inputs of one target.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// They, by the names of their files.
    pub inputs: Vec<Vec<u8>>,
}

impl Corpus {
    /// That of the target `name`.
    ///
    /// # Panics
    /// Where a file of it cannot be read.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder(name)).map_or_else(
            |_none| Vec::new(),
            |entries| entries.map(|entry| entry.expect("an entry").path()).collect(),
        );
        paths.sort();
        let inputs = paths.iter().map(|path| fs::read(path).expect("a file of the corpus"));
        Self { inputs: inputs.collect() }
    }

    /// Keeps an input that found something.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn keep(name: &str, file: &str, input: &[u8]) -> PathBuf {
        let folder = folder(name);
        fs::create_dir_all(&folder).expect("the corpus can be written");
        let path = folder.join(file);
        fs::write(&path, input).expect("the corpus can be written");
        path
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// Writes what every run begins with.
///
/// # Panics
/// Where it cannot be written.
pub fn write_seeds() {
    for (number, text) in REGIONS.iter().enumerate() {
        Corpus::keep("region", &format!("seed-{number}"), text.as_bytes());
    }
    for (number, text) in URLS.iter().enumerate() {
        Corpus::keep("url", &format!("seed-{number}"), text.as_bytes());
    }
    for kind in 0..12 {
        // The golden bytes of the wire are tried as every message.
        for (number, bytes) in golden().iter().enumerate() {
            if number % 4 == usize::from(kind) % 4 {
                let input = [&[kind], bytes.as_slice()].concat();
                Corpus::keep("wire", &format!("seed-{kind}-{number}"), &input);
            }
        }
    }
    let object = encode_object(kinds::TABLE, &table()).expect("a table is an object");
    for kind in 0..4 {
        Corpus::keep("objects", &format!("seed-{kind}"), &[&[kind], object.as_slice()].concat());
    }
    for (number, plan) in PLANS.iter().enumerate() {
        Corpus::keep("planner", &format!("seed-{number}"), plan);
    }
    for (number, movie) in [movie(false), movie(true)].iter().enumerate() {
        Corpus::keep("index", &format!("seed-{number}"), movie);
    }
    for (number, packet) in PACKETS.iter().enumerate() {
        Corpus::keep("packets", &format!("seed-{number}"), packet);
    }
    Corpus::keep("model", "seed-0", &onnx());
}

const REGIONS: [&str; 6] = [
    "1500,60,300,120",
    "1500,60,300,120@0:00:10-0:01:00",
    "0, 0, 1, 1 @ 1.5-2",
    "4294967295,0,1,1",
    "1,2,3,4@00:00:00.000000001-99:59:59.999999999",
    "1,2,3",
];

const URLS: [&str; 10] = [
    "/a/b/../c.mp4",
    "relative/in.mp4",
    "file:///srv/in%20put.mp4",
    "file://localhost/x",
    "s3://bucket/prefix/key.mkv",
    "s3://bucket/a%2Fb/../c",
    "https://host.example:8443/a/b.mp4?token=x#y",
    "https://user:pass@[::1]/a.mp4",
    "gs://b/k",
    "az://container/k",
];

const PLANS: [&[u8]; 3] = [
    &[1, 25, 0, 128, 4, 255, 4, 254, 4, 253, 4, 252, 4, 251],
    &[1, 250, 7, 0, 1, 200, 2, 100, 3, 50],
    &[255, 1, 255, 255, 255, 255, 0, 1],
];

/// A codec and an SPS of H.264, of HEVC and a sequence header of MPEG-2.
const PACKETS: [&[u8]; 4] = [
    &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0x67, 0x64, 0, 0x1F, 0xAC, 0xD9, 0x40, 0x50, 5, 0xBB, 1, 0x10],
    &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x5D],
    &[2, 0, 0, 0, 0, 0, 0, 1, 0xB3, 0x14, 0, 0xF0, 0x23, 0xFF, 0xFF, 0xE0, 0x18, 0, 0, 1, 0xB5],
    &[5, 0, 0, 0, 0, 0x12, 0, 0x0A, 0x0B, 0, 0, 0, 0x2C, 0xCF, 0xFF, 0x33, 0xC0, 0x43, 0x40],
];

fn golden() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/v1.bytes");
    let text = fs::read_to_string(path).expect("the golden bytes of the wire");
    let values = text.lines().filter_map(|line| line.split_once(' ')).map(|(_, value)| value);
    values.map(unhex).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or("00"));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

fn table() -> FrameTable {
    let entry =
        Entry { frame: 0, pts: Pts(0), dts: Some(-2), byte: Some(48), kind: EntryKind::Idr };
    FrameTable {
        timebase: Timebase::new(1, 25).expect("no number is zero"),
        pts: (0..300).map(|frame| Pts(frame * 2 - frame % 2)).collect(),
        last_duration: 1,
        entries: vec![entry],
        origin: TableOrigin::Decoded { reason: "a seed".to_owned() },
    }
}

/// A box of an MP4.
fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("a small box");
    [&size.to_be_bytes()[..], name, body].concat()
}

/// An MP4 of two tracks with small tables, the second of other kinds.
fn movie(other: bool) -> Vec<u8> {
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let track = |id: u32| {
        let head = boxed(
            b"tkhd",
            &words(&[0, 0, 0, id, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        );
        let times = boxed(b"stts", &words(&[0, 2, 50, 2, 50, 3]));
        let offsets = boxed(b"ctts", &words(&[if other { 1 << 24 } else { 0 }, 2, 1, 4, 99, 2]));
        let sizes = boxed(b"stsz", &words(&[0, if other { 7 } else { 0 }, 3, 10, 20, 30]));
        let chunks = boxed(b"stsc", &words(&[0, 1, 1, 100, 1]));
        let places = boxed(if other { b"co64" } else { b"stco" }, &words(&[0, 1, 0, 48]));
        let keys = boxed(b"stss", &words(&[0, 2, 1, 51]));
        let entry = boxed(b"avc1", &[0; 78]);
        let described = boxed(b"stsd", &[&words(&[0, 1])[..], &entry].concat());
        let tables = [described, times, offsets, sizes, chunks, places, keys].concat();
        let media = [
            boxed(b"mdhd", &words(&[0, 0, 0, 25, 250, 0])),
            boxed(b"hdlr", &words(&[0, 0, 0x7669_6465, 0, 0, 0])),
            boxed(b"minf", &boxed(b"stbl", &tables)),
        ];
        let edits = boxed(b"edts", &boxed(b"elst", &words(&[0, 1, 100, 0, 1 << 16])));
        boxed(b"trak", &[head, edits, boxed(b"mdia", &media.concat())].concat())
    };
    let moov = [boxed(b"mvhd", &words(&[0; 25])), track(1), track(2)].concat();
    [boxed(b"ftyp", b"isom\0\0\0\0isom"), boxed(b"mdat", &[0; 64]), boxed(b"moov", &moov)].concat()
}

/// A model of one input, as far as it is read.
fn onnx() -> Vec<u8> {
    let field = |number: u8, body: &[u8]| {
        let length = u8::try_from(body.len()).expect("a small message");
        [&[number << 3 | 2, length], body].concat()
    };
    let dimension = field(1, &[8, 64]);
    let shape = field(2, &dimension.repeat(4));
    let port =
        [field(1, b"input"), field(2, &field(1, &[&[8, 1], shape.as_slice()].concat()))].concat();
    let graph = [field(2, b"g"), field(11, &port), field(12, &port)].concat();
    [&[8, 8], field(7, &graph).as_slice()].concat()
}
