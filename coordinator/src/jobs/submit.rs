//! How a job comes to be: under a name of the client's or a new one, unless it may not be open.

use cleanplate_access::{Caller, Reach};
use cleanplate_core::effect::Ignored;
use cleanplate_core::input::Input;
use cleanplate_core::record::Event;
use cleanplate_types::ids::JobId;
use cleanplate_types::request::JobRequest;
use tonic::Status;
use tonic::metadata::MetadataValue;

use crate::jobs::{JobsService, OTHER_REQUEST, REASON, names, unreadable};

/// Names that are tried for a job before something is taken to be wrong.
const NAMES_TRIED_MAX: usize = 16;

impl JobsService {
    /// Submits under the client's own name for the job: the same again is the same job.
    pub(super) async fn submit_as(
        &self,
        job: &JobId,
        request: JobRequest,
        caller: &Caller,
    ) -> Result<(), Status> {
        let input = Input::Submit { job: job.clone(), request: Box::new(request.clone()) };
        let void = self.orders.input(input).await?;
        self.refuse_unopened(void.as_ref(), caller).await?;
        if void.is_none() || self.asked_so(job, &request).await? {
            return Ok(());
        }
        let mut status = Status::already_exists(format!(
            "there is a job {job} already, and it asks for something else; choose another id"
        ));
        status.metadata_mut().insert(REASON, MetadataValue::from_static(OTHER_REQUEST));
        Err(status)
    }

    /// Whether the job was submitted with this request: its priority may have been changed since, and only the journal
    /// tells what it was.
    async fn asked_so(&self, job: &JobId, request: &JobRequest) -> Result<bool, Status> {
        let records = self.journal.records_of(job).await.map_err(unreadable)?;
        let submitted = records.into_iter().rev().find_map(|record| {
            let Event::Submitted { request } = record.event else { return None };
            Some(request)
        });
        Ok(submitted.is_some_and(|submitted| *submitted == *request))
    }

    /// Submits under a name that is made here.
    pub(super) async fn submit_new(
        &self,
        request: JobRequest,
        caller: &Caller,
    ) -> Result<JobId, Status> {
        for _ in 0..NAMES_TRIED_MAX {
            let job = names::fresh()?;
            let input = Input::Submit { job: job.clone(), request: Box::new(request.clone()) };
            let void = self.orders.input(input).await?;
            self.refuse_unopened(void.as_ref(), caller).await?;
            if void.is_none() {
                return Ok(job);
            }
        }
        Err(Status::internal("no free name for the job was found"))
    }

    /// Refuses a job that may not be open: its owner has as many as one may have, or another one writes its output. Which
    /// one does is told only to whom that one is there.
    pub(super) async fn refuse_unopened(
        &self,
        void: Option<&Ignored>,
        caller: &Caller,
    ) -> Result<(), Status> {
        match void {
            Some(taken @ Ignored::OutputTaken { writer, .. }) => {
                let reach = caller.reach();
                let is_theirs = match &reach {
                    Reach::All => true,
                    Reach::Owner(_) | Reach::None => self
                        .find(writer)
                        .await?
                        .is_some_and(|known| reach.has(&known.request.owner)),
                };
                let text = if is_theirs {
                    taken.to_string()
                } else {
                    "an open job of somebody else writes to this output; name another one"
                        .to_owned()
                };
                Err(Status::already_exists(text))
            }
            Some(full @ Ignored::OwnerQueueFull { .. }) => {
                Err(Status::resource_exhausted(full.to_string()))
            }
            Some(
                Ignored::StaleLease { .. }
                | Ignored::StaleSession { .. }
                | Ignored::OutOfPlace { .. }
                | Ignored::NotNow { .. }
                | Ignored::UnknownWorker { .. }
                | Ignored::NameInUse { .. },
            )
            | None => Ok(()),
        }
    }
}
