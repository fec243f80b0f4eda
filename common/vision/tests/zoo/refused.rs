//! What cannot be identified, or does wrong, is refused with one line that says why.

use cleanplate_vision::Model;

use super::detectors::{CELLS, Rows, USUAL, bright_map, row8, text_map};
use super::fillers::{Does, Filler, LAMA};
use super::machine::{CPU, open, runtime};
use super::onnx::{Graph, Kind, OPEN};

/// Checks that `bytes` are refused in words that hold `word`.
fn check(what: &str, bytes: &[u8], word: &str) {
    let Some(runtime) = runtime() else { return };
    let Err(error) = open(runtime, bytes) else { panic!("{what} was taken") };
    let told = error.to_string();
    assert!(told.contains(word), "{what}: {told}");
    assert!(!told.contains('\n'), "{what}: {told}");
}

/// A model with one input and one output, which has nothing to do with it.
fn plain(input: (Kind, &[i64]), output: &[i64]) -> Vec<u8> {
    let mut graph = Graph::new();
    graph.input("x", input.0, input.1);
    let count: i64 = output.iter().product();
    let values = graph.constant(Kind::F32, output, &vec![0.5; count as usize]);
    graph.output("y", &values, Kind::F32, output);
    graph.bytes()
}

#[test]
fn files_that_are_no_models_are_refused() {
    check("nothing", b"", "not a model");
    check("a page", b"<!DOCTYPE html><title>404 Not Found</title>", "not a model");
    let whole = USUAL.model(&[]);
    check("half a file", &whole[..whole.len() / 2], "not a model");
    check("a file without its end", &whole[..whole.len() - 1], "not a model");
}

#[test]
fn inputs_that_are_no_picture_are_refused() {
    check("a vector", &plain((Kind::F32, &[1, 3]), &[1, 6, CELLS as i64]), "[B, 3, H, W]");
    check("five channels", &plain((Kind::F32, &[1, 5, 64, 64]), &[1, 1, 64, 64]), "[B, 3, H, W]");
    check("channels last", &plain((Kind::F32, &[1, 64, 64, 3]), &[1, 1, 64, 64]), "channels last");
    check("doubles", &plain((Kind::F64, &[1, 3, 64, 64]), &[1, 1, 64, 64]), "float64");
    check("half open", &plain((Kind::F32, &[1, 3, 48, OPEN]), &[1, 1, 64, 64]), "inputs are");
    // More memory than there is: refused before any is taken.
    check(
        "a vast one",
        &plain((Kind::F32, &[1, 3, 1 << 40, 1 << 40]), &[1, 1, 2, 2]),
        "inputs are",
    );
    check("a vast batch", &plain((Kind::F32, &[1 << 40, 3, 64, 64]), &[1, 1, 2, 2]), "inputs are");
    let mut graph = Graph::new();
    graph.input("images", Kind::F32, &[1, 3, 640, 640]);
    graph.input("orig_target_sizes", Kind::I64, &[1, 2]);
    let boxes = graph.constant(Kind::F32, &[1, 300, 4], &[0.5; 1200]);
    graph.output("boxes", &boxes, Kind::F32, &[1, 300, 4]);
    check("original sizes", &graph.bytes(), "orig_target_sizes");
}

#[test]
fn outputs_that_no_contract_has_are_refused() {
    let picture = (Kind::F32, [1, 3, 640, 640]);
    let check = |what: &str, output: &[i64], word: &str| {
        check(what, &plain((picture.0, &picture.1), output), word);
    };
    check("a classifier", &[1, 1000], "outputs are");
    check("a smaller map", &[1, 1, 160, 160], "outputs are");
    check("rows of no grid", &[1, 6, 8000], "no YOLO layout");
    check("boxes without scores", &[1, 300, 4], "no YOLO layout");
}

#[test]
fn key_points_and_raw_scores_are_not_read_as_classes() {
    let untold = Rows { names: None, ..USUAL };
    let points: Vec<f32> = (0..51).map(|at| 100.0 + at as f32).collect();
    let pose = Rows { shape: (CELLS, 56), ..untold };
    check("a pose", &pose.model(&[row8(&[0.9], &points)]), "scores of classes");
    let raw = Rows { shape: (CELLS, 84), ..untold };
    check("logits", &raw.model(&[row8(&[-4.0; 80], &[])]), "scores of classes");
}

#[test]
fn an_angle_is_not_read_as_a_class() {
    let rows: Vec<Vec<f32>> = (0..CELLS).map(|_| row8(&[0.01, 0.785], &[])).collect();
    let turned = Rows { names: None, meta: &[], ..USUAL };
    check("rotated boxes", &turned.model(&rows), "no score of a class");
}

#[test]
fn final_boxes_by_their_centres_are_not_read_as_corners() {
    let told = Rows { rows_first: true, shape: (300, 6), meta: &[("end2end", "True")], ..USUAL };
    let by_centre = |score: f32| vec![320.0, 200.0, 64.0, 32.0, score, 0.0];
    let rows: Vec<Vec<f32>> = (0..300).map(|_| by_centre(0.01)).collect();
    check("boxes by their centres", &told.model(&rows), "corners");
}

#[test]
fn a_mask_of_something_is_not_read_as_writing() {
    check("a mask", &bright_map(), "made for something else");
    let flat = plain((Kind::F32, &[1, 3, 64, 96]), &[1, 1, 64, 96]);
    check("a map that is even", &flat, "made for something else");
}

#[test]
fn what_could_be_two_things_is_refused() {
    let two = Rows { rows_first: true, shape: (300, 6), meta: &[], ..USUAL };
    check("six values and two names", &two.model(&[]), "no YOLO layout");
    let turned = Rows { rows_first: true, shape: (CELLS, 7), names: None, meta: &[], ..USUAL };
    check("objectness or not", &turned.model(&[]), "no YOLO layout");
    let many = Rows { names: Some("{0: 'a', 1: 'b', 2: 'c'}"), ..USUAL };
    check("more names than scores", &many.model(&[]), "no YOLO layout");
}

#[test]
fn another_task_is_refused_by_its_name() {
    let pose = Rows { shape: (CELLS, 56), meta: &[("task", "pose")], ..USUAL };
    check("a pose", &pose.model(&[]), "`pose`");
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    check("rows", &USUAL.model(&[row8(&[f32::NAN, 0.5], &[])]), "NaN");
    let half = Rows { kind: Kind::F16, ..USUAL };
    check("rows that overflow", &half.model(&[vec![1e9, 320.0, 1.0, 1.0]]), "NaN");
    check("a map without its sigmoid", &text_map(-4.0), "sigmoid");
}

#[test]
fn an_inpainting_model_that_does_wrong_is_refused() {
    let with = |does: Does| Filler { does, ..LAMA };
    check("ignores its mask", &with(Does::Ignore).model(), "ignores the mask");
    check("comes out black", &with(Does::Black).model(), "overflows");
    check("gives no numbers", &with(Does::NotANumber).model(), "NaN");
    check("leaves black bars", &with(Does::Bars).model(), "nowhere around it");
    let joined = Filler { joined: true, ..with(Does::Ignore) };
    check("copies its black", &joined.model(), "overflows");
    let bytes = Filler { kind: Kind::U8, ..with(Does::Ignore) };
    check("ignores its mask of bytes", &bytes.model(), "ignores the mask");
}

#[test]
fn a_model_that_is_to_fill_is_refused_by_what_fillers_are() {
    let Some(runtime) = runtime() else { return };
    let refused = |bytes: &[u8]| match Model::open_filler(runtime, bytes, CPU) {
        Err(error) => error.to_string(),
        Ok(model) => panic!("it was taken for {}", model.identity()),
    };
    let picture: (Kind, &[i64]) = (Kind::F32, &[1, 3, 640, 640]);
    for bytes in [
        plain((Kind::F32, &[1, 3]), &[1, 6, CELLS as i64]),
        plain((Kind::F32, &[1, 5, 64, 64]), &[1, 1, 64, 64]),
        plain(picture, &[1, 1000]),
        plain(picture, &[1, 6, 8000]),
    ] {
        let told = refused(&bytes);
        assert!(told.contains("a mask [B, 1, H, W]") && !told.contains("YOLO"), "{told}");
    }
    assert!(refused(b"<!DOCTYPE html>").contains("not a model"));
    let known = Model::open_filler(runtime, &text_map(0.0), CPU).unwrap();
    assert!(known.identity().contract.detects(), "it is told where it belongs");
}
