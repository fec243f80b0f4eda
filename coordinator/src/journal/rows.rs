//! What the rows of a journal mean, whichever database they come from.

use std::collections::BTreeMap;

use cleanplate_core::record::{Event, Record};
use cleanplate_types::failure::Stage;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::trail::{TrailEntry, TrailEvent};

use crate::journal::{Batch, JournalError, RECORD_FORMAT, TrailLine, format};

/// A row of `record`, as it is read.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct RecordRow {
    seq: i64,
    format: i64,
    body: Vec<u8>,
}

impl RecordRow {
    /// The record, of a journal that is named so.
    pub(super) fn read(self, journal: &str) -> Result<Record, JournalError> {
        let Self { seq, format: found, body } = self;
        let (journal, known) = (journal.to_owned(), RECORD_FORMAT);
        if found > known {
            return Err(JournalError::Newer { journal, found, known });
        }
        format::from_bytes(found, &body).map_err(|error| {
            if found < known {
                return JournalError::Older { journal, found, known };
            }
            JournalError::Damaged { journal, seq, why: error.to_string() }
        })
    }
}

/// A row of `trail`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct TrailRow {
    seq: i64,
    job: String,
    lease: i64,
    at_ms: i64,
    stage: String,
    event: String,
    detail: String,
    count: Option<i64>,
}

impl TrailRow {
    /// The line, of a journal that is named so.
    pub(super) fn read(self, journal: &str) -> Result<TrailLine, JournalError> {
        let Self { seq, job, lease, at_ms, stage, event, detail, count } = self;
        let damaged = |why| JournalError::Damaged { journal: journal.to_owned(), seq, why };
        let stage = Stage::parse(&stage)
            .ok_or_else(|| damaged(format!("`{stage}` is no stage of a trail")))?;
        let event = TrailEvent::parse(&event)
            .ok_or_else(|| damaged(format!("`{event}` is no event of a trail")))?;
        Ok(TrailLine {
            job: JobId::parse(&job).map_err(|error| damaged(error.to_string()))?,
            lease: LeaseId(lease.cast_unsigned()),
            entry: TrailEntry {
                at_ms: at_ms.cast_unsigned(),
                stage,
                event,
                detail,
                count: count.map(i64::cast_unsigned),
            },
        })
    }
}

/// A batch as columns: what a forgotten job takes with it is gone from the batch already, and named for the
/// rows that are older.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) jobs: Vec<String>,
    pub(super) at_ms: Vec<i64>,
    pub(super) kinds: Vec<&'static str>,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) trail: TrailColumns,
    /// Jobs that the batch forgets.
    pub(super) forgotten: Vec<String>,
    /// Of each, whether the record of its last lease is among the older rows, and stays there.
    pub(super) lease_is_older: Vec<bool>,
}

/// The lines of a batch as columns.
#[derive(Debug, Default)]
pub(super) struct TrailColumns {
    pub(super) jobs: Vec<String>,
    pub(super) leases: Vec<i64>,
    pub(super) at_ms: Vec<i64>,
    pub(super) stages: Vec<&'static str>,
    pub(super) events: Vec<&'static str>,
    pub(super) details: Vec<String>,
    pub(super) counts: Vec<Option<i64>>,
}

impl Columns {
    /// # Errors
    /// [`JournalError::Unwritable`] names the record that is no bytes.
    pub(super) fn of(batch: &Batch) -> Result<Self, JournalError> {
        let forgotten = forgotten(&batch.records);
        let mut columns = Self::default();
        for (index, record) in batch.records.iter().enumerate() {
            let dropped = forgotten.get(&record.job).is_some_and(|it| it.drops(index));
            if dropped {
                continue;
            }
            let body = format::to_bytes(record)
                .map_err(|source| JournalError::Unwritable { job: record.job.clone(), source })?;
            columns.jobs.push(record.job.as_str().to_owned());
            columns.at_ms.push(record.at.0.cast_signed());
            columns.kinds.push(format::kind(&record.event));
            columns.bodies.push(body);
        }
        for (job, it) in forgotten {
            columns.forgotten.push(job.as_str().to_owned());
            columns.lease_is_older.push(it.lease.is_none());
        }
        for TrailLine { job, lease, entry } in &batch.trails {
            let trail = &mut columns.trail;
            trail.jobs.push(job.as_str().to_owned());
            trail.leases.push(lease.0.cast_signed());
            trail.at_ms.push(entry.at_ms.cast_signed());
            trail.stages.push(entry.stage.as_str());
            trail.events.push(entry.event.as_str());
            trail.details.push(entry.detail.clone());
            trail.counts.push(entry.count.map(u64::cast_signed));
        }
        Ok(columns)
    }
}

/// Where in a batch a job is forgotten for the last time, and where its last lease before that is.
#[derive(Debug)]
struct Forgotten {
    at: usize,
    lease: Option<usize>,
}

impl Forgotten {
    /// Whether the record of this job at `index` goes with it.
    fn drops(&self, index: usize) -> bool {
        index < self.at && self.lease != Some(index)
    }
}

fn forgotten(records: &[Record]) -> BTreeMap<JobId, Forgotten> {
    let mut found = BTreeMap::new();
    for (index, record) in records.iter().enumerate().rev() {
        if record.event == Event::Forgotten {
            found.entry(record.job.clone()).or_insert(Forgotten { at: index, lease: None });
        } else if format::numbers_a_lease(&record.event)
            && let Some(it) = found.get_mut(&record.job)
            && it.lease.is_none()
        {
            it.lease = Some(index);
        }
    }
    found
}
