//! Whether this coordinator still leads, as the journal says: asked before a movie gets its name, and before what was
//! sent of one is removed. What it believes itself is worth nothing after a pause.

use std::sync::Arc;
use std::time::Duration;

use crate::journal::{Epoch, Journal, JournalError};

/// How long the journal may take to say so: less than a stitch may take to clean up.
const ASKING: Duration = Duration::from_secs(3);

/// The lead under which movies are written.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    journal: Arc<dyn Journal>,
    /// Its number; a coordinator that was deposed may lead again, under another.
    epoch: Option<Epoch>,
}

impl Lead {
    /// The lead that is current now.
    pub(crate) fn of(journal: Arc<dyn Journal>) -> Self {
        let epoch = journal.epoch();
        Self { journal, epoch }
    }

    /// Whether it is current, by the journal itself.
    pub(crate) async fn asked(&self) -> Answer {
        let error = match tokio::time::timeout(ASKING, self.journal.renew()).await {
            Ok(Ok(())) if self.epoch.is_some() && self.journal.epoch() == self.epoch => {
                return Answer::Current;
            }
            Ok(Ok(())) => return Answer::Over,
            Ok(Err(error)) => error,
            Err(_late) => {
                let waited_ms = ASKING.as_millis();
                tracing::warn!(waited_ms, "a movie waits, the journal does not answer");
                return Answer::None;
            }
        };
        let silent = matches!(error, JournalError::Unreachable { .. });
        tracing::warn!(%error, "a movie is left as it is");
        if silent { Answer::None } else { Answer::Over }
    }
}

/// What the journal says of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is current.
    Current,
    /// It is not.
    Over,
    /// Nothing: it does not answer.
    None,
}
