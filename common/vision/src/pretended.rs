//! Cards that are not there: `--card 'NAME:GIB'`, for rehearsals.

use cleanplate_types::tier::Card;

/// The most memory that a card may be said to have, in GiB: beyond it is a slip.
const GIB_MAX: u64 = 1024;

/// A text that pretends no card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` pretends no card; write NAME:GIB, for example 'RTX 4090:24'")]
pub struct PretendError(String);

/// Takes a card as it was typed; the number is its memory in whole GiB.
///
/// # Errors
/// [`PretendError`] shows the form.
pub fn parse_pretended(text: &str) -> Result<Card, PretendError> {
    let bad = || PretendError(text.to_owned());
    let (name, gib) = text.rsplit_once(':').ok_or_else(bad)?;
    let name = name.trim();
    let gib: u64 = gib.trim().parse().map_err(|_none| bad())?;
    if name.is_empty() || gib == 0 || gib > GIB_MAX {
        return Err(bad());
    }
    Ok(Card::Gpu { name: name.to_owned(), vram_mib: gib * 1024, pretended: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pretended_card_has_its_row_and_is_marked() {
        let card = parse_pretended("NVIDIA GeForce RTX 4090:24").unwrap();
        assert_eq!(card.tier().name, "24");
        let Card::Gpu { name, vram_mib, pretended } = card else { panic!("it is a card") };
        assert_eq!(
            (name.as_str(), vram_mib, pretended),
            ("NVIDIA GeForce RTX 4090", 24 << 10, true)
        );
    }

    #[test]
    fn a_text_that_pretends_no_card_is_refused_with_the_form() {
        for text in ["", "RTX 4090", ":24", "RTX 4090:", "RTX 4090:0", "x:-1", "x:1025", "x:1.5"] {
            let said = parse_pretended(text).unwrap_err().to_string();
            assert!(said.contains("NAME:GIB"), "{said}");
        }
    }
}
