//! Letters and digits of five by seven dots, so that what is written into a test picture is the same on
//! every machine, with whatever fonts.

/// Columns of a glyph.
pub const WIDTH: usize = 5;
/// Rows of a glyph.
pub const HEIGHT: usize = 7;
/// Columns from one glyph to the next.
pub const ADVANCE: usize = 6;

/// Whether the dot in column `x`, row `y` of `letter` is set. Letters that are not here are blank.
#[must_use]
pub fn dot(letter: char, x: usize, y: usize) -> bool {
    let found = GLYPHS.iter().find(|(one, _)| *one == letter);
    found.is_some_and(|(_, rows)| x < WIDTH && y < HEIGHT && rows[y] >> (WIDTH - 1 - x) & 1 == 1)
}

/// Rows from top to bottom, the leftmost dot in the highest of five bits.
const GLYPHS: [(char, [u8; HEIGHT]); 39] = [
    ('0', [14, 17, 19, 21, 25, 17, 14]),
    ('1', [4, 12, 4, 4, 4, 4, 14]),
    ('2', [14, 17, 1, 2, 4, 8, 31]),
    ('3', [31, 2, 4, 2, 1, 17, 14]),
    ('4', [2, 6, 10, 18, 31, 2, 2]),
    ('5', [31, 16, 30, 1, 1, 17, 14]),
    ('6', [6, 8, 16, 30, 17, 17, 14]),
    ('7', [31, 1, 2, 4, 8, 8, 8]),
    ('8', [14, 17, 17, 14, 17, 17, 14]),
    ('9', [14, 17, 17, 15, 1, 2, 12]),
    ('A', [14, 17, 17, 31, 17, 17, 17]),
    ('B', [30, 17, 17, 30, 17, 17, 30]),
    ('C', [14, 17, 16, 16, 16, 17, 14]),
    ('D', [28, 18, 17, 17, 17, 18, 28]),
    ('E', [31, 16, 16, 30, 16, 16, 31]),
    ('F', [31, 16, 16, 30, 16, 16, 16]),
    ('G', [14, 17, 16, 23, 17, 17, 15]),
    ('H', [17, 17, 17, 31, 17, 17, 17]),
    ('I', [14, 4, 4, 4, 4, 4, 14]),
    ('J', [7, 2, 2, 2, 2, 18, 12]),
    ('K', [17, 18, 20, 24, 20, 18, 17]),
    ('L', [16, 16, 16, 16, 16, 16, 31]),
    ('M', [17, 27, 21, 21, 17, 17, 17]),
    ('N', [17, 17, 25, 21, 19, 17, 17]),
    ('O', [14, 17, 17, 17, 17, 17, 14]),
    ('P', [30, 17, 17, 30, 16, 16, 16]),
    ('Q', [14, 17, 17, 17, 21, 18, 13]),
    ('R', [30, 17, 17, 30, 20, 18, 17]),
    ('S', [15, 16, 16, 14, 1, 1, 30]),
    ('T', [31, 4, 4, 4, 4, 4, 4]),
    ('U', [17, 17, 17, 17, 17, 17, 14]),
    ('V', [17, 17, 17, 17, 17, 10, 4]),
    ('W', [17, 17, 17, 21, 21, 21, 10]),
    ('X', [17, 17, 10, 4, 10, 17, 17]),
    ('Y', [17, 17, 17, 10, 4, 4, 4]),
    ('Z', [31, 1, 2, 4, 8, 16, 31]),
    (':', [0, 12, 12, 0, 12, 12, 0]),
    ('-', [0, 0, 0, 31, 0, 0, 0]),
    ('/', [1, 1, 2, 4, 8, 16, 16]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_is_a_stroke_and_what_is_unknown_is_blank() {
        assert!(dot('1', 2, 3));
        assert!(!dot('1', 0, 3));
        assert!((0..WIDTH).all(|x| (0..HEIGHT).all(|y| !dot(' ', x, y))));
        assert!(!dot('1', WIDTH, 0) && !dot('1', 2, HEIGHT));
    }
}
