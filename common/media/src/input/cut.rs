//! Containers that say themselves how far they reach: whether the file has all of it.
//!
//! Owns the signs that are certain: a length that runs past the end of the file, and zeros where the next
//! element should begin, as preallocated files have them whose writing stopped. Refuses to guess: a header
//! that was never filled in, or bytes that are not understood, are no sign. It is asked at the end of
//! a file alone, and reads a few heads there; element by element only where the file ends with zeros.

use std::io;

use cleanplate_types::access::ReadAt;

/// Bytes at the end of a file that are looked at for being zero.
const TAIL: u64 = 4096;

/// Heads that are read at most: more than the frames of a day.
const HEADS_MAX: u32 = 10_000_000;

/// The longest page of Ogg.
const OGG_PAGE_MAX: u64 = 65_307;

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;

/// The header of ASF that has its packets' count and size, and the object that holds the packets.
const ASF_PROPERTIES: [u8; 16] =
    *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";
const ASF_DATA: [u8; 16] = *b"\x36\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";

/// What is missing of `source`, which libav reads as `container`; nothing where nothing is certain.
///
/// # Errors
/// What reading gives.
pub(super) fn missing(source: &dyn ReadAt, container: &str) -> io::Result<Option<String>> {
    match container.split(',').next().unwrap_or_default() {
        "avi" => avi(source),
        "matroska" => matroska(source),
        "ivf" => ivf(source),
        "flv" => flv(source),
        "asf" => asf(source),
        "mxf" => mxf(source),
        "ogg" => ogg(source),
        _ => Ok(None),
    }
}

fn promises(end: u64, size: u64) -> String {
    format!("its header speaks of {end} bytes, the file has {size}")
}

fn zeros(what: &str, at: u64) -> String {
    format!("at byte {at}, where {what} should begin, it holds zeros")
}

/// RIFF chunks one behind the other; one whose length was never filled in says nothing.
fn avi(source: &dyn ReadAt) -> io::Result<Option<String>> {
    let size = source.size();
    let mut at = 0;
    for _ in 0..4096 {
        let Some(head) = bytes::<12>(source, at)? else { return Ok(None) };
        let length = little(&head[4..8]);
        if &head[..4] != b"RIFF" || length == 0 || length >= 0xffff_fff0 {
            return Ok(None);
        }
        let end = at + 8 + length;
        // Some writers count the head as well, or the byte that makes a length even.
        if end > size + 9 {
            return Ok(Some(promises(end, size)));
        }
        if let Some(place) = zero_chunk(source, at + 12, end.min(size))? {
            return Ok(Some(zeros("a chunk", place)));
        }
        at = end + length % 2;
    }
    Ok(None)
}

/// Where zeros take the place of a chunk between two bytes of a RIFF, or in its list of frames.
fn zero_chunk(source: &dyn ReadAt, from: u64, to: u64) -> io::Result<Option<u64>> {
    if !ends_with_zeros(source, from, to)? {
        return Ok(None);
    }
    let mut at = from;
    for _ in 0..HEADS_MAX {
        if at + 12 > to {
            return Ok(None);
        }
        let Some(head) = bytes::<12>(source, at)? else { return Ok(None) };
        if head == [0; 12] {
            return Ok(Some(at));
        }
        let length = little(&head[4..8]);
        let is_frames = &head[..4] == b"LIST" && matches!(&head[8..], b"movi" | b"rec ");
        at += if is_frames { 12 } else { 8 + length + length % 2 };
    }
    Ok(None)
}

/// The elements of the segment, and the blocks of its last cluster.
fn matroska(source: &dyn ReadAt) -> io::Result<Option<String>> {
    let size = source.size();
    let mut at = 0;
    let mut end = size;
    let mut last_cluster = None;
    let mut is_in_segment = false;
    for _ in 0..HEADS_MAX {
        if at >= end {
            break;
        }
        let Some((id, length, head)) = element(source, at)? else {
            return if is_in_segment { zero_element(source, at, end) } else { Ok(None) };
        };
        if id == SEGMENT {
            let begins = at + head;
            end = length.map_or(size, |length| begins.saturating_add(length).min(size));
            if !ends_with_zeros(source, begins, end)? {
                return Ok(None);
            }
            is_in_segment = true;
            at = begins;
            continue;
        }
        if is_in_segment {
            last_cluster = (id == CLUSTER).then_some((at + head, length.is_some()));
        }
        // What has no length is looked into.
        at = at.saturating_add(head).saturating_add(length.unwrap_or(0));
    }
    // A cluster with a length was passed over; where it is the last, the zeros may be in it.
    match last_cluster {
        Some((inside, true)) => zero_block(source, inside, end),
        _ => Ok(None),
    }
}

/// The first element between two bytes in whose place there are zeros.
fn zero_block(source: &dyn ReadAt, from: u64, to: u64) -> io::Result<Option<String>> {
    let mut at = from;
    for _ in 0..HEADS_MAX {
        if at >= to {
            break;
        }
        let Some((_, length, head)) = element(source, at)? else {
            return zero_element(source, at, to);
        };
        let Some(length) = length else { break };
        at = at.saturating_add(head).saturating_add(length);
    }
    Ok(None)
}

/// What there is to say where no element begins at a byte.
fn zero_element(source: &dyn ReadAt, at: u64, to: u64) -> io::Result<Option<String>> {
    let is_zero = bytes::<1>(source, at)? == Some([0]) && ends_with_zeros(source, at, to)?;
    Ok(is_zero.then(|| zeros("an element", at)))
}

/// The element of EBML at a byte: its name, its length where it has one, the bytes of both. Nothing where no
/// element begins there.
fn element(source: &dyn ReadAt, at: u64) -> io::Result<Option<(u64, Option<u64>, u64)>> {
    let Some(wanted) = source.size().checked_sub(at).filter(|left| *left >= 2) else {
        return Ok(None);
    };
    let mut head = [0_u8; 12];
    let count = usize::try_from(wanted).unwrap_or(usize::MAX).min(head.len());
    fill(source, at, &mut head[..count])?;
    let name = head[0].leading_zeros() as usize + 1;
    if name > 4 {
        return Ok(None);
    }
    let id = head[..name].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let width = head[name].leading_zeros() as usize + 1;
    if width > 8 {
        return Ok(None);
    }
    let field = &head[name..name + width];
    let value = field.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mask = (1_u64 << (7 * width)) - 1;
    let length = (value & mask != mask).then_some(value & mask);
    Ok(Some((id, length, (name + width) as u64)))
}

/// Frames of a length and a time each.
fn ivf(source: &dyn ReadAt) -> io::Result<Option<String>> {
    let size = source.size();
    let Some(header) = bytes::<32>(source, 0)? else { return Ok(None) };
    let mut at = little(&header[6..8]);
    if &header[..4] != b"DKIF" || at < 32 || !ends_with_zeros(source, at, size)? {
        return Ok(None);
    }
    for count in 0..HEADS_MAX {
        match bytes::<12>(source, at)? {
            Some(head) if head == [0; 12] && count > 0 => return Ok(Some(zeros("a frame", at))),
            Some(head) => at += 12 + little(&head[..4]),
            None => break,
        }
    }
    Ok(None)
}

/// Tags, each with its length before and behind it.
fn flv(source: &dyn ReadAt) -> io::Result<Option<String>> {
    let size = source.size();
    let Some(header) = bytes::<9>(source, 0)? else { return Ok(None) };
    if !header.starts_with(b"FLV") {
        return Ok(None);
    }
    if let Some(behind) = size.checked_sub(4)
        && let Some(told) = bytes::<4>(source, behind)?.map(|told| big(&told))
        && let Some(place) = behind.checked_sub(told).filter(|_| told >= 11)
        && let Some(head) = bytes::<4>(source, place)?
        && big(&head[1..]) + 11 == told
    {
        return Ok(None);
    }
    let mut at = big(&header[5..9]) + 4;
    for _ in 0..HEADS_MAX {
        let Some(head) = bytes::<11>(source, at)? else {
            return Ok((at < size).then(|| format!("the tag at byte {at} is incomplete")));
        };
        let end = at + 11 + big(&head[1..4]);
        match head[0] & 0x1f {
            8 | 9 | 18 if end > size => return Ok(Some(promises(end, size))),
            8 | 9 | 18 => at = end + 4,
            _ if head == [0; 11] && ends_with_zeros(source, at, size)? => {
                return Ok(Some(zeros("a tag", at)));
            }
            _ => return Ok(None),
        }
        if at >= size {
            break;
        }
    }
    Ok(None)
}

/// Packets of one size; their count is in the header unless that was written before the packets were.
fn asf(source: &dyn ReadAt) -> io::Result<Option<String>> {
    let Some(header) = bytes::<30>(source, 0)? else { return Ok(None) };
    let (data, mut at) = (little(&header[16..24]), 30);
    let mut told = None;
    for _ in 0..256 {
        let Some(head) = bytes::<24>(source, at)?.filter(|_| at < data) else { break };
        if head[..16] == ASF_PROPERTIES {
            let Some(fields) = bytes::<104>(source, at)? else { return Ok(None) };
            let is_live = fields[88] & 1 != 0;
            let (least, most) = (little(&fields[92..96]), little(&fields[96..100]));
            let is_certain = !is_live && least == most && most >= 64;
            told = is_certain.then(|| (little(&fields[56..64]), most));
        }
        at = at.saturating_add(little(&head[16..24]).max(24));
    }
    let Some((count, length)) = told.filter(|(count, _)| *count > 0) else { return Ok(None) };
    let Some(object) = bytes::<50>(source, data)? else { return Ok(None) };
    if object[..16] != ASF_DATA {
        return Ok(None);
    }
    let last = count.saturating_sub(1).saturating_mul(length).saturating_add(data + 50);
    if last >= source.size() {
        return Ok(Some(promises(last.saturating_add(length), source.size())));
    }
    let is_zero = bytes::<64>(source, last)?.is_some_and(|head| head == [0; 64]);
    Ok(is_zero.then(|| zeros("its last packet", last)))
}

/// The first partition tells where the last one begins, once that is known.
fn mxf(source: &dyn ReadAt) -> io::Result<Option<String>> {
    const PARTITION: &[u8] = b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02";
    let Some(head) = bytes::<64>(source, 0)? else { return Ok(None) };
    if !head.starts_with(PARTITION) {
        return Ok(None);
    }
    // The length behind the key is one byte, or the number of those that follow.
    let wide = if head[16] & 0x80 == 0 { 0 } else { usize::from(head[16] & 0x7f) };
    let Some(field) = head.get(17 + wide + 24..17 + wide + 32) else { return Ok(None) };
    let footer = big(field);
    if footer == 0 {
        return Ok(None);
    }
    Ok(match bytes::<16>(source, footer)? {
        None => Some(format!(
            "its header speaks of a footer at byte {footer}, the file has {}",
            source.size()
        )),
        Some(head) if head == [0; 16] => Some(zeros("its footer", footer)),
        Some(_) => None,
    })
}

/// The last page must be whole.
fn ogg(source: &dyn ReadAt) -> io::Result<Option<String>> {
    let size = source.size();
    let from = size.saturating_sub(OGG_PAGE_MAX + 4096);
    let mut tail = vec![0_u8; usize::try_from(size - from).unwrap_or(0)];
    fill(source, from, &mut tail)?;
    let Some(place) = tail.windows(5).rposition(|five| five == b"OggS\0") else {
        // The first page is within this stretch in a file that is shorter.
        let is_zero = from > 0 && tail.iter().all(|byte| *byte == 0);
        return Ok(is_zero.then(|| format!("from byte {from} on it holds zeros")));
    };
    let page = &tail[place..];
    let at = from + place as u64;
    let incomplete = || Some(format!("the page at byte {at} is incomplete"));
    let Some(segments) = page.get(26).and_then(|count| page.get(27..27 + usize::from(*count)))
    else {
        return Ok(incomplete());
    };
    let length = 27 + segments.len() + segments.iter().map(|one| usize::from(*one)).sum::<usize>();
    let Some(behind) = page.get(length..) else { return Ok(incomplete()) };
    let is_zero = behind.len() >= 64 && behind.iter().all(|byte| *byte == 0);
    Ok(is_zero.then(|| zeros("a page", at + length as u64)))
}

/// Whether the last bytes between two places are zeros, and some are there.
fn ends_with_zeros(source: &dyn ReadAt, from: u64, to: u64) -> io::Result<bool> {
    let count = to.saturating_sub(from).min(TAIL);
    if count < 64 {
        return Ok(false);
    }
    let mut tail = vec![0_u8; usize::try_from(count).unwrap_or(0)];
    fill(source, to - count, &mut tail)?;
    Ok(tail.iter().all(|byte| *byte == 0))
}

/// So many bytes at a place; nothing where the file ends before.
fn bytes<const COUNT: usize>(source: &dyn ReadAt, at: u64) -> io::Result<Option<[u8; COUNT]>> {
    if at.checked_add(COUNT as u64).is_none_or(|end| end > source.size()) {
        return Ok(None);
    }
    let mut found = [0; COUNT];
    fill(source, at, &mut found)?;
    Ok(Some(found))
}

fn fill(source: &dyn ReadAt, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read_at(at + filled as u64, &mut buffer[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(())
}

fn little(field: &[u8]) -> u64 {
    field.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
}

fn big(field: &[u8]) -> u64 {
    field.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl ReadAt for Bytes {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = &self.0[offset.min(self.0.len())..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    fn told(bytes: &[u8], container: &str) -> Option<String> {
        missing(&Bytes(bytes.to_vec()), container).unwrap()
    }

    /// An element of EBML with a length of eight bytes.
    fn element(name: &[u8], body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u64 | 1 << 56).to_be_bytes();
        [name, &length, body].concat()
    }

    fn block() -> Vec<u8> {
        element(&[0xa3], &[7; 3000])
    }

    fn cluster() -> Vec<u8> {
        element(&[0x1f, 0x43, 0xb6, 0x75], &[block(), block(), block()].concat())
    }

    fn movie(segment: &[u8]) -> Vec<u8> {
        let begin = element(&[0x1a, 0x45, 0xdf, 0xa3], &[1; 20]);
        [begin, element(&[0x18, 0x53, 0x80, 0x67], segment)].concat()
    }

    #[test]
    fn a_matroska_that_ends_with_zeros_is_cut_off_and_one_with_a_void_is_not() {
        let whole = movie(&[cluster(), cluster()].concat());
        assert_eq!(told(&whole, "matroska,webm"), None);
        let void = movie(&[cluster(), element(&[0xec], &[0; 5000])].concat());
        assert_eq!(told(&void, "matroska,webm"), None);
        // Padding behind the segment is no part of it.
        assert_eq!(told(&[whole.clone(), vec![0; 9000]].concat(), "matroska,webm"), None);
        let zeroed = |from: usize| {
            let mut bytes = whole.clone();
            bytes[from..].fill(0);
            told(&bytes, "matroska,webm").unwrap_or_default()
        };
        let second = whole.len() - cluster().len();
        assert!(zeroed(second).contains(&format!("at byte {second}")), "{}", zeroed(second));
        // Zeros from within a block of the last cluster on: the next block is not there.
        let last = whole.len() - 2 * block().len();
        assert!(zeroed(last - 100).contains(&format!("at byte {last}")));
        assert!(zeroed(last).contains(&format!("at byte {last}")));
    }

    #[test]
    fn a_live_matroska_is_walked_into() {
        let mut live = element(&[0x1a, 0x45, 0xdf, 0xa3], &[1; 20]);
        live.extend([0x18_u8, 0x53, 0x80, 0x67, 0xff, 0x1f, 0x43, 0xb6, 0x75, 0xff]);
        live.extend([block(), block()].concat());
        assert_eq!(told(&live, "matroska,webm"), None);
        let end = live.len();
        live.extend([0_u8; 6000]);
        assert!(told(&live, "matroska,webm").unwrap().contains(&format!("at byte {end}")));
    }

    #[test]
    fn a_riff_knows_its_length_unless_it_was_never_filled_in() {
        let avi = |length: u32, frames: &[u8]| {
            let list = u32::try_from(frames.len() + 4).unwrap();
            let mut bytes = [&b"RIFF"[..], &length.to_le_bytes()[..], b"AVI "].concat();
            bytes.extend([&b"LIST"[..], &list.to_le_bytes()[..], b"movi", frames].concat());
            bytes
        };
        let chunk = [&b"00dc"[..], &5000_u32.to_le_bytes()[..], &[9; 5000]].concat();
        let frames = [chunk.clone(), chunk].concat();
        let length = u32::try_from(avi(0, &frames).len() - 8).unwrap();
        assert_eq!(told(&avi(length, &frames), "avi"), None);
        assert_eq!(told(&avi(length + 8, &frames), "avi"), None);
        assert_eq!(told(&avi(0, &frames[..5010]), "avi"), None);
        assert_eq!(told(&avi(u32::MAX, &frames[..5010]), "avi"), None);
        assert!(told(&avi(length, &frames[..6000]), "avi").unwrap().contains("speaks of"));
        let zeroed = [&frames[..5008], &[0; 5008]].concat();
        assert!(told(&avi(length, &zeroed), "avi").unwrap().contains("at byte 5032"));
    }

    #[test]
    fn frames_of_ivf_and_tags_of_flv_are_followed_to_the_end() {
        let mut ivf = [&b"DKIF\0\0\x20\0VP80"[..], &[0; 20][..]].concat();
        let frame = [&[200_u8, 0, 0, 0][..], &[0; 8], &[5; 200]].concat();
        ivf.extend([frame.clone(), frame].concat());
        assert_eq!(told(&ivf, "ivf"), None);
        let end = ivf.len();
        ivf.extend([0_u8; 5000]);
        assert!(told(&ivf, "ivf").unwrap().contains(&format!("at byte {end}")));

        let mut flv = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        let tag =
            [&[9_u8, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0][..], &[5; 200], &[0, 0, 0, 211]].concat();
        flv.extend([tag.clone(), tag].concat());
        assert_eq!(told(&flv, "flv"), None);
        assert!(told(&flv[..flv.len() - 50], "flv").unwrap().contains("speaks of"));
        let end = flv.len();
        flv.extend([0_u8; 5000]);
        assert!(told(&flv, "flv").unwrap().contains(&format!("at byte {end}")));
    }

    #[test]
    fn the_last_page_of_an_ogg_is_whole() {
        let page = [&b"OggS\0\0"[..], &[0; 20][..], &[2, 255, 45], &[3; 300]].concat();
        let ogg = [page.clone(), page].concat();
        assert_eq!(told(&ogg, "ogg"), None);
        assert!(told(&ogg[..ogg.len() - 1], "ogg").unwrap().contains("incomplete"));
        assert!(told(&[ogg, vec![0; 500]].concat(), "ogg").unwrap().contains("a page"));
    }

    #[test]
    fn the_footer_of_an_mxf_is_there() {
        let mut mxf = b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02\x04\0".to_vec();
        mxf.extend([0x83_u8, 0, 0, 0x68]);
        mxf.extend([0_u8; 24]);
        mxf.extend(5000_u64.to_be_bytes());
        mxf.resize(5000, 1);
        assert!(told(&mxf, "mxf").unwrap().contains("footer"));
        mxf.extend(&b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x04\x04\0"[..]);
        assert_eq!(told(&mxf, "mxf"), None);
        mxf[5000..].fill(0);
        assert!(told(&mxf, "mxf").unwrap().contains("footer"));
    }
}
