//! Choosing the encoder and pinning everything that changes its output.

use cleanplate_types::cell::Cell;
use cleanplate_types::encode::{EncodeSpec, EncoderName, EncoderProof, Quality};
use cleanplate_types::failure::FailureKind;
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use cleanplate_types::source::{FieldOrder, VideoDescription};

/// A source or a request that no encoder, or not the encoder asked for, can serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The encoder cannot take these samples.
    #[error("{encoder} cannot encode {layout}; use --encoder auto")]
    Layout {
        /// The encoder.
        encoder: EncoderName,
        /// libav's name of the pixel format.
        layout: String,
    },
    /// No encoder that the product knows can take these samples.
    #[error(
        "no encoder takes {layout}: libx264 takes 8 and 10 bits, libx265 8, 10 and 12, in grey, 4:2:0, 4:2:2 or 4:4:4"
    )]
    NoEncoder {
        /// libav's name of the pixel format.
        layout: String,
    },
    /// Chroma samples would cover half a luma sample.
    #[error(
        "{encoder} cannot encode a picture of {width}x{height} in {layout}: its size must be even where chroma is halved"
    )]
    OddSize {
        /// The encoder.
        encoder: EncoderName,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// libav's name of the pixel format.
        layout: String,
    },
    /// The encoder's lossless mode is not bit-exact for interlaced pictures.
    #[error(
        "{encoder} is not bit-exact on interlaced video; use --encoder libx265 or leave out --lossless"
    )]
    LosslessInterlaced {
        /// The encoder.
        encoder: EncoderName,
    },
    /// The number is not on the encoder's scale.
    #[error("quality {quality} is not on the scale of {encoder}, which is 0 to 51")]
    Quality {
        /// The encoder.
        encoder: EncoderName,
        /// What was asked for.
        quality: u8,
    },
    /// The encoder has no preset of this name.
    #[error("{encoder} has no preset `{preset}`; it has {}", presets(*encoder).join(", "))]
    Preset {
        /// The encoder.
        encoder: EncoderName,
        /// What was asked for.
        preset: String,
    },
}

impl PlanError {
    /// Whose fault it is: the source's where no encoder can hold it, else the request's.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::NoEncoder { .. } | Self::OddSize { .. } => FailureKind::BadInput,
            Self::Layout { .. }
            | Self::LosslessInterlaced { .. }
            | Self::Quality { .. }
            | Self::Preset { .. } => FailureKind::BadRequest,
        }
    }
}

/// Checks that an encoder can serve `request`, whoever attaches.
///
/// # Errors
/// [`PlanError`] as [`choose_encoder`] would give it.
pub fn check_request(request: &JobRequest, video: &VideoDescription) -> Result<(), PlanError> {
    let (encoder, other) = match request.encoder {
        EncoderChoice::Named(name) => (name, name),
        EncoderChoice::Auto => {
            let software = encoder_family(request, video)?;
            (software, in_hardware(software))
        }
    };
    fits(encoder, request, video)?;
    match request.preset.as_deref() {
        Some(preset) if ![encoder, other].iter().any(|name| presets(*name).contains(&preset)) => {
            Err(PlanError::Preset { encoder, preset: preset.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

/// The presets of an encoder, fastest first, by libav's names.
const fn presets(encoder: EncoderName) -> &'static [&'static str] {
    match encoder {
        EncoderName::Libx264 | EncoderName::Libx265 => &[
            "ultrafast",
            "superfast",
            "veryfast",
            "faster",
            "fast",
            "medium",
            "slow",
            "slower",
            "veryslow",
            "placebo",
        ],
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => {
            &["p1", "p2", "p3", "p4", "p5", "p6", "p7"]
        }
    }
}

/// The encoder that needs no card, for a source in `codec` (libav's name): HEVC stays HEVC, all else
/// becomes H.264; but what libx264 cannot hold exactly goes to libx265.
///
/// # Errors
/// [`PlanError::NoEncoder`] where neither takes the layout.
pub fn encoder_family(
    request: &JobRequest,
    video: &VideoDescription,
) -> Result<EncoderName, PlanError> {
    let x264 = takes(EncoderName::Libx264, &video.layout)
        && !(request.lossless && is_interlaced(video.field_order));
    let x265 = takes(EncoderName::Libx265, &video.layout);
    match (x264, x265) {
        (true, true) if video.codec == "hevc" => Ok(EncoderName::Libx265),
        (true, _) => Ok(EncoderName::Libx264),
        (false, true) => Ok(EncoderName::Libx265),
        (false, false) => Err(PlanError::NoEncoder { layout: video.layout.name.clone() }),
    }
}

/// What the fleet's proofs make of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one, of this build.
    Take(EncoderProof),
    /// This hardware encoder would be better, and nobody who is attached has it.
    Wait {
        /// The hardware encoder.
        better: EncoderName,
    },
    /// Nobody who is attached has proved an encoder of this name.
    Missing(EncoderName),
}

/// Chooses the encoder for a job from `proofs`: each encoder and build that attached workers have
/// proved, with the number of slots that have it.
///
/// `auto` takes NVENC where it is proved and can hold the source, waits for it where `patient`, and
/// takes software otherwise. `in_software` rules NVENC out. Of several builds, the one with the most slots is
/// taken, then the greatest.
///
/// # Errors
/// [`PlanError`] where the encoder asked for cannot serve the source, whoever has it.
pub fn choose_encoder<'a>(
    request: &JobRequest,
    video: &VideoDescription,
    proofs: impl IntoIterator<Item = (&'a EncoderProof, u64)>,
    mood: Mood,
) -> Result<Choice, PlanError> {
    let proofs: Vec<_> = proofs.into_iter().collect();
    let best = |name: EncoderName| {
        let of_name = proofs.iter().filter(|(proof, _)| proof.name == name);
        of_name.max_by_key(|(proof, slots)| (*slots, *proof)).map(|(proof, _)| (*proof).clone())
    };
    let take = |name: EncoderName| best(name).map_or(Choice::Missing(name), Choice::Take);
    let software = match request.encoder {
        EncoderChoice::Named(name) if mood.in_software => name.in_software(),
        EncoderChoice::Named(name) => {
            fits(name, request, video)?;
            return Ok(take(name));
        }
        EncoderChoice::Auto => encoder_family(request, video)?,
    };
    fits(software, request, video)?;
    let hardware = in_hardware(software);
    // Bit-exactness is proved for the software encoders only.
    if mood.in_software || request.lossless || fits(hardware, request, video).is_err() {
        return Ok(take(software));
    }
    match best(hardware) {
        Some(proof) => Ok(Choice::Take(proof)),
        None if mood.patient => Ok(Choice::Wait { better: hardware }),
        None => Ok(take(software)),
    }
}

/// How [`choose_encoder`] goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mood {
    /// A better encoder may still attach: wait for it.
    pub patient: bool,
    /// The hardware encoder was lost in mid-job: do not take it again.
    pub in_software: bool,
}

/// Pins everything that changes the encoder's output.
///
/// # Errors
/// [`PlanError`] where `proof` cannot serve the source as asked.
pub fn encode_spec(
    video: &VideoDescription,
    request: &JobRequest,
    proof: &EncoderProof,
    cells: &[Cell],
) -> Result<EncodeSpec, PlanError> {
    let name = proof.name;
    fits(name, request, video)?;
    let quality = match (request.lossless, request.quality) {
        (true, _) => Quality::Lossless,
        (false, Some(quality)) => Quality::Constant(quality),
        (false, None) => Quality::Constant(usual_quality(name)),
    };
    let longest = cells.iter().map(|cell| cell.frames.count()).max().unwrap_or(1);
    Ok(EncodeSpec {
        encoder: proof.clone(),
        preset: request.preset.clone().unwrap_or_else(|| usual_preset(name).to_owned()),
        quality,
        width: video.width,
        height: video.height,
        layout: video.layout.clone(),
        timebase: video.timebase,
        frame_rate: video.frame_rate,
        sample_aspect: video.sample_aspect,
        colour: video.colour,
        field_order: video.field_order,
        mastering: video.mastering.clone(),
        light_level: video.light_level,
        reorder_frames: reorder_frames(name),
        cell_frames_max: u32::try_from(longest).unwrap_or(u32::MAX),
    })
}

/// An upper bound on the frames by which `encoder`'s coding order runs ahead of display order.
///
/// libx264 and libx265: pyramids of B-frames (3 or 4 in a row by default, up to 8 by slow presets; a
/// pyramid of one level for x264 and x265) never need more than 2; 4 leaves room for presets that
/// change that, and costs a start delay of four frames in the dts, no byte. A part that reorders
/// further is refused at commit. NVENC is driven without B-frames.
#[must_use]
pub const fn reorder_frames(encoder: EncoderName) -> u8 {
    match encoder {
        EncoderName::Libx264 => 2,
        EncoderName::Libx265 => 4,
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => 0,
    }
}

const fn usual_quality(encoder: EncoderName) -> u8 {
    match encoder {
        EncoderName::Libx264 => 18,
        EncoderName::Libx265 => 20,
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => 19,
    }
}

const fn usual_preset(encoder: EncoderName) -> &'static str {
    match encoder {
        EncoderName::Libx264 | EncoderName::Libx265 => "medium",
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => "p5",
    }
}

const fn in_hardware(encoder: EncoderName) -> EncoderName {
    match encoder {
        EncoderName::Libx264 | EncoderName::H264Nvenc => EncoderName::H264Nvenc,
        EncoderName::Libx265 | EncoderName::HevcNvenc => EncoderName::HevcNvenc,
    }
}

const fn is_interlaced(order: FieldOrder) -> bool {
    match order {
        FieldOrder::TopFirst | FieldOrder::BottomFirst => true,
        FieldOrder::Unknown | FieldOrder::Progressive => false,
    }
}

fn takes(encoder: EncoderName, layout: &PixelLayout) -> bool {
    let grey = layout.planes == 1;
    let chroma = (layout.chroma_shift_x, layout.chroma_shift_y);
    let halved = layout.planes == 3 && chroma == (1, 1);
    let software = grey || (layout.planes == 3 && matches!(chroma, (1, 1) | (1, 0) | (0, 0)));
    match encoder {
        EncoderName::Libx264 => software && matches!(layout.depth, 8 | 10),
        EncoderName::Libx265 => software && matches!(layout.depth, 8 | 10 | 12),
        EncoderName::H264Nvenc => halved && layout.depth == 8,
        EncoderName::HevcNvenc => halved && matches!(layout.depth, 8 | 10),
    }
}

fn fits(
    encoder: EncoderName,
    request: &JobRequest,
    video: &VideoDescription,
) -> Result<(), PlanError> {
    let layout = &video.layout;
    if !takes(encoder, layout) {
        return Err(PlanError::Layout { encoder, layout: layout.name.clone() });
    }
    let odd = |size: u32, shift: u8| layout.planes == 3 && shift > 0 && size % 2 == 1;
    if odd(video.width, layout.chroma_shift_x) || odd(video.height, layout.chroma_shift_y) {
        let (width, height) = (video.width, video.height);
        return Err(PlanError::OddSize { encoder, width, height, layout: layout.name.clone() });
    }
    let exact = match encoder {
        EncoderName::Libx265 => true,
        EncoderName::Libx264 | EncoderName::H264Nvenc | EncoderName::HevcNvenc => {
            !is_interlaced(video.field_order)
        }
    };
    if request.lossless && !exact {
        return Err(PlanError::LosslessInterlaced { encoder });
    }
    match request.quality {
        Some(quality) if quality > 51 => Err(PlanError::Quality { encoder, quality }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
