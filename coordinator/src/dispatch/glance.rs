//! What pages show of many jobs at once: the states of a few, how many there are of each kind, and frames by the minute.
//!
//! Owns the bounds: counting walks over all jobs, so it is done once a second at most, however many look on; the history
//! is a ring of minutes. Refuses to be durable: after a restart the history begins anew.

use std::collections::{BTreeMap, VecDeque};

use cleanplate_access::Reach;
use cleanplate_core::record::{Event, Record};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_proto::v1 as pb;
use cleanplate_types::ids::JobId;
use cleanplate_types::time::Tick;

use crate::book::Book;
use crate::shown::{job_state, phase};

/// Minutes that are kept: six hours.
pub(crate) const MINUTES_KEPT: usize = 360;

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// How long a count of the jobs is good, in milliseconds.
const COUNT_MS: u64 = 1_000;

/// How many jobs there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Nobody has begun with it.
    pub(crate) queued: u64,
    /// Somebody has; those in review too.
    pub(crate) running: u64,
    /// Of these, such as wait for a person.
    pub(crate) review: u64,
    /// The output is there, be it a copy.
    pub(crate) done: u64,
    /// The preview is there, and no more was asked for.
    pub(crate) previewed: u64,
    /// The detector abstained.
    pub(crate) abstained: u64,
    /// It failed.
    pub(crate) failed: u64,
    /// Somebody cancelled it.
    pub(crate) cancelled: u64,
}

impl Totals {
    fn count(&mut self, phase: &str) {
        match phase {
            "queued" => self.queued += 1,
            "done" => self.done += 1,
            "previewed" => self.previewed += 1,
            "abstained" => self.abstained += 1,
            "failed" => self.failed += 1,
            "cancelled" => self.cancelled += 1,
            _ => {
                self.running += 1;
                self.review += u64::from(phase == "review");
            }
        }
    }
}

/// See the top of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Glance {
    /// Those of the jobs asked for that there are.
    pub(crate) states: Vec<pb::JobState>,
    /// Of all jobs within reach.
    pub(crate) totals: Totals,
    /// Frames that were committed in each of the last minutes, the present one last; empty for who does not see all jobs.
    pub(crate) minutes: Vec<u64>,
}

/// Keeps what a glance needs.
#[derive(Debug, Default)]
pub(super) struct Glances {
    /// Frames of the minutes up to `minute`.
    minutes: VecDeque<u64>,
    minute: u64,
    counted: Option<(Tick, BTreeMap<String, Totals>)>,
}

impl Glances {
    /// Takes a record that is durable.
    pub(super) fn take(&mut self, record: &Record) {
        if let Event::CellCommitted { summary, .. } = &record.event {
            self.turn_to(record.at);
            if let Some(now) = self.minutes.back_mut() {
                *now += summary.frames;
            }
        }
    }

    /// Begins new minutes up to that of `at`.
    fn turn_to(&mut self, at: Tick) {
        let minute = at.0 / MINUTE_MS;
        let passed = if self.minutes.is_empty() { 1 } else { minute.saturating_sub(self.minute) };
        for _ in 0..passed.min(MINUTES_KEPT as u64) {
            if self.minutes.len() == MINUTES_KEPT {
                self.minutes.pop_front();
            }
            self.minutes.push_back(0);
        }
        self.minute = self.minute.max(minute);
    }

    /// Looks at `jobs`, and counts all.
    pub(super) fn look(
        &mut self,
        (now, jobs, reach): (Tick, &[JobId], &Reach),
        scheduler: &Scheduler,
        book: &mut Book,
    ) -> Glance {
        let views = jobs.iter().filter_map(|job| scheduler.job_view(job));
        let within = views.filter(|view| reach.has(&view.request.owner));
        let states = within
            .map(|view| pb::JobState { overlays: Vec::new(), ..job_state(&view, book) })
            .collect();
        self.turn_to(now);
        let minutes = match reach {
            Reach::All => self.minutes.iter().copied().collect(),
            Reach::Owner(_) | Reach::None => Vec::new(),
        };
        Glance { states, totals: self.totals(now, reach, scheduler), minutes }
    }

    fn totals(&mut self, now: Tick, reach: &Reach, scheduler: &Scheduler) -> Totals {
        let is_fresh = self.counted.as_ref().is_some_and(|(at, _)| now.since(*at) < COUNT_MS);
        if !is_fresh {
            let mut counted: BTreeMap<String, Totals> = BTreeMap::new();
            for view in scheduler.jobs() {
                let owner = view.request.owner.as_str();
                if let Some(totals) = counted.get_mut(owner) {
                    totals.count(phase(&view));
                } else {
                    counted.entry(owner.to_owned()).or_default().count(phase(&view));
                }
            }
            self.counted = Some((now, counted));
        }
        let owners = self.counted.iter().flat_map(|(_, owners)| owners);
        let within = owners.filter(|(owner, _)| reach.has(owner)).map(|(_, totals)| *totals);
        within.fold(Totals::default(), |sum, one| Totals {
            queued: sum.queued + one.queued,
            running: sum.running + one.running,
            review: sum.review + one.review,
            done: sum.done + one.done,
            previewed: sum.previewed + one.previewed,
            abstained: sum.abstained + one.abstained,
            failed: sum.failed + one.failed,
            cancelled: sum.cancelled + one.cancelled,
        })
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::config::SchedulerConfig;
    use cleanplate_core::input::Input;
    use cleanplate_types::request::JobRequest;

    use super::*;

    #[test]
    fn minutes_go_by_and_are_bounded() {
        let mut glances = Glances::default();
        glances.turn_to(Tick(10 * MINUTE_MS));
        *glances.minutes.back_mut().unwrap() += 7;
        glances.turn_to(Tick(12 * MINUTE_MS + 1));
        assert_eq!(glances.minutes, [7, 0, 0]);
        glances.turn_to(Tick(11 * MINUTE_MS));
        assert_eq!(glances.minutes.len(), 3, "no minute comes back");
        glances.turn_to(Tick(u64::MAX / 2));
        assert_eq!(glances.minutes.len(), MINUTES_KEPT);
        assert!(glances.minutes.iter().all(|frames| *frames == 0));
    }

    #[test]
    fn an_owner_counts_its_own_jobs_and_sees_no_history() {
        let mut scheduler = Scheduler::new(SchedulerConfig::default());
        let mut jobs = Vec::new();
        for (at, owner) in ["a", "a", "b"].into_iter().enumerate() {
            let request = pb::JobRequest {
                input: "file:///in.mp4".to_owned(),
                output: format!("file:///{at}.mp4"),
                owner: owner.to_owned(),
                ..pb::JobRequest::default()
            };
            let request = Box::new(JobRequest::try_from(request).unwrap());
            let job = JobId::parse(&format!("j{at}")).unwrap();
            scheduler.step(Tick(5), Input::Submit { job: job.clone(), request }, &mut Vec::new());
            jobs.push(job);
        }
        let (mut glances, mut book) = (Glances::default(), Book::default());
        let mut look = |now: u64, reach: &Reach| {
            glances.look((Tick(now), &jobs, reach), &scheduler, &mut book)
        };
        let all = look(9, &Reach::All);
        assert_eq!((all.states.len(), all.totals.queued, all.minutes.len()), (3, 3, 1));
        let own = look(9, &Reach::Owner("a".to_owned()));
        assert_eq!((own.states.len(), own.totals.queued, own.minutes.len()), (2, 2, 0));
        assert_eq!(look(9, &Reach::None).totals, Totals::default());
    }
}
