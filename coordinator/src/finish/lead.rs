//! Whether this coordinator still leads, as the journal says: asked before a movie gets its name, and before what was
//! sent of one is removed. What it believes itself is worth nothing after a pause.

use std::sync::Arc;
use std::time::Duration;

use crate::journal::{Epoch, Journal};

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

    /// Whether it is current, by the journal itself. A journal that does not answer has not said so.
    pub(crate) async fn is_current(&self) -> bool {
        let renewed = match tokio::time::timeout(ASKING, self.journal.renew()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a movie is left as it is");
                false
            }
            Err(_late) => {
                let waited_ms = ASKING.as_millis();
                tracing::warn!(waited_ms, "a movie is left as it is, the journal does not answer");
                false
            }
        };
        renewed && self.epoch.is_some() && self.journal.epoch() == self.epoch
    }
}
