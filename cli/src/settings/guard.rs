//! Walls and limits, of what is written: `[walls]` and `[limits]`.

use cleanplate_child::{Breach, WallsMode, WallsPolicy};
use cleanplate_coordinator::DoorLimits;
use cleanplate_types::limits::{OutputLimit, SourceLimits};
use cleanplate_worker::WorkerLimits;

use super::raw::{RawLimits, RawWalls};
use super::{SettingsError, millis, positive, size};

/// Memory below which an engine does not come up, in bytes.
const MEMORY_MIN: u64 = 128 << 20;

/// What a message may have at least: the largest that workers send is some 5 MiB.
const MESSAGE_MIN: u64 = 8 << 20;

/// The walls around engine processes.
///
/// # Errors
/// [`SettingsError`] names the key.
pub(super) fn walls(raw: RawWalls) -> Result<WallsPolicy, SettingsError> {
    let RawWalls { mode, card, breach, memory } = raw;
    let usual = WallsPolicy::default();
    let mode = mode.map_or(Ok(usual.mode), |text| match text.as_str() {
        "on" => Ok(WallsMode::On),
        "off" => Ok(WallsMode::Off),
        "required" => Ok(WallsMode::Required),
        _ => Err(SettingsError::of("walls.mode", text, "on, off or required")),
    })?;
    let card = card.map_or(Ok(mode), |text| match text.as_str() {
        "on" => Ok(mode),
        "off" => Ok(WallsMode::Off),
        _ => Err(SettingsError::of("walls.card", text, "on or off")),
    })?;
    let breach = breach.map_or(Ok(usual.breach), |text| match text.as_str() {
        "refuse" => Ok(Breach::Refuse),
        "kill" => Ok(Breach::Kill),
        _ => Err(SettingsError::of("walls.breach", text, "refuse or kill")),
    })?;
    let memory = memory.filter(|text| text != "auto");
    let memory_bytes = memory.map(|text| match size("walls.memory", &text)? {
        bytes if bytes < MEMORY_MIN => {
            Err(SettingsError::of("walls.memory", text, "auto, or at least 128MiB"))
        }
        bytes => Ok(bytes),
    });
    // Release builds have no faults, and so no marks.
    let marks = cleanplate_media::fault::faults().marks();
    Ok(WallsPolicy { mode, card, breach, memory_bytes: memory_bytes.transpose()?, marks })
}

/// How much is accepted, by whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    /// By workers; of sources by `probe` too.
    pub(crate) worker: WorkerLimits,
    /// By the coordinator's door.
    pub(crate) door: DoorLimits,
    /// Cells of a job.
    pub(crate) cells: Option<u32>,
}

/// The limits.
///
/// # Errors
/// [`SettingsError`] names the key.
pub(super) fn limits(raw: RawLimits) -> Result<LimitSettings, SettingsError> {
    let RawLimits {
        source_bytes,
        source_duration,
        source_pixels,
        source_streams,
        source_frame_rate,
        cells,
        output_times,
        disk,
        message,
        connections,
        connections_each,
        requests,
    } = raw;
    let LimitSettings { worker, door, .. } = LimitSettings::default();
    let of_size =
        |key, text: Option<String>, usual| text.map_or(Ok(usual), |text| size(key, &text));
    let number =
        |key, value: Option<u32>, usual| value.map_or(Ok(usual), |value| positive(key, value));
    let usual = worker.source;
    let source = SourceLimits {
        bytes: of_size("limits.source_bytes", source_bytes, usual.bytes)?,
        duration_ms: source_duration
            .map_or(Ok(usual.duration_ms), |text| millis("limits.source_duration", &text))?,
        pixels: source_pixels.map_or(Ok(usual.pixels), |text| pixels(&text))?,
        streams: number("limits.source_streams", source_streams, usual.streams)?,
        frame_rate: number("limits.source_frame_rate", source_frame_rate, usual.frame_rate)?,
    };
    let times = number("limits.output_times", output_times, worker.output.times)?;
    let message_bytes = message.map_or(Ok(door.message_bytes as u64), |text| {
        match size("limits.message", &text)? {
            bytes if bytes < MESSAGE_MIN => {
                Err(SettingsError::of("limits.message", text, "at least 8MiB"))
            }
            bytes => Ok(bytes),
        }
    })?;
    Ok(LimitSettings {
        worker: WorkerLimits {
            source,
            output: OutputLimit { times },
            disk_bytes: of_size("limits.disk", disk, worker.disk_bytes)?,
        },
        door: DoorLimits {
            message_bytes: usize::try_from(message_bytes).unwrap_or(usize::MAX),
            connections: number("limits.connections", connections, door.connections)?,
            connections_each: number(
                "limits.connections_each",
                connections_each,
                door.connections_each,
            )?,
            requests: number("limits.requests", requests, door.requests)?,
        },
        cells: cells.map(|cells| positive("limits.cells", cells)).transpose()?,
    })
}

/// Samples of a picture as people write it: `16384x16384`.
fn pixels(text: &str) -> Result<u64, SettingsError> {
    let wanted = "a width and a height, such as 16384x16384";
    let bad = || SettingsError::of("limits.source_pixels", text, wanted);
    let (width, height) = text.split_once('x').ok_or_else(bad)?;
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
    let (width, height) = number(width).zip(number(height)).ok_or_else(bad)?;
    Ok(u64::from(width) * u64::from(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_are_on_unless_something_else_is_said() {
        assert_eq!(walls(RawWalls::default()).unwrap(), WallsPolicy::default());
        let text = |text: &str| Some(text.to_owned());
        let raw = RawWalls { mode: text("required"), breach: text("kill"), ..RawWalls::default() };
        let policy = walls(raw).unwrap();
        assert_eq!((policy.mode, policy.card), (WallsMode::Required, WallsMode::Required));
        let raw = RawWalls { card: text("off"), memory: text("2GiB"), ..RawWalls::default() };
        let policy = walls(raw).unwrap();
        assert_eq!((policy.card, policy.memory_bytes), (WallsMode::Off, Some(2 << 30)));
        for raw in [
            RawWalls { mode: text("maybe"), ..RawWalls::default() },
            RawWalls { card: text("required"), ..RawWalls::default() },
            RawWalls { breach: text("forgive"), ..RawWalls::default() },
            RawWalls { memory: text("1MiB"), ..RawWalls::default() },
        ] {
            let said = walls(raw).unwrap_err().to_string();
            assert!(said.contains("walls."), "{said}");
        }
    }

    #[test]
    fn limits_are_read_with_their_units_and_refused_by_name() {
        assert_eq!(limits(RawLimits::default()).unwrap(), LimitSettings::default());
        let text = |text: &str| Some(text.to_owned());
        let raw = RawLimits {
            source_pixels: text("1920x1080"),
            source_bytes: text("1GiB"),
            source_duration: text("2h"),
            requests: Some(7),
            ..RawLimits::default()
        };
        let read = limits(raw).unwrap();
        let source = read.worker.source;
        assert_eq!((source.pixels, source.bytes), (1920 * 1080, 1 << 30));
        assert_eq!((source.duration_ms, read.door.requests), (7_200_000, 7));
        for raw in [
            RawLimits { source_pixels: text("1920"), ..RawLimits::default() },
            RawLimits { source_pixels: text("0x9"), ..RawLimits::default() },
            RawLimits { connections: Some(0), ..RawLimits::default() },
            RawLimits { message: text("1MiB"), ..RawLimits::default() },
            RawLimits { disk: text("some"), ..RawLimits::default() },
        ] {
            let said = limits(raw).unwrap_err().to_string();
            assert!(said.contains("limits."), "{said}");
        }
    }
}
