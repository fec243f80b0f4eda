//! Masks as people draw them: a PNG, white where something is to be removed.
//!
//! Takes every colour type and depth. A pixel counts as white where its brightness, over black
//! where it is transparent, is at least half.

use std::path::{Path, PathBuf};

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;
use cleanplate_types::request::UserMask;

use crate::drawing::{Drawing, DrawingError};

/// A file that is no mask.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MaskError {
    /// It is no drawing.
    #[error(transparent)]
    Drawing(#[from] DrawingError),
    /// Nothing is to be removed.
    #[error(
        "the mask {}, of {width}x{height}, has no white pixel: white is what is removed; paint that, at the \
         size of the picture", .path.display()
    )]
    Black {
        /// Which file.
        path: PathBuf,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
}

/// Reads the drawing at `path`.
///
/// # Errors
/// [`MaskError`] says what is wrong with the file.
pub(crate) fn read(path: &Path) -> Result<UserMask, MaskError> {
    let drawing = Drawing::read("mask", path)?;
    let white: Vec<Vec<bool>> = drawing.rows().map(|row| row.map(is_white).collect()).collect();
    let (width, height) = (drawing.width, drawing.height);
    let black = || MaskError::Black { path: path.to_owned(), width, height };
    Ok(UserMask { width, height, mask: enclose(&white).ok_or_else(black)? })
}

/// Whether a pixel of 8-bit grey, grey and alpha, RGB or RGBA counts as white.
fn is_white(pixel: &[u8]) -> bool {
    let (brightness, alpha) = match *pixel {
        [grey] => (u32::from(grey) * 1000, 255),
        [grey, alpha] => (u32::from(grey) * 1000, u32::from(alpha)),
        [red, green, blue] => (luma(red, green, blue), 255),
        [red, green, blue, alpha] => (luma(red, green, blue), u32::from(alpha)),
        _ => (0, 0),
    };
    // Half of 255 thousandths at full opacity, rounded up.
    u64::from(brightness) * u64::from(alpha) * 2 >= 255_000 * 255
}

fn luma(red: u8, green: u8, blue: u8) -> u32 {
    u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114
}

/// The white pixels, with the smallest rectangle that holds them; `None` where there is none.
fn enclose(white: &[Vec<bool>]) -> Option<Mask> {
    let set = || {
        (0_u32..).zip(white).flat_map(|(y, row)| {
            (0_u32..).zip(row).filter(|(_, white)| **white).map(move |(x, _)| (x, y))
        })
    };
    let (left, right) = (set().map(|(x, _)| x).min()?, set().map(|(x, _)| x).max()?);
    let (top, bottom) = (set().map(|(_, y)| y).min()?, set().map(|(_, y)| y).max()?);
    let bounds = Rect { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
    let mut mask = Mask::empty(bounds);
    for (x, y) in set() {
        mask.set(x - left, y - top);
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::BufWriter;

    use super::*;

    fn draw(folder: &Path, colour: png::ColorType, depth: png::BitDepth, data: &[u8]) -> PathBuf {
        let path = folder.join(format!("{colour:?}-{depth:?}.png"));
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(&path).unwrap()), 3, 2);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if colour == png::ColorType::Indexed {
            encoder.set_palette(vec![0, 0, 0, 255, 255, 255]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        path
    }

    /// White at (1, 0) and (2, 1) of three columns by two rows.
    fn is_the_drawing(path: &Path) {
        let mask = read(path).unwrap();
        assert_eq!((mask.width, mask.height), (3, 2));
        assert_eq!(mask.mask.bounds, Rect { x: 1, y: 0, width: 2, height: 2 });
        assert_eq!(mask.mask.count(), 2, "{}", path.display());
        assert!(mask.mask.covers(0, 0) && mask.mask.covers(1, 1));
    }

    #[test]
    fn white_is_white_in_every_kind_of_png() {
        use png::{BitDepth, ColorType};
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let on = [0, 1, 0, 0, 0, 1];
        let spread = |white: &[u8], black: &[u8]| -> Vec<u8> {
            on.iter().flat_map(|bit| if *bit == 1 { white } else { black }).copied().collect()
        };
        let eight = BitDepth::Eight;
        is_the_drawing(&draw(folder, ColorType::Grayscale, eight, &spread(&[128], &[127])));
        is_the_drawing(&draw(
            folder,
            ColorType::Grayscale,
            BitDepth::One,
            &[0b0100_0000, 0b0010_0000],
        ));
        is_the_drawing(&draw(
            folder,
            ColorType::Indexed,
            BitDepth::One,
            &[0b0100_0000, 0b0010_0000],
        ));
        let sixteen = spread(&[0xff, 0xff], &[0, 0]);
        is_the_drawing(&draw(folder, ColorType::Grayscale, BitDepth::Sixteen, &sixteen));
        is_the_drawing(&draw(folder, ColorType::Rgb, eight, &spread(&[255; 3], &[255, 0, 0])));
        let clear = spread(&[255, 255, 255, 255], &[255, 255, 255, 100]);
        is_the_drawing(&draw(folder, ColorType::Rgba, eight, &clear));
        let faint = spread(&[255, 200], &[255, 0]);
        is_the_drawing(&draw(folder, ColorType::GrayscaleAlpha, eight, &faint));
    }

    #[test]
    fn a_black_drawing_removes_nothing_and_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = draw(folder.path(), png::ColorType::Grayscale, png::BitDepth::Eight, &[0; 6]);
        assert!(matches!(read(&path), Err(MaskError::Black { .. })));
    }
}
