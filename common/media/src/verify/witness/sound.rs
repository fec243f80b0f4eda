//! The sound in packets of transport streams, whatever frames it: what is left must come back byte for byte.
//!
//! Owns the list of codecs of which that can be said. Refuses sound whose framing holds a part of it.

use crate::adts::{self, Header};

/// Codecs whose packets stand in a transport stream one behind the other, as they are.
const PLAIN: &[&str] = &["ac3", "eac3", "mp2", "mp3", "dts", "aac_latm"];

/// Size and checksum of what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

/// What is compared of `data`, one packet or several, of a sound that has a configuration of its own or not;
/// nothing where the container may change it.
pub(super) fn content(codec: &str, has_configuration: bool, data: &[u8]) -> Option<Content> {
    let whole = || Content { bytes: data.len() as u64, crc: crc32fast::hash(data) };
    match codec {
        "aac" if adts::is_synced(data) => unframed(data),
        // Without a configuration all of it is framed, and what is not is damaged: a muxer may drop it.
        "aac" => has_configuration.then(whole),
        plain => PLAIN.contains(&plain).then(whole),
    }
}

/// AAC without its headers, which a packet has where the container that it comes from needs them.
fn unframed(data: &[u8]) -> Option<Content> {
    let mut crc = crc32fast::Hasher::new();
    let (mut bytes, mut rest) = (0, data);
    while !rest.is_empty() {
        // Without a configuration of its own the sound says how many channels it has.
        let header = Header::read(rest).filter(|header| !header.leaves_channels_to_sound())?;
        let (frame, after) = rest.split_at_checked(header.frame_bytes)?;
        let sound = frame.get(header.bytes()..)?;
        crc.update(sound);
        bytes += sound.len() as u64;
        rest = after;
    }
    Some(Content { bytes, crc: crc.finalize() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of stereo.
    fn framed(sound: &[u8]) -> Vec<u8> {
        let whole = u8::try_from(7 + sound.len()).unwrap();
        let header = [0xff, 0xf1, 0x50, 0x80, whole >> 3, whole << 5 | 0x1f, 0xfc];
        [&header[..], sound].concat()
    }

    #[test]
    fn headers_of_aac_are_no_sound() {
        let whole = content("aac", true, b"onetwo");
        assert_eq!(content("aac", true, &[framed(b"one"), framed(b"two")].concat()), whole);
        assert_ne!(content("aac", true, &[framed(b"one"), framed(b"tw0")].concat()), whole);
        assert_eq!(whole.unwrap().bytes, 6);
    }

    #[test]
    fn sound_that_is_cut_or_names_its_channels_is_not_compared() {
        let mut named = framed(b"one");
        named[3] = 0;
        assert_eq!(content("aac", true, &named), None);
        assert_eq!(content("aac", true, &framed(b"one")[..9]), None);
        assert_eq!(content("aac", false, b"one"), None, "a damaged packet that lost its header");
        assert_eq!(content("aac", false, &framed(b"one")), content("aac", true, b"one"));
        assert_eq!(content("opus", true, b"one"), None);
    }
}
