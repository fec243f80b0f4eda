//! Planning: from a source's description and frame table to cells, windows, plan and encode spec.

pub mod audit;
pub mod cells;
pub mod copying;
pub mod cutting;
pub mod encoder;
pub mod given;
pub mod looks;
pub mod painter;
pub mod settle;
pub mod survey;
pub mod windows;
