//! What a check found: one row of the table, one object of the JSON.

use serde::Serialize;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was checked.
    pub(crate) check: String,
    /// Whether it works.
    pub(crate) state: State,
    /// What was found, in words.
    pub(crate) detail: String,
    /// How to get what is missing.
    pub(crate) remedy: Option<String>,
    /// Whether somebody asked for it.
    pub(crate) asked: bool,
}

/// Whether something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It was tried, or asked, and works.
    Works,
    /// It is not here, or does not work.
    Missing,
    /// It only tells something.
    Info,
}

impl State {
    /// The word in the table.
    pub(crate) const fn for_people(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Missing => "missing",
            Self::Info => "-",
        }
    }
}

impl Finding {
    /// It works.
    pub(crate) fn works(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::of(check.into(), State::Works, detail.into(), None)
    }

    /// It does not, and `remedy` helps.
    pub(crate) fn missing(
        check: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::of(check.into(), State::Missing, detail.into(), Some(remedy.into()))
    }

    /// Nothing to judge.
    pub(crate) fn info(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::of(check.into(), State::Info, detail.into(), None)
    }

    const fn of(check: String, state: State, detail: String, remedy: Option<String>) -> Self {
        Self { check, state, detail, remedy, asked: false }
    }

    /// The same, asked for.
    pub(crate) const fn asked_for(mut self) -> Self {
        self.asked = true;
        self
    }
}
