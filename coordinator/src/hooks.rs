//! Webhooks: endpoints of other programs are told of jobs that ended and of jobs that wait for a person.
//!
//! Told are things that are durable, at least once, each under an id that stays the same. Owns who is told and since when;
//! the message, its signature and its retries are in the modules. Refuses addresses from clients: whom this process
//! calls is the operator's to say.

mod endpoint;
mod occasion;
mod secrets;
mod teller;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cleanplate_access::Watched;
use cleanplate_core::record::{Event, Record};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_store::{Store, keys};
use cleanplate_types::ids::JobId;
use cleanplate_types::time::Tick;
use reqwest::{Client, redirect};
use tokio::task::JoinSet;

use crate::dispatch::Orders;
pub use crate::hooks::endpoint::{BadEndpoint, Endpoint};
use crate::hooks::occasion::{Occasion, What};
pub use crate::hooks::secrets::{BadSecrets, Secrets};
use crate::hooks::teller::Teller;
use crate::meters::Meters;

/// How long an endpoint may take for the connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it may take in all.
const TOTAL: Duration = Duration::from_secs(20);

/// Who is told, and for how long that is tried.
#[derive(Debug, Clone)]
pub struct HookOptions {
    /// Who.
    pub endpoints: Vec<Endpoint>,
    /// What messages are signed with.
    pub secrets: Watched<Secrets>,
    /// What happened longer ago is given up.
    pub give_up: Duration,
    /// The pause after the first try that fails; each is twice the one before, up to ten minutes.
    pub first_pause: Duration,
}

/// See the top of the file. Of one lead.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    tellers: Vec<Arc<Teller>>,
    /// Jobs of which it is under way or done that they wait for a person.
    in_review: HashSet<JobId>,
    errands: JoinSet<()>,
}

impl Hooks {
    /// Begins to tell, at `now`, what is not told yet of the jobs of `scheduler`.
    ///
    /// # Errors
    /// What the system says where it has no way to ask anybody.
    pub(crate) fn begin(
        options: Option<HookOptions>,
        (store, orders, meters): (&Store, &Orders, &Arc<Meters>),
        (scheduler, now): (&Scheduler, Tick),
    ) -> Result<Self, reqwest::Error> {
        let Some(options) = options.filter(|options| !options.endpoints.is_empty()) else {
            return Ok(Self::default());
        };
        let HookOptions { endpoints, secrets, give_up, first_pause } = options;
        // Neither a redirect nor a proxy sees what is for one place.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("cleanplate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .build()?;
        let teller = |endpoint| {
            Arc::new(Teller {
                endpoint,
                client: client.clone(),
                secrets: secrets.clone(),
                store: store.clone(),
                orders: orders.clone(),
                meters: Arc::clone(meters),
                give_up,
                first_pause,
                turns: Teller::turns(),
                gone: AtomicBool::new(false),
            })
        };
        let mut hooks =
            Self { tellers: endpoints.into_iter().map(teller).collect(), ..Self::default() };
        let window = u64::try_from(give_up.as_millis()).unwrap_or(u64::MAX);
        let all = Occasion::all(scheduler, Tick(now.0.saturating_sub(window)));
        let open = scheduler.jobs().filter(|view| view.ended.is_none());
        let open = Arc::new(open.map(|view| view.job.clone()).collect());
        hooks.catch_up(&all, now, &open);
        Ok(hooks)
    }

    fn catch_up(&mut self, all: &[(Occasion, String)], now: Tick, open: &Arc<HashSet<JobId>>) {
        let in_review = all.iter().filter(|(occasion, _)| occasion.what == What::Review);
        self.in_review = in_review.map(|(occasion, _)| occasion.job.clone()).collect();
        for teller in &self.tellers {
            let heard = all.iter().filter(|(_, owner)| teller.endpoint.hears_of(owner));
            let owed = heard.map(|(occasion, _)| occasion.clone()).collect();
            let (teller, open) = (Arc::clone(teller), Arc::clone(open));
            self.errands.spawn(async move { teller.catch_up(owed, now, &open).await });
        }
    }

    /// A record is durable, and `scheduler` has taken it.
    pub(crate) fn take(&mut self, record: &Record, scheduler: &Scheduler) {
        if self.tellers.is_empty() {
            return;
        }
        while self.errands.try_join_next().is_some() {}
        let job = &record.job;
        let Some(view) = scheduler.job_view(job) else {
            self.in_review.remove(job);
            if record.event == Event::Forgotten {
                self.forget(job);
            }
            return;
        };
        let occasion = Occasion::of(&view);
        let waits = occasion.as_ref().is_some_and(|it| it.what == What::Review);
        let is_new = if waits {
            self.in_review.insert(job.clone())
        } else {
            self.in_review.remove(job);
            matches!(record.event, Event::Ended(_))
        };
        let Some(occasion) = occasion.filter(|_| is_new) else { return };
        for teller in self.tellers.iter().filter(|it| it.endpoint.hears_of(&view.request.owner)) {
            let (teller, occasion) = (Arc::clone(teller), occasion.clone());
            self.errands.spawn(async move { teller.tell(occasion, Duration::ZERO).await });
        }
    }

    /// The marks of a job that nobody knows any more are of use to nobody.
    fn forget(&mut self, job: &JobId) {
        for teller in &self.tellers {
            let (store, prefix) =
                (teller.store.clone(), keys::told_of_job(&teller.endpoint.id(), job));
            self.errands.spawn(async move {
                if let Err(error) = store.delete_prefix(&prefix, |_key| true).await {
                    tracing::debug!(%error, "marks of what was told stay in the store");
                }
            });
        }
    }
}
