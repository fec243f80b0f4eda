//! Which cells are copied, and what is told of it.

use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::frames::{FrameTable, TableOrigin};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{OnDamage, Region, TimeSpan, UserLogo};
use cleanplate_types::source::SourceDescription;

use super::*;
use crate::planning::encoder::encode_spec;
use crate::planning::survey::survey;
use crate::samples::{coded, description, proof, request, table};

/// A source of 25 frames a second that may be copied.
fn source() -> SourceDescription {
    let mut source = description();
    let mut coded = coded();
    coded.reorder_frames = Some(2);
    source.video.sets = Some(OwnSets { coded, extradata: Sha::of(b"own") });
    source
}

/// Asks for cells of 48 frames, with an overlay from second 4 to second 5: frames 100 to 124.
fn asked() -> JobRequest {
    let span = TimeSpan { from_nanos: 4_000_000_000, to_nanos: 5_000_000_000 };
    let rect = Rect { x: 0, y: 0, width: 16, height: 16 };
    JobRequest {
        regions: vec![Region { rect, when: Some(span) }],
        cell_frames: Some(48),
        copy_untouched: true,
        ..request()
    }
}

/// The contract of the request, and what is told of it.
fn planned(
    request: &JobRequest,
    source: SourceDescription,
    table: &FrameTable,
    encoder: EncoderName,
) -> (EncodeSpec, Option<String>) {
    let survey = survey(request, source, table).unwrap();
    let plan = survey.given.clone();
    let video = &survey.description.video;
    let spec = encode_spec(video, request, &proof(encoder), &survey.cells).unwrap();
    let spec = copy_untouched(request, &survey, &plan, spec);
    let told = told(request, &survey, &plan, &spec);
    (spec, told)
}

/// Why nothing is copied; the contract is then the one without the option.
fn refusal(request: &JobRequest, source: SourceDescription, table: &FrameTable) -> String {
    let (spec, told) = planned(request, source.clone(), table, EncoderName::Libx264);
    let without = JobRequest { copy_untouched: false, ..request.clone() };
    let (usual, silence) = planned(&without, source, table, EncoderName::Libx264);
    assert_eq!((spec, None), (usual, silence));
    told.unwrap()
}

#[test]
fn cells_without_an_overlay_between_free_cuts_are_copied() {
    let (spec, told) = planned(&asked(), source(), &table(240, 48), EncoderName::Libx264);
    let copied = spec.copied.clone().unwrap();
    assert_eq!(copied.cells, [0, 1, 3, 4].map(CellIndex));
    assert_eq!((copied.extradata, copied.sets_in_band), (Sha::of(b"own"), true));
    assert_eq!(spec.reorder_frames, 2);
    let told = told.unwrap();
    assert!(told.contains("192 of 240 packets") && told.contains("4 of 5 cells"), "{told}");
    assert!(told.contains("avc3") && told.contains("Apple"), "{told}");
    assert!(spec.copies(CellIndex(4)) && !spec.copies(CellIndex(2)));
}

#[test]
fn a_movie_of_nothing_but_own_packets_has_its_parameter_sets_in_its_header() {
    let asked = JobRequest { regions: Vec::new(), ..asked() };
    let (spec, told) = planned(&asked, source(), &table(240, 48), EncoderName::Libx264);
    let copied = spec.copied.unwrap();
    assert_eq!((copied.cells.len(), copied.sets_in_band), (5, false));
    assert!(!told.unwrap().contains("avc3"));
}

#[test]
fn a_cell_at_an_open_cut_is_encoded_and_so_is_the_one_before_it() {
    let mut table = table(240, 48);
    table.entries[4].kind = EntryKind::Recovery;
    let (spec, _) = planned(&asked(), source(), &table, EncoderName::Libx264);
    assert_eq!(spec.copied.unwrap().cells, [0, 1].map(CellIndex));
    table.entries[4].kind = EntryKind::Idr;
    table.entries.remove(1);
    let (spec, _) = planned(&asked(), source(), &table, EncoderName::Libx264);
    assert_eq!(spec.copied.unwrap().cells, [3, 4].map(CellIndex));
}

#[test]
fn a_source_that_is_coded_far_ahead_gives_the_movie_more_delay() {
    let mut source = source();
    let mut of = |reorder_frames| {
        source.video.sets.as_mut().unwrap().coded.reorder_frames = reorder_frames;
        let (spec, _) = planned(&asked(), source.clone(), &table(240, 48), EncoderName::Libx264);
        spec.reorder_frames
    };
    assert_eq!([of(Some(5)), of(Some(0)), of(None)], [5, 2, 4]);
}

#[test]
fn what_cannot_be_copied_is_encoded_as_without_the_option_and_says_why() {
    let usual = table(240, 48);
    let mut unread = source();
    unread.video.sets = None;
    let mut other = source();
    other.video.codec = "hevc".to_owned();
    let mut full = source();
    full.video.sets.as_mut().unwrap().coded.signal.full_range = true;
    let mut coloured = source();
    coloured.video.sets.as_mut().unwrap().coded.signal.colour = [9, 16, 9];
    let mut cropped = source();
    cropped.video.sets.as_mut().unwrap().coded.height = 178;
    let concealing = JobRequest { on_damage: OnDamage::Conceal, ..asked() };
    let decoded = TableOrigin::Decoded { reason: "fields".to_owned() };
    let decoded = FrameTable { origin: decoded, ..usual.clone() };
    let everywhere = JobRequest {
        regions: asked()
            .regions
            .into_iter()
            .map(|region| Region { when: None, ..region })
            .collect(),
        ..asked()
    };
    let mut open = usual.clone();
    open.entries.iter_mut().for_each(|entry| entry.kind = EntryKind::Recovery);
    let cases = [
        (asked(), unread, &usual, "no parameter sets"),
        (asked(), other, &usual, "the encoder makes H.264"),
        (asked(), full, &usual, "full range instead of video range"),
        (asked(), coloured, &usual, "primaries 9 instead of 2"),
        (asked(), cropped, &usual, "320x178 instead of 320x180"),
        (concealing, source(), &usual, "not known to be its frames"),
        (asked(), source(), &decoded, "not known to be its frames"),
        (everywhere, source(), &usual, "shows an overlay"),
        (asked(), source(), &open, "stands alone"),
    ];
    for (request, source, table, why) in cases {
        let told = refusal(&request, source, table);
        assert!(told.contains(why), "{told} does not say {why}");
    }
}

#[test]
fn where_only_the_frames_tell_what_they_show_nothing_is_copied_and_the_note_says_what_is_known_before()
 {
    let logo = UserLogo { width: 2, height: 1, rgba: vec![255; 8], at: Some((4, 4)) };
    let told = |regions, logos| {
        let request = JobRequest { regions, logos, ..asked() };
        refusal(&request, source(), &table(240, 48))
    };
    let placed = told(Vec::new(), vec![logo]);
    assert!(placed.contains("only each frame tells") && placed.contains("--detect"), "{placed}");
    let rect = Rect { x: 0, y: 0, width: 16, height: 16 };
    let drawn = told(vec![Region { rect, when: None }], Vec::new());
    assert!(!drawn.contains("only each frame tells"), "{drawn}");
}

#[test]
fn what_the_source_leaves_unsaid_is_no_difference() {
    let mut source = source();
    source.video.colour.primaries = 1;
    source.video.sample_aspect = (4, 3);
    let (spec, _) = planned(&asked(), source, &table(240, 48), EncoderName::Libx264);
    assert!(spec.copied.is_some());
}

#[test]
fn other_codecs_are_encoded() {
    let mut source = source();
    source.video.codec = "vp9".to_owned();
    let (spec, told) = planned(&asked(), source, &table(240, 48), EncoderName::LibvpxVp9);
    assert_eq!(spec.copied, None);
    assert!(told.unwrap().contains("for H.264 and HEVC"));
}
