//! Switches that make a fallback happen where a test wants it: `CLEANPLATE_FAULTS`.
//!
//! Owns the grammar of the switches. Refuses to act: decoder, encoder and proof ask what is due and do
//! the failing themselves, so that everything behind the switch is the real path (but for those of `stage.rs`). Release
//! builds have no switches.

mod stage;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use stage::{StageFault, StageFaultKind, eat, strike};

/// What is to fail in this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// `nvdec@N`: software decoding plays a card's decoder that fails when frame N of the job is due.
    pub nvdec_at: Option<u64>,
    /// `nvenc`: libx264 stands in for `h264_nvenc`.
    pub nvenc_stand_in: bool,
    /// `nvenc@N:FILE`: the stand-in fails at frame N of the job and makes FILE; while FILE exists, its
    /// proof fails too.
    pub nvenc_at: Option<FaultAt>,
    /// `crash@N` or `crash@N:FILE`: the engine aborts when it decodes frame N of the job.
    pub crash_at: Option<FaultAt>,
    /// `spoil@N`: packet N of the movie's video gets another timestamp when it is written.
    pub spoil_at: Option<u64>,
    /// `hang@N` or `hang@N:FILE`: the engine loops without a word when it decodes frame N of the job.
    pub hang_at: Option<FaultAt>,
    /// `eat@N` or `eat@N:FILE`: the engine takes all memory that it gets when it decodes frame N of the job.
    pub eat_at: Option<FaultAt>,
    /// What a child does before its work, such as `crash@intake`.
    pub stages: Vec<StageFault>,
    /// `escape@ADDR/FOLDER`: a child tries every way out before its work, and tells which were open.
    pub escape: Option<(std::net::SocketAddr, PathBuf)>,
    /// What the decoder of a segment does wrong.
    pub decoder: Vec<DecoderFault>,
    /// What is wrong with parts.
    pub parts: Vec<PartFault>,
    /// `blind`: the worker does not look at what it made before it hands it in.
    pub blind: bool,
    /// `echo`: the worker claims what the plan wants to hear, whatever it made.
    pub echo: bool,
}

/// Something that a segment's decoder does wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderFault {
    /// What.
    pub kind: DecoderFaultKind,
    /// At which frame of the job.
    pub at: FaultAt,
}

/// See [`DecoderFault`]. Each is written as `NAME@N` or `NAME@N:FILE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoderFaultKind {
    /// `drop`: frame N does not come out.
    Drop,
    /// `shift`: from frame N on each frame comes with the time of the one after it.
    Shift,
    /// `repeat`: frame N comes with the time of the one before it.
    Repeat,
    /// `swap`: frame N comes at its time with another picture.
    Swap,
    /// `stale`: where decoding begins at an entry that is no IDR, pictures are wrong up to N frames
    /// after it.
    Stale,
}

/// Something that is wrong with the part of a cell: the worker makes or tells it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFault {
    /// What.
    pub kind: PartFaultKind,
    /// Of which cell.
    pub at: FaultAt,
}

/// See [`PartFault`]. Each is written as `NAME@CELL` or `NAME@CELL:FILE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartFaultKind {
    /// `part_clock`: its timestamps count in ticks of half the length.
    Clock,
    /// `part_size`: its pictures have another size.
    Size,
    /// `part_pixels`: its samples are laid out otherwise.
    Pixels,
    /// `part_sps`: its parameter sets are others, for pictures of the same shape.
    ParameterSets,
    /// `part_colour`: its pictures are to be shown with another transfer.
    Colour,
    /// `part_inband`: its first packet brings parameter sets of its own.
    InBand,
    /// `part_reorder`: it is coded further ahead of display than the contract allows.
    Reorder,
    /// `part_cut`: its upload lacks the end.
    Cut,
    /// `part_hash`: its hash is not that of its bytes.
    Hash,
    /// `part_lease`: it is handed in under an older lease.
    Lease,
}

impl DecoderFaultKind {
    const ALL: [(&'static str, Self); 5] = [
        ("drop", Self::Drop),
        ("shift", Self::Shift),
        ("repeat", Self::Repeat),
        ("swap", Self::Swap),
        ("stale", Self::Stale),
    ];
}

impl PartFaultKind {
    const ALL: [(&'static str, Self); 10] = [
        ("part_clock", Self::Clock),
        ("part_size", Self::Size),
        ("part_pixels", Self::Pixels),
        ("part_sps", Self::ParameterSets),
        ("part_colour", Self::Colour),
        ("part_inband", Self::InBand),
        ("part_reorder", Self::Reorder),
        ("part_cut", Self::Cut),
        ("part_hash", Self::Hash),
        ("part_lease", Self::Lease),
    ];
}

impl Faults {
    /// Whether a segment's decoder does `kind` at `frame`.
    #[must_use]
    pub fn decoder_strikes(&self, kind: DecoderFaultKind, frame: u64) -> bool {
        let mut faults = self.decoder.iter().filter(|fault| fault.kind == kind);
        faults.any(|fault| fault.at.strikes(frame))
    }

    /// Frames after its beginning up to which a decoder's pictures are wrong, where they are.
    #[must_use]
    pub fn stale_frames(&self) -> Option<u64> {
        let mut faults = self.decoder.iter();
        faults.find(|fault| fault.kind == DecoderFaultKind::Stale).map(|fault| fault.at.frame)
    }

    /// The folders in which faults leave their files: what a child may write even behind walls.
    #[must_use]
    pub fn marks(&self) -> Vec<PathBuf> {
        let single = [&self.nvenc_at, &self.crash_at, &self.hang_at, &self.eat_at];
        let frames = single.into_iter().flatten();
        let frames = frames.chain(self.decoder.iter().map(|fault| &fault.at));
        let frames = frames.chain(self.parts.iter().map(|fault| &fault.at));
        let files = frames.map(|at| &at.file).chain(self.stages.iter().map(|fault| &fault.file));
        let folders: BTreeSet<PathBuf> =
            files.flatten().filter_map(|file| file.parent()).map(Path::to_owned).collect();
        folders.into_iter().collect()
    }

    /// Whether the part of `cell` has the fault `kind`.
    #[must_use]
    pub fn part_strikes(&self, kind: PartFaultKind, cell: u32) -> bool {
        let mut faults = self.parts.iter().filter(|fault| fault.kind == kind);
        faults.any(|fault| fault.at.strikes(cell.into()))
    }
}

/// A frame at which something fails, and the file that says that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultAt {
    /// Index of the frame in the job's table.
    pub frame: u64,
    /// Made at the first failure; without it the fault strikes every time.
    pub file: Option<PathBuf>,
}

impl FaultAt {
    /// Whether the fault strikes at `frame`: always, or once where it has a file, which it then makes.
    #[must_use]
    pub fn strikes(&self, frame: u64) -> bool {
        if frame != self.frame {
            return false;
        }
        // `create_new` is what makes one of several processes the first.
        self.file.as_deref().is_none_or(|file| std::fs::File::create_new(file).is_ok())
    }

    /// Whether the fault has struck and left its file.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.file.as_deref().is_some_and(Path::exists)
    }
}

/// The faults of this process, read once. None in release builds.
#[must_use]
pub fn faults() -> &'static Faults {
    static FAULTS: OnceLock<Faults> = OnceLock::new();
    FAULTS.get_or_init(|| {
        if !cfg!(debug_assertions) {
            return Faults::default();
        }
        std::env::var(VARIABLE).map_or_else(|_unset| Faults::default(), |text| parse(&text))
    })
}

/// The environment variable that holds the switches.
pub const VARIABLE: &str = "CLEANPLATE_FAULTS";

/// Reads a comma list of switches; what is no switch is left out with a warning.
fn parse(text: &str) -> Faults {
    let mut faults = Faults::default();
    for switch in text.split(',').map(str::trim).filter(|switch| !switch.is_empty()) {
        if let Some(fault) = StageFault::parse(switch) {
            faults.stages.push(fault);
            continue;
        }
        if let Some(escape) = switch.strip_prefix("escape@").and_then(escape_of) {
            faults.escape = Some(escape);
            continue;
        }
        let (name, place) = match switch.split_once('@') {
            Some((name, place)) => (name, place_of(place)),
            None => (switch, None),
        };
        match (name, place) {
            ("nvenc", None) if switch == "nvenc" => faults.nvenc_stand_in = true,
            ("blind", None) if switch == "blind" => faults.blind = true,
            ("echo", None) if switch == "echo" => faults.echo = true,
            ("nvdec", Some(at)) if at.file.is_none() => faults.nvdec_at = Some(at.frame),
            ("spoil", Some(at)) if at.file.is_none() => faults.spoil_at = Some(at.frame),
            ("nvenc", Some(at)) => {
                faults.nvenc_stand_in = true;
                faults.nvenc_at = Some(at);
            }
            ("crash", Some(at)) => faults.crash_at = Some(at),
            ("hang", Some(at)) => faults.hang_at = Some(at),
            ("eat", Some(at)) => faults.eat_at = Some(at),
            (name, Some(at)) if faults.add(name, &at) => {}
            (_, _) => tracing::warn!(switch, "no such fault switch"),
        }
    }
    faults
}

impl Faults {
    /// Adds a fault of a decoder or of a part; false where none has this name.
    fn add(&mut self, name: &str, at: &FaultAt) -> bool {
        let of_name = |(known, _): &&(&str, DecoderFaultKind)| *known == name;
        if let Some((_, kind)) = DecoderFaultKind::ALL.iter().find(of_name) {
            self.decoder.push(DecoderFault { kind: *kind, at: at.clone() });
            return true;
        }
        let of_name = |(known, _): &&(&str, PartFaultKind)| *known == name;
        if let Some((_, kind)) = PartFaultKind::ALL.iter().find(of_name) {
            self.parts.push(PartFault { kind: *kind, at: at.clone() });
            return true;
        }
        false
    }
}

/// Somebody who listens, and a folder: `127.0.0.1:1234/tmp/x`.
fn escape_of(text: &str) -> Option<(std::net::SocketAddr, PathBuf)> {
    let at = text.find('/')?;
    let (address, folder) = text.split_at_checked(at)?;
    Some((address.parse().ok()?, PathBuf::from(folder)))
}

fn place_of(text: &str) -> Option<FaultAt> {
    let (frame, file) = match text.split_once(':') {
        Some((frame, file)) => (frame, Some(PathBuf::from(file))),
        None => (text, None),
    };
    Some(FaultAt { frame: frame.parse().ok()?, file })
}

#[cfg(test)]
mod tests {
    use cleanplate_types::failure::Stage;

    use super::*;

    #[test]
    fn every_switch_is_understood_and_nonsense_is_left_out() {
        let faults =
            parse("nvdec@1000, nvenc@7:/x/y, crash@3,hang@4:/z,nonsense,nvdec@,crash@x,spoil@9");
        let at = |frame, file: Option<&str>| FaultAt { frame, file: file.map(PathBuf::from) };
        assert_eq!(
            faults,
            Faults {
                nvdec_at: Some(1000),
                nvenc_stand_in: true,
                nvenc_at: Some(at(7, Some("/x/y"))),
                crash_at: Some(at(3, None)),
                hang_at: Some(at(4, Some("/z"))),
                spoil_at: Some(9),
                ..Faults::default()
            }
        );
        let faults = parse("drop@1000,swap@3:/y,part_size@2,blind,echo,part@1");
        let decoder =
            [(DecoderFaultKind::Drop, at(1000, None)), (DecoderFaultKind::Swap, at(3, Some("/y")))];
        assert_eq!(faults.decoder, decoder.map(|(kind, at)| DecoderFault { kind, at }));
        assert_eq!(faults.parts, [PartFault { kind: PartFaultKind::Size, at: at(2, None) }]);
        assert!(faults.blind && faults.echo);
        assert!(faults.decoder_strikes(DecoderFaultKind::Drop, 1000));
        assert!(!faults.decoder_strikes(DecoderFaultKind::Drop, 999));
        assert!(faults.part_strikes(PartFaultKind::Size, 2) && faults.stale_frames().is_none());
        let faults =
            parse("crash@intake,eat@stitch:/y/z,eat@9:/a/b,spin@nowhere,escape@127.0.0.1:9/tmp/x");
        let fault = |kind, stage, file: Option<&str>| StageFault {
            kind,
            stage,
            file: file.map(PathBuf::from),
        };
        let stages = [
            fault(StageFaultKind::Crash, Stage::Intake, None),
            fault(StageFaultKind::Eat, Stage::Stitch, Some("/y/z")),
        ];
        assert_eq!(faults.stages, stages);
        assert_eq!(faults.marks(), [PathBuf::from("/a"), PathBuf::from("/y")]);
        let escape = ("127.0.0.1:9".parse().unwrap(), PathBuf::from("/tmp/x"));
        assert_eq!(faults.escape, Some(escape));
        assert_eq!(parse("nvenc"), Faults { nvenc_stand_in: true, ..Faults::default() });
        assert_eq!(parse(""), Faults::default());
    }

    #[test]
    fn a_fault_with_a_file_strikes_once() {
        let folder = tempfile::tempdir().unwrap();
        let once = FaultAt { frame: 5, file: Some(folder.path().join("struck")) };
        assert!(!once.strikes(4) && !once.has_struck());
        assert!(once.strikes(5) && once.has_struck());
        assert!(!once.strikes(5));
        let always = FaultAt { frame: 5, file: None };
        assert!(always.strikes(5) && always.strikes(5) && !always.has_struck());
    }
}
