//! The kinds of object that a job keeps, by the names in their heads: writer and reader meet here.

/// A `SourceDescription`.
pub const DESCRIPTION: &str = "description";

/// A `FrameTable`.
pub const TABLE: &str = "table";

/// The evidence of one analysis window.
pub const EVIDENCE: &str = "evidence";

/// A `Finding`.
pub const FINDING: &str = "finding";

/// A `JobBrief`.
pub const BRIEF: &str = "brief";

/// A `PartManifest`.
pub const MANIFEST: &str = "manifest";

/// What a bucket has acknowledged of a movie.
pub const UPLOAD: &str = "upload";
