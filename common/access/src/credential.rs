//! What a worker gets for a join token: a credential that says its name, its process and its end, and proves it.
//!
//! Owns form and proof (`cpw_TOKEN_WORKER_INSTANCE_END_MAC`). The key is derived from the hash of the join token, so
//! that every coordinator that knows the token knows the credential, whoever of them gave it, and none keeps a list.
//! What follows from that is told in `SECURITY.md`: who reads the file of tokens can make credentials of workers (and
//! none of clients), and who takes the token out of the file ends its credentials with it.

use std::time::{Duration, SystemTime};

use cleanplate_types::digest::Sha;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::entries::{Grants, Tokens};
use crate::token::is_id;

/// With what a credential begins.
pub const PREFIX: &str = "cpw_";

/// How long a credential lasts. A stream lives no longer than what it was opened with.
pub const CREDENTIAL_LIFE: Duration = Duration::from_secs(3600);

/// For what the key is used, and in which version of the form.
const INFO: &[u8] = b"cleanplate worker credential 1";

/// Clocks of coordinators may differ so much: an end that is further away than any that is given is none of ours.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// What a credential says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The id of the join token.
    pub token: String,
    /// The worker's name.
    pub worker: String,
    /// Its process.
    pub instance: u64,
    /// Its end, in seconds since 1970.
    pub until_s: u64,
}

/// Why a credential is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// It is none, or not by a token that is known here.
    #[error("the credential is not known here; join again with the join token")]
    Unknown,
    /// It is over.
    #[error("the credential has ended; join again with the join token")]
    Over,
    /// No proof could be made.
    #[error("no proof can be made: {0}")]
    Proof(String),
}

impl Credential {
    /// A credential for `worker`, from now on.
    #[must_use]
    pub fn new(token: &str, worker: &str, instance: u64, now: SystemTime) -> Self {
        let until_s = seconds(now).saturating_add(CREDENTIAL_LIFE.as_secs());
        Self { token: token.to_owned(), worker: worker.to_owned(), instance, until_s }
    }

    /// Its text, proved by the token's hash.
    ///
    /// # Errors
    /// [`CredentialError::Proof`].
    pub fn text(&self, hash: &Sha) -> Result<String, CredentialError> {
        let said = self.said();
        let proof = mac(hash, &said)?.finalize().into_bytes();
        Ok(format!("{said}_{}", Sha(proof.into())))
    }

    /// Takes a text that was sent, where its join token stands and its end is not come.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn verify(text: &str, tokens: &Tokens, now: SystemTime) -> Result<Self, CredentialError> {
        let (credential, proof) = Self::parse(text).ok_or(CredentialError::Unknown)?;
        let entry = tokens.standing(&credential.token, now);
        let entry = entry.filter(|entry| matches!(entry.grants, Grants::Join { .. }));
        let entry = entry.ok_or(CredentialError::Unknown)?;
        // The comparison of a MAC takes the same time whatever is wrong with it.
        let same = mac(&entry.hash, &credential.said())?.verify_slice(&proof);
        same.map_err(|_other| CredentialError::Unknown)?;
        let now_s = seconds(now);
        if credential.until_s <= now_s {
            return Err(CredentialError::Over);
        }
        if credential.until_s - now_s > (CREDENTIAL_LIFE + CLOCK_SKEW).as_secs() {
            return Err(CredentialError::Unknown);
        }
        Ok(credential)
    }

    /// When it ends.
    #[must_use]
    pub fn until(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.until_s)
    }

    fn said(&self) -> String {
        let Self { token, worker, instance, until_s } = self;
        format!("{PREFIX}{token}_{worker}_{instance:016x}_{until_s}")
    }

    /// What a text says, and its proof; both unproved.
    fn parse(text: &str) -> Option<(Self, Vec<u8>)> {
        let mut fields = text.strip_prefix(PREFIX)?.split('_');
        let token = fields.next().filter(|token| is_id(token))?.to_owned();
        let worker = fields.next().filter(|worker| !worker.is_empty())?.to_owned();
        let instance = u64::from_str_radix(fields.next()?, 16).ok()?;
        let until_s = fields.next()?.parse().ok()?;
        let proof = fields.next().filter(|proof| proof.len() == 64 && proof.is_ascii())?;
        if fields.next().is_some() {
            return None;
        }
        let credential = Self { token, worker, instance, until_s };
        // One spelling for one credential.
        if !text.starts_with(&credential.said()) {
            return None;
        }
        let byte = |at: usize| u8::from_str_radix(proof.get(2 * at..2 * at + 2)?, 16).ok();
        Some((credential, (0..32).map(byte).collect::<Option<_>>()?))
    }
}

fn mac(hash: &Sha, said: &str) -> Result<Hmac<Sha256>, CredentialError> {
    let mut key = [0; 32];
    let expanded = Hkdf::<Sha256>::new(None, &hash.0).expand(INFO, &mut key);
    expanded.map_err(|error| CredentialError::Proof(error.to_string()))?;
    let mac = Hmac::<Sha256>::new_from_slice(&key);
    let mut mac = mac.map_err(|error| CredentialError::Proof(error.to_string()))?;
    mac.update(said.as_bytes());
    Ok(mac)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::token::Token;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn known(token: &Token) -> Tokens {
        let (id, hash) = (token.id(), token.hash());
        let text = format!("[[token]]\nid = \"{id}\"\nsha256 = \"{hash}\"\nkind = \"join\"\n");
        Tokens::parse(&text).unwrap()
    }

    #[test]
    fn a_credential_holds_for_its_worker_until_its_end_with_every_coordinator_that_knows_the_token()
    {
        let token = Token::fresh("farm").unwrap();
        let given = Credential::new("farm", "gpu-7.a", 0xAB, now());
        let text = given.text(&token.hash()).unwrap();
        assert_eq!(Credential::verify(&text, &known(&token), now()).unwrap(), given);
        let last = now() + CREDENTIAL_LIFE - Duration::from_secs(1);
        assert!(Credential::verify(&text, &known(&token), last).is_ok());
        let end = now() + CREDENTIAL_LIFE;
        assert_eq!(Credential::verify(&text, &known(&token), end), Err(CredentialError::Over));
        let rotated = known(&Token::fresh("farm").unwrap());
        let unknown = Err(CredentialError::Unknown);
        assert_eq!(Credential::verify(&text, &rotated, now()), unknown, "its token has gone");
        assert_eq!(Credential::verify(&text, &Tokens::default(), now()), unknown);
    }

    #[test]
    fn a_clients_token_proves_no_credential() {
        let token = Token::fresh("farm").unwrap();
        let (id, hash) = (token.id(), token.hash());
        let file = format!("[[token]]\nid = \"{id}\"\nsha256 = \"{hash}\"\nroles = [\"admin\"]\n");
        let text = Credential::new("farm", "w", 1, now()).text(&hash).unwrap();
        let tokens = Tokens::parse(&file).unwrap();
        assert_eq!(Credential::verify(&text, &tokens, now()), Err(CredentialError::Unknown));
    }

    #[test]
    fn an_end_that_no_coordinator_gives_is_refused() {
        let token = Token::fresh("farm").unwrap();
        let for_ever = Credential { until_s: u64::MAX, ..Credential::new("farm", "w", 1, now()) };
        let text = for_ever.text(&token.hash()).unwrap();
        assert!(Credential::verify(&text, &known(&token), now()).is_err());
    }

    proptest! {
        #[test]
        fn a_credential_with_anything_changed_is_none(at in 0_usize..200, letter in "[ -~]") {
            let token = Token::fresh("farm").unwrap();
            let given = Credential::new("farm", "worker-1", 5, now());
            let mut text = given.text(&token.hash()).unwrap();
            let (at, whole) = (at % text.len(), text.clone());
            text.replace_range(at..=at, &letter);
            let verified = Credential::verify(&text, &known(&token), now());
            // The proof may be spelled in capitals too.
            prop_assert!(verified.is_err() || text.eq_ignore_ascii_case(&whole));
        }

        #[test]
        fn no_text_is_a_credential_by_chance(text in "\\PC{0,200}") {
            let tokens = known(&Token::fresh("farm").unwrap());
            prop_assert!(Credential::verify(&text, &tokens, now()).is_err());
            let text = format!("cpw_farm_{text}");
            prop_assert!(Credential::verify(&text, &tokens, now()).is_err());
        }
    }
}
