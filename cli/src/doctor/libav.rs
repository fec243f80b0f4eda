//! FFmpeg's libraries: version, licence, what is built in.

use cleanplate_media::capability;
use cleanplate_types::encode::EncoderName;

use super::findings::Finding;

/// Decoders whose absence shuts out most of the world's video.
const DECODERS: [&str; 10] =
    ["h264", "hevc", "vp8", "vp9", "av1", "mpeg2video", "mpeg4", "prores", "dnxhd", "ffv1"];

/// Asks the library.
pub(super) fn look() -> Vec<Finding> {
    let mut findings = vec![
        Finding::works("FFmpeg", capability::version()),
        Finding::info("FFmpeg's licence", licence(&capability::licence())),
    ];
    let (there, absent): (Vec<&str>, Vec<&str>) =
        DECODERS.into_iter().partition(|name| capability::has_decoder(name));
    findings.push(if absent.is_empty() {
        Finding::works("decoders", there.join(", "))
    } else {
        Finding::missing(
            "decoders",
            format!("{}; not built in: {}", there.join(", "), absent.join(", ")),
            "install your distribution's full FFmpeg libraries (Debian: libavcodec-extra)",
        )
    });
    let (there, absent): (Vec<&str>, Vec<&str>) = EncoderName::ALL
        .into_iter()
        .map(EncoderName::as_str)
        .partition(|name| capability::has_encoder(name));
    findings.push(if absent.is_empty() {
        Finding::works("encoders built in", there.join(", "))
    } else {
        Finding::missing(
            "encoders built in",
            format!("{}; not built in: {}", there.join(", "), absent.join(", ")),
            "use FFmpeg libraries that were built with them, as Debian's and Ubuntu's are",
        )
    });
    let hwaccels = capability::hwaccels();
    findings.push(if hwaccels.iter().any(|name| name == "cuda") {
        Finding::works("hardware built in", hwaccels.join(", "))
    } else {
        Finding::missing(
            "hardware built in",
            format!("no cuda; {}", hwaccels.join(", ")),
            "for NVDEC use FFmpeg libraries that were built with ffnvcodec",
        )
    });
    findings
}

/// What the licence of the loaded libraries means, in a few words.
fn licence(licence: &str) -> String {
    if licence.starts_with("GPL") {
        format!("{licence} (x264 and x265 are in it; linked dynamically)")
    } else {
        format!("{licence} (linked dynamically)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::findings::State;

    #[test]
    fn the_machine_that_builds_this_has_what_the_tests_need() {
        let findings = look();
        let of = |check: &str| findings.iter().find(|finding| finding.check == check).unwrap();
        assert_eq!(of("FFmpeg").state, State::Works);
        assert!(of("encoders built in").detail.contains("libx264"));
    }
}
