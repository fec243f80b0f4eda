//! The audits of a job: which parts are to be decoded again by another, and which were.

use cleanplate_types::ids::{CellIndex, WorkerId};
use cleanplate_types::object::ObjectRef;

use crate::ledger::job::Encoding;

/// The audit of one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audit {
    /// To be done once its part is there.
    Open,
    /// A worker looks at the part with this manifest.
    Held(ObjectRef),
    /// The part that is there was found right.
    Settled {
        /// By the worker that made it, which is no second opinion of another machine.
        alone: bool,
    },
}

impl Encoding {
    /// Whether an audit is still to be done.
    pub(crate) fn has_open_audits(&self) -> bool {
        self.audits.values().any(|audit| match audit {
            Audit::Open | Audit::Held(_) => true,
            Audit::Settled { .. } => false,
        })
    }

    /// The cells whose parts are there to be audited, and nobody does.
    pub(crate) fn audits_free(&self) -> impl Iterator<Item = CellIndex> {
        let free = self
            .audits
            .iter()
            .filter(|(cell, audit)| **audit == Audit::Open && self.part(**cell).is_some());
        free.map(|(cell, _)| *cell)
    }

    /// Whether the audit of `cell` that is under way is of the part that is there.
    pub(crate) fn is_audit_current(&self, cell: CellIndex) -> bool {
        let part = self.part(cell).map(|part| &part.summary.manifest);
        match self.audits.get(&cell) {
            Some(Audit::Held(manifest)) => part == Some(manifest),
            Some(Audit::Open | Audit::Settled { .. }) | None => false,
        }
    }

    /// Somebody looks at the part of `cell`.
    pub(crate) fn hold_audit(&mut self, cell: CellIndex) {
        let manifest = self.part(cell).map(|part| part.summary.manifest.clone());
        if let (Some(audit), Some(manifest)) = (self.audits.get_mut(&cell), manifest) {
            *audit = Audit::Held(manifest);
        }
    }

    /// Nobody looks at the part of `cell` any more; what was settled stays so.
    pub(crate) fn release_audit(&mut self, cell: CellIndex) {
        if let Some(audit @ Audit::Held(_)) = self.audits.get_mut(&cell) {
            *audit = Audit::Open;
        }
    }

    /// The part of `cell` was found right by `auditor`, where it is still the one that was looked at.
    pub(crate) fn settle_audit(&mut self, cell: CellIndex, auditor: Option<&WorkerId>) {
        let maker = self.part(cell).map(|part| &part.worker);
        let alone = maker.is_some() && maker == auditor;
        let is_current = self.is_audit_current(cell);
        if let Some(audit) = self.audits.get_mut(&cell) {
            *audit = if is_current { Audit::Settled { alone } } else { Audit::Open };
        }
    }

    /// The parts that were found right by nobody but the worker that made them.
    pub(crate) fn audits_alone(&self) -> usize {
        let alone = self.audits.values().filter(|audit| match audit {
            Audit::Settled { alone } => *alone,
            Audit::Open | Audit::Held(_) => false,
        });
        alone.count()
    }

    /// The part of `cell` is void: another will have to be looked at.
    pub(crate) fn reopen_audit(&mut self, cell: CellIndex) {
        if let Some(audit @ Audit::Settled { .. }) = self.audits.get_mut(&cell) {
            *audit = Audit::Open;
        }
    }
}
