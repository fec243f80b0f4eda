//! The audits of a job: which parts are to be decoded again by another, and which were.

use cleanplate_types::ids::CellIndex;
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
    Settled,
}

impl Encoding {
    /// Whether an audit is still to be done.
    pub(crate) fn has_open_audits(&self) -> bool {
        self.audits.values().any(|audit| *audit != Audit::Settled)
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
            Some(Audit::Open | Audit::Settled) | None => false,
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

    /// The part of `cell` was found right, where it is still the one that was looked at.
    pub(crate) fn settle_audit(&mut self, cell: CellIndex) {
        let settled = if self.is_audit_current(cell) { Audit::Settled } else { Audit::Open };
        if let Some(audit) = self.audits.get_mut(&cell) {
            *audit = settled;
        }
    }

    /// The part of `cell` is void: another will have to be looked at.
    pub(crate) fn reopen_audit(&mut self, cell: CellIndex) {
        if let Some(audit @ Audit::Settled) = self.audits.get_mut(&cell) {
            *audit = Audit::Open;
        }
    }
}
