//! Roles: what the holder of a token may do. Refuses to know of anybody's jobs.

use std::collections::BTreeSet;
use std::fmt;

/// What somebody may do. The later ones contain the earlier two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// See the jobs of the own owner: list, show, watch, plan, preview.
    Read,
    /// Submit jobs for the own owner, and cancel, retry, approve and reject them.
    Submit,
    /// All of that with any owner's jobs but submitting; workers; priorities above 0.
    Operate,
    /// All there is: submit for any owner too.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Read, Self::Submit, Self::Operate, Self::Admin];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// The role of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether it contains `other`.
    const fn contains(self, other: Self) -> bool {
        match self {
            Self::Read => matches!(other, Self::Read),
            Self::Submit => matches!(other, Self::Submit),
            Self::Operate => !matches!(other, Self::Admin),
            Self::Admin => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The roles of one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Whether one of them is, or contains, `role`.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        self.0.iter().any(|own| own.contains(role))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|role| role.as_str()).collect();
        formatter.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_it_says_and_no_more() {
        let may = |roles: &[Role]| {
            let roles: Roles = roles.iter().copied().collect();
            Role::ALL.map(|role| roles.may(role))
        };
        assert_eq!(may(&[]), [false, false, false, false]);
        assert_eq!(may(&[Role::Read]), [true, false, false, false]);
        assert_eq!(may(&[Role::Submit]), [false, true, false, false], "who drops in sees nothing");
        assert_eq!(may(&[Role::Operate]), [true, true, true, false]);
        assert_eq!(may(&[Role::Admin]), [true, true, true, true]);
        assert_eq!(may(&[Role::Read, Role::Submit]), [true, true, false, false]);
    }
}
