//! What must hold of every journal and every grant, whatever the world does. Sees records and effects
//! only, and knows the truth of each source; shares no code with the scheduler.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_core::input::Survey;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, LeaseEnd, Piece, Record};
use cleanplate_types::cell::Cell;
use cleanplate_types::frames::{EntryKind, FrameTable};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::part::PartSummary;

/// How often each kind of thing happened, so that a world in which nothing goes wrong is noticed.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// A job as its records tell it, kept apart from the scheduler's own book.
#[derive(Debug, Default)]
struct Job {
    cells: Vec<Cell>,
    accepted: Vec<Option<PartSummary>>,
    outcome: Option<JobOutcome>,
    briefs: u64,
    /// How often the border before a cell broke.
    breaks: BTreeMap<CellIndex, u32>,
    /// The cells that are audited, and the manifest that was found right.
    audits: BTreeMap<CellIndex, Option<String>>,
    /// Whether neighbours are compared.
    compared: bool,
    /// Whether its plan was written down for a look.
    drafted: bool,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(crate) struct Checkers {
    jobs: BTreeMap<JobId, Job>,
    /// Every current lease.
    leases: BTreeMap<LeaseId, (JobId, WorkerId, Piece)>,
    /// Every lease that was ever granted or started.
    known: BTreeSet<LeaseId>,
    slots: BTreeMap<WorkerId, u32>,
    /// Whose report the step was about.
    pub(crate) speaker: Option<WorkerId>,
    pub(crate) counts: Counts,
}

impl Checkers {
    pub(crate) fn set_slots(&mut self, worker: WorkerId, slots: u32) {
        self.slots.insert(worker, slots);
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Takes a record that is in the journal; `truth` is the job's real table.
    pub(crate) fn take(&mut self, record: &Record, truth: &FrameTable) {
        let id = &record.job;
        self.count(name(&record.event));
        match &record.event {
            Event::Submitted { .. } => {
                let before = self.jobs.insert(id.clone(), Job::default());
                assert!(before.is_none(), "a job is submitted once");
            }
            Event::Leased { lease, worker, piece, .. } => self.leased(id, *lease, worker, *piece),
            Event::LeaseEnded { lease, end } => self.lease_ended(*lease, end),
            Event::IntakeDone { lease, .. }
            | Event::WindowDone { lease, .. }
            | Event::Reduced { lease, .. } => {
                self.check_speaker(*lease);
                self.drop_lease(*lease);
            }
            Event::StitchStarted { lease } => {
                assert!(self.known.insert(*lease), "lease {lease} is used once");
            }
            Event::Surveyed(survey) => self.surveyed(id, survey),
            Event::SeamBroken { cell, failure } => {
                assert!(failure.worker.is_some() && failure.frames.is_some(), "{failure}");
                self.seam_broken(id, *cell);
            }
            Event::AuditsDrawn { cells, note } => {
                assert!(note.contains(" %"), "it says what it buys: {note}");
                self.job(id).audits = cells.iter().map(|cell| (*cell, None)).collect();
            }
            Event::AuditDone { lease, cell } => self.audit_done(id, *lease, *cell),
            Event::Briefed { .. } => {
                let job = self.job(id);
                job.briefs += 1;
                job.accepted = vec![None; job.cells.len()];
                job.breaks.clear();
                job.audits.clear();
            }
            Event::CellCommitted { lease, summary } => self.committed(id, *lease, summary),
            Event::PartDiscarded { cell, .. } => {
                let part = self.job(id).accepted[place(*cell)].take();
                assert!(part.is_some(), "there was a part to discard");
            }
            Event::Retabled { .. } | Event::EncoderLost { .. } => self.started_over(id),
            Event::Ended(outcome) => self.ended(id, outcome, truth),
            Event::Retried => {
                self.job(id).breaks.clear();
                let before = self.job(id).outcome.take();
                assert!(before.is_some(), "a job that is tried again had ended");
            }
            Event::Forgotten => {
                let job = self.jobs.remove(id);
                assert!(job.is_some_and(|job| job.outcome.is_some()), "a forgotten job had ended");
            }
            Event::Approved { .. } => {
                assert!(self.job(id).drafted, "what a person approves has been drawn up");
            }
            Event::Drafted { .. } => self.job(id).drafted = true,
            Event::PlanSettled(_)
            | Event::CopySettled(_)
            | Event::EncoderChosen(_)
            | Event::Prioritised { .. }
            | Event::StitchFailed { .. } => {}
        }
    }

    fn lease_ended(&mut self, lease: LeaseId, end: &LeaseEnd) {
        match end {
            LeaseEnd::Done => {}
            LeaseEnd::GaveBack => self.count("gave back"),
            LeaseEnd::Outrun => self.check_outrun(lease),
            LeaseEnd::Failed(failure) => {
                let says_who = failure.worker.is_some() && failure.attempt > 0;
                assert!(says_who, "it says who: {failure}");
                self.count(failure.kind.as_str());
            }
        }
        self.drop_lease(lease);
    }

    fn surveyed(&mut self, id: &JobId, survey: &Survey) {
        let job = self.job(id);
        job.cells.clone_from(&survey.cells);
        job.compared = survey.cutting.compared_from.is_some();
    }

    /// A part was found right by somebody who was asked.
    fn audit_done(&mut self, id: &JobId, lease: LeaseId, cell: CellIndex) {
        self.check_speaker(lease);
        self.drop_lease(lease);
        let job = self.job(id);
        let part = job.accepted[place(cell)].as_ref();
        let manifest = part.map(|part| part.manifest.key.clone());
        let audit = job.audits.get_mut(&cell).expect("only what was drawn is audited");
        *audit = manifest;
    }

    /// The later cell is made again; from the second time on the earlier one too.
    fn seam_broken(&mut self, id: &JobId, cell: CellIndex) {
        let job = self.job(id);
        let breaks = job.breaks.entry(cell).or_default();
        *breaks += 1;
        let both = *breaks > 1;
        let void = if both { cell.0 - 1..=cell.0 } else { cell.0..=cell.0 };
        if both {
            // It is made with a longer pre-roll this time, which counts as one break.
            let earlier = job.breaks.entry(CellIndex(cell.0 - 1)).or_default();
            *earlier = (*earlier).max(1);
        }
        for cell in void {
            let part = job.accepted[cell as usize].take();
            assert!(part.is_some(), "both sides of a border were there");
        }
    }

    fn job(&mut self, id: &JobId) -> &mut Job {
        self.jobs.get_mut(id).expect("a record is about a job that is there")
    }

    fn leased(&mut self, id: &JobId, lease: LeaseId, worker: &WorkerId, piece: Piece) {
        assert!(self.known.insert(lease), "lease {lease} is granted once");
        assert!(self.job(id).outcome.is_none(), "an ended job gets no lease");
        let shared: Vec<(LeaseId, WorkerId, Piece)> = self
            .leases
            .iter()
            .filter(|(_, (job, _, held))| job == id && meet(*held, piece))
            .map(|(other, (_, holder, held))| (*other, holder.clone(), *held))
            .collect();
        for (at, (other, holder, held)) in shared.iter().enumerate() {
            let copied = matches!(piece, Piece::Segment(_) | Piece::Window(_));
            assert!(copied, "leases {other} and {lease} share work that is not copied");
            assert!(holder != worker, "{worker} copies what it has, under {other} and {lease}");
            for (third, _, too) in &shared[at + 1..] {
                assert!(!meet(*held, *too), "{other}, {third} and {lease} share work");
            }
        }
        if !shared.is_empty() {
            self.count("copied");
        }
        if let Piece::Segment(segment) = piece {
            let job = self.job(id);
            for cell in segment.indices() {
                assert!(
                    job.accepted[place(cell)].is_none(),
                    "cell {cell} is done and leased again"
                );
            }
            let frames: u64 =
                segment.indices().map(|cell| job.cells[place(cell)].frames.count()).sum();
            assert_eq!(segment.frames.count(), frames, "a segment is its cells");
        }
        self.leases.insert(lease, (id.clone(), worker.clone(), piece));
        let held = self.leases.values().filter(|(_, holder, _)| holder == worker).count();
        let slots = self.slots.get(worker).copied().unwrap_or(0);
        assert!(held <= slots as usize, "{worker} holds {held} leases and has {slots} slots");
    }

    /// A lease that others made needless: all of its cells are there, or another looks at its window.
    fn check_outrun(&mut self, lease: LeaseId) {
        self.count("outrun");
        let (job, _, piece) = self.leases.get(&lease).expect("it is current").clone();
        match piece {
            Piece::Segment(segment) => {
                let job = self.job(&job);
                let there = |cell| job.accepted[place(cell)].is_some();
                assert!(segment.indices().all(there), "lease {lease} has nothing left to do");
            }
            Piece::Window(_) => {
                let same = |(id, it): (&LeaseId, &(JobId, WorkerId, Piece))| {
                    *id != lease && it.0 == job && it.2 == piece
                };
                assert!(self.leases.iter().any(same), "another looks at the window of {lease}");
            }
            Piece::Intake | Piece::Reduce | Piece::Audit(_) => {
                panic!("lease {lease} is of work that is never copied")
            }
        }
    }

    fn committed(&mut self, id: &JobId, lease: LeaseId, summary: &PartSummary) {
        self.check_speaker(lease);
        let cell = summary.cell;
        let (job, _, piece) = self.leases.get(&lease).expect("a commit is under a current lease");
        let Piece::Segment(segment) = piece else { panic!("a commit is under a segment lease") };
        assert!(job == id && segment.holds(cell), "a commit is of a cell of its lease");
        let job = self.job(id);
        let wanted = &job.cells[place(cell)];
        assert_eq!(summary.digest, wanted.digest, "cell {cell} shows its own frames");
        assert_eq!(summary.frames, wanted.frames.count());
        let before = job.accepted[place(cell)].replace(summary.clone());
        assert!(before.is_none(), "cell {cell} has one accepted part");
    }

    fn ended(&mut self, id: &JobId, outcome: &JobOutcome, truth: &FrameTable) {
        self.drop_leases(id);
        self.count(outcome.as_str());
        let job = self.job(id);
        assert!(job.outcome.is_none(), "a job ends once");
        match outcome {
            JobOutcome::Done(_) => {
                assert!(job.accepted.iter().all(Option::is_some), "a done job has all its parts");
                let shown: u64 = job.accepted.iter().flatten().map(|part| part.frames).sum();
                assert_eq!(shown, truth.range().count(), "every frame once");
                for cell in &job.cells {
                    assert_eq!(cell.digest, truth.digest_of(cell.frames), "frames in their place");
                }
            }
            JobOutcome::Failed(failure) => {
                assert!(!failure.message.is_empty(), "a failure says what happened");
            }
            JobOutcome::Copied { .. }
            | JobOutcome::Previewed(_)
            | JobOutcome::Abstained { .. }
            | JobOutcome::Cancelled => {}
        }
        job.outcome = Some(outcome.clone());
    }

    fn started_over(&mut self, id: &JobId) {
        self.drop_leases(id);
        self.job(id).accepted.clear();
    }

    /// A result counts only where the holder of the lease told it.
    fn check_speaker(&self, lease: LeaseId) {
        let holder = self.leases.get(&lease).map(|(_, holder, _)| holder);
        assert!(
            holder.is_some() && holder == self.speaker.as_ref(),
            "lease {lease} is the speaker's"
        );
    }

    fn drop_lease(&mut self, lease: LeaseId) {
        assert!(self.leases.remove(&lease).is_some(), "lease {lease} ends once");
    }

    fn drop_leases(&mut self, id: &JobId) {
        self.leases.retain(|_, (job, _, _)| job != id);
    }

    /// A grant leaves for its worker.
    pub(crate) fn granted(&mut self, worker: &WorkerId, lease: LeaseId) {
        let holder = self.leases.get(&lease).map(|(_, holder, _)| holder);
        assert_eq!(holder, Some(worker), "a grant follows its record");
    }

    /// A movie of these parts gets its final name.
    pub(crate) fn published(
        &mut self,
        id: &JobId,
        parts: &[PartSummary],
        spoilt: &BTreeSet<String>,
    ) {
        self.count("published");
        let job = self.job(id);
        let wanted: Vec<_> = job.accepted.iter().flatten().collect();
        assert_eq!(parts.iter().collect::<Vec<_>>(), wanted, "the movie is the accepted parts");
        assert_eq!(parts.len(), job.cells.len(), "the movie is complete");
        let order = parts.iter().zip(&job.cells).all(|(part, cell)| part.digest == cell.digest);
        assert!(order, "the parts are in order");
        for ((left, right), cell) in parts.iter().zip(&parts[1..]).zip(&job.cells[1..]) {
            let open = job.compared && cell.entry != Some(EntryKind::Idr);
            let same = left.last == right.before;
            assert!(!open || same, "the border before cell {} holds", cell.index);
        }
        for (cell, found_right) in &job.audits {
            let part = &parts[place(*cell)].manifest.key;
            assert_eq!(found_right.as_ref(), Some(part), "what is published was audited");
            assert!(!spoilt.contains(part), "an audited part shows the right pictures");
        }
    }
}

fn meet(one: Piece, other: Piece) -> bool {
    match (one, other) {
        (Piece::Segment(one), Piece::Segment(other)) => {
            !one.frames.intersect(other.frames).is_empty()
        }
        (one, other) => one == other,
    }
}

fn place(cell: CellIndex) -> usize {
    cell.0 as usize
}

/// What an event is called in counts.
pub(crate) const fn name(event: &Event) -> &'static str {
    match event {
        Event::Submitted { .. } => "submitted",
        Event::Leased { .. } => "leased",
        Event::LeaseEnded { .. } => "lease_ended",
        Event::IntakeDone { .. } => "intake_done",
        Event::Surveyed(_) => "surveyed",
        Event::WindowDone { .. } => "window_done",
        Event::Reduced { .. } => "reduced",
        Event::PlanSettled(_) => "plan_settled",
        Event::CopySettled(_) => "copy_settled",
        Event::EncoderChosen(_) => "encoder_chosen",
        Event::Briefed { .. } => "briefed",
        Event::CellCommitted { .. } => "cell_committed",
        Event::PartDiscarded { .. } => "part_discarded",
        Event::Retabled { .. } => "retabled",
        Event::EncoderLost { .. } => "encoder_lost",
        Event::StitchStarted { .. } => "stitch_started",
        Event::StitchFailed { .. } => "stitch_failed",
        Event::Ended(_) => "ended",
        Event::Retried => "retried",
        Event::Forgotten => "forgotten",
        Event::SeamBroken { .. } => "seam_broken",
        Event::AuditsDrawn { .. } => "audits_drawn",
        Event::AuditDone { .. } => "audit_done",
        Event::Drafted { .. } => "drafted",
        Event::Approved { .. } => "approved",
        Event::Prioritised { .. } => "prioritised",
    }
}
