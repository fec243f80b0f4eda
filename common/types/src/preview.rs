//! What a person is shown before anything is encoded: a few files, small enough to be one object.

use serde::{Deserialize, Serialize};

/// A preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The files, in the order in which a person would look at them.
    pub files: Vec<PreviewFile>,
}

/// A file of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewFile {
    /// Its name, without any folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl PreviewFile {
    /// Whether the name is one that may be written into a folder: what comes from the store is not trusted.
    #[must_use]
    pub fn is_well_named(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !self.name.is_empty() && !self.name.starts_with('.') && self.name.bytes().all(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leaves_its_folder_is_not_one() {
        let is_good =
            |name: &str| PreviewFile { name: name.to_owned(), bytes: Vec::new() }.is_well_named();
        assert!(is_good("000120-before.png"));
        for name in ["", "..", "../x", "a/b", "/x", ".hidden", "a\\b", "a\0b"] {
            assert!(!is_good(name), "{name:?}");
        }
    }
}
