//! The file of tokens: who is known, by the hashes of their tokens.
//!
//! Owns its form and the search in it. Refuses the whole file where one entry makes no sense, since a typing error must
//! not make somebody mightier; shows keys and ids of what is wrong, never a value, which may be a token that somebody
//! put in the place of its hash.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cleanplate_types::digest::Sha;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::role::{Role, Roles};
use crate::token::{Token, is_id};

/// The largest file: some thousands of tokens.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// All that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    by_id: BTreeMap<String, Entry>,
}

/// One that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The token's id.
    pub id: String,
    /// The hash of all of its text.
    pub hash: Sha,
    /// What it is good for.
    pub grants: Grants,
    /// When it ends.
    pub not_after: Option<SystemTime>,
}

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grants {
    /// Calls of clients.
    Client {
        /// Which.
        roles: Roles,
        /// Whose jobs are its own.
        owner: Option<String>,
    },
    /// To be exchanged by workers for a credential.
    Join {
        /// With what their names begin; empty for all.
        workers: String,
    },
}

/// Why a file of tokens cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// It is no TOML, or has a key that is not known.
    #[error("line {line}: {message}")]
    Form {
        /// Which line.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// An entry that makes no sense.
    #[error("[[token]] number {number}: {what}")]
    Entry {
        /// Its place, from 1.
        number: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It is not in the file, or its secret is another; which of the two is not told.
    #[error(
        "the token is not known here, or not any more; ask whoever runs the coordinator for another"
    )]
    Unknown,
    /// It is over.
    #[error("the token `{id}` has ended; ask whoever runs the coordinator for another")]
    Over {
        /// Which.
        id: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    token: Vec<RawEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    id: String,
    sha256: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    workers: Option<String>,
    #[serde(default)]
    not_after: Option<String>,
}

impl Tokens {
    /// Takes the text of a file.
    ///
    /// # Errors
    /// [`TokensError`] tells what is wrong, and no value.
    pub fn parse(text: &str) -> Result<Self, TokensError> {
        let file: RawFile = toml::from_str(text).map_err(|error| form(text, &error))?;
        let mut by_id = BTreeMap::new();
        for (number, raw) in (1..).zip(file.token) {
            let wrong = |what| TokensError::Entry { number, what };
            let entry = entry(raw).map_err(wrong)?;
            if by_id.insert(entry.id.clone(), entry).is_some() {
                return Err(wrong("another entry has this id already"));
            }
        }
        Ok(Self { by_id })
    }

    /// The entry of a token that was sent.
    ///
    /// # Errors
    /// [`EntryError`], which is the same for an unknown id and a wrong secret.
    pub fn find(&self, token: &Token, now: SystemTime) -> Result<&Entry, EntryError> {
        let entry = self.by_id.get(token.id());
        // Compared in any case, and to the last byte: the time tells nothing of the secret.
        let nobody = Sha([0; 32]);
        let known = entry.map_or(&nobody, |entry| &entry.hash);
        let is_same: bool = known.0.ct_eq(&token.hash().0).into();
        let entry = entry.filter(|_| is_same).ok_or(EntryError::Unknown)?;
        if entry.not_after.is_some_and(|end| end <= now) {
            return Err(EntryError::Over { id: entry.id.clone() });
        }
        Ok(entry)
    }

    /// The entry of this id, while it lasts.
    #[must_use]
    pub fn standing(&self, id: &str, now: SystemTime) -> Option<&Entry> {
        self.by_id.get(id).filter(|entry| entry.not_after.is_none_or(|end| end > now))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_id.len()
    }
}

fn form(text: &str, error: &toml::de::Error) -> TokensError {
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
    // A message may quote a value; what it says of keys is worth having.
    let said = error.message();
    let of_keys = ["unknown field", "missing field", "duplicate key"];
    let message = if of_keys.iter().any(|it| said.starts_with(it)) {
        said.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    } else {
        "this is not what can stand here (see docs/access.md for the form)".to_owned()
    };
    TokensError::Form { line, message }
}

fn entry(raw: RawEntry) -> Result<Entry, &'static str> {
    let RawEntry { id, sha256, kind, roles, owner, workers, not_after } = raw;
    if !is_id(&id) {
        return Err("`id` is none: 1 to 32 lowercase letters, digits and dashes, no dash first");
    }
    let hash = sha(&sha256).ok_or("`sha256` must be 64 digits of lowercase hexadecimal")?;
    let not_after = not_after.map(|text| humantime::parse_rfc3339(&text)).transpose();
    let not_after = not_after
        .map_err(|_bad| "`not_after` must be a time in UTC such as \"2030-01-31T00:00:00Z\"")?;
    let grants = match kind.as_deref() {
        None | Some("client") => of_client(&roles, owner, workers.as_deref())?,
        Some("join") if roles.is_empty() && owner.is_none() => {
            Grants::Join { workers: workers.unwrap_or_default() }
        }
        Some("join") => return Err("a join token has neither `roles` nor `owner`"),
        Some(_) => return Err("`kind` is client or join"),
    };
    Ok(Entry { id, hash, grants, not_after })
}

fn of_client(
    roles: &[String],
    owner: Option<String>,
    workers: Option<&str>,
) -> Result<Grants, &'static str> {
    let roles: Option<Roles> = roles.iter().map(|word| Role::parse(word)).collect();
    let roles = roles.ok_or("`roles` are read, submit, operate and admin")?;
    if roles.is_empty() {
        return Err("`roles` is missing or empty");
    }
    if workers.is_some() {
        return Err("`workers` is for join tokens");
    }
    if owner.as_deref() == Some("") {
        return Err("`owner` is empty; leave it out where there is none");
    }
    if owner.is_none() && !roles.may(Role::Operate) {
        return Err("`owner` is missing: whose jobs may it read or submit?");
    }
    Ok(Grants::Client { roles, owner })
}

/// Takes a hash as it is written.
fn sha(text: &str) -> Option<Sha> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if text.len() != 64 || !text.as_bytes().iter().all(is_digit) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    Sha::from_slice(&bytes?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn file(token: &Token, rest: &str) -> String {
        format!("[[token]]\nid = \"{}\"\nsha256 = \"{}\"\n{rest}\n", token.id(), token.hash())
    }

    #[test]
    fn a_token_is_found_by_all_of_its_text_and_until_its_end() {
        let token = Token::fresh("alice").unwrap();
        let text = file(
            &token,
            "roles = [\"submit\", \"read\"]\nowner = \"alice\"\nnot_after = \"2030-01-31T00:00:00Z\"",
        );
        let tokens = Tokens::parse(&text).unwrap();
        let end = humantime::parse_rfc3339("2030-01-31T00:00:00Z").unwrap();
        let before = end - Duration::from_secs(1);
        let found = tokens.find(&token, before).unwrap();
        let Grants::Client { roles, owner } = &found.grants else { panic!("{found:?}") };
        assert!(roles.may(Role::Submit) && !roles.may(Role::Operate));
        assert_eq!(owner.as_deref(), Some("alice"));
        let over = EntryError::Over { id: "alice".to_owned() };
        assert_eq!(tokens.find(&token, end), Err(over));
        assert!(tokens.standing("alice", end).is_none());
        let other = Token::fresh("alice").unwrap();
        assert_eq!(tokens.find(&other, before), Err(EntryError::Unknown));
        let stranger = Token::fresh("bob").unwrap();
        assert_eq!(tokens.find(&stranger, before), Err(EntryError::Unknown), "the same words");
    }

    #[test]
    fn a_join_token_has_no_roles_and_a_client_has_some() {
        let token = Token::fresh("farm").unwrap();
        let join = Tokens::parse(&file(&token, "kind = \"join\"\nworkers = \"gpu-\"")).unwrap();
        let grants = &join.standing("farm", SystemTime::UNIX_EPOCH).unwrap().grants;
        assert_eq!(*grants, Grants::Join { workers: "gpu-".to_owned() });
        for wrong in [
            "",
            "kind = \"join\"\nroles = [\"admin\"]",
            "kind = \"root\"",
            "roles = []",
            "roles = [\"root\"]\nowner = \"a\"",
            "roles = [\"read\"]",
            "roles = [\"submit\"]\nowner = \"\"",
            "roles = [\"admin\"]\nworkers = \"x\"",
            "roles = [\"admin\"]\nnot_after = \"soon\"",
            "roles = [\"admin\"]\nrole = \"admin\"",
        ] {
            assert!(Tokens::parse(&file(&token, wrong)).is_err(), "{wrong}");
        }
        let twice = file(&token, "roles = [\"admin\"]").repeat(2);
        assert!(Tokens::parse(&twice).unwrap_err().to_string().contains("number 2"));
    }

    #[test]
    fn a_token_in_the_place_of_its_hash_is_refused_and_not_shown() {
        let token = Token::fresh("oops").unwrap();
        let secret = token.reveal().rsplit('_').next().unwrap();
        for text in [
            format!(
                "[[token]]\nid = \"oops\"\nsha256 = \"{}\"\nroles = [\"admin\"]",
                token.reveal()
            ),
            format!("[[token]]\nid = \"{}\"\nsha256 = \"\"\nroles = [\"admin\"]", token.reveal()),
            format!("[[token]]\nid = \"oops\"\nsha256 = \"{secret}",),
            format!("[[token]]\nid = \"oops\"\nsha256 = 1\nroles = \"{}\"", token.reveal()),
        ] {
            let said = Tokens::parse(&text).unwrap_err().to_string();
            assert!(!said.contains(secret), "{said}");
        }
    }

    proptest! {
        #[test]
        fn only_the_token_itself_is_found(other in "[a-f0-9]{64}", id in "[a-z]{1,8}") {
            let token = Token::fresh("real").unwrap();
            let tokens = Tokens::parse(&file(&token, "roles = [\"admin\"]")).unwrap();
            let now = SystemTime::UNIX_EPOCH;
            for text in [format!("cpt_real_{other}"), format!("cpt_{id}_{other}")] {
                let forged = Token::parse(&text).unwrap();
                prop_assert_eq!(tokens.find(&forged, now).is_ok(), forged == token);
            }
            prop_assert!(tokens.find(&token, now).is_ok());
        }

        #[test]
        fn no_file_ends_the_program(text in "\\PC{0,300}") {
            drop(Tokens::parse(&text));
            drop(Tokens::parse(&format!("[[token]]\n{text}")));
        }
    }
}
