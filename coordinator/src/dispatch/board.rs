//! The jobs that somebody watches: their states, published when they change, a few times a second.
//!
//! A watcher sees the latest state and never a queue of old ones, so that a slow one costs nothing.

use std::collections::BTreeMap;

use cleanplate_core::scheduler::Scheduler;
use cleanplate_proto::v1 as pb;
use cleanplate_types::ids::JobId;
use cleanplate_types::time::Tick;
use tokio::sync::watch;

use crate::book::Book;
use crate::shown::job_state;

/// The least time between two looks at the watched jobs, in milliseconds: four a second are a
/// smooth bar.
const REFRESH_MS: u64 = 250;

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Board {
    watched: BTreeMap<JobId, watch::Sender<pb::JobState>>,
    /// When to look again; nothing has happened since the last look where there is none.
    due: Option<Tick>,
    looked: Tick,
}

impl Board {
    /// Something happened.
    pub(super) fn touch(&mut self, now: Tick) {
        if self.due.is_none() && !self.watched.is_empty() {
            self.due = Some(now.max(self.looked.after(REFRESH_MS)));
        }
    }

    /// When `refresh` has something to do.
    pub(super) const fn due(&self) -> Option<Tick> {
        self.due
    }

    /// Publishes what changed, if it is time.
    pub(super) fn refresh(&mut self, now: Tick, scheduler: &Scheduler, book: &mut Book) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = None;
        self.looked = now;
        self.watched.retain(|job, watchers| {
            watchers.receiver_count() > 0 && publish(job, watchers, scheduler, book)
        });
    }

    /// Publishes a job's last state.
    pub(super) fn conclude(&mut self, job: &JobId, scheduler: &Scheduler, book: &mut Book) {
        if let Some(watchers) = self.watched.remove(job) {
            publish(job, &watchers, scheduler, book);
        }
    }

    /// Watches a job from now on; one that has ended shows its last state and nothing more.
    pub(super) fn watch(
        &mut self,
        job: &JobId,
        scheduler: &Scheduler,
        book: &mut Book,
    ) -> Option<watch::Receiver<pb::JobState>> {
        let view = scheduler.job_view(job)?;
        let state = job_state(&view, book);
        if view.outcome.is_some() {
            return Some(watch::channel(state).1);
        }
        let watchers = self.watched.entry(job.clone()).or_insert_with(|| watch::channel(state).0);
        publish(job, watchers, scheduler, book);
        Some(watchers.subscribe())
    }
}

/// Publishes a job's state where it changed; says whether there is such a job.
fn publish(
    job: &JobId,
    watchers: &watch::Sender<pb::JobState>,
    scheduler: &Scheduler,
    book: &mut Book,
) -> bool {
    let Some(view) = scheduler.job_view(job) else { return false };
    let state = job_state(&view, book);
    watchers.send_if_modified(|shown| {
        let changed = *shown != state;
        *shown = state;
        changed
    });
    true
}

#[cfg(test)]
mod tests {
    use cleanplate_core::config::SchedulerConfig;
    use cleanplate_core::input::Input;
    use cleanplate_types::request::JobRequest;

    use super::*;

    fn scheduler(job: &JobId) -> Scheduler {
        let request = pb::JobRequest {
            input: "file:///in.mp4".to_owned(),
            output: "file:///out.mp4".to_owned(),
            ..pb::JobRequest::default()
        };
        let request = Box::new(JobRequest::try_from(request).unwrap());
        let mut scheduler = Scheduler::new(SchedulerConfig::default());
        let input = Input::Submit { job: job.clone(), request };
        scheduler.step(Tick(1000), input, &mut Vec::new());
        scheduler
    }

    #[test]
    fn what_changes_is_published_a_few_times_a_second_and_an_end_at_once() {
        let (job, mut book) = (JobId::parse("j").unwrap(), Book::default());
        let (mut scheduler, mut board) = (scheduler(&job), Board::default());
        let mut states = board.watch(&job, &scheduler, &mut book).unwrap();
        board.touch(Tick(1000));
        board.refresh(Tick(1000), &scheduler, &mut book);
        assert!(!states.has_changed().unwrap(), "nothing has changed");
        scheduler.step(Tick(1001), Input::Cancel { job: job.clone() }, &mut Vec::new());
        board.touch(Tick(1001));
        assert_eq!(board.due(), Some(Tick(1250)));
        board.refresh(Tick(1249), &scheduler, &mut book);
        assert!(!states.has_changed().unwrap(), "it is too early to look again");
        board.conclude(&job, &scheduler, &mut book);
        assert_eq!(states.borrow_and_update().phase, "cancelled");
        assert!(states.has_changed().is_err(), "nothing comes after the end");
    }

    #[test]
    fn a_job_that_nobody_watches_any_more_costs_nothing() {
        let (job, mut book) = (JobId::parse("j").unwrap(), Book::default());
        let (scheduler, mut board) = (scheduler(&job), Board::default());
        drop(board.watch(&job, &scheduler, &mut book).unwrap());
        board.touch(Tick(2000));
        board.refresh(Tick(2000), &scheduler, &mut book);
        board.touch(Tick(9000));
        assert_eq!(board.due(), None);
    }
}
