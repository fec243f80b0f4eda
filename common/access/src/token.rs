//! A token: an id that may be seen and a secret that may not, as one line of text.
//!
//! Owns the form (`cpt_ID_SECRET`, the secret 256 random bits in hexadecimal) and its hash, which is all that is kept.
//! A plain SHA-256 is enough for that: there is no dictionary of 256 random bits.

use std::fmt;

use cleanplate_types::digest::Sha;

/// With what a token begins: scanners for leaked secrets find it by that.
pub const PREFIX: &str = "cpt_";

/// Digits of a secret.
const SECRET_DIGITS: usize = 64;

/// The longest id.
const ID_MAX: usize = 32;

/// A token as its holder has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: String,
    text: String,
}

/// Why a text is no token, or none can be made. Never says what the text is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has another form.
    #[error(
        "it is no token of cleanplate, which is one line cpt_ID_SECRET as `cleanplate token new` prints it"
    )]
    Form,
    /// The id cannot be one.
    #[error(
        "`{0}` is no id of a token: 1 to 32 lowercase letters, digits and dashes, no dash first"
    )]
    Id(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

impl Token {
    /// A new token of this id.
    ///
    /// # Errors
    /// [`TokenError::Id`] and [`TokenError::Random`].
    pub fn fresh(id: &str) -> Result<Self, TokenError> {
        if !is_id(id) {
            return Err(TokenError::Id(id.to_owned()));
        }
        let mut secret = [0; SECRET_DIGITS / 2];
        getrandom::fill(&mut secret).map_err(|error| TokenError::Random(error.to_string()))?;
        let text = format!("{PREFIX}{id}_{}", Sha(secret));
        Ok(Self { id: id.to_owned(), text })
    }

    /// An id that most likely nobody has: eight random digits after `name`.
    ///
    /// # Errors
    /// [`TokenError::Random`].
    pub fn fresh_id(name: &str) -> Result<String, TokenError> {
        let number = getrandom::u32().map_err(|error| TokenError::Random(error.to_string()))?;
        let lower = name.to_ascii_lowercase();
        let good = |letter: &char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let name: String = lower.chars().filter(good).take(ID_MAX - 9).collect();
        let name = if name.is_empty() { "token" } else { &name };
        Ok(format!("{name}-{number:08x}"))
    }

    /// Takes a token as it was sent.
    ///
    /// # Errors
    /// [`TokenError::Form`], which tells nothing of the text.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let rest = text.strip_prefix(PREFIX).ok_or(TokenError::Form)?;
        let (id, secret) = rest.split_once('_').ok_or(TokenError::Form)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_secret = secret.len() == SECRET_DIGITS && secret.bytes().all(is_digit);
        if !is_id(id) || !is_secret {
            return Err(TokenError::Form);
        }
        Ok(Self { id: id.to_owned(), text: text.to_owned() })
    }

    /// Its id, which is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// All of it, for the one who is to have it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is kept of it: `printf %s TOKEN | sha256sum` gives the same.
    #[must_use]
    pub fn hash(&self) -> Sha {
        Sha::of(self.text.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({PREFIX}{}_***)", self.id)
    }
}

/// Whether a text can be an id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=ID_MAX).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_comes_back_from_its_text_and_shows_nothing_by_itself() {
        let token = Token::fresh("alice-1").unwrap();
        assert_eq!(Token::parse(token.reveal()).unwrap(), token);
        let secret = token.reveal().rsplit('_').next().unwrap().to_owned();
        assert_eq!(secret.len(), SECRET_DIGITS);
        assert!(!format!("{token:?}").contains(&secret));
        assert_ne!(Token::fresh("alice-1").unwrap(), token, "two are two");
    }

    #[test]
    fn an_id_is_made_of_any_name() {
        for name in ["alice", "", "Ü/..", &"x".repeat(99)] {
            let id = Token::fresh_id(name).unwrap();
            assert!(is_id(&id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn no_text_but_a_token_is_one(text in "\\PC{0,120}") {
            if let Ok(token) = Token::parse(&text) {
                prop_assert_eq!(token.reveal(), text);
            }
        }

        #[test]
        fn a_token_with_one_letter_changed_is_none_or_has_another_hash(at in 0_usize..73, letter in "[ -~]") {
            let token = Token::fresh("prop").unwrap();
            let mut text = token.reveal().to_owned();
            let at = at % text.len();
            text.replace_range(at..=at, &letter);
            if text != token.reveal() {
                let other = Token::parse(&text);
                prop_assert!(other.is_err() || other.unwrap().hash() != token.hash());
            }
        }

        #[test]
        fn a_refusal_of_a_text_does_not_show_it(text in "[a-z]{12,40}") {
            let said = Token::parse(&text).unwrap_err().to_string();
            prop_assert!(!said.contains(&text));
        }
    }
}
