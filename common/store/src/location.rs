//! Where a source, an output or a store is: a path or a URL, parsed once.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use url::Url;

use crate::error::StoreError;
use crate::settings::current;

/// Who keeps a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon S3, and every server that speaks as it does (`AWS_*`).
    S3,
    /// Google Cloud Storage (`GOOGLE_*`).
    Gcs,
    /// Azure Blob Storage (`AZURE_*`); its buckets are called containers.
    Azure,
}

impl Service {
    /// How its URLs begin, before `://`.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

/// A bucket, and a key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BucketOf<'a> {
    pub(crate) service: Service,
    pub(crate) name: &'a str,
    pub(crate) key: &'a str,
}

impl BucketOf<'_> {
    /// The bucket itself.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.service.scheme(), self.name)
    }
}

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
    /// The same at Google.
    Gcs {
        /// The bucket.
        bucket: String,
        /// The key, taken literally.
        key: String,
    },
    /// The same at Azure; the account is the environment's.
    Azure {
        /// The container.
        container: String,
        /// The key, taken literally.
        key: String,
    },
    /// What a web server has: for reading only.
    Web(Url),
}

impl Location {
    /// Takes what a person typed: a path, or a URL with `file://`, `s3://`, `gs://`, `az://` or `https://`.
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
            "s3" => in_bucket(rest, &bad, |bucket, key| Self::S3 { bucket, key }),
            "gs" => in_bucket(rest, &bad, |bucket, key| Self::Gcs { bucket, key }),
            "az" => in_bucket(rest, &bad, |container, key| Self::Azure { container, key }),
            "https" => web(text).map(Self::Web),
            "http" if current().web.plain_http => web(text).map(Self::Web),
            "http" => Err(StoreError::BadLocation {
                text: without_secrets(text),
                reason:
                    "http:// is open to everybody on the way; use https://, or allow it by the \
                         setting storage.plain_http"
                        .to_owned(),
            }),
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
            Self::Gcs { bucket, key } => format!("gs://{bucket}/{key}"),
            Self::Azure { container, key } => format!("az://{container}/{key}"),
            Self::Web(url) => url.to_string(),
        }
    }

    /// The place as a person would write it: a file by its path, else the URL, without the query of a web server's,
    /// which may be a key.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::S3 { .. } | Self::Gcs { .. } | Self::Azure { .. } => self.url(),
            Self::Web(url) => without_secrets(url.as_str()),
        }
    }

    /// The bucket and the key, where it is in one.
    pub(crate) fn bucket(&self) -> Option<BucketOf<'_>> {
        let (service, name, key) = match self {
            Self::S3 { bucket, key } => (Service::S3, bucket, key),
            Self::Gcs { bucket, key } => (Service::Gcs, bucket, key),
            Self::Azure { container, key } => (Service::Azure, container, key),
            Self::File(_) | Self::Web(_) => return None,
        };
        Some(BucketOf { service, name, key })
    }

    /// What a place that is no bucket is told where one is needed.
    pub(crate) fn is_no_bucket(&self) -> StoreError {
        let reason = match self {
            Self::Web(_) => "a web server is for reading only; name a folder or a bucket",
            Self::File(_) | Self::S3 { .. } | Self::Gcs { .. } | Self::Azure { .. } => {
                "it is no bucket"
            }
        };
        StoreError::BadLocation { text: self.shown(), reason: reason.to_owned() }
    }

    /// The last part of the path, such as `movie.mkv`: its ending hints at the container. Empty
    /// where there is none.
    #[must_use]
    pub fn name_hint(&self) -> &str {
        match self {
            Self::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            Self::S3 { key, .. } | Self::Gcs { key, .. } | Self::Azure { key, .. } => {
                key.rsplit('/').next().unwrap_or_default()
            }
            Self::Web(url) => url.path().rsplit('/').next().unwrap_or_default(),
        }
    }

    /// The path, where it is a file of this machine.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::S3 { .. } | Self::Gcs { .. } | Self::Azure { .. } | Self::Web(_) => None,
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

fn in_bucket(
    rest: &str,
    bad: &dyn Fn(&str) -> StoreError,
    of: impl FnOnce(String, String) -> Location,
) -> Result<Location, StoreError> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(bad("the bucket is missing (s3://bucket/key)"));
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if !bucket.bytes().all(good) {
        return Err(bad("a bucket has letters, digits, dots and dashes"));
    }
    Ok(of(bucket.to_owned(), key.to_owned()))
}

/// A web server's URL, in its one spelling.
fn web(text: &str) -> Result<Url, StoreError> {
    let bad = |reason: &str| StoreError::BadLocation {
        text: without_secrets(text),
        reason: reason.to_owned(),
    };
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("a name or a password in a URL would be shown and kept; use a signed URL"));
    }
    if url.fragment().is_some() {
        return Err(bad("what comes after # is never sent; leave it out, or write %23"));
    }
    Ok(url)
}

/// A place as a job keeps it, for people, logs and other programs: of a web server's URL the query stays away, which
/// may be a signature.
#[must_use]
pub fn shown_place(place: &str) -> String {
    let is_web = place.starts_with("https://") || place.starts_with("http://");
    if is_web { without_secrets(place) } else { place.to_owned() }
}

/// A URL without what may be a password or a signature.
fn without_secrets(text: &str) -> String {
    let (before, query) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    let (scheme, rest) = before.split_once("://").unwrap_or(("", before));
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit('@').next().unwrap_or(host);
    let query = if query.is_empty() { "" } else { "?..." };
    format!("{scheme}://{host}{path}{query}")
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
        let web =
            ["https://", "https://h/a#b", "https://me@h/a", "https://me:hush@h/a", "http://h/a"];
        let others =
            ["", "s3://", "s3:///key", "s3://bad bucket/key", "gs://", "az:///k", "file://host/x"];
        for text in others.into_iter().chain(web).chain(["a\0b"]) {
            assert!(
                matches!(Location::parse(text), Err(StoreError::BadLocation { .. })),
                "{text:?} must be refused"
            );
        }
    }

    #[test]
    fn buckets_of_all_services_come_back_as_they_were_written() {
        for text in ["s3://b/k/a.mp4", "gs://b/k/a b%20.mp4", "az://c/k/a#1.mp4"] {
            let location = Location::parse(text).unwrap();
            assert_eq!((location.url(), location.shown()), (text.to_owned(), text.to_owned()));
            assert!(location.bucket().is_some_and(|bucket| text.starts_with(&bucket.url())));
        }
    }

    #[test]
    fn what_may_be_a_key_in_a_url_is_kept_and_not_shown() {
        let text = "https://media.example/films/a%20b.mp4?Signature=hush";
        let location = Location::parse(text).unwrap();
        assert_eq!(location.url(), text);
        assert_eq!(location.shown(), "https://media.example/films/a%20b.mp4?...");
        assert_eq!(location.name_hint(), "a%20b.mp4");
        let error = Location::parse("https://me:hush@h/a?Signature=hush").unwrap_err().to_string();
        assert!(!error.contains("hush") && error.contains("https://h/a?..."), "{error}");
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
