//! The scheduler's errands to the store: tables and findings read, drafts and briefs written, jobs swept.
//!
//! Each errand is a task of its own, so that a slow store holds nobody up; the answer comes back as an
//! input. One that a crash cuts off is asked for again, and so each may be done twice.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_core::input::Input;
use cleanplate_store::{Side, Store, StoreError, keys, kinds};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Draft, Look};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::dispatch::{Order, Orders};

/// Errands under way at once: each may hold a frame table, 25 MB for ten hours. The others wait; a
/// job has one at a time.
const ERRANDS_MAX: usize = 8;

/// Sweeps under way at once.
const SWEEPS_MAX: usize = 4;

/// How long the first sweep that failed waits until it is tried again, and the longest that any does.
const SWEEP_AGAIN_FIRST: Duration = Duration::from_secs(10);
const SWEEP_AGAIN_LAST: Duration = Duration::from_secs(3600);

/// See the top of the file. Dropped, what is under way is given up.
#[derive(Debug)]
pub(crate) struct Objects {
    store: Store,
    /// The mark by which the store is known.
    farm: String,
    orders: Orders,
    room: Arc<Semaphore>,
    /// Of sweeps, which may be many and have time.
    broom: Arc<Semaphore>,
    errands: JoinSet<()>,
}

impl Objects {
    pub(crate) fn new((store, farm): (Store, String), orders: Orders) -> Self {
        let room = Arc::new(Semaphore::new(ERRANDS_MAX));
        let broom = Arc::new(Semaphore::new(SWEEPS_MAX));
        Self { store, farm, orders, room, broom, errands: JoinSet::new() }
    }

    pub(crate) fn load_table(&mut self, job: JobId, description: ObjectRef, table: ObjectRef) {
        let store = self.store.clone();
        self.answer(job.clone(), async move {
            let description = store.get_value(&description, kinds::DESCRIPTION).await?;
            let table = store.get_value(&table, kinds::TABLE).await?;
            let (description, table) = (Box::new(description), Box::new(table));
            Ok(Input::TableLoaded { job, description, table })
        });
    }

    pub(crate) fn load_finding(&mut self, job: JobId, finding: ObjectRef) {
        let store = self.store.clone();
        self.answer(job.clone(), async move {
            let finding = Box::new(store.get_value(&finding, kinds::FINDING).await?);
            Ok(Input::FindingLoaded { job, finding })
        });
    }

    /// Under a key that carries `after`, the last lease that was given.
    pub(crate) fn write_draft(
        &mut self,
        job: JobId,
        look: Look,
        (after, draft): (LeaseId, Box<Draft>),
    ) {
        let store = self.store.clone();
        self.answer(job.clone(), async move {
            let key = keys::draft(&job, look, after);
            let draft = store.put_value(&key, kinds::DRAFT, &*draft).await?;
            Ok(Input::DraftWritten { job, look, draft })
        });
    }

    /// Under a key that carries `after`, the last lease that was given.
    pub(crate) fn write_brief(&mut self, job: JobId, after: LeaseId, brief: Box<JobBrief>) {
        let store = self.store.clone();
        self.answer(job.clone(), async move {
            let key = keys::brief(&job, after);
            let brief = store.put_value(&key, kinds::BRIEF, &*brief).await?;
            Ok(Input::BriefWritten { job, brief })
        });
    }

    /// Deletes the objects of a job that carry a lease below `before` (or none), but for `keep`; where the store is
    /// out, again and again. What stays meanwhile is garbage, not harm.
    pub(crate) fn sweep(&mut self, job: JobId, before: LeaseId, keep: Option<ObjectRef>) {
        let (store, broom) = (self.store.clone(), Arc::clone(&self.broom));
        self.spawn(async move {
            let mut wait = SWEEP_AGAIN_FIRST;
            loop {
                let keep = keep.clone();
                let doomed = move |key: &str| {
                    keep.as_ref().is_none_or(|keep| keep.key != key)
                        && keys::lease_of(key).is_none_or(|lease| lease < before)
                };
                let permit = broom.acquire().await;
                let swept = store.delete_prefix(&keys::job(&job), doomed).await;
                drop(permit);
                match swept {
                    Ok(objects) => {
                        tracing::debug!(%job, objects, "job swept");
                        return;
                    }
                    Err(error) => {
                        let prefix = store.url_of(&keys::job(&job));
                        tracing::warn!(%job, %error, prefix, "objects of an ended job stay for now");
                    }
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(SWEEP_AGAIN_LAST);
            }
        });
    }

    fn answer(
        &mut self,
        job: JobId,
        errand: impl Future<Output = Result<Input, StoreError>> + Send + 'static,
    ) {
        let (orders, room) = (self.orders.clone(), Arc::clone(&self.room));
        let (store, farm) = (self.store.clone(), self.farm.clone());
        self.spawn(async move {
            let permit = room.acquire().await;
            let done = match is_ours(&store, &farm).await {
                Ok(()) => errand.await,
                Err(error) => Err(error),
            };
            let input = done.unwrap_or_else(|error| {
                tracing::warn!(%job, %error, "what the job needs from the store is not had");
                let failure = Failure::new(error.kind(), Stage::Plan, error.to_string());
                Input::ObjectFailed { job, failure }
            });
            drop(permit);
            // Where the loop has ended, nobody waits for it.
            orders.send(Order::Tell { input, reply: None }).await.ok();
        });
    }

    fn spawn(&mut self, errand: impl Future<Output = ()> + Send + 'static) {
        while self.errands.try_join_next().is_some() {}
        self.errands.spawn(errand);
    }
}

/// Whether the store is the farm's: where a folder is not mounted any more there is an empty one in its place, and what
/// is written there is lost when it comes back.
async fn is_ours(store: &Store, farm: &str) -> Result<(), StoreError> {
    if store.exists(&keys::farm(farm)).await? {
        return Ok(());
    }
    Err(StoreError::Unavailable {
        side: Side::Store,
        what: store.url(),
        detail: "the farm's mark is not in it any more; is its folder mounted?".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use cleanplate_types::digest::Sha;
    use cleanplate_types::failure::FailureKind;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_store_that_is_not_the_farms_any_more_is_out_and_has_lost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().display().to_string()).unwrap();
        let (sender, mut orders) = mpsc::channel(1);
        let mut objects = Objects::new((store.clone(), "mark".to_owned()), Orders::new(sender));
        let gone = ObjectRef { key: "jobs/j/finding.1".to_owned(), bytes: 1, sha: Sha::of(b"x") };
        for expected in [FailureKind::StoreUnavailable, FailureKind::ObjectLost] {
            objects.load_finding(JobId::parse("j").unwrap(), gone.clone());
            let Some(Order::Tell { input: Input::ObjectFailed { failure, .. }, .. }) =
                orders.recv().await
            else {
                panic!("it is not there");
            };
            assert_eq!(failure.kind, expected, "{failure}");
            store.put(&keys::farm("mark"), Bytes::new()).await.unwrap();
        }
    }
}
