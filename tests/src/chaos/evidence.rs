//! What a job is at, by what the coordinator's log and the store show of it, looked at every few milliseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::draw::Phase;

/// How long a part or a manifest that is not committed counts as on its way: a worker that died leaves some that
/// nobody will commit.
const FRESH: Duration = Duration::from_millis(120);

/// How long a cell counts as being committed after the log has said that it is: one look and a little.
const JUST: Duration = Duration::from_millis(8);

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Evidence {
    log: PathBuf,
    read: u64,
    rest: String,
    parts: PathBuf,
    /// Parts and manifests, and when each was first seen.
    seen: BTreeMap<String, Instant>,
    committed: BTreeSet<u32>,
    committed_at: Option<Instant>,
    cells: usize,
    said: BTreeSet<&'static str>,
    /// Since when each phase is on without a break.
    since: BTreeMap<Phase, Instant>,
}

/// Words of the log that begin and end phases.
const WORDS: [&str; 6] = [
    "intake granted",
    "intake done",
    "window granted",
    "plan settled",
    "segment granted",
    "stitch started",
];

impl Evidence {
    /// What there is of `job` in a log and in a store's folder.
    pub(super) fn of(log: PathBuf, store: &std::path::Path, job: &str) -> Self {
        Self {
            log,
            read: 0,
            rest: String::new(),
            parts: store.join("jobs").join(job).join("parts"),
            seen: BTreeMap::new(),
            committed: BTreeSet::new(),
            committed_at: None,
            cells: 0,
            said: BTreeSet::new(),
            since: BTreeMap::new(),
        }
    }

    /// Looks again.
    pub(super) fn look(&mut self) {
        let now = Instant::now();
        // The store before the log: what is committed in between is then known to be.
        if let Ok(entries) = std::fs::read_dir(&self.parts) {
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                self.seen.entry(name).or_insert(now);
            }
        }
        self.read_log(now);
        for phase in Phase::ALL {
            if self.shows(phase, now) {
                self.since.entry(phase).or_insert(now);
            } else {
                self.since.remove(&phase);
            }
        }
    }

    /// Since when the job is at `phase`; nothing where it is not. Of uploads and commits the first `nth - 1` do not count.
    pub(super) fn since(&self, phase: Phase, nth: u32) -> Option<Instant> {
        let enough = match phase {
            Phase::Upload => self.names(".part").count(),
            Phase::Commit => self.names(".manifest").count(),
            Phase::Intake | Phase::Analyse | Phase::Segment | Phase::Stitch | Phase::Publish => {
                return self.since.get(&phase).copied();
            }
        };
        let enough = enough >= usize::try_from(nth).unwrap_or(usize::MAX);
        self.since.get(&phase).filter(|_| enough).copied()
    }

    fn names(&self, ending: &'static str) -> impl Iterator<Item = (&String, &Instant)> {
        // What is being written has the name that it will have, and more behind it.
        self.seen.iter().filter(move |(name, _)| name.contains(ending))
    }

    fn shows(&self, phase: Phase, now: Instant) -> bool {
        let said = |words| self.said.contains(words);
        let all = self.cells > 0 && self.committed.len() >= self.cells;
        match phase {
            Phase::Intake => said("intake granted") && !said("intake done"),
            Phase::Analyse => said("window granted") && !said("plan settled"),
            Phase::Segment => said("segment granted") && !all,
            Phase::Upload => self.is_on_its_way(".part", now),
            Phase::Commit => {
                let just = self.committed_at.is_some_and(|at| now.duration_since(at) < JUST);
                just || self.is_on_its_way(".manifest", now)
            }
            Phase::Stitch => said("stitch started") && !all,
            Phase::Publish => all,
        }
    }

    /// Whether the newest of them is not what comes behind it yet.
    fn is_on_its_way(&self, ending: &'static str, now: Instant) -> bool {
        self.names(ending).any(|(name, seen)| {
            let stem = name.split(ending).next().unwrap_or_default();
            let cell = stem.split('.').next().and_then(|cell| cell.parse().ok());
            let is_committed = cell.is_none_or(|cell: u32| self.committed.contains(&cell));
            let has_manifest = self.seen.contains_key(&format!("{stem}.manifest"));
            let is_next = ending == ".part" && has_manifest;
            !is_committed && !is_next && now.duration_since(*seen) < FRESH
        })
    }

    fn read_log(&mut self, now: Instant) {
        let Ok(mut file) = File::open(&self.log) else { return };
        if file.seek(SeekFrom::Start(self.read)).is_err() {
            return;
        }
        let mut bytes = Vec::new();
        let Ok(count) = file.read_to_end(&mut bytes) else { return };
        self.read += count as u64;
        self.rest.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((line, rest)) = self.rest.split_once('\n') {
            let (line, rest) = (line.to_owned(), rest.to_owned());
            self.rest = rest;
            self.take(&line, now);
        }
    }

    fn take(&mut self, line: &str, now: Instant) {
        self.said.extend(WORDS.iter().filter(|words| line.contains(**words)));
        if line.contains("cells are cut") {
            self.cells = field(line, "cells").unwrap_or(self.cells);
        }
        if line.contains("cell committed") {
            self.committed.extend(field(line, "cell").and_then(|cell| u32::try_from(cell).ok()));
            self.committed_at = Some(now);
        }
        if line.contains("part discarded")
            && let Some(cell) = field(line, "cell").and_then(|cell| u32::try_from(cell).ok())
        {
            self.committed.remove(&cell);
        }
    }
}

/// A number after a field's name.
fn field(line: &str, name: &str) -> Option<usize> {
    let (_, value) = line.split_once(&format!(" {name}="))?;
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_at_what_log_and_store_show() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let parts = folder.path().join("jobs/j/parts");
        std::fs::create_dir_all(&parts).unwrap();
        let mut evidence = Evidence::of(log.clone(), folder.path(), "j");
        let mut told = String::new();
        let mut at = |line: &str| {
            told.push_str(line);
            std::fs::write(&log, &told).unwrap();
            evidence.look();
            let on = |phase: &Phase| evidence.since(*phase, 1).is_some();
            Phase::ALL.into_iter().filter(on).collect::<Vec<_>>()
        };
        assert_eq!(at("INFO x: intake granted job=j\n"), [Phase::Intake]);
        assert_eq!(at("INFO x: intake done job=j frames=9\n"), []);
        assert_eq!(at("INFO x: cells are cut job=j cells=1 windows=1\n"), []);
        assert_eq!(at("INFO x: window granted job=j\n"), [Phase::Analyse]);
        assert_eq!(at("INFO x: plan settled job=j\nINFO x: segment gra"), []);
        assert_eq!(at("nted job=j\n"), [Phase::Segment]);
        std::fs::write(parts.join("000000.7.part"), "").unwrap();
        assert_eq!(at(""), [Phase::Segment, Phase::Upload]);
        std::fs::write(parts.join("000000.7.manifest"), "").unwrap();
        assert_eq!(at(""), [Phase::Segment, Phase::Commit]);
        let committed = at("INFO x: cell committed job=j lease=7 cell=0 frames=9\n");
        assert_eq!(committed, [Phase::Commit, Phase::Publish]);
    }
}
