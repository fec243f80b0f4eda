//! Logos as their owners have them: a PNG with its transparency, and where it lies.
//!
//! Owns the syntax `LOGO.png[@X,Y]` and the cropping to what can be seen. Refuses a picture without alpha:
//! the blend that it made cannot be solved without it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use cleanplate_types::request::{LOGO_SAMPLES_MAX, UserLogo};

use crate::drawing::{Drawing, DrawingError};

/// What was typed is no logo.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogoError {
    /// It is no drawing.
    #[error(transparent)]
    Drawing(#[from] DrawingError),
    /// It does not say what shines through.
    #[error(
        "the logo {} has no transparency; give the logo with its transparency (a PNG with alpha), or say \
         where it lies by --region or --mask", .path.display()
    )]
    NoAlpha {
        /// Which file.
        path: PathBuf,
    },
    /// Nothing of it can be seen.
    #[error("the logo {} is transparent everywhere: nothing of it can be seen", .path.display())]
    Invisible {
        /// Which file.
        path: PathBuf,
    },
    /// It would not fit a request.
    #[error(
        "the logo {} has {samples} visible pixels with those between them, and {LOGO_SAMPLES_MAX} are the \
         most; say where it lies by --region or --mask", .path.display()
    )]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Pixels of its visible rectangle.
        samples: u64,
    },
    /// It lies where no picture can be.
    #[error("the place of the logo {} is beyond pixel 2147483647", .path.display())]
    TooFar {
        /// Which file.
        path: PathBuf,
    },
}

/// Takes a logo as it was typed.
///
/// # Errors
/// [`LogoError`] says what is wrong.
pub(crate) fn read(typed: &OsStr) -> Result<UserLogo, LogoError> {
    let (path, at) = split(typed);
    let drawing = Drawing::read("logo", path)?;
    if !drawing.has_alpha() {
        return Err(LogoError::NoAlpha { path: path.to_owned() });
    }
    cropped(&drawing, path, at)
}

/// The file and the place. Only whole numbers behind the last `@` are a place: a path may have others.
fn split(typed: &OsStr) -> (&Path, Option<(i32, i32)>) {
    let parts = typed.to_str().and_then(|text| text.rsplit_once('@'));
    match parts.and_then(|(path, place)| Some((path, corner(place)?))) {
        Some((path, at)) if !path.is_empty() => (Path::new(path), Some(at)),
        Some(_) | None => (Path::new(typed), None),
    }
}

fn corner(text: &str) -> Option<(i32, i32)> {
    let (x, y) = text.split_once(',')?;
    Some((whole(x)?, whole(y)?))
}

fn whole(text: &str) -> Option<i32> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole { text.parse().ok() } else { None }
}

/// The smallest part of the drawing that shows all of it, at a place that moved with it.
fn cropped(drawing: &Drawing, path: &Path, at: Option<(i32, i32)>) -> Result<UserLogo, LogoError> {
    let is_seen = |pixel: &[u8]| pixel.last().is_some_and(|alpha| *alpha > 0);
    let (mut columns, mut rows) = (None, None);
    for (y, row) in (0_u32..).zip(drawing.rows()) {
        for (x, _) in (0_u32..).zip(row).filter(|(_, pixel)| is_seen(pixel)) {
            widen(&mut columns, x);
            widen(&mut rows, y);
        }
    }
    let (Some((left, right)), Some((top, bottom))) = (columns, rows) else {
        return Err(LogoError::Invisible { path: path.to_owned() });
    };
    let (width, height) = (right - left + 1, bottom - top + 1);
    let samples = u64::from(width) * u64::from(height);
    if samples > LOGO_SAMPLES_MAX {
        return Err(LogoError::TooLarge { path: path.to_owned(), samples });
    }
    let moved =
        |(x, y): (i32, i32)| Some((x.checked_add_unsigned(left)?, y.checked_add_unsigned(top)?));
    let too_far = || LogoError::TooFar { path: path.to_owned() };
    let at = at.map(|at| moved(at).ok_or_else(too_far)).transpose()?;
    let visible = drawing.rows().skip(top as usize).take(height as usize);
    let pixels = visible.flat_map(|row| row.skip(left as usize).take(width as usize));
    let rgba = pixels.flat_map(coloured).collect();
    Ok(UserLogo { width, height, rgba, at })
}

fn widen(range: &mut Option<(u32, u32)>, at: u32) {
    let (first, last) = range.unwrap_or((at, at));
    *range = Some((first.min(at), last.max(at)));
}

/// A pixel with alpha as red, green, blue and alpha.
fn coloured(pixel: &[u8]) -> [u8; 4] {
    match *pixel {
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue, alpha] => [red, green, blue, alpha],
        // There is no drawing with alpha that has other pixels.
        _ => [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::BufWriter;

    use super::*;

    /// A drawing of four columns by three rows.
    fn draw(
        path: &Path,
        (colour, depth): (png::ColorType, png::BitDepth),
        (palette, trns): (&[u8], &[u8]),
        data: &[u8],
    ) {
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path).unwrap()), 4, 3);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if !palette.is_empty() {
            encoder.set_palette(palette.to_vec());
        }
        if !trns.is_empty() {
            encoder.set_trns(trns.to_vec());
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
    }

    /// `seen` at (1, 1) and (2, 1), `clear` elsewhere.
    fn spread(clear: &[u8], seen: &[u8]) -> Vec<u8> {
        (0..12).flat_map(|at| if at == 5 || at == 6 { seen } else { clear }).copied().collect()
    }

    #[test]
    fn only_whole_numbers_behind_the_last_at_are_a_place() {
        let split = |text| {
            let (path, at) = split(OsStr::new(text));
            (path.to_str().unwrap().to_owned(), at)
        };
        assert_eq!(split("a.png"), ("a.png".to_owned(), None));
        assert_eq!(split("a.png@4,5"), ("a.png".to_owned(), Some((4, 5))));
        assert_eq!(split("a@b.png@-4,-5"), ("a@b.png".to_owned(), Some((-4, -5))));
        for path in ["me@home/a.png", "a@1,2.png", "a@1", "a@,", "a@+1,2", "@1,2", "a@1, 2"] {
            assert_eq!(split(path), (path.to_owned(), None));
        }
    }

    #[test]
    fn a_logo_is_cropped_to_what_is_seen_and_its_place_moves_with_it() {
        use png::{BitDepth, ColorType};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l@go.png");
        let kinds: [(ColorType, BitDepth, Vec<u8>); 4] = [
            (ColorType::Rgba, BitDepth::Eight, spread(&[9, 9, 9, 0], &[200, 100, 50, 128])),
            (
                ColorType::Rgba,
                BitDepth::Sixteen,
                spread(
                    &[9; 6].into_iter().chain([0; 2]).collect::<Vec<u8>>(),
                    &[200, 200, 100, 100, 50, 50, 128, 128],
                ),
            ),
            (ColorType::GrayscaleAlpha, BitDepth::Eight, spread(&[9, 0], &[77, 128])),
            (
                ColorType::GrayscaleAlpha,
                BitDepth::Sixteen,
                spread(&[9, 9, 0, 0], &[77, 77, 128, 128]),
            ),
        ];
        for (colour, depth, data) in kinds {
            draw(&path, (colour, depth), (&[], &[]), &data);
            let mut typed = path.clone().into_os_string();
            typed.push("@-3,10");
            let logo = read(&typed).unwrap();
            assert_eq!((logo.width, logo.height, logo.at), (2, 1, Some((-2, 11))));
            let grey = colour == ColorType::GrayscaleAlpha;
            let pixel = if grey { [77, 77, 77, 128] } else { [200, 100, 50, 128] };
            assert_eq!(logo.rgba, pixel.repeat(2), "{colour:?} {depth:?}");
            assert_eq!(read(path.as_os_str()).unwrap().at, None);
        }
    }

    #[test]
    fn a_transparent_colour_or_palette_entry_is_transparency_too() {
        use png::{BitDepth, ColorType};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logo.png");
        let seen = |logo: UserLogo, pixel: [u8; 4]| {
            assert_eq!((logo.width, logo.height), (2, 1));
            assert_eq!(logo.rgba, pixel.repeat(2));
        };
        let palette: &[u8] = &[0, 0, 0, 200, 100, 50];
        let indexed = (ColorType::Indexed, BitDepth::Eight);
        draw(&path, indexed, (palette, &[0, 128]), &spread(&[0], &[1]));
        seen(read(path.as_os_str()).unwrap(), [200, 100, 50, 128]);
        // One colour is the transparent one.
        let grey = (ColorType::Grayscale, BitDepth::Eight);
        draw(&path, grey, (&[], &[0, 9]), &spread(&[9], &[77]));
        seen(read(path.as_os_str()).unwrap(), [77, 77, 77, 255]);
        let deep = (ColorType::Rgb, BitDepth::Sixteen);
        let data = spread(&[0, 1, 0, 2, 0, 3], &[200, 200, 100, 100, 50, 50]);
        draw(&path, deep, (&[], &[0, 1, 0, 2, 0, 3]), &data);
        seen(read(path.as_os_str()).unwrap(), [200, 100, 50, 255]);
    }

    #[test]
    fn a_logo_that_says_nothing_of_what_shines_through_is_refused_with_the_remedy() {
        use png::{BitDepth, ColorType};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logo.png");
        draw(&path, (ColorType::Rgb, BitDepth::Eight), (&[], &[]), &[200; 36]);
        let said = read(path.as_os_str()).unwrap_err().to_string();
        assert!(said.contains("with its transparency") && said.contains("--region"), "{said}");
        draw(
            &path,
            (ColorType::Rgba, BitDepth::Eight),
            (&[], &[]),
            &spread(&[7, 7, 7, 0], &[0; 4]),
        );
        assert!(matches!(read(path.as_os_str()), Err(LogoError::Invisible { .. })));
    }

    #[test]
    fn a_logo_that_does_not_fit_a_request_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logo.png");
        let mut encoder =
            png::Encoder::new(BufWriter::new(File::create(&path).unwrap()), 2_000, 1_001);
        encoder.set_color(png::ColorType::Rgba);
        let data = vec![255; 2_000 * 1_001 * 4];
        encoder.write_header().unwrap().write_image_data(&data).unwrap();
        let refused = read(path.as_os_str());
        assert!(matches!(refused, Err(LogoError::TooLarge { samples: 2_002_000, .. })));
    }
}
