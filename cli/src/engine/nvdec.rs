//! NVDEC against software decoding, pixel for pixel, frame by frame: on the host, and as frames stay on the card.

use std::path::Path;
use std::sync::Arc;

use cleanplate_media::decode::{DecodeCard, DecodeOrder, Decoder, PreRoll};
use cleanplate_media::device::{CardContext, DeviceFrame, DevicePool};
use cleanplate_media::error::MediaError;
use cleanplate_media::frame::VideoFrame;
use cleanplate_media::scan::{ScanOrder, Scanned, scan};
use cleanplate_store::LocalFile;
use cleanplate_types::access::ReadAt;
use cleanplate_types::failure::Stage;
use cleanplate_types::picture::{PlaneMut, PlaneRef, PlanesMut, PlanesRef, Run};
use cleanplate_types::source::VideoDescription;
use cleanplate_vision::cuda::Device;
use cleanplate_vision::{Found, find_cards};

use crate::exit::{Refusal, Status};
use crate::say;

/// Frames of the card that are held at once: the one that is compared, and one to spare.
const KEPT_MAX: u32 = 2;

/// Decodes `clip` both ways and prints what differs.
///
/// # Errors
/// A refusal with status 4 where there is no card or NVDEC was left for software, 3 where the clip
/// is none, 1 where a sample differs.
pub(super) fn compare(clip: &Path) -> Result<Status, Refusal> {
    let card = match find_cards() {
        Found::Cards(cards) => cards.into_iter().next(),
        Found::None { why } => {
            return Err(Refusal::new(Status::MachineLacks, format!("no card to decode on: {why}")));
        }
    };
    if let Some(card) = &card {
        say::line(&format!("card        {} (driver {})", card.name, card.driver))?;
    }
    let source: Arc<dyn ReadAt> = Arc::new(LocalFile::open(clip).map_err(|error| {
        Refusal::new(Status::BadInput, format!("{} cannot be read: {error}", clip.display()))
    })?);
    let name = clip.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let order = ScanOrder { threads: 1, ..ScanOrder::default() };
    let Scanned { description, table, .. } =
        scan(Arc::clone(&source), name, &order, &mut |_frames| {})
            .map_err(|error| refusal(&error))?;
    let table = Arc::new(table);
    let open = |card| {
        let order = DecodeOrder {
            range: table.range(),
            threads: 1,
            card,
            conceal: false,
            pre_roll: PreRoll::default(),
        };
        Decoder::open(Arc::clone(&source), name, &description, Arc::clone(&table), order)
            .map_err(|error| refusal(&error))
    };
    let card = open_card(&description.video)?;
    let (mut hardware, mut software) = (open(Some(card))?, open(None)?);
    let counted = count(&mut hardware, &mut software).map_err(|error| refusal(&error))?;
    say::line(&format!("hardware    {}", hardware.way()))?;
    say::line(&format!("software    {}", software.way()))?;
    let Counted { frames, different, samples, largest, kept, kept_different } = counted;
    say::line(&format!("frames      {frames} compared, {different} different"))?;
    say::line(&format!("samples     {samples} different, by at most {largest}"))?;
    say::line(&format!(
        "on card     {kept} frames stayed, came back and were changed there, {kept_different} different"
    ))?;
    let fallbacks = hardware.take_fallbacks();
    for fallback in &fallbacks {
        say::line(&format!("fallback    {}: {}", fallback.what, fallback.message))?;
    }
    if kept_different > 0 {
        return Err(Refusal::failed(format!(
            "{kept_different} of {kept} frames differ on the card"
        )));
    }
    if different > 0 {
        return Err(Refusal::failed(format!("{different} of {frames} frames differ")));
    }
    if let Some(fallback) = fallbacks.first() {
        let message = format!("the card did not decode all of it: {}", fallback.message);
        return Err(Refusal::new(Status::MachineLacks, message));
    }
    say::line("result      identical")?;
    Ok(Status::Done)
}

/// The card as a segment has it: one context and one stream for all, and frames stay where NVENC could take them.
fn open_card(video: &VideoDescription) -> Result<DecodeCard, Refusal> {
    let lacks = |why: String| Refusal::new(Status::MachineLacks, why);
    // `CUDA_VISIBLE_DEVICES` is CUDA's to apply: its first card is 0.
    let device = Device::open(0).map_err(|error| lacks(error.to_string()))?;
    let (name, handles) = (device.card().name.clone(), device.handles());
    let card = CardContext::share(&name, (handles.context, handles.stream), device);
    let card = card.map_err(|error| lacks(error.to_string()))?;
    let layout = Arc::new(video.layout.clone());
    match DevicePool::new(&card, &layout, (video.width, video.height), KEPT_MAX) {
        Ok(pool) => Ok(DecodeCard { card, pool: Some(pool) }),
        Err(error) => {
            say::line(&format!("on card     no frame stays: {error}"))?;
            Ok(DecodeCard { card, pool: None })
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    frames: u64,
    different: u64,
    samples: u64,
    largest: u32,
    /// Frames that were on the card too.
    kept: u64,
    /// Those of them that were not the host's there, before or after a part of both was changed.
    kept_different: u64,
}

fn count(hardware: &mut Decoder, software: &mut Decoder) -> Result<Counted, MediaError> {
    let mut counted = Counted::default();
    loop {
        match (hardware.next()?, software.next()?) {
            (None, None) => return Ok(counted),
            (Some((one, mut hard)), Some((two, soft))) => {
                counted.frames += 1;
                if let Some(there) = hard.take_on_card() {
                    counted.kept += 1;
                    counted.kept_different += u64::from(!is_kept(there, &soft)?);
                }
                let (samples, largest) = difference(&hard, &soft);
                counted.different += u64::from(samples > 0 || one != two);
                counted.samples += samples;
                counted.largest = counted.largest.max(largest);
            }
            (Some(_), None) | (None, Some(_)) => {
                return Err(MediaError::Internal(
                    "one decoder shows more frames than the other".to_owned(),
                ));
            }
        }
    }
}

/// Whether the card's frame is `soft`, and still is when a part of both has become another.
fn is_kept(mut there: DeviceFrame, soft: &VideoFrame) -> Result<bool, MediaError> {
    let before = difference(&there.download(soft.pts())?, soft).0 == 0;
    let mut changed = soft.twin()?;
    let part = |width: u32, height: u32| (height / 5..height / 3, width / 5, width / 3);
    let covered: Vec<Vec<Run>> = match changed.planes_mut()? {
        PlanesMut::Eight(planes) => {
            planes.into_iter().map(|plane| flip(plane, part, |s| !s)).collect()
        }
        PlanesMut::Sixteen(planes) => {
            planes.into_iter().map(|plane| flip(plane, part, |s| s ^ 0xff)).collect()
        }
    };
    there.upload_covered(&changed, &covered)?;
    Ok(before && difference(&there.download(soft.pts())?, &changed).0 == 0)
}

/// Changes a part of a plane, and says which.
fn flip<S: Copy>(
    plane: PlaneMut<'_, S>,
    part: impl Fn(u32, u32) -> (std::ops::Range<u32>, u32, u32),
    other: impl Fn(S) -> S,
) -> Vec<Run> {
    let (rows, start, end) = part(plane.width, plane.height);
    let runs: Vec<Run> = rows.map(|row| Run { row, start, end }).collect();
    for run in &runs {
        let at = run.row as usize * plane.stride;
        let samples = &mut plane.samples[at + start as usize..at + end as usize];
        samples.iter_mut().for_each(|sample| *sample = other(*sample));
    }
    runs
}

/// Samples that differ, and the largest difference; frames of another shape differ everywhere.
fn difference(hard: &VideoFrame, soft: &VideoFrame) -> (u64, u32) {
    if hard.layout() != soft.layout() || hard.pts() != soft.pts() {
        return (u64::from(soft.width()) * u64::from(soft.height()), 0);
    }
    match (hard.planes(), soft.planes()) {
        (PlanesRef::Eight(hard), PlanesRef::Eight(soft)) => of_planes(&hard, &soft),
        (PlanesRef::Sixteen(hard), PlanesRef::Sixteen(soft)) => of_planes(&hard, &soft),
        (PlanesRef::Eight(_), PlanesRef::Sixteen(_))
        | (PlanesRef::Sixteen(_), PlanesRef::Eight(_)) => (1, 0),
    }
}

fn of_planes<S: Copy + Into<u32>>(one: &[PlaneRef<'_, S>], two: &[PlaneRef<'_, S>]) -> (u64, u32) {
    let mut samples = 0;
    let mut largest = 0;
    for (one, two) in one.iter().zip(two) {
        let width = one.width as usize;
        let rows = one.samples.chunks(one.stride.max(1)).zip(two.samples.chunks(two.stride.max(1)));
        for (one, two) in rows.take(one.height as usize) {
            for (one, two) in one.iter().take(width).zip(two) {
                let apart = Into::<u32>::into(*one).abs_diff((*two).into());
                samples += u64::from(apart > 0);
                largest = largest.max(apart);
            }
        }
    }
    (samples, largest)
}

fn refusal(error: &MediaError) -> Refusal {
    Refusal::new(Status::of(error.kind()), error.failure(Stage::Decode).message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_compared_without_what_lies_behind_the_rows() {
        let (one, two) = ([1_u8, 2, 99, 3, 4, 99], [1_u8, 7, 3, 4]);
        let of = |samples: &'static [u8], stride| PlaneRef { samples, stride, width: 2, height: 2 };
        let one: &'static [u8] = Box::leak(Box::new(one));
        let two: &'static [u8] = Box::leak(Box::new(two));
        assert_eq!(of_planes(&[of(one, 3)], &[of(two, 2)]), (1, 5));
    }
}
