//! Every contract is told from the file, in every form that circulates.

use cleanplate_vision::{BatchForm, Contract, FillContract, Identity, SizeForm};

use super::detectors::{self, CELLS, Rows, SCORE, USUAL, row8};
use super::fillers::{Filler, LAMA, MIGAN};
use super::machine::{open, runtime};
use super::onnx::{Kind, OPEN};

const FIXED: SizeForm = SizeForm::Fixed { width: 640, height: 640 };

fn identity(bytes: &[u8]) -> Option<Identity> {
    let runtime = runtime()?;
    Some(open(runtime, bytes).unwrap_or_else(|error| panic!("refused: {error}")).identity().clone())
}

fn check_rows(fixture: &Rows, rows: &[Vec<f32>], contract: &Contract) {
    let Some(identity) = identity(&fixture.model(rows)) else { return };
    assert_eq!(identity.contract, *contract);
    let batch = if fixture.batch == OPEN {
        BatchForm::Open
    } else {
        BatchForm::Fixed(fixture.batch as usize)
    };
    assert_eq!(identity.batch, batch);
    assert_eq!(identity.size, FIXED);
    let element = match fixture.kind {
        Kind::F16 => "f16",
        Kind::U8 => "u8",
        Kind::F32 | Kind::F64 | Kind::I64 => "f32",
    };
    assert_eq!(identity.element, element);
}

const YOLO8: Contract = Contract::Yolo8 { classes: 2, coefficients: 0, rows_first: false };

#[test]
fn yolo8_is_told_in_every_type_and_batch() {
    let rows = [row8(&[0.1, SCORE], &[])];
    for kind in [Kind::F32, Kind::F16, Kind::U8] {
        check_rows(&Rows { kind, ..USUAL }, &rows, &YOLO8);
    }
    for batch in [4, OPEN] {
        check_rows(&Rows { batch, ..USUAL }, &rows, &YOLO8);
    }
    check_rows(&Rows { names: None, meta: &[], ..USUAL }, &rows, &YOLO8);
}

#[test]
fn a_turned_yolo8_is_told_by_its_grid() {
    let turned = Contract::Yolo8 { classes: 2, coefficients: 0, rows_first: true };
    check_rows(&Rows { rows_first: true, ..USUAL }, &[row8(&[0.1, SCORE], &[])], &turned);
    let one = Rows { rows_first: true, shape: (CELLS, 5), names: None, ..USUAL };
    let turned = Contract::Yolo8 { classes: 1, coefficients: 0, rows_first: true };
    check_rows(&one, &[row8(&[SCORE], &[])], &turned);
}

#[test]
fn an_open_yolo8_is_told_by_what_comes_out() {
    let Some(identity) = identity(&detectors::open_yolo8(&[])) else { return };
    assert_eq!(identity.contract, YOLO8);
    assert_eq!(identity.batch, BatchForm::Open);
    assert_eq!(identity.size, SizeForm::Open { width: 640, height: 640, multiple: 32 });
    assert_eq!(identity.names, ["logo", "plate"]);
}

#[test]
fn sizes_are_those_of_the_metadata_unless_they_are_absurd() {
    let size = |meta: &[(&str, &str)]| Some(identity(&detectors::open_yolo8(meta))?.size);
    let small = SizeForm::Open { width: 320, height: 192, multiple: 32 };
    let Some(found) = size(&[("imgsz", "[192, 320]"), ("stride", "32")]) else { return };
    assert_eq!(found, small);
    let usual = Some(SizeForm::Open { width: 640, height: 640, multiple: 32 });
    assert_eq!(size(&[("imgsz", "[999999999, 999999999]"), ("stride", "999999999999")]), usual);
    assert_eq!(size(&[("imgsz", "[0, 640]"), ("stride", "0")]), usual);
}

#[test]
fn yolo5_is_told_by_its_three_rows_to_a_cell() {
    let fixture = Rows { rows_first: true, shape: (3 * CELLS, 7), ..USUAL };
    check_rows(&fixture, &[], &Contract::Yolo5 { classes: 2, coefficients: 0 });
    let older = Rows { raw_heads: true, ..fixture };
    check_rows(&older, &[], &Contract::Yolo5 { classes: 2, coefficients: 0 });
}

#[test]
fn masks_are_told_by_the_second_output() {
    let meta = &[("stride", "32"), ("imgsz", "[640, 640]"), ("task", "segment")];
    let segment = Rows { shape: (CELLS, 38), masks: 32, meta, ..USUAL };
    let contract = Contract::Yolo8 { classes: 2, coefficients: 32, rows_first: false };
    check_rows(&segment, &[], &contract);
    let half = Rows { kind: Kind::F16, ..segment };
    check_rows(&half, &[], &contract);
    let five = Rows { rows_first: true, shape: (3 * CELLS, 39), ..segment };
    check_rows(&five, &[], &Contract::Yolo5 { classes: 2, coefficients: 32 });
}

#[test]
fn final_boxes_are_told_by_metadata_or_by_their_places() {
    let end = Contract::EndToEnd { coefficients: 0 };
    let told = Rows { rows_first: true, shape: (300, 6), meta: &[("end2end", "True")], ..USUAL };
    check_rows(&told, &[], &end);
    let asked = Rows { meta: &[("args", "{'batch': 1, 'nms': True}")], ..told };
    check_rows(&asked, &[], &end);
    let seen = Rows { meta: &[], ..told };
    check_rows(&seen, &[vec![288.0, 304.0, 352.0, 336.0, SCORE, 1.0]], &end);
    let masks = Rows { shape: (300, 38), masks: 32, ..told };
    check_rows(&masks, &[], &Contract::EndToEnd { coefficients: 32 });
}

#[test]
fn rt_detr_is_told_by_parts_of_the_input() {
    let names = Some("{0: 'a', 1: 'b', 2: 'face'}");
    let fixture = Rows { rows_first: true, shape: (300, 7), names, meta: &[], ..USUAL };
    check_rows(&fixture, &[vec![0.5, 0.5, 0.1, 0.05]], &Contract::RtDetr { classes: 3 });
    let description = &[("description", "Ultralytics rtdetr-l model trained on plates")];
    let two = Rows { rows_first: true, shape: (300, 6), meta: description, ..USUAL };
    check_rows(&two, &[], &Contract::RtDetr { classes: 2 });
}

#[test]
fn maps_are_told_by_their_channels() {
    let Some(text) = identity(&detectors::text_map(0.0)) else { return };
    assert_eq!(text.contract, Contract::TextMap);
    assert_eq!(text.size, SizeForm::Open { width: 960, height: 960, multiple: 32 });
    let Some(faces) = identity(&detectors::center_face()) else { return };
    assert_eq!(faces.contract, Contract::CenterFace);
    // Declared for ten pictures of 32 by 32, which it does not need.
    assert_eq!(faces.batch, BatchForm::Open);
    assert_eq!(faces.size, SizeForm::Open { width: 960, height: 960, multiple: 32 });
}

#[test]
fn a_licence_is_part_of_the_identity() {
    let meta = &[("license", "AGPL-3.0 License (https://ultralytics.com/license)")];
    let Some(identity) = identity(&Rows { meta, ..USUAL }.model(&[])) else { return };
    assert!(identity.licence.as_deref().is_some_and(|licence| licence.starts_with("AGPL-3.0")));
    assert!(identity.to_string().contains("AGPL-3.0"), "{identity}");
}

fn check_filler(fixture: &Filler, expected: FillContract) {
    let Some(identity) = identity(&fixture.model()) else { return };
    let contract =
        if fixture.kind == Kind::U8 { Contract::MiGan(expected) } else { Contract::Lama(expected) };
    assert_eq!(identity.contract, contract, "{fixture:?}");
    assert_eq!(identity.licence.as_deref(), Some("Apache-2.0"));
}

#[test]
fn lama_is_told_by_what_it_fills() {
    let usual = FillContract { joined: false, high_is_hole: true, gives_bytes: true };
    check_filler(&LAMA, usual);
    check_filler(
        &Filler { gives_bytes: false, ..LAMA },
        FillContract { gives_bytes: false, ..usual },
    );
    check_filler(&Filler { kind: Kind::F16, ..LAMA }, usual);
    check_filler(&Filler { open: true, ..LAMA }, usual);
    check_filler(&Filler { mask_first: true, ..LAMA }, usual);
    let turned = FillContract { high_is_hole: false, ..usual };
    check_filler(&Filler { high_is_hole: false, ..LAMA }, turned);
    let joined = FillContract { joined: true, gives_bytes: false, ..usual };
    check_filler(&Filler { joined: true, gives_bytes: false, ..LAMA }, joined);
}

#[test]
fn mi_gan_is_told_by_its_bytes_and_its_mask() {
    let usual = FillContract { joined: false, high_is_hole: false, gives_bytes: true };
    check_filler(&MIGAN, usual);
    let turned = Filler { high_is_hole: true, ..MIGAN };
    check_filler(&turned, FillContract { high_is_hole: true, ..usual });
}
