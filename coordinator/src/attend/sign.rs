//! Which requests to S3 are signed for a worker by the coordinator's keys.
//!
//! A worker reads what the jobs have that it holds leases of, and their sources and models, and writes under the leases
//! themselves. Refuses lists, deletions, copies, and every way of asking for more than an object's bytes.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use cleanplate_core::view::HeldView;
use cleanplate_store::{Location, OwnKeys, StoreError, Unsigned, keys};
use cleanplate_types::ids::{JobId, LeaseId};
use tonic::Status;

/// How long an address holds that was signed for reading, in ranges, for as long as a segment takes.
const READ_LASTS: Duration = Duration::from_secs(15 * 60);

/// The same for a write, which is one request: the wait for a throttled store. One that has begun goes on.
const WRITE_LASTS: Duration = Duration::from_secs(3 * 60);

/// What one worker holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    /// Of which process it is.
    pub(crate) instance: u64,
    /// Its leases, and the jobs that they are of.
    pub(crate) leases: Vec<(LeaseId, JobId)>,
    /// URLs of the sources and the models of these jobs.
    pub(crate) reads: Vec<String>,
}

impl Held {
    /// What the scheduler knows of it.
    pub(crate) fn of(view: &HeldView<'_>) -> Self {
        let leases = view.leases.iter().map(|(lease, job, _)| (*lease, (*job).clone()));
        let reads = view.leases.iter().flat_map(|(_, _, request)| {
            let detectors = request.detectors.iter().map(|detector| &detector.model);
            let models = detectors.chain(&request.painter).map(|model| &model.url);
            models.chain([&request.input])
        });
        let reads: BTreeSet<&String> = reads.collect();
        Self {
            instance: view.instance,
            leases: leases.collect(),
            reads: reads.into_iter().cloned().collect(),
        }
    }
}

/// Signs for the workers of one farm.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The store's bucket, and the prefix in it.
    store: Option<(String, String)>,
    keys: OwnKeys,
}

impl Signer {
    /// For the store at `url`.
    pub(crate) fn new(url: &str) -> Self {
        let store = match Location::parse(url) {
            Ok(Location::S3 { bucket, key }) => Some((bucket, key)),
            Ok(
                Location::File(_)
                | Location::Gcs { .. }
                | Location::Azure { .. }
                | Location::Web(_),
            )
            | Err(_) => None,
        };
        Self { store, keys: OwnKeys::default() }
    }

    /// Signs `request` for the worker that holds `held`; tells the address and for how long it holds.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` where it may not be, `INVALID_ARGUMENT` where it is no request, `UNAVAILABLE` where there are
    /// no keys.
    pub(crate) async fn sign(
        &self,
        request: &Unsigned,
        held: &Held,
    ) -> Result<(String, Duration), Status> {
        let place = Place::of(request)?;
        if let Err(why) = self.may(request, &place, held) {
            return Err(Status::permission_denied(format!(
                "{} of {place} is not signed for this worker: {why}",
                request.method
            )));
        }
        let lasts = if Verb::of(request) == Ok(Verb::Read) { READ_LASTS } else { WRITE_LASTS };
        let signed = self.keys.sign(request, lasts).await;
        let url = signed.map_err(|error| {
            if matches!(error, StoreError::BadKey { .. }) {
                return Status::invalid_argument(error.to_string());
            }
            Status::unavailable(format!("the coordinator's keys of the store: {error}"))
        })?;
        Ok((url.into(), lasts))
    }

    fn may(&self, request: &Unsigned, place: &Place, held: &Held) -> Result<(), &'static str> {
        let verb = Verb::of(request)?;
        let headers = request.headers.iter();
        if headers.map(|(name, _)| name).any(|name| !is_harmless(name)) {
            return Err("it carries a header that asks for more");
        }
        if verb == Verb::Read && held.reads.iter().any(|url| place.is(url)) {
            return Ok(());
        }
        let Some(key) = self.in_store(place) else {
            return Err("no lease of its has to do with that object");
        };
        if verb == Verb::Read && key.starts_with(keys::FARM) {
            return Ok(());
        }
        let is_of_job = |(_, job): &&(LeaseId, JobId)| key.starts_with(&keys::job(job));
        let mut leases = held.leases.iter().filter(is_of_job).peekable();
        if leases.peek().is_none() {
            return Err("it holds no lease of that job");
        }
        let lease = keys::lease_of(key);
        match verb {
            Verb::Read => Ok(()),
            Verb::Write if !keys::is_made_by_workers(key) => Err("workers make no such object"),
            Verb::Write if leases.any(|(held, _)| lease == Some(*held)) => Ok(()),
            Verb::Write => Err("it writes under its own leases only"),
        }
    }

    /// The key below the store's root.
    fn in_store<'a>(&self, place: &'a Place) -> Option<&'a str> {
        let (bucket, prefix) = self.store.as_ref()?;
        if place.bucket != *bucket {
            return None;
        }
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            return Some(&place.key);
        }
        place.key.strip_prefix(prefix)?.strip_prefix('/')
    }
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Read,
    Write,
}

impl Verb {
    fn of(request: &Unsigned) -> Result<Self, &'static str> {
        let mut names: Vec<&str> = request.query.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match (request.method.as_str(), names.as_slice()) {
            ("GET" | "HEAD", []) => Ok(Self::Read),
            ("PUT", [] | ["partNumber", "uploadId"])
            | ("POST", ["uploads"] | ["uploadId"])
            | ("DELETE", ["uploadId"]) => Ok(Self::Write),
            _ => Err("it is none that work needs"),
        }
    }
}

/// What may be sent along: how the bytes are checked, and nothing that copies, grants or encrypts.
fn is_harmless(header: &str) -> bool {
    matches!(header, "x-amz-content-sha256" | "x-amz-date" | "x-amz-sdk-checksum-algorithm")
        || header.starts_with("x-amz-checksum-")
}

/// An object in a bucket.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    bucket: String,
    key: String,
}

impl Place {
    fn of(request: &Unsigned) -> Result<Self, Status> {
        let Unsigned { bucket, path, .. } = request;
        let key = OwnKeys::key(path).map_err(|reason| {
            Status::invalid_argument(format!("s3://{bucket}/{path}: {reason}"))
        })?;
        Ok(Self { bucket: bucket.clone(), key })
    }

    /// Whether `url` is the same object.
    fn is(&self, url: &str) -> bool {
        matches!(
            Location::parse(url),
            Ok(Location::S3 { bucket, key }) if bucket == self.bucket && key == self.key
        )
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> JobId {
        JobId::parse(name).unwrap()
    }

    fn held() -> Held {
        let leases = vec![(LeaseId(7), job("job-a")), (LeaseId(8), job("job-a"))];
        Held { instance: 1, leases, reads: vec!["s3://films/in/a film.mp4".to_owned()] }
    }

    fn asked(method: &str, bucket: &str, path: &str, query: &[&str]) -> Result<(), String> {
        let query = query.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        let request = Unsigned {
            bucket: bucket.to_owned(),
            path: path.to_owned(),
            method: method.to_owned(),
            query,
            headers: Vec::new(),
        };
        let place = Place::of(&request).map_err(|status| status.message().to_owned())?;
        Signer::new("s3://farm/work").may(&request, &place, &held()).map_err(str::to_owned)
    }

    #[test]
    fn a_worker_reads_its_jobs_and_their_sources_and_writes_under_its_leases() {
        for (method, bucket, path, query) in [
            ("GET", "films", "in/a%20film.mp4", &[][..]),
            ("HEAD", "films", "in/a%20film.mp4", &[]),
            ("GET", "farm", "work/farm/f-1", &[]),
            ("GET", "farm", "work/jobs/job-a/brief.3", &[]),
            ("GET", "farm", "work/jobs/job-a/parts/000001.2.part", &[]),
            ("PUT", "farm", "work/jobs/job-a/parts/000001.7.part", &[]),
            ("PUT", "farm", "work/jobs/job-a/parts/000001.8.manifest", &[]),
            ("POST", "farm", "work/jobs/job-a/rest.7", &["uploads"]),
            ("PUT", "farm", "work/jobs/job-a/rest.7", &["uploadId", "partNumber"]),
            ("POST", "farm", "work/jobs/job-a/rest.7", &["uploadId"]),
            ("DELETE", "farm", "work/jobs/job-a/rest.7", &["uploadId"]),
        ] {
            assert_eq!(asked(method, bucket, path, query), Ok(()), "{method} {bucket}/{path}");
        }
    }

    #[test]
    fn nothing_else_is_signed() {
        for (method, bucket, path, query) in [
            // Other jobs, other leases, marks.
            ("GET", "farm", "work/jobs/job-b/brief.3", &[][..]),
            ("GET", "farm", "work/jobs/job-ab/brief.3", &[]),
            ("PUT", "farm", "work/jobs/job-a/parts/000001.9.part", &[]),
            ("PUT", "farm", "work/jobs/job-a/brief.6", &[]),
            // What the coordinator writes carries leases as well.
            ("PUT", "farm", "work/jobs/job-a/brief.7", &[]),
            ("PUT", "farm", "work/jobs/job-a/draft.find.7", &[]),
            ("PUT", "farm", "work/jobs/job-a/stitch/7.upload", &[]),
            ("PUT", "farm", "work/jobs/job-a/stitch/7.00000.piece", &[]),
            ("PUT", "farm", "work/jobs/job-a/new.7", &[]),
            ("PUT", "farm", "work/jobs/job-a/deep/er/000001.7.part", &[]),
            ("PUT", "farm", "work/farm/f-1", &[]),
            ("PUT", "farm", "work/leases/7", &[]),
            ("GET", "farm", "work/leases/7", &[]),
            ("PUT", "farm", "work/published/job-a/7", &[]),
            ("GET", "farm", "work", &[]),
            // Outside the store, and ways out of it.
            ("GET", "farm", "jobs/job-a/brief.3", &[]),
            ("GET", "farm", "work/jobs/job-a/../job-b/brief.3", &[]),
            ("GET", "farm", "work/jobs/job-a/%2e%2e/job-b/brief.3", &[]),
            ("GET", "farm", "work//jobs/job-a/brief.3", &[]),
            ("GET", "other", "work/jobs/job-a/brief.3", &[]),
            ("PUT", "films", "in/a%20film.mp4", &[]),
            ("DELETE", "films", "in/a%20film.mp4", &["uploadId"]),
            ("GET", "films", "in/another.mp4", &[]),
            ("GET", "films", "in/a%2520film.mp4", &[]),
            ("GET", "films", "", &[]),
            // Other ways of asking.
            ("GET", "farm", "work/jobs/job-a/brief.3", &["acl"]),
            ("GET", "farm", "work/jobs/job-a", &["list-type"]),
            ("GET", "farm", "", &["list-type", "prefix"]),
            ("PUT", "farm", "work/jobs/job-a/rest.7", &["acl"]),
            ("PUT", "farm", "work/jobs/job-a/rest.7", &["uploadId"]),
            ("POST", "farm", "work/jobs/job-a/rest.7", &["delete"]),
            ("POST", "farm", "", &["delete"]),
            ("DELETE", "farm", "work/jobs/job-a/rest.7", &[]),
            ("PATCH", "farm", "work/jobs/job-a/rest.7", &[]),
            ("get", "farm", "work/jobs/job-a/brief.3", &[]),
        ] {
            assert!(asked(method, bucket, path, query).is_err(), "{method} {bucket}/{path}");
        }
    }

    #[test]
    fn a_header_that_asks_for_more_is_not_signed() {
        for (name, is_signed) in [
            ("x-amz-checksum-sha256", true),
            ("x-amz-copy-source", false),
            ("x-amz-acl", false),
            ("x-amz-grant-read", false),
            ("x-amz-tagging", false),
        ] {
            let request = Unsigned {
                bucket: "farm".to_owned(),
                path: "work/jobs/job-a/rest.7".to_owned(),
                method: "PUT".to_owned(),
                query: Vec::new(),
                headers: vec![(name.to_owned(), "1".to_owned())],
            };
            let place = Place::of(&request).unwrap();
            let may = Signer::new("s3://farm/work").may(&request, &place, &held());
            assert_eq!(may.is_ok(), is_signed, "{name}");
        }
    }
}
