//! What travels beside the pictures: rotation, HDR mastering, light level, dynamic HDR.
//!
//! Owns the reading of libav's side data as numbers. Refuses half a mastering display: the encoders
//! take all of it or nothing.

use ffmpeg_next as libav;
use libav::codec::packet::side_data::Type as OfStream;
use libav::util::frame::side_data::Type as OfFrame;

/// Numbers before the two flags of libav's mastering display: ten fractions.
const MASTERING_NUMBERS: usize = 20;

/// What the side data of the stream and of its first frame say.
pub(super) struct Hdr {
    pub(super) rotation: i32,
    pub(super) mastering: Option<Vec<(i32, i32)>>,
    pub(super) light_level: Option<(u32, u32)>,
    pub(super) dynamic: Vec<String>,
}

impl Hdr {
    /// Reads both; what the stream says goes before what its first frame says.
    pub(super) fn of(stream: &libav::Stream<'_>, first: &libav::frame::Video) -> Self {
        let of_stream = |wanted: OfStream| {
            stream.side_data().find(|data| data.kind() == wanted).map(|data| words(data.data()))
        };
        let of_frame = |wanted: OfFrame| first.side_data(wanted).map(|data| words(data.data()));
        let matrix = of_stream(OfStream::DisplayMatrix);
        let mastering = of_stream(OfStream::MasteringDisplayMetadata)
            .or_else(|| of_frame(OfFrame::MasteringDisplayMetadata));
        let light =
            of_stream(OfStream::ContentLightLevel).or_else(|| of_frame(OfFrame::ContentLightLevel));
        Self {
            rotation: matrix.map_or(0, |matrix| rotation(&matrix)),
            mastering: mastering.and_then(|words| mastering_display(&words)),
            light_level: light.and_then(|words| light_level(&words)),
            dynamic: dynamic(stream, first),
        }
    }
}

/// The whole 32-bit words of `bytes`: all of libav's structures here are made of them.
pub(super) fn words(bytes: &[u8]) -> Vec<i32> {
    let word = |bytes: &[u8]| bytes.try_into().map(i32::from_ne_bytes);
    bytes.chunks_exact(4).map_while(|bytes| word(bytes).ok()).collect()
}

/// Degrees by which a display matrix turns the picture clockwise, 0 to 359.
fn rotation(matrix: &[i32]) -> i32 {
    let [a, b, _, c, d, ..] = matrix else { return 0 };
    let [a, b, c, d] = [a, b, c, d].map(|value| f64::from(*value));
    let (across, down) = (a.hypot(c), b.hypot(d));
    if across <= 0.0 || down <= 0.0 {
        return 0;
    }
    let degrees = (b / down).atan2(a / across).to_degrees().round();
    #[expect(clippy::cast_possible_truncation, reason = "an arc tangent is between -180 and 180")]
    let degrees = degrees as i32;
    degrees.rem_euclid(360)
}

fn mastering_display(words: &[i32]) -> Option<Vec<(i32, i32)>> {
    let flags = words.get(MASTERING_NUMBERS..MASTERING_NUMBERS + 2)?;
    let numbers = words[..MASTERING_NUMBERS].chunks_exact(2).map(|pair| (pair[0], pair[1]));
    flags.iter().all(|flag| *flag != 0).then(|| numbers.collect())
}

fn light_level(words: &[i32]) -> Option<(u32, u32)> {
    let of = |place: usize| words.get(place).map(|word| word.cast_unsigned());
    Some((of(0)?, of(1)?))
}

fn dynamic(stream: &libav::Stream<'_>, first: &libav::frame::Video) -> Vec<String> {
    let mut names = Vec::new();
    let dovi = stream.side_data().find(|data| data.kind() == OfStream::DOVI_CONF);
    if let Some(dovi) = dovi {
        // Versions, profile, level, three flags, compatibility: one byte each.
        let at = |place: usize| dovi.data().get(place).copied().unwrap_or(0);
        names.push(format!("Dolby Vision profile {}.{}", at(2), at(7)));
    } else if first.side_data(OfFrame::DOVI_RPU_BUFFER).is_some()
        || first.side_data(OfFrame::DOVI_METADATA).is_some()
    {
        names.push("Dolby Vision".to_owned());
    }
    if first.side_data(OfFrame::DYNAMIC_HDR_PLUS).is_some() {
        names.push("HDR10+".to_owned());
    }
    if first.side_data(OfFrame::DYNAMIC_HDR_VIVID).is_some() {
        names.push("HDR Vivid".to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 16;

    #[test]
    fn a_matrix_turns_clockwise() {
        assert_eq!(rotation(&[ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30]), 0);
        assert_eq!(rotation(&[0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30]), 90);
        assert_eq!(rotation(&[-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30]), 180);
        assert_eq!(rotation(&[0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30]), 270);
        assert_eq!(rotation(&[0; 9]), 0);
        assert_eq!(rotation(&[]), 0);
    }

    #[test]
    fn half_a_mastering_display_is_none() {
        let mut words: Vec<i32> = (1..=20).collect();
        words.extend([1, 1]);
        assert_eq!(mastering_display(&words).unwrap()[9], (19, 20));
        words[21] = 0;
        assert_eq!(mastering_display(&words), None);
        assert_eq!(mastering_display(&words[..20]), None);
    }
}
