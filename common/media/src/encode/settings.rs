//! What an [`EncodeSpec`] means in the options of each encoder.
//!
//! Owns every option that is set. Each one that could change a byte by itself (thread counts, pools, the
//! machine's instruction sets) is pinned here, because parts of a movie are made on different machines.

use std::fmt::Write as _;

use cleanplate_types::encode::{EncodeSpec, EncoderName, Quality};
use cleanplate_types::source::FieldOrder;

use super::Place;
use super::ffi::{Order, Setup};
use crate::fault::faults;

/// Frames between key frames where scenes do not change; longer cells have one key frame more than
/// others, at a scene change, or none.
const KEYFRAME_INTERVAL: u32 = 250;

/// The encoder that does the work: the one named, or libx264 standing in for NVENC in tests.
pub(super) fn acting(name: EncoderName) -> EncoderName {
    match name {
        EncoderName::H264Nvenc if faults().nvenc_stand_in => EncoderName::Libx264,
        EncoderName::Libx264
        | EncoderName::Libx265
        | EncoderName::LibvpxVp9
        | EncoderName::LibaomAv1
        | EncoderName::H264Nvenc
        | EncoderName::HevcNvenc => name,
    }
}

/// The preset: a stand-in does not know those of the encoder that it plays.
fn preset(spec: &EncodeSpec) -> String {
    let played = acting(spec.encoder.name) != spec.encoder.name;
    if played { "veryfast".to_owned() } else { spec.preset.clone() }
}

/// How the lines of the frames are coded.
pub(super) const fn order(spec: &EncodeSpec) -> Order {
    match spec.field_order {
        FieldOrder::TopFirst => Order::TopFirst,
        FieldOrder::BottomFirst => Order::BottomFirst,
        FieldOrder::Unknown | FieldOrder::Progressive => Order::Progressive,
    }
}

/// Everything that is set before the encoder is opened.
pub(super) fn setup(spec: &EncodeSpec, place: &Place) -> Setup {
    let encoder = acting(spec.encoder.name);
    let mut options = common(spec);
    let (card, pool) = match place {
        Place::Host => (None, None),
        Place::Ordinal(ordinal) => (Some(*ordinal), None),
        Place::Pool(pool) => (None, Some(pool).filter(|_| encoder.is_hardware())),
    };
    match encoder {
        EncoderName::Libx264 => options.extend(x264(spec)),
        EncoderName::Libx265 => options.extend(x265(spec)),
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => options.extend(nvenc(spec, card)),
        EncoderName::LibvpxVp9 => options.extend(vp9(spec)),
        EncoderName::LibaomAv1 => options.extend(av1(spec)),
    }
    Setup {
        encoder: encoder.as_str(),
        format: format(spec, encoder),
        size: (spec.width, spec.height),
        frame_rate: spec.coded_rate(),
        sample_aspect: spec.sample_aspect,
        pool: pool.cloned(),
        options,
    }
}

/// Whether what does the work takes frames of a card.
pub(super) fn takes_card_frames(spec: &EncodeSpec) -> bool {
    acting(spec.encoder.name).is_hardware()
}

/// Options of libav that all encoders have.
fn common(spec: &EncodeSpec) -> Vec<(&'static str, String)> {
    let colour = spec.colour;
    let known = |code_point: u8| code_point.max(1).to_string();
    let range = if spec.layout.full_range { 2 } else { colour.range };
    let mut flags = "+global_header+cgop".to_owned();
    if order(spec) != Order::Progressive {
        flags.push_str("+ildct+ilme");
    }
    vec![
        ("threads", "1".to_owned()),
        ("flags", flags),
        ("g", keyframe_interval(spec).to_string()),
        ("color_primaries", known(colour.primaries)),
        ("color_trc", known(colour.transfer)),
        ("colorspace", colour.matrix.to_string()),
        ("color_range", range.to_string()),
        ("chroma_sample_location", colour.chroma_location.to_string()),
    ]
}

/// Beyond the longest cell, so that only scene changes make key frames inside a cell. But x264 is exact on
/// fields only where each picture stands alone.
fn keyframe_interval(spec: &EncodeSpec) -> u32 {
    let is_x264 = acting(spec.encoder.name) == EncoderName::Libx264;
    if is_x264 && spec.quality == Quality::Lossless && order(spec) != Order::Progressive {
        return 1;
    }
    KEYFRAME_INTERVAL.max(spec.cell_frames_max.saturating_add(1))
}

fn x264(spec: &EncodeSpec) -> Vec<(&'static str, String)> {
    // `cpu-independent`: the same decisions whatever instructions the machine has.
    let mut own = vec![("cpu-independent", "1".to_owned())];
    match order(spec) {
        Order::Progressive => {}
        Order::TopFirst => own.push(("tff", "1".to_owned())),
        Order::BottomFirst => own.push(("bff", "1".to_owned())),
    }
    let mut options = vec![quality(spec), ("preset", preset(spec))];
    match spec.reorder_frames {
        0 => options.push(("bf", "0".to_owned())),
        1 => options.push(("b-pyramid", "none".to_owned())),
        // x264's pyramid has one level: it never runs ahead further than 2.
        2.. => {}
    }
    options.push(("x264-params", joined(&own)));
    options
}

/// HEVC codes both fields of an interlaced picture as one frame, and the container says their order:
/// x265's `interlace` would say that each picture is a field, and its `pic-struct` announces messages that
/// it then does not write.
fn x265(spec: &EncodeSpec) -> Vec<(&'static str, String)> {
    // The pools and what hangs on them (wavefronts, lookahead slices) change pictures or headers;
    // `info` would write the version and all settings into every cell.
    let mut own: Vec<(&str, String)> = [
        ("pools", "none"),
        ("frame-threads", "1"),
        ("wpp", "0"),
        ("pmode", "0"),
        ("pme", "0"),
        ("lookahead-slices", "1"),
        ("lookahead-threads", "0"),
        ("open-gop", "0"),
        ("info", "0"),
        ("log-level", "error"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    if let Some(display) = master_display(spec) {
        own.push(("master-display", display));
    }
    if let Some((most, average)) = spec.light_level {
        own.push(("max-cll", format!("{most},{average}")));
    }
    let mut options = vec![("preset", preset(spec))];
    match spec.quality {
        Quality::Constant(number) => options.push(("crf", number.to_string())),
        Quality::Lossless => own.push(("lossless", "1".to_owned())),
    }
    match spec.reorder_frames {
        0 => options.push(("bf", "0".to_owned())),
        1 => own.push(("b-pyramid", "0".to_owned())),
        // x265's pyramid has one level: it never runs ahead further than 2.
        2.. => {}
    }
    options.push(("x265-params", joined(&own)));
    options
}

/// libvpx hides a picture that is coded early inside the packet of the one before it that is shown, so that
/// packets are frames, in order. Tiles and rows are for threads, of which there is one.
fn vp9(spec: &EncodeSpec) -> Vec<(&'static str, String)> {
    let mut options: Vec<(&'static str, String)> = [
        ("deadline", "good"),
        ("auto-alt-ref", "1"),
        ("lag-in-frames", "25"),
        ("row-mt", "0"),
        ("tile-columns", "0"),
        ("tile-rows", "0"),
        ("frame-parallel", "0"),
        ("b", "0"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    options.push(("cpu-used", preset(spec)));
    options.push(match spec.quality {
        Quality::Constant(number) => ("crf", number.to_string()),
        Quality::Lossless => ("lossless", "1".to_owned()),
    });
    options
}

/// As with libvpx, a packet holds all that is coded for one frame that is shown.
fn av1(spec: &EncodeSpec) -> Vec<(&'static str, String)> {
    let mut options: Vec<(&'static str, String)> = [
        ("usage", "good"),
        ("lag-in-frames", "25"),
        ("row-mt", "0"),
        ("tile-columns", "0"),
        ("tile-rows", "0"),
        ("b", "0"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    options.push(("cpu-used", preset(spec)));
    match spec.quality {
        Quality::Constant(number) => options.push(("crf", number.to_string())),
        Quality::Lossless => {
            options.push(("crf", "0".to_owned()));
            options.push(("aom-params", "lossless=1".to_owned()));
        }
    }
    options
}

/// The smallest setup of x265 that writes its version into its headers.
pub(super) fn x265_with_info() -> Setup {
    let own = [("info", "1"), ("pools", "none"), ("log-level", "error")];
    let own: Vec<_> = own.map(|(name, value)| (name, value.to_owned())).into();
    Setup {
        encoder: EncoderName::Libx265.as_str(),
        format: "yuv420p".to_owned(),
        size: (64, 64),
        frame_rate: (25, 1),
        sample_aspect: (1, 1),
        pool: None,
        options: vec![
            ("threads", "1".to_owned()),
            ("flags", "+global_header".to_owned()),
            ("x265-params", joined(&own)),
        ],
    }
}

/// Constant quality without B-frames: which cards have B-frames as references differs, and an
/// unsupported wish fails the open.
fn nvenc(spec: &EncodeSpec, card: Option<u32>) -> Vec<(&'static str, String)> {
    let mut options: Vec<(&'static str, String)> = [
        ("tune", "hq"),
        ("rc", "vbr"),
        ("b", "0"),
        ("bf", "0"),
        ("forced-idr", "1"),
        ("strict_gop", "1"),
        ("b_ref_mode", "disabled"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    let number = match spec.quality {
        Quality::Constant(number) => number,
        // Planning offers lossless in software alone; 1 is the scale's best (0 means automatic).
        Quality::Lossless => 1,
    };
    options.push(("cq", number.max(1).to_string()));
    options.push(("preset", preset(spec)));
    options.push(("gpu", card.unwrap_or(0).to_string()));
    options
}

/// What quality means to x264: its own lossless mode is quantiser 0, at 8 and at 10 bits.
fn quality(spec: &EncodeSpec) -> (&'static str, String) {
    match spec.quality {
        Quality::Constant(number) => ("crf", number.to_string()),
        Quality::Lossless => ("qp", "0".to_owned()),
    }
}

/// The pixel format that goes in: full range is said apart, and 10 bits go to cards in pairs.
fn format(spec: &EncodeSpec, encoder: EncoderName) -> String {
    match encoder {
        EncoderName::Libx264
        | EncoderName::Libx265
        | EncoderName::LibvpxVp9
        | EncoderName::LibaomAv1
        | EncoderName::H264Nvenc => {}
        EncoderName::HevcNvenc if spec.layout.depth == 8 => {}
        EncoderName::HevcNvenc => return "p010le".to_owned(),
    }
    let name = &spec.layout.name;
    name.strip_prefix("yuvj").map_or_else(|| name.clone(), |rest| format!("yuv{rest}"))
}

/// The mastering display as x265 takes it for its headers.
fn master_display(spec: &EncodeSpec) -> Option<String> {
    let [rx, ry, gx, gy, bx, by, wx, wy, least, most] = mastering(spec)?;
    Some(format!("G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({most},{least})"))
}

/// The mastering display as streams have it: chromaticity in 1/50000, luminance in 1/10000.
pub(super) fn mastering(spec: &EncodeSpec) -> Option<[i64; 10]> {
    let numbers = spec.mastering.as_deref()?;
    let scaled: Vec<i64> = (0..)
        .zip(numbers)
        .map(|(place, (num, den))| {
            let unit = if place < 8 { 50_000 } else { 10_000 };
            let den = i64::from(*den).max(1);
            (i64::from(*num) * unit + den / 2) / den
        })
        .collect();
    scaled.try_into().ok()
}

fn joined(options: &[(&str, String)]) -> String {
    options.iter().fold(String::new(), |mut text, (name, value)| {
        let separator = if text.is_empty() { "" } else { ":" };
        if write!(text, "{separator}{name}={value}").is_err() {
            text.clear();
        }
        text
    })
}

/// How the encoder works, for the trail.
pub(super) fn way(spec: &EncodeSpec, place: &Place) -> String {
    let name = spec.encoder.name;
    let acting = acting(name);
    let how = match (spec.quality, acting.is_hardware()) {
        (Quality::Constant(number), false) => format!("crf {number}"),
        (Quality::Constant(number), true) => format!("cq {number}"),
        (Quality::Lossless, _) => "lossless".to_owned(),
    };
    let fields = match order(spec) {
        Order::Progressive => "",
        Order::TopFirst => ", top field first",
        Order::BottomFirst => ", bottom field first",
    };
    let where_to = match (acting.is_hardware(), place) {
        (false, _) => "1 thread",
        (true, Place::Pool(_)) => "on the card, from its own frames",
        (true, Place::Host | Place::Ordinal(_)) => "on the card, from frames of the host",
    };
    let stands = if acting == name { String::new() } else { format!(" (played by {acting})") };
    let (preset, layout) = (preset(spec), &spec.layout.name);
    format!("{name}{stands} preset {preset}, {how}, {layout}{fields}, {where_to}")
}
