//! Who is at the other end: tokens and the file that knows them, credentials of workers, certificates, roles.
//!
//! Owns the one answer to "may whoever sent this call it", as a pure function of what was sent and of what is known
//! here ([`Access::admit`]). Refuses to know what a job is: whose job it is, is decided by whoever has the job, with
//! [`Caller`]. No secret has a `Debug` or a `Display`, and none is compared in a time that tells of it.

pub mod access;
pub mod caller;
pub mod credential;
pub mod dial;
pub mod entries;
pub mod need;
pub mod role;
pub mod tls;
pub mod token;
pub mod watched;

pub use access::{Access, Sent};
pub use caller::{Caller, Reach, Refused, Who};
pub use credential::{CREDENTIAL_LIFE, Credential, CredentialError};
pub use dial::{Bearer, DialError, Dialer, Hint, JoinToken, SecretError, SecretText};
pub use entries::{Entry, EntryError, Grants, Tokens, TokensError};
pub use need::{Need, PAGES, ROUTES, is_call, need_of};
pub use role::{Role, Roles};
pub use tls::{ServerTls, TlsError, names_of};
pub use token::{Token, TokenError};
pub use watched::Watched;
