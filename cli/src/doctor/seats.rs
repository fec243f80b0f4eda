//! Cards, their tier, the encoders that came through their proof, and the libraries behind them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cleanplate_types::encode::EncoderName;
use cleanplate_types::request::EncoderChoice;
use cleanplate_types::tier::Card;
use cleanplate_vision::{Library, LibraryState, find_library};
use cleanplate_worker::{MachineReport, Seat, WorkerError};
use tokio::process::Command;

use super::asks_for;
use super::findings::Finding;
use crate::say;
use crate::workers::card_for_people;

/// A small H.264 clip: 24 frames of 320x192, within what every generation of NVDEC takes.
const CLIP: &[u8] = include_bytes!("clip.mp4");
/// How long the card may take for it, its start included.
const NVDEC_PATIENCE: Duration = Duration::from_secs(60);

/// Whether a real card is there.
pub(crate) fn has_card(machine: &MachineReport) -> bool {
    machine.seats.iter().any(|seat| matches!(&seat.card, Card::Gpu { pretended: false, .. }))
}

/// Cards and encoders.
pub(crate) fn look(
    machine: Result<&MachineReport, &WorkerError>,
    asked: Option<EncoderChoice>,
) -> Vec<Finding> {
    let machine = match machine {
        Ok(machine) => machine,
        Err(error) => {
            let remedy = "install FFmpeg's libraries with libx264 (Debian: libavcodec-extra)";
            let finding = Finding::missing("engine", error.to_string(), remedy);
            return vec![if asked.is_some() { finding.asked_for() } else { finding }];
        }
    };
    let mut findings = Vec::new();
    if let Some(why) = &machine.no_card {
        findings.push(Finding::missing("card", why, CARD_REMEDY));
    }
    for seat in &machine.seats {
        findings.push(card(seat));
    }
    for name in EncoderName::ALL {
        let finding = encoder(machine, name);
        findings.push(if asks_for(asked, name) { finding.asked_for() } else { finding });
    }
    findings
}

/// What helps where no card is found.
const CARD_REMEDY: &str = "cards are optional; for NVIDIA's, install the driver, and in a container \
                           run with --gpus all and NVIDIA_DRIVER_CAPABILITIES=compute,video,utility";

fn card(seat: &Seat) -> Finding {
    let tier = &seat.tier;
    let mut detail = match &seat.card {
        Card::None => "work is done by the processor".to_owned(),
        card @ Card::Gpu { .. } => card_for_people(card),
    };
    if let Some(driver) = &seat.driver {
        detail.push_str(&format!(", driver {driver}"));
    }
    detail.push_str(&format!(
        "; tier {}: detect batch {}, fill batch {}, segment frames {}, {} to {} fps expected at 1080p",
        tier.name,
        seat.batches.detect,
        seat.batches.fill,
        tier.segment_frames,
        tier.fps_min,
        tier.fps_max
    ));
    match &seat.card {
        Card::Gpu { pretended: false, .. } => Finding::works("card", detail),
        Card::None | Card::Gpu { pretended: true, .. } => Finding::info("tier", detail),
    }
}

/// Whether `name` encoded a real picture on any card, or in software.
pub(crate) fn encoder(machine: &MachineReport, name: EncoderName) -> Finding {
    let check = format!("encoder {name}");
    let proof = |seat: &Seat| seat.encoders.iter().find(|proof| proof.name == name).cloned();
    if let Some(proof) = machine.seats.iter().find_map(proof) {
        return Finding::works(check, format!("made a test picture ({})", proof.build));
    }
    let refused = |seat: &Seat| {
        seat.refused.iter().find(|refused| refused.name == name).map(|refused| refused.why.clone())
    };
    let why = machine.seats.iter().find_map(refused);
    let why = why.unwrap_or_else(|| "it was not tried: there is no card".to_owned());
    let remedy = if name.is_hardware() {
        "NVENC needs a card that has it (GeForce, RTX, L4; not A100, H100, H200) and its driver; \
         without it libx264 and libx265 are used"
    } else {
        "install FFmpeg's libraries with x264 and x265 (Debian: libavcodec-extra)"
    };
    Finding::missing(check, why, remedy)
}

/// The libraries that are loaded at run time.
pub(crate) fn libraries(card: bool) -> Vec<Finding> {
    let driver = [
        ("CUDA driver library", Library::Cuda),
        ("NVDEC library", Library::Nvdec),
        ("NVENC library", Library::Nvenc),
    ];
    driver.map(|(check, library)| finding(check, card, find_library(library, None))).into()
}

fn finding(check: &str, card: bool, state: LibraryState) -> Finding {
    match state {
        LibraryState::There { path, version } => {
            let version = version.unwrap_or_else(|| "version unknown".to_owned());
            Finding::works(check, format!("{version}, {}", path.display()))
        }
        LibraryState::Absent { why } if card => Finding::missing(check, why, DRIVER_REMEDY),
        LibraryState::Absent { why } => Finding::missing(check, why, "comes with NVIDIA's driver"),
    }
}

/// What helps where a card is there and a library of its driver is not.
const DRIVER_REMEDY: &str = "install the driver's library (Debian: libcuda1, libnvcuvid1, \
     libnvidia-encode1); in a container set NVIDIA_DRIVER_CAPABILITIES=compute,video,utility";
/// Decodes a clip on the card, in a process of its own: a driver may crash.
pub(crate) async fn try_nvdec(program: &Path) -> Finding {
    match run_nvdec(program).await {
        Ok(detail) => Finding::works("NVDEC", detail),
        Err(why) => Finding::missing("NVDEC", why, DRIVER_REMEDY),
    }
}

async fn run_nvdec(program: &Path) -> Result<String, String> {
    let clip = tempfile::Builder::new().suffix(".mp4").tempfile();
    let clip = clip.map_err(|error| format!("no temporary file for the clip: {error}"))?;
    std::fs::write(clip.path(), CLIP).map_err(|error| format!("the clip: {error}"))?;
    let mut command = Command::new(program);
    command.args(["engine", "nvdec"]).arg(clip.path());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(NVDEC_PATIENCE, command.output()).await;
    let output = output.map_err(|_late| "the card did not answer in a minute".to_owned())?;
    let output = output.map_err(|error| format!("the process cannot be started: {error}"))?;
    let said = |bytes: &[u8]| say::one_line(&String::from_utf8_lossy(bytes));
    if output.status.success() {
        return Ok("a test clip, every sample as in software".to_owned());
    }
    let errors = said(&output.stderr);
    Err(if errors.is_empty() { format!("it ended with {}", output.status) } else { errors })
}

#[cfg(test)]
pub(crate) mod tests {
    use cleanplate_types::encode::EncoderProof;
    use cleanplate_worker::{Batches, RefusedEncoder};

    use super::*;
    use crate::doctor::findings::State;

    /// One without a card, that encodes in software.
    pub(crate) fn machine() -> MachineReport {
        let proof = EncoderProof { name: EncoderName::Libx264, build: "59.37.100".to_owned() };
        let refused =
            RefusedEncoder { name: EncoderName::H264Nvenc, why: "no capable device".to_owned() };
        let seat = Seat {
            card: Card::None,
            uuid: None,
            driver: None,
            tier: Card::None.tier(),
            batches: Batches { detect: 4, fill: 2 },
            encoders: vec![proof],
            refused: vec![refused],
        };
        MachineReport {
            seats: vec![seat],
            no_card: Some("no driver".to_owned()),
            library: String::new(),
            models: Err("nothing to run them".to_owned()),
            walls: None,
        }
    }

    #[test]
    fn an_encoder_that_was_refused_comes_with_the_reason_and_a_remedy() {
        let machine = machine();
        let asked = Some(EncoderChoice::Named(EncoderName::H264Nvenc));
        let findings = look(Ok(&machine), asked);
        let of = |check: &str| findings.iter().find(|finding| finding.check == check).unwrap();
        assert_eq!(of("encoder libx264").state, State::Works);
        let nvenc = of("encoder h264_nvenc");
        assert_eq!((nvenc.state, nvenc.asked), (State::Missing, true));
        assert!(nvenc.detail.contains("no capable device") && nvenc.remedy.is_some());
        assert!(!of("encoder hevc_nvenc").asked);
    }

    #[test]
    fn a_card_is_shown_with_its_row() {
        let mut machine = machine();
        let card = cleanplate_vision::parse_pretended("RTX 4090:24").unwrap();
        machine.seats[0].tier = card.tier();
        machine.seats[0].card = card;
        assert!(!has_card(&machine), "a pretended card is none");
        let finding = super::card(&machine.seats[0]);
        assert!(finding.detail.contains("pretended") && finding.detail.contains("tier 24"));
    }
}
