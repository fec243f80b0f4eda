//! Which call needs what: one table, looked up by the call's path before anything of it is parsed.
//!
//! A path that is not in it needs a token that is known, and then finds no service: nothing is open by omission.
//! `tests/tests/access.rs` holds that every call of every service is in it.

use crate::role::Role;

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A client's token with this role.
    Role(Role),
    /// A join token.
    Join,
    /// A worker's credential, or its certificate.
    Worker,
    /// Nothing where probes are open on this port, else whatever is known.
    Probe,
    /// Whatever is known.
    Known,
}

const CALLS: [(&str, Need); 17] = [
    ("/cleanplate.v1.Fleet/Join", Need::Join),
    ("/cleanplate.v1.Fleet/Attend", Need::Worker),
    ("/cleanplate.v1.Fleet/Sign", Need::Worker),
    ("/cleanplate.v1.Jobs/Submit", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Cancel", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Retry", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Prioritise", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Approve", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Reject", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Watch", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/List", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Show", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Plan", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Preview", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Workers", Need::Role(Role::Operate)),
    ("/cleanplate.v1.Jobs/DrainWorker", Need::Role(Role::Operate)),
    ("/grpc.health.v1.Health/Check", Need::Probe),
];

/// Calls that a prefix decides: health's others.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// What the call at `path` needs.
#[must_use]
pub fn need_of(path: &str) -> Need {
    let known = CALLS.iter().find(|(call, _)| *call == path).map(|(_, need)| *need);
    let health = path.starts_with(HEALTH).then_some(Need::Probe);
    known.or(health).unwrap_or(Need::Known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_only_like_a_call_is_no_call() {
        for path in [
            "",
            "/",
            "/cleanplate.v1.Jobs/List/",
            "//cleanplate.v1.Jobs/List",
            "/cleanplate.v1.Jobs/%4cist",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert_eq!(need_of(path), Need::Known, "{path}");
        }
        assert_eq!(need_of("/grpc.health.v1.Health/Watch"), Need::Probe);
    }
}
