//! Which cells are the source's own packets instead of a new encode, where that was asked for.
//!
//! Owns the decision, from what intake and planning know and nothing else, so that every worker does the same.
//! Refuses cells that a decoder could not begin or end with, and sources whose samples are told another way
//! than the encoder's.

use cleanplate_types::cell::Cell;
use cleanplate_types::encode::{CopiedCells, EncodeSpec, VideoCodec};
use cleanplate_types::frames::{EntryKind, FrameRange};
use cleanplate_types::ids::CellIndex;
use cleanplate_types::overlay::{OverlayOrigin, OverlayPlan};
use cleanplate_types::part::{CodedPicture, CodedSignal, layout_text};
use cleanplate_types::request::JobRequest;
use cleanplate_types::source::OwnSets;

use crate::input::Survey;

/// The code point of H.273 that stands for nothing known.
const UNSPECIFIED: u8 = 2;

/// Frames by which a source is believed to be coded ahead at most, where its parameter sets do not tell: what
/// cameras and encoders do. A source that goes further is noticed, and encoded.
const REORDER_USUAL: u8 = 4;

/// Has `spec` copy the cells that may be the source's own packets, where `request` asks for it.
pub(crate) fn copy_untouched(
    request: &JobRequest,
    survey: &Survey,
    plan: &OverlayPlan,
    spec: EncodeSpec,
) -> EncodeSpec {
    if !request.copy_untouched {
        return spec;
    }
    let Ok((own, cells)) = copied(survey, plan, &spec) else { return spec };
    let reorder_frames = own.coded.reorder_frames.unwrap_or(REORDER_USUAL);
    EncodeSpec {
        reorder_frames: spec.reorder_frames.max(reorder_frames),
        copied: Some(CopiedCells {
            sets_in_band: cells.len() < survey.cells.len(),
            extradata: own.extradata,
            cells,
        }),
        ..spec
    }
}

/// What people are told of the cells that `spec` copies, or of the reason why it copies none; nothing where
/// that was not asked for.
pub(crate) fn told(
    request: &JobRequest,
    survey: &Survey,
    plan: &OverlayPlan,
    spec: &EncodeSpec,
) -> Option<String> {
    if !request.copy_untouched {
        return None;
    }
    let Some(CopiedCells { cells, sets_in_band, .. }) = &spec.copied else {
        let why = copied(survey, plan, spec).err()?;
        return Some(format!("--copy-untouched: no cell is the source's own packets: {why}"));
    };
    let frames: u64 = survey
        .cells
        .iter()
        .filter(|cell| spec.copies(cell.index))
        .map(|cell| cell.frames.count())
        .sum();
    let all = survey.cells.last().map_or(0, |cell| cell.frames.end);
    let (some, of) = (cells.len(), survey.cells.len());
    let mut text = format!(
        "--copy-untouched: {frames} of {all} packets are the source's own, one for each frame ({some} of {of} \
         cells)"
    );
    if *sets_in_band {
        text += &format!("; {}", limits(spec.encoder.name.codec()));
    }
    Some(text)
}

/// What players make of a movie whose parameter sets change.
fn limits(codec: VideoCodec) -> String {
    let entry = if codec == VideoCodec::Hevc { "hev1" } else { "avc3" };
    format!(
        "since the source's parameter sets are not the encoder's, every key frame has its own in front of it: \
         in MP4 and MOV the sample entry is `{entry}`, which QuickTime, Safari and other players of Apple \
         refuse, and players that read parameter sets from the header alone show some cells wrong in any \
         container"
    )
}

/// The parameter sets of the source, and the cells that may be its own packets.
///
/// # Errors
/// Why there are none, in a clause.
fn copied(
    survey: &Survey,
    plan: &OverlayPlan,
    spec: &EncodeSpec,
) -> Result<(OwnSets, Vec<CellIndex>), String> {
    let video = &survey.description.video;
    let codec = spec.encoder.name.codec();
    if !matches!(codec, VideoCodec::H264 | VideoCodec::Hevc) {
        return Err(format!(
            "that is for H.264 and HEVC, and the encoder makes {}",
            codec.for_people()
        ));
    }
    if video.codec != codec.as_str() {
        let made = codec.for_people();
        return Err(format!("the source is in {}, the encoder makes {made}", video.codec));
    }
    if survey.cutting.whole || !survey.from_packets {
        return Err("its packets are not known to be its frames, one each".to_owned());
    }
    let own = video.sets.ok_or_else(|| "its header holds no parameter sets".to_owned())?;
    if let Some(why) = differs(&own.coded, spec) {
        return Err(format!("the source's parameter sets say {why}"));
    }
    let ends = survey.cells.iter().skip(1).map(Some).chain([None]);
    let free: Vec<&Cell> = survey
        .cells
        .iter()
        .zip(ends)
        .filter(|(cell, next)| is_free(cell) && next.is_none_or(is_free))
        .map(|(cell, _)| cell)
        .collect();
    if free.is_empty() {
        return Err("no cell begins and ends at a picture that stands alone".to_owned());
    }
    let cells: Vec<CellIndex> = free
        .into_iter()
        .filter(|cell| !plan.touches_any(cell.frames))
        .map(|cell| cell.index)
        .collect();
    if cells.is_empty() {
        let why = if is_for_frames_to_tell(plan, survey) { FRAMES_TELL } else { "" };
        return Err(format!("every cell that could be shows an overlay{why}"));
    }
    Ok((own, cells))
}

/// What is said where a plan holds for all frames since only they tell.
const FRAMES_TELL: &str = ", or may: where a logo with a place, or the overlay of another video's plan, shows, only \
                           each frame tells when it is cleaned; an overlay that is looked for (--detect static, \
                           --overlay without a place), and a --region with its times, is known before";

/// Whether the plan has an overlay in all frames of which each frame decides whether it shows it.
fn is_for_frames_to_tell(plan: &OverlayPlan, survey: &Survey) -> bool {
    let all = FrameRange::new(0, survey.cells.last().map_or(0, |cell| cell.frames.end));
    plan.overlays.iter().any(|overlay| match overlay.origin {
        OverlayOrigin::Logo | OverlayOrigin::Plan => overlay.when == [all],
        OverlayOrigin::Region
        | OverlayOrigin::Mask
        | OverlayOrigin::Static
        | OverlayOrigin::Text
        | OverlayOrigin::Face
        | OverlayOrigin::Plate
        | OverlayOrigin::Object => false,
    })
}

/// Whether the packets from the cell's first on need none before them, and none before needs them.
fn is_free(cell: &Cell) -> bool {
    cell.entry == Some(EntryKind::Idr)
}

/// The first thing in which the source's parameter sets say something else than `spec`. What they leave out the
/// container says for all cells; rates are for encoders.
fn differs(coded: &CodedPicture, spec: &EncodeSpec) -> Option<String> {
    let (width, height) = (spec.width, spec.height);
    if (coded.width, coded.height) != (width, height) {
        return Some(format!("{}x{} instead of {width}x{height}", coded.width, coded.height));
    }
    if !coded.has_samples_of(&spec.layout) {
        return Some(format!("{} instead of {}", coded.samples_text(), layout_text(&spec.layout)));
    }
    let due = CodedSignal::of(spec);
    let said = coded.signal;
    let colour = std::array::from_fn(|at| match said.colour[at] {
        UNSPECIFIED => due.colour[at],
        code_point => code_point,
    });
    let sample_aspect =
        if said.sample_aspect.0 == 0 { due.sample_aspect } else { said.sample_aspect };
    CodedSignal { colour, sample_aspect, frame_rate: None, ..said }.differs(spec)
}

#[cfg(test)]
mod tests;
