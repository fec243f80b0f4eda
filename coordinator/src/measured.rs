//! The state of the fleet in numbers, taken by the loop between two turns: it walks over open jobs, workers and leases
//! once, and keeps nothing. Pure.

use std::collections::BTreeMap;

use cleanplate_core::demand::Backlog;
use cleanplate_core::scheduler::Scheduler;
use cleanplate_core::view::{JobPhase, WorkerView};
use cleanplate_telemetry::metrics::{Age, CardIn, PerTier, Snapshot, WorkersIn};
use cleanplate_types::tier::{CardLoad, TIERS};
use cleanplate_types::time::Tick;

use crate::attempts::work_of;
use crate::shown::worker_stands;

const QUEUED: &str = "queued";

/// The state of the fleet at `now`, where `load` tells what a worker's card is doing.
pub(crate) fn snapshot(
    scheduler: &Scheduler,
    now: Tick,
    load: &dyn Fn(&WorkerView<'_>) -> Option<CardLoad>,
) -> Snapshot {
    let backlog = scheduler.backlog();
    let mut states: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    let mut slots: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    let mut cards = Vec::new();
    for view in scheduler.worker_views() {
        let tier = view.card.tier().name;
        *states.entry((tier, worker_stands(&view))).or_default() += 1;
        if view.session.is_some() {
            let (all, busy) = slots.entry(tier).or_default();
            *all += u64::from(view.slots);
            *busy += view.leases.len() as u64;
        }
        if let (Some(load), Some(memory_mib)) = (load(&view), view.card.vram_mib()) {
            let CardLoad { busy_percent, celsius, used_mib } = load;
            cards.push(CardIn { tier, busy_percent, celsius, used_mib, memory_mib });
        }
    }
    let rows = TIERS.into_iter().zip(backlog.work_ms).zip(backlog.fps_milli);
    let tiers = rows.map(|((tier, work_ms), fps_milli)| {
        let (slots, slots_busy) = slots.get(tier.name).copied().unwrap_or_default();
        PerTier { tier: tier.name, work_ms, fps_milli, slots, slots_busy }
    });
    let leases = scheduler
        .leases()
        .map(|lease| Age { work: work_of(lease.piece), age_ms: now.since(lease.since) });
    let workers = states.into_iter();
    Snapshot {
        jobs: jobs(&backlog),
        frames: backlog.frames,
        frames_in_flight: backlog.frames_in_flight,
        eta_ms: backlog.eta_ms,
        tiers: tiers.collect(),
        workers: workers.map(|((tier, state), count)| WorkersIn { tier, state, count }).collect(),
        leases: leases.collect(),
        cards,
    }
}

/// Open jobs by phase, every phase named.
fn jobs(backlog: &Backlog) -> Vec<(&'static str, u64)> {
    let count = |phase: JobPhase| backlog.jobs.get(&phase).copied().unwrap_or(0);
    let begun = count(JobPhase::Intake).saturating_sub(backlog.jobs_queued);
    let others = [
        JobPhase::Analyse,
        JobPhase::Review,
        JobPhase::Plan,
        JobPhase::Encode,
        JobPhase::Stitch,
        JobPhase::Copy,
    ];
    let first = [(QUEUED, backlog.jobs_queued), (JobPhase::Intake.as_str(), begun)];
    first.into_iter().chain(others.map(|phase| (phase.as_str(), count(phase)))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Instant;

    use cleanplate_core::config::SchedulerConfig;
    use cleanplate_core::input::{Attachment, Input};
    use cleanplate_proto::v1 as pb;
    use cleanplate_telemetry::metrics::Moved;
    use cleanplate_types::ids::{JobId, WorkerId};
    use cleanplate_types::model::WorkerModels;
    use cleanplate_types::request::JobRequest;
    use cleanplate_types::tier::Card;

    use super::*;
    use crate::meters::Meters;

    /// Every card is as busy as the next.
    fn busy(_view: &WorkerView<'_>) -> Option<CardLoad> {
        Some(CardLoad { busy_percent: Some(50), celsius: Some(60), used_mib: Some(1_000) })
    }

    /// A farm of so many workers, of each row some, and so many jobs.
    fn farm(workers: u64, jobs: u64) -> Scheduler {
        let mut scheduler = Scheduler::new(SchedulerConfig::default());
        for number in 0..workers {
            let vram_mib = (number % 26) * 1024;
            let name = format!("card {number} of a name that nobody else has");
            let attachment = Attachment {
                worker: WorkerId::parse(&format!("worker-{number}")).unwrap(),
                session: number,
                instance: number,
                card: Card::Gpu { name, vram_mib, pretended: true },
                slots: 2,
                encoders: Vec::new(),
                models: WorkerModels::default(),
                holding: Vec::new(),
                acknowledges: true,
            };
            let input = Input::Attach(Box::new(attachment));
            scheduler.step(Tick(1_000), input, &mut Vec::new());
        }
        for number in 0..jobs {
            let request = pb::JobRequest {
                input: format!("file:///in-{number}.mp4"),
                output: format!("file:///out-{number}.mp4"),
                ..pb::JobRequest::default()
            };
            let request = Box::new(JobRequest::try_from(request).unwrap());
            let job = JobId::parse(&format!("job-{number}")).unwrap();
            scheduler.step(Tick(2_000), Input::Submit { job, request }, &mut Vec::new());
        }
        scheduler
    }

    #[test]
    fn a_scrape_of_a_thousand_workers_and_ten_thousand_jobs_is_small() {
        let scheduler = farm(1_000, 10_000);
        let meters = Meters::default();
        let begun = Instant::now();
        let snapshot = snapshot(&scheduler, Tick(60_000), &busy);
        let taken = begun.elapsed();
        let text = meters.metrics().text(Moved::default(), Some(&snapshot)).unwrap();
        let written = begun.elapsed() - taken;
        let series = |text: &str| {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).count()
        };
        println!(
            "1,000 workers, 10,000 jobs, {} leases: the loop is held for {taken:?}, the text takes {written:?}; \
             {} bytes, {} series",
            snapshot.leases.len(),
            text.len(),
            series(&text)
        );
        assert!(text.len() < 1 << 20);
        assert!(text.contains("cleanplate_jobs{phase=\"queued\"} 8000.0\n"), "{text}");
        assert!(text.contains("cleanplate_leases{work=\"intake\"} 2000.0\n"), "{text}");
        for name in ["worker-", "job-", "card ", "file:"] {
            let mut series = text.lines().filter(|line| !line.starts_with('#'));
            assert!(series.all(|line| !line.contains(name)), "nobody's name is a label: {name}");
        }
        // However large the farm: the labels are those of the program.
        let few = super::snapshot(&farm(26, 26), Tick(60_000), &busy);
        let few = Meters::default().metrics().text(Moved::default(), Some(&few)).unwrap();
        let names = |text: &str| -> BTreeSet<String> {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
        };
        assert_eq!(names(&few), names(&text));
        assert!(series(&text) < 1_000);
    }

    #[test]
    fn what_cards_do_is_told_by_row_and_where_no_card_tells_there_is_no_series() {
        let text = |load: &dyn Fn(&WorkerView<'_>) -> Option<CardLoad>| {
            let snapshot = snapshot(&farm(26, 0), Tick(60_000), load);
            Meters::default().metrics().text(Moved::default(), Some(&snapshot)).unwrap()
        };
        let told = text(&busy);
        for line in [
            "cleanplate_card_utilization_ratio{tier=\"16\"} 0.5",
            "cleanplate_card_temperature_max_celsius{tier=\"24\"} 60.0",
            "cleanplate_card_memory_used_ratio{tier=\"24\"}",
        ] {
            assert!(told.contains(line), "{line} in {told}");
        }
        assert!(!text(&|_| None).contains("cleanplate_card_utilization_ratio{"));
    }
}
