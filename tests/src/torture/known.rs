//! Shortfalls of the product that the torture set found and that nobody has mended yet.
//!
//! A kind stays in the set with its entry here: it is run, counted and printed as a shortfall, and an
//! entry whose kind comes out right fails the test, so that it is taken out.

/// A shortfall: the kind (`*` for all), the output's container (the same), words of the difference, and what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shortfall {
    /// The kind of clip.
    pub kind: &'static str,
    /// The container of the output.
    pub container: &'static str,
    /// Words of what differs.
    pub words: &'static str,
    /// What is wrong with the product.
    pub bug: &'static str,
    /// Whether it happens in some runs only.
    pub sometimes: bool,
}

/// All that are known.
pub const KNOWN: &[Shortfall] = &[
    Shortfall {
        kind: "*",
        container: "mkv",
        words: "skips samples `` instead of",
        bug: "samples that mp4 hides by an edit list are not hidden in mkv; the notes say so",
        sometimes: false,
    },
    Shortfall {
        kind: "hevc_fields",
        container: "*",
        words: "(30 frames differ in fields or captions)",
        bug: "fields that are pictures of their own do not say in turn which field they are",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "*",
        words: "carries `` instead of `upper field first`",
        bug: "HEVC, where libx265 is asked for by name, leaves the order of fields to the container",
        sometimes: true,
    },
    Shortfall {
        kind: "prores_interlaced",
        container: "*",
        words: "video.field_order is bb instead of bt",
        bug: "how two fields are stored (`bt`) is not said by H.264, only which is shown first; the notes say so",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "*",
        words: "skips samples `` instead of `0 ",
        bug: "the cut end of sound is not hidden in mp4; the notes say so",
        sometimes: false,
    },
    Shortfall {
        kind: "creation_time",
        container: "mkv",
        words: "creation_time is nothing",
        bug: "creation times of streams are lost in mkv",
        sometimes: false,
    },
];

/// The shortfall that explains `difference`.
#[must_use]
pub fn explained(kind: &str, container: &str, difference: &str) -> Option<&'static Shortfall> {
    KNOWN.iter().find(|known| {
        (known.kind == "*" || known.kind == kind)
            && (known.container == "*" || known.container == container)
            && difference.contains(known.words)
    })
}
