//! Who called, once that is known, and what that one may touch.
//!
//! Owns the rules about owners: whose jobs a caller sees, for whom it may submit, which priorities it may give. Each
//! refusal names the remedy and no secret.

use std::time::SystemTime;

use tonic::{Code, Status};

use crate::role::{Role, Roles};

/// Why a call is refused at the door.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing was sent by which the caller could be known, or what is not known here.
    #[error("{0}")]
    Unknown(String),
    /// The caller is known, and may not.
    #[error("{0}")]
    Denied(String),
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::Unknown(_) => Code::Unauthenticated,
            Refused::Denied(_) => Code::PermissionDenied,
        };
        Self::new(code, refused.to_string())
    }
}

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Whoever reaches this server: nobody is asked who they are here.
    Anyone,
    /// A probe, or whoever is about to log in: may ask for what is open and for nothing else.
    Probe,
    /// The holder of a client's token.
    Client(Who),
    /// The holder of a join token.
    Joiner {
        /// The token's id.
        id: String,
        /// With what the names of its workers begin.
        workers: String,
    },
    /// A worker with a credential.
    Worker {
        /// The id of the join token that it came by.
        id: String,
        /// Its name.
        worker: String,
        /// Of its process.
        instance: u64,
        /// When the credential ends.
        until: SystemTime,
    },
    /// Somebody with a certificate of the farm's authority.
    Certified {
        /// The names in it.
        names: Vec<String>,
    },
}

/// A client, by its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The token's id.
    pub id: String,
    /// What it may do.
    pub roles: Roles,
    /// Whose jobs are its own.
    pub owner: Option<String>,
}

/// Whose jobs a caller sees and touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's.
    All,
    /// Those of this owner.
    Owner(String),
    /// Nobody's.
    None,
}

impl Reach {
    /// Whether a job of `owner` is within it.
    #[must_use]
    pub fn has(&self, owner: &str) -> bool {
        match self {
            Self::All => true,
            Self::Owner(own) => own == owner,
            Self::None => false,
        }
    }
}

impl Caller {
    /// Whose jobs it sees and touches.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self {
            Self::Anyone => Reach::All,
            Self::Client(who) if who.roles.may(Role::Operate) => Reach::All,
            Self::Client(Who { owner: Some(owner), .. }) => Reach::Owner(owner.clone()),
            Self::Client(_)
            | Self::Probe
            | Self::Joiner { .. }
            | Self::Worker { .. }
            | Self::Certified { .. } => Reach::None,
        }
    }

    /// The owner of a job that it submits for `asked`, which is empty where it does not say.
    ///
    /// # Errors
    /// [`Refused::Denied`] where that is another's.
    pub fn owner_of_new(&self, asked: &str) -> Result<String, Refused> {
        let who = match self {
            Self::Anyone => return Ok(asked.to_owned()),
            Self::Client(who) => who,
            Self::Probe | Self::Joiner { .. } | Self::Worker { .. } | Self::Certified { .. } => {
                return Err(Refused::Denied("only clients submit jobs".to_owned()));
            }
        };
        match &who.owner {
            _ if who.roles.may(Role::Admin) && !asked.is_empty() => Ok(asked.to_owned()),
            Some(owner) if asked.is_empty() || asked == owner => Ok(owner.clone()),
            Some(owner) => Err(Refused::Denied(format!(
                "the token `{}` submits for `{owner}` and not for `{asked}`; name no owner, or use a token with the \
                 role admin",
                who.id
            ))),
            None => Err(Refused::Denied(format!(
                "the token `{}` has no owner; name one (--owner, `owner` of the request) with a token that has the role \
                 admin, or use a token with an owner",
                who.id
            ))),
        }
    }

    /// Whose a source is to be that is only looked at: as for a job, but an admin need not name an owner, and sees what
    /// those without lists of their own see.
    ///
    /// # Errors
    /// As for [`Caller::owner_of_new`].
    pub fn owner_of_look(&self, asked: &str) -> Result<String, Refused> {
        let Self::Client(who) = self else { return self.owner_of_new(asked) };
        if asked.is_empty() && who.owner.is_none() && who.roles.may(Role::Admin) {
            return Ok(String::new());
        }
        self.owner_of_new(asked)
    }

    /// Whether it may list the jobs of `asked`, which is empty where it means all that it sees.
    ///
    /// # Errors
    /// [`Refused::Denied`] where those are another's.
    pub fn listed_owner(&self, asked: &str) -> Result<String, Refused> {
        match self.reach() {
            Reach::All => Ok(asked.to_owned()),
            Reach::Owner(own) if asked.is_empty() || asked == own => Ok(own),
            Reach::Owner(own) => Err(Refused::Denied(format!(
                "this token sees the jobs of `{own}`, not of `{asked}`; leave --owner out, or use a token with the \
                 role operate"
            ))),
            Reach::None => Err(Refused::Denied("this token sees no jobs".to_owned())),
        }
    }

    /// Whether it may give a job this priority: above 0 it goes before other owners' jobs.
    ///
    /// # Errors
    /// [`Refused::Denied`].
    pub fn may_prefer(&self, priority: i32) -> Result<(), Refused> {
        match self {
            Self::Anyone => Ok(()),
            Self::Client(who) if priority <= 0 || who.roles.may(Role::Operate) => Ok(()),
            Self::Client(who) => Err(Refused::Denied(format!(
                "a priority above 0 goes before other owners' jobs and needs the role operate; the token `{}` has {}",
                who.id, who.roles
            ))),
            Self::Probe | Self::Joiner { .. } | Self::Worker { .. } | Self::Certified { .. } => {
                Err(Refused::Denied("only clients set priorities".to_owned()))
            }
        }
    }

    /// Whether it is the worker of this name, or may call itself so.
    ///
    /// # Errors
    /// [`Refused::Denied`].
    pub fn may_be(&self, name: &str, of_instance: u64) -> Result<(), Refused> {
        let ok = match self {
            Self::Anyone => true,
            Self::Worker { worker, instance, .. } => worker == name && *instance == of_instance,
            Self::Joiner { workers, .. } => name.starts_with(workers.as_str()),
            Self::Certified { names } => names.iter().any(|own| is_seat_of(own, name)),
            Self::Client(_) | Self::Probe => false,
        };
        if ok {
            return Ok(());
        }
        Err(Refused::Denied(match self {
            Self::Worker { worker, .. } => {
                format!(
                    "this credential is that of the worker `{worker}`, not of `{name}` or another process of it"
                )
            }
            Self::Joiner { id, workers } => format!(
                "the join token `{id}` is for workers whose names begin with `{workers}`; `{name}` does not"
            ),
            Self::Certified { names } => format!(
                "this certificate is for {}; a worker's name, here `{name}`, must be one of its alternative names",
                names.join(", ")
            ),
            Self::Anyone | Self::Client(_) | Self::Probe => {
                format!("a client's token is none of a worker; `{name}` needs a join token")
            }
        }))
    }
}

/// Whether `name` is `own`, or one of the cards of that machine (`own.gpu0`).
fn is_seat_of(own: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(own) else { return false };
    let number = rest.strip_prefix(".gpu");
    rest.is_empty()
        || number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(roles: &[Role], owner: Option<&str>) -> Caller {
        let roles = roles.iter().copied().collect();
        Caller::Client(Who { id: "t".to_owned(), roles, owner: owner.map(str::to_owned) })
    }

    #[test]
    fn an_owner_sees_its_own_jobs_and_an_operator_all() {
        let alice = client(&[Role::Read], Some("alice"));
        assert!(alice.reach().has("alice") && !alice.reach().has("bob") && !alice.reach().has(""));
        assert!(client(&[Role::Operate], None).reach().has("bob"));
        assert!(!client(&[Role::Read], None).reach().has(""), "no owner, no jobs");
        assert!(!Caller::Probe.reach().has(""));
        assert!(Caller::Anyone.reach().has("bob"));
    }

    #[test]
    fn a_job_is_submitted_for_oneself_unless_by_an_admin() {
        let alice = client(&[Role::Submit], Some("alice"));
        assert_eq!(alice.owner_of_new("").unwrap(), "alice");
        assert_eq!(alice.owner_of_new("alice").unwrap(), "alice");
        assert!(alice.owner_of_new("bob").is_err());
        let operator = client(&[Role::Operate], Some("ops"));
        assert!(operator.owner_of_new("bob").is_err());
        let admin = client(&[Role::Admin], None);
        assert_eq!(admin.owner_of_new("bob").unwrap(), "bob");
        assert!(admin.owner_of_new("").is_err(), "whose would it be?");
    }

    #[test]
    fn who_waits_with_others_does_not_go_before_them() {
        let alice = client(&[Role::Submit], Some("alice"));
        assert!(alice.may_prefer(0).is_ok() && alice.may_prefer(-7).is_ok());
        assert!(alice.may_prefer(1).is_err());
        assert!(client(&[Role::Operate], None).may_prefer(i32::MAX).is_ok());
    }

    #[test]
    fn a_worker_is_who_its_credential_or_certificate_says() {
        let until = SystemTime::UNIX_EPOCH;
        let (id, worker) = ("j".to_owned(), "w1".to_owned());
        let one = Caller::Worker { id, worker, instance: 7, until };
        assert!(one.may_be("w1", 7).is_ok());
        assert!(one.may_be("w1", 8).is_err() && one.may_be("w2", 7).is_err());
        let box1 = Caller::Certified { names: vec!["box-1".to_owned()] };
        assert!(box1.may_be("box-1", 0).is_ok() && box1.may_be("box-1.gpu3", 0).is_ok());
        for other in ["box-11", "box-1.gpu", "box-1.gpux", "box-1.gpu1.gpu2", "box", ""] {
            assert!(box1.may_be(other, 0).is_err(), "{other}");
        }
        assert!(client(&[Role::Admin], None).may_be("w1", 7).is_err());
    }
}
