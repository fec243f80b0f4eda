//! `cargo fuzz run wire`: see `tests/fuzzing`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cleanplate_fuzzing::try_one("wire", data));
