//! The blocks of a remote object that a reader keeps, so that many small reads are few requests.

use std::collections::BTreeMap;

use bytes::Bytes;

/// Size of a block in bytes. Readers of containers jump by kilobytes near where they were.
pub(crate) const BLOCK_BYTES: u64 = 1 << 20;

/// Blocks fetched by one request while a reader moves forward: at 30 ms a request, 8 MiB give
/// about 250 MB/s where single blocks would give 30.
pub(crate) const RUN_BLOCKS: u64 = 8;

/// Blocks kept: 32 MiB a reader, room for the runs of an audio and a video stream that lie far
/// apart in a badly interleaved file.
pub(crate) const BLOCKS_MAX: usize = 32;

/// Blocks by their index, the least recently used of which goes first.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    kept: BTreeMap<u64, (u64, Bytes)>,
    uses: u64,
}

impl Blocks {
    /// The block at `index`, where it is kept.
    pub(crate) fn find(&mut self, index: u64) -> Option<Bytes> {
        self.uses += 1;
        let (used, bytes) = self.kept.get_mut(&index)?;
        *used = self.uses;
        Some(bytes.clone())
    }

    /// How many blocks to fetch when the one at `index` is missing: more where the one before it
    /// was just read.
    pub(crate) fn run_from(&self, index: u64) -> u64 {
        let forward = index.checked_sub(1).is_some_and(|before| self.kept.contains_key(&before));
        if !forward {
            return 1;
        }
        (1..RUN_BLOCKS).find(|ahead| self.kept.contains_key(&(index + ahead))).unwrap_or(RUN_BLOCKS)
    }

    /// Keeps the blocks of `run`, which begins at the block `index`.
    pub(crate) fn keep(&mut self, index: u64, run: &Bytes) {
        let sizes = run.len().div_ceil(BLOCK);
        for (block, piece) in (index..).zip(run.chunks(BLOCK)) {
            // A slice would keep the whole run alive for as long as one of its blocks is.
            let bytes = if sizes == 1 { run.clone() } else { Bytes::copy_from_slice(piece) };
            self.uses += 1;
            self.kept.insert(block, (self.uses, bytes));
        }
        while self.kept.len() > BLOCKS_MAX {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(at, _)| *at);
            let Some(oldest) = oldest else { break };
            self.kept.remove(&oldest);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a megabyte fits every usize")]
const BLOCK: usize = BLOCK_BYTES as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_block_goes_first() {
        let mut blocks = Blocks::default();
        for index in 0..BLOCKS_MAX as u64 {
            blocks.keep(index * 2, &Bytes::from_static(b"x"));
        }
        assert!(blocks.find(0).is_some());
        blocks.keep(999, &Bytes::from_static(b"y"));
        assert!(blocks.find(0).is_some(), "it was used");
        assert!(blocks.find(2).is_none(), "it was the oldest");
        assert_eq!(blocks.kept.len(), BLOCKS_MAX);
    }

    #[test]
    fn reading_forward_fetches_runs_that_end_where_blocks_are_known() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.run_from(0), 1);
        blocks.keep(0, &Bytes::from_static(b"x"));
        assert_eq!(blocks.run_from(1), RUN_BLOCKS);
        blocks.keep(4, &Bytes::from_static(b"x"));
        assert_eq!(blocks.run_from(1), 3);
        assert_eq!(blocks.run_from(9), 1);
    }

    #[test]
    fn a_run_is_kept_as_its_blocks() {
        let run = Bytes::from(vec![7_u8; 2 * BLOCK + 5]);
        let mut blocks = Blocks::default();
        blocks.keep(3, &run);
        let sizes: Vec<_> = (3..7).map(|at| blocks.find(at).map(|block| block.len())).collect();
        assert_eq!(sizes, [Some(BLOCK), Some(BLOCK), Some(5), None]);
    }
}
