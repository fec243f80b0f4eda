//! A job as it is asked for in JSON: all that the wire can say, bytes in base64, hashes in hexadecimal.
//!
//! Owns two defaults, which are those of the command line: what nobody tells is looked for (`static`), and what is
//! left out is as if it were empty. Refuses fields that it does not know, so that a typing error is not a default.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cleanplate_proto::v1 as pb;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a job is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobRequest {
    /// URL of the source.
    pub input: String,
    /// URL of the output.
    pub output: String,
    /// Rectangles to remove.
    pub regions: Vec<Region>,
    /// Drawn masks.
    pub masks: Vec<Mask>,
    /// Logos, with their alpha.
    pub logos: Vec<Logo>,
    /// What was learned from another video.
    pub plan: Option<Plan>,
    /// What to look for. Left out: `static`, unless something else is told.
    pub detect: Option<Vec<String>>,
    /// Models that look for more.
    pub detectors: Vec<Detector>,
    /// How to fill.
    pub fill: String,
    /// The model that paints what no frame shows.
    pub painter: Option<Model>,
    /// `auto`, or an encoder's name.
    pub encoder: String,
    /// On the encoder's own scale.
    pub quality: Option<u32>,
    /// The encoder's own.
    pub preset: Option<String>,
    /// Bit-exact encode of the clean frames.
    pub lossless: bool,
    /// Length of the encode cells.
    pub cell_frames: Option<u32>,
    /// The largest segment.
    pub segment_frames: Option<u32>,
    /// Higher goes first.
    pub priority: i32,
    /// Whom the job belongs to.
    pub owner: String,
    /// `fail` or `conceal`.
    pub on_damage: String,
    /// Write a copy where the detector abstained.
    pub allow_unchanged: bool,
    /// Accept that metadata which cannot be carried is lost.
    pub allow_metadata_loss: bool,
    /// Start anew in software when the encoder is lost.
    pub restart_on_encoder_loss: bool,
    /// Cells that another worker decodes again.
    pub audit: Option<u32>,
    /// `go`, `wait` or `preview`.
    pub review: String,
    /// Take cells that show no overlay from the source.
    pub copy_untouched: bool,
    /// Keep what was learned after the job has ended.
    pub keep_plan: bool,
}

/// A rectangle, always or for a while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// From when on, in nanoseconds from the first frame.
    #[serde(default)]
    pub from_nanos: Option<u64>,
    /// Until when, not included.
    #[serde(default)]
    pub to_nanos: Option<u64>,
}

/// A drawn mask: rows of bits, each from a new byte, the leftmost sample in the lowest bit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// Width of the drawing.
    pub width: u32,
    /// Height of the drawing.
    pub height: u32,
    /// Where the bits are.
    pub bounds: Rect,
    /// The samples to remove.
    pub bits: Base64,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rect {
    /// Its left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

/// A logo: four bytes (red, green, blue, alpha) for each sample, row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logo {
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// The samples.
    pub rgba: Base64,
    /// Where its corner is; left out: to be found in every frame.
    #[serde(default)]
    pub at: Option<Corner>,
}

/// The left upper corner of something, which may lie outside the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corner {
    /// From the left edge.
    pub x: i32,
    /// From the upper edge.
    pub y: i32,
}

/// What was learned from another video.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Width of the pictures that it was learned on.
    pub width: u32,
    /// And their height.
    pub height: u32,
    /// What to remove.
    pub overlays: Vec<PlanOverlay>,
    /// What they are made of, as the engine stores it.
    pub mattes: Base64,
}

/// An overlay of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanOverlay {
    /// Where its bits are.
    pub bounds: Rect,
    /// Its samples, as in a mask.
    pub bits: Base64,
    /// Whether it hides something for good.
    pub hides: bool,
}

/// A model that looks for overlays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// `text`, `faces` or `model`.
    pub what: String,
    /// Which.
    pub model: Model,
    /// Classes that count; all where there are none.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The least score that counts, of 1000.
    #[serde(default)]
    pub score_min: Option<u32>,
}

/// A model file, pinned by its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its URL; `installed:NAME` where workers have it.
    pub url: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: Hex,
    /// Its size.
    pub bytes: u64,
}

/// Bytes, in base64 in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

/// Bytes, in hexadecimal in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        STANDARD.encode(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text);
        bytes.map(Self).map_err(|bad| serde::de::Error::custom(format!("not base64: {bad}")))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * self.0.len());
        for byte in &self.0 {
            // To a string nothing fails to be written.
            write!(text, "{byte:02x}").ok();
        }
        text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let pairs = text.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}

impl JobRequest {
    /// Whether it says by itself what to remove.
    const fn tells(&self) -> bool {
        !self.regions.is_empty()
            || !self.masks.is_empty()
            || !self.logos.is_empty()
            || self.plan.is_some()
            || !self.detectors.is_empty()
    }
}

impl From<JobRequest> for pb::JobRequest {
    fn from(request: JobRequest) -> Self {
        let tells = request.tells();
        let JobRequest {
            input,
            output,
            regions,
            masks,
            logos,
            plan,
            detect,
            detectors,
            fill,
            painter,
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
            review,
            copy_untouched,
            keep_plan,
        } = request;
        let usual = || if tells { Vec::new() } else { vec!["static".to_owned()] };
        Self {
            input,
            output,
            regions: regions.into_iter().map(Into::into).collect(),
            masks: masks.into_iter().map(Into::into).collect(),
            logos: logos.into_iter().map(Into::into).collect(),
            told: plan.map(Into::into),
            detect: detect.unwrap_or_else(usual),
            detectors: detectors.into_iter().map(Into::into).collect(),
            fill,
            painter: painter.map(Into::into),
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
            review,
            copy_untouched,
            keep_plan,
        }
    }
}

impl From<Rect> for pb::Rect {
    fn from(Rect { x, y, width, height }: Rect) -> Self {
        Self { x, y, width, height }
    }
}

impl From<pb::Rect> for Rect {
    fn from(pb::Rect { x, y, width, height }: pb::Rect) -> Self {
        Self { x, y, width, height }
    }
}

impl From<Region> for pb::Region {
    fn from(Region { x, y, width, height, from_nanos, to_nanos }: Region) -> Self {
        let bounded = from_nanos.is_some() || to_nanos.is_some();
        let when = pb::TimeSpan {
            from_nanos: from_nanos.unwrap_or(0),
            to_nanos: to_nanos.unwrap_or(u64::MAX),
        };
        Self { rect: Some(pb::Rect { x, y, width, height }), when: bounded.then_some(when) }
    }
}

impl From<Mask> for pb::UserMask {
    fn from(Mask { width, height, bounds, bits }: Mask) -> Self {
        Self { width, height, bounds: Some(bounds.into()), bits: bits.0 }
    }
}

impl From<Logo> for pb::UserLogo {
    fn from(Logo { width, height, rgba, at }: Logo) -> Self {
        let at = at.map(|Corner { x, y }| pb::Corner { x, y });
        Self { width, height, rgba: rgba.0, at }
    }
}

impl From<Plan> for pb::ToldPlan {
    fn from(Plan { width, height, overlays, mattes }: Plan) -> Self {
        let overlay = |PlanOverlay { bounds, bits, hides }: PlanOverlay| pb::ToldOverlay {
            bounds: Some(bounds.into()),
            bits: bits.0,
            hides,
        };
        let overlays = overlays.into_iter().map(overlay).collect();
        Self { width, height, overlays, mattes: mattes.0 }
    }
}

impl From<pb::ToldPlan> for Plan {
    fn from(pb::ToldPlan { width, height, overlays, mattes }: pb::ToldPlan) -> Self {
        let overlay = |pb::ToldOverlay { bounds, bits, hides }: pb::ToldOverlay| PlanOverlay {
            bounds: bounds.unwrap_or_default().into(),
            bits: Base64(bits),
            hides,
        };
        let overlays = overlays.into_iter().map(overlay).collect();
        Self { width, height, overlays, mattes: Base64(mattes) }
    }
}

impl From<Model> for pb::ModelRef {
    fn from(Model { url, sha256, bytes }: Model) -> Self {
        Self { url, sha256: sha256.0, bytes }
    }
}

impl From<Detector> for pb::Detector {
    fn from(Detector { what, model, classes, score_min }: Detector) -> Self {
        Self { what, model: Some(model.into()), classes, score_min }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::request::JobRequest as Parsed;

    use super::*;

    fn read(json: &str) -> pb::JobRequest {
        serde_json::from_str::<JobRequest>(json).unwrap().into()
    }

    #[test]
    fn what_nobody_tells_is_looked_for_as_on_the_command_line() {
        assert_eq!(read(r#"{"input":"a","output":"b"}"#).detect, ["static"]);
        let region = r#"{"regions":[{"x":1,"y":2,"width":3,"height":4}]}"#;
        assert!(read(region).detect.is_empty());
        assert!(read(r#"{"detect":[]}"#).detect.is_empty(), "nothing is nothing");
    }

    #[test]
    fn a_field_that_there_is_not_is_refused_by_name() {
        let error = serde_json::from_str::<JobRequest>(r#"{"prioriti":1}"#).unwrap_err();
        assert!(error.to_string().contains("`prioriti`"), "{error}");
    }

    #[test]
    fn all_that_the_wire_can_say_can_be_said_in_json() {
        let json = r#"{"input":"file:///a.mp4","output":"file:///b.mp4",
            "regions":[{"x":1,"y":2,"width":3,"height":4,"from_nanos":5,"to_nanos":6}],
            "masks":[{"width":20,"height":10,"bounds":{"x":4,"y":4,"width":9,"height":2},"bits":"/wH/AQ=="}],
            "logos":[{"width":2,"height":1,"rgba":"CQkJCQkJCQk=","at":{"x":-3,"y":4}}],
            "plan":{"width":20,"height":10,"overlays":[
                {"bounds":{"x":1,"y":1,"width":1,"height":1},"bits":"AQ==","hides":true}],"mattes":"AQID"},
            "detect":["static"],
            "detectors":[{"what":"model","classes":["logo"],"score_min":400,"model":{"url":"s3://b/m.onnx","bytes":7,
                "sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"}}],
            "fill":"pixelate","painter":{"url":"installed:lama","bytes":9,
                "sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
            "encoder":"hevc_nvenc","quality":19,"preset":"p5","lossless":true,"cell_frames":30,"segment_frames":60,
            "priority":-3,"owner":"me","on_damage":"conceal","allow_unchanged":true,"allow_metadata_loss":true,
            "restart_on_encoder_loss":true,"audit":2,"review":"wait","copy_untouched":true,"keep_plan":true}"#;
        let wire = read(json);
        // A field that is left at its default would be the same as one that is not carried over.
        let told = format!("{wire:?}");
        for empty in ["None", "[]", "\"\"", "false"] {
            assert!(!told.contains(&format!(": {empty}")), "{empty} in {told}");
        }
        let parsed = Parsed::try_from(wire.clone()).unwrap();
        assert_eq!(pb::JobRequest::from(parsed), wire);
    }

    #[test]
    fn a_plan_that_was_fetched_can_be_sent_again() {
        let plan = Plan { width: 2, mattes: Base64(vec![0, 255]), ..Plan::default() };
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
        assert_eq!(Plan::from(pb::ToldPlan::from(plan.clone())), plan);
    }
}
