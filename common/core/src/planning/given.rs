//! What the request itself says is to be removed, laid over the frame table.

use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{
    JobRequest, LOGO_SAMPLES_MAX, Region, TimeSpan, ToldPlan, UserLogo, UserMask,
};
use cleanplate_types::source::VideoDescription;
use cleanplate_types::time::Pts;

/// A region or a mask that makes no sense for this source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// It reaches beyond the picture.
    #[error(
        "the region {},{},{},{} reaches beyond the picture, which is {width}x{height}; keep x + width within {width} and y + height within {height}",
        rect.x, rect.y, rect.width, rect.height
    )]
    RegionOutside {
        /// The region.
        rect: Rect,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// It has no samples.
    #[error("the region {},{},{},{} is empty; give a width and a height of at least 1", rect.x, rect.y, rect.width, rect.height)]
    RegionEmpty {
        /// The region.
        rect: Rect,
    },
    /// It shows at no frame.
    #[error(
        "the region {},{},{},{} holds from {from_ms} to {to_ms} ms, and the video has no frame there: it lasts {video_ms} ms",
        rect.x, rect.y, rect.width, rect.height
    )]
    RegionNever {
        /// The region.
        rect: Rect,
        /// Its start in milliseconds from the first frame.
        from_ms: u64,
        /// Its end in milliseconds from the first frame.
        to_ms: u64,
        /// From the first frame to the end of the last, in milliseconds.
        video_ms: u64,
    },
    /// The mask was drawn for another picture.
    #[error(
        "the mask is {mask_width}x{mask_height}, the picture {width}x{height}; draw it at the picture's size"
    )]
    MaskSize {
        /// Width of the mask.
        mask_width: u32,
        /// Height of the mask.
        mask_height: u32,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// The mask marks nothing.
    #[error("the mask is black all over; paint white what is to be removed")]
    MaskEmpty,
    /// The logo has no samples, too many, or not four bytes for each.
    #[error(
        "the logo is {width}x{height}; it may have from 1 to {LOGO_SAMPLES_MAX} samples: crop it to what is not transparent"
    )]
    LogoSize {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The logo is transparent all over.
    #[error("the logo is transparent all over: there is nothing to remove")]
    LogoEmpty,
    /// No sample of the logo lies in the picture.
    #[error(
        "what can be seen of the logo, {logo_width}x{logo_height} from {x},{y} on, lies outside the picture, \
         which is {width}x{height}; the place after @ is that of the logo's left upper corner, transparent \
         border included"
    )]
    LogoOutside {
        /// Width of what can be seen of it.
        logo_width: u32,
        /// Height of that.
        logo_height: u32,
        /// Its left edge.
        x: i32,
        /// Its top edge.
        y: i32,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// The told plan is for other pictures.
    #[error(
        "the plan was learned on pictures of {plan_width}x{plan_height}, these are {width}x{height}; learn it anew with --save-plan"
    )]
    PlanSize {
        /// Width that the plan speaks of.
        plan_width: u32,
        /// Height that the plan speaks of.
        plan_height: u32,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// The told plan removes nothing.
    #[error("the plan has no overlays: there is nothing to remove")]
    PlanEmpty,
    /// The mask's bits do not fit its rectangle, or reach beyond its drawing.
    #[error("the mask is damaged: its bits do not fit its size")]
    MaskBroken,
}

/// The plan that the request's logos, regions, masks and told overlays make, in this order; no overlays
/// where it has none.
///
/// A region with times holds for the frames that start in it: `from <= pts - first pts < to`,
/// compared exactly.
///
/// # Errors
/// [`GivenError`] names the region or mask and the picture.
pub fn given_plan(
    request: &JobRequest,
    video: &VideoDescription,
    table: &FrameTable,
) -> Result<OverlayPlan, GivenError> {
    let fill = request.fill;
    let mut overlays = Vec::new();
    for logo in &request.logos {
        overlays.push(from_logo(logo, fill, video, table)?);
    }
    for region in &request.regions {
        overlays.push(from_region(region, fill, video, table)?);
    }
    for mask in &request.masks {
        overlays.push(from_mask(mask, fill, video, table)?);
    }
    if let Some(told) = &request.told {
        overlays.extend(from_told(told, fill, video, table)?);
    }
    Ok(OverlayPlan::new(video.width, video.height, overlays))
}

/// The overlay of a logo: where it is, or anywhere in the picture.
fn from_logo(
    logo: &UserLogo,
    fill: Fill,
    video: &VideoDescription,
    table: &FrameTable,
) -> Result<Overlay, GivenError> {
    let samples = u64::from(logo.width) * u64::from(logo.height);
    if samples == 0 || samples > LOGO_SAMPLES_MAX || logo.rgba.len() as u64 != 4 * samples {
        return Err(GivenError::LogoSize { width: logo.width, height: logo.height });
    }
    if logo.rgba.chunks_exact(4).all(|pixel| pixel[3] == 0) {
        return Err(GivenError::LogoEmpty);
    }
    let (width, height) = (video.width, video.height);
    let bounds = match logo.at {
        None => Rect { x: 0, y: 0, width, height },
        Some((x, y)) => {
            let side = |from: i32, length: u32, size: u32| {
                let end = (i64::from(from) + i64::from(length)).clamp(0, i64::from(size));
                let from = i64::from(from).clamp(0, i64::from(size));
                Some((u32::try_from(from).ok()?, u32::try_from(end - from).ok()?))
                    .filter(|(_, length)| *length > 0)
            };
            let sides = side(x, logo.width, width).zip(side(y, logo.height, height));
            let (across, down) = sides.ok_or_else(|| {
                let (logo_width, logo_height) = (logo.width, logo.height);
                GivenError::LogoOutside { logo_width, logo_height, x, y, width, height }
            })?;
            Rect { x: across.0, y: down.0, width: across.1, height: down.1 }
        }
    };
    let when = vec![table.range()];
    Ok(Overlay { origin: OverlayOrigin::Logo, mask: Mask::full(bounds), when, fill, hides: true })
}

/// The overlays of another video's plan, in all frames: each frame decides by itself whether it shows them.
fn from_told(
    told: &ToldPlan,
    fill: Fill,
    video: &VideoDescription,
    table: &FrameTable,
) -> Result<Vec<Overlay>, GivenError> {
    let plan = &told.plan;
    let (width, height) = (video.width, video.height);
    if (plan.width, plan.height) != (width, height) {
        let (plan_width, plan_height) = (plan.width, plan.height);
        return Err(GivenError::PlanSize { plan_width, plan_height, width, height });
    }
    if plan.overlays.iter().all(|overlay| overlay.mask.count() == 0) {
        return Err(GivenError::PlanEmpty);
    }
    let overlay = |told: &Overlay| {
        let bounds = told.mask.bounds;
        if !told.mask.is_well_formed() || bounds.right() > width || bounds.bottom() > height {
            return Err(GivenError::MaskBroken);
        }
        // One that was dropped keeps its place among the others.
        let when = if told.mask.count() == 0 { Vec::new() } else { vec![table.range()] };
        let mask = told.mask.clone();
        Ok(Overlay { origin: OverlayOrigin::Plan, mask, when, fill, hides: told.hides })
    };
    plan.overlays.iter().map(overlay).collect()
}

fn from_region(
    region: &Region,
    fill: Fill,
    video: &VideoDescription,
    table: &FrameTable,
) -> Result<Overlay, GivenError> {
    let rect = region.rect;
    if rect.width == 0 || rect.height == 0 {
        return Err(GivenError::RegionEmpty { rect });
    }
    let beyond =
        |start: u32, length: u32, size: u32| u64::from(start) + u64::from(length) > u64::from(size);
    if beyond(rect.x, rect.width, video.width) || beyond(rect.y, rect.height, video.height) {
        let (width, height) = (video.width, video.height);
        return Err(GivenError::RegionOutside { rect, width, height });
    }
    let frames = match region.when {
        None => table.range(),
        Some(span) => frames_in(span, table),
    };
    if let Some(span) = region.when
        && frames.is_empty()
    {
        return Err(never(rect, span, table));
    }
    Ok(Overlay {
        origin: OverlayOrigin::Region,
        mask: Mask::full(rect),
        when: vec![frames],
        fill,
        hides: true,
    })
}

fn never(rect: Rect, span: TimeSpan, table: &FrameTable) -> GivenError {
    let millis = |nanos: u64| nanos / 1_000_000;
    let first = table.pts.first().copied().unwrap_or(Pts(0));
    let last = table.pts.last().copied().unwrap_or(first);
    let end = Pts(last.0.saturating_add(table.last_duration));
    let nanos = u64::try_from(table.timebase.nanos_between(first, end)).unwrap_or(0);
    GivenError::RegionNever {
        rect,
        from_ms: millis(span.from_nanos),
        to_ms: millis(span.to_nanos),
        video_ms: millis(nanos),
    }
}

fn from_mask(
    drawn: &UserMask,
    fill: Fill,
    video: &VideoDescription,
    table: &FrameTable,
) -> Result<Overlay, GivenError> {
    let UserMask { width, height, mask } = drawn;
    if (*width, *height) != (video.width, video.height) {
        return Err(GivenError::MaskSize {
            mask_width: *width,
            mask_height: *height,
            width: video.width,
            height: video.height,
        });
    }
    let inside = mask.bounds.right() <= *width && mask.bounds.bottom() <= *height;
    if !mask.is_well_formed() || !inside {
        return Err(GivenError::MaskBroken);
    }
    if mask.count() == 0 {
        return Err(GivenError::MaskEmpty);
    }
    let when = vec![table.range()];
    Ok(Overlay { origin: OverlayOrigin::Mask, mask: mask.clone(), when, fill, hides: true })
}

/// The frames that start within `span` of the first frame, by exact comparison.
fn frames_in(span: TimeSpan, table: &FrameTable) -> FrameRange {
    let Some(first) = table.pts.first() else {
        return FrameRange::new(0, 0);
    };
    // ticks * num / den seconds < nanos / 1e9 seconds, without a division.
    let starts_before = |pts: &Pts, nanos: u64| {
        let ticks = i128::from(pts.0) - i128::from(first.0);
        ticks * i128::from(table.timebase.num()) * 1_000_000_000
            < i128::from(nanos) * i128::from(table.timebase.den())
    };
    let start = table.pts.partition_point(|pts| starts_before(pts, span.from_nanos));
    let end = table.pts.partition_point(|pts| starts_before(pts, span.to_nanos));
    FrameRange::new(start as u64, end as u64)
}

#[cfg(test)]
mod tests;
