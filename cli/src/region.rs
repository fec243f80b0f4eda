//! Regions as people type them: `X,Y,W,H` in pixels, and `@FROM-TO` in seconds or `HH:MM:SS`.
//!
//! Owns the syntax, exact to the nanosecond. Whether a region lies inside the picture is for
//! planning to say: the picture is not known here.

use cleanplate_types::picture::Rect;
use cleanplate_types::request::{Region, TimeSpan};

/// A text that is no region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegionError {
    /// It has another shape.
    #[error("`{0}` is not X,Y,W,H or X,Y,W,H@FROM-TO, for example 1500,60,300,120@0:00:10-0:01:00")]
    Shape(String),
    /// A number that is none.
    #[error("the region's {what} is `{text}`; it must be a whole number of pixels")]
    Number {
        /// Which number.
        what: &'static str,
        /// What was typed.
        text: String,
    },
    /// Nothing would be covered.
    #[error("the region's {0} is 0; it must be at least 1")]
    Empty(&'static str),
    /// It ends where no picture can reach.
    #[error("the region reaches beyond pixel 4294967295")]
    TooFar,
    /// A time that is none.
    #[error("`{0}` is no time; write seconds (90 or 90.5) or HH:MM:SS (00:01:30.5)")]
    Time(String),
    /// Finer than the clock that counts.
    #[error("`{0}` is finer than a nanosecond; nine decimals are the most")]
    TooFine(String),
    /// It ends before it begins.
    #[error("the region ends at `{to}`, which is not after its start at `{from}`")]
    Backwards {
        /// Its start as typed.
        from: String,
        /// Its end as typed.
        to: String,
    },
}

/// Takes a region as it was typed.
///
/// # Errors
/// [`RegionError`] says what is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Region, RegionError> {
    let (rect, when) = match text.split_once('@') {
        Some((rect, when)) => (rect, Some(when)),
        None => (text, None),
    };
    let numbers: Vec<&str> = rect.split(',').map(str::trim).collect();
    let [x, y, width, height] = numbers.as_slice() else {
        return Err(RegionError::Shape(text.to_owned()));
    };
    let rect = Rect {
        x: number("X", x)?,
        y: number("Y", y)?,
        width: size("width", width)?,
        height: size("height", height)?,
    };
    if rect.x.checked_add(rect.width).is_none() || rect.y.checked_add(rect.height).is_none() {
        return Err(RegionError::TooFar);
    }
    let when = when.map(|span| parse_span(text, span)).transpose()?;
    Ok(Region { rect, when })
}

fn number(what: &'static str, text: &str) -> Result<u32, RegionError> {
    // `u32::from_str` takes a plus sign, which here is more likely a slip.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = if digits { text.parse().ok() } else { None };
    parsed.ok_or_else(|| RegionError::Number { what, text: text.to_owned() })
}

fn size(what: &'static str, text: &str) -> Result<u32, RegionError> {
    match number(what, text)? {
        0 => Err(RegionError::Empty(what)),
        size => Ok(size),
    }
}

fn parse_span(whole: &str, span: &str) -> Result<TimeSpan, RegionError> {
    let (from, to) = span.split_once('-').ok_or_else(|| RegionError::Shape(whole.to_owned()))?;
    let (from, to) = (from.trim(), to.trim());
    let (from_nanos, to_nanos) = (nanos(from)?, nanos(to)?);
    if to_nanos <= from_nanos {
        return Err(RegionError::Backwards { from: from.to_owned(), to: to.to_owned() });
    }
    Ok(TimeSpan { from_nanos, to_nanos })
}

/// Nanoseconds of `SS`, `SS.fff`, `HH:MM:SS` or `HH:MM:SS.fff`.
fn nanos(text: &str) -> Result<u64, RegionError> {
    let bad = || RegionError::Time(text.to_owned());
    let (clock, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(bad()),
        Some((clock, fraction)) => (clock, fraction),
        None => (text, ""),
    };
    let whole = |part: &str| -> Result<u64, RegionError> {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse().map_err(|_over| bad()) } else { Err(bad()) }
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let seconds = match parts.as_slice() {
        [seconds] => whole(seconds)?,
        [hours, minutes, seconds] => {
            let (minutes, seconds) = (whole(minutes)?, whole(seconds)?);
            if minutes >= 60 || seconds >= 60 {
                return Err(bad());
            }
            let hours = whole(hours)?.checked_mul(3600).ok_or_else(bad)?;
            hours.checked_add(minutes * 60 + seconds).ok_or_else(bad)?
        }
        _ => return Err(bad()),
    };
    let fraction = if fraction.is_empty() {
        0
    } else if fraction.len() > 9 {
        return Err(RegionError::TooFine(text.to_owned()));
    } else {
        whole(&format!("{fraction:0<9}"))?
    };
    let nanos = seconds.checked_mul(1_000_000_000).and_then(|nanos| nanos.checked_add(fraction));
    nanos.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> (u64, u64) {
        let when = parse(text).unwrap().when.unwrap();
        (when.from_nanos, when.to_nanos)
    }

    #[test]
    fn pixels_come_as_typed_and_hold_always() {
        let region = parse("1500, 60,300,120").unwrap();
        assert_eq!(region.rect, Rect { x: 1500, y: 60, width: 300, height: 120 });
        assert_eq!(region.when, None);
    }

    #[test]
    fn times_are_exact_to_the_nanosecond() {
        assert_eq!(span("0,0,1,1@0-90.5"), (0, 90_500_000_000));
        assert_eq!(span("0,0,1,1@0.000000001-1"), (1, 1_000_000_000));
        assert_eq!(span("0,0,1,1@00:01:30.040-01:00:00"), (90_040_000_000, 3_600_000_000_000));
        // 0.1 and 0.7 have no exact floating form.
        assert_eq!(span("0,0,1,1@0.1-0.7"), (100_000_000, 700_000_000));
    }

    #[test]
    fn a_text_that_is_no_region_is_refused_with_the_shape() {
        for text in ["", "1,2,3", "1,2,3,4,5", "logo"] {
            assert_eq!(parse(text), Err(RegionError::Shape(text.to_owned())));
        }
        assert_eq!(parse("1,2,3,4@5"), Err(RegionError::Shape("1,2,3,4@5".to_owned())));
    }

    #[test]
    fn numbers_are_whole_and_not_signed() {
        for bad in ["-1", "+1", "1.5", "", "4294967296"] {
            let text = format!("{bad},0,1,1");
            let expected = RegionError::Number { what: "X", text: bad.to_owned() };
            assert_eq!(parse(&text), Err(expected));
        }
        assert_eq!(parse("0,0,0,1"), Err(RegionError::Empty("width")));
        assert_eq!(parse("4294967295,0,1,1"), Err(RegionError::TooFar));
    }

    #[test]
    fn times_that_mean_two_things_or_nothing_are_refused() {
        for bad in ["1:30", "0:60:00", "0:00:60", "1.", ".5", "1e3", "a"] {
            let text = format!("0,0,1,1@{bad}-99999");
            assert_eq!(parse(&text), Err(RegionError::Time(bad.to_owned())), "{bad}");
        }
        assert!(matches!(parse("0,0,1,1@0.0000000001-1"), Err(RegionError::TooFine(_))));
        assert!(matches!(parse("0,0,1,1@5-5"), Err(RegionError::Backwards { .. })));
    }
}
