//! A fingerprint of everything that the scheduler was told and wanted, to compare two runs by.

use std::fmt::{self, Write as _};

use cleanplate_core::effect::Effect;
use cleanplate_core::input::Input;

/// FNV-1a over the debug form; nothing where it is off, since the debug form of much is slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) on: bool,
    pub(crate) hash: u64,
    pub(crate) lines: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Self { on: false, hash: 0xcbf2_9ce4_8422_2325, lines: 0 }
    }
}

impl Trace {
    pub(crate) fn input(&mut self, now: u64, input: &Input) {
        if self.on {
            self.lines += 1;
            write!(self, "{now} {input:?}").expect("it takes everything");
        }
    }

    pub(crate) fn effects(&mut self, effects: &[Effect]) {
        if self.on {
            write!(self, "{effects:?}").expect("it takes everything");
        }
    }
}

impl fmt::Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
