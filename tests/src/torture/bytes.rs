//! Changes to the bytes of clips that no option of ffmpeg makes.
//!
//! Owns just enough of boxes and NAL units for that. The same input gives the same output, always.

pub mod pulldown;
pub mod telemetry;

/// Raised where an edit changes what it does, so that kept clips are made anew.
pub const VERSION: u32 = 1;

/// The first three fifths of the file.
#[must_use]
pub fn cut_off(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() * 3 / 5);
    bytes
}

/// A text as long as the file.
#[must_use]
pub fn words(bytes: Vec<u8>) -> Vec<u8> {
    let words = b"these are only words\n";
    words.iter().copied().cycle().take(bytes.len()).collect()
}

/// 600 zero bytes in the middle of the file.
#[must_use]
pub fn zeros_in_the_middle(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle..middle + 600].fill(0);
    bytes
}

/// 600 zero bytes in the middle of the media of an mp4.
#[must_use]
pub fn zeros_in_media(mut bytes: Vec<u8>) -> Vec<u8> {
    let (start, end) = media(&bytes);
    let middle = usize::midpoint(start, end);
    bytes[middle..middle + 600].fill(0);
    bytes
}

/// Twelve bits in the middle fifth of the media of an mp4.
#[must_use]
pub fn flip_bits_in_media(mut bytes: Vec<u8>) -> Vec<u8> {
    let (start, end) = media(&bytes);
    let fifth = (end - start) / 5;
    for number in 0..12 {
        let place = start + 2 * fifth + number * 7919 % fifth;
        bytes[place] ^= 1 << (number % 8);
    }
    bytes
}

/// Boxes without meaning between media and index, and after it.
#[must_use]
pub fn with_free_boxes(bytes: Vec<u8>) -> Vec<u8> {
    let free = [&[0, 0, 0, 40][..], b"free", &[7; 32]].concat();
    let unknown = [&[0, 0, 0, 24][..], b"uuid", &[9; 16]].concat();
    let index = find(&bytes, b"moov").expect("an mp4 has an index") - 4;
    [&bytes[..index], &free[..], &unknown, &bytes[index..], &free, &unknown].concat()
}

/// Turns the track of timed text into one of a kind that nobody knows.
#[must_use]
pub fn text_becomes_unknown(bytes: Vec<u8>) -> Vec<u8> {
    let bytes = replaced(bytes, b"tx3g", b"mebx");
    replaced(bytes, b"sbtl", b"meta")
}

/// Gives the only track, of 25 frames a second and 12,800 ticks, two edits: frames 10 to 29, then 50 to
/// 79. The index must be behind the media, so that nothing else moves.
#[must_use]
pub fn two_edits(mut bytes: Vec<u8>) -> Vec<u8> {
    const ENTRY: usize = 12;
    let list = find(&bytes, b"elst").expect("ffmpeg writes an edit list");
    let count = list + 8;
    let entry = |millis: u32, first_frame: u32| {
        [millis.to_be_bytes(), (first_frame * 512).to_be_bytes(), 0x1_0000_u32.to_be_bytes()]
            .concat()
    };
    let edits = [entry(800, 10), entry(1200, 50)].concat();
    bytes.splice(count + 4..count + 4 + ENTRY, edits);
    bytes[count..count + 4].copy_from_slice(&2_u32.to_be_bytes());
    for name in [b"moov", b"trak", b"edts", b"elst"] {
        let size = find(&bytes, name).expect("the box is there") - 4;
        let old = u32::from_be_bytes(bytes[size..size + 4].try_into().expect("four bytes"));
        bytes[size..size + 4].copy_from_slice(&(old + 12).to_be_bytes());
    }
    bytes
}

/// Puts captions (CEA-608 and 708) into a raw H.264 stream, others for each picture.
#[must_use]
pub fn with_captions_h264(bytes: Vec<u8>) -> Vec<u8> {
    with_message(&bytes, Coded::H264, captions)
}

/// Puts captions (CEA-608 and 708) into a raw HEVC stream, others for each picture.
#[must_use]
pub fn with_captions_hevc(bytes: Vec<u8>) -> Vec<u8> {
    with_message(&bytes, Coded::Hevc, captions)
}

/// Puts HDR10+ metadata into a raw HEVC stream.
#[must_use]
pub fn with_hdr10_plus(bytes: Vec<u8>) -> Vec<u8> {
    with_message(&bytes, Coded::Hevc, hdr10_plus)
}

/// The same, from the thirteenth picture on.
#[must_use]
pub fn with_late_hdr10_plus(bytes: Vec<u8>) -> Vec<u8> {
    const FIRST: u8 = 12;
    let message = |number| if number < FIRST { Vec::new() } else { hdr10_plus(number) };
    with_message(&bytes, Coded::Hevc, message)
}

/// Puts captions into a raw H.264 stream, from the thirteenth picture on.
#[must_use]
pub fn with_late_captions_h264(bytes: Vec<u8>) -> Vec<u8> {
    const FIRST: u8 = 12;
    let message = |number| if number < FIRST { Vec::new() } else { captions(number) };
    with_message(&bytes, Coded::H264, message)
}

/// Says in an mp4 of HEVC, whose index is behind the media, that its video is Dolby Vision of profile 8.1.
#[must_use]
pub fn with_dolby_vision(mut bytes: Vec<u8>) -> Vec<u8> {
    // Version 1.0; profile 8, level 1, metadata and base layer, compatible with HDR10.
    let mut said = vec![0; 32];
    said[..13].copy_from_slice(&[0, 0, 0, 32, b'd', b'v', b'v', b'C', 1, 0, 0x10, 0x0d, 0x10]);
    let name = find(&bytes, b"hvc1").expect("the sample entry is Apple's");
    let size = |bytes: &[u8], at: usize| {
        u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
    };
    let entry = name - 4;
    let end = entry + usize::try_from(size(&bytes, entry)).expect("a small box");
    let outer: Vec<usize> = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"]
        .iter()
        .map(|name| find(&bytes, *name).expect("the box is there") - 4)
        .collect();
    for at in outer.into_iter().chain([entry]) {
        let grown = size(&bytes, at) + 32;
        bytes[at..at + 4].copy_from_slice(&grown.to_be_bytes());
    }
    bytes.splice(end..end, said);
    bytes
}

/// Zeros where the sound is, in four packets in a row of the second stream of a transport stream: no picture is
/// touched.
#[must_use]
pub fn zeros_in_sound_of_ts(mut bytes: Vec<u8>) -> Vec<u8> {
    const PACKET: usize = 188;
    let is_sound = |packet: &[u8]| {
        let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
        let begins = packet[1] & 0x40 != 0;
        // Payload alone: no place for a clock in front.
        pid == 0x101 && !begins && packet[3] & 0x30 == 0x10
    };
    let count = bytes.chunks_exact(PACKET).filter(|packet| is_sound(packet)).count();
    let found = bytes.chunks_exact_mut(PACKET).filter(|packet| is_sound(packet));
    for packet in found.skip(count / 2).take(4) {
        packet[4..].fill(0);
    }
    bytes
}

#[derive(Clone, Copy)]
enum Coded {
    H264,
    Hevc,
}

impl Coded {
    /// Whether the NAL unit begins a picture.
    fn begins_picture(self, unit: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(unit[0] & 31, 1 | 5) && unit.get(1).is_some_and(|b| b & 128 > 0),
            Self::Hevc => unit[0] >> 1 < 32 && unit.get(2).is_some_and(|b| b & 128 > 0),
        }
    }

    /// The header of an SEI message ahead of a picture.
    const fn header(self) -> &'static [u8] {
        match self {
            Self::H264 => &[6],
            Self::Hevc => &[39 << 1, 1],
        }
    }
}

/// Puts the registered message that `message` gives for the number of the picture before each picture.
fn with_message(bytes: &[u8], coded: Coded, message: impl Fn(u8) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let mut picture = 0;
    for unit in units(bytes) {
        if coded.begins_picture(unit) {
            let payload = message(picture);
            let size = u8::try_from(payload.len()).expect("a short message");
            let body = [&[4, size][..], &payload, &[0x80]].concat();
            if size > 0 {
                out.extend([&[0, 0, 0, 1], coded.header(), &escaped(&body)].concat());
            }
            picture = picture.wrapping_add(1);
        }
        out.extend([&[0, 0, 0, 1], unit].concat());
    }
    out
}

/// The NAL units of a stream with start codes.
fn units(bytes: &[u8]) -> Vec<&[u8]> {
    let is_start = |place: &usize| bytes[*place..].starts_with(&[0, 0, 1]);
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(3)).filter(is_start).collect();
    let ends = starts.iter().skip(1).copied().chain(std::iter::once(bytes.len()));
    let unit = |(start, end): (&usize, usize)| {
        let unit = &bytes[start + 3..end];
        let trailing = unit.iter().rev().take_while(|byte| **byte == 0).count();
        &unit[..unit.len() - trailing]
    };
    starts.iter().zip(ends).map(unit).collect()
}

/// The same bytes with none that could be taken for a start code.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 4);
    for byte in bytes {
        if *byte <= 3 && out.ends_with(&[0, 0]) {
            out.push(3);
        }
        out.push(*byte);
    }
    out
}

/// ATSC A/53 captions: two characters of 608 in field one, nothing in field two, and a byte pair of 708.
fn captions(number: u8) -> Vec<u8> {
    let character = |value: u8| {
        let seven = 0x20 + value % 0x50;
        if seven.count_ones().is_multiple_of(2) { seven | 0x80 } else { seven }
    };
    let first = [0xFC, character(number), character(number / 3)];
    let second = [0xFD, 0x80, 0x80];
    let digital = [0xFF, 0xC2, number | 1];
    let head = [0xB5, 0x00, 0x31, b'G', b'A', b'9', b'4', 3, 0x40 | 3, 0xFF];
    [&head[..], &first, &second, &digital, &[0xFF]].concat()
}

/// SMPTE ST 2094-40, one window without curves.
fn hdr10_plus(number: u8) -> Vec<u8> {
    let fields = [
        (1, 2),
        (4_000_000, 27),
        (0, 1),
        (50_000 + u32::from(number), 17),
        (51_000, 17),
        (52_000, 17),
        (9_000, 17),
        (0, 4),
        (100, 10),
        (0, 3),
    ];
    let bits = fields.iter().flat_map(|(value, width)| {
        (0..*width).rev().map(move |place| u8::from(value >> place & 1 == 1))
    });
    let bits: Vec<u8> = bits.collect();
    let bytes = bits.chunks(8).map(|eight| {
        let sum = eight.iter().fold(0, |sum, bit| sum << 1 | bit);
        sum << (8 - eight.len())
    });
    [0xB5, 0x00, 0x3C, 0x00, 0x01, 4, 1].into_iter().chain(bytes).collect()
}

/// Where the media of an mp4 begin and end.
fn media(bytes: &[u8]) -> (usize, usize) {
    let start = find(bytes, b"mdat").expect("an mp4 has media") + 4;
    let size = u32::from_be_bytes(bytes[start - 8..start - 4].try_into().expect("four bytes"));
    (start, start - 8 + usize::try_from(size).expect("a small file"))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn replaced(mut bytes: Vec<u8>, what: &[u8], by: &[u8]) -> Vec<u8> {
    while let Some(place) = find(&bytes, what) {
        bytes[place..place + by.len()].copy_from_slice(by);
    }
    bytes
}

/// The clock of the first video track of an mp4 and that of the movie, in ticks a second.
///
/// # Panics
/// Where the file has no such boxes.
#[must_use]
pub fn clocks(bytes: &[u8]) -> (u32, u32) {
    let word =
        |place: usize| u32::from_be_bytes(bytes[place..place + 4].try_into().expect("four bytes"));
    // The clock stands behind two times, of 4 bytes each or of 8 in version 1.
    let clock = |name: usize| word(name + if bytes[name + 4] == 0 { 16 } else { 24 });
    let index = find(bytes, b"moov").expect("an mp4 has an index");
    let after = |from: usize, name: &[u8]| {
        from + find(&bytes[from..], name).expect("the box is in the index")
    };
    let movie = clock(after(index, b"mvhd"));
    let mut media = index;
    loop {
        media = after(media + 4, b"mdhd");
        let handler = after(media, b"hdlr");
        if bytes[handler + 12..handler + 16] == *b"vide" {
            return (clock(media), movie);
        }
    }
}
