//! What the store is told beside the journal, so that a journal that was put back to an older copy of itself is known
//! for what it is: which leases were given, and which movies were published; and the mark by which the store itself is
//! known.
//!
//! Owns these marks and what they tell at a start. They come after the records, by up to some seconds, so what they do
//! not tell proves nothing. Refuses to delete a job's objects: those of a job that no record tells of may be another
//! farm's.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::scheduler::Scheduler;
use cleanplate_core::view::JobView;
use cleanplate_store::{Listed, Store, StoreError, encode_object, keys, kinds};
use cleanplate_types::digest::Sha;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::request::JobRequest;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How often the mark of the leases is moved, where leases are given all the time.
const EVERY: Duration = Duration::from_secs(5);

/// More leases than are given between two movements of that mark.
const MARGIN: u64 = 1_000_000;

/// How long a coordinator that ends waits for the store: another one waits for it.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Writes under way at once.
const ERRANDS_MAX: usize = 4;

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
    room: Arc<Semaphore>,
    errands: JoinSet<()>,
}

impl Marks {
    pub(crate) fn new(store: Store) -> Self {
        let (given, told) = (LeaseId(0), LeaseId(0));
        let room = Arc::new(Semaphore::new(ERRANDS_MAX));
        Self { store, given, told, moved: None, room, errands: JoinSet::new() }
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
        let room = Arc::clone(&self.room);
        self.errands.spawn(async move {
            let _permit = room.acquire().await;
            if let Err(error) = errand.await {
                tracing::debug!(%error, "a mark in the store is not what it should be");
            }
        });
    }

    /// Writes what is left to write, as far as the store takes it soon.
    pub(crate) async fn stop(mut self) {
        self.move_on();
        let written = async { while self.errands.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WAIT, written).await.is_err() {
            tracing::debug!("the store takes too long, and is not told what it should be");
        }
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

/// Of all but what may be changed while the job is open.
fn fingerprint(request: &JobRequest) -> Result<Sha, StoreError> {
    let request = JobRequest { priority: 0, ..request.clone() };
    let bytes = encode_object(kinds::PUBLISHED, &request)
        .map_err(|source| StoreError::Unencodable { key: keys::PUBLISHED.to_owned(), source })?;
    Ok(Sha::of(&bytes))
}

/// The name by which the store is known, where it has one.
///
/// # Errors
/// What kept the store from answering.
pub(crate) async fn named(store: &Store) -> Result<Option<String>, StoreError> {
    let listed = store.list(keys::FARM).await?;
    let name = |key: &str| key.strip_prefix(keys::FARM).map(str::to_owned);
    Ok(listed.first().and_then(|first| name(&first.key)))
}

/// Gives the store a name, where it has none.
///
/// # Errors
/// As for [`named`].
pub(crate) async fn name(store: &Store) -> Result<String, StoreError> {
    // Each `RandomState` is seeded anew.
    let own = format!("{:016x}", RandomState::new().build_hasher().finish());
    store.put(&keys::farm(&own), Bytes::new()).await?;
    // Of two that are made at once both go by the first.
    Ok(named(store).await?.unwrap_or(own))
}

/// Where the store knows later leases than `scheduler`, lets it give none of them again. Returns the jobs that it takes
/// for open and whose movies were published.
///
/// # Errors
/// What kept the store from answering: who does not know which leases were given must give none.
pub(crate) async fn compare(
    store: &Store,
    scheduler: &mut Scheduler,
) -> Result<Vec<(JobId, JobOutcome)>, StoreError> {
    let marks = store.list(keys::LEASES).await?;
    let given = marks.iter().filter_map(|mark| keys::lease_of(&mark.key)).max();
    let later = given.filter(|given| *given > scheduler.last_lease());
    if let Some(given) = later {
        tracing::warn!(
            "the journal ends with lease {}, and the store {} knows lease {given}: the journal is an older copy of \
             itself, or another farm uses this store",
            scheduler.last_lease(),
            store.url(),
        );
        scheduler.skip_leases(LeaseId(given.0 + MARGIN));
        tell_unknown(store, scheduler).await?;
    } else if given.is_none() && scheduler.last_lease() > LeaseId(0) {
        tracing::warn!(
            leases = %scheduler.last_lease(),
            "the store {} knows nothing of this journal, which has given leases: it is another store than before, or \
             lost what it had, or an older version wrote it",
            store.url()
        );
    }
    found(store, scheduler).await
}

/// Names the jobs that have objects and of which no record tells.
async fn tell_unknown(store: &Store, scheduler: &Scheduler) -> Result<(), StoreError> {
    let is_known =
        |name: &String| JobId::parse(name).is_ok_and(|job| scheduler.job_view(&job).is_some());
    let mut ended = store.folders(keys::PUBLISHED).await?;
    ended.retain(|name| !is_known(name));
    if !ended.is_empty() {
        let count = ended.len();
        ended.truncate(NAMED_MAX);
        tracing::warn!(
            jobs = ended.join(", "),
            "{count} jobs whose movies were published are unknown to the journal"
        );
    }
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

/// With a note of how its end is known.
fn noted(mut outcome: JobOutcome) -> JobOutcome {
    if let JobOutcome::Done(published) | JobOutcome::Copied { published, .. } = &mut outcome {
        let note = "the store told that the movie was published: the journal was put back to a copy from before that";
        published.notes.push(note.to_owned());
    }
    outcome
}

/// The open jobs whose movies were published.
async fn found(
    store: &Store,
    scheduler: &Scheduler,
) -> Result<Vec<(JobId, JobOutcome)>, StoreError> {
    let mut found = Vec::new();
    for name in store.folders(keys::PUBLISHED).await? {
        let Ok(job) = JobId::parse(&name) else { continue };
        let Some(view) = scheduler.job_view(&job).filter(|view| view.outcome.is_none()) else {
            continue;
        };
        for listed in store.list(&keys::published_of(&job)).await? {
            found.extend(told_of(store, &listed, &view).await?);
        }
    }
    Ok(found)
}

/// How the job of `view` ended, by a mark of a job of its name.
async fn told_of(
    store: &Store,
    listed: &Listed,
    view: &JobView<'_>,
) -> Result<Option<(JobId, JobOutcome)>, StoreError> {
    let job = view.job;
    match store.get_listed::<Publication>(listed, kinds::PUBLISHED).await {
        Ok(told) if told.request == fingerprint(view.request)? => {
            tracing::warn!(%job, "the store tells that its movie was published, which the journal does not");
            Ok(Some((job.clone(), noted(told.outcome))))
        }
        // Of a job that had the name before.
        Ok(_other) => Ok(None),
        Err(error @ StoreError::Undecodable { .. }) => {
            tracing::warn!(%job, %error, "what the store tells of its movie cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
