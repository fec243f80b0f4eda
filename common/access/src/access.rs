//! The one answer at the door: who sent a call, and whether that one may make it.
//!
//! Pure but for the tokens, which are those of the moment. What is sent is told in words that say what to do, and which
//! of two secrets was the wrong one is never told.

use std::time::SystemTime;

use crate::caller::{Caller, Refused, Who};
use crate::credential::{self, Credential, CredentialError};
use crate::entries::{EntryError, Grants, Tokens};
use crate::need::{Need, is_call, need_of};
use crate::token::Token;
use crate::watched::Watched;

/// What came with a call by which its sender may be known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent<'a> {
    /// The `authorization` headers, as they are; one that is no text is the empty one.
    pub authorization: &'a [&'a str],
    /// The names in the certificate of the connection, where there is one that was verified.
    pub names: &'a [String],
}

/// Who is let in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody who reaches the server: in one process, on loopback, or where somebody said so.
    Anyone,
    /// Those who are known.
    Known {
        /// By these tokens.
        tokens: Watched<Tokens>,
        /// Whether probes need none on this port: there is no other one for them.
        probes: bool,
    },
}

const HOW: &str = "put a token into CLEANPLATE_TOKEN, or its file into --token-file; `cleanplate token new` makes one \
                   (docs/access.md)";

impl Access {
    /// Says who made the call with this method at this path, where that one may make it.
    ///
    /// # Errors
    /// [`Refused`], before anything of the call is read.
    pub fn admit(
        &self,
        (method, path): (&str, &str),
        sent: Sent<'_>,
        now: SystemTime,
    ) -> Result<Caller, Refused> {
        let (tokens, probes) = match self {
            Self::Anyone => return Ok(Caller::Anyone),
            Self::Known { tokens, probes } => (tokens.now(), *probes),
        };
        let need = need_of(method, path);
        if need == Need::Open || need == Need::Probe && probes {
            return Ok(Caller::Probe);
        }
        let caller = known(&tokens, sent, now)?;
        let call = match path.rsplit('/').next() {
            Some(call) if is_call(path) => call.to_owned(),
            Some(_) | None => format!("{method} {path}"),
        };
        match (need, &caller) {
            (Need::Role(role), Caller::Client(who)) if !who.roles.may(role) => {
                Err(Refused::Denied(format!(
                    "{call} needs the role {role}, and the token `{}` has {}; use a token with that role",
                    who.id, who.roles
                )))
            }
            (Need::Role(_), Caller::Client(_))
            | (Need::Join, Caller::Joiner { .. })
            | (Need::Worker, Caller::Worker { .. } | Caller::Certified { .. })
            | (Need::Known | Need::Probe | Need::Open, _) => Ok(caller),
            (Need::Role(_), _) => Err(Refused::Denied(format!(
                "{call} is for clients, and this is a worker's token, credential or certificate; {HOW}"
            ))),
            (Need::Join, _) => Err(Refused::Denied(
                "only a join token is exchanged for a credential; make one by `cleanplate token new --join`".to_owned(),
            )),
            (Need::Worker, Caller::Joiner { .. }) => Err(Refused::Denied(
                "a join token is exchanged for a credential (Join) before a worker attends with that; this worker is \
                 of an older version"
                    .to_owned(),
            )),
            (Need::Worker, _) => Err(Refused::Denied(
                "a client's token is none of a worker; give it a join token by CLEANPLATE_JOIN_TOKEN or \
                 --join-token-file"
                    .to_owned(),
            )),
        }
    }

    /// Whether what let this caller in still holds: its token is in the file, its end is not come.
    #[must_use]
    pub fn stands(&self, caller: &Caller, now: SystemTime) -> bool {
        let Self::Known { tokens, .. } = self else { return true };
        match caller {
            Caller::Anyone | Caller::Probe | Caller::Certified { .. } => true,
            Caller::Client(Who { id, .. }) | Caller::Joiner { id, .. } => {
                tokens.now().standing(id, now).is_some()
            }
            Caller::Worker { id, until, .. } => {
                *until > now && tokens.now().standing(id, now).is_some()
            }
        }
    }

    /// A credential for a worker by its join token, and its text.
    ///
    /// # Errors
    /// [`Refused`] where the token has gone since, or is not for a worker of this name.
    pub fn join(
        &self,
        caller: &Caller,
        worker: &str,
        instance: u64,
        now: SystemTime,
    ) -> Result<Option<(Credential, String)>, Refused> {
        let tokens = match self {
            Self::Anyone => return Ok(None),
            Self::Known { tokens, .. } => tokens.now(),
        };
        caller.may_be(worker, instance)?;
        let Caller::Joiner { id, .. } = caller else {
            return Err(Refused::Denied(
                "only a join token is exchanged for a credential".to_owned(),
            ));
        };
        let unknown = || Refused::Unknown(EntryError::Unknown.to_string());
        let entry = tokens.standing(id, now).ok_or_else(unknown)?;
        let credential = Credential::new(id, worker, instance, now);
        let text = credential.text(&entry.hash);
        let text = text.map_err(|error| Refused::Unknown(error.to_string()))?;
        Ok(Some((credential, text)))
    }
}

/// Who it is by what was sent.
fn known(tokens: &Tokens, sent: Sent<'_>, now: SystemTime) -> Result<Caller, Refused> {
    let unknown = |said: &str| Refused::Unknown(said.to_owned());
    let secret = match sent.authorization {
        [] if sent.names.is_empty() => {
            return Err(Refused::Unknown(format!("this coordinator asks who you are; {HOW}")));
        }
        [] => return Ok(Caller::Certified { names: sent.names.to_vec() }),
        [one] => bearer(one).ok_or_else(|| {
            unknown("the authorization is none that is taken here: `Bearer TOKEN`, and no other")
        })?,
        _ => return Err(unknown("there is more than one authorization; send one")),
    };
    if secret.starts_with(credential::PREFIX) {
        let credential = Credential::verify(secret, tokens, now);
        let credential = credential.map_err(|error| match error {
            CredentialError::Unknown | CredentialError::Over | CredentialError::Proof(_) => {
                Refused::Unknown(error.to_string())
            }
        })?;
        let until = credential.until();
        let Credential { token, worker, instance, until_s: _ } = credential;
        return Ok(Caller::Worker { id: token, worker, instance, until });
    }
    let token = Token::parse(secret).map_err(|error| Refused::Unknown(error.to_string()))?;
    let entry = tokens.find(&token, now).map_err(|error| Refused::Unknown(error.to_string()))?;
    let id = entry.id.clone();
    Ok(match &entry.grants {
        Grants::Client { roles, owner } => {
            Caller::Client(Who { id, roles: roles.clone(), owner: owner.clone() })
        }
        Grants::Join { workers } => Caller::Joiner { id, workers: workers.clone() },
    })
}

/// What follows `Bearer `.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, secret) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::credential::CREDENTIAL_LIFE;

    const LIST: &str = "/cleanplate.v1.Jobs/List";
    const SUBMIT: &str = "/cleanplate.v1.Jobs/Submit";
    const JOIN: &str = "/cleanplate.v1.Fleet/Join";
    const ATTEND: &str = "/cleanplate.v1.Fleet/Attend";
    const HEALTH: &str = "/grpc.health.v1.Health/Check";

    struct Farm {
        access: Access,
        reader: Token,
        join: Token,
    }

    fn farm(probes: bool) -> Farm {
        let (reader, join) = (Token::fresh("reader").unwrap(), Token::fresh("join").unwrap());
        let text = format!(
            "[[token]]\nid = \"reader\"\nsha256 = \"{}\"\nroles = [\"read\"]\nowner = \"a\"\n\
             [[token]]\nid = \"join\"\nsha256 = \"{}\"\nkind = \"join\"\nworkers = \"w\"\n",
            reader.hash(),
            join.hash()
        );
        let tokens = Watched::fixed(Tokens::parse(&text).unwrap());
        Farm { access: Access::Known { tokens, probes }, reader, join }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn asked(access: &Access, path: &str, secret: Option<&str>) -> Result<Caller, Refused> {
        let header = secret.map(|secret| format!("Bearer {secret}"));
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        access.admit(("POST", path), Sent { authorization: &headers, names: &[] }, now())
    }

    #[test]
    fn who_is_not_known_is_asked_and_who_may_not_is_told_the_role() {
        let Farm { access, reader, join } = farm(true);
        assert!(matches!(asked(&access, LIST, None), Err(Refused::Unknown(_))));
        assert!(asked(&access, LIST, Some(reader.reveal())).is_ok());
        let denied = asked(&access, SUBMIT, Some(reader.reveal())).unwrap_err();
        assert!(
            matches!(&denied, Refused::Denied(said) if said.contains("role submit")),
            "{denied}"
        );
        let denied = asked(&access, LIST, Some(join.reveal()));
        assert!(matches!(denied, Err(Refused::Denied(_))));
        assert!(matches!(asked(&access, "/x.Y/Z", None), Err(Refused::Unknown(_))));
        assert!(matches!(asked(&Access::Anyone, SUBMIT, None), Ok(Caller::Anyone)));
    }

    #[test]
    fn probes_need_nothing_only_where_they_have_no_address_of_their_own() {
        assert_eq!(asked(&farm(true).access, HEALTH, None), Ok(Caller::Probe));
        let Farm { access, reader, .. } = farm(false);
        assert!(asked(&access, HEALTH, None).is_err());
        assert!(asked(&access, HEALTH, Some(reader.reveal())).is_ok());
    }

    #[test]
    fn a_worker_joins_and_attends_with_what_it_got_and_with_nothing_else() {
        let Farm { access, reader, join } = farm(true);
        let joiner = asked(&access, JOIN, Some(join.reveal())).unwrap();
        assert!(access.join(&joiner, "other", 3, now()).is_err(), "another site's");
        let (_, text) = access.join(&joiner, "w1", 3, now()).unwrap().unwrap();
        let worker = asked(&access, ATTEND, Some(&text)).unwrap();
        assert!(worker.may_be("w1", 3).is_ok() && worker.may_be("w2", 3).is_err());
        assert!(access.stands(&worker, now()) && !access.stands(&worker, now() + CREDENTIAL_LIFE));
        for secret in [reader.reveal(), join.reveal()] {
            assert!(matches!(asked(&access, ATTEND, Some(secret)), Err(Refused::Denied(_))));
        }
        for path in [LIST, JOIN] {
            assert!(matches!(asked(&access, path, Some(&text)), Err(Refused::Denied(_))));
        }
        assert!(asked(&access, JOIN, Some(reader.reveal())).is_err());
    }

    #[test]
    fn an_authorization_of_another_form_is_refused_without_a_word_of_it() {
        let Farm { access, reader, .. } = farm(true);
        let token = reader.reveal();
        for headers in [
            vec!["Basic hush"],
            vec![""],
            vec!["Bearer"],
            vec!["Bearer "],
            vec!["hush"],
            vec!["Bearer hush", "Bearer hush"],
        ] {
            let sent = Sent { authorization: &headers, names: &[] };
            let refused = access.admit(("POST", LIST), sent, now()).unwrap_err();
            assert!(
                matches!(&refused, Refused::Unknown(said) if !said.contains("hush")),
                "{headers:?}"
            );
        }
        let spaced = format!("bearer {token}");
        let sent = Sent { authorization: &[spaced.as_str()], names: &[] };
        assert!(
            access.admit(("POST", LIST), sent, now()).is_ok(),
            "the scheme's letters may be small"
        );
        let padded = format!("Bearer {token} ");
        let sent = Sent { authorization: &[padded.as_str()], names: &[] };
        assert!(access.admit(("POST", LIST), sent, now()).is_err());
    }

    #[test]
    fn a_certificate_lets_a_worker_attend_and_do_nothing_else() {
        let Farm { access, .. } = farm(true);
        let names = ["box-1".to_owned()];
        let sent = Sent { authorization: &[], names: &names };
        assert!(access.admit(("POST", ATTEND), sent, now()).unwrap().may_be("box-1", 9).is_ok());
        for path in [LIST, SUBMIT, JOIN] {
            assert!(
                matches!(access.admit(("POST", path), sent, now()), Err(Refused::Denied(_))),
                "{path}"
            );
        }
    }
}
