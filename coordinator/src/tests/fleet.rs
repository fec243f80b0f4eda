//! A played worker: speaks the real protocol, stores real objects, computes nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::fleet_client::FleetClient;
use cleanplate_store::{Location, OBJECT_FORMAT, SourceReader, StoreError, keys, kinds};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Finding, Look};
use cleanplate_types::part::PartManifest;
use cleanplate_types::source::SourceRef;
use cleanplate_types::trail::{TrailEntry, TrailEvent};
use pb::from_worker::Message as Up;
use pb::to_worker::Message as Down;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::tests::part::{self, Spoilt};
use crate::tests::place::{PATIENCE, Place, Running};

pub(super) struct FakeWorker {
    up: mpsc::Sender<pb::FromWorker>,
    down: Streaming<pb::ToWorker>,
    spoilt: BTreeMap<CellIndex, Spoilt>,
}

/// What was granted.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) lease: LeaseId,
    job: JobId,
    work: pb::grant::Work,
}

/// What a coordinator says next.
#[derive(Debug)]
pub(super) enum Said {
    Granted(Box<Granted>),
    Revoked(LeaseId),
    /// Of no interest here.
    Else,
    /// Nothing more: it is gone.
    Gone,
}

impl Granted {
    fn of(grant: pb::Grant) -> Self {
        let (lease, job) = (LeaseId(grant.lease), JobId::parse(&grant.job).unwrap());
        Self { lease, job, work: grant.work.unwrap() }
    }

    /// Whether cells are to be made.
    pub(super) const fn is_segment(&self) -> bool {
        matches!(self.work, pb::grant::Work::Segment(_))
    }
}

impl FakeWorker {
    pub(super) async fn hello(
        running: &Running,
        name: &str,
        protocol: u32,
        holding: &[LeaseId],
    ) -> Result<Self, Status> {
        let hello = pb::Hello {
            protocol,
            worker: name.to_owned(),
            holding: holding.iter().map(|lease| lease.0).collect(),
            objects: OBJECT_FORMAT.into(),
            ..pb::Hello::default()
        };
        Self::say_hello(running, hello).await
    }

    /// As the process `instance` of a worker's name.
    pub(super) async fn instance(
        running: &Running,
        name: &str,
        instance: u64,
    ) -> Result<Self, Status> {
        let (protocol, worker) = (cleanplate_proto::PROTOCOL_VERSION, name.to_owned());
        let objects = OBJECT_FORMAT.into();
        let hello = pb::Hello { protocol, worker, instance, objects, ..pb::Hello::default() };
        let mut worker = Self::say_hello(running, hello).await?;
        assert!(matches!(worker.next().await, Some(Down::Welcome(_))), "a welcome is due");
        Ok(worker)
    }

    async fn say_hello(running: &Running, hello: pb::Hello) -> Result<Self, Status> {
        Self::over(running.connect().await, hello).await
    }

    /// As a worker that holds a lease, over a connection to wherever the coordinator is.
    pub(super) async fn at(
        channel: Channel,
        name: &str,
        held: Option<LeaseId>,
    ) -> Result<Self, Status> {
        let (protocol, worker) = (cleanplate_proto::PROTOCOL_VERSION, name.to_owned());
        let holding = held.iter().map(|lease| lease.0).collect();
        let objects = OBJECT_FORMAT.into();
        let hello = pb::Hello { protocol, worker, holding, objects, ..pb::Hello::default() };
        Self::over(channel, hello).await
    }

    async fn over(channel: Channel, hello: pb::Hello) -> Result<Self, Status> {
        let (up, waiting) = mpsc::channel(64);
        let encoder = pb::EncoderProof { name: "libx264".to_owned(), build: "played".to_owned() };
        let hello =
            pb::Hello { version: "9.9.9".to_owned(), slots: 1, encoders: vec![encoder], ..hello };
        up.send(pb::FromWorker { message: Some(Up::Hello(hello)) }).await.unwrap();
        let mut client = FleetClient::new(channel);
        let down = client.attend(ReceiverStream::new(waiting)).await?.into_inner();
        Ok(Self { up, down, spoilt: BTreeMap::new() })
    }

    pub(super) async fn attach(running: &Running, name: &str) -> Self {
        Self::attach_holding(running, name, &[]).await
    }

    pub(super) async fn attach_holding(running: &Running, name: &str, holding: &[LeaseId]) -> Self {
        let protocol = cleanplate_proto::PROTOCOL_VERSION;
        let mut worker = Self::hello(running, name, protocol, holding).await.unwrap();
        let Some(Down::Welcome(welcome)) = worker.next().await else { panic!("no welcome") };
        assert_eq!(welcome.heartbeat_ms, 200_000, "a third of the longest silence");
        worker
    }

    /// The next message; nothing where the stream has ended.
    async fn next(&mut self) -> Option<Down> {
        let message = tokio::time::timeout(PATIENCE, self.down.message()).await;
        message.expect("the coordinator says something").ok().flatten()?.message
    }

    pub(super) async fn granted(&mut self) -> Granted {
        match self.next().await {
            Some(Down::Grant(grant)) => Granted::of(grant),
            other => panic!("a grant was due, not {other:?}"),
        }
    }

    /// Waits for a word of the coordinator for as long as that takes. May be given up.
    pub(super) async fn hear(&mut self) -> Said {
        let Ok(Some(message)) = self.down.message().await else { return Said::Gone };
        match message.message {
            Some(Down::Grant(grant)) => Said::Granted(Box::new(Granted::of(grant))),
            Some(Down::Revoke(revoke)) => Said::Revoked(LeaseId(revoke.lease)),
            Some(Down::Welcome(_) | Down::Drain(_) | Down::HandIn(_)) | None => Said::Else,
        }
    }

    pub(super) async fn revoked(&mut self) -> LeaseId {
        match self.next().await {
            Some(Down::Revoke(revoke)) => LeaseId(revoke.lease),
            other => panic!("a revocation was due, not {other:?}"),
        }
    }

    pub(super) async fn drained(&mut self) {
        let message = self.next().await;
        assert!(matches!(message, Some(Down::Drain(_))), "a drain was due, not {message:?}");
    }

    /// Whether the stream ends with nothing more granted.
    pub(super) async fn is_cut_off(&mut self) -> bool {
        loop {
            match self.next().await {
                None => return true,
                Some(Down::Grant(_)) => return false,
                Some(Down::Welcome(_) | Down::Revoke(_) | Down::Drain(_) | Down::HandIn(_)) => {}
            }
        }
    }

    async fn say(&self, message: Up) {
        // A coordinator that is gone does not hear it.
        self.up.send(pb::FromWorker { message: Some(message) }).await.ok();
    }

    pub(super) async fn fail(&self, lease: LeaseId, kind: FailureKind, words: &str) {
        let failure = Some(Failure::new(kind, Stage::Intake, words).into());
        self.say(Up::LeaseFailed(pb::LeaseFailed { lease: lease.0, failure })).await;
    }

    pub(super) async fn leave(&self) {
        self.say(Up::Leaving(pb::Leaving { when_done: false })).await;
    }

    /// The cell's part, the next time it is made, comes to harm after it was handed in.
    pub(super) fn spoil(&mut self, cell: CellIndex, how: Spoilt) {
        self.spoilt.insert(cell, how);
    }

    /// Does all that is granted, until the job has ended.
    pub(super) async fn work(
        &mut self,
        place: &Place,
        running: &Running,
        job: &str,
    ) -> pb::Outcome {
        let ended = running.outcome(job);
        tokio::pin!(ended);
        loop {
            let message = tokio::select! {
                outcome = &mut ended => return outcome,
                message = self.down.message() => message.unwrap(),
            };
            match message.and_then(|to| to.message) {
                Some(Down::Grant(grant)) => {
                    self.perform(place, Granted::of(grant)).await;
                }
                Some(Down::Revoke(_)) => {}
                other => panic!("a grant was due, not {other:?}"),
            }
        }
    }

    pub(super) async fn perform(&mut self, place: &Place, granted: Granted) {
        let Granted { lease, job, work } = granted;
        match work {
            pb::grant::Work::Intake(intake) => {
                assert!(intake.output.ends_with("/out.mp4"), "{}", intake.output);
                self.intake(place, lease, &job, &intake.url).await;
            }
            pb::grant::Work::Segment(segment) => self.segment(place, lease, &job, segment).await,
            pb::grant::Work::Analyse(window) => self.look(place, lease, &job, window).await,
            pb::grant::Work::Reduce(_) => self.reduce(place, lease, &job).await,
            pb::grant::Work::Audit(audit) => self.audit(place, lease, audit).await,
        }
    }

    async fn intake(&self, place: &Place, lease: LeaseId, job: &JobId, url: &str) {
        let reader = SourceReader::open(&Location::parse(url).unwrap(), None).await.unwrap();
        let head = reader.head().clone();
        let source = SourceRef { url: url.to_owned(), bytes: head.bytes, version: head.version };
        let description = (keys::description(job, lease), part::description());
        let table = (keys::table(job, lease), part::table());
        let description =
            place.store.put_value(&description.0, kinds::DESCRIPTION, &description.1).await;
        let table = place.store.put_value(&table.0, kinds::TABLE, &table.1).await;
        self.say(Up::IntakeDone(pb::IntakeDone {
            lease: lease.0,
            source: Some(source.into()),
            description: Some(description.unwrap().into()),
            table: Some(table.unwrap().into()),
            rest: None,
            frames: part::FRAMES,
            notes: vec![part::INTAKE_NOTE.to_owned()],
        }))
        .await;
    }

    /// Sees nothing.
    async fn look(&self, place: &Place, lease: LeaseId, job: &JobId, window: pb::Analyse) {
        let key = keys::evidence(job, Look::Find, window.window_index, lease);
        let evidence = place.store.put(&key, Bytes::from_static(b"nothing")).await.unwrap();
        let evidence = Some(evidence.into());
        self.say(Up::AnalyseDone(pb::AnalyseDone { lease: lease.0, evidence })).await;
    }

    /// Finds nothing.
    async fn reduce(&self, place: &Place, lease: LeaseId, job: &JobId) {
        let key = keys::finding(job, lease);
        let finding = place.store.put_value(&key, kinds::FINDING, &Finding::Nothing).await;
        let finding = Some(finding.unwrap().into());
        self.say(Up::ReduceDone(pb::ReduceDone { lease: lease.0, finding, mattes: None })).await;
    }

    /// Finds everything as the manifest says, where it is there.
    async fn audit(&self, place: &Place, lease: LeaseId, audit: pb::Audit) {
        let manifest: ObjectRef = audit.manifest.unwrap().try_into().unwrap();
        let read = place.store.get_value::<PartManifest>(&manifest, kinds::MANIFEST).await;
        let manifest = match read {
            Ok(manifest) => manifest,
            Err(error) => return self.fail(lease, error.kind(), &error.to_string()).await,
        };
        let frames = manifest.decoded.len() as u64;
        self.say(Up::AuditDone(pb::AuditDone { lease: lease.0, frames })).await;
    }

    async fn segment(&mut self, place: &Place, lease: LeaseId, job: &JobId, work: pb::Segment) {
        let brief: ObjectRef = work.brief.unwrap().try_into().unwrap();
        let read = place.store.get_value::<JobBrief>(&brief, kinds::BRIEF).await;
        let brief = match read {
            Ok(brief) => brief,
            // The job has ended, and was swept.
            Err(error) => return self.fail(lease, error.kind(), &error.to_string()).await,
        };
        for cell in (work.first_cell..work.first_cell + work.cells).map(CellIndex) {
            let (key, manifest_key) =
                (keys::part(job, cell, lease), keys::manifest(job, cell, lease));
            let stored = async {
                let stored = place.store.put(&key, part::bytes(cell).into()).await?;
                let manifest = part::manifest(&brief, cell, lease, stored);
                let stored =
                    place.store.put_value(&manifest_key, kinds::MANIFEST, &manifest).await?;
                Ok::<_, StoreError>((manifest, stored))
            };
            let (manifest, stored) = match stored.await {
                Ok(stored) => stored,
                // The job has ended, and what is written under its leases is swept.
                Err(error) => return self.fail(lease, error.kind(), &error.to_string()).await,
            };
            match self.spoilt.remove(&cell) {
                None => {}
                Some(Spoilt::Lost) => place.store.delete(&key).await.unwrap(),
                Some(Spoilt::ManifestLost) => place.store.delete(&manifest_key).await.unwrap(),
                Some(Spoilt::Damaged) => {
                    let other = Bytes::from(vec![b'?'; part::bytes(cell).len()]);
                    place.store.put(&key, other).await.unwrap();
                }
            }
            let part = Some(manifest.summary(stored).into());
            self.say(Up::CellDone(pb::CellDone { lease: lease.0, part })).await;
        }
        let line = TrailEntry {
            at_ms: 5,
            stage: Stage::Encode,
            event: TrailEvent::Fallback,
            detail: "nvenc -> libx264: no card".to_owned(),
            count: None,
        };
        self.say(Up::Trail(pb::Trail { lease: lease.0, entries: vec![line.into()] })).await;
        self.say(Up::LeaseDone(pb::LeaseDone { lease: lease.0 })).await;
    }
}
