//! What the loop may be told and asked, and the one way to it.

use cleanplate_access::Reach;
use cleanplate_core::demand::{Ask, Demand};
use cleanplate_core::effect::Ignored;
use cleanplate_core::input::Input;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::view::JobPhase;
use cleanplate_proto::v1 as pb;
use cleanplate_telemetry::metrics::Snapshot;
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Look, OverlayPlan};
use cleanplate_types::request::JobRequest;
use cleanplate_types::time::Tick;
use cleanplate_types::trail::TrailEntry;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

use crate::attend::Held;
use crate::dispatch::glance::Glance;
use crate::jobs::Wanted;

/// One thing for the loop.
#[derive(Debug)]
pub(crate) enum Order {
    /// An input of the scheduler.
    Tell {
        /// What happened.
        input: Input,
        /// Told once the step is durable: why the input was void, where it was.
        reply: Option<oneshot::Sender<Option<Ignored>>>,
    },
    /// Lines of an attempt's trail.
    Trail {
        /// Who tells; nobody where the coordinator does the work itself.
        worker: Option<WorkerId>,
        /// The attempt.
        lease: LeaseId,
        /// The lines.
        entries: Vec<TrailEntry>,
    },
    /// A worker goes on purpose.
    Leave {
        /// Which.
        worker: WorkerId,
        /// By which stream.
        session: u64,
    },
    /// A question of a client.
    Ask(Question),
}

/// What clients want to know, as it stands after all that is durable.
#[derive(Debug)]
pub(crate) enum Question {
    /// One job; nothing where there is no such job.
    Job {
        /// Which.
        job: JobId,
        /// Where to.
        reply: oneshot::Sender<Option<Known>>,
    },
    /// The job of that id; else those whose ids begin so, two at most.
    Named {
        /// An id or its beginning, with or without `job-`.
        begins: String,
        /// Whose jobs may be meant; others are not there for who asks.
        reach: Reach,
        /// Where to.
        reply: oneshot::Sender<Vec<JobId>>,
    },
    /// A page of those that are wanted, newest first.
    Jobs {
        /// Which, and how many at most.
        wanted: Wanted,
        /// Where to.
        reply: oneshot::Sender<pb::ListResponse>,
    },
    /// The states of a few jobs, and what all within reach come to.
    Glance {
        /// Which; those that there are not are left out.
        jobs: Vec<JobId>,
        /// Whose jobs are counted and shown.
        reach: Reach,
        /// Where to.
        reply: oneshot::Sender<Glance>,
    },
    /// All workers.
    Workers {
        /// Where to.
        reply: oneshot::Sender<Vec<pb::WorkerState>>,
    },
    /// What a worker holds; nothing where no such worker is attached.
    Held {
        /// Which.
        worker: WorkerId,
        /// Where to.
        reply: oneshot::Sender<Option<Held>>,
    },
    /// The state of the fleet in numbers.
    Snapshot {
        /// Where to.
        reply: oneshot::Sender<Snapshot>,
    },
    /// How much there is to do.
    Demand {
        /// For which workers.
        ask: Ask,
        /// Where to.
        reply: oneshot::Sender<Demand>,
    },
    /// One job's state from now on; nothing where there is no such job.
    Watch {
        /// Which.
        job: JobId,
        /// Where to.
        reply: oneshot::Sender<Option<watch::Receiver<pb::JobState>>>,
    },
}

/// What is known of a job.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its state for the wire.
    pub(crate) state: pb::JobState,
    /// What was asked for.
    pub(crate) request: JobRequest,
    /// How it ended, where it has.
    pub(crate) outcome: Option<JobOutcome>,
    /// When it ended, where it has.
    pub(crate) ended: Option<Tick>,
    /// Where it stands.
    pub(crate) phase: JobPhase,
    /// The look at the frames that is under way.
    pub(crate) look: Option<Look>,
    /// What is removed, once that is settled.
    pub(crate) plan: Option<OverlayPlan>,
    /// What a person is shown, once it is made.
    pub(crate) preview: Option<ObjectRef>,
}

/// The loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the coordinator is stopping")]
pub(crate) struct Gone;

impl From<Gone> for Status {
    fn from(gone: Gone) -> Self {
        Self::unavailable(gone.to_string())
    }
}

/// The way to a loop that does not keep it running.
#[derive(Debug, Clone)]
pub(crate) struct WeakOrders(mpsc::WeakSender<Order>);

impl WeakOrders {
    /// The way, where the loop still runs.
    pub(crate) fn orders(&self) -> Option<Orders> {
        self.0.upgrade().map(Orders)
    }
}

/// The way to the loop. Waits where the loop is behind.
#[derive(Debug, Clone)]
pub(crate) struct Orders(mpsc::Sender<Order>);

impl Orders {
    pub(crate) const fn new(sender: mpsc::Sender<Order>) -> Self {
        Self(sender)
    }

    /// The same without keeping the loop running: it ends when nobody is left who could tell it anything.
    pub(crate) fn weak(&self) -> WeakOrders {
        WeakOrders(self.0.downgrade())
    }

    /// Hands over an order.
    pub(crate) async fn send(&self, order: Order) -> Result<(), Gone> {
        self.0.send(order).await.map_err(|_closed| Gone)
    }

    /// Tells the scheduler something and waits until that is durable; returns why it was void,
    /// where it was.
    pub(crate) async fn input(&self, input: Input) -> Result<Option<Ignored>, Gone> {
        let (reply, told) = oneshot::channel();
        self.send(Order::Tell { input, reply: Some(reply) }).await?;
        told.await.map_err(|_dropped| Gone)
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.send(Order::Ask(question(reply))).await?;
        answer.await.map_err(|_dropped| Gone)
    }
}
