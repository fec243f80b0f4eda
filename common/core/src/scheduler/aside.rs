//! Workers that get no leases for a while: after failures, for what they lack, in a crash loop, or since
//! they do not let go. Owns how long; refuses to blame a piece of work for it.

use std::collections::VecDeque;

use cleanplate_types::ids::WorkerId;
use cleanplate_types::time::Tick;

use crate::effect::Effect;
use crate::scheduler::Scheduler;
use crate::scheduler::fleet::SetAside;
use crate::scheduler::timers::Timer;
use crate::view::SetAsideFor;

/// The most that setting aside is doubled: a minute becomes 32.
const ASIDE_DOUBLINGS_MAX: u32 = 5;

/// What is remembered of a name whose processes come and go.
#[derive(Debug)]
pub(crate) struct Life {
    /// The last process.
    instance: u64,
    /// It said that it goes, or was told to.
    left: bool,
    /// When processes were replaced that had not; the last `crashes_max`.
    crashes: VecDeque<Tick>,
    /// Back-offs in a row.
    back_offs: u32,
    /// When the last back-off ends.
    pub(crate) until: Tick,
    /// What is held against the last process, while it is away without leases.
    kept: Option<Kept>,
}

/// What stays true of a process whose stream broke.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) set_aside: Option<SetAside>,
    pub(super) asides: u32,
    pub(super) failures_in_a_row: u32,
    pub(super) draining: bool,
    pub(super) leaves_by: Option<Tick>,
}

impl Scheduler {
    /// A failure that may be `worker`'s own: too many in a row set it aside.
    pub(super) fn worker_failed(&mut self, id: &WorkerId) {
        // More than a piece of work may fail: or the last worker would be set aside for the sake of
        // a piece that kills every worker, and the job would wait and not fail.
        let failures_max = self.config.worker_failures_max.max(self.config.attempts_max + 1);
        let Some(worker) = self.fleet.touch(id) else {
            return;
        };
        worker.failures_in_a_row += 1;
        let in_a_row = worker.failures_in_a_row;
        if in_a_row >= failures_max {
            self.set_aside(id, SetAsideFor::Failures { in_a_row });
        }
    }

    /// Something that `worker` did came to a good end.
    pub(super) fn worker_succeeded(&mut self, id: &WorkerId) {
        if let Some(worker) = self.fleet.touch(id) {
            worker.failures_in_a_row = 0;
            worker.asides = 0;
        }
    }

    /// Gives `id` no leases for a while: twice as long as the last time, where nothing good came since.
    pub(super) fn set_aside(&mut self, id: &WorkerId, why: SetAsideFor) {
        let Some(worker) = self.fleet.worker(id) else {
            return;
        };
        let doublings = worker.asides.min(ASIDE_DOUBLINGS_MAX);
        let until = self.now.after(self.config.set_aside_ms << doublings);
        if worker.set_aside.as_ref().is_some_and(|aside| aside.until >= until) {
            return;
        }
        self.edit_worker(id, |worker| {
            worker.asides += 1;
            worker.set_aside = Some(SetAside { until, why });
        });
        self.work_freed = true;
        self.arm(until, Timer::SetAside(id.clone()));
    }

    pub(super) fn set_aside_due(&mut self, id: &WorkerId, effects: &mut Vec<Effect>) {
        let now = self.now;
        let Some(worker) = self.fleet.worker(id) else {
            return;
        };
        if worker.set_aside.as_ref().is_none_or(|aside| aside.until > now) {
            return;
        }
        self.edit_worker(id, |worker| {
            worker.set_aside = None;
            worker.failures_in_a_row = 0;
        });
        self.worker_freed = true;
        self.mind_letting_go(id, effects);
    }

    /// Process `instance` attaches under the name `id`. Says how long it is to wait, where the processes
    /// of this name die again and again.
    pub(super) fn note_life(&mut self, id: &WorkerId, instance: u64) -> Option<SetAside> {
        let (now, span) = (self.now, self.config.crash_span_ms);
        let crashes_max = self.config.crashes_max as usize;
        let new = || Life {
            instance,
            left: false,
            crashes: VecDeque::new(),
            back_offs: 0,
            until: Tick(0),
            kept: None,
        };
        let life = self.lives.entry(id.clone()).or_insert_with(new);
        let crashed = life.instance != instance && !life.left;
        (life.instance, life.left) = (instance, false);
        if crashed {
            life.crashes.push_back(now);
            life.crashes.retain(|at| now.since(*at) < span);
            if life.crashes.len() > crashes_max {
                life.crashes.pop_front();
            }
            let again = life.back_offs > 0 && now < life.until.after(span);
            if again || life.crashes.len() == crashes_max {
                let doublings = life.back_offs.min(ASIDE_DOUBLINGS_MAX);
                life.until = now.after(self.config.set_aside_ms << doublings);
                life.back_offs += 1;
            } else {
                life.back_offs = 0;
            }
        }
        let (until, crashes) = (life.until, u32::try_from(life.crashes.len()).unwrap_or(u32::MAX));
        if until <= now {
            return None;
        }
        self.arm(until, Timer::SetAside(id.clone()));
        Some(SetAside { until, why: SetAsideFor::CrashLoop { crashes } })
    }

    /// What is held against `instance`, which comes back.
    pub(super) fn kept_of(&mut self, id: &WorkerId, instance: u64) -> Option<Kept> {
        let life = self.lives.get_mut(id).filter(|life| life.instance == instance)?;
        life.kept.take()
    }

    /// The process under this name goes because it wants to or was told to.
    pub(super) fn note_leaving(&mut self, id: &WorkerId) {
        if let Some(life) = self.lives.get_mut(id) {
            life.left = true;
        }
    }

    /// A worker is gone for good, or for long. Says whether an encoder went with it.
    pub(super) fn forget_worker(&mut self, id: &WorkerId) -> bool {
        if let (Some(worker), Some(life)) = (self.fleet.worker(id), self.lives.get_mut(id)) {
            life.kept = Some(Kept {
                set_aside: worker.set_aside.clone(),
                asides: worker.asides,
                failures_in_a_row: worker.failures_in_a_row,
                draining: worker.draining,
                leaves_by: worker.leaves_by,
            });
        }
        self.arm(self.now.after(self.config.crash_span_ms), Timer::Life(id.clone()));
        self.fleet.remove(id)
    }

    /// Forgets what is old of a name that is no longer attached.
    pub(super) fn life_due(&mut self, id: &WorkerId) {
        let Some(life) = self.lives.get(id).filter(|_| self.fleet.worker(id).is_none()) else {
            return;
        };
        let crashed = life.crashes.back().copied().unwrap_or(Tick(0));
        let aside = life.kept.as_ref().and_then(|kept| kept.set_aside.as_ref());
        let aside = aside.map_or(Tick(0), |aside| aside.until);
        let due = life.until.max(crashed).max(aside).after(self.config.crash_span_ms);
        if (life.crashes.is_empty() && aside <= self.now) || due <= self.now {
            self.lives.remove(id);
        } else {
            self.arm(due, Timer::Life(id.clone()));
        }
    }
}
