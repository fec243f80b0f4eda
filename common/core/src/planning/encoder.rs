//! Choosing the encoder and pinning everything that changes its output.

use cleanplate_types::cell::Cell;
use cleanplate_types::choice::{Inexact, inexact, software_encoder, takes, takes_size};
use cleanplate_types::encode::{EncodeSpec, EncoderName, EncoderProof, Quality};
use cleanplate_types::failure::FailureKind;
use cleanplate_types::model::ModelRef;
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use cleanplate_types::source::VideoDescription;

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
        "no encoder takes {layout}: libx264 takes 8 and 10 bits, the others 8, 10 and 12, in 4:2:0, 4:2:2, 4:4:4 or \
         (libx265 and libaom-av1) grey; convert it first, such as with `ffmpeg -i INPUT -pix_fmt {instead}`"
    )]
    NoEncoder {
        /// libav's name of the pixel format.
        layout: String,
        /// The nearest one that an encoder takes.
        instead: &'static str,
    },
    /// Chroma samples would cover half a luma sample.
    #[error(
        "{encoder} cannot encode a picture of {width}x{height} in {layout}: its size must be even where chroma is halved, in each field of libx264's; \
         --encoder libvpx-vp9 or an output named .webm takes it"
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
    /// The encoder's lossless mode is not bit-exact for samples of so many bits.
    #[error(
        "{encoder} is not bit-exact on {depth} bits of this layout; leave out --lossless, or use --encoder auto and \
         an output named .mkv, .mp4 or .mov"
    )]
    LosslessDepth {
        /// The encoder.
        encoder: EncoderName,
        /// Bits of a sample.
        depth: u8,
    },
    /// The encoder's fast presets are not bit-exact.
    #[error(
        "{encoder} is not bit-exact by preset `{preset}`; use 3 or a lower one with --lossless"
    )]
    LosslessPreset {
        /// The encoder.
        encoder: EncoderName,
        /// What was asked for.
        preset: String,
    },
    /// The encoder has no lossless mode that is proved bit-exact.
    #[error("{encoder} is not bit-exact; use --encoder auto or leave out --lossless")]
    Lossy {
        /// The encoder.
        encoder: EncoderName,
    },
    /// The number is not on the encoder's scale.
    #[error(
        "quality {quality} is not on the scale of {encoder}, which is 0 to {}",
        encoder.quality_max()
    )]
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
            | Self::LosslessDepth { .. }
            | Self::LosslessPreset { .. }
            | Self::Lossy { .. }
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
            (software, software.in_hardware().unwrap_or(software))
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
        // The numbers of `cpu-used`.
        EncoderName::LibvpxVp9 => &["5", "4", "3", "2", "1", "0"],
        EncoderName::LibaomAv1 => &["6", "5", "4", "3", "2", "1", "0"],
    }
}

/// The encoder that needs no card, by the rule that intake goes by too ([`software_encoder`]).
///
/// # Errors
/// [`PlanError::NoEncoder`] where none takes the layout.
pub fn encoder_family(
    request: &JobRequest,
    video: &VideoDescription,
) -> Result<EncoderName, PlanError> {
    software_encoder(video, &request.output, request.lossless).ok_or_else(|| PlanError::NoEncoder {
        layout: video.layout.name.clone(),
        instead: nearest(request, video),
    })
}

/// The pixel formats that may be advised: name, bits, planes, and by how much chroma is halved across and down.
/// Least chroma first, then fewest bits.
const FORMATS: [(&str, u8, u8, (u8, u8)); 12] = [
    ("gray", 8, 1, (0, 0)),
    ("gray10le", 10, 1, (0, 0)),
    ("gray12le", 12, 1, (0, 0)),
    ("yuv420p", 8, 3, (1, 1)),
    ("yuv420p10le", 10, 3, (1, 1)),
    ("yuv420p12le", 12, 3, (1, 1)),
    ("yuv422p", 8, 3, (1, 0)),
    ("yuv422p10le", 10, 3, (1, 0)),
    ("yuv422p12le", 12, 3, (1, 0)),
    ("yuv444p", 8, 3, (0, 0)),
    ("yuv444p10le", 10, 3, (0, 0)),
    ("yuv444p12le", 12, 3, (0, 0)),
];

/// The pixel format nearest to that of `video` with which the request is served: as much chroma or more; as many
/// bits or more, but at most 12.
fn nearest(request: &JobRequest, video: &VideoDescription) -> &'static str {
    let layout = &video.layout;
    let depth_wanted = layout.depth.min(12);
    let advised = FORMATS.into_iter().find(|(name, depth, planes, (across, down))| {
        let has_chroma = layout.planes == 1
            || (*planes == 3 && *across <= layout.chroma_shift_x && *down <= layout.chroma_shift_y);
        let converted = PixelLayout {
            name: (*name).to_owned(),
            depth: *depth,
            planes: *planes,
            chroma_shift_x: *across,
            chroma_shift_y: *down,
            full_range: layout.full_range,
        };
        let converted = VideoDescription { layout: converted, ..video.clone() };
        has_chroma && *depth >= depth_wanted && is_served(request, &converted)
    });
    advised.map_or("yuv420p", |(name, ..)| name)
}

/// Whether an encoder that needs no card serves the request.
fn is_served(request: &JobRequest, video: &VideoDescription) -> bool {
    let encoder = software_encoder(video, &request.output, request.lossless);
    encoder.is_some_and(|name| {
        takes_size(name, video) && !(request.lossless && inexact(name, video).is_some())
    })
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
    /// Nobody who is attached and has proved the encoder can run the model that paints the frames.
    NoPainter(ModelRef),
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
    let hardware = software.in_hardware().filter(|name| fits(*name, request, video).is_ok());
    // Bit-exactness is proved for the software encoders only.
    let Some(hardware) = hardware.filter(|_| !(mood.in_software || request.lossless)) else {
        return Ok(take(software));
    };
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
        copied: None,
        painting: None,
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
        // A picture that is coded early and shown later is hidden inside the packet of another.
        EncoderName::LibvpxVp9 | EncoderName::LibaomAv1 => 0,
    }
}

const fn usual_quality(encoder: EncoderName) -> u8 {
    match encoder {
        EncoderName::Libx264 => 18,
        EncoderName::Libx265 => 20,
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => 19,
        EncoderName::LibvpxVp9 => 24,
        EncoderName::LibaomAv1 => 22,
    }
}

const fn usual_preset(encoder: EncoderName) -> &'static str {
    match encoder {
        EncoderName::Libx264 | EncoderName::Libx265 => "medium",
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => "p5",
        EncoderName::LibvpxVp9 => "3",
        EncoderName::LibaomAv1 => "6",
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
    if !takes_size(encoder, video) {
        let (width, height) = (video.width, video.height);
        return Err(PlanError::OddSize { encoder, width, height, layout: layout.name.clone() });
    }
    if request.lossless {
        match inexact(encoder, video) {
            None => {}
            Some(Inexact::Depth(depth)) => return Err(PlanError::LosslessDepth { encoder, depth }),
            Some(Inexact::Always) => return Err(PlanError::Lossy { encoder }),
        }
        // libvpx takes shortcuts there that change single pictures of 10 bits.
        let preset = request.preset.as_deref().filter(|preset| matches!(*preset, "4" | "5"));
        if let (EncoderName::LibvpxVp9, Some(preset)) = (encoder, preset) {
            return Err(PlanError::LosslessPreset { encoder, preset: preset.to_owned() });
        }
    }
    match request.quality {
        Some(quality) if quality > encoder.quality_max() => {
            Err(PlanError::Quality { encoder, quality })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
