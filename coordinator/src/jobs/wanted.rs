//! Which jobs a list has: the filter of a client, parsed once, so that the limit counts what is shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::scheduler::Scheduler;
use cleanplate_core::view::JobView;
use cleanplate_proto::v1 as pb;
use cleanplate_types::ids::JobId;
use cleanplate_types::time::Tick;
use tonic::Status;

use crate::shown::phase;

/// Jobs that are listed where the client does not say how many.
const LISTED: usize = 100;

/// Jobs to a page at most: below a KiB each, and so below the largest message.
const LISTED_MAX: usize = 5_000;

/// See the top of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// How many at most.
    pub(crate) limit: usize,
    /// Only those after this one.
    pub(crate) after: Option<Place>,
    /// Only those of this owner.
    owner: Option<String>,
    /// Only those in this state.
    state: Option<State>,
}

/// A place in the list of jobs, newest first: that of a job, which may be gone by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    submitted: Tick,
    job: JobId,
}

impl Place {
    /// That of a job that was shown.
    pub(crate) fn of(view: &JobView<'_>) -> Self {
        Self { submitted: view.submitted, job: view.job.clone() }
    }

    /// What a client is given and brings back.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}", self.submitted.0, self.job))
    }

    fn parse(text: &str) -> Result<Self, Status> {
        let parsed = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (submitted, job) = text.split_once('.')?;
            let submitted = Tick(submitted.parse().ok()?);
            Some(Self { submitted, job: JobId::parse(job).ok()? })
        };
        parsed().ok_or_else(|| {
            Status::invalid_argument("the cursor is none of a list; leave it out to begin anew")
        })
    }

    /// How many of all jobs come before those after it. Where its job is there that is exact; where it was forgotten
    /// since, those of its very millisecond come again rather than never.
    pub(crate) fn passed(&self, scheduler: &Scheduler) -> usize {
        let at = scheduler.submissions().position(|(job, _)| *job == self.job);
        let before = || {
            let later = |(_, submitted): &(&JobId, Tick)| *submitted > self.submitted;
            scheduler.submissions().take_while(later).count()
        };
        at.map_or_else(before, |at| at + 1)
    }
}

/// A state by which jobs are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has begun with it.
    Queued,
    /// Somebody has, and it has not ended; one that waits for a review too.
    Running,
    /// It waits for a review.
    Review,
    /// Its output is there, be it a copy.
    Done,
    /// Its preview is there, and no more was asked for.
    Previewed,
    /// The detector abstained.
    Abstained,
    /// It failed.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl State {
    const ALL: [(&str, Self); 8] = [
        ("queued", Self::Queued),
        ("running", Self::Running),
        ("review", Self::Review),
        ("done", Self::Done),
        ("previewed", Self::Previewed),
        ("abstained", Self::Abstained),
        ("failed", Self::Failed),
        ("cancelled", Self::Cancelled),
    ];

    fn parse(word: &str) -> Result<Self, Status> {
        let known = Self::ALL.into_iter().find(|(name, _)| *name == word);
        known.map(|(_, state)| state).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            Status::invalid_argument(format!("no job is ever `{word}`; the states are {names}"))
        })
    }

    fn is_of(self, view: &JobView<'_>) -> bool {
        match (self, view.outcome) {
            (Self::Queued, None) => phase(view) == "queued",
            (Self::Running, None) => phase(view) != "queued",
            (Self::Review, None) => phase(view) == "review",
            (Self::Done, Some(JobOutcome::Done(_) | JobOutcome::Copied { .. }))
            | (Self::Previewed, Some(JobOutcome::Previewed(_)))
            | (Self::Abstained, Some(JobOutcome::Abstained { .. }))
            | (Self::Failed, Some(JobOutcome::Failed(_)))
            | (Self::Cancelled, Some(JobOutcome::Cancelled)) => true,
            (
                Self::Queued
                | Self::Running
                | Self::Review
                | Self::Done
                | Self::Previewed
                | Self::Abstained
                | Self::Failed
                | Self::Cancelled,
                _,
            ) => false,
        }
    }
}

impl Wanted {
    /// Takes what a client asked for.
    ///
    /// # Errors
    /// A status where no job can be in such a state, or the page is too long.
    pub(super) fn parse(request: pb::ListRequest) -> Result<Self, Status> {
        let pb::ListRequest { limit, owner, state, after } = request;
        let limit = match limit {
            0 => LISTED,
            limit if limit as usize > LISTED_MAX => {
                return Err(Status::invalid_argument(format!(
                    "{limit} jobs are too many for one page; ask for at most {LISTED_MAX}, and on from `next`"
                )));
            }
            limit => limit as usize,
        };
        let state = Some(state).filter(|state| !state.is_empty());
        let state = state.map(|state| State::parse(&state)).transpose()?;
        let after = Some(after).filter(|after| !after.is_empty());
        let after = after.map(|after| Place::parse(&after)).transpose()?;
        Ok(Self { limit, after, owner: Some(owner).filter(|owner| !owner.is_empty()), state })
    }

    /// Whether the list is to have this job.
    pub(crate) fn has(&self, view: &JobView<'_>) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == view.request.owner)
            && self.state.is_none_or(|state| state.is_of(view))
    }
}
