//! PNGs that people give: every colour type and depth, decoded to 8 bits a sample.
//!
//! Says what is wrong with a file by what it was given for (`the mask x.png …`). What the pixels mean is
//! for `mask` and `logo` to say.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The most bytes that a decoded drawing may take: 16384 by 8192 with alpha.
const PIXEL_BYTES_MAX: usize = 512 << 20;

/// A file that is no drawing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrawingError {
    /// It cannot be opened.
    #[error("the {what} {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// What it was given for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no PNG, or a damaged one.
    #[error("the {what} {} is not a PNG that can be decoded: {source}", .path.display())]
    NotPng {
        /// What it was given for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: png::DecodingError,
    },
    /// It asks for too much memory.
    #[error("the {what} {} is larger than any video", .path.display())]
    TooLarge {
        /// What it was given for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
}

/// A decoded PNG, 8 bits a sample.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// Pixels in a row.
    pub(crate) width: u32,
    /// Number of rows.
    pub(crate) height: u32,
    /// Samples of a pixel: grey, grey and alpha, RGB, or RGBA.
    samples: usize,
    bytes: Vec<u8>,
}

impl Drawing {
    /// Reads the file at `path`, which was given as a `what`.
    ///
    /// # Errors
    /// [`DrawingError`] says what is wrong with the file.
    pub(crate) fn read(what: &'static str, path: &Path) -> Result<Self, DrawingError> {
        let not_png = |source| DrawingError::NotPng { what, path: path.to_owned(), source };
        let file = File::open(path).map_err(|source| DrawingError::Unreadable {
            what,
            path: path.to_owned(),
            source,
        })?;
        let limits = png::Limits { bytes: PIXEL_BYTES_MAX };
        let mut decoder = png::Decoder::new_with_limits(BufReader::new(file), limits);
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().map_err(not_png)?;
        let size = reader
            .output_buffer_size()
            .filter(|bytes| *bytes <= PIXEL_BYTES_MAX)
            .ok_or_else(|| DrawingError::TooLarge { what, path: path.to_owned() })?;
        let mut bytes = vec![0; size];
        let info = reader.next_frame(&mut bytes).map_err(not_png)?;
        bytes.truncate(info.buffer_size());
        if info.bit_depth == png::BitDepth::Sixteen {
            bytes = bytes.chunks_exact(2).map(|pair| narrowed([pair[0], pair[1]])).collect();
        }
        let samples = info.color_type.samples();
        Ok(Self { width: info.width, height: info.height, samples, bytes })
    }

    /// Whether it says what shines through.
    pub(crate) const fn has_alpha(&self) -> bool {
        matches!(self.samples, 2 | 4)
    }

    /// Its rows, each of pixels of one to four samples.
    pub(crate) fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = &[u8]>> {
        let row = (self.width as usize * self.samples).max(1);
        self.bytes.chunks_exact(row).map(|row| row.chunks_exact(self.samples))
    }
}

/// A sample of 16 bits in 8, rounded to the nearest.
fn narrowed(sample: [u8; 2]) -> u8 {
    let near = (u32::from(u16::from_be_bytes(sample)) * 255 + 32_767) / 65_535;
    u8::try_from(near).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded_and_not_cut_off() {
        assert_eq!(narrowed([0, 0]), 0);
        assert_eq!(narrowed([0xff, 0xff]), 255);
        // 200.6 of 255 is 201.
        assert_eq!(narrowed(51_554_u16.to_be_bytes()), 201);
    }

    #[test]
    fn a_file_that_is_no_png_is_named_with_what_it_was_given_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.png");
        std::fs::write(&path, "only words").unwrap();
        let said = Drawing::read("mask", &path).unwrap_err().to_string();
        assert!(said.starts_with("the mask ") && said.contains("words.png"), "{said}");
        let absent = Drawing::read("logo", &folder.path().join("absent")).unwrap_err();
        assert!(matches!(absent, DrawingError::Unreadable { what: "logo", .. }));
    }
}
