//! What people see of progress: it does not go down without a word, and an end is an end.

use proptest::prelude::*;

use super::*;

#[test]
fn progress_is_kept_when_work_is_lost_and_the_reason_is_told_until_it_is_made_up() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let (lease, holder, _) = rig.grants().remove(0);
    rig.hand_in(holder.as_str(), lease, 0);
    rig.report(holder.as_str(), lease, Report::Progress { frames: 50 });
    assert_eq!((rig.view().frames_best, rig.view().frames_in_flight), (50, 20));
    assert!(rig.view().made_again.is_none());
    rig.fail(holder.as_str(), lease, FailureKind::EngineCrashed);
    assert_eq!((rig.view().frames_best, rig.view().frames_in_flight), (50, 0));
    let told = rig.view().made_again.unwrap().to_string();
    assert!(told.starts_with("20 frames are made again: encode: it broke"), "{told}");
}

#[test]
fn a_discarded_part_is_told_and_a_late_report_does_not_lower_what_is_in_flight() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    for cell in 0..3 {
        rig.hand_in("a", lease, cell);
    }
    rig.report("a", lease, Report::SegmentDone);
    let (next, _, _) = rig.grants().remove(0);
    rig.report("a", next, Report::Progress { frames: 25 });
    rig.report("a", next, Report::Progress { frames: 5 });
    assert_eq!(rig.view().frames_best, 115);
    rig.discard(0);
    assert_eq!((rig.view().frames_best, rig.view().frames_committed), (115, 60));
    assert_eq!(rig.view().made_again.unwrap().frames, 30);
}

#[test]
fn what_is_given_back_is_told_so_whatever_failed_before() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let [(failed, holder, _), (held, other, _)] = &rig.grants()[..] else { panic!("two grants") };
    let (failed, held) = (*failed, *held);
    rig.fail(holder.as_str(), failed, FailureKind::EngineCrashed);
    rig.report(other.as_str(), held, Report::Progress { frames: 20 });
    rig.report(other.as_str(), held, Report::GaveBack);
    let told = rig.view().made_again.unwrap().to_string();
    assert_eq!(told, "20 frames are made again: a worker gave them back");
}

#[test]
fn the_time_left_is_a_range_and_there_is_none_while_nobody_works() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    for step in 1..=10_u64 {
        rig.now += 1000;
        let frames = if step < 6 { step * 2 } else { 10 + (step - 5) * 8 };
        rig.report("a", lease, Report::Progress { frames });
    }
    let (low, high) = rig.view().eta_range_ms.unwrap();
    let middle = rig.view().eta_ms.unwrap();
    assert!(low < middle && middle < high, "{low} {middle} {high}");
    // 250 frames are left, at 8 and at 2 frames a second.
    assert_eq!((low, high), (31_250, 125_000));
    rig.tell(Input::Drain { worker: worker("a"), within_ms: None });
    rig.report("a", lease, Report::GaveBack);
    assert_eq!((rig.view().eta_ms, rig.view().eta_range_ms), (None, None));
}

/// Something that comes too late, of a lease that the job had.
fn late(choice: u8, lease: u64, rig: &Rig) -> Input {
    let (worker, lease) = (worker("a"), LeaseId(lease));
    let failure = || Failure::new(FailureKind::EngineCrashed, Stage::Encode, "late");
    let report = |report| Input::Report { worker: worker.clone(), lease, report };
    match choice {
        0 => report(Report::Progress { frames: 7 }),
        1 => report(Report::CellDone { summary: Box::new(rig.part(lease, 0)) }),
        2 => report(Report::SegmentDone),
        3 => report(Report::Failed { failure: Box::new(failure()) }),
        4 => report(Report::GaveBack),
        5 => report(Report::Released),
        6 => Input::Published {
            job: job(),
            lease,
            published: Published { bytes: 1, notes: Vec::new() },
        },
        7 => Input::StitchFailed { job: job(), lease, cell: None, failure: failure() },
        8 => Input::ObjectFailed { job: job(), failure: failure() },
        9 => Input::BriefWritten { job: job(), brief: object("late") },
        10 => Input::Cancel { job: job() },
        11 => Input::Prioritise { job: job(), priority: 9 },
        12 => Input::Submit { job: job(), request: Box::new(cells_of_30()) },
        _ => Input::Clock,
    }
}

proptest! {
    #[test]
    fn nothing_that_comes_late_changes_an_end(
        done in any::<bool>(),
        inputs in prop::collection::vec((0_u8..14, 1_u64..9), 1..40),
    ) {
        let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
        while let Some((lease, _, grant)) = rig.grants().first().cloned().filter(|_| done) {
            let (first, cells) = segment_of(&grant);
            for cell in first..first + cells {
                rig.hand_in("a", lease, cell);
            }
            rig.report("a", lease, Report::SegmentDone);
        }
        if done {
            let (lease, published) = (rig.stitch(), Published { bytes: 7, notes: Vec::new() });
            rig.tell(Input::Published { job: job(), lease, published });
        } else {
            rig.tell(Input::Cancel { job: job() });
        }
        let (outcome, records) = (rig.outcome(), rig.journal.len());
        prop_assert!(outcome.is_some());
        let seen = format!("{:?}", rig.view());
        for (choice, lease) in inputs {
            rig.now += 10;
            let input = late(choice, lease, &rig);
            rig.tell(input);
            prop_assert_eq!(rig.journal.len(), records, "nothing is decided");
            prop_assert_eq!(&format!("{:?}", rig.view()), &seen);
        }
    }
}
