//! What the headers of a packet say without decoding it: how many frames it shows, and how free a
//! decoder is to begin there.
//!
//! Owns the list of codecs whose packets can be told so. Refuses the others: for those the table is
//! made by decoding.

mod av1;
mod avc;
mod hevc;
mod mpeg2;
mod vpx;

use cleanplate_types::frames::EntryKind;

pub(crate) use avc::{HIGH_PROFILES, skip_picture_order, skip_scaling_lists};

/// Codecs of which every packet is one whole picture that needs no other.
const INTRA_CODECS: &[&str] = &[
    "prores", "dnxhd", "mjpeg", "ffvhuff", "huffyuv", "utvideo", "magicyuv", "rawvideo", "v210",
    "jpeg2000", "cfhd", "dvvideo",
];

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// Whether it shows a frame.
    pub(crate) shows: bool,
    /// The kind of entry, where decoding can begin here.
    pub(crate) entry: Option<EntryKind>,
    /// Whether a decoder that begins here shows every frame that the headers announce.
    pub(crate) whole_start: bool,
    /// Why packets of this stream are not displayed frames one to one.
    pub(crate) doubt: Option<&'static str>,
    /// The kind of HDR metadata that it carries for its picture alone, by name.
    pub(crate) dynamic: Option<&'static str>,
    /// Whether players are told to show its first field once more.
    pub(crate) pulls_down: bool,
}

/// Reads the headers of one stream's packets, in decoding order.
#[derive(Debug)]
pub(crate) enum Headers {
    Avc(avc::Avc),
    Hevc(hevc::Hevc),
    Mpeg2(mpeg2::Mpeg2),
    Vp8(vpx::Vp8),
    Vp9,
    Av1(av1::Av1),
    /// Every packet is a key frame.
    Intra,
    /// FFV1: whole frames, with key frames as the container flags them.
    Flagged,
    /// Nothing is known of its packets but, where the container flags one as a key frame, how free
    /// a decoder is to begin there.
    Unknown(EntryKind),
}

/// Codecs without open groups of pictures, so that their key frames are free cuts.
const CLOSED_CODECS: &[&str] = &[
    "theora",
    "vp3",
    "vp6",
    "vp6f",
    "vp6a",
    "vp7",
    "flv1",
    "h261",
    "h263",
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4v3",
    "wmv1",
    "wmv2",
    "cinepak",
    "svq1",
    "indeo3",
    "snow",
    "zmbv",
    "flashsv",
    "qtrle",
];

impl Headers {
    /// For the codec that libav calls `codec`, configured by `extradata`.
    pub(crate) fn of(codec: &str, extradata: &[u8]) -> Self {
        match codec {
            "h264" => Self::Avc(avc::Avc::new(extradata)),
            "hevc" => Self::Hevc(hevc::Hevc::new(extradata)),
            "mpeg2video" | "mpeg1video" => Self::Mpeg2(mpeg2::Mpeg2::default()),
            "vp8" => Self::Vp8(vpx::Vp8::default()),
            "vp9" => Self::Vp9,
            "av1" => Self::Av1(av1::Av1::default()),
            "ffv1" => Self::Flagged,
            intra if INTRA_CODECS.contains(&intra) => Self::Intra,
            "mpeg4" => Self::Unknown(EntryKind::Recovery),
            closed if CLOSED_CODECS.contains(&closed) => Self::Unknown(EntryKind::Idr),
            _ => Self::Unknown(EntryKind::Unknown),
        }
    }

    /// Whether the packets of this codec can be told by their headers.
    pub(crate) const fn are_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }

    /// Whether sequence parameters are known: before the first packet, from the extradata alone.
    pub(crate) const fn know_sequences(&self) -> bool {
        match self {
            Self::Avc(avc) => avc.knows_sequences(),
            Self::Hevc(hevc) => hevc.knows_sequences(),
            Self::Mpeg2(_) | Self::Vp8(_) | Self::Vp9 | Self::Av1(_) => false,
            Self::Intra | Self::Flagged | Self::Unknown(_) => false,
        }
    }

    /// Looks at the next packet; `key` is the container's flag.
    pub(crate) fn look(&mut self, data: &[u8], key: bool) -> Look {
        let flagged = |kind| Look {
            shows: true,
            entry: key.then_some(kind),
            whole_start: key && kind == EntryKind::Idr,
            doubt: None,
            dynamic: None,
            pulls_down: false,
        };
        match self {
            Self::Avc(avc) => avc.look(data, key),
            Self::Hevc(hevc) => hevc.look(data, key),
            Self::Mpeg2(mpeg2) => mpeg2.look(data, key),
            Self::Vp8(vp8) => vp8.look(data),
            Self::Vp9 => vpx::look_vp9(data),
            Self::Av1(av1) => av1.look(data, key),
            Self::Intra => {
                Look { entry: Some(EntryKind::Idr), whole_start: true, ..flagged(EntryKind::Idr) }
            }
            Self::Flagged => flagged(EntryKind::Idr),
            Self::Unknown(kind) => flagged(*kind),
        }
    }
}

/// The parameter sets of H.264 and HEVC seen so far, by kind and id, as bytes.
#[derive(Debug, Default)]
struct ParameterSets(Vec<((u8, u32), Vec<u8>)>);

impl ParameterSets {
    /// Keeps `unit`; true where another one of the same kind and id was there before.
    fn replaces(&mut self, kind: u8, id: u32, unit: &[u8]) -> bool {
        match self.0.iter_mut().find(|(key, _)| *key == (kind, id)) {
            Some((_, known)) if known == unit => false,
            Some((_, known)) => {
                unit.clone_into(known);
                true
            }
            None => {
                self.0.push(((kind, id), unit.to_owned()));
                false
            }
        }
    }
}
