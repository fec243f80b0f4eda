//! What a web server's answer says of the file: its size, its version, and which bytes these are.

use std::ops::Range;

use bytes::Bytes;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED,
};

use crate::reading::SourceMeta;

/// How a version begins that is a time.
const TIME: &str = "last-modified ";

/// Bytes of one version.
pub(super) struct Answer {
    pub(super) meta: SourceMeta,
    pub(super) bytes: Bytes,
}

/// What a request asks for only if it still is so.
pub(super) enum Condition {
    /// The version's tag.
    Tag(HeaderValue),
    /// The time of its last change.
    Time(HeaderValue),
}

/// The condition by which a server holds to the version of `meta`. A weak tag is not one: servers must take it for
/// another version.
pub(super) fn condition_of(meta: &SourceMeta) -> Option<Condition> {
    let version = meta.version.as_deref()?;
    match version.strip_prefix(TIME) {
        Some(time) => HeaderValue::from_str(time).ok().map(Condition::Time),
        None if version.starts_with("W/") => None,
        None => HeaderValue::from_str(version).ok().map(Condition::Tag),
    }
}

/// What the headers say of a file of `bytes` bytes.
pub(super) fn meta_of(headers: &HeaderMap, bytes: u64) -> SourceMeta {
    let tag = text_of(headers, ETAG).map(str::to_owned);
    let time = || text_of(headers, LAST_MODIFIED).map(|time| format!("{TIME}{time}"));
    SourceMeta { bytes, version: tag.or_else(time) }
}

/// Whether a refused range says that there are no bytes at all.
pub(super) fn is_empty(headers: &HeaderMap) -> bool {
    text_of(headers, CONTENT_RANGE) == Some("bytes */0")
}

/// The file of which `headers` announce the bytes of `range`; else what they announce.
pub(super) fn part_of(headers: &HeaderMap, range: &Range<u64>) -> Result<SourceMeta, String> {
    if let Some(packed) = text_of(headers, CONTENT_ENCODING).filter(|it| *it != "identity") {
        return Err(format!("it sends them packed, by {packed}"));
    }
    let told = text_of(headers, CONTENT_RANGE).ok_or("it does not say which bytes it sends")?;
    let odd = || format!("it says `{told}`");
    let (unit, rest) = told.split_once(' ').ok_or_else(odd)?;
    let (place, size) = rest.split_once('/').ok_or_else(odd)?;
    let (first, last) = place.split_once('-').ok_or_else(odd)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_none| odd());
    let (first, last, size) = (number(first)?, number(last)?, number(size)?);
    let sent = first..last.saturating_add(1);
    if !unit.eq_ignore_ascii_case("bytes") || sent != *range || sent.end > size {
        return Err(odd());
    }
    Ok(meta_of(headers, size))
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
