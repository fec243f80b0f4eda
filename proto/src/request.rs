//! Conversion of what a client asks for.

use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::model::{Detector, DetectorKind, ModelRef};
use cleanplate_types::overlay::{Fill, Look, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{
    DETECTORS_MAX, Detect, EncoderChoice, JobRequest, LOGO_SAMPLES_MAX, OVERLAYS_TOLD_MAX,
    OnDamage, Region, Review, TimeSpan, ToldPlan, UserLogo, UserMask,
};

use crate::error::WireError;
use crate::v1 as pb;

fn rect_to_wire(rect: Rect) -> pb::Rect {
    let Rect { x, y, width, height } = rect;
    pb::Rect { x, y, width, height }
}

fn rect_from_wire(rect: Option<pb::Rect>, field: &'static str) -> Result<Rect, WireError> {
    let pb::Rect { x, y, width, height } = rect.ok_or(WireError::Missing(field))?;
    if width == 0
        || height == 0
        || x.checked_add(width).is_none()
        || y.checked_add(height).is_none()
    {
        return Err(WireError::OutOfRange(field));
    }
    Ok(Rect { x, y, width, height })
}

fn region_from_wire(region: pb::Region) -> Result<Region, WireError> {
    let pb::Region { rect, when } = region;
    let when = when.map(|pb::TimeSpan { from_nanos, to_nanos }| TimeSpan { from_nanos, to_nanos });
    if when.is_some_and(|span| span.to_nanos <= span.from_nanos) {
        return Err(WireError::OutOfRange("when"));
    }
    Ok(Region { rect: rect_from_wire(rect, "region")?, when })
}

fn mask_from_wire(mask: pb::UserMask) -> Result<UserMask, WireError> {
    let pb::UserMask { width, height, bounds, bits } = mask;
    let mask = Mask { bounds: rect_from_wire(bounds, "mask")?, bits };
    let inside = mask.bounds.right() <= width && mask.bounds.bottom() <= height;
    if !mask.is_well_formed() || !inside {
        return Err(WireError::OutOfRange("mask"));
    }
    Ok(UserMask { width, height, mask })
}

/// What to look for, by its name on the wire.
#[must_use]
pub const fn detect_name(detect: Detect) -> &'static str {
    match detect {
        Detect::Static => "static",
    }
}

/// What happens between plan and encode, by its name on the wire.
#[must_use]
pub const fn review_name(review: Review) -> &'static str {
    match review {
        Review::Go => "go",
        Review::Wait => "wait",
        Review::PreviewOnly => "preview",
    }
}

fn logo_to_wire(logo: UserLogo) -> pb::UserLogo {
    let UserLogo { width, height, rgba, at } = logo;
    pb::UserLogo { width, height, rgba, at: at.map(|(x, y)| pb::Corner { x, y }) }
}

fn logo_from_wire(logo: pb::UserLogo) -> Result<UserLogo, WireError> {
    let pb::UserLogo { width, height, rgba, at } = logo;
    let samples = u64::from(width) * u64::from(height);
    if samples > LOGO_SAMPLES_MAX || rgba.len() as u64 != 4 * samples {
        return Err(WireError::OutOfRange("logo"));
    }
    Ok(UserLogo { width, height, rgba, at: at.map(|pb::Corner { x, y }| (x, y)) })
}

impl From<ToldPlan> for pb::ToldPlan {
    fn from(told: ToldPlan) -> Self {
        let ToldPlan { plan, mattes } = told;
        let overlay = |overlay: Overlay| pb::ToldOverlay {
            bounds: Some(rect_to_wire(overlay.mask.bounds)),
            bits: overlay.mask.bits,
            hides: overlay.hides,
        };
        let overlays = plan.overlays.into_iter().map(overlay).collect();
        Self { width: plan.width, height: plan.height, overlays, mattes }
    }
}

impl TryFrom<pb::ToldPlan> for ToldPlan {
    type Error = WireError;

    fn try_from(told: pb::ToldPlan) -> Result<Self, WireError> {
        let pb::ToldPlan { width, height, overlays, mattes } = told;
        let overlay = |told: pb::ToldOverlay| {
            let pb::ToldOverlay { bounds, bits, hides } = told;
            let mask = Mask { bounds: rect_from_wire(bounds, "plan")?, bits };
            if !mask.is_well_formed() {
                return Err(WireError::OutOfRange("plan"));
            }
            // What is told of another video's frames means nothing here.
            let when: Vec<FrameRange> = Vec::new();
            Ok(Overlay { origin: OverlayOrigin::Plan, mask, when, fill: Fill::Auto, hides })
        };
        let overlays = overlays.into_iter().map(overlay).collect::<Result<_, _>>()?;
        Ok(Self { plan: OverlayPlan::new(width, height, overlays), mattes })
    }
}

impl From<ModelRef> for pb::ModelRef {
    fn from(ModelRef { url, sha, bytes }: ModelRef) -> Self {
        Self { url, sha256: sha.0.to_vec(), bytes }
    }
}

impl TryFrom<pb::ModelRef> for ModelRef {
    type Error = WireError;

    fn try_from(model: pb::ModelRef) -> Result<Self, WireError> {
        let pb::ModelRef { url, sha256, bytes } = model;
        if url.is_empty() {
            return Err(WireError::Missing("model"));
        }
        let sha = Sha::from_slice(&sha256).ok_or(WireError::OutOfRange("model"))?;
        Ok(Self { url, sha, bytes })
    }
}

impl From<Detector> for pb::Detector {
    fn from(Detector { what, model, classes, score_min }: Detector) -> Self {
        let what = what.as_str().to_owned();
        Self { what, model: Some(model.into()), classes, score_min: score_min.map(u32::from) }
    }
}

impl TryFrom<pb::Detector> for Detector {
    type Error = WireError;

    fn try_from(detector: pb::Detector) -> Result<Self, WireError> {
        let pb::Detector { what, model, classes, score_min } = detector;
        let kind = DetectorKind::ALL.into_iter().find(|kind| kind.as_str() == what);
        let score_min = match score_min.map(u16::try_from) {
            None => None,
            Some(Ok(score @ ..=1000)) => Some(score),
            Some(_) => return Err(WireError::OutOfRange("score_min")),
        };
        Ok(Self {
            what: kind.ok_or_else(|| unknown("detector", &what))?,
            model: model.ok_or(WireError::Missing("model"))?.try_into()?,
            classes,
            score_min,
        })
    }
}

/// Which encoder, by its name on the wire.
#[must_use]
pub const fn encoder_name(choice: EncoderChoice) -> &'static str {
    match choice {
        EncoderChoice::Auto => "auto",
        EncoderChoice::Named(name) => name.as_str(),
    }
}

/// What to do about damage, by its name on the wire.
#[must_use]
pub const fn damage_name(choice: OnDamage) -> &'static str {
    match choice {
        OnDamage::Fail => "fail",
        OnDamage::Conceal => "conceal",
    }
}

fn unknown(field: &'static str, value: &str) -> WireError {
    WireError::Unknown { field, value: value.to_owned() }
}

impl From<JobRequest> for pb::JobRequest {
    fn from(request: JobRequest) -> Self {
        let region = |Region { rect, when }: Region| pb::Region {
            rect: Some(rect_to_wire(rect)),
            when: when
                .map(|TimeSpan { from_nanos, to_nanos }| pb::TimeSpan { from_nanos, to_nanos }),
        };
        let drawn = |UserMask { width, height, mask }: UserMask| pb::UserMask {
            width,
            height,
            bounds: Some(rect_to_wire(mask.bounds)),
            bits: mask.bits,
        };
        Self {
            input: request.input,
            output: request.output,
            regions: request.regions.into_iter().map(region).collect(),
            masks: request.masks.into_iter().map(drawn).collect(),
            detect: request.detect.into_iter().map(|d| detect_name(d).to_owned()).collect(),
            fill: request.fill.as_str().to_owned(),
            encoder: encoder_name(request.encoder).to_owned(),
            quality: request.quality.map(u32::from),
            preset: request.preset,
            lossless: request.lossless,
            cell_frames: request.cell_frames,
            segment_frames: request.segment_frames,
            priority: request.priority,
            owner: request.owner,
            on_damage: damage_name(request.on_damage).to_owned(),
            allow_unchanged: request.allow_unchanged,
            allow_metadata_loss: request.allow_metadata_loss,
            restart_on_encoder_loss: request.restart_on_encoder_loss,
            audit: request.audit,
            logos: request.logos.into_iter().map(logo_to_wire).collect(),
            told: request.told.map(Into::into),
            review: review_name(request.review).to_owned(),
            copy_untouched: request.copy_untouched,
            keep_plan: request.keep_plan,
            detectors: request.detectors.into_iter().map(Into::into).collect(),
            painter: request.painter.map(Into::into),
        }
    }
}

impl TryFrom<pb::JobRequest> for JobRequest {
    type Error = WireError;

    fn try_from(request: pb::JobRequest) -> Result<Self, WireError> {
        let pb::JobRequest {
            input,
            output,
            regions,
            masks,
            detect,
            fill,
            encoder,
            quality,
            preset,
            lossless,
            cell_frames,
            segment_frames,
            priority,
            owner,
            on_damage,
            allow_unchanged,
            allow_metadata_loss,
            restart_on_encoder_loss,
            audit,
            logos,
            told,
            review,
            copy_untouched,
            keep_plan,
            detectors,
            painter,
        } = request;
        for (field, text) in [("input", &input), ("output", &output)] {
            if text.is_empty() {
                return Err(WireError::Missing(field));
            }
        }
        let told_overlays = told.as_ref().map_or(0, |told| told.overlays.len());
        let overlays = regions.len() + masks.len() + logos.len() + told_overlays;
        if overlays > OVERLAYS_TOLD_MAX {
            return Err(WireError::OutOfRange("overlays"));
        }
        if detectors.len() > DETECTORS_MAX {
            return Err(WireError::OutOfRange("detectors"));
        }
        let positive = |number: Option<u32>, field| match number {
            Some(0) => Err(WireError::OutOfRange(field)),
            other => Ok(other),
        };
        Ok(Self {
            input,
            output,
            regions: regions.into_iter().map(region_from_wire).collect::<Result<_, _>>()?,
            masks: masks.into_iter().map(mask_from_wire).collect::<Result<_, _>>()?,
            detect: detect.iter().map(|name| detect_from(name)).collect::<Result<_, _>>()?,
            fill: fill_from(&fill)?,
            encoder: encoder_from(&encoder)?,
            quality: quality
                .map(|value| u8::try_from(value).map_err(|_over| WireError::OutOfRange("quality")))
                .transpose()?,
            preset,
            lossless,
            cell_frames: positive(cell_frames, "cell_frames")?,
            segment_frames: positive(segment_frames, "segment_frames")?,
            priority,
            owner,
            on_damage: damage_from(&on_damage)?,
            allow_unchanged,
            allow_metadata_loss,
            restart_on_encoder_loss,
            audit,
            logos: logos.into_iter().map(logo_from_wire).collect::<Result<_, _>>()?,
            told: told.map(TryInto::try_into).transpose()?,
            review: review_from(&review)?,
            copy_untouched,
            keep_plan,
            detectors: detectors.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            painter: painter.map(TryInto::try_into).transpose()?,
        })
    }
}

/// What to look for, from its name on the wire.
///
/// # Errors
/// [`WireError::Unknown`] where the name means nothing here.
pub fn detect_from(name: &str) -> Result<Detect, WireError> {
    match name {
        "static" => Ok(Detect::Static),
        other => Err(unknown("detect", other)),
    }
}

/// How to fill, from its name on the wire.
///
/// # Errors
/// [`WireError::Unknown`] where the name means nothing here.
pub fn fill_from(name: &str) -> Result<Fill, WireError> {
    if name.is_empty() {
        return Ok(Fill::Auto);
    }
    Fill::ALL.into_iter().find(|fill| fill.as_str() == name).ok_or_else(|| unknown("fill", name))
}

/// Which look at the frames, from its name on the wire.
///
/// # Errors
/// [`WireError::Unknown`] where the name means nothing here.
pub fn look_from(name: &str) -> Result<Look, WireError> {
    Look::ALL.into_iter().find(|look| look.as_str() == name).ok_or_else(|| unknown("look", name))
}

/// What happens between plan and encode, from its name on the wire.
///
/// # Errors
/// [`WireError::Unknown`] where the name means nothing here.
pub fn review_from(name: &str) -> Result<Review, WireError> {
    match name {
        "" | "go" => Ok(Review::Go),
        "wait" => Ok(Review::Wait),
        "preview" => Ok(Review::PreviewOnly),
        other => Err(unknown("review", other)),
    }
}

/// Which encoder, from its name on the wire.
///
/// # Errors
/// [`WireError::Unknown`] where the name means nothing here.
pub fn encoder_from(name: &str) -> Result<EncoderChoice, WireError> {
    match name {
        "" | "auto" => Ok(EncoderChoice::Auto),
        other => EncoderName::parse(other)
            .map(EncoderChoice::Named)
            .ok_or_else(|| unknown("encoder", other)),
    }
}

/// What to do about damage, from its name on the wire.
///
/// # Errors
/// [`WireError::Unknown`] where the name means nothing here.
pub fn damage_from(name: &str) -> Result<OnDamage, WireError> {
    match name {
        "" | "fail" => Ok(OnDamage::Fail),
        "conceal" => Ok(OnDamage::Conceal),
        other => Err(unknown("on_damage", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> JobRequest {
        JobRequest {
            input: "file:///a.mp4".to_owned(),
            output: "s3://bucket/b.mp4".to_owned(),
            regions: vec![Region {
                rect: Rect { x: 1, y: 2, width: 3, height: 4 },
                when: Some(TimeSpan { from_nanos: 5, to_nanos: 6 }),
            }],
            masks: vec![UserMask {
                width: 20,
                height: 10,
                mask: Mask::full(Rect { x: 4, y: 4, width: 9, height: 2 }),
            }],
            detect: vec![Detect::Static],
            fill: Fill::Pixelate,
            encoder: EncoderChoice::Named(EncoderName::HevcNvenc),
            quality: Some(19),
            preset: Some("p5".to_owned()),
            lossless: true,
            cell_frames: Some(30),
            segment_frames: Some(60),
            priority: -3,
            owner: "me".to_owned(),
            on_damage: OnDamage::Conceal,
            allow_unchanged: true,
            allow_metadata_loss: true,
            restart_on_encoder_loss: true,
            audit: Some(2),
            logos: vec![UserLogo { width: 2, height: 1, rgba: vec![9; 8], at: Some((-3, 4)) }],
            told: Some(ToldPlan {
                plan: OverlayPlan::new(
                    20,
                    10,
                    vec![Overlay {
                        origin: OverlayOrigin::Plan,
                        mask: Mask::full(Rect { x: 1, y: 1, width: 3, height: 3 }),
                        when: Vec::new(),
                        fill: Fill::Auto,
                        hides: true,
                    }],
                ),
                mattes: vec![1, 2, 3],
            }),
            review: Review::Wait,
            copy_untouched: true,
            keep_plan: true,
            detectors: vec![Detector {
                what: DetectorKind::Own,
                model: ModelRef { url: "s3://b/m.onnx".to_owned(), sha: Sha::of(b"m"), bytes: 7 },
                classes: vec!["logo".to_owned()],
                score_min: Some(400),
            }],
            painter: Some(ModelRef::installed("lama", Sha::of(b"l"), 9)),
        }
    }

    #[test]
    fn a_model_without_its_whole_hash_is_refused_at_the_door() {
        let mut wire = pb::JobRequest::from(request());
        wire.detectors[0].model.as_mut().unwrap().sha256.pop();
        assert_eq!(JobRequest::try_from(wire), Err(WireError::OutOfRange("model")));
    }

    #[test]
    fn a_request_survives_the_wire_whole() {
        let wire = pb::JobRequest::from(request());
        assert_eq!(JobRequest::try_from(wire).unwrap(), request());
    }

    #[test]
    fn a_mask_that_does_not_fill_its_bounds_is_refused_at_the_door() {
        let mut wire = pb::JobRequest::from(request());
        wire.masks[0].bits = vec![0];
        assert_eq!(JobRequest::try_from(wire), Err(WireError::OutOfRange("mask")));
    }

    #[test]
    fn a_logo_without_all_of_its_samples_is_refused_at_the_door() {
        let mut wire = pb::JobRequest::from(request());
        wire.logos[0].rgba.pop();
        assert_eq!(JobRequest::try_from(wire), Err(WireError::OutOfRange("logo")));
    }

    #[test]
    fn every_fill_and_look_has_a_name_that_is_read_back() {
        for fill in Fill::ALL {
            assert_eq!(fill_from(fill.as_str()).unwrap(), fill);
        }
        for look in Look::ALL {
            assert_eq!(look_from(look.as_str()).unwrap(), look);
        }
    }
}
