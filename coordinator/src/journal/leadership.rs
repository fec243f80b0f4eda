//! Who leads: of all coordinators on one journal one decides and writes, the others stand by.
//!
//! A lead has a number, its epoch. Whatever is written carries it, and is refused in the very statement that
//! would write it where another epoch is current: a coordinator that was paused, cut off or slow may believe
//! what it likes. Owns the words for that, and the two loops: standing by, and renewing. Refuses this machine's
//! clock: how long a leader was silent is the database's to say.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

use crate::journal::JournalError;

/// The number of a lead: greater than that of every lead before, and never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Who would lead, as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// A name for people: the host and the process.
    pub name: String,
    /// URL at which workers and clients find it.
    pub address: String,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// The number of its lead.
    pub epoch: Epoch,
    /// Its name, with something behind it that no other process has.
    pub holder: String,
    /// URL at which workers and clients find it.
    pub address: String,
}

/// How this coordinator stands, as far as it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It leads.
    Leads(Epoch),
    /// It does not; this one does, if anybody.
    StandsBy(Option<Leader>),
}

/// The lead of a journal.
#[async_trait::async_trait]
pub trait Leadership: fmt::Debug + Send + Sync {
    /// Takes the lead where it is free, or where who has it was silent for too long; says who leads otherwise.
    /// Who leads already keeps its lead, and its epoch.
    ///
    /// # Errors
    /// [`JournalError`] where the journal does not answer; it may be tried again.
    async fn take(&self) -> Result<Standing, JournalError>;

    /// Tells the others that the leader lives.
    ///
    /// # Errors
    /// [`JournalError::Deposed`] where another took the lead, and as for an append.
    async fn renew(&self) -> Result<(), JournalError>;

    /// Gives the lead up, so that another need not wait until this one was silent for too long. Nothing is
    /// written under its epoch afterwards. Does nothing where it does not lead.
    ///
    /// # Errors
    /// As for `renew`.
    async fn resign(&self) -> Result<(), JournalError>;

    /// How this coordinator stands, and every change of it that becomes known here.
    fn standing(&self) -> watch::Receiver<Standing>;

    /// How often to renew, and how often to ask while standing by.
    fn pace(&self) -> Duration;

    /// The number of this coordinator's lead, where it leads as far as it knows.
    fn epoch(&self) -> Option<Epoch> {
        match *self.standing().borrow() {
            Standing::Leads(epoch) => Some(epoch),
            Standing::StandsBy(_) => None,
        }
    }
}

/// Stands by until the lead is had. A database that does not answer is waited for.
///
/// # Errors
/// [`JournalError`] where it answers and refuses for good.
pub async fn stand_by<L: Leadership + ?Sized>(journal: &L) -> Result<Epoch, JournalError> {
    let mut seen = None;
    loop {
        match journal.take().await {
            Ok(Standing::Leads(epoch)) => return Ok(epoch),
            Ok(Standing::StandsBy(leader)) => {
                if seen.as_ref() != Some(&leader) {
                    tell_of(leader.as_ref());
                    seen = Some(leader);
                }
            }
            Err(error @ JournalError::Unreachable { .. }) => tell_of_silence(&error),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(journal.pace()).await;
    }
}

fn tell_of(leader: Option<&Leader>) {
    let (epoch, holder, address) =
        leader.map_or((0, "nobody", ""), |it| (it.epoch.0, &it.holder, &it.address));
    tracing::info!(epoch, holder, address, "stands by, another leads");
}

fn tell_of_silence(error: &JournalError) {
    tracing::warn!(%error, "stands by, the journal does not answer");
}

/// Renews the lead until that fails, and says how.
pub async fn renew_for_good<L: Leadership + ?Sized>(journal: &L) -> JournalError {
    loop {
        tokio::time::sleep(journal.pace()).await;
        if let Err(error) = journal.renew().await {
            return error;
        }
    }
}
