//! What the pages of the coordinator ask beyond the wire: many jobs at once, when attempts were, when to stop.
//!
//! Refuses what the service itself refuses: a job that is not within the caller's reach is not there.

use std::sync::Arc;

use cleanplate_access::Caller;
use cleanplate_types::ids::JobId;
use tonic::Status;

use crate::attempts::{Span, spans};
use crate::dispatch::{Glance, Question};
use crate::door::Door;
use crate::jobs::{JobsService, unreadable};

impl JobsService {
    /// The states of `jobs`, as far as the caller sees them, and what all jobs come to.
    ///
    /// # Errors
    /// UNAVAILABLE where the coordinator stops.
    pub(crate) async fn glance(&self, jobs: Vec<JobId>, caller: &Caller) -> Result<Glance, Status> {
        let reach = caller.reach();
        Ok(self.orders.ask(|reply| Question::Glance { jobs, reach, reply }).await?)
    }

    /// When each attempt of a job was.
    ///
    /// # Errors
    /// `NOT_FOUND`, and INTERNAL where the journal cannot be read.
    pub(crate) async fn spans(&self, job: &str, caller: &Caller) -> Result<Vec<Span>, Status> {
        let job = self.named(job, caller).await?;
        let records = self.journal.records_of(&job).await.map_err(unreadable)?;
        Ok(spans(&records))
    }

    /// Resolves when a stream to this caller is to end: the server stops, or the caller may not stay.
    pub(crate) fn until_cut(&self, caller: Caller) -> impl Future<Output = ()> + Send + 'static {
        let (closed, out) = (self.closing.clone().wait(), Arc::clone(&self.door).until_out(caller));
        async move {
            tokio::select! {
                _closing = closed => {}
                () = out => {}
            }
        }
    }

    /// The door that its callers came through.
    pub(crate) fn door(&self) -> &Door {
        &self.door
    }
}
