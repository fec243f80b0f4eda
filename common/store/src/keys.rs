//! Every key of the store as a pure function: those of a job's objects, and those of the farm's marks. No other code
//! spells a key.
//!
//! What is written under a lease carries the lease, so that a zombie's upload is garbage with its
//! own name and never a conflict (invariant 6), and so that a sweep of what a job left takes nothing
//! that the same job wrote since. What the coordinator writes carries the last lease of all. All objects
//! of a job lie below [`job`], and are made of ids that cannot hold a slash.

use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::overlay::Look;
use cleanplate_types::time::Tick;

/// The prefix of everything that belongs to jobs, with its closing slash.
pub const JOBS: &str = "jobs/";

/// The prefix of what a store is known by, with its closing slash.
pub const FARM: &str = "farm/";

/// What the store of the farm of this `name` is known by.
#[must_use]
pub fn farm(name: &str) -> String {
    format!("{FARM}{name}")
}

/// The prefix of the marks that tell which leases were given, with its closing slash.
pub const LEASES: &str = "leases/";

/// The mark which tells that leases were given up to `lease`.
#[must_use]
pub fn leases(lease: LeaseId) -> String {
    format!("{LEASES}{lease}")
}

/// The prefix of what tells which movies were published, with its closing slash.
pub const PUBLISHED: &str = "published/";

/// The prefix of what tells that the movie of `job` was published, with its closing slash.
#[must_use]
pub fn published_of(job: &JobId) -> String {
    format!("{PUBLISHED}{job}/")
}

/// What tells that the movie of `job` was published, written after `lease` was given.
#[must_use]
pub fn published(job: &JobId, lease: LeaseId) -> String {
    format!("{PUBLISHED}{job}/{lease}")
}

/// The prefix of the marks of what `endpoint` was told, with its closing slash.
#[must_use]
pub fn told(endpoint: &str) -> String {
    format!("told/{endpoint}/")
}

/// The prefix of the marks of what `endpoint` was told of `job`, with its closing slash.
#[must_use]
pub fn told_of_job(endpoint: &str, job: &JobId) -> String {
    format!("told/{endpoint}/{job}/")
}

/// The mark that `endpoint` was told `what` of `job`.
#[must_use]
pub fn told_of(endpoint: &str, job: &JobId, what: &str) -> String {
    format!("told/{endpoint}/{job}/{what}")
}

/// The job that a mark of what was told is about.
#[must_use]
pub fn told_job(key: &str) -> Option<JobId> {
    let (job, _what) = key.strip_prefix("told/")?.split_once('/')?.1.split_once('/')?;
    JobId::parse(job).ok()
}

/// The prefix of the mark since when `endpoint` is told, with its closing slash.
#[must_use]
pub fn told_since(endpoint: &str) -> String {
    format!("told-since/{endpoint}/")
}

/// The mark that `endpoint` is told what happens from `tick` on.
#[must_use]
pub fn told_since_tick(endpoint: &str, tick: Tick) -> String {
    format!("told-since/{endpoint}/{}", tick.0)
}

/// Since when that mark is.
#[must_use]
pub fn told_since_of(key: &str) -> Option<Tick> {
    key.rsplit_once('/')?.1.parse().ok().map(Tick)
}

/// The prefix of everything that belongs to `job`, with its closing slash.
#[must_use]
pub fn job(job: &JobId) -> String {
    format!("jobs/{job}/")
}

/// The source's description, as intake under `lease` found it.
#[must_use]
pub fn description(job: &JobId, lease: LeaseId) -> String {
    format!("jobs/{job}/description.{lease}")
}

/// The frame table, as intake under `lease` made it.
#[must_use]
pub fn table(job: &JobId, lease: LeaseId) -> String {
    format!("jobs/{job}/table.{lease}")
}

/// The packets of the source's other streams, as intake under `lease` kept them.
#[must_use]
pub fn rest(job: &JobId, lease: LeaseId) -> String {
    format!("jobs/{job}/rest.{lease}")
}

/// What a look at one window came to.
#[must_use]
pub fn evidence(job: &JobId, look: Look, window: u32, lease: LeaseId) -> String {
    format!("jobs/{job}/{}/{window:06}.{lease}", look.as_str())
}

/// What the evidence was reduced to.
#[must_use]
pub fn finding(job: &JobId, lease: LeaseId) -> String {
    format!("jobs/{job}/finding.{lease}")
}

/// What the overlays are made of, as the reduction under `lease` learned it.
#[must_use]
pub fn mattes(job: &JobId, lease: LeaseId) -> String {
    format!("jobs/{job}/mattes.{lease}")
}

/// The plan as it stood before a look, written after `lease` was given.
#[must_use]
pub fn draft(job: &JobId, look: Look, lease: LeaseId) -> String {
    format!("jobs/{job}/draft.{}.{lease}", look.as_str())
}

/// The job's complete plan, written after `lease` was given.
#[must_use]
pub fn brief(job: &JobId, lease: LeaseId) -> String {
    format!("jobs/{job}/brief.{lease}")
}

/// The packets of a cell, made under `lease`.
#[must_use]
pub fn part(job: &JobId, cell: CellIndex, lease: LeaseId) -> String {
    format!("jobs/{job}/parts/{:06}.{lease}.part", cell.0)
}

/// The manifest of a cell's part.
#[must_use]
pub fn manifest(job: &JobId, cell: CellIndex, lease: LeaseId) -> String {
    format!("jobs/{job}/parts/{:06}.{lease}.manifest", cell.0)
}

/// The prefix of all that stitches of `job` keep of their uploads, with its closing slash.
#[must_use]
pub fn stitch(job: &JobId) -> String {
    format!("jobs/{job}/stitch/")
}

/// How the key of an upload that was begun ends.
pub(crate) const STITCH_UPLOAD: &str = ".upload";

/// The upload that the stitch under `lease` began.
#[must_use]
pub fn stitch_upload(job: &JobId, lease: LeaseId) -> String {
    format!("jobs/{job}/stitch/{lease}{STITCH_UPLOAD}")
}

/// A piece of the movie that the stitch under `lease` has sent.
#[must_use]
pub fn stitch_piece(job: &JobId, lease: LeaseId, index: u64) -> String {
    format!("jobs/{job}/stitch/{lease}.{index:05}.piece")
}

/// The lease that the key of an object or a mark carries; nothing where it is none of the keys above.
#[must_use]
pub fn lease_of(key: &str) -> Option<LeaseId> {
    let (folder, name) = key.rsplit_once('/')?;
    let mut words = name.split('.');
    let is_of_stitch = matches!(folder.split('/').collect::<Vec<_>>()[..], ["jobs", _, "stitch"]);
    let lease = if is_of_stitch {
        words.next()
    } else {
        match words.next_back() {
            Some("part" | "manifest") => words.next_back(),
            last => last,
        }
    };
    lease?.parse().ok().map(LeaseId)
}

/// Whether an object of this key is one that workers make, under the lease that it carries: what the coordinator writes
/// carries a lease, too, and it may be one that a worker holds.
#[must_use]
pub fn is_made_by_workers(key: &str) -> bool {
    let parts: Vec<&str> = key.split('/').collect();
    match parts[..] {
        ["jobs", _, name] => {
            let kind = name.split('.').next().unwrap_or_default();
            ["description", "table", "rest", "finding", "mattes"].contains(&kind)
        }
        ["jobs", _, "parts", _] => true,
        ["jobs", _, look, _] => Look::ALL.iter().any(|one| one.as_str() == look),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(name: &str, lease: u64) -> Vec<String> {
        let id = JobId::parse(name).unwrap();
        let lease = LeaseId(lease);
        let cells = [CellIndex(0), CellIndex(7), CellIndex(u32::MAX)];
        let mut keys = vec![
            description(&id, lease),
            table(&id, lease),
            rest(&id, lease),
            finding(&id, lease),
            mattes(&id, lease),
            brief(&id, lease),
            stitch_upload(&id, lease),
            stitch_piece(&id, lease, 0),
            stitch_piece(&id, lease, 9_999),
        ];
        keys.extend(Look::ALL.map(|look| draft(&id, look, lease)));
        keys.extend(Look::ALL.map(|look| evidence(&id, look, 0, lease)));
        keys.extend(Look::ALL.map(|look| evidence(&id, look, u32::MAX, lease)));
        keys.extend(cells.map(|cell| part(&id, cell, lease)));
        keys.extend(cells.map(|cell| manifest(&id, cell, lease)));
        keys
    }

    #[test]
    fn no_key_leaves_the_prefix_of_its_job() {
        for name in ["a", "a.b-c", &"9".repeat(64)] {
            let id = JobId::parse(name).unwrap();
            for key in all(name, u64::MAX) {
                let rest = key.strip_prefix(&job(&id)).expect("it is below the job's prefix");
                assert!(!rest.is_empty());
                let parts: Vec<&str> = key.split('/').collect();
                assert!(parts.iter().all(|part| !["", ".", ".."].contains(part)), "{key}");
            }
        }
    }

    #[test]
    fn what_the_coordinator_writes_is_not_made_by_workers() {
        let (id, lease) = (JobId::parse("a").unwrap(), LeaseId(7));
        let own = [brief(&id, lease), stitch_upload(&id, lease), stitch_piece(&id, lease, 3)];
        let own = own.into_iter().chain(Look::ALL.map(|look| draft(&id, look, lease)));
        let own: BTreeSet<String> = own.collect();
        for key in all("a", 7).into_iter().chain([farm("f"), leases(lease), published(&id, lease)])
        {
            let workers =
                key.starts_with("jobs/") && !key.contains("/stitch/") && !own.contains(&key);
            assert_eq!(is_made_by_workers(&key), workers, "{key}");
        }
    }

    #[test]
    fn a_jobs_prefix_does_not_cover_a_longer_name() {
        let (short, long) = (JobId::parse("a").unwrap(), JobId::parse("ab").unwrap());
        assert!(!job(&long).starts_with(&job(&short)));
    }

    #[test]
    fn two_leases_and_two_cells_never_share_a_key() {
        let keys: Vec<String> =
            [1, 11, 111].into_iter().flat_map(|lease| all("j", lease)).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn every_key_tells_its_lease() {
        for lease in [1, 7, u64::MAX] {
            for key in
                ["j", "7", "a.9", "stitch", "parts"].into_iter().flat_map(|name| all(name, lease))
            {
                assert_eq!(lease_of(&key), Some(LeaseId(lease)), "{key}");
            }
        }
        for other in
            ["jobs/j/brief", "jobs/j/draft.learn", "jobs/j/table.", "7", "jobs/j/stitch/x.7"]
        {
            assert_eq!(lease_of(other), None, "{other}");
        }
    }

    #[test]
    fn keys_are_as_written_down() {
        let id = JobId::parse("j1").unwrap();
        assert_eq!(part(&id, CellIndex(42), LeaseId(7)), "jobs/j1/parts/000042.7.part");
        assert_eq!(manifest(&id, CellIndex(42), LeaseId(7)), "jobs/j1/parts/000042.7.manifest");
        assert_eq!(evidence(&id, Look::Find, 3, LeaseId(7)), "jobs/j1/find/000003.7");
        assert_eq!(description(&id, LeaseId(7)), "jobs/j1/description.7");
        assert_eq!(table(&id, LeaseId(7)), "jobs/j1/table.7");
        assert_eq!(rest(&id, LeaseId(7)), "jobs/j1/rest.7");
        assert_eq!(finding(&id, LeaseId(7)), "jobs/j1/finding.7");
        assert_eq!(brief(&id, LeaseId(7)), "jobs/j1/brief.7");
        assert_eq!(draft(&id, Look::Learn, LeaseId(7)), "jobs/j1/draft.learn.7");
        assert_eq!(job(&id), "jobs/j1/");
    }
}
