//! Finds boxes of an MP4 that libav does not carry: `uuid` boxes (XMP, C2PA, makers' own).
//!
//! Owns a small walk over box headers. Refuses to understand anything else of the file, and gives up
//! silently where the headers make no sense: what follows then is reported by the demuxer.

use cleanplate_types::access::ReadAt;

/// Boxes that are looked into.
const LOOKED_INTO: [&[u8; 4]; 3] = [b"moov", b"trak", b"udta"];

/// Boxes that are looked at in all: an end for files that are made to have none.
const BOXES_MAX: u32 = 100_000;

/// How deep boxes are looked into: `uuid` boxes stand outermost, in `moov`, `trak` or `udta`.
const DEPTH_MAX: u32 = 4;

/// The largest box that is carried: XMP packets have some kilobytes, with thumbnails a few hundred.
pub(super) const CARRIED_BYTES_MAX: u64 = 4 << 20;

const XMP: [u8; 16] = [
    0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac,
];
const C2PA: [u8; 16] = [
    0xd8, 0xfe, 0xc3, 0xd6, 0x1b, 0x0e, 0x48, 0x3c, 0x92, 0x97, 0x58, 0x28, 0x87, 0x7e, 0xc4, 0x81,
];

/// What a `uuid` box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An XMP packet.
    Xmp,
    /// A C2PA manifest: it signs the source's bytes, and would be wrong in the movie.
    C2pa,
    /// Something else.
    Other([u8; 16]),
}

/// A `uuid` box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UuidBox {
    pub(super) kind: Kind,
    /// Where the box starts, header included.
    pub(super) offset: u64,
    /// Size in bytes, header included.
    pub(super) bytes: u64,
    /// Whether it stands by itself, not inside another box.
    pub(super) is_outermost: bool,
}

/// Finds the `uuid` boxes of an MP4, in order.
pub(super) fn uuid_boxes(source: &dyn ReadAt) -> Vec<UuidBox> {
    let mut found = Vec::new();
    let mut left = BOXES_MAX;
    walk(source, 0..source.size(), 0, &mut left, &mut found);
    found
}

fn walk(
    source: &dyn ReadAt,
    range: std::ops::Range<u64>,
    depth: u32,
    left: &mut u32,
    found: &mut Vec<UuidBox>,
) {
    let mut offset = range.start;
    while offset + 8 <= range.end && *left > 0 {
        *left -= 1;
        let Some((name, header, bytes)) = header(source, offset, range.end) else { return };
        let end = offset + bytes;
        if &name == b"uuid" {
            let id: Option<[u8; 16]> = read(source, offset + header);
            if let Some(id) = id.filter(|_| header + 16 <= bytes) {
                let kind = match id {
                    XMP => Kind::Xmp,
                    C2PA => Kind::C2pa,
                    id => Kind::Other(id),
                };
                found.push(UuidBox { kind, offset, bytes, is_outermost: depth == 0 });
            }
        } else if LOOKED_INTO.contains(&&name) && depth < DEPTH_MAX {
            walk(source, offset + header..end, depth + 1, left, found);
        }
        offset = end;
    }
}

/// Name, size of the header and size of the box at `offset`, which must end by `end`.
fn header(source: &dyn ReadAt, offset: u64, end: u64) -> Option<([u8; 4], u64, u64)> {
    let [a, b, c, d, name @ ..]: [u8; 8] = read(source, offset)?;
    let (header, bytes) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, end - offset),
        1 => (16, u64::from_be_bytes(read(source, offset + 8)?)),
        bytes => (8, u64::from(bytes)),
    };
    let fits = bytes >= header && offset.checked_add(bytes)? <= end;
    fits.then_some((name, header, bytes))
}

fn read<const N: usize>(source: &dyn ReadAt, offset: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match source.read_at(offset + filled as u64, &mut bytes[filled..]).ok()? {
            0 => return None,
            count => filled += count,
        }
    }
    Some(bytes)
}

impl UuidBox {
    /// Its bytes, header included.
    pub(super) fn read(&self, source: &dyn ReadAt) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.bytes).map_err(std::io::Error::other)?];
        let mut filled = 0;
        while filled < bytes.len() {
            match source.read_at(self.offset + filled as u64, &mut bytes[filled..])? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(bytes)
    }

    /// What is lost with it, in words.
    pub(super) fn loss(&self) -> String {
        let bytes = self.bytes;
        match self.kind {
            Kind::Xmp => format!("the XMP packet ({bytes} bytes) is not carried over"),
            Kind::C2pa => format!(
                "the C2PA provenance manifest ({bytes} bytes) is not carried over: it signs the source's bytes"
            ),
            Kind::Other(id) => {
                let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("the uuid box {id} ({bytes} bytes) is not carried over")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct Bytes(Vec<u8>);

    impl ReadAt for Bytes {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
            let rest = &self.0[start..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len() + 8).unwrap();
        [&size.to_be_bytes()[..], name, content].concat()
    }

    #[test]
    fn uuid_boxes_are_found_wherever_they_stand() {
        let xmp = boxed(b"uuid", &[&XMP[..], b"<x/>"].concat());
        let other = boxed(b"uuid", &[7; 20]);
        let trak = boxed(b"trak", &[boxed(b"tkhd", &[0; 9]), other].concat());
        let c2pa = boxed(b"uuid", &[&C2PA[..], b"jumb"].concat());
        let file = [
            boxed(b"ftyp", b"isom"),
            xmp.clone(),
            boxed(b"moov", &trak),
            c2pa,
            // A size that goes past the end ends the walk.
            vec![0x7f, 0, 0, 0, b'm', b'd', b'a', b't', 1, 2],
        ];
        let source = Bytes(file.concat());
        let found = uuid_boxes(&source);
        let kinds: Vec<_> = found.iter().map(|one| (one.kind, one.is_outermost)).collect();
        assert_eq!(kinds, [(Kind::Xmp, true), (Kind::Other([7; 16]), false), (Kind::C2pa, true)]);
        assert_eq!(found[0].read(&source).unwrap(), xmp);
        assert!(uuid_boxes(&Bytes(b"no boxes here at all".to_vec())).is_empty());
    }

    #[test]
    fn boxes_in_boxes_without_end_end_the_walk_and_not_the_process() {
        let levels = 60_000_usize;
        let mut bytes = Vec::new();
        for level in 0..levels {
            let size = u32::try_from(8 * (levels - level)).unwrap();
            bytes.extend_from_slice(&size.to_be_bytes());
            bytes.extend_from_slice(b"moov");
        }
        assert!(uuid_boxes(&Bytes(bytes)).is_empty());
    }
}
