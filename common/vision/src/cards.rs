//! The cards of this machine, as NVIDIA's management library (NVML) tells them.

use std::ffi::OsStr;

use cleanplate_types::tier::{Card, CardLoad};
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;

/// The file that the loader is asked for; it comes with the driver.
const NVML: &str = "libnvidia-ml.so.1";
/// The variable by which people choose among cards; the management library ignores it.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// A card that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCard {
    /// Its place in the order of the bus, from 0.
    pub ordinal: u32,
    /// Its name for `CUDA_VISIBLE_DEVICES`, the same after a restart and in every order.
    pub uuid: String,
    /// Its name for people.
    pub name: String,
    /// Its memory in MiB.
    pub vram_mib: u64,
    /// Version of the driver.
    pub driver: String,
}

impl FoundCard {
    /// The card as the tier table takes it.
    #[must_use]
    pub fn card(&self) -> Card {
        Card::Gpu { name: self.name.clone(), vram_mib: self.vram_mib, pretended: false }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// At least one card, in the order of the bus.
    Cards(Vec<FoundCard>),
    /// No card that can be used.
    None {
        /// Why not, in words.
        why: String,
    },
}

/// Finds the cards of this machine that `CUDA_VISIBLE_DEVICES` leaves visible. A number there
/// counts in the order of the bus.
#[must_use]
pub fn find_cards() -> Found {
    find_cards_by(OsStr::new(NVML), std::env::var(VISIBLE).ok().as_deref())
}

/// Finds cards by the management library at `library`; `visible` is as in `CUDA_VISIBLE_DEVICES`.
#[must_use]
pub fn find_cards_by(library: &OsStr, visible: Option<&str>) -> Found {
    let cards = match ask(library) {
        Ok(cards) => cards,
        Err(why) => return Found::None { why },
    };
    if cards.is_empty() {
        return Found::None { why: "the NVIDIA driver is loaded and knows no card".to_owned() };
    }
    let Some(wanted) = visible else { return Found::Cards(cards) };
    let left = choose(cards, wanted);
    if left.is_empty() {
        return Found::None { why: format!("{VISIBLE} is `{wanted}`, which names no card here") };
    }
    Found::Cards(left)
}

/// All cards, or why they cannot be told. One card that does not answer hides them all: work that
/// was meant for several cards should not run on one of them without a word.
fn ask(library: &OsStr) -> Result<Vec<FoundCard>, String> {
    let nvml = Nvml::builder().lib_path(library).init().map_err(|error| said(library, &error))?;
    let tell =
        |what: &str, error: &NvmlError| format!("the NVIDIA driver tells no {what}: {error}");
    let driver = nvml.sys_driver_version().map_err(|error| tell("version", &error))?;
    let count = nvml.device_count().map_err(|error| tell("number of cards", &error))?;
    (0..count)
        .map(|ordinal| {
            let failed = |error: NvmlError| tell(&format!("more of card {ordinal}"), &error);
            let device = nvml.device_by_index(ordinal).map_err(failed)?;
            Ok(FoundCard {
                ordinal,
                uuid: device.uuid().map_err(failed)?,
                name: device.name().map_err(failed)?,
                vram_mib: device.memory_info().map_err(failed)?.total >> 20,
                driver: driver.clone(),
            })
        })
        .collect()
}

/// Asks what one card is doing, as often as somebody wants to know.
#[derive(Debug)]
pub struct CardMeter {
    nvml: Nvml,
    uuid: String,
}

impl CardMeter {
    /// The meter of the card of this UUID.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn open(uuid: &str) -> Result<Self, String> {
        Self::open_by(OsStr::new(NVML), uuid)
    }

    /// The same by the management library at `library`.
    ///
    /// # Errors
    /// As for [`CardMeter::open`].
    pub fn open_by(library: &OsStr, uuid: &str) -> Result<Self, String> {
        let nvml = Nvml::builder().lib_path(library).init();
        let nvml = nvml.map_err(|error| said(library, &error))?;
        let known = nvml.device_by_uuid(uuid).map(drop);
        known.map_err(|error| format!("the NVIDIA driver does not know card {uuid}: {error}"))?;
        Ok(Self { nvml, uuid: uuid.to_owned() })
    }

    /// What it is doing now, as far as the driver tells: of a part of a card it tells less.
    #[must_use]
    pub fn load(&self) -> CardLoad {
        let Ok(device) = self.nvml.device_by_uuid(self.uuid.as_str()) else {
            return CardLoad::default();
        };
        CardLoad {
            busy_percent: device.utilization_rates().ok().map(|rates| rates.gpu),
            celsius: device.temperature(TemperatureSensor::Gpu).ok(),
            used_mib: device.memory_info().ok().map(|memory| memory.used >> 20),
        }
    }
}

fn said(library: &OsStr, error: &NvmlError) -> String {
    let library = library.to_string_lossy();
    if matches!(error, NvmlError::LibloadingError(_)) {
        return format!("no NVIDIA driver is installed here ({library} cannot be loaded)");
    }
    if matches!(error, NvmlError::DriverNotLoaded) {
        return "the NVIDIA driver is installed and not loaded (is there a card?)".to_owned();
    }
    format!("the NVIDIA driver does not answer: {error}")
}

/// The cards that `wanted` names, in its order; as for CUDA, a name that is none ends the list.
fn choose(cards: Vec<FoundCard>, wanted: &str) -> Vec<FoundCard> {
    let mut chosen: Vec<FoundCard> = Vec::new();
    for name in wanted.split(',').map(str::trim) {
        let named = cards.iter().find(|card| match name.parse::<u32>() {
            Ok(ordinal) => card.ordinal == ordinal,
            // CUDA takes the beginning of a card's UUID for the card.
            Err(_) => name.starts_with("GPU-") && card.uuid.starts_with(name),
        });
        match named {
            Some(card) if !chosen.contains(card) => chosen.push(card.clone()),
            Some(_) | None => break,
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(ordinal: u32) -> FoundCard {
        FoundCard {
            ordinal,
            uuid: format!("GPU-{ordinal}a"),
            name: "test".to_owned(),
            vram_mib: 1024,
            driver: "1".to_owned(),
        }
    }

    fn chosen(wanted: &str) -> Vec<u32> {
        let cards = (0..3).map(card).collect();
        choose(cards, wanted).into_iter().map(|card| card.ordinal).collect()
    }

    #[test]
    fn a_machine_without_the_library_has_no_card_and_says_why() {
        let Found::None { why } = find_cards_by(OsStr::new("/absent/libnvidia-ml.so.1"), None)
        else {
            panic!("there is no such library");
        };
        assert!(why.contains("no NVIDIA driver") && why.contains("/absent/"), "{why}");
    }

    #[test]
    fn cards_are_chosen_by_number_or_by_the_beginning_of_their_uuid() {
        assert_eq!(chosen("2,0"), [2, 0]);
        assert_eq!(chosen("GPU-1"), [1]);
        assert_eq!(chosen("0,GPU-2a"), [0, 2]);
    }

    #[test]
    fn a_name_that_is_no_card_ends_the_list_as_it_does_for_cuda() {
        assert_eq!(chosen("1,-1,2"), [1]);
        assert_eq!(chosen("1,1"), [1]);
        assert_eq!(chosen(""), []);
        assert_eq!(chosen("GPU-9"), []);
    }
}
