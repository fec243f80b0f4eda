//! Which places an owner's jobs may be read from and written to.
//!
//! Owns the lists and the check, on the URL that a job keeps and that everybody reads, never on what was typed. A place
//! is held by a list by whole parts of its path (`s3://bucket/in` holds `in/a` and not `inner/a`). Refuses, whatever
//! the lists say, what two readers might take for two places: `.` and `..` as parts in any spelling, empty parts,
//! backslashes, control characters, users, ports.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::address::{AddressError, https_host, https_host_by};
use crate::error::StoreError;
use crate::location::{Location, Service, shown_place};
use crate::settings::WebSettings;

/// All lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// There are none: every place may be used by everybody.
    Any,
    /// These.
    Listed {
        /// For owners without an entry.
        usual: Lists,
        /// By owner.
        owners: BTreeMap<String, Lists>,
        /// Where nothing is read or written whatever the lists say: the farm's own store.
        never: Vec<Place>,
    },
}

/// What one owner may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// What its jobs may read.
    pub sources: Vec<Place>,
    /// Where they may write.
    pub destinations: Vec<Place>,
}

/// A place with all below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// All there are (`*`).
    All,
    /// A folder or a file.
    Folder(PathBuf),
    /// A prefix of a bucket.
    Bucket {
        /// `s3`, `gs` or `az`.
        scheme: String,
        /// The bucket.
        bucket: String,
        /// The first parts of the key.
        parts: Vec<String>,
    },
    /// A prefix of a host.
    Host {
        /// Its name.
        host: String,
        /// The first parts of the path.
        parts: Vec<String>,
    },
}

/// What a place is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To be read.
    Source,
    /// To be written.
    Destination,
}

/// Why a place may not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It is in no list.
    #[error(
        "{} may not be {} for {}: no entry of `{}` in the coordinator's settings holds it (docs/access.md)",
        .url, .used.verb(), shown_owner(.owner), .key
    )]
    NotListed {
        /// The place.
        url: String,
        /// What it was to be used for.
        used: Use,
        /// For whom.
        owner: String,
        /// The setting that was looked at.
        key: String,
    },
    /// It is the farm's own.
    #[error("{url} is in the coordinator's own store, which no job reads or writes")]
    Own {
        /// The place.
        url: String,
    },
    /// It could be taken for another one.
    #[error("`{shown}` is not written as a place is: {why}")]
    Odd {
        /// What may be shown of it.
        shown: String,
        /// What is odd.
        why: &'static str,
    },
    /// It leads into an inner network.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl Use {
    const fn verb(self) -> &'static str {
        match self {
            Self::Source => "read",
            Self::Destination => "written",
        }
    }

    /// The setting that has the list of an owner, who may have one of its own.
    fn key(self, owner: &str, has_own: bool) -> String {
        let list = match self {
            Self::Source => "sources",
            Self::Destination => "destinations",
        };
        if has_own { format!("access.owners.{owner}.{list}") } else { format!("access.{list}") }
    }
}

fn shown_owner(owner: &str) -> String {
    if owner.is_empty() { "a job without an owner".to_owned() } else { format!("`{owner}`") }
}

impl Places {
    /// Whether a job of `owner` may use `url`, which is what the job keeps.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn check(&self, owner: &str, used: Use, url: &str) -> Result<(), PlaceError> {
        let Self::Listed { usual, owners, never } = self else { return Ok(()) };
        let asked = Asked::parse(url)?;
        if let Asked::Host { url, .. } = &asked {
            https_host(url)?;
        }
        let lists = owners.get(owner).unwrap_or(usual);
        let list = match used {
            Use::Source => &lists.sources,
            Use::Destination => &lists.destinations,
        };
        if never.iter().any(|place| place.holds(&asked)) {
            return Err(PlaceError::Own { url: shown_place(url) });
        }
        if list.iter().any(|place| place.holds(&asked)) {
            return Ok(());
        }
        let key = used.key(owner, owners.contains_key(owner));
        let (url, owner) = (shown_place(url), owner.to_owned());
        Err(PlaceError::NotListed { url, used, owner, key })
    }

    /// The same, where the place is a file of this machine also by its real path: a link in a folder that is listed
    /// may lead out of it.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn check_here(&self, owner: &str, used: Use, url: &str) -> Result<(), PlaceError> {
        self.check(owner, used, url)?;
        let Self::Listed { .. } = self else { return Ok(()) };
        let Ok(Location::File(path)) = Location::parse(url) else { return Ok(()) };
        let real = Location::File(real(&path)).url();
        let real_places = self.with_real_folders();
        real_places.check(owner, used, &real).map_err(|error| match error {
            // What was asked for is told, not where it leads.
            PlaceError::NotListed { used, owner, key, .. } => {
                PlaceError::NotListed { url: url.to_owned(), used, owner, key }
            }
            PlaceError::Own { .. } => PlaceError::Own { url: url.to_owned() },
            odd @ (PlaceError::Odd { .. } | PlaceError::Address(_)) => odd,
        })
    }

    /// With the folders as they really are: a list may name one by a link.
    fn with_real_folders(&self) -> Self {
        let Self::Listed { usual, owners, never } = self else { return self.clone() };
        let lists = |lists: &Lists| Lists {
            sources: lists.sources.iter().map(Place::real).collect(),
            destinations: lists.destinations.iter().map(Place::real).collect(),
        };
        Self::Listed {
            usual: lists(usual),
            owners: owners.iter().map(|(owner, list)| (owner.clone(), lists(list))).collect(),
            never: never.iter().map(Place::real).collect(),
        }
    }

    /// With another place that nobody uses.
    #[must_use]
    pub fn but_never(self, place: Place) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Listed { usual, owners, mut never } => {
                never.push(place);
                Self::Listed { usual, owners, never }
            }
        }
    }
}

/// The real path of a file, links followed: of one that is not there, of the nearest folder that is. Where links have no
/// end it is the root, which no list holds but one that holds all.
fn real(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match followed(&path) {
            Ok(real) => return real,
            Err(next) => path = next,
        }
    }
    PathBuf::from("/")
}

/// Bytes of a place at most, as URLs are written: three for each byte of the longest path of the system.
pub const PLACE_BYTES_MAX: usize = 3 * 4096;

/// Links that are followed one after the other; the system follows as many.
const LINKS_MAX: usize = 40;

/// The real path, or as an error that with one link more followed: one that leads to nothing might lead somewhere when
/// it is written to.
fn followed(path: &Path) -> Result<PathBuf, PathBuf> {
    for above in path.ancestors() {
        let rest = path.strip_prefix(above).unwrap_or_else(|_outside| Path::new(""));
        let with_rest = |folder: PathBuf| {
            if rest.as_os_str().is_empty() { folder } else { folder.join(rest) }
        };
        if let Ok(real) = std::fs::canonicalize(above) {
            return Ok(with_rest(real));
        }
        if let Ok(target) = std::fs::read_link(above) {
            let folder = above.parent().unwrap_or_else(|| Path::new("/"));
            return Err(with_rest(folder.join(target)));
        }
    }
    Ok(path.to_owned())
}

/// A place as it is asked for, taken apart.
enum Asked {
    Folder(PathBuf),
    Bucket { scheme: String, bucket: String, parts: Vec<String> },
    Host { host: String, parts: Vec<String>, url: Url },
}

impl Asked {
    fn parse(text: &str) -> Result<Self, PlaceError> {
        let odd = |why| PlaceError::Odd { shown: shown(text), why };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(odd("it is no URL"));
        };
        if text.len() > PLACE_BYTES_MAX {
            return Err(odd("it is longer than a path or a key can be"));
        }
        match scheme {
            "file" => {
                let Ok(Location::File(path)) = Location::parse(text) else {
                    return Err(odd("it is no file"));
                };
                if path.to_str().is_some_and(|path| path.chars().any(char::is_control)) {
                    return Err(odd("it has control characters in it"));
                }
                folder(&path).ok_or_else(|| odd("its path has `.` or `..` in it, or is not whole"))
            }
            "s3" | "gs" | "az" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
                if bucket.is_empty() || bucket == "." || bucket == ".." || !bucket.bytes().all(good)
                {
                    return Err(odd("it has no bucket"));
                }
                let (scheme, bucket) = (scheme.to_owned(), bucket.to_owned());
                Ok(Self::Bucket { scheme, bucket, parts: parts(key).map_err(odd)? })
            }
            // Parsers of URLs take a backslash for a slash, and leave control characters out.
            "https" if text.contains('\\') || text.chars().any(char::is_control) => {
                Err(odd("it has a backslash or control characters in it"))
            }
            "https" => {
                let url = Url::parse(text).map_err(|_bad| odd("it is no URL"))?;
                // What follows the host as it was written: a parser has taken `..` away already.
                let written =
                    rest.split(['/', '?', '#']).next().map_or(rest, |host| &rest[host.len()..]);
                let path = written.split(['?', '#']).next().unwrap_or_default();
                let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
                let host = host.trim_end_matches('.').to_owned();
                let parts = parts(path.trim_start_matches('/')).map_err(odd)?;
                Ok(Self::Host { host, parts, url })
            }
            _ => Err(odd("its scheme is none of file, s3, gs, az and https, which lists can hold")),
        }
    }
}

fn folder(path: &Path) -> Option<Asked> {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    (path.is_absolute() && path.components().all(is_plain)).then(|| Asked::Folder(path.to_owned()))
}

/// The parts of a key or a path, where none of them could be taken for another.
fn parts(key: &str) -> Result<Vec<String>, &'static str> {
    if key.is_empty() {
        return Ok(Vec::new());
    }
    if key.contains('\\') {
        return Err("it has a backslash in it");
    }
    if key.chars().any(char::is_control) {
        return Err("it has control characters in it");
    }
    // A closing slash names the same prefix.
    let parts = key.strip_suffix('/').unwrap_or(key).split('/');
    let parts = parts.map(|part| {
        let plain = decoded(part);
        match plain.as_str() {
            "" => Err("a part of its path is empty"),
            "." | ".." => Err("a part of its path is `.` or `..`"),
            _ if plain.contains(['/', '\\']) || plain.chars().any(char::is_control) => {
                Err("it hides a slash or a control character")
            }
            _ => Ok(part.to_owned()),
        }
    });
    parts.collect()
}

/// A part with its percent signs undone as often as there are any: whoever reads it may undo them once more.
fn decoded(part: &str) -> String {
    let mut text = part.to_owned();
    for _ in 0..DECODINGS_MAX {
        let once = decoded_once(&text);
        if once == text {
            break;
        }
        text = once;
    }
    text
}

/// A part is at most so often encoded; what is still encoded then is no dot and no slash.
const DECODINGS_MAX: usize = 8;

fn decoded_once(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let code = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                plain.push(code);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// What may be shown of a text that is no place: nothing where it may hold a password.
fn shown(text: &str) -> String {
    if text.contains('@') {
        return "(not shown)".to_owned();
    }
    let clean = |letter: char| if letter.is_control() { '?' } else { letter };
    shown_place(text).chars().take(200).map(clean).collect()
}

impl Place {
    /// Takes an entry of a list: `*`, an absolute path, or a URL with `file`, `s3`, `gs`, `az` or `https`.
    ///
    /// It is asked for while settings are read, so those that it goes by are given: `web`.
    ///
    /// # Errors
    /// [`PlaceError::Odd`].
    pub fn parse(text: &str, web: &WebSettings) -> Result<Self, PlaceError> {
        let odd = |why| Err(PlaceError::Odd { shown: shown(text), why });
        if text == "*" {
            return Ok(Self::All);
        }
        if text.starts_with('/') {
            return match folder(Path::new(text)) {
                Some(Asked::Folder(path)) => Ok(Self::Folder(path)),
                Some(Asked::Bucket { .. } | Asked::Host { .. }) | None => {
                    odd("its path has `.` or `..` in it")
                }
            };
        }
        match Asked::parse(text)? {
            Asked::Folder(path) => Ok(Self::Folder(path)),
            Asked::Bucket { scheme, bucket, parts } => Ok(Self::Bucket { scheme, bucket, parts }),
            Asked::Host { host, .. } if host.is_empty() => odd("it has no host"),
            Asked::Host { host, parts, url } => {
                https_host_by(web, &url)?;
                Ok(Self::Host { host, parts })
            }
        }
    }

    /// The place of a store.
    ///
    /// # Errors
    /// [`StoreError`] where it is none.
    pub fn of_store(url: &str) -> Result<Self, StoreError> {
        let bucket = |service: Service, bucket, key: String| {
            let parts = key.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
            Self::Bucket { scheme: service.scheme().to_owned(), bucket, parts: parts.collect() }
        };
        Ok(match Location::parse(url)? {
            Location::File(path) => Self::Folder(path),
            Location::S3 { bucket: name, key } => bucket(Service::S3, name, key),
            Location::Gcs { bucket: name, key } => bucket(Service::Gcs, name, key),
            Location::Azure { container, key } => bucket(Service::Azure, container, key),
            Location::Web(url) => {
                let (text, reason) = (url.to_string(), "a web server is no store".to_owned());
                return Err(StoreError::BadLocation { text, reason });
            }
        })
    }

    fn real(&self) -> Self {
        match self {
            Self::Folder(path) => Self::Folder(real(path)),
            Self::All | Self::Bucket { .. } | Self::Host { .. } => self.clone(),
        }
    }

    fn holds(&self, asked: &Asked) -> bool {
        match (self, asked) {
            (Self::All, _) => true,
            (Self::Folder(folder), Asked::Folder(path)) => path.starts_with(folder),
            (
                Self::Bucket { scheme, bucket, parts },
                Asked::Bucket { scheme: of, bucket: in_bucket, parts: key },
            ) => scheme == of && bucket == in_bucket && key.starts_with(parts),
            (Self::Host { host, parts }, Asked::Host { host: of, parts: path, .. }) => {
                host == of && path.starts_with(parts)
            }
            (Self::Folder(_) | Self::Bucket { .. } | Self::Host { .. }, _) => false,
        }
    }
}

#[cfg(test)]
mod tests;
