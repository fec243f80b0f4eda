//! A small RGBA picture to draw an overlay on: shapes and letters with soft edges.

use super::glyphs;

/// Subsamples a side that a sample's cover is counted over.
const FINE: usize = 4;

/// Straight (not premultiplied) colour and alpha of 8 bits, as in a PNG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// R, G, B, A of each sample, row by row.
    pub rgba: Vec<[u8; 4]>,
}

/// Colour and alpha of a stroke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink {
    /// R, G, B.
    pub rgb: [u8; 3],
    /// 255 hides what is below.
    pub alpha: u8,
}

/// How large letters are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    /// Samples of a dot.
    pub dot: f64,
    /// Dots by which each stroke is wider on all sides.
    pub more: f64,
}

impl Ink {
    /// Hides what is below.
    #[must_use]
    pub const fn opaque(rgb: [u8; 3]) -> Self {
        Self { rgb, alpha: 255 }
    }
}

impl Canvas {
    /// A canvas that hides nothing.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, rgba: vec![[0; 4]; width * height] }
    }

    /// Puts `ink` where `inside` says so, in samples from the upper left corner. Where it lies over other
    /// ink, it takes that one's place by its cover: shapes of one alpha that overlap stay of one alpha.
    pub fn draw(&mut self, ink: Ink, inside: impl Fn(f64, f64) -> bool) {
        for y in 0..self.height {
            for x in 0..self.width {
                let cover = cover(x, y, &inside);
                if cover > 0 {
                    self.put(x, y, ink, cover);
                }
            }
        }
    }

    fn put(&mut self, x: usize, y: usize, ink: Ink, cover: usize) {
        let all = FINE * FINE;
        let below = &mut self.rgba[y * self.width + x];
        let (new, old) = (cover * usize::from(ink.alpha), (all - cover) * usize::from(below[3]));
        for (level, new_level) in below.iter_mut().zip(ink.rgb) {
            let sum = new * usize::from(new_level) + old * usize::from(*level);
            *level = byte((sum + (new + old) / 2) / (new + old).max(1));
        }
        below[3] = byte((new + old + all / 2) / all);
    }

    /// A filled circle.
    pub fn disc(&mut self, ink: Ink, (cx, cy): (f64, f64), radius: f64) {
        self.draw(ink, |x, y| (x - cx) * (x - cx) + (y - cy) * (y - cy) <= radius * radius);
    }

    /// A filled rectangle.
    pub fn rect(&mut self, ink: Ink, (left, top): (f64, f64), (width, height): (f64, f64)) {
        self.draw(ink, |x, y| {
            (left..left + width).contains(&x) && (top..top + height).contains(&y)
        });
    }

    /// A line of text.
    pub fn text(&mut self, ink: Ink, (left, top): (f64, f64), pen: Pen, text: &str) {
        let Pen { dot, more } = pen;
        let letters: Vec<char> = text.chars().collect();
        let set = |x: f64, y: f64| {
            if x < 0.0 || y < 0.0 {
                return false;
            }
            let (x, y) = (x as usize, y as usize);
            let letter = letters.get(x / glyphs::ADVANCE);
            letter.is_some_and(|letter| glyphs::dot(*letter, x % glyphs::ADVANCE, y))
        };
        self.draw(ink, |x, y| {
            let (x, y) = ((x - left) / dot, (y - top) / dot);
            AROUND.iter().any(|(dx, dy)| set(x + dx * more, y + dy * more))
        });
    }
}

/// Width and height of a line of text at `dot` samples a dot.
#[must_use]
pub fn text_size(dot: f64, text: &str) -> (f64, f64) {
    let letters = text.chars().count();
    let columns = (letters * glyphs::ADVANCE).saturating_sub(glyphs::ADVANCE - glyphs::WIDTH);
    (columns as f64 * dot, glyphs::HEIGHT as f64 * dot)
}

/// How many of the subsamples of a sample are inside.
fn cover(x: usize, y: usize, inside: &impl Fn(f64, f64) -> bool) -> usize {
    let at = |whole: usize, part: usize| whole as f64 + (part as f64 + 0.5) / FINE as f64;
    let parts = || (0..FINE).flat_map(|v| (0..FINE).map(move |u| (u, v)));
    parts().filter(|(u, v)| inside(at(x, *u), at(y, *v))).count()
}

fn byte(value: usize) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// The place itself and its eight neighbours at distance one.
const AROUND: [(f64, f64); 9] = [
    (0.0, 0.0),
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, 1.0),
    (0.0, -1.0),
    (0.7, 0.7),
    (0.7, -0.7),
    (-0.7, 0.7),
    (-0.7, -0.7),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_on_whole_samples_has_hard_edges_and_on_half_ones_soft() {
        let mut canvas = Canvas::new(4, 3);
        canvas.rect(Ink::opaque([10, 20, 30]), (1.0, 1.0), (1.5, 1.0));
        assert_eq!(canvas.rgba[4 + 1], [10, 20, 30, 255]);
        assert_eq!(canvas.rgba[4 + 2], [10, 20, 30, 128]);
        assert_eq!(canvas.rgba[4 + 3][3], 0);
        assert_eq!(canvas.rgba[1][3], 0);
    }

    #[test]
    fn ink_over_ink_of_the_same_alpha_keeps_the_alpha() {
        let mut canvas = Canvas::new(1, 1);
        canvas.rect(Ink { rgb: [0; 3], alpha: 100 }, (0.0, 0.0), (1.0, 1.0));
        canvas.rect(Ink { rgb: [200; 3], alpha: 100 }, (0.0, 0.0), (0.5, 1.0));
        assert_eq!(canvas.rgba[0], [100, 100, 100, 100]);
    }

    #[test]
    fn text_is_where_its_dots_are() {
        let mut canvas = Canvas::new(24, 14);
        canvas.text(Ink::opaque([255; 3]), (0.0, 0.0), Pen { dot: 2.0, more: 0.0 }, "T1");
        assert_eq!(canvas.rgba[0][3], 255, "the bar of the T");
        assert_eq!(canvas.rgba[10 * 24][3], 0, "beside its stem");
        assert_eq!(canvas.rgba[6 * 24 + 16][3], 255, "the stem of the 1");
        assert_eq!(text_size(2.0, "T1"), (22.0, 14.0));
    }
}
