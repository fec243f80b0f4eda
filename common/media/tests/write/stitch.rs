//! Whole clips, in cells, lossless, stitched: the ffmpeg command line sees the same frames at the same
//! times, and every other stream packet for packet.

use std::path::{Path, PathBuf};

use cleanplate_media::error::MediaError;
use cleanplate_media::stitch::{StitchJob, copy_through, stitch};
use cleanplate_types::encode::{EncoderName, Quality};
use cleanplate_types::source::FieldOrder;

use crate::clips::{make, packet_hashes, packets, probe, shown};
use crate::machine::{OnDisk, Part, Ready, ToDisk, encode, join, plan};

/// Encodes `clip` bit-exactly in cells of 20 frames and stitches them as `name`; insists on frames and
/// times; returns the output and the notes.
fn comes_back(clip: &Path, name: &str, allow_loss: bool) -> (PathBuf, Vec<String>) {
    let output = clip.parent().unwrap().join(name);
    let job = plan(clip, 20, |_| {});
    let stitched = join(&job, encode(&job), &output, allow_loss).unwrap();
    let (expected, found) = (shown(clip), shown(&output));
    assert_eq!(expected.len(), found.len(), "{name}: number of frames");
    for (index, pair) in expected.iter().zip(&found).enumerate() {
        assert_eq!(pair.0, pair.1, "{name}: frame {index}");
    }
    if !name.ends_with(".mkv") && !name.ends_with("ts") && !name.ends_with(".webm") {
        index_is_in_front(&output);
    }
    (output, stitched.notes)
}

/// Insists on boxes that follow one another to the end, the index before the media.
fn index_is_in_front(movie: &Path) {
    let bytes = std::fs::read(movie).unwrap();
    let mut names = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        names.push(std::str::from_utf8(&bytes[at + 4..at + 8]).unwrap().to_owned());
        assert!(size >= 8, "{names:?}");
        at += size as usize;
    }
    assert_eq!(at, bytes.len(), "{names:?}");
    let place = |wanted: &str| names.iter().position(|name| name == wanted).unwrap();
    assert!(place("moov") < place("mdat"), "{names:?}");
}

pub(crate) const PICTURES: &str = "-f lavfi -i testsrc2=s=320x180:r=30000/1001:d=3";
pub(crate) const SOUND: &str = "-f lavfi -i sine=440:r=48000:d=3";
pub(crate) const X264: &str = "-pix_fmt yuv420p -c:v libx264 -preset veryfast -crf 30 -g 24";

#[test]
fn mp4_with_sound_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mp4", &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
    let (output, notes) = comes_back(&clip, "out.mp4", false);
    assert_eq!(packets(&clip, "a"), packets(&output, "a"));
    assert_eq!(notes, Vec::<String>::new());
    let encoder = probe(&output, "-show_entries format_tags=encoder");
    assert!(encoder.contains("cleanplate 1.2.3 (source by Lavf"), "{encoder}");
}

#[test]
fn sound_that_starts_late_and_sound_that_starts_early_keep_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let late = format!("{PICTURES} -itsoffset 0.7321 {SOUND} {X264} -c:a aac");
    let clip = make(folder.path(), "late.mp4", &late);
    let (output, _) = comes_back(&clip, "late-out.mp4", false);
    assert_eq!(packets(&clip, "a"), packets(&output, "a"));
    let early = format!("-itsoffset 0.5005 {PICTURES} {SOUND} {X264} -c:a aac");
    let clip = make(folder.path(), "early.mp4", &early);
    let (output, _) = comes_back(&clip, "early-out.mp4", false);
    assert_eq!(packets(&clip, "a"), packets(&output, "a"));
    let starts = "-show_entries stream=start_time";
    assert_eq!(probe(&clip, starts), probe(&output, starts));
}

#[test]
fn a_variable_frame_rate_comes_back_tick_for_tick() {
    let folder = tempfile::tempdir().unwrap();
    let odd = "-vf select='not(eq(mod(n\\,7)\\,3))*not(between(n\\,30\\,41))' -vsync vfr";
    for (name, more) in [("a.mp4", "-video_track_timescale 90000"), ("b.mkv", "")] {
        let clip = make(folder.path(), name, &format!("{PICTURES} {odd} {X264} {more}"));
        comes_back(&clip, &format!("out-{name}"), false);
        comes_back(&clip, &format!("out-{name}.mov"), false);
    }
}

#[test]
fn a_transport_stream_comes_back_as_itself_and_as_mp4() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.ts", &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
    let (output, notes) = comes_back(&clip, "out.ts", false);
    assert_eq!(packets(&clip, "a"), packets(&output, "a"), "{notes:?}");
    let (output, _) = comes_back(&clip, "out.mp4", false);
    assert_eq!(packet_count(&clip), packet_count(&output));
    let (output, _) = comes_back(&clip, "out.m2ts", false);
    assert_eq!(packets(&clip, "a"), packets(&output, "a"));
}

#[test]
fn a_recording_that_begins_in_the_middle_of_a_gop_keeps_its_times_in_mp4() {
    let folder = tempfile::tempdir().unwrap();
    let open = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -x264-params \
        open-gop=1:keyint=30:scenecut=0:bframes=3:b-adapt=0:b-pyramid=none";
    let whole = make(folder.path(), "whole.ts", &format!("{PICTURES} {open}"));
    let bytes = std::fs::read(whole).unwrap();
    // The tables at the start, then what is there from the second third on.
    let from = bytes.len() / 188 / 3 * 188;
    let clip = folder.path().join("cut.ts");
    std::fs::write(&clip, [&bytes[..3 * 188], &bytes[from..]].concat()).unwrap();
    comes_back(&clip, "out.mp4", false);
}

fn packet_count(path: &Path) -> usize {
    packets(path, "a").lines().filter(|line| line.contains("data_hash")).count()
}

#[test]
fn matroska_comes_back_with_chapters_subtitles_fonts_and_tags() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "s.srt",
        "1\n00:00:00,500 --> 00:00:01,500\nHello\n\n2\n00:00:02,000 --> 00:00:02,500\nBye\n",
    );
    write("f.ttf", &"not really a font ".repeat(100));
    write(
        "c.txt",
        ";FFMETADATA1\ntitle=The clip\nODDITY=kept\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1200\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1200\nEND=3000\ntitle=Two\n",
    );
    let recipe = format!(
        "-f lavfi -i testsrc2=s=320x180:r=25:d=3 {SOUND} -i {{}}/s.srt -i {{}}/c.txt -attach {{}}/f.ttf \
         -metadata:s:t mimetype=application/x-truetype-font -map 0 -map 1 -map 2 -map_metadata 3 \
         -map_chapters 3 {X264} -c:a aac -c:s srt -metadata:s:a language=fra -metadata:s:a title=Son \
         -disposition:s forced"
    );
    let clip = make(folder.path(), "a.mkv", &recipe);
    let (output, notes) = comes_back(&clip, "out.mkv", false);
    for which in ["a", "s"] {
        assert_eq!(packets(&clip, which), packets(&output, which));
    }
    for entries in [
        "-show_chapters",
        "-show_entries stream=index,codec_type,codec_name:stream_disposition:stream_tags=language,title,filename,mimetype",
        "-show_entries format_tags=title,ODDITY",
    ] {
        assert_eq!(probe(&clip, entries), probe(&output, entries));
    }
    assert!(probe(&output, "-show_entries format_tags").contains("cleanplate 1.2.3"));
    assert_eq!(notes, Vec::<String>::new());
    let again = folder.path().join("again.mkv");
    let job = plan(&clip, 20, |_| {});
    join(&job, encode(&job), &again, false).unwrap();
    assert_eq!(
        std::fs::read(&output).unwrap(),
        std::fs::read(&again).unwrap(),
        "always the same bytes"
    );
}

#[test]
fn what_mp4_cannot_hold_is_refused_or_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.srt"), "1\n00:00:00,500 --> 00:00:01,500\nHello\n")
        .unwrap();
    let recipe = format!("{PICTURES} -i {{}}/s.srt -map 0 -map 1 {X264} -c:s srt");
    let clip = make(folder.path(), "a.mkv", &recipe);
    let job = plan(&clip, 20, |_| {});
    let output = folder.path().join("out.mp4");
    let error = join(&job, encode(&job), &output, false).unwrap_err();
    assert!(matches!(error.error, MediaError::ContainerCannotHold { .. }), "{error}");
    assert!(error.to_string().contains("subrip"), "{error}");
    let (_, notes) = comes_back(&clip, "out.mp4", true);
    assert!(notes.iter().any(|note| note.contains("subrip")), "{notes:?}");
}

#[test]
fn rotation_cover_and_custom_tags_of_an_mp4_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let cover = make(folder.path(), "c.png", "-f lavfi -i color=red:s=64x64 -frames:v 1");
    let still = make(folder.path(), "plain.mp4", &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
    let recipe = format!(
        "-i {} -i {} -map 0 -map 1 -c copy -disposition:v:1 attached_pic -metadata title=Bikes \
         -metadata creation_time=2020-01-02T03:04:05Z",
        still.display(),
        cover.display()
    );
    let clip = make(folder.path(), "cover.mp4", &recipe);
    let (output, notes) = comes_back(&clip, "cover-out.mp4", false);
    assert_eq!(packets(&clip, "v:1"), packets(&output, "v:1"), "{notes:?}");
    let entries = "-show_entries stream=index,codec_name:stream_disposition=attached_pic:format_tags=title,creation_time";
    assert_eq!(probe(&clip, entries), probe(&output, entries));
    let (output, _) = comes_back(&clip, "cover-out.mkv.mov", true);
    assert!(output.exists());
    let recipe = format!(
        "-i {} -c copy -metadata:s:v rotate=90 -movflags use_metadata_tags -metadata com.example.place=here",
        still.display()
    );
    let clip = make(folder.path(), "rotated.mp4", &recipe);
    let (output, notes) = comes_back(&clip, "rotated-out.mp4", false);
    let entries = "-show_entries stream_side_data=rotation:format_tags=com.example.place";
    assert!(probe(&clip, entries).contains("rotation="), "{}", probe(&clip, entries));
    assert_eq!(probe(&clip, entries), probe(&output, entries), "{notes:?}");
    assert!(probe(&output, "-show_entries format_tags=encoder").contains("cleanplate 1.2.3"));
}

#[test]
fn ten_bits_high_dynamic_range_and_colour_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = format!(
        "{PICTURES} -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -tag:v hvc1 -color_primaries bt2020 -color_trc smpte2084 \
         -colorspace bt2020nc -color_range tv -x265-params log-level=error:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    );
    let clip = make(folder.path(), "a.mp4", &recipe);
    let (output, notes) = comes_back(&clip, "out.mp4", false);
    let entries = "-show_entries stream=codec_name,codec_tag_string,pix_fmt,color_range,color_space,color_transfer,color_primaries,chroma_location,sample_aspect_ratio";
    assert_eq!(probe(&clip, entries), probe(&output, entries), "{notes:?}");
    let entries = "-read_intervals %+#1 -show_frames -show_entries frame=pts:side_data=side_data_type,red_x,green_y,white_point_x,max_luminance,max_content,max_average";
    let side = probe(&output, entries);
    assert!(side.contains("Mastering display metadata") && side.contains("1000"), "{side}");
    let display = "red_x=34000/50000|green_y=34500/50000|white_point_x=15635/50000|max_luminance=10000000/10000";
    assert!(probe(&clip, entries).contains(display) && side.contains(display), "{side}");
}

#[test]
fn every_layout_that_planning_offers_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for (format, codec) in [
        ("yuv420p10le", "libx264"),
        ("yuv422p", "libx264"),
        ("yuv422p10le", "libx264"),
        ("yuv444p", "libx264"),
        ("yuvj420p", "libx264"),
        ("gray", "libx264"),
        ("gray10le", "libx265"),
        ("yuv420p12le", "libx265"),
        ("yuv444p", "libx265"),
        ("gray", "libx265"),
    ] {
        let quiet = if codec == "libx265" { "-x265-params log-level=error" } else { "" };
        let recipe = format!(
            "-f lavfi -i testsrc2=s=160x96:r=25:d=1 -pix_fmt {format} -c:v {codec} -preset ultrafast {quiet}"
        );
        let clip = make(folder.path(), &format!("{format}-{codec}.mkv"), &recipe);
        let (output, _) = comes_back(&clip, &format!("{format}-{codec}-out.mkv"), false);
        let entries = "-show_entries stream=pix_fmt,color_range";
        assert_eq!(probe(&clip, entries), probe(&output, entries), "{format}");
    }
}

#[test]
fn quality_of_an_encoder_goes_through_cells() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mp4", &format!("{PICTURES} {X264}"));
    let output = folder.path().join("out.mp4");
    let job = plan(&clip, 20, |spec| spec.quality = Quality::Constant(18));
    join(&job, encode(&job), &output, false).unwrap();
    let times = |path| shown(path).into_iter().map(|(time, _)| time).collect::<Vec<_>>();
    assert_eq!(times(&clip), times(&output));
    let dts = probe(&output, "-select_streams v -show_entries packet=pts,dts");
    for line in dts.lines() {
        let numbers: Vec<i64> =
            line.split('|').map(|pair| pair.split_once('=').unwrap().1.parse().unwrap()).collect();
        assert!(numbers[0] >= numbers[1], "a picture is decoded before it is shown: {line}");
    }
    assert_ne!(packet_hashes(&clip, "v"), packet_hashes(&output, "v"));
}

/// What makes good parts wrong.
type Change<'a> = &'a dyn Fn(&mut Vec<Part>);

#[test]
fn a_wrong_part_is_refused_and_its_cell_named() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mp4", &format!("{PICTURES} {X264}"));
    let job = plan(&clip, 20, |_| {});
    let good = encode(&job);
    let output = folder.path().join("out.mp4");
    let refusal = |change: Change<'_>| {
        let mut parts = good.clone();
        change(&mut parts);
        let error = join(&job, parts, &output, false).unwrap_err();
        assert!(matches!(error.error, MediaError::PartRefused { .. }), "{error}");
        (error.cell.map(|cell| cell.0), error.to_string())
    };
    let last = u32::try_from(good.len() - 1).unwrap();
    let cases: [(u32, &str, Change<'_>); 8] = [
        (1, "its bytes are not those", &|parts| parts[1].1[40] ^= 1),
        (1, "bytes, its manifest says", &|parts| parts[1].1.truncate(100)),
        (0, "part of cell 1", &|parts| parts.swap(0, 1)),
        (2, "parameter sets", &|parts| parts[2].0.extradata.push(0)),
        (2, "packets for", &|parts| parts[2].0.packets.truncate(3)),
        (1, "key frame", &|parts| parts[1].0.packets[0].key = false),
        (1, "times of the table", &|parts| parts[1].0.packets[3].pts.0 += 1),
        (last, "there is none", &|parts| drop(parts.pop())),
    ];
    for (cell, words, change) in cases {
        let (blamed, text) = refusal(change);
        assert!(text.contains(words), "{text}");
        assert_eq!(blamed, Some(cell), "{text}");
    }
    let mut parts = good.clone();
    parts[3].0.packets.reverse();
    parts[3].0.packets[0].key = true;
    let error = join(&job, parts, &output, false).unwrap_err();
    assert!(error.to_string().contains("coded"), "{error}");
    join(&job, good, &output, false).unwrap();
}

#[test]
fn a_full_disk_is_told_in_the_words_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mp4", &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
    let job = plan(&clip, 20, |_| {});
    let parts = encode(&job);
    let output = folder.path().join("out.mp4");
    for full_at in [10, 400_000] {
        let order = StitchJob {
            brief: &job.brief,
            table: &job.table,
            source: OnDisk::open(&clip),
            rest: None,
            output_name: "out.mp4",
            allow_metadata_loss: false,
            conceal: false,
            version: "1.2.3",
        };
        let sink = ToDisk::create(&output, full_at);
        let mut ready = Ready(parts.clone().into_iter());
        let error = stitch(order, &mut ready, sink, &mut |_| ()).unwrap_err();
        let MediaError::Write(error) = &error.error else { panic!("{error}") };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

#[test]
fn xmp_is_carried_and_other_boxes_are_reported_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mp4", &format!("{PICTURES} {X264}"));
    let boxed = |id: [u8; 16], content: &[u8]| {
        let size = u32::try_from(24 + content.len()).unwrap();
        [&size.to_be_bytes()[..], b"uuid", &id, content].concat()
    };
    let xmp = boxed(0xbe7a_cfcb_97a9_42e8_9c71_9994_91e3_afac_u128.to_be_bytes(), b"<x:xmpmeta/>");
    let c2pa = boxed(0xd8fe_c3d6_1b0e_483c_9297_5828_877e_c481_u128.to_be_bytes(), b"signed");
    let mut bytes = std::fs::read(&clip).unwrap();
    bytes.extend([&xmp[..], &c2pa].concat());
    std::fs::write(&clip, bytes).unwrap();
    let (output, notes) = comes_back(&clip, "out.mp4", false);
    assert!(std::fs::read(&output).unwrap().ends_with(&xmp));
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("C2PA"), "{notes:?}");
}

#[test]
fn frames_that_an_edit_list_hides_stay_away() {
    let folder = tempfile::tempdir().unwrap();
    let whole = make(folder.path(), "whole.mp4", &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
    let clip = make(folder.path(), "cut.mp4", &format!("-ss 1.1 -i {} -c copy", whole.display()));
    let (output, _) = comes_back(&clip, "out.mp4", false);
    let visible = |path| packets(path, "a");
    assert_eq!(visible(&clip), visible(&output));
}

#[test]
fn packets_that_share_a_tick_of_matroska_keep_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let sound = format!("{PICTURES} {SOUND} {X264} -c:a truehd -strict -2 -ar 48000");
    let clip = make(folder.path(), "a.mkv", &sound);
    let (output, notes) = comes_back(&clip, "b.mkv", false);
    assert_eq!(packets(&clip, "a"), packets(&output, "a"));
    assert!(!notes.iter().any(|note| note.contains("out of order")), "{notes:?}");
}

#[test]
fn a_copy_has_every_packet_and_says_why_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, output) in
        [("a.mp4", "b.mp4"), ("a.mkv", "b.mkv"), ("a.ts", "b.ts"), ("a.mp4", "b.mov")]
    {
        let clip = make(folder.path(), name, &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
        let output = folder.path().join(output);
        let stitched = copy_through(
            OnDisk::open(&clip),
            name,
            output.to_str().unwrap(),
            "nothing to remove",
            false,
            "1.2.3",
            ToDisk::create(&output, u64::MAX),
        );
        let stitched = stitched.unwrap();
        assert_eq!(stitched.bytes, std::fs::metadata(&output).unwrap().len());
        assert_eq!(shown(&clip), shown(&output), "{name}");
        for which in ["v", "a"] {
            assert_eq!(packets(&clip, which), packets(&output, which), "{name}");
        }
        let tags = probe(&output, "-show_entries format_tags");
        let told = tags.contains("cleanplate 1.2.3, copied unchanged: nothing to remove");
        assert!(told || name == "a.ts", "{name}: {tags}");
    }
}

#[test]
fn a_source_that_is_cut_off_is_copied_only_where_damage_is_concealed() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mkv", &format!("{PICTURES} {SOUND} {X264} -c:a aac"));
    let bytes = std::fs::read(&clip).unwrap();
    std::fs::write(&clip, &bytes[..bytes.len() * 3 / 5]).unwrap();
    let output = folder.path().join("b.mkv");
    let copied = |conceal| {
        let sink = ToDisk::create(&output, u64::MAX);
        copy_through(OnDisk::open(&clip), "a.mkv", "b.mkv", "no reason", conceal, "1.2.3", sink)
    };
    let refused = copied(false).unwrap_err();
    assert!(matches!(refused, MediaError::Truncated { .. }), "{refused}");
    let notes = copied(true).unwrap().notes;
    assert!(notes.iter().any(|note| note.starts_with("the source ends early")), "{notes:?}");
}

#[test]
fn interlaced_video_goes_bit_exactly_through_hevc_and_says_its_field_order() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "-f lavfi -i testsrc2=s=320x192:r=50:d=1 -vf interlace=scan=tff \
        -pix_fmt yuv420p -c:v mpeg2video -flags +ildct+ilme -top 1 -q:v 3";
    let clip = make(folder.path(), "a.mov", recipe);
    let job = plan(&clip, 10, |spec| spec.encoder.name = EncoderName::Libx265);
    assert_eq!(job.brief.spec.field_order, FieldOrder::TopFirst, "the clip is as it should be");
    let output = folder.path().join("out.mov");
    join(&job, encode(&job), &output, false).unwrap();
    assert_eq!(shown(&clip), shown(&output));
    let order = probe(&output, "-select_streams v -show_entries stream=field_order");
    assert_eq!(order, "field_order=tt");
    let mkv = folder.path().join("out.mkv");
    join(&job, encode(&job), &mkv, false).unwrap();
    assert_eq!(probe(&mkv, "-select_streams v -show_entries stream=field_order"), order);
}

#[test]
fn a_language_is_written_by_the_code_that_quicktime_has_a_number_for() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = format!(
        "{PICTURES} {SOUND} {X264} -c:a aac -metadata:s:a language=deu -metadata:s:v language=hrv"
    );
    let clip = make(folder.path(), "a.mp4", &recipe);
    let (output, notes) = comes_back(&clip, "out.mov", false);
    assert_eq!(notes, ["mov has no place for the language `hrv` of stream 0"]);
    let of_sound = probe(&output, "-select_streams a -show_entries stream_tags=language");
    assert!(of_sound.contains("language=ger"), "{of_sound}");
}

#[test]
fn priming_that_the_container_cannot_hide_is_told_and_its_packets_stay() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = format!("-f lavfi -i testsrc2=s=320x180:r=25:d=3 {SOUND} {X264} -c:a aac");
    let clip = make(folder.path(), "a.mp4", &recipe);
    let (output, notes) = comes_back(&clip, "out.mkv", false);
    assert_eq!(packet_hashes(&clip, "a"), packet_hashes(&output, "a"));
    let told =
        "stream 1: the source hides 1024 samples at the start of its sound, which mkv cannot";
    assert!(notes.contains(&told.to_owned()), "{notes:?}");
    let (_, notes) = comes_back(&clip, "out.mov", false);
    assert_eq!(notes, Vec::<String>::new());
}
