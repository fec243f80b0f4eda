//! What becomes of a segment where the card has memory, but neither NVDEC nor NVENC can be loaded.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cleanplate_media::decode::{DecodeCard, DecodeOrder, Decoder, PreRoll};
use cleanplate_media::device::DevicePool;
use cleanplate_media::encode::{CellEncoder, takes_card_frames};
use cleanplate_media::error::MediaError;
use cleanplate_media::frame::VideoFrame;
use cleanplate_media::sample::{SampleOrder, Wanted, sample};
use cleanplate_media::scan::{ScanOrder, Scanned, scan};
use cleanplate_types::access::ReadAt;
use cleanplate_types::encode::{EncodeSpec, EncoderName, EncoderProof, Quality};
use cleanplate_types::failure::FailureKind;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::source::{Colour, FieldOrder};
use cleanplate_types::time::{Pts, Timebase};

use crate::card;
use crate::driver::with_card;
use crate::picture::{Random, layout, noise_at};

struct Local(File);

impl ReadAt for Local {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// A clip of 60 frames, and what a scan says of it.
fn clip(folder: &Path) -> (Arc<dyn ReadAt>, Scanned) {
    let path = folder.join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg("testsrc2=size=192x108,noise=alls=12:allf=t,format=yuv420p")
        .args(["-frames:v", "60", "-c:v", "libx264", "-g", "24"])
        .arg(&path)
        .status();
    assert!(made.expect("ffmpeg is installed").success());
    let source: Arc<dyn ReadAt> = Arc::new(Local(File::open(&path).unwrap()));
    let order = ScanOrder { threads: 1, ..ScanOrder::default() };
    let scanned = scan(Arc::clone(&source), "clip.mp4", &order, &mut |_frames| ()).unwrap();
    (source, scanned)
}

#[test]
fn a_card_that_does_not_decode_leaves_the_same_frames_on_the_host_and_one_reason() {
    let name =
        "falling::a_card_that_does_not_decode_leaves_the_same_frames_on_the_host_and_one_reason";
    with_card(name, 1 << 14, || {
        let folder = tempfile::tempdir().unwrap();
        let (source, Scanned { description, table, .. }) = clip(folder.path());
        let table = Arc::new(table);
        let size = (description.video.width, description.video.height);
        let card = card();
        let pool = DevicePool::new(&card, &layout(8), size, 4).unwrap();
        let decoded = |card| {
            let (range, pre_roll) = (FrameRange::new(30, 50), PreRoll::default());
            let order = DecodeOrder { range, threads: 1, card, conceal: false, pre_roll };
            let (source, table) = (Arc::clone(&source), Arc::clone(&table));
            let mut decoder =
                Decoder::open(source, "clip.mp4", &description, table, order).unwrap();
            let mut frames: Vec<(u64, VideoFrame)> = Vec::new();
            while let Some(frame) = decoder.next().unwrap() {
                frames.push(frame);
            }
            (frames, decoder.take_fallbacks(), decoder.way())
        };
        let shared = DecodeCard { card: Arc::clone(&card), pool: Some(Arc::clone(&pool)) };
        let ((found, fallbacks, way), (expected, none, _)) = (decoded(Some(shared)), decoded(None));
        assert_eq!((found.len(), none.len()), (20, 0));
        for ((index, frame), (other, software)) in found.iter().zip(&expected) {
            assert_eq!((index, frame.content_sha()), (other, software.content_sha()));
            assert!(frame.on_card().is_none());
        }
        assert_eq!(fallbacks.len(), 1, "{fallbacks:?}");
        assert_eq!(fallbacks[0].what, "nvdec -> software");
        assert!(fallbacks[0].message.contains("nvcuvid"), "{fallbacks:?}");
        assert!(way.ends_with("software, 1 thread"), "{way}");
        assert_eq!(pool.held(), 0);

        // Looks at single frames go the same way.
        let mut seen = Vec::new();
        let card = Some(DecodeCard { card, pool: None });
        let order = SampleOrder { threads: 1, card, conceal: false };
        let wanted = Wanted::Listed(vec![31, 40]);
        let mut look = |_index, frame: &VideoFrame| {
            seen.push(frame.content_sha());
            Ok(())
        };
        let fallbacks =
            sample(source, "clip.mp4", &description, table, &wanted, &order, &mut look).unwrap();
        assert_eq!(fallbacks.len(), 1, "{fallbacks:?}");
        assert_eq!(seen, [1, 10].map(|place: usize| expected[place].1.content_sha()));
    });
}

fn spec(name: EncoderName, preset: &str) -> EncodeSpec {
    EncodeSpec {
        encoder: EncoderProof { name, build: String::new() },
        preset: preset.to_owned(),
        quality: Quality::Constant(20),
        width: 256,
        height: 192,
        layout: layout(8).as_ref().clone(),
        timebase: Timebase::new(1, 25).unwrap(),
        frame_rate: (25, 1),
        sample_aspect: (1, 1),
        colour: Colour { primaries: 1, transfer: 1, matrix: 1, range: 1, chroma_location: 1 },
        field_order: FieldOrder::Progressive,
        mastering: None,
        light_level: None,
        reorder_frames: if name.is_hardware() { 0 } else { 2 },
        cell_frames_max: 12,
        copied: None,
        painting: None,
    }
}

#[test]
fn an_encoder_in_software_gives_the_same_bytes_whether_the_card_has_the_frames_too() {
    let name =
        "falling::an_encoder_in_software_gives_the_same_bytes_whether_the_card_has_the_frames_too";
    with_card(name, 1 << 14, || {
        let spec = spec(EncoderName::Libx264, "veryfast");
        assert!(!takes_card_frames(&spec));
        let pool = DevicePool::new(&card(), &layout(8), (256, 192), 4).unwrap();
        let encoded = |mut encoder: CellEncoder, on_card: bool| {
            let (mut bytes, mut random) = (Vec::new(), Random(9));
            let mut take = |packet: cleanplate_media::encode::EncodedPacket<'_>| {
                bytes.extend_from_slice(packet.data);
                Ok(())
            };
            for pts in 0..10 {
                let mut frame = noise_at(&mut random, 8, (256, 192), Pts(pts));
                if on_card {
                    let there = pool.upload(&frame).unwrap();
                    frame.lay_on_card(there);
                }
                encoder.encode(frame, &mut take).unwrap();
            }
            encoder.finish(&mut take).unwrap();
            bytes
        };
        let there = encoded(CellEncoder::open_on_card(&spec, &pool).unwrap(), true);
        let here = encoded(CellEncoder::open(&spec, None).unwrap(), false);
        assert!(there == here && !here.is_empty());
        assert_eq!(pool.held(), 0);
    });
}

#[test]
fn nvenc_on_a_shared_card_that_cannot_be_loaded_is_an_encoder_that_failed_in_its_words() {
    let name = "falling::nvenc_on_a_shared_card_that_cannot_be_loaded_is_an_encoder_that_failed_in_its_words";
    with_card(name, 1 << 14, || {
        let pool = DevicePool::new(&card(), &layout(8), (256, 192), 4).unwrap();
        for encoder in [EncoderName::H264Nvenc, EncoderName::HevcNvenc] {
            let spec = spec(encoder, "p5");
            assert!(takes_card_frames(&spec));
            let error = CellEncoder::open_on_card(&spec, &pool).unwrap_err();
            assert!(matches!(error, MediaError::Encode { .. }), "{error}");
            assert_eq!(error.kind(), FailureKind::EncoderFailed);
            assert!(error.to_string().contains("libnvidia-encode"), "{error}");
        }
    });
}
