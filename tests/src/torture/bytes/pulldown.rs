//! Film in MPEG-2 for screens that show fields: flags say which frames lend a field to the next.

/// Sets the flags of 2:3 pulldown in a raw MPEG-2 stream: of four frames the second and the fourth are
/// shown for three fields, and which field is first changes behind each of them.
#[must_use]
pub fn with_pulldown(mut bytes: Vec<u8>) -> Vec<u8> {
    // Upper field first, 4:2:0 of whole frames, and the first field again.
    const FLAGS: [u8; 4] = [0x81, 0x83, 0x01, 0x03];
    const WHOLE_FRAME: u8 = 0x80;
    let (mut group, mut next, mut frame) = (0, 0, 0);
    for place in 0..bytes.len().saturating_sub(8) {
        if !bytes[place..].starts_with(&[0, 0, 1]) {
            continue;
        }
        match (bytes[place + 3], bytes[place + 4] >> 4) {
            (0xB8, _) => group = next,
            (0x00, _) => {
                let within =
                    usize::from(bytes[place + 4]) << 2 | usize::from(bytes[place + 5] >> 6);
                frame = group + within;
                next = next.max(frame + 1);
            }
            (0xB5, 8) => {
                bytes[place + 7] |= FLAGS[frame % 4];
                bytes[place + 8] |= WHOLE_FRAME;
            }
            _ => {}
        }
    }
    bytes
}
