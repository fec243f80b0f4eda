//! What `make bench-quality` is made of: pictures, overlays whose truth is known to the last sample, and
//! the measures inside of their masks. How they are used is in `src/bin/bench_quality.rs`.

pub mod blend;
pub mod canvas;
pub mod glyphs;
pub mod measure;
pub mod overlays;
pub mod picture;
pub mod ssim;
