//! The kinds of object that a job keeps, by the names in their heads: writer and reader meet here.

/// A `SourceDescription`.
pub const DESCRIPTION: &str = "description";

/// A `FrameTable`.
pub const TABLE: &str = "table";

/// The evidence of one analysis window.
pub const EVIDENCE: &str = "evidence";

/// A `Finding`.
pub const FINDING: &str = "finding";
/// A plan that is not complete, for a look.
pub const DRAFT: &str = "draft";
/// What the overlays of a plan are made of.
pub const MATTES: &str = "mattes";
/// What lies behind the overlays of a window.
pub const BACKGROUNDS: &str = "backgrounds";
/// Pictures of what will come out.
pub const PREVIEW: &str = "preview";

/// A `JobBrief`.
pub const BRIEF: &str = "brief";

/// A `PartManifest`.
pub const MANIFEST: &str = "manifest";

/// How a job ended that has its movie.
pub const PUBLISHED: &str = "published";

/// What a bucket has acknowledged of a movie.
pub const UPLOAD: &str = "upload";
