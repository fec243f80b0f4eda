//! The stitch and the copy, one child process for each job that has got so far.
//!
//! Owns what fences them: a movie gets its final name in this process, after the child has ended well,
//! and only where its lease is still the job's latest and its coordinator leads (`lead.rs`). A stitch that a crash cuts off starts again from
//! its first part; what a bucket has acknowledged of it is not sent again, and on a disk nothing is
//! left of it. Only so many run at a time. Refuses to parse a byte of a part or of the source.

mod child;
mod host;
mod lead;
mod speech;
mod work;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_child::{ChildProgram, Limits, WallsPolicy};
use cleanplate_core::effect::StitchOrder;
use cleanplate_core::outcome::CopyReason;
use cleanplate_media::fault::VARIABLE as FAULTS;
use cleanplate_store::Store;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::limits::OutputLimit;
use cleanplate_types::part::PartSummary;
use cleanplate_types::source::SourceRef;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::dispatch::Orders;
use crate::door::Door;
use crate::finish::work::{Task, Work};

#[cfg(test)]
pub(crate) use crate::finish::child::main_joining_by;
pub use crate::finish::child::stitch_main;
pub(crate) use crate::finish::lead::Lead;

/// How long stitches may take to clean up when the coordinator stops: a request to a bucket or two.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// What is started as a child.
#[derive(Debug, Clone)]
pub(crate) struct StitchProgram(ChildProgram);

impl StitchProgram {
    /// `PROGRAM engine stitch`.
    pub(crate) fn of(executable: PathBuf, walls: &WallsPolicy) -> Self {
        let arguments = ["engine", "stitch"].map(str::to_owned).to_vec();
        // The fault switches, which children obey in debug builds.
        let faults = cfg!(debug_assertions).then(|| std::env::var(FAULTS).ok()).flatten();
        let environment = faults.map(|faults| (FAULTS.to_owned(), faults)).into_iter().collect();
        let walls = walls.processor(Vec::new());
        Self(ChildProgram { executable, arguments, environment, walls })
    }

    /// Another program that plays the stitch.
    #[cfg(test)]
    pub(crate) const fn played_by(program: ChildProgram) -> Self {
        Self(program)
    }
}

/// What a copy copies.
#[derive(Debug)]
pub(crate) struct CopyOrder {
    /// The source.
    pub(crate) source: SourceRef,
    /// URL of the output.
    pub(crate) output: String,
    /// Why it is a copy.
    pub(crate) why: CopyReason,
    /// Leave damaged packets out where the container cannot hold them; those of the video never are.
    pub(crate) conceal: bool,
}

/// Whether a stitch may go on: as long as it is its job's latest, and its [`Running`] is there.
#[derive(Debug, Clone)]
struct Fence(watch::Receiver<()>);

impl Fence {
    fn is_open(&self) -> bool {
        self.0.has_changed().is_ok()
    }

    async fn closed(&self) {
        // Nothing is ever sent: this ends when the other end is gone.
        self.0.clone().changed().await.ok();
    }
}

/// A stitch or a copy under way. Dropped, it is over: it publishes nothing and answers nothing.
#[derive(Debug)]
struct Running {
    lease: LeaseId,
    /// Where the parts go; a copy has none.
    parts: mpsc::Sender<(CellIndex, PartSummary)>,
    /// The other end of the fence.
    fence: watch::Sender<()>,
}

/// See the top of the file. Dropped, all children are killed and nothing is published.
#[derive(Debug)]
pub(crate) struct Finisher {
    store: Store,
    orders: Orders,
    program: StitchProgram,
    limits: Limits,
    output_limit: OutputLimit,
    /// Turns to write a movie.
    turns: Arc<Semaphore>,
    /// This lead, by a name that no other process and no other lead of this one has.
    owner: String,
    lead: Lead,
    door: Arc<Door>,
    running: BTreeMap<JobId, Running>,
    tasks: JoinSet<()>,
}

impl Finisher {
    pub(crate) fn new(
        store: Store,
        orders: Orders,
        program: StitchProgram,
        (engine_silent, movies_max, output_limit): (Duration, u32, OutputLimit),
        (lead, door): (Lead, Arc<Door>),
    ) -> Self {
        // Each `RandomState` is seeded anew.
        let seed = RandomState::new().build_hasher().finish();
        Self {
            store,
            orders,
            program,
            limits: Limits { silent: engine_silent },
            output_limit,
            turns: Arc::new(Semaphore::new(movies_max.max(1) as usize)),
            owner: format!("{}-{seed:016x}", std::process::id()),
            lead,
            door,
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Starts a stitch; an older one of the job ends.
    pub(crate) fn stitch(&mut self, job: JobId, lease: LeaseId, order: StitchOrder) {
        // Every part of the movie may wait here: some 250 bytes a cell.
        let (parts, waiting) = mpsc::channel(order.cells.max(1) as usize);
        self.start(job, lease, parts, Work::Stitch { order, parts: waiting });
    }

    /// Starts a copy; an older one of the job ends.
    pub(crate) fn copy(&mut self, job: JobId, lease: LeaseId, order: CopyOrder) {
        let (parts, _none) = mpsc::channel(1);
        self.start(job, lease, parts, Work::Copy(order));
    }

    /// Hands the running stitch its next part.
    pub(crate) fn part(&self, job: &JobId, lease: LeaseId, cell: CellIndex, summary: PartSummary) {
        let Some(running) = self.running.get(job).filter(|running| running.lease == lease) else {
            return;
        };
        if let Err(error) = running.parts.try_send((cell, summary)) {
            // It has failed and says so itself.
            tracing::debug!(%job, %lease, %cell, %error, "a part comes too late for its stitch");
        }
    }

    /// Ends a stitch or a copy; it publishes nothing.
    pub(crate) fn abort(&mut self, job: &JobId, lease: LeaseId) {
        if self.running.get(job).is_some_and(|running| running.lease == lease) {
            self.running.remove(job);
        }
    }

    /// Ends all and waits until nothing is left of what they wrote.
    pub(crate) async fn stop(mut self) {
        self.running.clear();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WAIT, ended).await.is_err() {
            tracing::warn!("a movie that was given up is still being removed from its bucket");
        }
    }

    fn start(
        &mut self,
        job: JobId,
        lease: LeaseId,
        parts: mpsc::Sender<(CellIndex, PartSummary)>,
        work: Work,
    ) {
        while self.tasks.try_join_next().is_some() {}
        // One that has ended does not listen any more.
        self.running.retain(|_, running| !running.fence.is_closed());
        let (held, fence) = watch::channel(());
        let task = Task {
            job: job.clone(),
            lease,
            store: self.store.clone(),
            orders: self.orders.clone(),
            program: self.program.0.clone(),
            limits: self.limits,
            output_limit: self.output_limit,
            turns: Arc::clone(&self.turns),
            owner: self.owner.clone(),
            lead: self.lead.clone(),
            door: Arc::clone(&self.door),
            fence: Fence(fence),
        };
        self.tasks.spawn(task.run(work));
        // An older one is dropped here.
        self.running.insert(job, Running { lease, parts, fence: held });
    }
}
