//! A played worker: speaks the real protocol over a connection of its own, holds what it is granted for a while, and hands
//! in a valid summary of nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::fleet_client::FleetClient;
use cleanplate_store::{OBJECT_FORMAT, Store, keys, kinds};
use cleanplate_tests::torture::draw::Chance;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::source::SourceRef;
use pb::from_worker::Message as Up;
use pb::to_worker::Message as Down;
use tokio::sync::{OnceCell, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

use super::media;

/// How long a worker waits before it attaches again, doubled each time up to the longest, less up to a quarter: as the
/// product's do where a coordinator stands by.
const AGAIN: Duration = Duration::from_millis(200);
const AGAIN_MAX: Duration = Duration::from_secs(1);

/// What all workers share.
pub(crate) struct Shared {
    store: Store,
    briefs: Mutex<BTreeMap<String, Arc<OnceCell<JobBrief>>>>,
    /// Streams that are open.
    pub(crate) attached: AtomicUsize,
    /// Streams that ended.
    pub(crate) lost: AtomicUsize,
    /// Why a worker could not attach, the last that was told.
    refused: Mutex<String>,
    /// How long a lease is held on average.
    hold_ms: AtomicU64,
    measures: AtomicBool,
    granted: AtomicU64,
    /// From ask to grant, in microseconds.
    waits: Mutex<Vec<u32>>,
}

impl Shared {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            briefs: Mutex::new(BTreeMap::new()),
            attached: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            refused: Mutex::new(String::new()),
            hold_ms: AtomicU64::new(0),
            measures: AtomicBool::new(false),
            granted: AtomicU64::new(0),
            waits: Mutex::new(Vec::new()),
        }
    }

    /// Waits until something is so.
    pub(crate) async fn until(
        &self,
        what: &str,
        patience: Duration,
        is_so: impl Fn(&Self) -> bool,
    ) -> Result<(), String> {
        let until = Instant::now() + patience;
        while !is_so(self) {
            if Instant::now() > until {
                let attached = self.attached.load(Ordering::Relaxed);
                let refused = self.refused.lock().expect("nobody panics with it in hand");
                return Err(format!("not in time: {what}; {attached} did, {refused}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Leases are held for so long on average from now on.
    pub(crate) fn hold(&self, hold: std::time::Duration) {
        self.hold_ms.store(u64::try_from(hold.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }

    /// Begins to measure.
    pub(crate) fn begin(&self) {
        self.waits.lock().expect("nobody panics with it in hand").clear();
        self.granted.store(0, Ordering::Relaxed);
        self.measures.store(true, Ordering::Relaxed);
    }

    /// Whether a lease was granted since measuring began.
    pub(crate) fn has_granted(&self) -> bool {
        self.granted.load(Ordering::Relaxed) > 0
    }

    /// Ends measuring: leases granted since, and from ask to grant of each, in microseconds.
    pub(crate) fn end(&self) -> (u64, Vec<u32>) {
        self.measures.store(false, Ordering::Relaxed);
        let waits = std::mem::take(&mut *self.waits.lock().expect("nobody panics with it in hand"));
        (self.granted.load(Ordering::Relaxed), waits)
    }

    fn granted(&self, asked: Option<Instant>) {
        if !self.measures.load(Ordering::Relaxed) {
            return;
        }
        self.granted.fetch_add(1, Ordering::Relaxed);
        if let Some(asked) = asked {
            let micros = u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.waits.lock().expect("nobody panics with it in hand").push(micros);
        }
    }

    /// The job's brief, read once by whoever needs it first.
    async fn brief(&self, job: &str, brief: pb::ObjectRef) -> Arc<OnceCell<JobBrief>> {
        let cell = {
            let mut briefs = self.briefs.lock().expect("nobody panics with it in hand");
            Arc::clone(briefs.entry(job.to_owned()).or_default())
        };
        let read = || async {
            let brief: ObjectRef = brief.try_into().expect("a brief has a key");
            self.store.get_value(&brief, kinds::BRIEF).await.expect("the brief is in the store")
        };
        cell.get_or_init(read).await;
        cell
    }
}

/// Attaches and works until it is aborted, again and again, as a worker does.
pub(crate) async fn work(endpoint: Endpoint, name: String, shared: Arc<Shared>) {
    let mut chance = Chance::new(seed_of(&name));
    let mut again = AGAIN;
    loop {
        if attend(&endpoint, name.clone(), &shared).await {
            again = AGAIN;
        }
        let hundredths = u32::try_from(chance.between(75, 100)).expect("a small number");
        tokio::time::sleep(again * hundredths / 100).await;
        again = (again * 2).min(AGAIN_MAX);
    }
}

fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte))
}

/// Whether it attached, and works until its stream ends.
async fn attend(endpoint: &Endpoint, name: String, shared: &Shared) -> bool {
    let refused = |why: String| {
        *shared.refused.lock().expect("nobody panics with it in hand") = why;
        false
    };
    let channel = match endpoint.connect().await {
        Ok(channel) => channel,
        Err(error) => return refused(format!("{error:?}")),
    };
    let (up, waiting) = mpsc::channel(16);
    let seed = seed_of(&name);
    let hello = pb::Hello {
        protocol: cleanplate_proto::PROTOCOL_VERSION,
        version: "9.9.9".to_owned(),
        worker: name,
        slots: 1,
        encoders: vec![pb::EncoderProof { name: "libx264".to_owned(), build: "played".to_owned() }],
        objects: OBJECT_FORMAT.into(),
        instance: seed,
        ..pb::Hello::default()
    };
    say(&up, Up::Hello(hello)).await;
    let mut down = match FleetClient::new(channel).attend(ReceiverStream::new(waiting)).await {
        Ok(down) => down.into_inner(),
        Err(status) => return refused(status.to_string()),
    };
    let mut beat = Duration::from_secs(3);
    let mut chance = Chance::new(seed);
    let mut asked = None;
    loop {
        let message = match tokio::time::timeout(beat, down.message()).await {
            Err(_quiet) => {
                say(&up, Up::Heartbeat(pb::Heartbeat::default())).await;
                continue;
            }
            Ok(Ok(Some(message))) => message.message,
            Ok(Ok(None) | Err(_)) => break,
        };
        match message {
            Some(Down::Welcome(welcome)) => {
                beat = Duration::from_millis(u64::from(welcome.heartbeat_ms));
                shared.attached.fetch_add(1, Ordering::Relaxed);
            }
            Some(Down::Grant(grant)) => {
                shared.granted(asked);
                perform(&up, shared, &mut chance, grant).await;
                asked = Some(Instant::now());
            }
            Some(Down::Revoke(_) | Down::Drain(_) | Down::HandIn(_)) | None => {}
        }
    }
    shared.attached.fetch_sub(1, Ordering::Relaxed);
    shared.lost.fetch_add(1, Ordering::Relaxed);
    true
}

async fn say(up: &mpsc::Sender<pb::FromWorker>, message: Up) {
    // Where the stream has ended, its reader says so.
    up.send(pb::FromWorker { message: Some(message) }).await.ok();
}

async fn perform(
    up: &mpsc::Sender<pb::FromWorker>,
    shared: &Shared,
    chance: &mut Chance,
    grant: pb::Grant,
) {
    let lease = LeaseId(grant.lease);
    match grant.work {
        Some(pb::grant::Work::Intake(intake)) => {
            let job = JobId::parse(&grant.job).expect("a job has an id");
            say(up, intake_done(shared, lease, &job, &intake.url).await).await;
        }
        Some(pb::grant::Work::Segment(segment)) => {
            let hold = shared.hold_ms.load(Ordering::Relaxed);
            if hold > 0 {
                let hold = chance.between(hold / 2, hold * 3 / 2);
                tokio::time::sleep(Duration::from_millis(hold)).await;
            }
            let brief = segment.brief.expect("a segment has a brief");
            let brief = shared.brief(&grant.job, brief).await;
            let brief = brief.get().expect("it was read");
            for cell in segment.first_cell..segment.first_cell + segment.cells {
                let part = Some(media::summary(brief, CellIndex(cell), lease).into());
                say(up, Up::CellDone(pb::CellDone { lease: lease.0, part })).await;
            }
            say(up, Up::LeaseDone(pb::LeaseDone { lease: lease.0 })).await;
        }
        work => panic!("a job that removes a region asks for nothing else: {work:?}"),
    }
}

async fn intake_done(shared: &Shared, lease: LeaseId, job: &JobId, url: &str) -> Up {
    let source = SourceRef { url: url.to_owned(), bytes: 1 << 20, version: None };
    let (description, table) = (keys::description(job, lease), keys::table(job, lease));
    let store = &shared.store;
    let description =
        store.put_value(&description, kinds::DESCRIPTION, &media::description()).await;
    let table = store.put_value(&table, kinds::TABLE, &media::table()).await;
    Up::IntakeDone(pb::IntakeDone {
        lease: lease.0,
        source: Some(source.into()),
        description: Some(description.expect("the store takes it").into()),
        table: Some(table.expect("the store takes it").into()),
        rest: None,
        frames: media::FRAMES,
        notes: Vec::new(),
    })
}
