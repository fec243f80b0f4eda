//! Inpainting models of the zoo: they fill a hole with the mean of what is around it, or do something that a
//! model must not.

use super::onnx::{Graph, Kind, OPEN};

/// Side of the pictures of those with a fixed size.
pub(crate) const SIDE: i64 = 64;

/// What a fixture does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// Fills the hole.
    Fill,
    /// Gives back what the mask hides.
    Ignore,
    /// Gives black.
    Black,
    /// Gives values that are no numbers.
    NotANumber,
    /// The same, but only where what is around the hole is darker than anything that it is tried with.
    NotANumberInTheDark,
    /// Fills the hole but for black bars.
    Bars,
    /// The same, but only where what is around the hole is brighter than anything that it is tried with.
    BarsInTheLight,
}

/// How a fixture is fed and read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filler {
    /// Type of all ports.
    pub(crate) kind: Kind,
    /// Whether picture and mask are one input.
    pub(crate) joined: bool,
    /// Whether the mask is the first input.
    pub(crate) mask_first: bool,
    /// Whether the high value of the mask marks the hole.
    pub(crate) high_is_hole: bool,
    /// Whether the result spans 0 to 255.
    pub(crate) gives_bytes: bool,
    /// Whether it takes any size.
    pub(crate) open: bool,
    /// What it does.
    pub(crate) does: Does,
}

/// `LaMa` as it circulates most.
pub(crate) const LAMA: Filler = Filler {
    kind: Kind::F32,
    joined: false,
    mask_first: false,
    high_is_hole: true,
    gives_bytes: true,
    open: false,
    does: Does::Fill,
};

/// MI-GAN.
pub(crate) const MIGAN: Filler = Filler { kind: Kind::U8, high_is_hole: false, open: true, ..LAMA };

impl Filler {
    /// The file.
    pub(crate) fn model(&self) -> Vec<u8> {
        let mut graph = Graph::new();
        let kind = if self.kind == Kind::U8 { Kind::F32 } else { self.kind };
        let side = if self.open { OPEN } else { SIDE };
        let (picture, mask) = self.inputs(&mut graph, side);
        let one = graph.scalar(kind, 1.0);
        let keep = if self.high_is_hole { graph.node("Sub", &[&one, &mask]) } else { mask };
        let hole = graph.node("Sub", &[&one, &keep]);
        let known = graph.node("Mul", &[&picture, &keep]);
        let mean = |graph: &mut Graph, value: &str| {
            graph.node_with("ReduceMean", &[value], &[("axes", &[2, 3])])
        };
        let (sum, count) = (mean(&mut graph, &known), mean(&mut graph, &keep));
        let colour = graph.node("Div", &[&sum, &count]);
        let filled = graph.node("Mul", &[&colour, &hole]);
        let filled = graph.node("Add", &[&known, &filled]);
        let zero = graph.scalar(kind, 0.0);
        let result = match self.does {
            Does::Fill => filled,
            Does::Ignore => picture,
            Does::Black => graph.node("Mul", &[&filled, &zero]),
            Does::NotANumberInTheDark => {
                let dark = graph.scalar(kind, 0.2);
                let above = graph.node("Sub", &[&colour, &dark]);
                let root = graph.node("Sqrt", &[&above]);
                let nothing = graph.node("Mul", &[&root, &zero]);
                graph.node("Add", &[&filled, &nothing])
            }
            Does::Bars | Does::BarsInTheLight => {
                let inside = self.bars(&mut graph, kind, &colour);
                let inside = graph.node("Mul", &[&inside, &hole]);
                graph.node("Add", &[&known, &inside])
            }
            Does::NotANumber => {
                let black = graph.node("Mul", &[&filled, &zero]);
                graph.node("Div", &[&black, &black])
            }
        };
        self.output(&mut graph, &result, side);
        graph.meta("license", "Apache-2.0");
        graph.bytes()
    }

    /// The colour, black in every eighth column: everywhere, or where it is bright.
    fn bars(&self, graph: &mut Graph, kind: Kind, colour: &str) -> String {
        let columns: Vec<f32> = (0..SIDE).map(|x| if x % 8 == 0 { 0.0 } else { 1.0 }).collect();
        let bars = graph.constant(kind, &[1, 1, 1, SIDE], &columns);
        if self.does == Does::Bars {
            return graph.node("Mul", &[colour, &bars]);
        }
        let (bright, steep) = (graph.scalar(kind, 0.7), graph.scalar(kind, 1000.0));
        let below = graph.node("Sub", &[&bright, colour]);
        let below = graph.node("Mul", &[&below, &steep]);
        let is_dark = graph.node("Sigmoid", &[&below]);
        let shown = graph.node("Max", &[&bars, &is_dark]);
        graph.node("Mul", &[colour, &shown])
    }

    /// Declares the inputs; picture and mask as floats of 0 to 1.
    fn inputs(&self, graph: &mut Graph, side: i64) -> (String, String) {
        if self.joined {
            let input = graph.input("input", self.kind, &[1, 4, side, side]);
            let cut = |graph: &mut Graph, from: f32, to: f32| {
                let from = graph.constant(Kind::I64, &[1], &[from]);
                let to = graph.constant(Kind::I64, &[1], &[to]);
                let axis = graph.constant(Kind::I64, &[1], &[1.0]);
                graph.node("Slice", &[&input, &from, &to, &axis])
            };
            return (cut(graph, 0.0, 3.0), cut(graph, 3.0, 4.0));
        }
        let picture = |graph: &mut Graph| graph.input("image", self.kind, &[1, 3, side, side]);
        let mask = |graph: &mut Graph| graph.input("mask", self.kind, &[1, 1, side, side]);
        let (picture, mask) = if self.mask_first {
            let mask = mask(graph);
            (picture(graph), mask)
        } else {
            let picture = picture(graph);
            (picture, mask(graph))
        };
        if self.kind != Kind::U8 {
            return (picture, mask);
        }
        let full = graph.scalar(Kind::F32, 255.0);
        let float = |graph: &mut Graph, value: &str| {
            let value = graph.node_with("Cast", &[value], &[("to", &[1])]);
            graph.node("Div", &[&value, &full])
        };
        (float(graph, &picture), float(graph, &mask))
    }

    fn output(&self, graph: &mut Graph, result: &str, side: i64) {
        let kind = if self.kind == Kind::U8 { Kind::F32 } else { self.kind };
        let scale = graph.scalar(kind, if self.gives_bytes { 255.0 } else { 1.0 });
        let result = graph.node("Mul", &[result, &scale]);
        let result = if self.kind == Kind::U8 {
            graph.node_with("Cast", &[&result], &[("to", &[2])])
        } else {
            result
        };
        graph.output("output", &result, self.kind, &[1, 3, side, side]);
    }
}
