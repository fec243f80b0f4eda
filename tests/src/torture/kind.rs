//! What a kind of clip is: how it is made, and what must become of it in which container.

/// One step of a recipe; all run in one folder, in order.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The ffmpeg command line, after `-nostdin -v error -y`. Words are divided at spaces. The folder
    /// holds `base.nut`, `tone.wav` and the like: see [`super::workshop`].
    Ffmpeg(&'static str),
    /// Changes the bytes of a file.
    Edit(&'static str, fn(Vec<u8>) -> Vec<u8>),
    /// Writes the bytes of files one after another: the last name is the result.
    Join(&'static [&'static str]),
}

/// What must become of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Every frame, bit for bit and at its exact time, and all that belongs to the file.
    Exact,
    /// A refusal before any work, with this exit status and these words in its message.
    Refused {
        /// The exit status.
        status: i32,
        /// Words of the message.
        words: &'static str,
    },
    /// Damage: refused with exit status 3, the frame or place in the words; under
    /// `--on-damage conceal` the frames that ffmpeg shows with one thread, and the ranges in the notes.
    Damaged {
        /// Words of the refusal.
        words: &'static str,
        /// Words of the notes when it is concealed.
        noted: &'static str,
    },
}

/// A container and what must become of the clip in it.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The extension of the output's name.
    pub container: &'static str,
    /// What must become of it.
    pub expect: Expect,
    /// Facts that this container cannot say and that nobody promises, with the reason in the kind's
    /// `trap`: names as in [`super::facts`], up to a `*`.
    pub without: &'static [&'static str],
}

/// The container holds the clip exactly.
#[must_use]
pub const fn exact(container: &'static str) -> Output {
    Output { container, expect: Expect::Exact, without: &[] }
}

/// It does but for some facts, which it has no place for.
#[must_use]
pub const fn exact_without(container: &'static str, without: &'static [&'static str]) -> Output {
    Output { container, expect: Expect::Exact, without }
}

/// The clip is refused for this container.
#[must_use]
pub const fn refused(container: &'static str, status: i32, words: &'static str) -> Output {
    Output { container, expect: Expect::Refused { status, words }, without: &[] }
}

/// The clip is damaged.
#[must_use]
pub const fn damaged(container: &'static str, words: &'static str, noted: &'static str) -> Output {
    Output { container, expect: Expect::Damaged { words, noted }, without: &["*"] }
}

/// A kind of clip.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name: one word for commands.
    pub name: &'static str,
    /// What goes wrong with it elsewhere.
    pub trap: &'static str,
    /// The file that the last step leaves; its extension says the container.
    pub file: &'static str,
    /// How it is made.
    pub steps: &'static [Step],
    /// What must become of it, by container.
    pub outputs: &'static [Output],
    /// Encoders that hold it bit-exactly, beside the one that is chosen.
    pub encoders: &'static [&'static str],
    /// More options of the job.
    pub options: &'static [&'static str],
    /// Whether what is attached to each frame (captions, HDR, fields) is compared as well.
    pub sides: bool,
}

/// A kind without anything particular: for the rest of a literal.
pub const PLAIN: Kind = Kind {
    name: "",
    trap: "",
    file: "clip.mp4",
    steps: &[],
    outputs: &[exact("mp4")],
    encoders: &[],
    options: &[],
    sides: false,
};

/// What holds most clips exactly.
pub const MOST: &[Output] = &[exact("mp4"), exact("mov"), exact("mkv")];

/// What holds clips whose times are not whole milliseconds; mkv says so.
pub const FINE: &[Output] = &[exact("mp4"), exact("mov"), refused("mkv", 2, "whole milliseconds")];
