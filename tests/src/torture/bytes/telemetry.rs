//! A transport stream with nothing but telemetry (KLV, SMPTE ST 336), as drones send it beside the picture:
//! ffmpeg copies such a stream and makes none.

use std::iter::repeat_n;

/// Messages, four a second.
const MESSAGES: u8 = 12;

/// The program's table and the telemetry, by number.
const TABLE: u8 = 0x20;
const TELEMETRY: u8 = 0x30;

/// Twelve messages that say `words` and their number, from 1 s on.
///
/// # Panics
/// Where `words` do not fit into a packet.
#[must_use]
pub fn telemetry(words: Vec<u8>) -> Vec<u8> {
    let programs = [0, 1, 0xC1, 0, 0, 0, 1, 0xE0, TABLE];
    // One stream of private data that registers itself as KLVA; no clock.
    let streams = [0, 1, 0xC1, 0, 0, 0xFF, 0xFF, 0xF0, 0, 6, 0xE0, TELEMETRY, 0xF0, 6, 5, 4];
    let mut out = section(0, 0, &programs);
    out.extend(section(TABLE, 2, &[&streams[..], b"KLVA"].concat()));
    for number in 0..MESSAGES {
        let content = message(90_000 + u32::from(number) * 22_500, number, &words);
        let fill = 183 - content.len();
        out.extend([0x47, 0x40, TELEMETRY, 0x30 | number, fill as u8, 0]);
        out.extend(repeat_n(0xFF, fill - 1));
        out.extend(content);
    }
    out
}

/// A packet of a stream that begins at `pts` of 90 kHz: the universal key of a local set, and one item.
fn message(pts: u32, number: u8, words: &[u8]) -> Vec<u8> {
    const KEY: [u8; 16] = *b"\x06\x0E\x2B\x34\x02\x0B\x01\x01\x0E\x01\x03\x01\x01\0\0\0";
    let item = [&[1, words.len() as u8 + 1, number][..], words].concat();
    let set = [&KEY[..], &[item.len() as u8], &item].concat();
    let time = [
        0x21 | (pts >> 29 & 0xE) as u8,
        (pts >> 22) as u8,
        1 | (pts >> 14) as u8 & 0xFE,
        (pts >> 7) as u8,
        1 | (pts << 1) as u8,
    ];
    let head = [0, 0, 1, 0xBD, 0, set.len() as u8 + 8, 0x84, 0x80, 5];
    [&head[..], &time, &set].concat()
}

/// A packet that holds a table.
fn section(stream: u8, table: u8, body: &[u8]) -> Vec<u8> {
    let mut section = [&[table, 0xB0, body.len() as u8 + 4][..], body].concat();
    section.extend(checksum(&section).to_be_bytes());
    let mut packet = [&[0x47, 0x40, stream, 0x10, 0][..], &section].concat();
    packet.resize(188, 0xFF);
    packet
}

/// CRC-32 as tables of MPEG-2 have it: not reflected, not inverted.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum: u32, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    })
}
