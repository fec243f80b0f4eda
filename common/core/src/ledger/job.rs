//! One job as the records tell it: its phase, and what is true in that phase.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cleanplate_types::cell::{Cell, Segment};
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncodeSpec;
use cleanplate_types::failure::Failure;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, LeaseId, WorkerId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Look, OverlayPlan};
use cleanplate_types::part::{PartSummary, Restored};
use cleanplate_types::request::JobRequest;
use cleanplate_types::time::Tick;

use crate::input::{IntakeResult, Survey};
use crate::ledger::audits::Audit;
use crate::ledger::border::Borders;
use crate::ledger::frontier::Frontier;
use crate::ledger::tries::{Blamed, Tries};
use crate::outcome::{CopyReason, JobOutcome};

/// Failures that a job remembers: enough to see a pattern, 32 x about 300 bytes.
pub(crate) const FAILURES_KEPT: usize = 32;

/// Luma samples of a frame of 1080p: workers' speeds are kept in such frames, since they get work of all sizes.
const SAMPLES_1080P: u64 = 1920 * 1080;

/// A smaller frame is taken for one of so many: what it costs lies no longer in its samples.
const SAMPLES_MIN: u64 = 640 * 360;

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) request: JobRequest,
    pub(crate) sequence: u64,
    pub(crate) submitted: Tick,
    pub(crate) phase: Phase,
    /// Why the frame table is made by decoding, where packets proved wrong.
    pub(crate) decode_all: Option<String>,
    pub(crate) intake: Option<Box<IntakeResult>>,
    pub(crate) survey: Option<Box<Survey>>,
    pub(crate) plan: Option<Box<OverlayPlan>>,
    /// A person let a plan pass: this one, or that of a table which proved wrong.
    pub(crate) approved: bool,
    /// What a person is shown.
    pub(crate) preview: Option<ObjectRef>,
    /// The hardware encoder was lost: software from here on.
    pub(crate) in_software: bool,
    pub(crate) leases: BTreeSet<LeaseId>,
    pub(crate) tries: BTreeMap<Blamed, Tries>,
    pub(crate) failures: VecDeque<Failure>,
    pub(crate) stitch_failures: u32,
    /// What the job must fail with; the `Ended` record follows.
    pub(crate) doomed: Option<Box<Failure>>,
    /// What showed that the frame table is wrong; the `Retabled` record follows.
    pub(crate) retable: Option<Box<Failure>>,
    pub(crate) outcome: Option<JobOutcome>,
    pub(crate) ended: Option<Tick>,
}

/// What a job is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The source is to be looked at.
    Intake,
    /// Description and table are to be read and planned on.
    Survey,
    /// The plan as it stands is to be written for a look.
    Draft { look: Look },
    /// Windows are to be looked at.
    Analyse(Box<Analysis>),
    /// The evidence is to be reduced.
    Reduce { look: Look, draft: Option<ObjectRef>, evidence: Vec<ObjectRef> },
    /// The finding is to be read.
    Finding { look: Look, finding: ObjectRef, mattes: Option<ObjectRef> },
    /// A person is to approve or reject the plan.
    Review,
    /// The preview is there, and nothing more was asked for: the job is to end.
    Previewed,
    /// The encoder is to be chosen.
    Encoder,
    /// The brief is to be written.
    Brief { spec: Box<EncodeSpec> },
    /// Segments are to be made and stitched.
    Encode(Box<Encoding>),
    /// The source is to be copied.
    Copy { why: CopyReason },
}

/// A look that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Analysis {
    pub(crate) look: Look,
    /// What it is given; nothing for the first look.
    pub(crate) draft: Option<ObjectRef>,
    pub(crate) windows: Vec<FrameRange>,
    /// The windows that nobody holds.
    pub(crate) free: BTreeSet<u32>,
    /// The windows that two leases hold.
    pub(crate) doubled: BTreeSet<u32>,
    /// The evidence of each window that is done.
    pub(crate) evidence: BTreeMap<u32, ObjectRef>,
}

/// A job whose cells are being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) spec: EncodeSpec,
    pub(crate) fingerprint: Sha,
    pub(crate) brief: ObjectRef,
    pub(crate) frontier: Frontier,
    /// Frames of the frontier's cells.
    pub(crate) frames_free: u64,
    /// The cells that two leases hold.
    pub(crate) doubled: BTreeSet<CellIndex>,
    /// The accepted part of each cell.
    pub(crate) parts: Vec<Option<Box<Part>>>,
    pub(crate) cells_committed: u32,
    pub(crate) frames_committed: u64,
    /// The manifests of parts that were accepted and are void.
    pub(crate) void: BTreeSet<String>,
    /// For each cell whose part became void, the lease that would have been given next when it last did: whoever
    /// holds it under an older one has handed it in and does not know.
    pub(crate) voided: BTreeMap<CellIndex, LeaseId>,
    /// Where the clean samples of the accepted parts come from.
    pub(crate) restored: Restored,
    /// The extradata of the first accepted part.
    pub(crate) extradata: Option<Sha>,
    pub(crate) borders: Borders,
    /// The cells that are audited.
    pub(crate) audits: BTreeMap<CellIndex, Audit>,
}

/// An accepted part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) summary: PartSummary,
    /// Who made it.
    pub(crate) worker: WorkerId,
}

impl Job {
    pub(crate) const fn new(request: JobRequest, sequence: u64, submitted: Tick) -> Self {
        Self {
            request,
            sequence,
            submitted,
            phase: Phase::Intake,
            decode_all: None,
            intake: None,
            survey: None,
            plan: None,
            approved: false,
            preview: None,
            in_software: false,
            leases: BTreeSet::new(),
            tries: BTreeMap::new(),
            failures: VecDeque::new(),
            stitch_failures: 0,
            doomed: None,
            retable: None,
            outcome: None,
            ended: None,
        }
    }

    /// `speed` in frames of this job's size, as a speed in frames of 1080p.
    pub(crate) fn at_1080p(&self, speed: u64) -> u64 {
        scaled(speed, self.samples(), SAMPLES_1080P)
    }

    /// `speed` in frames of 1080p, as a speed in frames of this job's size.
    pub(crate) fn at_its_size(&self, speed: u64) -> u64 {
        scaled(speed, SAMPLES_1080P, self.samples())
    }

    /// Luma samples that a frame is taken for.
    fn samples(&self) -> u64 {
        let video = self.survey.as_ref().map(|survey| &survey.description.video);
        let samples = video.map(|video| u64::from(video.width) * u64::from(video.height));
        samples.map_or(SAMPLES_1080P, |samples| samples.max(SAMPLES_MIN))
    }

    pub(crate) fn cells(&self) -> &[Cell] {
        self.survey.as_ref().map_or(&[], |survey| &survey.cells)
    }

    /// Whether there is a piece of work that nobody holds.
    pub(crate) fn has_free_piece(&self) -> bool {
        if self.outcome.is_some() || self.doomed.is_some() || self.retable.is_some() {
            return false;
        }
        match &self.phase {
            Phase::Intake | Phase::Reduce { .. } => self.leases.is_empty(),
            Phase::Analyse(analysis) => !analysis.free.is_empty(),
            Phase::Encode(encoding) => {
                !encoding.frontier.is_empty() || encoding.audits_free().next().is_some()
            }
            Phase::Survey
            | Phase::Draft { .. }
            | Phase::Finding { .. }
            | Phase::Review
            | Phase::Previewed
            | Phase::Encoder
            | Phase::Brief { .. }
            | Phase::Copy { .. } => false,
        }
    }

    /// What is known of its cells, once they are being made.
    pub(crate) const fn encoding(&self) -> Option<&Encoding> {
        match &self.phase {
            Phase::Encode(encoding) => Some(encoding),
            Phase::Intake
            | Phase::Survey
            | Phase::Draft { .. }
            | Phase::Analyse(_)
            | Phase::Reduce { .. }
            | Phase::Finding { .. }
            | Phase::Review
            | Phase::Previewed
            | Phase::Encoder
            | Phase::Brief { .. }
            | Phase::Copy { .. } => None,
        }
    }

    pub(crate) fn encoding_mut(&mut self) -> Option<&mut Encoding> {
        if let Phase::Encode(encoding) = &mut self.phase { Some(encoding) } else { None }
    }

    pub(crate) fn remember(&mut self, failure: &Failure) {
        if self.failures.len() == FAILURES_KEPT {
            self.failures.pop_front();
        }
        self.failures.push_back(failure.clone());
    }

    /// Forgets all work that was done, keeping the request.
    pub(crate) fn start_anew(&mut self) {
        let failures = std::mem::take(&mut self.failures);
        *self = Self::new(self.request.clone(), self.sequence, self.submitted);
        self.failures = failures;
    }
}

impl Analysis {
    pub(crate) fn new(look: Look, draft: Option<ObjectRef>, windows: Vec<FrameRange>) -> Self {
        let count = u32::try_from(windows.len()).unwrap_or(u32::MAX);
        let (free, doubled) = ((0..count).collect(), BTreeSet::new());
        Self { look, draft, windows, free, doubled, evidence: BTreeMap::new() }
    }

    /// The windows that nobody holds, in order.
    pub(crate) fn free(&self) -> impl Iterator<Item = (u32, FrameRange)> {
        let of = |index: &u32| Some((*index, *self.windows.get(*index as usize)?));
        self.free.iter().filter_map(of)
    }

    /// The frames of these.
    pub(crate) fn frames_free(&self) -> u64 {
        self.free().map(|(_, frames)| frames.count()).sum()
    }
}

impl Encoding {
    pub(crate) fn new(spec: EncodeSpec, brief: ObjectRef, survey: &Survey) -> Self {
        let cells = &survey.cells;
        Self {
            fingerprint: spec.fingerprint(),
            spec,
            brief,
            frontier: Frontier::all(u32::try_from(cells.len()).unwrap_or(u32::MAX)),
            frames_free: cells.iter().map(|cell| cell.frames.count()).sum(),
            doubled: BTreeSet::new(),
            parts: vec![None; cells.len()],
            cells_committed: 0,
            frames_committed: 0,
            void: BTreeSet::new(),
            voided: BTreeMap::new(),
            restored: Restored::default(),
            extradata: None,
            borders: Borders::new(survey.cutting, cells),
            audits: BTreeMap::new(),
        }
    }

    pub(crate) fn part(&self, cell: CellIndex) -> Option<&Part> {
        self.parts.get(place(cell))?.as_deref()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.cells_committed as usize == self.parts.len()
    }

    /// The cells of `segment`, which is leased under `lease`, that have no accepted part, though none was voided since.
    pub(crate) fn kept_back(
        &self,
        segment: Segment,
        lease: LeaseId,
    ) -> impl Iterator<Item = CellIndex> {
        let missing = self.missing(segment);
        missing.filter(move |cell| self.voided.get(cell).is_none_or(|next| *next <= lease))
    }

    /// The cells of `segment` that have no accepted part.
    pub(crate) fn missing(&self, segment: Segment) -> impl Iterator<Item = CellIndex> {
        segment.indices().filter(|cell| self.part(*cell).is_none())
    }
}

fn scaled(speed: u64, by: u64, of: u64) -> u64 {
    let scaled = u128::from(speed) * u128::from(by) / u128::from(of);
    u64::try_from(scaled).unwrap_or(u64::MAX).max(1)
}

/// A cell's place in vectors.
pub(crate) const fn place(cell: CellIndex) -> usize {
    cell.0 as usize
}
