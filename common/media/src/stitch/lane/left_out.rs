//! Damaged packets of a stream that are left out, so that it can be said which.
//!
//! Owns the runs that they make. Bounded: of many runs the later ones are only counted.

use crate::when;

/// Runs of packets that are told one by one.
const RUNS_TOLD: usize = 20;

/// Packets in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    /// When the first and the last of them are due, in ticks, where they say so.
    from: Option<i64>,
    to: Option<i64>,
    packets: u64,
    why: String,
}

/// What was left out so far of one stream.
#[derive(Debug, Default)]
pub(in crate::stitch) struct LeftOut {
    runs: Vec<Run>,
    /// Packets beyond the runs that are told.
    more: u64,
    /// Whether the packet before this one was left out.
    goes_on: bool,
}

impl LeftOut {
    /// A packet that is due at tick `due` is left out.
    pub(in crate::stitch) fn add(&mut self, due: Option<i64>, why: &str) {
        let goes_on = std::mem::replace(&mut self.goes_on, true);
        let is_full = self.runs.len() >= RUNS_TOLD;
        match self.runs.last_mut() {
            Some(run) if goes_on && self.more == 0 => {
                run.packets += 1;
                run.from = run.from.or(due);
                run.to = due.or(run.to);
            }
            Some(_) if is_full => self.more += 1,
            Some(_) | None => {
                self.runs.push(Run { from: due, to: due, packets: 1, why: why.to_owned() });
            }
        }
    }

    /// A packet was copied.
    pub(in crate::stitch) const fn pass(&mut self) {
        self.goes_on = false;
    }

    /// What there is to tell, on the stream's clock.
    pub(in crate::stitch) fn told(&self, clock: (i32, i32)) -> Vec<String> {
        let told = self.runs.iter().map(|run| {
            let when = match (run.from, run.to) {
                (Some(from), Some(to)) if from != to => {
                    format!("from {} to {}", when::told(from, clock), when::told(to, clock))
                }
                (Some(from), _) => format!("at {}", when::told(from, clock)),
                (None, _) => "without a time".to_owned(),
            };
            let Run { packets, why, .. } = run;
            format!("{packets} damaged packets {when} are left out: the first {why}")
        });
        let mut told: Vec<String> = told.collect();
        if self.more > 0 {
            told.push(format!("{} more damaged packets are left out", self.more));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_in_a_row_are_one_run_with_its_times() {
        let mut left_out = LeftOut::default();
        left_out.add(Some(90_000), "is too short");
        left_out.add(Some(91_920), "is too short");
        left_out.pass();
        left_out.add(Some(-45_000), "is empty");
        assert_eq!(
            left_out.told((1, 90_000)),
            [
                "2 damaged packets from tick 90000 (1.000 s) to tick 91920 (1.021 s) are left out: the first is too short",
                "1 damaged packets at tick -45000 (-0.500 s) are left out: the first is empty"
            ]
        );
    }

    #[test]
    fn of_many_runs_none_is_left_uncounted() {
        let mut left_out = LeftOut::default();
        for tick in 0..100 {
            left_out.add(Some(tick), "is empty");
            left_out.pass();
        }
        let told = left_out.told((1, 1000));
        assert_eq!(told.len(), RUNS_TOLD + 1);
        assert_eq!(told[RUNS_TOLD], "80 more damaged packets are left out");
    }
}
