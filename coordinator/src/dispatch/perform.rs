//! Every effect but `Record` goes from here to whoever does it. Never waits.

use std::sync::Arc;

use cleanplate_core::effect::Effect;
use cleanplate_core::view::WorkerView;
use cleanplate_proto::v1 as pb;
use cleanplate_types::ids::LeaseId;
use cleanplate_types::tier::CardLoad;

use crate::attend::{Sessions, grant_to_wire};
use crate::book::Book;
use crate::finish::{CopyOrder, Finisher};
use crate::marks::Marks;
use crate::objects::Objects;
use crate::shown;

/// What a worker is told of a lease that is taken from it.
const REVOKED: &str = "nobody wants its result any more";

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Performer {
    sessions: Arc<Sessions>,
    objects: Objects,
    finisher: Finisher,
    marks: Marks,
}

impl Performer {
    pub(crate) const fn new(
        sessions: Arc<Sessions>,
        objects: Objects,
        finisher: Finisher,
        marks: Marks,
    ) -> Self {
        Self { sessions, objects, finisher, marks }
    }

    /// What the store is told beside the journal.
    pub(super) const fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    /// Performs `effect`, whose records are durable.
    pub(super) fn perform(&mut self, effect: Effect) {
        use pb::to_worker::Message;
        match effect {
            Effect::Grant { worker: _, session, lease, grant } => {
                self.sessions.send(session, Message::Grant(grant_to_wire(lease, *grant)));
            }
            Effect::Revoke { worker: _, session, lease: LeaseId(lease) } => {
                let revoke = pb::Revoke { lease, why: REVOKED.to_owned() };
                self.sessions.send(session, Message::Revoke(revoke));
            }
            Effect::HandIn { worker: _, session, lease: LeaseId(lease), remaining_ms } => {
                self.sessions.send(session, Message::HandIn(pb::HandIn { lease, remaining_ms }));
            }
            Effect::DrainWorker { worker: _, session } => {
                self.sessions.send(session, Message::Drain(pb::Drain {}));
            }
            Effect::LoadTable { job, description, table } => {
                self.objects.load_table(job, description, table);
            }
            Effect::LoadFinding { job, finding } => self.objects.load_finding(job, finding),
            Effect::WriteDraft { job, look, after, draft } => {
                self.objects.write_draft(job, look, (after, draft));
            }
            Effect::WriteBrief { job, after, brief } => self.objects.write_brief(job, after, brief),
            Effect::Sweep { job, before, keep } => self.objects.sweep(job, before, keep),
            Effect::StartStitch { job, lease, order } => self.finisher.stitch(job, lease, *order),
            Effect::StitchPart { job, lease, cell, summary } => {
                self.finisher.part(&job, lease, cell, *summary);
            }
            Effect::AbortStitch { job, lease } => self.finisher.abort(&job, lease),
            Effect::CopyThrough { job, lease, source, output, why, conceal } => {
                self.finisher.copy(job, lease, CopyOrder { source, output, why, conceal });
            }
            // Done by the loop itself, before and after.
            Effect::Record(_) | Effect::Ignored(_) | Effect::JobEnded { .. } => {}
        }
    }

    /// Ends what is under way.
    pub(super) async fn stop(self) {
        self.sessions.close_all();
        self.finisher.stop().await;
        self.marks.stop().await;
    }

    /// Ends the stream of a worker that has left.
    pub(super) fn farewell(&self, session: u64) {
        self.sessions.close(session);
    }

    /// What a worker's card is doing, where that is told.
    pub(super) fn load(&self, view: &WorkerView<'_>) -> Option<CardLoad> {
        view.session.and_then(|session| self.sessions.load_of(session))
    }

    /// A worker for the wire.
    pub(super) fn worker_state(&self, view: &WorkerView<'_>, book: &Book) -> pb::WorkerState {
        let version = view.session.and_then(|session| self.sessions.version_of(session));
        shown::worker_state(view, book, (version, self.load(view)))
    }
}
