//! Tensors of the card shown to models that run on the CPU: over the driver made for tests, the card's memory is the
//! host's, and all but the name of the memory is what happens on a card.

#[path = "../../../tests/zoo/detectors.rs"]
#[expect(dead_code, reason = "the zoo has more than is shown here")]
mod detectors;
#[path = "../../../tests/cuda/driver.rs"]
mod driver;
#[path = "../../../tests/zoo/onnx.rs"]
#[expect(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as above; constants are written as what they are said to be"
)]
mod onnx;

use cleanplate_types::picture::Rect;
use driver::with_cards;

use super::*;
use crate::catalogue::ModelsFolder;
use crate::detect::DetectorSettings;
use crate::model::Model;
use crate::runtime::{Runtime, RuntimePlaces};
use crate::session::Device as RunsOn;

const CARD: &str = "NVIDIA GeForce RTX 4090:24564";

/// The runtime; where there is none, that is printed, and the test is over.
fn runtime() -> Option<&'static Runtime> {
    let folder = ModelsFolder::of_this_user().unwrap_or_else(|| ModelsFolder::new("/nonexistent"));
    match Runtime::load(&RuntimePlaces::of_this_machine(None, folder.path())) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

fn detector(runtime: &Runtime, bytes: &[u8]) -> Detector {
    let model = Model::open(runtime, bytes, RunsOn::Cpu { threads: 1 }).unwrap();
    let mut detector = Detector::new(model, &DetectorSettings::default()).unwrap();
    detector.set_batch(2);
    detector
}

/// A frame of noise with bright rectangles.
struct Frame {
    layout: PixelLayout,
    size: (u32, u32),
    planes: Vec<Vec<u16>>,
}

impl Frame {
    fn new(seed: u32, depth: u8, size: (u32, u32)) -> Self {
        let name = if depth == 8 { "yuv420p" } else { "yuv420p10le" }.to_owned();
        let (chroma_shift_x, chroma_shift_y, full_range) = (1, 1, false);
        let layout =
            PixelLayout { name, depth, planes: 3, chroma_shift_x, chroma_shift_y, full_range };
        let mut state = seed;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u16::try_from(state >> 26).unwrap() << (depth - 8)
        };
        let planes = (0..3).map(|plane| {
            let (width, height) = layout.plane_size(plane, size.0, size.1);
            let place = |at: u32| (at % width, at / width);
            let bright = |at: u32| {
                let (x, y) = place(at);
                plane == 0 && (40..160).contains(&x) && (30 + seed..60 + seed).contains(&y)
            };
            (0..width * height)
                .map(|at| match (bright(at), plane) {
                    (true, _) => 235 << (depth - 8),
                    (false, 0) => noise(),
                    (false, _) => (112 << (depth - 8)) + noise() / 2,
                })
                .collect()
        });
        let planes = planes.collect();
        Self { layout, size, planes }
    }

    /// The frame as a detector takes it.
    fn picture(&self) -> Picture<'_> {
        let planes = self.planes.iter().zip(0_u8..).map(|(samples, plane)| {
            let (width, height) = self.layout.plane_size(plane, self.size.0, self.size.1);
            PlaneRef { samples: &samples[..], stride: width as usize, width, height }
        });
        Picture::new(PlanesRef::Sixteen(planes.collect()), &self.layout, 1).unwrap()
    }
}

/// What both ways see of some frames: the host's, and by tensors of the card.
fn both_ways(host: &mut Detector, card: &mut Detector, part: Option<Rect>) -> usize {
    let frames = [Frame::new(1, 10, (401, 303)), Frame::new(9, 10, (640, 360))];
    let frames = [&frames[0], &frames[1], &frames[0]].map(Frame::picture);
    let seen = host.detect_in(&frames, part, None).unwrap();
    assert_eq!(card.detect_in(&frames, part, None).unwrap(), seen);
    seen.iter().map(Vec::len).sum()
}

#[test]
fn models_see_by_tensors_of_the_card_what_they_see_by_the_hosts() {
    let name = "detect::on_card::tests::\
                models_see_by_tensors_of_the_card_what_they_see_by_the_hosts";
    with_cards(name, CARD, &[], || {
        let Some(runtime) = runtime() else { return };
        let card = Device::open(0).unwrap();
        let half = detectors::Rows { kind: onnx::Kind::F16, ..detectors::USUAL };
        let models = [
            detectors::text_map(0.0),
            detectors::colours(),
            detectors::open_yolo8(&[]),
            half.model(&[vec![320.0, 320.0, 64.0, 32.0, 0.9]]),
        ];
        let mut seen = 0;
        for bytes in &models {
            let (mut by_host, mut by_card) = (detector(runtime, bytes), detector(runtime, bytes));
            by_card.prove_tensors_of(&card).unwrap();
            assert!(by_card.on_card.is_some());
            seen += both_ways(&mut by_host, &mut by_card, None);
            let part = Rect { x: 0, y: 20, width: 300, height: 110 };
            both_ways(&mut by_host, &mut by_card, Some(part));
            assert_eq!(by_card.take_card_left(), None);
            assert!(by_host.on_card.is_none() && by_card.on_card.is_some());
        }
        assert!(seen > 0, "they see something");
    });
}

#[test]
fn a_card_that_makes_other_values_is_found_out_before_it_is_used() {
    let name = "detect::on_card::tests::\
                a_card_that_makes_other_values_is_found_out_before_it_is_used";
    with_cards(name, CARD, &[("LAUNCHES_FOR_TEST", "lose:0")], || {
        let Some(runtime) = runtime() else { return };
        let card = Device::open(0).unwrap();
        let mut detector = detector(runtime, &detectors::text_map(0.0));
        let error = detector.prove_tensors_of(&card).unwrap_err();
        assert!(matches!(error, CardTensorError::Tensors(_)), "{error}");
        assert!(detector.on_card.is_none());
    });
}

#[test]
fn where_the_card_fails_later_the_host_goes_on_and_the_reason_is_told_once() {
    let name = "detect::on_card::tests::\
                where_the_card_fails_later_the_host_goes_on_and_the_reason_is_told_once";
    // The known picture is one launch.
    with_cards(name, CARD, &[("LAUNCHES_FOR_TEST", "refuse:1")], || {
        let Some(runtime) = runtime() else { return };
        let card = Device::open(0).unwrap();
        let bytes = detectors::text_map(0.0);
        let (mut by_host, mut by_card) = (detector(runtime, &bytes), detector(runtime, &bytes));
        by_card.prove_tensors_of(&card).unwrap();
        both_ways(&mut by_host, &mut by_card, None);
        let left = by_card.take_card_left().unwrap();
        assert!(left.contains("CUDA_ERROR_LAUNCH_FAILED"), "{left}");
        assert!(by_card.on_card.is_none() && by_card.take_card_left().is_none());
    });
}

#[test]
fn a_model_that_runs_elsewhere_or_takes_bytes_is_shown_the_hosts_tensors() {
    let name = "detect::on_card::tests::\
                a_model_that_runs_elsewhere_or_takes_bytes_is_shown_the_hosts_tensors";
    with_cards(name, CARD, &[], || {
        let Some(runtime) = runtime() else { return };
        let card = Device::open(0).unwrap();
        let mut elsewhere = detector(runtime, &detectors::text_map(0.0));
        assert_eq!(elsewhere.with_tensors_of(&card), Err(CardTensorError::Elsewhere));
        let bytes = detectors::Rows { kind: onnx::Kind::U8, ..detectors::USUAL };
        let mut bytes = detector(runtime, &bytes.model(&[vec![320.0, 320.0, 64.0, 32.0, 0.9]]));
        assert_eq!(bytes.prove_tensors_of(&card), Err(CardTensorError::Values("u8")));
    });
}

#[test]
fn outputs_are_the_same_within_what_is_stated_and_nan_never_is() {
    let output = |values: Vec<f32>| vec![Output { dims: vec![1, values.len()], values }];
    let host = output(vec![4.0, -2.0, 0.5]);
    assert_eq!(compare_outputs(&host, &output(vec![4.0, -2.003, 0.5])), Ok(()));
    for other in [vec![4.0, -2.005, 0.5], vec![4.0, f32::NAN, 0.5], vec![4.0, -2.0]] {
        let error = compare_outputs(&host, &output(other)).unwrap_err();
        assert!(matches!(error, CardTensorError::Outputs(_)), "{error}");
    }
}
