//! Regions as they are typed: `X,Y,W,H` in samples, `@FROM-TO` in seconds or `HH:MM:SS`, one a line.

use cleanplate_shapes::Region;

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;

/// Decimals of a second that are read.
const DECIMALS: usize = 9;

/// Reads the lines; empty ones are nothing.
pub(super) fn parse(text: &str) -> Result<Vec<Region>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| region(line).ok_or_else(|| wrong(line))).collect()
}

fn wrong(line: &str) -> String {
    format!(
        "the region `{line}` is none: X,Y,W,H in samples, with @FROM-TO (seconds or HH:MM:SS) only then"
    )
}

fn region(line: &str) -> Option<Region> {
    let (place, when) =
        line.split_once('@').map_or((line, None), |(place, when)| (place, Some(when)));
    let numbers: Vec<u32> =
        place.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let [x, y, width, height] = *numbers.as_slice() else { return None };
    let (from_nanos, to_nanos) = match when {
        None => (None, None),
        Some(when) => {
            let (from, to) = when.split_once('-')?;
            (Some(nanos(from)?), Some(nanos(to)?))
        }
    };
    Some(Region { x, y, width, height, from_nanos, to_nanos })
}

/// A time as whole nanoseconds.
fn nanos(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() > DECIMALS || !is_digits(decimals) {
        return None;
    }
    let mut seconds: u64 = 0;
    let parts: Vec<&str> = whole.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    for part in parts {
        let number: u64 = Some(part).filter(|part| is_digits(part))?.parse().ok()?;
        seconds = seconds.checked_mul(60)?.checked_add(number)?;
    }
    let decimals: u64 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
    seconds.checked_mul(NANOS)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_read_as_it_is_typed() {
        let read = parse("1, 2,30,40\n 5,6,7,8@1-00:01:02.5 \n").unwrap();
        assert_eq!((read[0].x, read[0].y, read[0].width, read[0].height), (1, 2, 30, 40));
        assert_eq!(read[0].from_nanos, None);
        assert_eq!((read[1].from_nanos, read[1].to_nanos), (Some(NANOS), Some(62_500_000_000)));
        for wrong in [
            "1,2,3",
            "1,2,3,-4",
            "1,2,3,4,5",
            "a",
            "1,2,3,4@5",
            "1,2,3,4@a-b",
            "1,2,3,4@-1-2",
            "1,2,3,4@1:2:3:4-9",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(" \n\n").unwrap().is_empty());
    }
}
