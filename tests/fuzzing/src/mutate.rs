//! Mutations by seed: the same seed gives the same inputs on every machine.

/// Numbers by seed (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From `seed` on.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next one.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// One below `most`; 0 where that is 0.
    pub fn below(&mut self, most: usize) -> usize {
        if most == 0 { 0 } else { usize::try_from(self.next() % most as u64).unwrap_or(0) }
    }
}

/// Numbers that parsers stumble over.
const ODD: [u64; 12] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    1 << 63,
    u64::MAX,
];

/// Makes inputs of others.
#[derive(Debug, Clone)]
pub struct Mutator {
    random: Random,
    most: usize,
}

impl Mutator {
    /// Inputs by `seed`, of at most `most` bytes.
    #[must_use]
    pub const fn new(seed: u64, most: usize) -> Self {
        Self { random: Random::new(seed), most }
    }

    /// An input made of one of `corpus`.
    pub fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let at = self.random.below(corpus.len());
        let mut input = corpus.get(at).cloned().unwrap_or_default();
        for _ in 0..=self.random.below(6) {
            self.mutate(&mut input, corpus);
        }
        input.truncate(self.most);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let place = self.random.below(input.len().max(1));
        let length = 1 + self.random.below(16.min(input.len().max(1)));
        let end = place.saturating_add(length).min(input.len());
        match self.random.below(9) {
            0 => self.with_byte(input, place, |byte, by| byte ^ (1 << (by % 8))),
            1 => self.with_byte(input, place, |_, by| by),
            2 => self.put_odd(input, place),
            3 => input.truncate(place),
            4 => {
                let piece = input.get(place..end).unwrap_or_default().to_vec();
                input.splice(place..place, piece);
            }
            5 => drop(input.drain(place.min(end)..end)),
            6 => {
                let piece: Vec<u8> =
                    (0..length).map(|_| self.random.next().to_le_bytes()[0]).collect();
                let at = place.min(input.len());
                input.splice(at..at, piece);
            }
            7 => {
                let other =
                    corpus.get(self.random.below(corpus.len())).cloned().unwrap_or_default();
                let from = self.random.below(other.len().max(1)).min(other.len());
                input.truncate(place);
                input.extend(&other[from..]);
            }
            _ => {
                let fill = if self.random.next() & 1 == 0 { 0 } else { 0xFF };
                input.get_mut(place..end).unwrap_or_default().fill(fill);
            }
        }
    }

    fn with_byte(&mut self, input: &mut [u8], place: usize, change: fn(u8, u8) -> u8) {
        let by = self.random.next().to_le_bytes()[0];
        if let Some(byte) = input.get_mut(place) {
            *byte = change(*byte, by);
        }
    }

    fn put_odd(&mut self, input: &mut [u8], place: usize) {
        let value = ODD[self.random.below(ODD.len())];
        let size = [1, 2, 4, 8][self.random.below(4)];
        let bytes = if self.random.next() & 1 == 0 {
            value.to_le_bytes()[..size].to_vec()
        } else {
            value.to_be_bytes()[8 - size..].to_vec()
        };
        for (target, byte) in input.iter_mut().skip(place).zip(bytes) {
            *target = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_the_same_inputs_and_another_gives_others() {
        let corpus = [b"abcdefgh".to_vec(), vec![0; 100]];
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed, 64);
            (0..200).map(|_| mutator.input(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        assert!(inputs(3).iter().all(|input| input.len() <= 64));
        assert_eq!(Mutator::new(1, 9).input(&[]).len().min(9), Mutator::new(1, 9).input(&[]).len());
    }
}
