//! What this process tells of itself to whoever measures it or scales the fleet by it: metrics that live as long as
//! the process, and the way to the loop that leads at the moment.
//!
//! Refuses to answer for another: one that stands by has its own counters and no fleet.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cleanplate_core::demand::{Ask, Demand};
use cleanplate_core::outcome::JobOutcome;
use cleanplate_store::traffic;
use cleanplate_telemetry::metrics::{Labels, Metrics, Moved, Snapshot};
use cleanplate_types::failure::Stage;
use cleanplate_types::tier::TIERS;
use tokio::sync::watch;

use crate::attempts::{Fate, WORKS};
use crate::dispatch::{Gone, Orders, Question, WeakOrders};

/// How long the loop may take to answer: a scrape usually waits for 10 s.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Meters {
    metrics: Metrics,
    leader: Mutex<Option<WeakOrders>>,
    /// Changes whenever something durable happened.
    stirred: watch::Sender<u64>,
}

const STAGES: [&str; Stage::ALL.len()] = {
    let mut names = [""; Stage::ALL.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = Stage::ALL[place].as_str();
        place += 1;
    }
    names
};

const ROWS: [&str; TIERS.len()] = {
    let mut names = [""; TIERS.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = TIERS[place].name;
        place += 1;
    }
    names
};

const LABELS: Labels = Labels {
    works: &WORKS,
    outcomes: &Fate::ENDS,
    stages: &STAGES,
    endings: &JobOutcome::NAMES,
    tiers: &ROWS,
};

impl Default for Meters {
    fn default() -> Self {
        Self {
            metrics: Metrics::new(env!("CARGO_PKG_VERSION"), LABELS),
            leader: Mutex::default(),
            stirred: watch::channel(0).0,
        }
    }
}

impl Meters {
    /// What is counted.
    pub(crate) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The loop behind `orders` leads from now on.
    pub(crate) fn leads(&self, orders: &Orders) {
        *self.leader.lock().unwrap_or_else(PoisonError::into_inner) = Some(orders.weak());
    }

    /// Something durable happened.
    pub(crate) fn stir(&self) {
        self.stirred.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever something durable happens.
    pub(crate) fn stirred(&self) -> watch::Receiver<u64> {
        self.stirred.subscribe()
    }

    fn orders(&self) -> Option<Orders> {
        let leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner).clone();
        leader.and_then(|leader| leader.orders())
    }

    /// All metrics as text.
    ///
    /// # Errors
    /// [`Silent`] where the loop leads and does not answer.
    pub(crate) async fn text(&self) -> Result<String, Silent> {
        let fleet = match self.orders() {
            Some(orders) => self.fleet(&orders).await?,
            None => None,
        };
        let traffic = traffic();
        let moved = Moved {
            read: traffic.read,
            written: traffic.written,
            failed: traffic.failed.map(|(_, count)| count),
        };
        self.metrics.text(moved, fleet.as_ref()).map_err(|_unwritable| Silent)
    }

    async fn fleet(&self, orders: &Orders) -> Result<Option<Snapshot>, Silent> {
        let asked = orders.ask(|reply| Question::Snapshot { reply });
        match tokio::time::timeout(ANSWER_WAIT, asked).await {
            Ok(Ok(snapshot)) => Ok(Some(snapshot)),
            // It leads no more.
            Ok(Err(Gone)) => Ok(None),
            Err(_late) => Err(Silent),
        }
    }

    /// What there is to do for the workers of `ask`; nothing where this coordinator does not lead.
    ///
    /// # Errors
    /// [`Silent`] where the loop leads and does not answer.
    pub(crate) async fn demand(&self, ask: Ask) -> Result<Option<Demand>, Silent> {
        let Some(orders) = self.orders() else { return Ok(None) };
        let asked = orders.ask(|reply| Question::Demand { ask, reply });
        match tokio::time::timeout(ANSWER_WAIT, asked).await {
            Ok(Ok(demand)) => Ok(Some(demand)),
            Ok(Err(Gone)) => Ok(None),
            Err(_late) => Err(Silent),
        }
    }
}

/// The loop does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the coordinator does not answer in time: its log tells what it waits for")]
pub(crate) struct Silent;
