//! What must hold of `encoder`.

use EncoderName::{H264Nvenc, HevcNvenc, LibaomAv1, LibvpxVp9, Libx264, Libx265};
use cleanplate_types::source::FieldOrder;

use super::*;
use crate::planning::cells::cut_cells;
use crate::samples::{description, proof, request, table};

const PATIENT: Mood = Mood { patient: true, in_software: false };
const DONE_WAITING: Mood = Mood { patient: false, in_software: false };
const IN_SOFTWARE: Mood = Mood { patient: true, in_software: true };

fn choose(
    request: &JobRequest,
    video: &VideoDescription,
    proofs: &[EncoderName],
    mood: Mood,
) -> Result<Choice, PlanError> {
    let proofs: Vec<_> = proofs.iter().map(|name| (proof(*name), 1)).collect();
    choose_encoder(request, video, proofs.iter().map(|(proof, slots)| (proof, *slots)), mood)
}

fn video() -> VideoDescription {
    description().video
}

fn hevc_10_bits() -> VideoDescription {
    let mut video = VideoDescription { codec: "hevc".to_owned(), ..video() };
    video.layout.depth = 10;
    video.layout.name = "yuv420p10le".to_owned();
    video
}

fn named(name: EncoderName) -> JobRequest {
    JobRequest { encoder: EncoderChoice::Named(name), ..request() }
}

#[test]
fn auto_takes_the_card_where_it_is_proved() {
    let all = [Libx264, Libx265, H264Nvenc, HevcNvenc];
    let taken = |video| choose(&request(), &video, &all, PATIENT);
    assert_eq!(taken(video()), Ok(Choice::Take(proof(H264Nvenc))));
    assert_eq!(taken(hevc_10_bits()), Ok(Choice::Take(proof(HevcNvenc))));
}

#[test]
fn auto_waits_for_the_card_while_it_is_patient_and_then_takes_software() {
    let chosen = |mood| choose(&request(), &video(), &[Libx264], mood);
    assert_eq!(chosen(PATIENT), Ok(Choice::Wait { better: H264Nvenc }));
    assert_eq!(chosen(DONE_WAITING), Ok(Choice::Take(proof(Libx264))));
    assert_eq!(chosen(IN_SOFTWARE), Ok(Choice::Take(proof(Libx264))));
    let nobody = choose(&request(), &video(), &[], DONE_WAITING);
    assert_eq!(nobody, Ok(Choice::Missing(Libx264)));
}

#[test]
fn auto_does_not_wait_for_a_card_that_could_not_hold_the_source() {
    let mut full = video();
    (full.layout.chroma_shift_x, full.layout.chroma_shift_y) = (0, 0);
    let proofs = [Libx264, H264Nvenc];
    assert_eq!(choose(&request(), &full, &proofs, PATIENT), Ok(Choice::Take(proof(Libx264))));
    let lossless = JobRequest { lossless: true, ..request() };
    assert_eq!(choose(&lossless, &video(), &proofs, PATIENT), Ok(Choice::Take(proof(Libx264))));
}

#[test]
fn a_named_encoder_is_taken_or_waited_for_but_never_replaced() {
    let request = named(H264Nvenc);
    assert_eq!(
        choose(&request, &video(), &[Libx264], DONE_WAITING),
        Ok(Choice::Missing(H264Nvenc))
    );
    // Only where it was lost in mid-job, and the user allowed that.
    let lost = choose(&request, &video(), &[Libx264], IN_SOFTWARE);
    assert_eq!(lost, Ok(Choice::Take(proof(Libx264))));
}

#[test]
fn of_several_builds_the_one_with_the_most_slots_is_taken() {
    let build = |build: &str| EncoderProof { name: Libx264, build: build.to_owned() };
    let (old, new, newest) = (build("1"), build("2"), build("3"));
    let proofs = [(&old, 2), (&new, 5), (&newest, 5)];
    let chosen = choose_encoder(&request(), &video(), proofs, DONE_WAITING);
    assert_eq!(chosen, Ok(Choice::Take(newest.clone())));
}

#[test]
fn hevc_stays_hevc_and_what_h264_cannot_hold_becomes_hevc() {
    let family = |video: &VideoDescription| encoder_family(&request(), video);
    assert_eq!(family(&video()), Ok(Libx264));
    assert_eq!(family(&hevc_10_bits()), Ok(Libx265));
    let mut deep = video();
    deep.layout.depth = 12;
    assert_eq!(family(&deep), Ok(Libx265));
    deep.layout.depth = 14;
    assert!(matches!(family(&deep), Err(PlanError::NoEncoder { .. })));
    let mut grey = video();
    grey.layout.planes = 1;
    assert_eq!(family(&grey), Ok(Libx265), "x264's grey does not come back as grey");
    let fields = VideoDescription { field_order: FieldOrder::TopFirst, ..video() };
    let lossless = JobRequest { lossless: true, ..request() };
    assert_eq!(encoder_family(&lossless, &fields), Ok(Libx264));
    let hevc = VideoDescription { codec: "hevc".to_owned(), ..fields.clone() };
    assert_eq!(encoder_family(&lossless, &hevc), Ok(Libx264), "its pictures say their fields");
    let halves = VideoDescription { height: 182, ..fields };
    assert_eq!(
        encoder_family(&lossless, &halves),
        Ok(Libx265),
        "x264 wants whole chroma in fields"
    );
}

#[test]
fn what_no_encoder_could_serve_is_refused_before_anybody_attaches() {
    let odd = VideoDescription { width: 321, ..video() };
    assert!(matches!(check_request(&request(), &odd), Err(PlanError::OddSize { width: 321, .. })));
    let mut grey = odd;
    (grey.layout.planes, grey.layout.name) = (1, "gray".to_owned());
    assert_eq!(check_request(&request(), &grey), Ok(()), "grey has no halves");
    let preset = |name: &str| JobRequest { preset: Some(name.to_owned()), ..request() };
    assert!(matches!(check_request(&preset("nosuch"), &video()), Err(PlanError::Preset { .. })));
    assert_eq!(check_request(&preset("slow"), &video()), Ok(()));
    let quality = JobRequest { quality: Some(52), ..request() };
    assert!(matches!(check_request(&quality, &video()), Err(PlanError::Quality { .. })));
    let card = JobRequest { lossless: true, ..named(H264Nvenc) };
    assert_eq!(check_request(&card, &video()), Err(PlanError::Lossy { encoder: H264Nvenc }));
}

#[test]
fn the_spec_pins_quality_preset_and_the_longest_cell() {
    let cells = cut_cells(&table(1000, 250), Some(300));
    let spec =
        |request: &JobRequest, name| encode_spec(&video(), request, &proof(name), &cells).unwrap();
    let usual = spec(&request(), Libx264);
    assert_eq!((usual.quality, usual.preset.as_str()), (Quality::Constant(18), "medium"));
    assert_eq!(usual.cell_frames_max, 300);
    let card = spec(&request(), H264Nvenc);
    assert_eq!((card.quality, card.preset.as_str()), (Quality::Constant(19), "p5"));
    assert_eq!(card.reorder_frames, 0);
    let asked = JobRequest { quality: Some(23), preset: Some("veryfast".to_owned()), ..request() };
    assert_eq!(spec(&asked, Libx264).quality, Quality::Constant(23));
    assert_eq!(spec(&asked, Libx264).preset, "veryfast");
    let lossless = JobRequest { lossless: true, ..asked };
    assert_eq!(spec(&lossless, Libx264).quality, Quality::Lossless);
    assert_ne!(usual.fingerprint(), spec(&lossless, Libx264).fingerprint());
}

#[test]
fn webm_gets_vp9_and_av1_stays_av1_where_it_is_exact() {
    let webm = JobRequest { output: "s3://b/out.WebM?x=1".to_owned(), ..request() };
    let family = |request: &JobRequest, video: &VideoDescription| encoder_family(request, video);
    assert_eq!(family(&webm, &video()), Ok(LibvpxVp9));
    assert_eq!(family(&webm, &hevc_10_bits()), Ok(LibvpxVp9));
    let mut av1 = VideoDescription { codec: "av1".to_owned(), ..video() };
    assert_eq!(family(&webm, &av1), Ok(LibaomAv1));
    assert_eq!(family(&request(), &av1), Ok(Libx264), "elsewhere as ever");
    av1.layout.depth = 12;
    let lossless = JobRequest { lossless: true, ..webm.clone() };
    assert_eq!(family(&webm, &av1), Ok(LibaomAv1));
    assert_eq!(family(&lossless, &av1), Ok(LibvpxVp9));
    let mut grey = video();
    grey.layout.planes = 1;
    assert_eq!(family(&webm, &grey), Ok(LibaomAv1), "libvpx has no grey");
    assert_eq!(check_request(&lossless, &grey), Ok(()));
    grey.layout.depth = 10;
    let refusal = PlanError::LosslessDepth { encoder: LibaomAv1, depth: 10 };
    assert_eq!(check_request(&lossless, &grey), Err(refusal), "its grey of 10 bits is not exact");
    let elsewhere = JobRequest { lossless: true, ..request() };
    assert_eq!(family(&elsewhere, &grey), Ok(Libx265));
    let named = JobRequest { lossless: true, ..named(LibaomAv1) };
    let refusal = PlanError::LosslessDepth { encoder: LibaomAv1, depth: 12 };
    assert_eq!(check_request(&named, &av1), Err(refusal));
}

#[test]
fn webm_takes_odd_sizes_and_a_longer_scale_and_never_waits_for_a_card() {
    let webm = JobRequest { output: "out.webm".to_owned(), ..request() };
    let odd = VideoDescription { width: 321, ..video() };
    assert_eq!(check_request(&webm, &odd), Ok(()));
    let quality = |quality| JobRequest { quality: Some(quality), ..webm.clone() };
    assert_eq!(check_request(&quality(63), &odd), Ok(()));
    let beyond = PlanError::Quality { encoder: LibvpxVp9, quality: 64 };
    assert_eq!(check_request(&quality(64), &odd), Err(beyond));
    let preset = JobRequest { preset: Some("medium".to_owned()), ..webm.clone() };
    assert!(matches!(check_request(&preset, &odd), Err(PlanError::Preset { .. })));
    let fast = |lossless| JobRequest { preset: Some("4".to_owned()), lossless, ..webm.clone() };
    assert_eq!(check_request(&fast(false), &odd), Ok(()));
    assert!(matches!(check_request(&fast(true), &odd), Err(PlanError::LosslessPreset { .. })));
    let all = [Libx264, H264Nvenc, LibvpxVp9];
    assert_eq!(choose(&webm, &video(), &all, PATIENT), Ok(Choice::Take(proof(LibvpxVp9))));
    assert_eq!(choose(&webm, &video(), &all[..2], PATIENT), Ok(Choice::Missing(LibvpxVp9)));
}

#[test]
fn the_format_that_is_advised_is_one_that_an_encoder_takes() {
    let layout = |name: &str| {
        let depth = match name {
            name if name.contains("12") => 12,
            name if name.contains("10") => 10,
            _ => 8,
        };
        let (planes, shifts) = match name {
            name if name.starts_with("gray") => (1, (0, 0)),
            name if name.contains("420") => (3, (1, 1)),
            name if name.contains("422") => (3, (1, 0)),
            _ => (3, (0, 0)),
        };
        PixelLayout {
            name: name.to_owned(),
            depth,
            planes,
            chroma_shift_x: shifts.0,
            chroma_shift_y: shifts.1,
            full_range: false,
        }
    };
    let layouts = [(1, (0, 0)), (3, (1, 1)), (3, (1, 0)), (3, (0, 0)), (3, (2, 0)), (3, (0, 1))];
    let requests = [("out.mkv", false), ("out.mkv", true), ("out.webm", false), ("out.webm", true)];
    for (output, lossless) in requests {
        let wanted = JobRequest { output: output.to_owned(), lossless, ..request() };
        let mut refused = 0;
        for ((planes, shifts), depth) in layouts
            .iter()
            .flat_map(|layout| [8, 9, 10, 11, 12, 14, 16].map(|depth| (*layout, depth)))
        {
            let mut odd = video();
            odd.layout = PixelLayout { depth, planes, ..odd.layout };
            (odd.layout.chroma_shift_x, odd.layout.chroma_shift_y) = shifts;
            let Err(PlanError::NoEncoder { instead, .. }) = encoder_family(&wanted, &odd) else {
                continue;
            };
            refused += 1;
            let advised = VideoDescription { layout: layout(instead), ..video() };
            let checked = check_request(&wanted, &advised);
            assert_eq!(checked, Ok(()), "{output} {lossless} {depth} {shifts:?}: {instead}");
            assert!(advised.layout.depth >= depth.min(12), "{depth}: {instead}");
        }
        assert!(refused > 0, "{output}: something is refused and something advised");
    }
}
