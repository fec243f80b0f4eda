//! What a job of the endpoint asks for: its input, checked.
//!
//! Owns the keys. Refuses unknown ones by name, and coordinators that the settings do not allow: whoever may post jobs
//! is not to send a worker and its join token wherever they like.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::told::Trouble;
use crate::client;

/// The longest span that may be asked for: a day.
const SECONDS_MAX: u64 = 86_400;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Where the coordinator is; several are divided by commas.
    pub(super) coordinator: String,
    /// It ends when it had nothing to do for so long.
    pub(super) idle_exit: Duration,
    /// It ends after so long, whatever there is to do.
    pub(super) longest: Option<Duration>,
}

/// What holds where the input says nothing, and what it may say.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    /// The coordinator of the settings.
    pub(super) coordinator: Option<String>,
    /// Others that may be named.
    pub(super) others: Vec<String>,
    /// When a worker is idle for long enough.
    pub(super) idle_exit: Duration,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Input {
    coordinator: Option<Value>,
    idle_exit_seconds: Option<Value>,
    max_seconds: Option<Value>,
}

impl Allowed {
    /// Every address that a worker may be sent to.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        let own = self.coordinator.as_deref().into_iter().flat_map(client::split);
        own.chain(self.others.iter().map(String::as_str))
    }

    /// Reads the input of a job.
    ///
    /// # Errors
    /// [`Trouble::Input`] names what is wrong, [`Trouble::NotAllowed`] a coordinator that may not be named.
    pub(super) fn read(&self, input: &Value) -> Result<Asked, Trouble> {
        let input: Option<Input> = Option::deserialize(input)
            .map_err(|error: serde_json::Error| Trouble::Input(error.to_string()))?;
        let Input { coordinator, idle_exit_seconds, max_seconds } = input.unwrap_or_default();
        let coordinator = match coordinator {
            Some(named) => self.named(
                named
                    .as_str()
                    .ok_or_else(|| Trouble::Input("`coordinator` must be a text".to_owned()))?,
            )?,
            None => self.coordinator.clone().ok_or_else(|| {
                Trouble::Input("it names no coordinator, and neither do the settings".to_owned())
            })?,
        };
        let idle_exit = span("idle_exit_seconds", idle_exit_seconds)?;
        Ok(Asked {
            coordinator,
            idle_exit: idle_exit.unwrap_or(self.idle_exit),
            longest: span("max_seconds", max_seconds)?,
        })
    }

    /// A coordinator that an input names, or several, as the settings have them.
    fn named(&self, named: &str) -> Result<String, Trouble> {
        let known = |url: &str| self.all().find(|known| plain(known) == plain(url));
        let urls: Option<Vec<&str>> = client::split(named).map(known).collect();
        match urls {
            Some(urls) if !urls.is_empty() => Ok(urls.join(",")),
            Some(_) | None => Err(Trouble::NotAllowed),
        }
    }
}

/// The same address, however it was typed.
fn plain(url: &str) -> String {
    url.trim().trim_end_matches('/').to_ascii_lowercase()
}

fn span(key: &str, seconds: Option<Value>) -> Result<Option<Duration>, Trouble> {
    let Some(seconds) = seconds else { return Ok(None) };
    let seconds = seconds.as_u64().filter(|seconds| (1..=SECONDS_MAX).contains(seconds));
    let wrong = || format!("`{key}` must be a whole number of seconds, 1 to {SECONDS_MAX}");
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(|| Trouble::Input(wrong()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allowed() -> Allowed {
        Allowed {
            coordinator: Some("https://a:7700,https://b:7700".to_owned()),
            others: vec!["https://c:7700".to_owned()],
            idle_exit: Duration::from_secs(120),
        }
    }

    #[test]
    fn what_is_not_said_is_as_the_settings_have_it() {
        let usual = Asked {
            coordinator: "https://a:7700,https://b:7700".to_owned(),
            idle_exit: Duration::from_secs(120),
            longest: None,
        };
        assert_eq!(allowed().read(&json!({})), Ok(usual.clone()));
        assert_eq!(allowed().read(&Value::Null), Ok(usual.clone()));
        let asked = allowed().read(&json!({"idle_exit_seconds": 5, "max_seconds": 60}));
        let longest = Some(Duration::from_secs(60));
        assert_eq!(asked, Ok(Asked { idle_exit: Duration::from_secs(5), longest, ..usual }));
    }

    #[test]
    fn only_a_coordinator_that_the_settings_know_may_be_named() {
        let named = |url: &str| allowed().read(&json!({"coordinator": url}));
        for (typed, meant) in [
            ("https://c:7700", "https://c:7700"),
            ("https://C:7700/", "https://c:7700"),
            ("https://b:7700, https://c:7700", "https://b:7700,https://c:7700"),
        ] {
            assert_eq!(named(typed).unwrap().coordinator, meant);
        }
        for typed in ["https://d:7700", "http://a:7700", "https://a:7700,https://d:7700", "", ","] {
            assert_eq!(named(typed), Err(Trouble::NotAllowed), "{typed}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        let said = |input| allowed().read(&input).unwrap_err().to_string();
        assert!(said(json!({"prompt": "x"})).contains("`prompt`"));
        assert!(said(json!({"join_token": "hush"})).contains("`join_token`"));
        assert!(!said(json!({"join_token": "hush"})).contains("hush"));
        assert!(said(json!({"idle_exit_seconds": 0})).contains("`idle_exit_seconds` must"));
        assert!(said(json!({"max_seconds": "soon"})).contains("`max_seconds` must"));
        assert!(said(json!({"coordinator": 5})).contains("`coordinator` must"));
        assert!(said(json!({"max_seconds": 86_401})).contains("86400"));
        allowed().read(&json!("x")).unwrap_err();
        let nowhere = Allowed { coordinator: None, ..allowed() };
        assert!(nowhere.read(&json!({})).unwrap_err().to_string().contains("no coordinator"));
    }
}
