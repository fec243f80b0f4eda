//! The open streams to workers: who is at the other end, and what waits to be sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cleanplate_proto::v1 as pb;
use cleanplate_types::ids::WorkerId;
use cleanplate_types::tier::CardLoad;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

/// All open streams.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    /// Numbers given out so far: one stream, one number, for all of this process's life.
    numbered: u64,
    by_number: BTreeMap<u64, Outgoing>,
}

#[derive(Debug)]
struct Outgoing {
    worker: WorkerId,
    version: String,
    load: Option<CardLoad>,
    queue: mpsc::Sender<Result<pb::ToWorker, Status>>,
    /// Dropped with the session: the listener of the stream then ends too.
    _detached: oneshot::Sender<()>,
}

impl Sessions {
    /// Takes a new stream; the receiver resolves when the session is closed from this side.
    pub(crate) fn open(
        &self,
        worker: WorkerId,
        version: String,
        queue: mpsc::Sender<Result<pb::ToWorker, Status>>,
    ) -> (u64, oneshot::Receiver<()>) {
        let (detached, listener) = oneshot::channel();
        let mut streams = self.lock();
        streams.numbered += 1;
        let session = streams.numbered;
        let outgoing = Outgoing { worker, version, load: None, queue, _detached: detached };
        streams.by_number.insert(session, outgoing);
        (session, listener)
    }

    /// Ends the streams of `worker` that are older than `session`, which was taken.
    pub(crate) fn supersede(&self, worker: &WorkerId, session: u64) {
        let mut streams = self.lock();
        let older = streams.by_number.range(..session).filter(|(_, one)| one.worker == *worker);
        let older: Vec<u64> = older.map(|(number, _)| *number).collect();
        for stream in older.iter().filter_map(|number| streams.by_number.remove(number)) {
            let text = format!(
                "another stream was opened as worker `{worker}`; give every worker a name of its own by --name"
            );
            // A full queue ends just as well.
            stream.queue.try_send(Err(Status::aborted(text))).ok();
        }
    }

    /// Sends a message without waiting. A worker whose queue is full does not read: it is detached.
    pub(crate) fn send(&self, session: u64, message: pb::to_worker::Message) {
        let mut streams = self.lock();
        let Some(outgoing) = streams.by_number.get(&session) else { return };
        let Err(error) = outgoing.queue.try_send(Ok(pb::ToWorker { message: Some(message) }))
        else {
            return;
        };
        let worker = &outgoing.worker;
        match error {
            TrySendError::Full(_) => {
                tracing::warn!(%worker, session, "worker does not take its messages, it is detached");
            }
            TrySendError::Closed(_) => tracing::debug!(%worker, session, "stream is closed"),
        }
        streams.by_number.remove(&session);
    }

    /// Ends a session with a status for the worker.
    pub(crate) fn refuse(&self, session: u64, status: Status) {
        if let Some(outgoing) = self.lock().by_number.remove(&session) {
            // A full queue ends just as well.
            outgoing.queue.try_send(Err(status)).ok();
        }
    }

    /// Ends a session.
    pub(crate) fn close(&self, session: u64) {
        self.lock().by_number.remove(&session);
    }

    /// Ends all sessions: the coordinator is stopping.
    pub(crate) fn close_all(&self) {
        self.lock().by_number.clear();
    }

    /// The version of the product at the other end.
    pub(crate) fn version_of(&self, session: u64) -> Option<String> {
        self.lock().by_number.get(&session).map(|outgoing| outgoing.version.clone())
    }

    /// The card at the other end is doing this.
    pub(super) fn loaded(&self, session: u64, load: CardLoad) {
        if let Some(outgoing) = self.lock().by_number.get_mut(&session) {
            outgoing.load = Some(load);
        }
    }

    /// What the card at the other end is doing, as it was told last.
    pub(crate) fn load_of(&self, session: u64) -> Option<CardLoad> {
        self.lock().by_number.get(&session)?.load
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain() -> pb::to_worker::Message {
        pb::to_worker::Message::Drain(pb::Drain {})
    }

    #[test]
    fn a_worker_whose_queue_is_full_is_detached() {
        let sessions = Sessions::default();
        let (queue, mut outgoing) = mpsc::channel(1);
        let worker = WorkerId::parse("w").unwrap();
        let (session, mut detached) = sessions.open(worker, String::new(), queue);
        sessions.send(session, drain());
        assert!(
            detached.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
        );
        sessions.send(session, drain());
        assert!(
            detached.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
        assert!(outgoing.try_recv().is_ok(), "what was queued still arrives");
        assert!(
            outgoing
                .try_recv()
                .is_err_and(|error| error == mpsc::error::TryRecvError::Disconnected)
        );
    }

    #[test]
    fn a_second_stream_of_a_worker_that_is_taken_ends_the_first_and_says_why() {
        let sessions = Sessions::default();
        let worker = WorkerId::parse("w").unwrap();
        let (queue, mut outgoing) = mpsc::channel(1);
        let (first, _listener) = sessions.open(worker.clone(), "1".to_owned(), queue);
        let (queue, _second) = mpsc::channel(1);
        let (second, _listener) = sessions.open(worker.clone(), "2".to_owned(), queue);
        assert_ne!(first, second);
        sessions.supersede(&worker, first);
        assert!(outgoing.try_recv().is_err(), "nothing older than the first");
        sessions.supersede(&worker, second);
        let status = outgoing.try_recv().unwrap().unwrap_err();
        assert!(status.message().contains("`w`"), "{status}");
        assert_eq!(sessions.version_of(first), None);
        assert_eq!(sessions.version_of(second).as_deref(), Some("2"));
    }
}
