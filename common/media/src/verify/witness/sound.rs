//! The sound in packets of transport streams, whatever frames it: what is left must come back byte for byte.
//!
//! Owns the list of codecs of which that can be said. Refuses sound whose framing holds a part of it.

/// Codecs whose packets stand in a transport stream one behind the other, as they are.
const PLAIN: &[&str] = &["ac3", "eac3", "mp2", "mp3", "dts", "aac_latm"];

/// Bytes of the header that frames AAC, without and with a checksum.
const ADTS_BYTES: usize = 7;
const ADTS_BYTES_CHECKED: usize = 9;

/// Size and checksum of what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

/// What is compared of `data`, one packet or several; nothing where the container may change it.
pub(super) fn content(codec: &str, data: &[u8]) -> Option<Content> {
    match codec {
        "aac" => unframed(data),
        plain if PLAIN.contains(&plain) => {
            Some(Content { bytes: data.len() as u64, crc: crc32fast::hash(data) })
        }
        _ => None,
    }
}

/// AAC without its headers, which a packet has where the container that it comes from needs them.
fn unframed(data: &[u8]) -> Option<Content> {
    let mut crc = crc32fast::Hasher::new();
    let (mut bytes, mut rest) = (0, data);
    if !is_framed(data) {
        return Some(Content { bytes: data.len() as u64, crc: crc32fast::hash(data) });
    }
    while !rest.is_empty() {
        let [_, flags, channels, length @ ..] = rest.first_chunk::<ADTS_BYTES>()?;
        // Without a configuration of its own the sound says how many channels it has.
        let names_channels = channels & 1 == 0 && length[0] >> 6 == 0;
        if !is_framed(rest) || names_channels {
            return None;
        }
        let header = if flags & 1 == 1 { ADTS_BYTES } else { ADTS_BYTES_CHECKED };
        let [high, middle, low, _] = length.map(usize::from);
        let whole = (high & 3) << 11 | middle << 3 | low >> 5;
        let (frame, after) = rest.split_at_checked(whole)?;
        let sound = frame.get(header..)?;
        crc.update(sound);
        bytes += sound.len() as u64;
        rest = after;
    }
    Some(Content { bytes, crc: crc.finalize() })
}

fn is_framed(data: &[u8]) -> bool {
    matches!(data, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of stereo.
    fn framed(sound: &[u8]) -> Vec<u8> {
        let whole = u8::try_from(ADTS_BYTES + sound.len()).unwrap();
        let header = [0xff, 0xf1, 0x50, 0x80, whole >> 3, whole << 5 | 0x1f, 0xfc];
        [&header[..], sound].concat()
    }

    #[test]
    fn headers_of_aac_are_no_sound() {
        let whole = content("aac", b"onetwo");
        assert_eq!(content("aac", &[framed(b"one"), framed(b"two")].concat()), whole);
        assert_ne!(content("aac", &[framed(b"one"), framed(b"tw0")].concat()), whole);
        assert_eq!(whole.unwrap().bytes, 6);
    }

    #[test]
    fn sound_that_is_cut_or_names_its_channels_is_not_compared() {
        let mut named = framed(b"one");
        named[3] = 0;
        assert_eq!(content("aac", &named), None);
        assert_eq!(content("aac", &framed(b"one")[..9]), None);
        assert_eq!(content("opus", b"one"), None);
    }
}
