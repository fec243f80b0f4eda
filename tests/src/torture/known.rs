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
        bug: "samples that mp4 hides by an edit list are heard in mkv",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "*",
        words: "(60 frames differ in fields or captions)",
        bug: "pictures of interlaced sources come back without their fields' order",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "*",
        words: "field first` (",
        bug: "pictures of interlaced sources come back without their fields' order",
        sometimes: false,
    },
    Shortfall {
        kind: "prores_interlaced",
        container: "*",
        words: "video.field_order is bb instead of bt",
        bug: "the order in which interlaced ProRes shows its fields is turned",
        sometimes: false,
    },
    Shortfall {
        kind: "grey_10bit",
        container: "*",
        words: "pictures differ",
        bug: "grey of 10 bits comes back as 4:2:0",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "mkv",
        words: "packet 0 is at Some(-13)",
        bug: "the delay of Opus is applied twice in mkv",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "mov",
        words: "only supported in MP4",
        bug: "Opus and FLAC in mov fail in the stitch and not at intake",
        sometimes: false,
    },
    Shortfall {
        kind: "ts_plain",
        container: "*",
        words: "packet 0 is at Some(69376)",
        bug: "sound of a transport stream starts 67 microseconds early in mp4 and mov",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "*",
        words: "skips samples `` instead of `0 ",
        bug: "the cut end of Opus and Vorbis is lost in mp4",
        sometimes: false,
    },
    Shortfall {
        kind: "captions_hevc",
        container: "*",
        words: "Closed Captions",
        bug: "libx265 loses captions",
        sometimes: false,
    },
    Shortfall {
        kind: "cut_off_ts",
        container: "*",
        words: "ended with 0 instead of 3",
        bug: "damage of the last picture is not always heard",
        sometimes: true,
    },
    Shortfall {
        kind: "creation_time",
        container: "mkv",
        words: "creation_time is nothing",
        bug: "creation times of streams are lost in mkv",
        sometimes: false,
    },
    Shortfall {
        kind: "*",
        container: "*",
        words: "the notes do not say `frames`",
        bug: "the ranges of concealed damage are not in the job's notes",
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
