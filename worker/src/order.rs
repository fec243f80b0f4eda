//! What a lease's parent and child say to each other, and the names that the child may use.
//!
//! Both are the same binary: the encoding is postcard and needs no versions. The child knows names;
//! which object or source a name stands for is the parent's business.

use std::path::PathBuf;

use cleanplate_child::WallsReport;
use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::failure::Failure;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::limits::SourceLimits;
use cleanplate_types::model::Detector;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Fill, Look};
use cleanplate_types::part::PartSummary;
use cleanplate_types::request::{Detect, EncoderChoice};
use cleanplate_types::trail::TrailEntry;
use serde::{Deserialize, Serialize};

use crate::machine::{Batches, ProvedRuntime};
use crate::options::ModelOptions;

/// What a child is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// For whom.
    pub(crate) job: JobId,
    /// By which right.
    pub(crate) lease: LeaseId,
    /// Milliseconds since the attempt began.
    pub(crate) began_ms: u64,
    /// The source's file name, for the demuxer; empty where no source is read.
    pub(crate) name_hint: String,
    /// With what.
    pub(crate) means: Means,
    /// The work.
    pub(crate) work: Work,
}

/// What a child may use of the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Means {
    /// Threads for decoding in software.
    pub(crate) threads: u32,
    /// The card, as the child counts its visible ones.
    pub(crate) card: Option<u32>,
    /// How much goes into one call.
    pub(crate) batches: Batches,
    /// The library that runs models, where the work needs one.
    pub(crate) runtime: Option<PathBuf>,
    /// What a source may be.
    pub(crate) source: SourceLimits,
}

/// The work of a lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Reads [`SOURCE`], writes [`DESCRIPTION`], [`TABLE`] and, where it reads the whole source, [`REST`].
    Intake(Intake),
    /// Reads [`SOURCE`], [`DESCRIPTION`], [`TABLE`], after the first look [`DRAFT`], and what that names;
    /// writes [`EVIDENCE`].
    Analyse {
        /// Which look.
        look: Look,
        /// The frames to look at.
        window: FrameRange,
        /// What to look for.
        detect: Vec<Detect>,
        /// The models that look for more, each [`model`] by its place.
        detectors: Vec<Detector>,
        /// The name of the model that paints what no frame shows, where one does: [`PAINTER`].
        painter: Option<String>,
    },
    /// Reads [`DESCRIPTION`], [`TABLE`], after the first look [`DRAFT`], and [`evidence`] from 0 on; writes
    /// [`FINDING`] and, where something is learned, [`MATTES`].
    Reduce {
        /// Which look.
        look: Look,
        /// Number of windows.
        windows: u32,
        /// How overlays are to be filled.
        fill: Fill,
    },
    /// Reads [`SOURCE`], [`TABLE`], [`BRIEF`] and the objects that its plan names, [`PAINTER`] where frames are
    /// painted, writes [`part`] and [`manifest`] of each cell.
    Segment(Run),
    /// Reads [`SOURCE`], [`TABLE`], [`BRIEF`] and the [`manifest`] of the cell, and decodes the cell's
    /// frames again.
    Audit {
        /// The cell.
        cell: CellIndex,
        /// Show what the decoder makes of damage, rather than fail.
        conceal: bool,
    },
}

/// A run of cells, and where decoding begins.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The first cell.
    pub(crate) first: CellIndex,
    /// Number of cells.
    pub(crate) cells: u32,
    /// Show what the decoder makes of damage, rather than fail.
    pub(crate) conceal: bool,
    /// Decode as if this frame were the first that is wanted, where it is before the cells.
    pub(crate) decode_from: Option<u64>,
    /// Times that the pre-roll before it is doubled.
    pub(crate) earlier: u32,
}

/// A look at a source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Intake {
    /// The output's name: decides its container.
    pub(crate) output: String,
    /// Make the table by decoding everything, for this reason.
    pub(crate) decode_all: Option<String>,
    /// Show what the decoder makes of damage, rather than fail.
    pub(crate) conceal: bool,
    /// Accept that metadata which cannot be carried is lost.
    pub(crate) allow_metadata_loss: bool,
    /// The encoder asked for.
    pub(crate) encoder: EncoderChoice,
    /// Whether the clean frames are to be encoded bit-exactly.
    pub(crate) lossless: bool,
    /// Look at every packet, whatever index there is.
    pub(crate) read_packets: bool,
    /// The source is not on a disk of this machine.
    pub(crate) is_far: bool,
    /// Width and height of the pictures that masks or a plan were made for.
    pub(crate) drawn_for: Option<(u32, u32)>,
}

/// What a child tells without waiting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Told {
    /// Frames that went through so far.
    Progress {
        /// How many.
        frames: u64,
    },
    /// A line of the attempt's trail.
    Trail(TrailEntry),
}

/// What a child waits for the parent to take.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Handed {
    /// A cell is encoded, and its part and manifest are stored.
    Cell {
        /// What the coordinator is told.
        summary: Box<PartSummary>,
        /// The part as its manifest has it.
        part: ObjectRef,
    },
}

/// What a child's work came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The source has so many frames.
    Intake {
        /// Displayed frames.
        frames: u64,
        /// Whether [`REST`] was written.
        has_rest: bool,
        /// What people should know of it.
        notes: Vec<String>,
    },
    /// The evidence is stored.
    Analyse,
    /// The finding is stored.
    Reduce {
        /// Whether [`MATTES`] was written.
        has_mattes: bool,
    },
    /// All cells are handed in.
    Segment,
    /// The part's frames are what its manifest says.
    Audit {
        /// How many were decoded again.
        frames: u64,
    },
}

/// What a child that looks at the machine is to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct CheckOrder {
    /// The encoders to prove.
    pub(crate) encoders: Vec<EncoderName>,
    /// By which card.
    pub(crate) card: Option<u32>,
    /// Where the models are that are to be proved.
    pub(crate) models: Option<ModelOptions>,
    /// An encoder of the card, and how many of it to open at once at most; `None` leaves that alone.
    pub(crate) sessions: Option<(EncoderName, u32)>,
    /// Models of a job to open before it begins; `None` where there are none.
    pub(crate) own: Option<OwnModels>,
}

/// Models that a job brings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OwnModels {
    /// The library that runs them.
    pub(crate) runtime: PathBuf,
    /// Threads for each.
    pub(crate) threads: u32,
    /// They.
    pub(crate) models: Vec<OwnModel>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OwnModel {
    /// Where it lies on this machine.
    pub(crate) path: PathBuf,
    /// Its name for people.
    pub(crate) name: String,
    /// What for.
    pub(crate) purpose: Purpose,
}

/// What a job has a model for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// It looks for something: for these of its classes, or for all.
    Detect {
        /// Their names.
        classes: Vec<String>,
    },
    /// It fills holes.
    Fill,
}

/// What a look at the machine came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// libav's versions.
    pub(crate) library: String,
    /// Each encoder, and its proof or why there is none.
    pub(crate) encoders: Vec<(EncoderName, Result<EncoderProof, String>)>,
    /// What runs models, or why nothing does.
    pub(crate) models: Option<Result<ProvedRuntime, String>>,
    /// How many encoders were open at once, and why there was not one more.
    pub(crate) sessions: Option<(u32, Option<String>)>,
    /// Why one of the models that a job brings cannot be used; `None` where all can, as far as this machine tells.
    pub(crate) own: Option<Failure>,
    /// The walls around the child; the parent knows them.
    #[serde(skip)]
    pub(crate) walls: Option<WallsReport>,
}

/// The video.
pub(crate) const SOURCE: &str = "source";
/// The `SourceDescription`.
pub(crate) const DESCRIPTION: &str = "description";
/// The `FrameTable`.
pub(crate) const TABLE: &str = "table";
/// The packets of the source's other streams.
pub(crate) const REST: &str = "rest";
/// The `JobBrief`.
pub(crate) const BRIEF: &str = "brief";
/// The evidence of the window.
pub(crate) const EVIDENCE: &str = "evidence";
/// The plan as it stands.
pub(crate) const DRAFT: &str = "draft";
/// What the overlays are made of.
pub(crate) const MATTES: &str = "mattes";
/// What all evidence was reduced to.
pub(crate) const FINDING: &str = "finding";

/// The model that paints.
pub(crate) const PAINTER: &str = "painter";

/// The model of one of several detectors.
pub(crate) fn model(detector: usize) -> String {
    format!("model/{detector}")
}

/// The evidence of one of several windows.
pub(crate) fn evidence(window: u32) -> String {
    format!("evidence/{window}")
}

/// What lies behind the overlays of a window, by the window's place in the plan.
pub(crate) fn backgrounds(window: usize) -> String {
    format!("backgrounds/{window}")
}

/// The packets of a cell.
pub(crate) fn part(cell: CellIndex) -> String {
    format!("part/{cell}")
}

/// The manifest of a cell's part.
pub(crate) fn manifest(cell: CellIndex) -> String {
    format!("manifest/{cell}")
}
