//! The coordinator's clock, which jumps ahead, is set back between two lives, and is sometimes read late.

use cleanplate_types::time::Tick;

use crate::world::{Event, World};

impl World {
    /// What the coordinator's clock shows.
    pub(crate) fn tick(&self) -> Tick {
        Tick(self.now.saturating_add_signed(self.clock_ahead))
    }

    /// What a step is told: the clock, or a time before that of an earlier step.
    pub(crate) fn read_clock(&mut self) -> Tick {
        let mut now = self.tick();
        if self.random.chance(self.chaos.reads_late) {
            self.checkers.count("clock read late");
            now = Tick(now.0.saturating_sub(self.random.between(1, 100_000)));
        }
        now
    }

    /// When the clock will show `due`, in the world's time.
    pub(crate) const fn world_time(&self, due: Tick) -> u64 {
        due.0.saturating_add_signed(-self.clock_ahead)
    }

    /// The coordinator was suspended: it finds itself later than it was, and what was sent meanwhile unread.
    pub(crate) fn clock_jumps(&mut self) {
        if self.chaos.is_calm() {
            return;
        }
        let wait = self.random.between(1, 2 * self.chaos.jump_ms);
        self.later(wait, Event::ClockJumps);
        if self.is_coordinator_up() {
            let most = self.random.pick(&[1_000, 60_000, 3_600_000]);
            self.clock_ahead += i64::try_from(self.random.between(1, most)).expect("it fits");
            self.checkers.count("clock jumped ahead");
        }
    }

    /// A coordinator that starts reads the wall clock, which may have been set ahead or back, and is never
    /// earlier than what the journal tells of.
    pub(crate) fn clock_starts(&mut self) {
        if self.chaos.is_calm() || self.random.chance(500) {
            return;
        }
        let jump = i64::try_from(self.random.below(7_200_000)).expect("it fits") - 3_600_000;
        let latest = self.journal.last().map_or(0, |record| record.at.0);
        let wall = self.tick().0.saturating_add_signed(jump).max(latest);
        self.checkers.count(if jump < 0 { "clock set back" } else { "clock set ahead" });
        self.clock_ahead =
            i64::try_from(wall).expect("it fits") - i64::try_from(self.now).expect("it fits");
    }
}
