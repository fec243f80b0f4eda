//! What is true of each made-up job: its request, its source, what a search would find; and the objects
//! that the store holds.

use std::collections::BTreeMap;

use cleanplate_types::brief::JobBrief;
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::ids::JobId;
use cleanplate_types::model::{Detector, DetectorKind, ModelRef};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{
    Draft, Fill, Finding, Look, Mask, Overlay, OverlayOrigin, OverlayPlan,
};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{Detect, EncoderChoice, JobRequest, Region, Review};

use crate::random::Random;
use crate::samples;

/// One job's truth.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) request: JobRequest,
    pub(crate) table: FrameTable,
    /// Its packets tell of a frame that no decoder shows.
    pub(crate) packets_lie: bool,
    pub(crate) finding: Finding,
}

/// All jobs' truths, and the objects that were written.
#[derive(Debug, Default)]
pub(crate) struct Truths {
    pub(crate) jobs: BTreeMap<JobId, Truth>,
    briefs: BTreeMap<String, JobBrief>,
    /// The last draft for the learning look of each job.
    drafts: BTreeMap<JobId, Draft>,
}

impl Truth {
    pub(crate) fn random(random: &mut Random, frames_max: u64) -> Self {
        let frames = random.between(1, frames_max);
        let table = samples::table(frames, random.between(20, 400));
        let finding = match random.below(3) {
            0 => Finding::Nothing,
            1 => Finding::Abstained { why: "the camera never moved".to_owned() },
            _ => Finding::found(found(table.range())),
        };
        Self { request: request(random), table, packets_lie: random.chance(100), finding }
    }

    /// The table that intake makes.
    pub(crate) fn table_of_intake(&self, decoded: bool) -> FrameTable {
        if decoded || !self.packets_lie {
            return self.table.clone();
        }
        samples::table(self.table.range().count() + 1, 50)
    }
}

impl Truths {
    pub(crate) fn of(&self, job: &JobId) -> &Truth {
        &self.jobs[job]
    }

    /// What the object says: the search's finding, or what was learned of the plan that was drafted last.
    /// Overlays in the left half of the picture turn out to hide nothing.
    pub(crate) fn finding(&self, job: &JobId, object: &ObjectRef) -> Finding {
        if !object.key.ends_with(Look::Learn.as_str()) {
            return self.of(job).finding.clone();
        }
        let mut plan = self.drafts[job].plan.clone();
        for overlay in &mut plan.overlays {
            overlay.hides = overlay.mask.bounds.x > 8;
        }
        Finding::Learned { plan, notes: vec!["it was learned".to_owned()] }
    }

    /// Keeps a draft and names its object after its look.
    pub(crate) fn write_draft(&mut self, job: &JobId, look: Look, draft: Draft) -> ObjectRef {
        let object = samples::object(&format!("{job}/draft/{}", look.as_str()));
        if look == Look::Learn {
            self.drafts.insert(job.clone(), draft);
        }
        object
    }

    /// Keeps a brief and names its object after its content.
    pub(crate) fn write_brief(&mut self, brief: JobBrief) -> ObjectRef {
        let object = samples::object(&format!("{}/brief/{}", brief.job, brief.spec.fingerprint()));
        self.briefs.insert(object.key.clone(), brief);
        object
    }

    pub(crate) fn brief(&self, object: &ObjectRef) -> &JobBrief {
        &self.briefs[&object.key]
    }
}

fn found(frames: FrameRange) -> OverlayPlan {
    let bounds = Rect { x: 8, y: 8, width: 8, height: 8 };
    let overlay = Overlay {
        origin: OverlayOrigin::Static,
        mask: Mask::full(bounds),
        when: vec![frames],
        fill: Fill::Auto,
        hides: true,
    };
    OverlayPlan::new(320, 180, vec![overlay])
}

/// A model that workers may have installed.
pub(crate) fn installed_model() -> ModelRef {
    ModelRef::installed("text", Sha::of(b"text"), 100)
}

/// A detector by that model.
pub(crate) fn detector() -> Detector {
    let model = installed_model();
    Detector { what: DetectorKind::Text, model, classes: Vec::new(), score_min: None }
}

fn request(random: &mut Random) -> JobRequest {
    let mut request = samples::request();
    if random.chance(300) {
        request.detect.push(Detect::Static);
    }
    if random.chance(150) {
        request.detectors.push(detector());
    }
    if random.chance(100) {
        request.painter = Some(installed_model());
    }
    if random.chance(400) {
        let x = if random.chance(50) { 319 } else { 16 };
        let rect = Rect { x, y: 16, width: 32, height: 16 };
        request.regions.push(Region { rect, when: None });
    }
    request.encoder = random.pick(&[
        EncoderChoice::Auto,
        EncoderChoice::Auto,
        EncoderChoice::Named(EncoderName::Libx264),
        EncoderChoice::Named(EncoderName::H264Nvenc),
    ]);
    if random.chance(800) {
        request.cell_frames = u32::try_from(random.between(10, 200)).ok();
    }
    if random.chance(300) {
        request.segment_frames = u32::try_from(random.between(1, 400)).ok();
    }
    request.priority = i32::try_from(random.below(3)).expect("a small number fits");
    request.audit = random.pick(&[None, None, Some(0), Some(1), Some(3)]);
    request.fill = random.pick(&[Fill::Auto, Fill::Auto, Fill::Fetch, Fill::Membrane]);
    request.review = random.pick(&[Review::Go, Review::Go, Review::Wait, Review::PreviewOnly]);
    request.allow_unchanged = random.chance(500);
    request.restart_on_encoder_loss = random.chance(500);
    request
}
