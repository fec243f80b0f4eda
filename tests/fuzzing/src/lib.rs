//! What is tried with made-up bytes: one function a parser, for `cargo fuzz` (`fuzz/`) and for the harness on stable.
//!
//! Owns the list of targets. Each takes any bytes, and holds more than "no panic": what is accepted comes back the same.
//! Refuses libav and ONNX Runtime, which are C and belong into a child behind walls: `tests/tests/mutants.rs` tries those.

mod corpus;
mod index;
mod mutate;
mod planner;
#[path = "../../../cli/src/region.rs"]
mod region;
mod run;
mod wire;

pub use corpus::{Corpus, write_seeds};
pub use mutate::{Mutator, Random};
pub use run::{Done, Effort, run};

/// A parser that is tried.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes. Panics where it should not have done what it did.
    pub run: fn(&[u8]),
    /// How many inputs of the quickest targets cost what one of this costs: a table of a few bytes may speak of 2^25
    /// frames, which are then there.
    pub cost: u64,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target { name: "wire", run: wire::messages, cost: 1 },
    Target { name: "objects", run: wire::objects, cost: 100 },
    Target { name: "index", run: index::mp4, cost: 1 },
    Target { name: "packets", run: index::packets, cost: 1 },
    Target { name: "planner", run: planner::plan, cost: 1 },
    Target { name: "region", run: region_text, cost: 1 },
    Target { name: "url", run: url_text, cost: 1 },
    Target { name: "model", run: model, cost: 1 },
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Takes one input of the target `name`; for `cargo fuzz`.
///
/// # Panics
/// Where there is no such target, or it finds something.
pub fn try_one(name: &str, data: &[u8]) {
    (target(name).expect("the target exists").run)(data);
}

fn region_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(region) = region::parse(text) {
        let rect = region.rect;
        assert!(rect.width > 0 && rect.height > 0, "a region covers something");
        assert!(rect.x.checked_add(rect.width).is_some(), "a region ends somewhere");
        assert!(
            region.when.is_none_or(|span| span.from_nanos < span.to_nanos),
            "time goes forward"
        );
    }
}

fn url_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(location) = cleanplate_store::Location::parse(text) else { return };
    // A path may have `..` in it, its URL read again has none: that one stays as it is.
    let again = |url: &str| match cleanplate_store::Location::parse(url) {
        Ok(location) => location.url(),
        Err(error) => panic!("{text:?} became {url:?}, which is refused: {error}"),
    };
    let url = again(&location.url());
    assert_eq!(again(&url), url, "a URL is its own URL");
    assert!(!location.name_hint().contains('/'), "a name is no path");
}

fn model(data: &[u8]) {
    std::hint::black_box(cleanplate_vision::is_readable(data));
}
