//! How a coordinator that stands by says so, and where the one that leads is found: a status, and what reads it.

use tonic::Status;
use tonic::metadata::MetadataValue;

/// The key of the metadata of such a status: the leader's URL, or nothing where nobody leads.
pub const LEADER: &str = "cleanplate-leader";

/// A coordinator that does not lead was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandsBy {
    /// URL of the coordinator that leads, where one does and its address is `http://` or `https://`: no other is
    /// followed.
    pub leader: Option<String>,
}

/// What a coordinator that stands by answers to everything: UNAVAILABLE, with words that name the leader, and its URL
/// under [`LEADER`].
#[must_use]
pub fn stands_by(leader: Option<&str>) -> Status {
    let mut status = Status::unavailable(leader.map_or_else(
        || "this coordinator stands by, and none leads yet; ask again in some seconds".to_owned(),
        |url| format!("this coordinator stands by; the one that leads is at {url}"),
    ));
    // An address that no header can carry is in the words still.
    let value = leader.and_then(|url| MetadataValue::try_from(url).ok());
    let value = value.unwrap_or_else(|| MetadataValue::from_static(""));
    status.metadata_mut().insert(LEADER, value);
    status
}

impl StandsBy {
    /// What `status` says of it; nothing where another thing is the matter.
    #[must_use]
    pub fn of(status: &Status) -> Option<Self> {
        let value = status.metadata().get(LEADER)?;
        let is_web = |url: &&str| url.starts_with("http://") || url.starts_with("https://");
        let leader = value.to_str().ok().filter(is_web);
        Some(Self { leader: leader.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_by_names_the_leader_in_words_and_for_programs() {
        let status = stands_by(Some("http://other:7700"));
        assert_eq!(status.code(), tonic::Code::Unavailable);
        assert!(status.message().contains("http://other:7700"), "{status}");
        let leader = Some("http://other:7700".to_owned());
        assert_eq!(StandsBy::of(&status), Some(StandsBy { leader }));
        assert_eq!(StandsBy::of(&stands_by(None)), Some(StandsBy { leader: None }));
        assert_eq!(StandsBy::of(&Status::unavailable("gone")), None);
    }

    #[test]
    fn a_leader_behind_tls_is_followed() {
        let leader = Some("https://other:7700".to_owned());
        assert_eq!(StandsBy::of(&stands_by(leader.as_deref())), Some(StandsBy { leader }));
    }

    #[test]
    fn an_address_of_another_scheme_is_not_followed() {
        let status = stands_by(Some("file:///etc/passwd"));
        assert_eq!(StandsBy::of(&status), Some(StandsBy { leader: None }));
    }
}
