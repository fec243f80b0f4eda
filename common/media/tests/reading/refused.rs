//! What cannot be processed is refused with its reason, and damage is never taken for success.

use cleanplate_media::error::MediaError;
use cleanplate_media::index::IndexUse;
use cleanplate_media::scan::ScanOrder;
use cleanplate_types::frames::TableOrigin;
use cleanplate_types::limits::SourceLimits;

use crate::clips::{Clips, scanned, scanned_by};
use crate::reference::{assert_range, assert_table, decode, plain, shown};

const CONCEAL: ScanOrder = ScanOrder {
    is_far: false,
    decode_all: None,
    conceal: true,
    threads: 2,
    index: IndexUse::Large,
    drawn_for: None,
    limits: SourceLimits::USUAL,
};

#[test]
fn sound_alone_is_refused_with_or_without_a_cover() {
    let clips = Clips::new();
    let tone = ["-f", "lavfi", "-i", "sine=frequency=330:duration=1"];
    for name in ["tone.m4a", "tone.mka", "tone.wav"] {
        let error = scanned(&clips.run(name, &tone)).err().unwrap();
        assert!(matches!(error, MediaError::AudioOnly), "{name}: {error}");
    }
    let mut cover = tone.to_vec();
    cover.extend([
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x64:duration=0.04",
        "-map",
        "0",
        "-map",
        "1",
    ]);
    cover.extend(["-frames:v", "1", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic"]);
    let error = scanned(&clips.run("cover.m4a", &cover)).err().unwrap();
    assert!(matches!(error, MediaError::AudioOnly), "{error}");
}

#[test]
fn samples_that_are_not_planar_yuv_are_refused_by_name() {
    let clips = Clips::new();
    let path = clips.make("rgb.mkv", 5, &["-c:v", "ffv1", "-pix_fmt", "bgr0"]);
    let error = scanned(&path).err().unwrap();
    assert!(
        matches!(&error, MediaError::UnsupportedPixels { format } if format == "bgr0"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_cut_off_is_told_so_and_shown_as_far_as_it_goes_only_where_that_is_asked_for() {
    let clips = Clips::new();
    let h264 = ["-c:v", "libx264", "-g", "24"];
    let fast = ["-c:v", "libx264", "-g", "24", "-movflags", "+faststart"];
    let fragments = ["-c:v", "libx264", "-g", "24", "-movflags", "frag_keyframe+empty_moov"];
    // Whether there is anything without its end: an index that promises more is refused whatever is asked.
    let recipes: [(&str, bool, &[&str]); 5] = [
        ("late.mp4", false, &h264),
        ("early.mp4", false, &fast),
        ("fragments.mp4", false, &fragments),
        ("a.mkv", true, &h264),
        ("a.avi", true, &["-c:v", "mpeg4"]),
    ];
    for (name, has_beginning, options) in recipes {
        let whole = clips.make(name, 100, options);
        let bytes = std::fs::metadata(&whole).unwrap().len();
        let cut =
            clips.cut(&format!("cut-{name}"), &whole, usize::try_from(bytes * 6 / 10).unwrap());
        for order in [ScanOrder { conceal: false, ..CONCEAL }, CONCEAL] {
            match scanned_by(&cut, &order) {
                Ok(scanned) => {
                    assert!(order.conceal && has_beginning, "{name} passes");
                    let told = scanned.notes.iter().any(|note| note.contains("is cut off"));
                    assert!(told, "{name}: {:?}", scanned.notes);
                    let frames = scanned.table.range().count();
                    assert!((20..100).contains(&frames), "{name}: {frames} frames");
                }
                Err(error) => {
                    assert!(!(order.conceal && has_beginning), "{name}: {error}");
                    assert!(matches!(error, MediaError::Truncated { .. }), "{name}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_source_without_pictures_has_no_frames() {
    let clips = Clips::new();
    let options = ["-f", "lavfi", "-i", "testsrc2=size=64x64", "-t", "0", "-c:v", "libx264"];
    let error = scanned(&clips.run("none.mp4", &options)).err().unwrap();
    assert!(matches!(error, MediaError::NoFrames | MediaError::NoVideo), "{error}");
}

#[test]
fn damage_is_an_error_or_is_shown_as_ffmpeg_conceals_it() {
    let clips = Clips::new();
    let whole = clips.make("whole.mkv", 120, &["-c:v", "libx264", "-g", "24", "-bf", "2"]);
    let whole = whole.to_str().unwrap();
    let noise = ["-i", whole, "-c", "copy", "-bsf:v", "noise=amount=4000"];
    let path = clips.run("noise.mkv", &noise);
    // By packets all looks well; whoever decodes the damage says so.
    let trusted = scanned(&path).unwrap();
    let error = decode(&path, &trusted, plain(0, trusted.table.range().end)).err().unwrap();
    assert!(matches!(error, MediaError::Damaged { frame: Some(_), .. }), "{error}");
    let decode_all = Some("workers saw damage".to_owned());
    let order = ScanOrder { decode_all: decode_all.clone(), threads: 1, ..ScanOrder::default() };
    let error = scanned_by(&path, &order).err().unwrap();
    assert!(matches!(error, MediaError::Damaged { .. }), "{error}");
    let concealed = scanned_by(&path, &ScanOrder { decode_all, ..CONCEAL }).unwrap();
    let shown = shown(&path);
    assert_table(&concealed, &shown, "concealed");
    assert!(matches!(concealed.table.origin, TableOrigin::Decoded { .. }));
    assert!(
        concealed.notes.iter().any(|note| note.contains("damage at frames")),
        "{:?}",
        concealed.notes
    );
    let order = cleanplate_media::decode::DecodeOrder {
        conceal: true,
        ..plain(0, concealed.table.range().end)
    };
    assert_range(&path, &concealed, &shown, order);
}

#[test]
fn damage_of_the_last_picture_is_heard_each_time_whatever_the_threads() {
    let clips = Clips::new();
    let options = ["-c:v", "libx264", "-preset", "veryfast", "-g", "20"];
    let whole = clips.make("whole.ts", 60, &options);
    let bytes = std::fs::metadata(&whole).unwrap().len();
    let cut = clips.cut("cut.ts", &whole, usize::try_from(bytes * 3 / 5).unwrap());
    let scanned = scanned(&cut).unwrap();
    let end = scanned.table.range().end;
    for threads in [1, 2, 3, 4].repeat(10) {
        let order = cleanplate_media::decode::DecodeOrder { threads, ..plain(0, end) };
        match decode(&cut, &scanned, order) {
            Ok(frames) => panic!("{} frames, {threads} threads", frames.1.len()),
            Err(MediaError::Damaged { .. }) => {}
            Err(error) => panic!("{threads} threads: {error}"),
        }
    }
}

#[test]
fn pictures_that_change_their_size_are_refused_with_both_sizes() {
    let clips = Clips::new();
    let first = clips.make("a.ts", 30, &["-c:v", "libx264"]);
    let second = clips.make("b.ts", 30, &["-c:v", "libx264", "-vf", "scale=96:54"]);
    let joined = [std::fs::read(first).unwrap(), std::fs::read(second).unwrap()].concat();
    let path = clips.path("joined.ts");
    std::fs::write(&path, joined).unwrap();
    let error = scanned(&path).err().unwrap();
    let MediaError::PictureChanges { before, after } = &error else { panic!("{error}") };
    assert_eq!((before.as_str(), after.as_str()), ("192x108 yuv420p", "96x54 yuv420p"));
}
