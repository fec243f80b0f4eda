//! One coordinator of several on a journal, for all of its process's life: it stands by, leads, and stands by again
//! when another was faster than its pause.
//!
//! Owns the port through all of that: every server accepts from the same socket, so a connection that comes while
//! they change waits in its queue. Refuses to let anything of a lead outlive it: the scheduler, its errands and its
//! children have ended before the lead is asked for again.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::coordinator::{Coordinator, CoordinatorError, CoordinatorOptions};
use crate::door::Probes;
use crate::journal::{Journal, JournalError, Standing};
use crate::standby::Standby;

/// Serves on `listener` until `stop` resolves: what workers and clients ask, while this coordinator leads, and where
/// they find the one that does, while it does not. Then it ends in order, and another may lead at once. With an
/// address for `probes`, health is answered there without a token.
///
/// # Errors
/// As for [`Coordinator::start`] and [`Coordinator::serve`], but for [`CoordinatorError::Deposed`].
pub async fn serve_in_turn(
    options: CoordinatorOptions,
    (listener, probes): (TcpListener, Option<TcpListener>),
    stop: impl Future<Output = ()>,
) -> Result<(), CoordinatorError> {
    let journal = Arc::clone(&options.journal);
    let _probes = Probes::begin(probes, &options.door, journal.standing()).await;
    let mut stop = pin!(stop);
    let port = Port::of(listener)?;
    loop {
        let standby = standing_by(&options, &port).await?;
        let begun = tokio::select! {
            started = Coordinator::start(options.clone()) => Begun::of(started),
            () = &mut stop => Begun::Stopped,
        };
        let coordinator = match begun {
            Begun::Leads(coordinator) => *coordinator,
            Begun::Failed(error) => return Err(error),
            Begun::Again | Begun::Stopped => {
                let stopped = matches!(begun, Begun::Stopped);
                retire(standby).await;
                if stopped || waited_in_vain(journal.pace().min(AGAIN), stop.as_mut()).await {
                    give_up(journal.as_ref()).await;
                    return Ok(());
                }
                continue;
            }
        };
        let listener = port.listener()?;
        match lead(coordinator, listener, retire(standby), stop.as_mut()).await {
            Led::Deposed => tracing::info!("stands by again"),
            Led::Ended(ended) => return ended,
        }
    }
}

/// What is served until this one leads; nothing where it does at once.
async fn standing_by(
    options: &CoordinatorOptions,
    port: &Port,
) -> Result<Option<Standby>, CoordinatorError> {
    if leads_at_once(options).await {
        return Ok(None);
    }
    let standing = options.journal.standing();
    Standby::serve(port.listener()?, standing, &options.door).await.map(Some)
}

/// How long a coordinator that could not begin to lead waits at most before it tries again.
const AGAIN: Duration = Duration::from_secs(5);

/// How a coordinator fared that stood by.
enum Begun {
    Leads(Box<Coordinator>),
    /// It cannot lead now: another may see the store or the journal, or has taken the lead already.
    Again,
    Stopped,
    Failed(CoordinatorError),
}

impl Begun {
    fn of(started: Result<Coordinator, CoordinatorError>) -> Self {
        match started {
            Ok(coordinator) => Self::Leads(Box::new(coordinator)),
            Err(
                error @ (CoordinatorError::Store(_)
                | CoordinatorError::Deposed { .. }
                | CoordinatorError::Journal(JournalError::Unreachable { .. })),
            ) => {
                tracing::warn!(%error, "stands by again");
                Self::Again
            }
            Err(error) => Self::Failed(error),
        }
    }
}

/// Waits for so long; says whether it was stopped meanwhile.
async fn waited_in_vain(wait: Duration, stop: Pin<&mut impl Future<Output = ()>>) -> bool {
    tokio::time::timeout(wait, stop).await.is_ok()
}

async fn retire(standby: Option<Standby>) {
    if let Some(standby) = standby {
        standby.retire().await;
    }
}

/// Closes a journal of which the lead may have been taken just now.
async fn give_up(journal: &dyn Journal) {
    if let Err(error) = journal.resign().await {
        tracing::warn!(%error, "the lead was not given up, another waits until it lapses");
    }
    journal.close().await;
}

/// How a lead ended.
enum Led {
    /// By another's.
    Deposed,
    /// In order, or by a failure.
    Ended(Result<(), CoordinatorError>),
}

async fn lead(
    coordinator: Coordinator,
    listener: TcpListener,
    retiring: impl Future<Output = ()>,
    stop: Pin<&mut impl Future<Output = ()>>,
) -> Led {
    let (served, ()) = tokio::join!(coordinator.serve(listener, stop), retiring);
    if matches!(served, Err(CoordinatorError::Deposed { .. })) {
        drop(coordinator.step_down().await);
        return Led::Deposed;
    }
    coordinator.stop().await;
    Led::Ended(served)
}

/// Whether the lead is had without waiting: the usual start, in which nobody need be sent away.
async fn leads_at_once(options: &CoordinatorOptions) -> bool {
    let journal = &options.journal;
    // One that does not answer is waited for by whoever stands by, who also says what is wrong with it.
    let taken = tokio::time::timeout(journal.pace(), journal.take()).await;
    matches!(taken, Ok(Ok(Standing::Leads(_))))
}

/// The socket that all servers accept from.
struct Port(std::net::TcpListener);

impl Port {
    fn of(listener: TcpListener) -> Result<Self, CoordinatorError> {
        listener.into_std().map(Self).map_err(|error| port_lost(&error))
    }

    /// The same socket once more.
    fn listener(&self) -> Result<TcpListener, CoordinatorError> {
        let again = self.0.try_clone().and_then(TcpListener::from_std);
        again.map_err(|error| port_lost(&error))
    }
}

fn port_lost(error: &std::io::Error) -> CoordinatorError {
    CoordinatorError::PortLost(error.to_string())
}
