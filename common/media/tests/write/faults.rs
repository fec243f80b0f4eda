//! The stand-in for NVENC, which works until it is told to fail.
//!
//! Fault switches are read once per process, so the test starts itself with them set.

use std::process::Command;

use cleanplate_media::encode::CellEncoder;
use cleanplate_media::prove::prove;
use cleanplate_types::encode::{EncoderName, Quality};

use crate::clips::make;
use crate::machine::{frames, plan};

#[test]
#[cfg(debug_assertions)]
fn a_stand_in_for_nvenc_works_until_the_switch_strikes_and_is_gone_then() {
    let folder = tempfile::tempdir().unwrap();
    let faults = format!("nvenc@7:{}", folder.path().join("struck").display());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "faults::encode_with_the_switch"])
        .env("CLEANPLATE_FAULTS", faults)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "started by the other test, with the fault switch set"]
fn encode_with_the_switch() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "-f lavfi -i testsrc2=s=160x96:r=25:d=1 -c:v libx264 -preset ultrafast";
    let clip = make(folder.path(), "a.mp4", recipe);
    let job = plan(&clip, 25, |spec| {
        spec.encoder.name = EncoderName::H264Nvenc;
        spec.quality = Quality::Constant(19);
        spec.preset = "p5".to_owned();
        spec.reorder_frames = 0;
    });
    let proof = prove(EncoderName::H264Nvenc, Some(0)).unwrap();
    assert_eq!(proof.name, EncoderName::H264Nvenc);
    let mut encoder = CellEncoder::open(&job.brief.spec, Some(0)).unwrap().starting_at(0);
    assert!(encoder.way().contains("played by libx264"), "{}", encoder.way());
    let results: Vec<_> = frames(&job)
        .into_iter()
        .take(8)
        .map(|frame| encoder.encode(frame, &mut |_packet| Ok(())))
        .collect();
    assert!(results[..7].iter().all(Result::is_ok));
    let error = results[7].as_ref().unwrap_err().to_string();
    assert!(error.starts_with("h264_nvenc: encoding: at frame 7: "), "{error}");
    assert!(CellEncoder::open(&job.brief.spec, Some(0)).is_err(), "it is lost for good");
    assert!(prove(EncoderName::H264Nvenc, Some(0)).is_err());
    assert!(prove(EncoderName::Libx264, None).is_ok(), "and nothing else is");
}
