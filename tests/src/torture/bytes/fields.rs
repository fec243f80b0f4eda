//! H.264 whose pictures are now a frame, now two fields, each a picture of its own (PAFF).
//!
//! Owns just enough of a writer of H.264 for that, since no encoder that ffmpeg has makes such streams:
//! samples as they are (`I_PCM`), and macroblocks that repeat the picture before (`P_Skip`).

use super::escaped;

const WIDTH: usize = 160;
const HEIGHT: usize = 96;

/// Frames from one IDR picture to the next.
const GROUP: usize = 20;

/// Writes raw frames of 160x96 in 4:2:0 as H.264: of three frames the first and the second are two
/// fields, upper first, the third is a frame picture. A group begins with a field that is an IDR picture.
///
/// # Panics
/// Where the input is not whole frames.
#[must_use]
pub fn as_fields_and_frames(bytes: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    unit(&mut out, 0x67, sequence());
    unit(&mut out, 0x68, parameters());
    let frames = bytes.chunks_exact(WIDTH * HEIGHT * 3 / 2);
    assert!(frames.remainder().is_empty(), "the frames are whole");
    for (number, frame) in frames.enumerate() {
        if number % GROUP % 3 == 2 {
            unit(&mut out, 0x61, picture(frame, number, Shape::Frame));
        } else {
            let first = if number % GROUP == 0 { 0x65 } else { 0x61 };
            unit(&mut out, first, picture(frame, number, Shape::Upper));
            unit(&mut out, 0x61, picture(frame, number, Shape::Lower));
        }
    }
    out
}

/// What a picture covers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Frame,
    Upper,
    Lower,
}

impl Shape {
    /// Rows of macroblocks.
    const fn rows(self) -> usize {
        match self {
            Self::Frame => HEIGHT / 16,
            Self::Upper | Self::Lower => HEIGHT / 32,
        }
    }

    /// The line of the frame that is `line` of the picture.
    const fn line(self, line: usize) -> usize {
        match self {
            Self::Frame => line,
            Self::Upper => 2 * line,
            Self::Lower => 2 * line + 1,
        }
    }
}

/// One slice that is the picture. The first field of a group has all its samples; the others have one row
/// of macroblocks and repeat the rest, so that they need what was before.
fn picture(frame: &[u8], number: usize, shape: Shape) -> Vec<u8> {
    let place = number % GROUP;
    let whole = place == 0;
    let is_key = whole && shape == Shape::Upper;
    let mut bits = Bits::default();
    bits.counted(0); // the first macroblock
    bits.counted(if is_key { 7 } else { 5 }); // I or P, as all slices of the picture
    bits.counted(0); // which parameters
    bits.plain(place as u32 % 16, 4); // the frame's number
    bits.plain(u32::from(shape != Shape::Frame), 1);
    if shape != Shape::Frame {
        bits.plain(u32::from(shape == Shape::Lower), 1);
    }
    if is_key {
        bits.counted(number as u32 / GROUP as u32 % 2); // neighbours differ
    }
    bits.plain((2 * place + usize::from(shape == Shape::Lower)) as u32, 8); // its order
    if shape == Shape::Frame {
        bits.signed_one(); // the lower field is one later
    }
    if is_key {
        bits.plain(0, 2); // neither drops what is before nor stays for long
    } else {
        bits.plain(0, 3); // as many references as always, in their order, none is let go
    }
    bits.counted(0); // the same quantiser
    bits.counted(1); // no deblocking
    let kept = number % shape.rows();
    let columns = WIDTH / 16;
    for row in 0..shape.rows() {
        for column in 0..columns {
            if is_key {
                bits.counted(25);
                bits.samples(frame, shape, column, row);
            } else if whole || row == kept {
                let skipped = if column == 0 && !whole { kept * columns } else { 0 };
                bits.counted(skipped as u32);
                bits.counted(30);
                bits.samples(frame, shape, column, row);
            }
        }
    }
    let behind = (shape.rows() - 1 - kept) * columns;
    if !whole && behind > 0 {
        bits.counted(behind as u32);
    }
    bits.end()
}

fn sequence() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.plain(77, 8); // the main profile
    bits.plain(0, 8);
    bits.plain(30, 8);
    bits.counted(0);
    bits.counted(0); // numbers of frames in 4 bits
    bits.counted(0);
    bits.counted(4); // their order in 8 bits
    bits.counted(2); // two frames to refer to
    bits.plain(0, 1);
    bits.counted(WIDTH as u32 / 16 - 1);
    bits.counted(HEIGHT as u32 / 32 - 1);
    bits.plain(0b00_1_0_1, 5); // fields; no MBAFF; direct prediction by 8x8; no crop; more follows
    bits.plain(0b0000_1, 5); // neither shape, overscan, signal nor place of chroma; a clock
    bits.plain(1, 32);
    bits.plain(50, 32); // fields a second
    bits.plain(0b1_00_0_1, 5); // fixed; no buffer model; no word on fields; limits
    bits.plain(1, 1);
    for limit in [0, 0, 10, 10, 0, 2] {
        bits.counted(limit);
    }
    bits.end()
}

fn parameters() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.counted(0);
    bits.counted(0);
    bits.plain(0b0_1, 2); // CAVLC; frames say how far apart their fields are
    for _ in 0..3 {
        bits.counted(0); // one group of slices, one reference each way
    }
    bits.plain(0, 3);
    for _ in 0..3 {
        bits.counted(0); // quantisers
    }
    bits.plain(0b100, 3); // slices speak of deblocking
    bits.end()
}

/// Appends a NAL unit.
fn unit(out: &mut Vec<u8>, head: u8, body: Vec<u8>) {
    out.extend([0, 0, 0, 1, head]);
    out.extend(escaped(&body));
}

/// Bits, the highest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not written yet.
    free: u32,
}

impl Bits {
    fn plain(&mut self, value: u32, width: u32) {
        for place in (0..width).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            let last = self.bytes.last_mut().expect("a byte was pushed");
            *last |= ((value >> place & 1) as u8) << self.free;
        }
    }

    /// Exp-Golomb, without sign.
    fn counted(&mut self, value: u32) {
        let width = (value + 1).ilog2();
        self.plain(0, width);
        self.plain(value + 1, width + 1);
    }

    /// Exp-Golomb with sign: one.
    fn signed_one(&mut self) {
        self.counted(1);
    }

    /// The samples of a macroblock: 16x16 of luma, 8x8 of each chroma, on whole bytes. None is 0, as
    /// early editions of the standard ask.
    fn samples(&mut self, frame: &[u8], shape: Shape, column: usize, row: usize) {
        self.free = 0;
        let (luma, chroma) = (WIDTH * HEIGHT, WIDTH * HEIGHT / 4);
        for (start, width, size) in
            [(0, WIDTH, 16), (luma, WIDTH / 2, 8), (luma + chroma, WIDTH / 2, 8)]
        {
            for line in 0..size {
                let line = shape.line(row * size + line);
                let from = start + line * width + column * size;
                self.bytes.extend(frame[from..from + size].iter().map(|sample| (*sample).max(1)));
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.plain(1, 1);
        self.bytes
    }
}
