//! Packets that were given and not found yet, in order, in few bytes each.
//!
//! An index is read when the movie is complete, so that every packet of it waits until then: a million of
//! pictures take 5 MB here, where a list of [`Row`]s takes 50. Owns the form: what is as the steps before it
//! let expect is not kept. Loses nothing: what is taken out is what was put in.

use std::collections::VecDeque;

use super::ledger::Row;

/// Bytes that are asked for at a time; what has been taken out is given back in such blocks.
const BLOCK_BYTES: usize = 32 << 10;

/// The longest that one packet can be: its signs, three numbers of ten bytes, and its content's CRC.
const ROW_BYTES_MAX: usize = 1 + 3 * 10 + 4;

/// What there is of a packet, and what of it is as before.
const HAS_PTS: u8 = 1;
const HAS_DTS: u8 = 2;
const HAS_CONTENT: u8 = 4;
const SAME_STEP: u8 = 8;
const SAME_OFFSET: u8 = 16;

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Queue {
    blocks: VecDeque<Vec<u8>>,
    /// Bytes of the first block that have been taken out.
    taken: usize,
    count: usize,
    written: Steps,
    read: Steps,
    /// The packet that was put in last, and the steps and the length of its block before it.
    last: Option<(Row, Steps, usize)>,
}

/// What the packets so far let expect.
#[derive(Debug, Clone, Copy, Default)]
struct Steps {
    dts: i64,
    /// From one decoding time to the next.
    step: i64,
    /// From decoding to showing.
    offset: i64,
}

impl Queue {
    /// Number of packets that wait.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Takes the packet out that was put in last, unless it is out; only the last can be had back.
    pub(super) fn take_back(&mut self) -> Option<Row> {
        let (row, before, length) = self.last.take().filter(|_| self.count > 0)?;
        self.blocks.back_mut()?.truncate(length);
        self.written = before;
        self.count -= 1;
        Some(row)
    }

    /// Puts a packet behind the others.
    pub(super) fn push(&mut self, row: Row) {
        let steps = &mut self.written;
        let step = row.dts.map_or(steps.step, |dts| dts.wrapping_sub(steps.dts));
        let dts = row.dts.unwrap_or(steps.dts);
        let offset = row.pts.map_or(steps.offset, |pts| pts.wrapping_sub(dts));
        let mut signs = 0;
        signs |= if row.pts.is_some() { HAS_PTS } else { 0 };
        signs |= if row.dts.is_some() { HAS_DTS } else { 0 };
        signs |= if row.content.is_some() { HAS_CONTENT } else { 0 };
        signs |= if step == steps.step { SAME_STEP } else { 0 };
        signs |= if offset == steps.offset { SAME_OFFSET } else { 0 };
        let block = room(&mut self.blocks);
        self.last = Some((row, *steps, block.len()));
        block.push(signs);
        if step != steps.step {
            put(block, folded(step));
        }
        if offset != steps.offset {
            put(block, folded(offset));
        }
        put(block, row.bytes);
        if let Some(content) = row.content {
            block.extend_from_slice(&content.to_le_bytes());
        }
        *steps = Steps { dts, step, offset };
        self.count += 1;
    }

    /// Takes the first packet out.
    pub(super) fn pop(&mut self) -> Option<Row> {
        if self.blocks.front().is_some_and(|block| block.len() == self.taken) {
            self.blocks.pop_front();
            self.taken = 0;
        }
        let mut rest = self.blocks.front()?.get(self.taken..)?;
        let before = rest.len();
        let steps = &mut self.read;
        let signs = take(&mut rest)?;
        if signs & SAME_STEP == 0 {
            steps.step = unfolded(number(&mut rest)?);
        }
        if signs & SAME_OFFSET == 0 {
            steps.offset = unfolded(number(&mut rest)?);
        }
        if signs & HAS_DTS != 0 {
            steps.dts = steps.dts.wrapping_add(steps.step);
        }
        let bytes = number(&mut rest)?;
        let content = if signs & HAS_CONTENT == 0 {
            None
        } else {
            let (content, after) = rest.split_first_chunk()?;
            rest = after;
            Some(u32::from_le_bytes(*content))
        };
        self.taken += before - rest.len();
        self.count -= 1;
        let pts = (signs & HAS_PTS != 0).then(|| steps.dts.wrapping_add(steps.offset));
        let dts = (signs & HAS_DTS != 0).then_some(steps.dts);
        Some(Row { pts, dts, bytes, content })
    }
}

/// A block that has room for one more packet.
fn room(blocks: &mut VecDeque<Vec<u8>>) -> &mut Vec<u8> {
    let is_full = blocks.back().is_none_or(|last| last.capacity() - last.len() < ROW_BYTES_MAX);
    if is_full {
        blocks.push_back(Vec::with_capacity(BLOCK_BYTES));
    }
    let last = blocks.len() - 1;
    &mut blocks[last]
}

/// Small numbers of either sign as small numbers.
const fn folded(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unfolded(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn put(block: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        block.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    block.push(number.to_le_bytes()[0]);
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = take(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp() -> impl Strategy<Value = Option<i64>> {
        prop_oneof![
            2 => Just(None),
            6 => (-5000_i64..5000).prop_map(Some),
            1 => any::<i64>().prop_map(Some),
        ]
    }

    fn row() -> impl Strategy<Value = Row> {
        let content = proptest::option::of(any::<u32>());
        let bytes = prop_oneof![6 => 0_u64..70_000, 1 => any::<u64>()];
        let parts = (stamp(), stamp(), bytes, content);
        parts.prop_map(|(pts, dts, bytes, content)| Row { pts, dts, bytes, content })
    }

    proptest! {
        #[test]
        fn what_is_taken_out_is_what_was_put_in(
            rounds in prop::collection::vec((prop::collection::vec(row(), 0..40), 0_usize..50), 1..60),
        ) {
            let (mut queue, mut list) = (Queue::default(), VecDeque::new());
            for (rows, taken) in rounds {
                for (at, row) in rows.into_iter().enumerate() {
                    queue.push(row);
                    list.push_back(row);
                    if at % 3 == 2 {
                        prop_assert_eq!(queue.take_back(), list.pop_back());
                        prop_assert_eq!(queue.take_back(), None);
                    }
                }
                for _ in 0..taken {
                    prop_assert_eq!(queue.pop(), list.pop_front());
                    prop_assert_eq!(queue.len(), list.len());
                }
            }
            while let Some(row) = list.pop_front() {
                prop_assert_eq!(queue.pop(), Some(row));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }

    #[test]
    fn ten_hours_of_pictures_and_sound_wait_in_few_bytes() {
        let mut queue = Queue::default();
        // Pictures in the order P B B: the first is shown 3 frames after it is decoded.
        for (number, late) in (0..90_000).zip([3, 1, 1].into_iter().cycle()) {
            let dts = number * 512;
            let row =
                Row { pts: Some(dts + late * 512), dts: Some(dts), bytes: 9000, content: None };
            queue.push(row);
        }
        let held: usize = queue.blocks.iter().map(Vec::capacity).sum();
        assert!(held < 90_000 * 6, "{held} bytes");
        for _ in 0..89_990 {
            queue.pop();
        }
        assert_eq!(queue.blocks.len(), 1, "what was taken out is given back");
    }
}
