//! The worker as a service: looks at the machine, then attends for each of its seats.

use std::fs::File;
use std::sync::Arc;

use cleanplate_types::ids::WorkerId;
use cleanplate_types::tier::Card;
use cleanplate_vision::ModelsFolder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::attend::Attendant;
use crate::disk::{Disk, check_scratch};
use crate::idle::Idleness;
use crate::lease::Room;
use crate::machine::{Seat, cores, look, sessions};
use crate::models::Models;
use crate::options::{Coordinators, Ended, Stop, WorkerError, WorkerOptions};
use crate::program::Engine;

/// Slots of a card: one lease decodes and encodes while the other computes.
const CARD_SLOTS: u32 = 2;

/// Works for the coordinator until it is asked to stop, drained, or idle for as long as it is told to
/// wait. A machine with several cards attaches once for each, as `NAME.gpu0`, `NAME.gpu1`, ...
///
/// # Errors
/// [`WorkerError`] where it cannot work, however often it tries.
pub async fn serve(
    options: WorkerOptions,
    coordinators: Coordinators,
    mut stop: watch::Receiver<Stop>,
) -> Result<Ended, WorkerError> {
    let WorkerOptions {
        name,
        scratch,
        pretend,
        slots,
        sessions: told,
        idle_exit,
        engine_silent,
        walls,
        limits,
        tally,
        models,
        models_for,
        program,
    } = options;
    if let Some(path) = &scratch {
        check_scratch(path)
            .map_err(|source| WorkerError::Scratch { path: path.clone(), source })?;
        cleanplate_store::keep_blocks_in(path);
    }
    let cache = models.cache(scratch.as_deref());
    let engine = Engine { program, scratch, silent: engine_silent, walls };
    let report = tokio::select! {
        report = look(&engine, pretend, models_for.may_be_any().then_some(&models)) => report?,
        ended = asked_to_go(&mut stop) => return Ok(ended),
    };
    report.log();
    let models = Models::new(ModelsFolder::new(models.folder), &cache, models.cache_bytes);
    let models = Arc::new(models);
    tokio::select! {
        checked = models_for.check(&engine, &models, &report.models) => {
            checked.map_err(|failure| WorkerError::Model(Box::new(failure)))?;
        }
        ended = asked_to_go(&mut stop) => return Ok(ended),
    }
    let slots_of = |seat: &Seat| slots.unwrap_or_else(|| usual_slots(&seat.card)).max(1);
    let in_all = report.seats.iter().map(slots_of).fold(0, u32::saturating_add);
    let sessions = tokio::select! {
        sessions = sessions(&engine, &report.seats, in_all, told) => sessions,
        ended = asked_to_go(&mut stop) => return Ok(ended),
    };
    sessions.log();
    let (name, _seat) = match name {
        Some(name) => (name, None),
        None => own_name()?,
    };
    let disk = Arc::new(Disk::default());
    let idleness = Arc::new(Idleness::new(idle_exit));
    let several = report.seats.len() > 1;
    let mut attendants = Vec::new();
    for (number, seat) in report.seats.iter().cloned().enumerate() {
        if seat.encoders.is_empty() {
            return Err(WorkerError::NoEncoder(reasons(&seat)));
        }
        let worker = if several { numbered(&name, number)? } else { name.clone() };
        let slots = slots_of(&seat);
        let threads = (cores() / slots).max(1);
        let (engine, models) = (engine.clone(), Arc::clone(&models));
        let (runtime, sessions) = (report.models.clone().ok(), sessions.clone());
        let disk = Arc::clone(&disk);
        let counts = tally.seat(seat.card.clone());
        let room = Room { worker, engine, seat, threads, models, runtime, sessions, limits, disk };
        let room = Arc::new(room);
        attendants.push(Attendant::new(room, slots, Arc::clone(&idleness), counts));
    }
    attend_all(attendants, &coordinators, stop).await
}

/// Lets all attend; where one cannot, the others leave too.
async fn attend_all(
    attendants: Vec<Attendant>,
    coordinators: &Coordinators,
    mut stop: watch::Receiver<Stop>,
) -> Result<Ended, WorkerError> {
    let (asking, asked) = watch::channel(*stop.borrow_and_update());
    let mut attending = JoinSet::new();
    for attendant in attendants {
        let attending_one = attendant.attend(coordinators.clone(), asked.clone());
        attending.spawn(attending_one.in_current_span());
    }
    drop(asked);
    let mut outcome = Ok(Ended::Stopped);
    let mut listening = true;
    loop {
        let ended = tokio::select! {
            ended = attending.join_next() => ended,
            changed = stop.changed(), if listening => {
                // Where nobody can ask for anything any more, nobody wants this worker.
                listening = changed.is_ok();
                let wish = if listening { *stop.borrow_and_update() } else { Stop::Now };
                asking.send_if_modified(|now| std::mem::replace(now, wish.max(*now)) < wish);
                continue;
            }
        };
        let Some(ended) = ended else { return outcome };
        let ended = ended.unwrap_or_else(|error| Err(WorkerError::Internal(error.to_string())));
        if ended.is_err() {
            asking.send_replace(Stop::Now);
        }
        // The first error counts.
        if outcome.is_ok() {
            outcome = ended;
        }
    }
}

/// Resolves when this worker is asked to go before it has begun.
async fn asked_to_go(stop: &mut watch::Receiver<Stop>) -> Ended {
    loop {
        match *stop.borrow_and_update() {
            Stop::Now => return Ended::Stopped,
            Stop::Drain => return Ended::Asked,
            Stop::By(_) => return Ended::Taken,
            Stop::Run => {}
        }
        if stop.changed().await.is_err() {
            return Ended::Stopped;
        }
    }
}

const fn usual_slots_of(card: &Card, cores: u32) -> u32 {
    match card {
        Card::None => cores,
        Card::Gpu { .. } => CARD_SLOTS,
    }
}

fn usual_slots(card: &Card) -> u32 {
    usual_slots_of(card, cores())
}

fn reasons(seat: &Seat) -> String {
    let each = seat.refused.iter().map(|refused| format!("{}: {}", refused.name, refused.why));
    each.collect::<Vec<_>>().join("; ")
}

/// The host's name and the first number that no other worker of this host has: two are two, and one that is started
/// again after a crash is known for the same. Where no file can be locked, the process's id.
fn own_name() -> Result<(WorkerId, Option<File>), WorkerError> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let seat = (0..SEATS_MAX).find_map(|number| Some((number, taken(number)?)));
    match seat {
        Some((number, lock)) => Ok((name_of(&host, number)?, Some(lock))),
        None => Ok((name_of(&host, std::process::id())?, None)),
    }
}

/// Workers of one host that are named by numbers.
const SEATS_MAX: u32 = 256;

/// The file that stands for a number, where no other worker has it: the system gives it up when the process dies.
fn taken(number: u32) -> Option<File> {
    let path = std::env::temp_dir().join(format!("cleanplate-worker-{number}.lock"));
    let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

fn name_of(host: &str, process: u32) -> Result<WorkerId, WorkerError> {
    let host = host.trim().to_lowercase();
    let good =
        |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    let host: String = host.chars().map(good).take(40).collect();
    let host = host.trim_start_matches(['-', '.']);
    let host = if host.is_empty() { "worker" } else { host };
    WorkerId::parse(&format!("{host}-{process}"))
        .map_err(|error| WorkerError::Internal(error.to_string()))
}

fn numbered(name: &WorkerId, number: usize) -> Result<WorkerId, WorkerError> {
    WorkerId::parse(&format!("{name}.gpu{number}"))
        .map_err(|error| WorkerError::Internal(format!("with the card's number, {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_gives_a_name_that_is_one() {
        assert_eq!(name_of("Node_7.Example\n", 12).unwrap().as_str(), "node-7.example-12");
        assert_eq!(name_of("", 1).unwrap().as_str(), "worker-1");
        assert_eq!(name_of("--ü", 1).unwrap().as_str(), "worker-1");
        assert!(name_of(&"x".repeat(300), u32::MAX).is_ok());
    }

    #[test]
    fn a_processor_has_a_slot_for_each_core_and_a_card_has_two() {
        assert_eq!(usual_slots_of(&Card::None, 16), 16);
        let card = Card::Gpu { name: "x".to_owned(), vram_mib: 1, pretended: true };
        assert_eq!(usual_slots_of(&card, 16), CARD_SLOTS);
    }
}
