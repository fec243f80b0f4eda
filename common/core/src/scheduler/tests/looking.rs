//! Which windows of a look go to whom.

use std::collections::BTreeMap;

use cleanplate_types::request::Detect;

use super::*;
use crate::ledger::job::Phase;
use crate::scheduler::granting::FIRST_OF_SHARE;

/// Long enough for windows of all lengths.
const LONG: u64 = 216_000;

/// The frames of each window that was granted just now, by who got it.
fn windows(rig: &Rig) -> BTreeMap<String, (LeaseId, u64)> {
    let windows = rig.grants().into_iter().map(|(lease, holder, grant)| {
        let Work::Analyse(look) = grant.work else { panic!("a window") };
        (holder.as_str().to_owned(), (lease, look.window.count()))
    });
    windows.collect()
}

#[test]
fn who_is_slow_looks_at_short_windows_and_who_is_fast_at_long_ones() {
    let mut rig = Rig::new(SchedulerConfig::default());
    let names = ["fast", "slow", "c", "d", "e", "f", "g", "h"];
    for name in names {
        rig.attach(name, &[EncoderName::Libx264]);
    }
    let request = Box::new(JobRequest { detect: vec![Detect::Static], ..cells_of_30() });
    rig.tell(Input::Submit { job: job(), request });
    rig.end_intake(LONG);
    rig.load_table(LONG);
    let first = windows(&rig);
    assert_eq!(first.len(), names.len(), "all look");
    // Nobody knows how fast they are: none may keep the others waiting.
    let share = LONG / 8;
    assert!(first.values().all(|(_, frames)| *frames <= share / FIRST_OF_SHARE), "{first:?}");
    let mut second = BTreeMap::new();
    for (name, after) in [("fast", 1_000), ("slow", 60_000)] {
        rig.now += after;
        rig.report(name, first[name].0, Report::WindowDone { evidence: object(name) });
        second.extend(windows(&rig));
    }
    let analysis = &rig.scheduler.ledger.jobs[&job()].phase;
    let Phase::Analyse(analysis) = analysis else { panic!("a look is under way") };
    let lengths: Vec<u64> = analysis.windows.iter().map(|window| window.count()).collect();
    assert_eq!(Some(second["fast"].1), lengths.iter().max().copied());
    assert_eq!(Some(second["slow"].1), lengths.iter().min().copied());
}

#[test]
fn a_speed_at_small_pictures_is_none_at_large_ones() {
    // What a frame below 640x360 costs lies not in its samples.
    let sizes = [
        ((1920, 1080), 90_000),
        ((1280, 720), 40_000),
        ((3840, 2160), 360_000),
        ((640, 360), 10_000),
        ((176, 144), 10_000),
    ];
    for (size, told) in sizes {
        let mut rig = Rig::new(SchedulerConfig::default());
        rig.attach("a", &[EncoderName::Libx264]);
        rig.tell(Input::Submit { job: job(), request: Box::new(cells_of_30()) });
        rig.end_intake(FRAMES);
        rig.load_table_of(size, FRAMES);
        let job = &rig.scheduler.ledger.jobs[&job()];
        assert_eq!(job.at_1080p(90_000), told, "{size:?}");
        assert_eq!(job.at_its_size(told), 90_000, "{size:?}");
    }
}
