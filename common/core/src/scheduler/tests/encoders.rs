//! Encoders that are missing, come late, or are lost while a job is under way.

use super::*;

#[test]
fn on_one_machine_an_encoder_that_is_missing_ends_the_job_at_once() {
    let config = SchedulerConfig::default().for_one_machine();
    let named = EncoderChoice::Named(EncoderName::H264Nvenc);
    let rig = Rig::encoding(config, JobRequest { encoder: named, ..cells_of_30() }, &["a"]);
    let failure = rig.failure();
    assert_eq!((failure.kind, failure.kind.exit_status()), (FailureKind::WorkerLacks, 4));
    assert!(failure.message.contains("h264_nvenc"), "{failure}");
}

#[test]
fn in_a_cluster_a_missing_encoder_is_waited_for_and_then_the_job_ends() {
    let named = EncoderChoice::Named(EncoderName::H264Nvenc);
    let wanted = JobRequest { encoder: named, ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), wanted.clone(), &["a"]);
    let encoder = EncoderName::H264Nvenc;
    assert_eq!(rig.waits_for(), Some(Waiting::NoEncoderNamed { encoder }));
    rig.wait(119_000);
    assert_eq!(rig.outcome(), None);
    rig.wait(2_000);
    assert_eq!(rig.failure().kind, FailureKind::WorkerLacks);
    // Where one attaches in time, it is taken.
    let mut rig = Rig::encoding(SchedulerConfig::default(), wanted, &["a"]);
    rig.attach("b", &[encoder]);
    let spec = rig.view().spec.cloned();
    assert_eq!(spec.map(|spec| spec.encoder.name), Some(encoder));
}

#[test]
fn a_lost_encoder_starts_the_cells_anew_in_software_where_the_user_allows_it() {
    for allowed in [true, false] {
        let wanted = JobRequest {
            encoder: EncoderChoice::Auto,
            restart_on_encoder_loss: allowed,
            ..cells_of_30()
        };
        let config = SchedulerConfig::default().for_one_machine();
        let mut rig = Rig::new(config);
        rig.attach("a", &[EncoderName::H264Nvenc, EncoderName::Libx264]);
        rig.encode(wanted);
        let (lease, _, _) = rig.grants().remove(0);
        rig.hand_in("a", lease, 0);
        rig.now += 1;
        rig.attach("a", &[EncoderName::Libx264]);
        let view = rig.view();
        assert_eq!(view.cells_committed, if allowed { 0 } else { 1 });
        if allowed {
            assert_eq!(view.spec.unwrap().encoder.name, EncoderName::Libx264);
            rig.tell(Input::BriefWritten { job: job(), brief: object("brief 2") });
            assert_eq!(segment_of(&rig.grants()[0].2).0, 0);
        } else {
            assert_eq!(rig.failure().kind, FailureKind::WorkerLacks);
        }
    }
}

#[test]
fn an_encoder_that_goes_with_its_worker_is_missed_from_then_on() {
    let wanted = JobRequest { encoder: EncoderChoice::Auto, ..cells_of_30() };
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("a", &[EncoderName::H264Nvenc]);
    rig.encode(wanted);
    let (lease, _, _) = rig.grants().remove(0);
    rig.fail("a", lease, FailureKind::WorkerLacks);
    assert_eq!(rig.waits_for(), Some(Waiting::NoWorkerTakesWork), "it is set aside");
    rig.now += 1;
    rig.attach("b", &[EncoderName::Libx264]);
    rig.tell(Input::Detach { worker: worker("a"), session: 1000 });
    rig.wait(119_999);
    assert_eq!(rig.outcome(), None);
    rig.wait(1);
    assert_eq!(rig.failure().kind, FailureKind::WorkerLacks);
}
