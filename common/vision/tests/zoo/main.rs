//! The zoo: small models of every contract, and of every way in which a file is wrong. Each is identified and
//! sees what is known beforehand, or is refused with one line that says why; none is read wrongly in silence.
//!
//! ONNX Runtime is taken from where `make setup-models` puts it; where there is none, the tests say so.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "values and sizes of fixtures are small"
)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of it is tests")]

mod detectors;
mod filled;
mod fillers;
mod identified;
mod machine;
mod onnx;
mod places;
mod real;
mod refused;
