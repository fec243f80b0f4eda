//! What the request itself says is to be removed, laid over the frame table.

use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{FillChoice, JobRequest, Region, TimeSpan, UserMask};
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
    /// The mask's bits do not fit its rectangle, or reach beyond its drawing.
    #[error("the mask is damaged: its bits do not fit its size")]
    MaskBroken,
}

/// The plan that the request's regions and masks make; no overlays where it has none.
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
    let fill = match request.fill {
        FillChoice::Auto => Fill::Membrane,
        FillChoice::Forced(fill) => fill,
    };
    let mut overlays = Vec::new();
    for region in &request.regions {
        overlays.push(from_region(region, fill, video, table)?);
    }
    for mask in &request.masks {
        overlays.push(from_mask(mask, fill, video, table)?);
    }
    Ok(OverlayPlan { width: video.width, height: video.height, overlays })
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
    Ok(Overlay { origin: OverlayOrigin::Region, mask: Mask::full(rect), when: vec![frames], fill })
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
    Ok(Overlay { origin: OverlayOrigin::Mask, mask: mask.clone(), when, fill })
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
