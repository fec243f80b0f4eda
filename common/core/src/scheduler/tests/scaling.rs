//! A fleet that an autoscaler grows and shrinks by what `demand` says, simulated by seed with the scheduler that
//! serves: no worker that does something is lost to a scale-down, and what it had is handed in or given back.
//!
//! The autoscaler is as those of Kubernetes are: it looks every 15 s, asks for the value divided by the target,
//! never shrinks before what it wanted in the last while, and takes the pods of the least deletion cost first. A
//! pod that is to go gets a notice of 25 s and is killed after 30 s, whatever it does.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::demand::Ask;
use crate::record::LeaseEnd;

const STEP_MS: u64 = 2_000;
const LOOK_MS: u64 = 16_000;
const NOTICE_MS: u64 = 25_000;
const KILL_MS: u64 = 30_000;
/// How old the deletion costs are that the autoscaler sees, at most.
const COST_MS: u64 = 10_000;
const PODS_MAX: u64 = 10;

#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A pod with a worker of one slot.
struct Pod {
    boots_at: u64,
    attached: bool,
    fps: u64,
    work: Option<Held>,
    told_to_hand_in: bool,
    killed_at: Option<u64>,
    session: u64,
}

/// A lease as its pod sees it.
struct Held {
    lease: LeaseId,
    job: JobId,
    /// The cells that are left; none for an intake.
    cells: VecDeque<u32>,
    /// Frames done of the first of them.
    done: u64,
    /// Frames done of all.
    made: u64,
}

/// What came of it, over all seeds.
#[derive(Debug, Default)]
struct Told {
    scale_downs: u64,
    removed: u64,
    removed_busy: u64,
    killed_busy: u64,
    given_back: u64,
    failed_leases: u64,
    below_busy: u64,
    frames: u64,
    frames_again: u64,
    idle_after_ms_max: u64,
    pod_ms: u64,
    busy_ms: u64,
    jobs: u64,
}

struct World {
    random: Random,
    scheduler: Scheduler,
    now: u64,
    pods: BTreeMap<String, Pod>,
    pods_made: u64,
    /// Jobs with their frames, in the order in which they come.
    coming: VecDeque<(u64, JobId, u64)>,
    frames: BTreeMap<JobId, u64>,
    wanted: VecDeque<(u64, u64)>,
    costs: BTreeMap<String, bool>,
    by_cost: bool,
    last_commit: u64,
    told: Told,
}

impl World {
    fn new(seed: u64, by_cost: bool) -> Self {
        let mut random = Random(seed);
        let jobs = 1 + random.below(5);
        let mut coming: Vec<_> = (0..jobs)
            .map(|number| {
                let job = JobId::parse(&format!("j{number}")).unwrap();
                // 320x180 counts as 640x360: a ninth of 1080p.
                (random.below(200_000), job, 300 + random.below(10_000))
            })
            .collect();
        coming.sort();
        let config = SchedulerConfig {
            retention: crate::config::Retention::all(None),
            ..SchedulerConfig::default()
        };
        Self {
            random,
            scheduler: Scheduler::new(config),
            now: 1_000,
            pods: BTreeMap::new(),
            pods_made: 0,
            frames: coming.iter().map(|(_, job, frames)| (job.clone(), *frames)).collect(),
            coming: coming.into(),
            wanted: VecDeque::new(),
            costs: BTreeMap::new(),
            by_cost,
            last_commit: 0,
            told: Told { jobs, ..Told::default() },
        }
    }

    /// Tells the scheduler something, and does what it wants, until it wants nothing.
    fn tell(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.scheduler.step(Tick(self.now), input, &mut effects);
            for effect in effects {
                self.perform(effect, &mut inputs);
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a model plays what it has use for")]
    fn perform(&mut self, effect: Effect, inputs: &mut VecDeque<Input>) {
        match effect {
            Effect::Record(record) => self.record(&record.event),
            Effect::Grant { worker, lease, grant, .. } => {
                let cells = match &grant.work {
                    Work::Segment { segment, .. } => segment.indices().map(|cell| cell.0).collect(),
                    _ => VecDeque::new(),
                };
                let pod = self.pods.get_mut(worker.as_str()).expect("the pod is there");
                assert!(pod.work.is_none(), "one slot, one lease");
                let job = grant.job.clone();
                pod.work = Some(Held { lease, job, cells, done: 0, made: 0 });
                pod.told_to_hand_in = false;
            }
            Effect::HandIn { worker, .. } => {
                self.pods.get_mut(worker.as_str()).expect("the pod is there").told_to_hand_in =
                    true;
            }
            Effect::Revoke { worker, lease, .. } => {
                let pod = self.pods.get_mut(worker.as_str());
                if let Some(pod) =
                    pod.filter(|pod| pod.work.as_ref().is_some_and(|work| work.lease == lease))
                {
                    pod.work = None;
                }
            }
            Effect::LoadTable { job, .. } => {
                let frames = self.frames[&job];
                let (description, table) = (Box::new(description()), Box::new(table(frames, 50)));
                inputs.push_back(Input::TableLoaded { job, description, table });
            }
            Effect::WriteBrief { job, .. } => {
                inputs.push_back(Input::BriefWritten { job, brief: object("brief") });
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a model counts what it has use for")]
    fn record(&mut self, event: &Event) {
        match event {
            Event::LeaseEnded { end: LeaseEnd::Failed(_), .. } => self.told.failed_leases += 1,
            Event::LeaseEnded { end: LeaseEnd::GaveBack, .. } => self.told.given_back += 1,
            Event::CellCommitted { summary, .. } => {
                self.told.frames += summary.frames;
                self.last_commit = self.now;
            }
            _ => {}
        }
    }

    fn submit_what_comes(&mut self) {
        while self.coming.front().is_some_and(|(at, ..)| *at <= self.now)
            && let Some((_, job, _)) = self.coming.pop_front()
        {
            let request = Box::new(JobRequest {
                output: format!("file:///{job}.mp4"),
                cell_frames: Some(120),
                segment_frames: None,
                ..cells_of_30()
            });
            self.tell(Input::Submit { job, request });
        }
    }

    fn boot(&mut self) {
        let due: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, pod)| !pod.attached && pod.boots_at <= self.now)
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            let pod = self.pods.get_mut(&name).expect("it is there");
            pod.attached = true;
            let attachment = Attachment {
                worker: worker(&name),
                session: pod.boots_at * 100 + self.pods_made,
                instance: 1,
                card: Card::None,
                slots: 1,
                encoders: vec![proof(EncoderName::Libx264)],
                models: WorkerModels::default(),
                holding: Vec::new(),
                acknowledges: false,
            };
            pod.session = attachment.session;
            self.tell(Input::Attach(Box::new(attachment)));
        }
    }

    /// Every pod computes for a step, and tells what came of it.
    fn compute(&mut self) {
        for name in self.pods.keys().cloned().collect::<Vec<_>>() {
            let Some(pod) = self.pods.get(&name).filter(|pod| pod.attached) else { continue };
            self.told.pod_ms += STEP_MS;
            let session = pod.session;
            if pod.work.is_none() {
                let input = Input::Heartbeat { worker: worker(&name), session };
                self.tell(input);
                continue;
            }
            self.told.busy_ms += STEP_MS;
            self.compute_one(&name);
        }
    }

    fn report(&mut self, name: &str, lease: LeaseId, report: Report) {
        self.tell(Input::Report { worker: worker(name), lease, report });
    }

    fn compute_one(&mut self, name: &str) {
        let pod = self.pods.get_mut(name).expect("it is there");
        let Held { lease, job, mut cells, mut done, mut made } =
            pod.work.take().expect("it has work");
        if cells.is_empty() {
            // Intake.
            let frames = self.frames[&job];
            let intake = IntakeResult {
                source: SourceRef { url: "file:///in.mp4".to_owned(), bytes: 1, version: None },
                description: object("description"),
                table: object("table"),
                rest: None,
                notes: Vec::new(),
                frames,
            };
            return self.report(name, lease, Report::IntakeDone(Box::new(intake)));
        }
        done += pod.fps * STEP_MS / 1000;
        made += pod.fps * STEP_MS / 1000;
        let told_to_hand_in = pod.told_to_hand_in;
        let mut finished = Vec::new();
        let length =
            |cell: u32| self.scheduler.ledger.jobs[&job].cells()[cell as usize].frames.count();
        while let Some(cell) = cells.front().copied().filter(|cell| done >= length(*cell)) {
            done -= length(cell);
            finished.push(cell);
            cells.pop_front();
        }
        let (is_done, going) = (cells.is_empty(), told_to_hand_in);
        let rest = done;
        let held = Held { lease, job: job.clone(), cells, done, made };
        pod.work = Some(held).filter(|_| !is_done && !going);
        for cell in finished {
            let known = &self.scheduler.ledger.jobs[&job];
            let Some(encoding) = known.encoding() else { return };
            let part = summary(
                &known.cells()[cell as usize],
                encoding.fingerprint,
                &format!("{job} {cell} {lease}"),
            );
            self.report(name, lease, Report::CellDone { summary: Box::new(part) });
        }
        if is_done {
            self.report(name, lease, Report::SegmentDone);
        } else if going {
            self.told.frames_again += rest;
            self.report(name, lease, Report::GaveBack);
        } else {
            self.report(name, lease, Report::Progress { frames: made });
        }
    }

    fn ask() -> Ask {
        Ask { tier: Some(Card::None.tier()), target_ms: 60_000, ..Ask::default() }
    }

    /// The autoscaler looks.
    fn scale(&mut self) {
        let demand = self.scheduler.demand(&Self::ask());
        let wanted = if demand.is_active() { demand.workers(&Self::ask()).max(1) } else { 0 };
        let busy =
            self.pods.values().filter(|pod| pod.work.is_some() && pod.killed_at.is_none()).count()
                as u64;
        self.told.below_busy += u64::from(wanted < busy);
        let wanted = wanted.min(PODS_MAX);
        let window = 30_000;
        self.wanted.push_back((self.now, wanted));
        while self.wanted.front().is_some_and(|(at, _)| at + window < self.now) {
            self.wanted.pop_front();
        }
        let kept = self.wanted.iter().map(|(_, wanted)| *wanted).max().unwrap_or(0);
        let live: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, pod)| pod.killed_at.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        for _ in live.len() as u64..wanted {
            let (boot, fps) = (10_000 + self.random.below(40_000), 5 + self.random.below(60));
            let pod = Pod {
                boots_at: self.now + boot,
                attached: false,
                fps,
                work: None,
                told_to_hand_in: false,
                killed_at: None,
                session: 0,
            };
            self.pods_made += 1;
            self.pods.insert(format!("p{}", self.pods_made), pod);
        }
        let surplus = live.len().saturating_sub(usize::try_from(kept).unwrap());
        if surplus > 0 {
            self.told.scale_downs += 1;
            let mut order = live;
            let turn = usize::try_from(self.random.below(order.len() as u64)).unwrap();
            order.rotate_left(turn);
            if self.by_cost {
                // Those that are not up yet first, as Kubernetes does, then by their cost as it was told last.
                order.sort_by_key(|name| {
                    (self.pods[name].attached, self.costs.get(name).copied().unwrap_or(false))
                });
            }
            for name in order.into_iter().take(surplus) {
                self.remove(&name);
            }
        }
    }

    /// A pod is told to go.
    fn remove(&mut self, name: &str) {
        self.told.removed += 1;
        let pod = self.pods.get_mut(name).expect("it is there");
        if !pod.attached {
            self.pods.remove(name);
            return;
        }
        self.told.removed_busy += u64::from(pod.work.is_some());
        pod.killed_at = Some(self.now + KILL_MS);
        let session = pod.session;
        self.tell(Input::Notice { worker: worker(name), session, remaining_ms: NOTICE_MS });
    }

    /// Pods that have nothing more go; those that are still there after their grace are killed.
    fn end_pods(&mut self) {
        for name in self.pods.keys().cloned().collect::<Vec<_>>() {
            let pod = &self.pods[&name];
            let Some(killed_at) = pod.killed_at else { continue };
            let (session, idle) = (pod.session, pod.work.is_none());
            if idle {
                self.tell(Input::Leave { worker: worker(&name), session });
            } else if self.now >= killed_at {
                self.told.killed_busy += 1;
            } else {
                continue;
            }
            self.pods.remove(&name);
            self.tell(Input::Detach { worker: worker(&name), session });
        }
    }

    fn run(mut self) -> Told {
        let end = 4 * 3_600_000;
        let mut idle_since = None;
        while self.now < end {
            self.now += STEP_MS;
            self.submit_what_comes();
            self.tell(Input::Clock);
            self.boot();
            self.compute();
            self.end_pods();
            if self.now % COST_MS < STEP_MS {
                self.costs = self
                    .pods
                    .iter()
                    .map(|(name, pod)| (name.clone(), pod.work.is_some()))
                    .collect();
            }
            if self.now % LOOK_MS < STEP_MS {
                self.scale();
            }
            let done = self.coming.is_empty() && self.scheduler.demand(&Self::ask()).value_ms == 0;
            if done {
                idle_since = idle_since.or(Some(self.now));
            }
            if done && self.pods.is_empty() {
                break;
            }
        }
        assert!(self.pods.is_empty(), "the fleet goes to nothing when nothing is left to do");
        self.told.idle_after_ms_max = idle_since.unwrap_or(end).saturating_sub(self.last_commit);
        self.told
    }
}

fn over_seeds(seeds: u64, by_cost: bool) -> Told {
    let mut sum = Told::default();
    for seed in 0..seeds {
        let world = World::new(seed, by_cost);
        let frames: u64 = world.frames.values().sum();
        let told = world.run();
        assert_eq!(told.frames, frames, "seed {seed}: every frame is committed, once");
        sum.scale_downs += told.scale_downs;
        sum.removed += told.removed;
        sum.removed_busy += told.removed_busy;
        sum.killed_busy += told.killed_busy;
        sum.given_back += told.given_back;
        sum.failed_leases += told.failed_leases;
        sum.below_busy += told.below_busy;
        sum.frames += told.frames;
        sum.frames_again += told.frames_again;
        sum.idle_after_ms_max = sum.idle_after_ms_max.max(told.idle_after_ms_max);
        sum.pod_ms += told.pod_ms;
        sum.busy_ms += told.busy_ms;
        sum.jobs += told.jobs;
    }
    sum
}

fn tell(told: &Told, what: &str) {
    println!(
        "{what}: {} jobs, {} frames, {} scale-downs; pods removed {}, of them busy {}, killed while busy {}; \
         leases given back {}, failed {}; frames computed again {}; demand below the busy workers {} times; \
         pods busy {} % of their time; nothing wanted {} s after the last commit at most",
        told.jobs,
        told.frames,
        told.scale_downs,
        told.removed,
        told.removed_busy,
        told.killed_busy,
        told.given_back,
        told.failed_leases,
        told.frames_again,
        told.below_busy,
        told.busy_ms * 100 / told.pod_ms.max(1),
        told.idle_after_ms_max / 1000,
    );
}

#[test]
fn no_busy_worker_is_lost_in_a_thousand_scale_downs() {
    let told = over_seeds(450, true);
    tell(&told, "by deletion cost");
    assert!(told.scale_downs >= 1_000);
    assert_eq!((told.killed_busy, told.failed_leases, told.below_busy), (0, 0, 0));
    assert!(told.removed_busy * 4 < told.removed, "idle pods go first");
    assert!(told.idle_after_ms_max <= 60_000);
}

#[test]
fn without_deletion_costs_what_a_busy_worker_had_is_given_back_and_nothing_fails() {
    let told = over_seeds(60, false);
    tell(&told, "at random");
    assert_eq!((told.killed_busy, told.failed_leases), (0, 0));
    assert!(told.removed_busy > 0, "else this shows nothing");
}

#[test]
fn a_busy_worker_keeps_its_place_whatever_little_is_left_and_work_that_none_can_share_asks_for_one()
{
    let mut rig = Rig::new(SchedulerConfig::default());
    let ask = Ask { target_ms: 300_000, ..Ask::default() };
    assert!(!rig.scheduler.demand(&ask).is_active(), "nothing is there");
    let input = Input::Submit { job: job(), request: Box::new(cells_of_30()) };
    rig.tell(input);
    assert_eq!(rig.scheduler.demand(&ask).workers(&ask), 1, "a job that nobody has looked at");
    let many = Ask { new_job_ms: 3_000_000, ..ask };
    assert_eq!(rig.scheduler.demand(&many).workers(&many), 1, "intake is one worker's");
    rig.attach("a", &[EncoderName::Libx264]);
    rig.take_in(FRAMES);
    rig.attach("b", &[EncoderName::Libx264]);
    rig.tell(Input::BriefWritten { job: job(), brief: object("brief") });
    let demand = rig.scheduler.demand(&ask);
    assert_eq!((demand.busy, demand.workers(&ask)), (2, 2), "{demand:?}");
    assert!(demand.work_ms < ask.target_ms, "{demand:?}");
    let elsewhere = Ask { tier: Ask::tier_of("24gb"), ..ask };
    let demand = rig.scheduler.demand(&elsewhere);
    assert_eq!((demand.busy, demand.workers(&elsewhere)), (0, 1), "another row has no busy worker");
    let shared = Ask { share_percent: 0, ..elsewhere };
    assert_eq!(rig.scheduler.demand(&shared).workers(&shared), 0);
}

#[test]
fn a_job_asks_for_no_more_workers_than_it_has_pieces_or_may_have() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    rig.tell(Input::Leave { worker: worker("a"), session: 1000 });
    // Ten cells of 30 small frames: seconds of work.
    let ask = Ask { target_ms: 1, ..Ask::default() };
    assert_eq!(rig.scheduler.demand(&ask).workers(&ask), 10);
    let few = Ask { job_workers_max: Some(3), ..ask };
    assert_eq!(rig.scheduler.demand(&few).workers(&few), 3);
    let backlog = rig.scheduler.backlog();
    assert_eq!((backlog.frames, backlog.jobs[&JobPhase::Encode]), (FRAMES, 1));
    // A ninth of 300 frames at 7.5 a second.
    assert_eq!(backlog.work_ms[5], 4_445);
    assert_eq!(backlog.eta_ms, None, "nobody is there to do it");
}
