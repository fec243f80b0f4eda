//! The sessions that cards' encoders have on this machine, shared by all that this worker encodes.
//!
//! Owns the count: consumer cards allow so many on a machine, however many cards it has, and the driver does not
//! tell how many. Each lease that encodes on a card takes one and opens one encoder at a time under it. Refuses
//! to let a lease wait for long: what finds none free is given back, so that another machine can do it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a lease may wait for a session: a sixth of what a coordinator lets a lease be without progress.
pub(crate) const SESSION_WAIT: Duration = Duration::from_secs(20);

/// See the top of the file.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    free: Arc<Semaphore>,
    limit: u32,
    known: Source,
}

/// How the count is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The setting `encoder.sessions`.
    Told,
    /// So many were opened at once, and the next one was refused with these words.
    Proved(String),
    /// As many as this worker has slots were opened at once, or there is no encoder that needs any: nothing waits.
    Slots,
}

/// A session that is taken; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Session {
    _permit: OwnedSemaphorePermit,
}

/// No session became free.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "all {limit} encoder sessions of this machine ({}) stayed taken for {} s; give the worker fewer slots, or set \
     encoder.sessions",
    .known.in_words(), .waited.as_secs()
)]
pub(crate) struct NoSession {
    limit: u32,
    known: Source,
    waited: Duration,
}

impl Source {
    fn in_words(&self) -> String {
        match self {
            Self::Told => "by the setting encoder.sessions".to_owned(),
            Self::Proved(why) => format!("one more was refused: {why}"),
            Self::Slots => "one for each slot".to_owned(),
        }
    }
}

impl Sessions {
    /// `limit` of them, at least one.
    pub(crate) fn new(limit: u32, known: Source) -> Self {
        let limit = limit.max(1);
        Self { free: Arc::new(Semaphore::new(limit as usize)), limit, known }
    }

    /// Takes one that is free now.
    pub(crate) fn take_now(&self) -> Option<Session> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Session { _permit: permit })
    }

    /// Takes one; waits where none is free. Who came first is served first.
    ///
    /// # Errors
    /// [`NoSession`] where none became free in `patience`.
    pub(crate) async fn take(&self, patience: Duration) -> Result<Session, NoSession> {
        let waiting = tokio::time::timeout(patience, Arc::clone(&self.free).acquire_owned());
        match waiting.await {
            Ok(Ok(permit)) => Ok(Session { _permit: permit }),
            // Nobody closes the count; that it is closed would be none free too.
            Ok(Err(_)) | Err(_) => {
                let (limit, known) = (self.limit, self.known.clone());
                Err(NoSession { limit, known, waited: patience })
            }
        }
    }

    /// Says what is known.
    pub(crate) fn log(&self) {
        let Self { limit, known, .. } = self;
        match known {
            Source::Slots => {}
            Source::Told | Source::Proved(_) => {
                tracing::info!(limit, "encoder sessions of this machine: {}", known.in_words());
            }
        }
    }

    /// What a lease that waits is told.
    pub(crate) fn waiting(&self) -> String {
        format!(
            "waiting for one of the {} encoder sessions of this machine ({})",
            self.limit,
            self.known.in_words()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_as_there_are_are_taken_and_the_next_is_given_back_with_the_reason() {
        let refused = Source::Proved("out of memory (10)".to_owned());
        let sessions = Sessions::new(2, refused);
        let first = sessions.take_now().unwrap();
        let _second = sessions.take(Duration::ZERO).await.unwrap();
        assert!(sessions.take_now().is_none());
        let none = sessions.take(Duration::ZERO).await.unwrap_err().to_string();
        assert!(none.contains("all 2 encoder sessions"), "{none}");
        assert!(none.contains("out of memory (10)") && none.contains("encoder.sessions"), "{none}");
        drop(first);
        assert!(sessions.take_now().is_some(), "what was given back is there again");
    }

    #[tokio::test]
    async fn who_waits_has_the_session_that_becomes_free() {
        let sessions = Sessions::new(1, Source::Told);
        let taken = sessions.clone().take_now().unwrap();
        let waiting = sessions.take(Duration::from_secs(600));
        let (waited, ()) = tokio::join!(waiting, async { drop(taken) });
        let held = waited.unwrap();
        assert!(sessions.take_now().is_none(), "all clones count the same sessions");
        drop(held);
        assert!(sessions.take_now().is_some());
    }

    #[test]
    fn a_machine_whose_encoder_was_proved_has_one_at_least() {
        assert!(Sessions::new(0, Source::Told).take_now().is_some());
    }
}
