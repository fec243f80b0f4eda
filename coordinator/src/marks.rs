//! What the store is told beside the journal, so that a journal that was put back to an older copy of itself is known
//! for what it is: which leases were given, and which movies were published.
//!
//! Owns these marks and what they tell at a start. They come after the records, by up to some seconds, so what they do
//! not tell proves nothing. Refuses to delete a job's objects: those of a job that no record tells of may be another
//! farm's.

use std::time::{Duration, Instant};

use bytes::Bytes;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::scheduler::Scheduler;
use cleanplate_store::{Store, StoreError, encode_object, keys, kinds};
use cleanplate_types::digest::Sha;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::request::JobRequest;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// How often the mark of the leases is moved, where leases are given all the time.
const EVERY: Duration = Duration::from_secs(5);

/// More leases than are given between two movements of that mark.
const MARGIN: u64 = 1_000_000;

/// Unknown jobs that a warning names.
const NAMED_MAX: usize = 5;

/// What is told of a published movie.
#[derive(Debug, Serialize, Deserialize)]
struct Publication {
    /// Of what was asked for: another job may have come under the name.
    request: Sha,
    outcome: JobOutcome,
}

/// Writes the marks. See the top of the file.
#[derive(Debug)]
pub(crate) struct Marks {
    store: Store,
    /// The last lease that was given.
    given: LeaseId,
    /// What the mark in the store tells.
    told: LeaseId,
    moved: Option<Instant>,
    errands: JoinSet<()>,
}

impl Marks {
    pub(crate) fn new(store: Store) -> Self {
        let (given, told) = (LeaseId(0), LeaseId(0));
        Self { store, given, told, moved: None, errands: JoinSet::new() }
    }

    /// Leases were given up to `given`, and that is durable.
    pub(crate) fn given(&mut self, given: LeaseId) {
        self.given = given;
        if self.moved.is_none_or(|moved| moved.elapsed() >= EVERY) {
            self.move_on();
        }
    }

    fn move_on(&mut self) {
        let (given, before) = (self.given, self.told);
        if given > before {
            (self.told, self.moved) = (given, Some(Instant::now()));
            let store = self.store.clone();
            self.spawn(async move { tell_given(&store, before, given).await });
        }
    }

    /// The movie of a job was published, and that is durable.
    pub(crate) fn published(&mut self, job: &JobId, request: &JobRequest, outcome: &JobOutcome) {
        let key = keys::published(job, self.given);
        let (store, outcome) = (self.store.clone(), outcome.clone());
        let request = fingerprint(request);
        self.spawn(async move {
            let publication = Publication { request: request?, outcome };
            store.put_value(&key, kinds::PUBLISHED, &publication).await.map(drop)
        });
    }

    /// A job was forgotten, and that is durable.
    pub(crate) fn forgotten(&mut self, job: &JobId) {
        let (store, prefix) = (self.store.clone(), keys::published_of(job));
        self.spawn(async move { store.delete_prefix(&prefix, |_key| true).await.map(drop) });
    }

    fn spawn(&mut self, errand: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
        while self.errands.try_join_next().is_some() {}
        self.errands.spawn(async move {
            if let Err(error) = errand.await {
                tracing::debug!(%error, "a mark in the store is not what it should be");
            }
        });
    }

    /// Writes what is left to write.
    pub(crate) async fn stop(mut self) {
        self.move_on();
        while self.errands.join_next().await.is_some() {}
    }
}

/// Moves the mark of the leases from `before`, which is 0 where it was another coordinator's, to `given`.
async fn tell_given(store: &Store, before: LeaseId, given: LeaseId) -> Result<(), StoreError> {
    store.put(&keys::leases(given), Bytes::new()).await?;
    if before == LeaseId(0) {
        let older = move |key: &str| keys::lease_of(key).is_none_or(|lease| lease < given);
        store.delete_prefix(keys::LEASES, older).await.map(drop)
    } else {
        store.delete(&keys::leases(before)).await
    }
}

fn fingerprint(request: &JobRequest) -> Result<Sha, StoreError> {
    let bytes = encode_object(kinds::PUBLISHED, request)
        .map_err(|source| StoreError::Unencodable { key: keys::PUBLISHED.to_owned(), source })?;
    Ok(Sha::of(&bytes))
}

/// Where the store knows later leases than `scheduler`: lets it give none of them again, and returns the jobs that
/// it takes for open and whose movies are there.
pub(crate) async fn compare(store: &Store, scheduler: &mut Scheduler) -> Vec<(JobId, JobOutcome)> {
    let looked = async {
        let marks = store.list(keys::LEASES).await?;
        let given = marks.iter().filter_map(|mark| keys::lease_of(&mark.key)).max();
        let Some(given) = given.filter(|given| *given > scheduler.last_lease()) else {
            return Ok(Vec::new());
        };
        tracing::warn!(
            "the journal ends with lease {}, and the store {} knows lease {given}: the journal is an older copy of \
             itself, or another farm uses this store",
            scheduler.last_lease(),
            store.url(),
        );
        scheduler.skip_leases(LeaseId(given.0 + MARGIN));
        tell_unknown(store, scheduler).await?;
        found(store, scheduler).await
    };
    looked.await.unwrap_or_else(|error: StoreError| {
        tracing::warn!(%error, "whether the journal is as new as the store could not be looked up");
        Vec::new()
    })
}

/// Names the jobs that have objects and of which no record tells.
async fn tell_unknown(store: &Store, scheduler: &Scheduler) -> Result<(), StoreError> {
    let is_known =
        |name: &String| JobId::parse(name).is_ok_and(|job| scheduler.job_view(&job).is_some());
    let mut jobs = store.folders(keys::JOBS).await?;
    jobs.retain(|name| !is_known(name));
    if !jobs.is_empty() {
        let (count, below) = (jobs.len(), store.url_of(keys::JOBS));
        jobs.truncate(NAMED_MAX);
        tracing::warn!(
            jobs = jobs.join(", "),
            "{count} jobs have objects below {below} and are unknown to the journal: submit them again, or delete \
             their objects by hand where no other farm uses this store"
        );
    }
    Ok(())
}

/// The open jobs whose movies were published.
async fn found(
    store: &Store,
    scheduler: &Scheduler,
) -> Result<Vec<(JobId, JobOutcome)>, StoreError> {
    let mut found = Vec::new();
    for view in scheduler.jobs().filter(|view| view.outcome.is_none()) {
        for listed in store.list(&keys::published_of(view.job)).await? {
            let told: Publication = store.get_listed(&listed, kinds::PUBLISHED).await?;
            if told.request == fingerprint(view.request)? {
                tracing::warn!(job = %view.job, "its movie is there: it was published since the journal was copied");
                found.push((view.job.clone(), told.outcome));
            }
        }
    }
    Ok(found)
}
