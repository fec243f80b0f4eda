//! When streams end, and with which words: the server stops, or another coordinator leads.

use tokio::sync::watch;
use tonic::Status;

use crate::journal::Standing;

/// Ends the streams of one server.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    stopping: watch::Receiver<bool>,
    standing: watch::Receiver<Standing>,
}

impl Closing {
    pub(crate) const fn new(
        stopping: watch::Receiver<bool>,
        standing: watch::Receiver<Standing>,
    ) -> Self {
        Self { stopping, standing }
    }

    /// Resolves when the streams are to end; `false` where nobody can say so any more.
    pub(crate) async fn wait(mut self) -> bool {
        self.stopping.wait_for(|stop| *stop).await.is_ok()
    }

    /// Whether the streams are to end.
    pub(crate) fn is_closing(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Who leads in this one's place, for whoever spoke to it; nothing where it leads, or nobody.
    pub(crate) fn elsewhere(&self) -> Option<Status> {
        match &*self.standing.borrow() {
            Standing::StandsBy(Some(leader)) => {
                Some(cleanplate_proto::stands_by(Some(&leader.address)))
            }
            Standing::StandsBy(None) | Standing::Leads(_) => None,
        }
    }
}
