//! The parameter sets of a part, and the rule that its packets bring no others.
//!
//! A decoder takes what a packet brings before what the container says; so a part whose packets bring other
//! sets shows other pictures than its extradata promises. Refuses to read them: they must be the same bytes.

use cleanplate_types::encode::{EncoderName, VideoCodec};

use super::{AVC_SEQUENCE, HEVC_SEQUENCE, SequenceError};
use crate::scan::bits::{Framing, nal_units};

/// The parameter sets that a part's extradata holds.
#[derive(Debug, Clone)]
pub struct ParameterSets {
    codec: Option<Codec>,
    units: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Avc,
    Hevc,
}

impl ParameterSets {
    /// Those in `extradata` as `encoder` wrote it; none of codecs whose parameter sets are not read.
    #[must_use]
    pub fn of(encoder: EncoderName, extradata: &[u8]) -> Self {
        let codec = Codec::of(encoder.codec());
        let units = codec.into_iter().flat_map(|codec| {
            let all = nal_units(extradata, Framing::AnnexB);
            all.filter(move |unit| codec.set_name(unit).is_some()).map(<[u8]>::to_vec)
        });
        Self { codec, units: units.collect() }
    }

    /// Checks packet `packet`, in coding order, of a part with these sets.
    ///
    /// # Errors
    /// [`SequenceError::InBand`] where it brings one that is not among them.
    pub fn check(&self, packet: usize, data: &[u8]) -> Result<(), SequenceError> {
        let Some(codec) = self.codec else { return Ok(()) };
        // Only where a set begins its bytes are looked at: slices are most of a packet.
        for place in memchr::memmem::find_iter(data, &[0, 0, 1]) {
            let unit = &data[place + 3..];
            let Some(what) = codec.set_name(unit) else { continue };
            let is_known = |unit: &[u8]| self.units.iter().any(|known| known == unit);
            let found = nal_units(&data[place..], Framing::AnnexB).next();
            if !found.is_some_and(is_known) {
                return Err(SequenceError::InBand { packet, what });
            }
        }
        Ok(())
    }
}

impl Codec {
    /// The codec, where its parameter sets are read.
    pub(super) const fn of(codec: VideoCodec) -> Option<Self> {
        match codec {
            VideoCodec::H264 => Some(Self::Avc),
            VideoCodec::Hevc => Some(Self::Hevc),
            VideoCodec::Vp9 | VideoCodec::Av1 => None,
        }
    }

    /// Whether `unit` is a sequence parameter set.
    pub(super) fn is_sequence(self, unit: &[u8]) -> bool {
        match (self, unit.first()) {
            (Self::Avc, Some(header)) => header & 0x1f == AVC_SEQUENCE,
            (Self::Hevc, Some(header)) => header >> 1 & 0x3f == HEVC_SEQUENCE,
            (Self::Avc | Self::Hevc, None) => false,
        }
    }

    /// Whether `unit` marks where an access unit begins, and so stands before parameter sets.
    pub(super) fn is_delimiter(self, unit: &[u8]) -> bool {
        match (self, unit.first()) {
            (Self::Avc, Some(header)) => header & 0x1f == 9,
            (Self::Hevc, Some(header)) => header >> 1 & 0x3f == 35,
            (Self::Avc | Self::Hevc, None) => false,
        }
    }

    /// What kind of parameter set `unit` is, where it is one.
    pub(super) fn set_name(self, unit: &[u8]) -> Option<&'static str> {
        let header = *unit.first()?;
        let kind = match self {
            Self::Avc => header & 0x1f,
            Self::Hevc => header >> 1 & 0x3f,
        };
        match (self, kind) {
            (Self::Avc, 7 | 15) | (Self::Hevc, 33) => Some("sequence parameter set"),
            (Self::Avc, 8) | (Self::Hevc, 34) => Some("picture parameter set"),
            (Self::Avc, 13) => Some("sequence parameter set extension"),
            (Self::Hevc, 32) => Some("video parameter set"),
            (Self::Avc | Self::Hevc, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: &[u8] = &[0, 0, 0, 1, 0x67, 0x64, 0, 0x0d, 0, 0, 1, 0x68, 0xeb];

    #[test]
    fn a_packet_may_repeat_the_parts_sets_and_bring_no_others() {
        let sets = ParameterSets::of(EncoderName::Libx264, SETS);
        let slice = [0, 0, 0, 1, 0x65, 0x88, 0x80];
        let checked = |before: &[u8]| sets.check(4, &[before, &slice].concat());
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(SETS), Ok(()));
        let mut other = SETS.to_vec();
        other[7] = 0x0e;
        let refused = |what| Err(SequenceError::InBand { packet: 4, what });
        assert_eq!(checked(&other), refused("sequence parameter set"));
        assert_eq!(checked(&[0, 0, 1, 0x68, 0xec]), refused("picture parameter set"));
        assert_eq!(
            sets.check(4, &[&slice[..], &other].concat()),
            refused("sequence parameter set")
        );
    }

    #[test]
    fn hevc_has_kinds_of_its_own_and_vp9_none() {
        let hevc = ParameterSets::of(EncoderName::Libx265, &[]);
        let refused = hevc.check(0, &[0, 0, 1, 0x40, 1, 7]);
        assert_eq!(refused, Err(SequenceError::InBand { packet: 0, what: "video parameter set" }));
        assert_eq!(hevc.check(0, &[0, 0, 1, 0x67, 1, 7]), Ok(()));
        assert_eq!(ParameterSets::of(EncoderName::LibvpxVp9, &[]).check(0, SETS), Ok(()));
    }
}
