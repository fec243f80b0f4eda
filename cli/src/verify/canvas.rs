//! A picture in memory that shapes and letters are drawn on, and that is saved as a PNG.

use std::convert::Infallible;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_8X13, FONT_9X18_BOLD};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{
    DrawTarget, Drawable as _, OriginDimensions, Pixel, Point, Primitive as _, RgbColor as _, Size,
};
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Text};

use crate::exit::Refusal;

/// White, to begin with.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<Rgb888>,
}

/// Drawing in memory cannot fail.
fn drawn<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(done) => done,
    }
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![Rgb888::WHITE; width as usize * height as usize] }
    }

    pub(super) fn fill(&mut self, (x, y): (i32, i32), (width, height): (u32, u32), colour: Rgb888) {
        let area = Rectangle::new(Point::new(x, y), Size::new(width, height));
        drawn(area.into_styled(PrimitiveStyle::with_fill(colour)).draw(self));
    }

    pub(super) fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: Rgb888) {
        let line = Line::new(Point::new(from.0, from.1), Point::new(to.0, to.1));
        drawn(line.into_styled(PrimitiveStyle::with_stroke(colour, 1)).draw(self));
    }

    /// Writes `text`, its base line at `y`.
    pub(super) fn write(
        &mut self,
        text: &str,
        (x, y): (i32, i32),
        align: Alignment,
        colour: Rgb888,
    ) {
        let style = MonoTextStyle::new(&FONT_8X13, colour);
        drawn(Text::with_alignment(&printable(text), Point::new(x, y), style, align).draw(self));
    }

    /// Writes a title.
    pub(super) fn title(&mut self, text: &str, (x, y): (i32, i32)) {
        let style = MonoTextStyle::new(&FONT_9X18_BOLD, Rgb888::BLACK);
        drawn(Text::new(&printable(text), Point::new(x, y), style).draw(self));
    }

    /// Saves it as a PNG.
    ///
    /// # Errors
    /// A refusal with status 1 names the file.
    pub(super) fn save(&self, path: &Path) -> Result<(), Refusal> {
        let failed = |error: &dyn std::fmt::Display| {
            Refusal::failed(format!("the picture {} cannot be written: {error}", path.display()))
        };
        let file = File::create(path).map_err(|error| failed(&error))?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let bytes: Vec<u8> =
            self.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
        let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
        writer.write_image_data(&bytes).map_err(|error| failed(&error))?;
        writer.finish().map_err(|error| failed(&error))
    }

    #[cfg(test)]
    pub(super) fn count(&self, colour: Rgb888) -> usize {
        self.pixels.iter().filter(|pixel| **pixel == colour).count()
    }
}

/// The font has the letters of ASCII.
fn printable(text: &str) -> String {
    text.chars().map(|one| if one.is_ascii() && !one.is_control() { one } else { '?' }).collect()
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(point, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y)) else { continue };
            if x < self.width && y < self.height {
                self.pixels[y as usize * self.width as usize + x as usize] = colour;
            }
        }
        Ok(())
    }
}
