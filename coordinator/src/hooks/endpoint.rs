//! A place that is told: where it is, and whose jobs it hears of.
//!
//! Its address is shown as scheme and host only, with the beginning of its id: what comes after may be a secret.

use std::fmt;
use std::str::FromStr;

use cleanplate_types::digest::Sha;
use url::Url;

/// See the top of the file. As text `URL`, or `OWNER=URL` for the jobs of one owner.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    owner: Option<String>,
    url: Url,
}

/// Why a text is no [`Endpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address that is told is https://HOST/PATH or http://HOST/PATH, without a password, or OWNER= and such a one"
)]
pub struct BadEndpoint;

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let is_owner = |owner: &str| !owner.is_empty() && !owner.contains(':');
        let (owner, url) = match text.split_once('=') {
            Some((owner, url)) if is_owner(owner) => (Some(owner.to_owned()), url),
            _ => (None, text),
        };
        let url = Url::parse(url).map_err(|_unparsed| BadEndpoint)?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        let is_bare = url.username().is_empty() && url.password().is_none();
        if is_web && is_bare { Ok(Self { owner, url }) } else { Err(BadEndpoint) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id: String = self.id().chars().take(4).collect();
        write!(formatter, "{} ({id})", self.url.origin().ascii_serialization())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Endpoint({self})")
    }
}

impl Endpoint {
    /// Where it is.
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it hears of jobs of `owner`.
    pub(super) fn hears_of(&self, owner: &str) -> bool {
        self.owner.as_deref().is_none_or(|own| own == owner)
    }

    /// By what it is known in the store.
    pub(super) fn id(&self) -> String {
        let owner = self.owner.as_deref().unwrap_or_default();
        let Sha(sha) = Sha::of(format!("{owner}={}", self.url).as_bytes());
        sha.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_of_the_web_and_may_be_of_one_owner() {
        let all: Endpoint = "https://hooks.example/in?token=a=b".parse().unwrap();
        assert!(all.hears_of("alice") && all.hears_of(""));
        let hers: Endpoint = "alice=http://127.0.0.1:9/x?y=z".parse().unwrap();
        assert!(hers.hears_of("alice") && !hers.hears_of("bob"));
        assert_eq!(hers.url().as_str(), "http://127.0.0.1:9/x?y=z");
        assert_ne!(hers.id(), "bob=http://127.0.0.1:9/x?y=z".parse::<Endpoint>().unwrap().id());
        for wrong in [
            "",
            "hooks.example",
            "ftp://a/b",
            "https://u:p@a/",
            "https://u@a/",
            "alice=",
            "file:///x",
        ] {
            assert_eq!(wrong.parse::<Endpoint>(), Err(BadEndpoint), "{wrong}");
        }
    }

    #[test]
    fn what_comes_after_its_host_is_shown_nowhere() {
        let secret: Endpoint = "https://hooks.example:8443/services/hush?key=hush".parse().unwrap();
        let other: Endpoint = "https://hooks.example:8443/services/hush?key=other".parse().unwrap();
        assert_ne!(secret.to_string(), other.to_string(), "one is told from the other");
        assert!(secret.to_string().starts_with("https://hooks.example:8443 ("), "{secret}");
        assert!(!format!("{secret} {secret:?}").contains("hush"), "{secret}");
    }
}
