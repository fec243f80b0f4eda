//! Pictures of 8-bit RGB for people, and their PNG. Owns no colour science.

use cleanplate_types::picture::Rect;

/// A picture: three bytes a sample, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Image {
    pub(in crate::engine) width: u32,
    pub(in crate::engine) height: u32,
    pub(in crate::engine) samples: Vec<u8>,
}

impl Image {
    pub(in crate::engine) fn black(width: u32, height: u32) -> Self {
        Self { width, height, samples: vec![0; 3 * width as usize * height as usize] }
    }

    fn place(&self, x: u32, y: u32) -> usize {
        3 * (y as usize * self.width as usize + x as usize)
    }

    /// Paints a sample; outside the picture nothing happens.
    pub(in crate::engine) fn put(&mut self, x: u32, y: u32, paint: [u8; 3]) {
        if x < self.width && y < self.height {
            let at = self.place(x, y);
            self.samples[at..at + 3].copy_from_slice(&paint);
        }
    }

    /// The same in dark grey, to paint on.
    pub(in crate::engine) fn dimmed(&self) -> Self {
        let mut dim = self.clone();
        for sample in dim.samples.chunks_exact_mut(3) {
            let grey = sample.iter().map(|part| u16::from(*part)).sum::<u16>() / 3;
            sample.fill(u8::try_from(grey / 2).unwrap_or(u8::MAX));
        }
        dim
    }

    /// A part of it, cut to what there is.
    pub(in crate::engine) fn part(&self, rect: Rect) -> Self {
        let (right, bottom) = (rect.right().min(self.width), rect.bottom().min(self.height));
        let (x, y) = (rect.x.min(right), rect.y.min(bottom));
        let rows = (y..bottom).map(|row| &self.samples[self.place(x, row)..self.place(right, row)]);
        let samples: Vec<u8> = rows.flatten().copied().collect();
        Self { width: right - x, height: bottom - y, samples }
    }

    /// Squares of `factor` samples averaged to one; what the division leaves over is cut off.
    pub(in crate::engine) fn reduced(self, factor: u32) -> Self {
        if factor <= 1 {
            return self;
        }
        let (width, height) = ((self.width / factor).max(1), (self.height / factor).max(1));
        let mut small = Self::black(width, height);
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let (mut sums, mut count) = ([0_u32; 3], 0_u32);
            for row in (y * factor..(y + 1) * factor).filter(|row| *row < self.height) {
                for column in (x * factor..(x + 1) * factor).filter(|it| *it < self.width) {
                    let at = self.place(column, row);
                    for (sum, part) in sums.iter_mut().zip(&self.samples[at..at + 3]) {
                        *sum += u32::from(*part);
                    }
                    count += 1;
                }
            }
            let mean = sums.map(|sum| u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX));
            small.put(x, y, mean);
        }
        small
    }

    /// Both, with a white line between them.
    pub(in crate::engine) fn beside(&self, other: &Self) -> Self {
        let mut both = Self::black(self.width + 2 + other.width, self.height.max(other.height));
        for (image, left) in [(self, 0), (other, self.width + 2)] {
            for y in 0..image.height {
                let row = &image.samples[image.place(0, y)..image.place(image.width, y)];
                let at = both.place(left, y);
                both.samples[at..at + row.len()].copy_from_slice(row);
            }
        }
        for (x, y) in (0..both.height).flat_map(|y| [(self.width, y), (self.width + 1, y)]) {
            both.put(x, y, [255; 3]);
        }
        both
    }

    /// The picture as a PNG file.
    pub(in crate::engine) fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut writer = self.encoder(&mut bytes).write_header()?;
        writer.write_image_data(&self.samples)?;
        writer.finish()?;
        Ok(bytes)
    }

    fn encoder<'a>(&self, bytes: &'a mut Vec<u8>) -> png::Encoder<'a, &'a mut Vec<u8>> {
        let mut encoder = png::Encoder::new(bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        encoder
    }
}

/// Pictures of one size as an animated PNG that repeats, at `rate` pictures a second.
pub(in crate::engine) fn animation(
    pictures: &[Image],
    rate: (u32, u32),
) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let Some(first) = pictures.first() else { return Ok(bytes) };
    let count = u32::try_from(pictures.len()).unwrap_or(u32::MAX);
    let mut encoder = first.encoder(&mut bytes);
    encoder.set_animated(count, 0)?;
    // A picture's time is a fraction of 16-bit numbers: milliseconds are near enough to look at.
    let millis = (1000 * u64::from(rate.1)).checked_div(u64::from(rate.0)).unwrap_or(40);
    encoder.set_frame_delay(u16::try_from(millis.clamp(10, 1000)).unwrap_or(40), 1000)?;
    let mut writer = encoder.write_header()?;
    for picture in pictures {
        writer.write_image_data(&picture.samples)?;
    }
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Image {
        let mut image = Image::black(4, 2);
        for x in 0..4_u8 {
            image.put(x.into(), 0, [x * 10; 3]);
            image.put(x.into(), 1, [x * 10 + 4; 3]);
        }
        image
    }

    #[test]
    fn a_part_is_cut_to_the_picture_and_a_reduction_averages() {
        let part = ramp().part(Rect { x: 2, y: 0, width: 9, height: 9 });
        assert_eq!((part.width, part.height, part.samples[0]), (2, 2, 20));
        let small = ramp().reduced(2);
        assert_eq!((small.width, small.height), (2, 1));
        assert_eq!(small.samples[0], (10 + 4 + 14) / 4);
    }

    #[test]
    fn an_animation_is_a_png_that_tells_how_many_pictures_it_has() {
        let bytes = animation(&[ramp(), ramp(), ramp()], (25, 1)).unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        let reader = decoder.read_info().unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
    }

    #[test]
    fn two_pictures_lie_side_by_side_with_a_line_between() {
        let both = ramp().beside(&ramp());
        assert_eq!((both.width, both.height), (10, 2));
        assert_eq!(both.samples[3 * 4], 255);
        assert_eq!(both.samples[3 * 7], 10);
    }
}
