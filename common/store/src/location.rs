//! Where a source, an output or a store is: a path or a URL, parsed once.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use url::Url;

use crate::error::StoreError;

/// A place that bytes are read from or written to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A file or folder of this machine, by its absolute path.
    File(PathBuf),
    /// An object or a prefix in a bucket, reached by the ecosystem's settings (`AWS_*`).
    S3 {
        /// The bucket.
        bucket: String,
        /// The key, taken literally (no percent decoding); empty for the bucket itself.
        key: String,
    },
}

impl Location {
    /// Takes what a person typed: a path, or a URL with `file://` or `s3://`.
    ///
    /// # Errors
    /// [`StoreError::UnknownScheme`] and [`StoreError::BadLocation`]; the place itself is not
    /// looked at.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let bad = |reason: &str| StoreError::BadLocation {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text.contains('\0') {
            return Err(bad("it contains a nul byte"));
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme))
        else {
            return match std::path::absolute(text) {
                Ok(path) => Ok(Self::File(path)),
                Err(error) => Err(bad(&error.to_string())),
            };
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
                match url.to_file_path() {
                    Ok(path) => Ok(Self::File(path)),
                    Err(()) => Err(bad("a file:// URL here has no host and an absolute path")),
                }
            }
            "s3" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(bad("the bucket is missing (s3://bucket/key)"));
                }
                let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
                if !bucket.bytes().all(good) {
                    return Err(bad("a bucket has letters, digits, dots and dashes"));
                }
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            _ => {
                Err(StoreError::UnknownScheme { text: text.to_owned(), scheme: scheme.to_owned() })
            }
        }
    }

    /// The place as a URL; [`Location::parse`] takes it back.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::File(path) => {
                Url::from_file_path(path).map_or_else(|()| path.display().to_string(), String::from)
            }
            Self::S3 { bucket, key } => format!("s3://{bucket}/{key}"),
        }
    }

    /// The place as a person would write it: a file by its path, else the URL.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::S3 { .. } => self.url(),
        }
    }

    /// The last part of the path, such as `movie.mkv`: its ending hints at the container. Empty
    /// where there is none.
    #[must_use]
    pub fn name_hint(&self) -> &str {
        match self {
            Self::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            Self::S3 { key, .. } => key.rsplit('/').next().unwrap_or_default(),
        }
    }

    /// The path, where it is a file of this machine.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::S3 { .. } => None,
        }
    }

    /// Whether both are the same object, also by other names (links, `..`). Looks at the disk;
    /// a file that is not there is the same as nothing.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let (Some(one), Some(two)) = (self.path(), other.path()) else { return false };
        match (std::fs::metadata(one), std::fs::metadata(two)) {
            (Ok(one), Ok(two)) => one.dev() == two.dev() && one.ino() == two.ino(),
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.shown())
    }
}

/// Whether the text before `://` is a URL's scheme rather than the beginning of an odd path.
fn is_scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_becomes_absolute() {
        let here = std::env::current_dir().unwrap();
        let location = Location::parse("clip.mp4").unwrap();
        assert_eq!(location, Location::File(here.join("clip.mp4")));
        assert_eq!(location.name_hint(), "clip.mp4");
    }

    #[test]
    fn a_url_of_a_path_comes_back_whatever_its_name_is() {
        for path in ["/a b/ü#1?.mkv", "/100%25.mp4", "/x://y.mp4", "/a+b&c.mp4"] {
            let location = Location::File(PathBuf::from(path));
            assert_eq!(Location::parse(&location.url()).unwrap(), location, "{path}");
        }
    }

    #[test]
    fn a_key_is_taken_literally() {
        let location = Location::parse("s3://my-bucket/in/a b%20#1.mkv").unwrap();
        assert_eq!(
            location,
            Location::S3 { bucket: "my-bucket".to_owned(), key: "in/a b%20#1.mkv".to_owned() }
        );
        assert_eq!(location.name_hint(), "a b%20#1.mkv");
        assert_eq!(Location::parse(&location.url()).unwrap(), location);
    }

    #[test]
    fn an_unknown_scheme_is_told_the_known_ones() {
        let error = Location::parse("ftp://host/a.mp4").unwrap_err();
        assert!(matches!(error, StoreError::UnknownScheme { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("ftp://") && text.contains("s3://") && text.contains("file://"));
    }

    #[test]
    fn places_that_are_none_are_refused() {
        for text in ["", "s3://", "s3:///key", "s3://bad bucket/key", "file://host/x", "a\0b"] {
            assert!(
                matches!(Location::parse(text), Err(StoreError::BadLocation { .. })),
                "{text:?} must be refused"
            );
        }
    }

    #[test]
    fn a_file_is_the_same_by_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, b"x").unwrap();
        std::os::unix::fs::symlink(&one, &two).unwrap();
        let (one, two) = (Location::File(one), Location::File(two));
        assert!(one.is_same(&two) && two.is_same(&one));
        let three = Location::File(folder.path().join("three"));
        assert!(!one.is_same(&three));
        std::fs::hard_link(one.path().unwrap(), three.path().unwrap()).unwrap();
        assert!(one.is_same(&three));
    }
}
