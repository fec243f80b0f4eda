//! How many encoders of a card can be open at once.
//!
//! Owns the only honest way to know it: opening one after the other, and holding them. Refuses to tell limits of
//! drivers from a table: they changed with versions, and other programs on the machine use sessions too.

use cleanplate_types::encode::{EncoderName, Quality};

use crate::encode::CellEncoder;
use crate::error::MediaError;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAtOnce {
    /// Encoders that were open at the same time.
    pub open: u32,
    /// Why there was not one more; nothing where all that were wanted opened.
    pub refused: Option<String>,
}

/// Opens the encoder `name` on `card` until it is refused, `wanted` times at most, and closes all of them.
#[must_use]
pub fn open_at_once(name: EncoderName, card: Option<u32>, wanted: u32) -> OpenAtOnce {
    count(wanted, || {
        let spec = super::spec(name, Quality::Constant(super::QUALITY))?;
        CellEncoder::open(&spec, card)
    })
}

fn count<T>(wanted: u32, mut open: impl FnMut() -> Result<T, MediaError>) -> OpenAtOnce {
    let mut held = Vec::new();
    let mut number = 0;
    while number < wanted {
        match open() {
            Ok(one) => held.push(one),
            Err(error) => return OpenAtOnce { open: number, refused: Some(error.to_string()) },
        }
        number += 1;
    }
    OpenAtOnce { open: number, refused: None }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// An encoder of a driver that allows `limit` of them.
    struct Open<'a>(&'a Cell<u32>);

    impl Drop for Open<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    fn counted(wanted: u32, limit: u32) -> OpenAtOnce {
        let open = Cell::new(0);
        let found = count(wanted, || {
            if open.get() == limit {
                return Err(MediaError::Internal("out of memory (10)".to_owned()));
            }
            open.set(open.get() + 1);
            Ok(Open(&open))
        });
        assert_eq!(open.get(), 0, "all are closed again");
        found
    }

    #[test]
    fn encoders_are_held_while_more_are_opened_until_one_is_refused() {
        let refused = Some("out of memory (10)".to_owned());
        assert_eq!(counted(6, 3), OpenAtOnce { open: 3, refused });
        assert_eq!(counted(2, 3), OpenAtOnce { open: 2, refused: None });
    }

    #[test]
    fn an_encoder_in_software_opens_as_often_as_it_is_wanted() {
        let found = open_at_once(EncoderName::Libx264, None, 3);
        assert_eq!(found, OpenAtOnce { open: 3, refused: None });
    }

    #[test]
    fn where_there_is_no_card_none_opens_and_the_reason_is_told() {
        if crate::capability::has_encoder("h264_nvenc") {
            let OpenAtOnce { open, refused } = open_at_once(EncoderName::H264Nvenc, Some(0), 3);
            assert!(open == 3 || refused.is_some_and(|why| why.contains("h264_nvenc")));
        } else {
            eprintln!("skipped: this libav has no NVENC");
        }
    }
}
