//! What a webhook is signed with, as the Standard Webhooks specification 1.0.0 has it: HMAC-SHA256 over
//! `ID.TIMESTAMP.BODY`, in base64, behind `v1,`; secrets as text are `whsec_` and 24 to 64 bytes in base64.
//!
//! Refuses to show a secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How a secret begins.
const PREFIX: &str = "whsec_";

/// Bytes of a secret.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Secrets that are signed with at once, so that a receiver may learn a new one before the old one goes. At least one.
pub struct Secrets(Vec<Vec<u8>>);

/// Why a text holds no [`Secrets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecrets {
    /// There is none.
    #[error(
        "it holds no secret: one a line is expected, `whsec_` and 24 to 64 random bytes in base64"
    )]
    Empty,
    /// A line is none.
    #[error("line {0} is no secret: `whsec_` and 24 to 64 random bytes in base64 are expected")]
    Wrong(usize),
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Takes one secret a line; empty lines and lines that begin with `#` are none.
    ///
    /// # Errors
    /// [`BadSecrets`] tells which line is wrong, and not what stands there.
    pub fn parse(text: &str) -> Result<Self, BadSecrets> {
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let secrets = lines.map(|(index, line)| {
            let bytes = line.strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok());
            bytes.filter(|bytes| BYTES.contains(&bytes.len())).ok_or(BadSecrets::Wrong(index + 1))
        });
        let secrets: Vec<_> = secrets.collect::<Result<_, _>>()?;
        if secrets.is_empty() { Err(BadSecrets::Empty) } else { Ok(Self(secrets)) }
    }

    /// The header `webhook-signature` of a message: one signature for each secret.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signed = self.0.iter().filter_map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const TWO: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    /// The first secret, id, time and body are the example of the specification's reference libraries; what the Python
    /// one of them (standardwebhooks 1.1.0) makes of it is what is expected.
    #[test]
    fn a_signature_is_what_the_standards_libraries_make() {
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let secrets = Secrets::parse(ONE).unwrap();
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(secrets.sign(id, 1_614_265_330, body), signature);
        let both = Secrets::parse(&format!("# old and new\n{ONE}\n\n{TWO}\n")).unwrap();
        let both = both.sign(id, 1_614_265_330, body);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, signature);
        assert!(second.starts_with("v1,") && second != signature, "{second}");
    }

    #[test]
    fn what_is_no_secret_is_told_by_its_line_and_not_shown() {
        assert_eq!(Secrets::parse("\n# none\n").unwrap_err(), BadSecrets::Empty);
        for wrong in ["hush", "whsec_", "whsec_aHVzaA==", "whsec_!!!"] {
            let error = Secrets::parse(&format!("{ONE}\n{wrong}\n")).unwrap_err();
            assert_eq!(error, BadSecrets::Wrong(2), "{wrong}");
            assert!(!error.to_string().contains("hush"));
        }
        assert_eq!(format!("{:?}", Secrets::parse(ONE).unwrap()), "Secrets(1)");
    }
}
