//! Detectors of the zoo: one for every layout of outputs, each seeing what is known beforehand.

use super::onnx::{Graph, Kind, OPEN};

/// Middle and size of the box that every fixture of rows sees, in samples of its input.
pub(crate) const BOX: [f32; 4] = [320.0, 320.0, 64.0, 32.0];
/// Its score.
pub(crate) const SCORE: f32 = 0.9;
/// Grid cells of an input of 640.
pub(crate) const CELLS: usize = 8400;

/// What a fixture of rows is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    /// Type of input and outputs (a `U8` input gives 32-bit floats).
    pub(crate) kind: Kind,
    /// Frames, or [`OPEN`].
    pub(crate) batch: i64,
    /// Rows, values to a row.
    pub(crate) shape: (usize, usize),
    /// Whether the rows are the second dimension.
    pub(crate) rows_first: bool,
    /// Channels of the prototypes, where there are any.
    pub(crate) masks: usize,
    /// Whether the three raw heads of older exports are there too.
    pub(crate) raw_heads: bool,
    /// `names` of the metadata.
    pub(crate) names: Option<&'static str>,
    /// Further metadata.
    pub(crate) meta: &'static [(&'static str, &'static str)],
}

/// The usual ones.
pub(crate) const USUAL: Rows = Rows {
    kind: Kind::F32,
    batch: 1,
    shape: (CELLS, 6),
    rows_first: false,
    masks: 0,
    raw_heads: false,
    names: Some("{0: 'logo', 1: 'plate'}"),
    meta: &[("stride", "32"), ("imgsz", "[640, 640]"), ("task", "detect")],
};

impl Rows {
    /// The file of a model that gives `rows` (each padded with zeros), the remaining rows being zero.
    pub(crate) fn model(&self, rows: &[Vec<f32>]) -> Vec<u8> {
        let (count, width) = self.shape;
        let mut values = vec![0.0; count * width];
        for (row, given) in rows.iter().enumerate() {
            for (index, value) in given.iter().enumerate() {
                let at = if self.rows_first { row * width + index } else { index * count + row };
                values[at] = *value;
            }
        }
        let dims = if self.rows_first { [count, width] } else { [width, count] };
        let dims = dims.map(|dim| i64::try_from(dim).unwrap());
        let mut graph = Graph::new();
        let given = if self.kind == Kind::U8 { Kind::F32 } else { self.kind };
        let input = graph.input("images", self.kind, &[self.batch, 3, 640, 640]);
        let rows = graph.constant(given, &[1, dims[0], dims[1]], &values);
        let rows = for_batch(&mut graph, &input, &rows, self.batch, &dims);
        graph.output("output0", &rows, given, &[self.batch, dims[0], dims[1]]);
        if self.masks > 0 {
            // The first prototype is positive on the left half of the input, the others are zero.
            let masks = i64::try_from(self.masks).unwrap();
            let mut fields = vec![0.0; self.masks * 160 * 160];
            for (index, value) in fields.iter_mut().take(160 * 160).enumerate() {
                *value = if index % 160 < 80 { 1.0 } else { -1.0 };
            }
            let fields = graph.constant(given, &[1, masks, 160, 160], &fields);
            let fields = for_batch(&mut graph, &input, &fields, self.batch, &[masks, 160, 160]);
            graph.output("output1", &fields, given, &[self.batch, masks, 160, 160]);
        }
        if self.raw_heads {
            for (index, side) in [80_i64, 40, 20].into_iter().enumerate() {
                let dims = [1, 3, side, side, 7];
                let count = usize::try_from(dims.iter().product::<i64>()).unwrap();
                let head = graph.constant(given, &dims, &vec![0.0; count]);
                graph.output(&format!("head{index}"), &head, given, &dims);
            }
        }
        if let Some(names) = self.names {
            graph.meta("names", names);
        }
        for (key, value) in self.meta {
            graph.meta(key, value);
        }
        graph.bytes()
    }
}

/// `value` for every frame of the batch.
fn for_batch(graph: &mut Graph, input: &str, value: &str, batch: i64, dims: &[i64]) -> String {
    let rest: Vec<f32> = dims.iter().map(|dim| *dim as f32).collect();
    let length = i64::try_from(dims.len()).unwrap();
    let rest = graph.constant(Kind::I64, &[length], &rest);
    let frames = if batch == OPEN {
        let shape = graph.node("Shape", &[input]);
        let (start, end) =
            (graph.constant(Kind::I64, &[1], &[0.0]), graph.constant(Kind::I64, &[1], &[1.0]));
        graph.node("Slice", &[&shape, &start, &end])
    } else {
        graph.constant(Kind::I64, &[1], &[batch as f32])
    };
    let target = graph.node_with("Concat", &[&frames, &rest], &[("axis", &[0])]);
    graph.node("Expand", &[value, &target])
}

/// A row of `YOLOv8`: the box, then a score for each class.
pub(crate) fn row8(scores: &[f32], coefficients: &[f32]) -> Vec<f32> {
    [&BOX[..], scores, coefficients].concat()
}

/// The maxima of every channel of `input` in cells of 8, 16 and 32: `[B, 3, cells]`.
fn cells(graph: &mut Graph, input: &str) -> String {
    let shape = graph.constant(Kind::I64, &[3], &[0.0, 3.0, -1.0]);
    let levels = [8, 16, 32].map(|stride| {
        let side = [stride, stride];
        let pooled =
            graph.node_with("MaxPool", &[input], &[("kernel_shape", &side), ("strides", &side)]);
        graph.node("Reshape", &[&pooled, &shape])
    });
    let [fine, middle, coarse] = &levels;
    graph.node_with("Concat", &[fine, middle, coarse], &[("axis", &[2])])
}

/// `values` in every cell of `cells`.
fn in_every_cell(graph: &mut Graph, cells: &str, values: &[f32]) -> String {
    let one = graph.node_with("ReduceMean", &[cells], &[("axes", &[1])]);
    let zero = graph.scalar(Kind::F32, 0.0);
    let zeros = graph.node("Mul", &[&one, &zero]);
    let count = i64::try_from(values.len()).unwrap();
    let row = graph.constant(Kind::F32, &[1, count, 1], values);
    graph.node("Add", &[&zeros, &row])
}

/// A map of the input's size that marks whatever is bright: a mask of something, not of writing.
pub(crate) fn bright_map() -> Vec<u8> {
    let mut graph = Graph::new();
    let input = graph.input("x", Kind::F32, &[OPEN, 3, OPEN, OPEN]);
    let grey = graph.node_with("ReduceMean", &[&input], &[("axes", &[1])]);
    let map = above(&mut graph, &grey, 0.5);
    graph.output("map", &map, Kind::F32, &[OPEN, 1, OPEN, OPEN]);
    graph.bytes()
}

/// A `YOLOv8` whose input is open in every dimension: each cell sees the box, the surer the darker it is.
pub(crate) fn open_yolo8(meta: &[(&str, &str)]) -> Vec<u8> {
    let mut graph = Graph::new();
    let input = graph.input("images", Kind::F32, &[OPEN, 3, OPEN, OPEN]);
    let cells = cells(&mut graph, &input);
    let places = in_every_cell(&mut graph, &cells, &BOX);
    let level = graph.node_with("ReduceMax", &[&cells], &[("axes", &[1])]);
    let one = graph.scalar(Kind::F32, 1.0);
    let darkness = graph.node("Sub", &[&one, &level]);
    let scores = [0.1, SCORE].map(|score| {
        let score = graph.scalar(Kind::F32, score);
        graph.node("Mul", &[&darkness, &score])
    });
    let rows = graph.node_with("Concat", &[&places, &scores[0], &scores[1]], &[("axis", &[1])]);
    graph.output("output0", &rows, Kind::F32, &[OPEN, 6, OPEN]);
    graph.meta("names", "{0: 'logo', 1: 'plate'}");
    for (key, value) in meta {
        graph.meta(key, value);
    }
    graph.bytes()
}

/// A `YOLOv8` that scores as much red, green and blue as it is fed.
pub(crate) fn colours() -> Vec<u8> {
    let mut graph = Graph::new();
    let input = graph.input("images", Kind::F32, &[OPEN, 3, OPEN, OPEN]);
    let cells = cells(&mut graph, &input);
    let places = in_every_cell(&mut graph, &cells, &BOX);
    let rows = graph.node_with("Concat", &[&places, &cells], &[("axis", &[1])]);
    graph.output("output0", &rows, Kind::F32, &[OPEN, 7, OPEN]);
    graph.meta("names", "{0: 'red', 1: 'green', 2: 'blue'}");
    graph.bytes()
}

/// 1 where `bright` (1 or 0) is part of a field of more than 80 rows, 0 elsewhere.
fn wide(graph: &mut Graph, bright: &str) -> String {
    let minus = graph.scalar(Kind::F32, -1.0);
    let turned = graph.node("Mul", &[bright, &minus]);
    let window: [(&str, &[i64]); 2] = [("kernel_shape", &[81, 1]), ("pads", &[40, 0, 40, 0])];
    let worn = graph.node_with("MaxPool", &[&turned], &window);
    graph.node("Mul", &[&worn, &minus])
}

/// `map` but for where `fields` is 1.
fn without(graph: &mut Graph, map: &str, fields: &str) -> String {
    let one = graph.scalar(Kind::F32, 1.0);
    let others = graph.node("Sub", &[&one, fields]);
    graph.node("Mul", &[map, &others])
}

/// 1 where `level` is above `floor`, 0 elsewhere.
fn above(graph: &mut Graph, level: &str, floor: f32) -> String {
    let floor = graph.scalar(Kind::F32, floor);
    let above = graph.node("Greater", &[level, &floor]);
    graph.node_with("Cast", &[&above], &[("to", &[1])])
}

/// A text detector whose map is the level of the last channel that it is fed, of -1 to 1, but for wide fields beside
/// something black.
pub(crate) fn last_channel() -> Vec<u8> {
    let mut graph = Graph::new();
    let input = graph.input("x", Kind::F32, &[OPEN, 3, OPEN, OPEN]);
    let number = |graph: &mut Graph, value: f32| graph.constant(Kind::I64, &[1], &[value]);
    let (start, end, axis) =
        (number(&mut graph, 2.0), number(&mut graph, 3.0), number(&mut graph, 1.0));
    let last = graph.node("Slice", &[&input, &start, &end, &axis]);
    let (one, two) = (graph.scalar(Kind::F32, 1.0), graph.scalar(Kind::F32, 2.0));
    let map = graph.node("Add", &[&last, &one]);
    let map = graph.node("Div", &[&map, &two]);
    let bright = above(&mut graph, &last, 0.5);
    let fields = wide(&mut graph, &bright);
    let least = graph.node_with("ReduceMin", &[&last], &[("axes", &[2, 3])]);
    let lit = above(&mut graph, &least, -0.85);
    let fields = without(&mut graph, &fields, &lit);
    let map = without(&mut graph, &map, &fields);
    graph.output("map", &map, Kind::F32, &[OPEN, 1, OPEN, OPEN]);
    graph.bytes()
}

/// A text detector that takes everything bright for text but wide fields. `shift` is added to its map.
pub(crate) fn text_map(shift: f32) -> Vec<u8> {
    let mut graph = Graph::new();
    let input = graph.input("x", Kind::F32, &[OPEN, 3, OPEN, OPEN]);
    // -1 to 1 as it is fed: above 0.5 is bright.
    let grey = graph.node_with("ReduceMean", &[&input], &[("axes", &[1])]);
    let bright = above(&mut graph, &grey, 0.5);
    let fields = wide(&mut graph, &bright);
    let map = without(&mut graph, &bright, &fields);
    let shift = graph.scalar(Kind::F32, shift);
    let map = graph.node("Add", &[&map, &shift]);
    graph.output("map", &map, Kind::F32, &[OPEN, 1, OPEN, OPEN]);
    graph.bytes()
}

/// A `CenterFace` that takes every bright cell for a face of 32 by 24 samples (rows, columns), declared as the real one is: for
/// ten pictures of 32 by 32.
pub(crate) fn center_face() -> Vec<u8> {
    let mut graph = Graph::new();
    let input = graph.input("input.1", Kind::F32, &[10, 3, 32, 32]);
    let pooled = graph.node_with(
        "AveragePool",
        &[&input],
        &[("kernel_shape", &[4, 4]), ("strides", &[4, 4])],
    );
    let grey = graph.node_with("ReduceMean", &[&pooled], &[("axes", &[1])]);
    let full = graph.scalar(Kind::F32, 256.0);
    let heat = graph.node("Div", &[&grey, &full]);
    let zero = graph.scalar(Kind::F32, 0.0);
    let zeros = graph.node("Mul", &[&heat, &zero]);
    let map = |graph: &mut Graph, values: &[f32]| {
        let channels = i64::try_from(values.len()).unwrap();
        let values = graph.constant(Kind::F32, &[1, channels, 1, 1], values);
        graph.node("Add", &[&zeros, &values])
    };
    let size = map(&mut graph, &[8.0_f32.ln(), 6.0_f32.ln()]);
    let offset = map(&mut graph, &[0.0, 0.0]);
    let landmarks = map(&mut graph, &[0.5; 10]);
    graph.output("537", &heat, Kind::F32, &[10, 1, 8, 8]);
    graph.output("538", &size, Kind::F32, &[10, 2, 8, 8]);
    graph.output("539", &offset, Kind::F32, &[10, 2, 8, 8]);
    graph.output("540", &landmarks, Kind::F32, &[10, 10, 8, 8]);
    graph.bytes()
}
