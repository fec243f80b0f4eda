//! Workers that are none, that are others than they say, and that report under leases of others; and connections that
//! are none.

use std::time::SystemTime;

use cleanplate_access::{Bearer, Credential, Dialer};
use cleanplate_proto::v1 as pb;
use cleanplate_tests::closed::{Authority, bearer};
use pb::fleet_client::FleetClient;
use pb::jobs_client::JobsClient;
use pb::{from_worker, to_worker};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::catalogue::{Catalogue, Wanted};
use crate::scene::{Scene, attend, attend_on, hello};

pub(crate) async fn workers(scene: &Scene, catalogue: &mut Catalogue) {
    let denied = Code::PermissionDenied;
    let unknown = Code::Unauthenticated;
    let kind = "worker";
    let one = scene.joined("w1", 11).await.unwrap();
    let two = scene.joined("w2", 22).await.unwrap();
    for (what, secret) in [
        ("attends with a client's token", &scene.admin),
        ("attends with a join token", &scene.join),
    ] {
        let got = scene.attend(secret.reveal(), vec![hello("w1", 11)]).await;
        catalogue.add(kind, what, denied, got);
    }
    let mut fleet = scene.fleet(scene.admin.reveal());
    let request = pb::JoinRequest { worker: "w1".to_owned(), instance: 1 };
    catalogue.add(kind, "joins with a client's token", denied, fleet.join(request.clone()).await);
    catalogue.add(kind, "joins with a credential", denied, scene.fleet(&one).join(request).await);
    catalogue.add(kind, "joins under another site's name", denied, scene.joined("x1", 1).await);
    catalogue.add(
        kind,
        "joins under no name",
        Code::InvalidArgument,
        scene.joined("../w", 1).await,
    );
    let to_sign = |worker: &str, instance| pb::SignRequest {
        worker: worker.to_owned(),
        instance,
        bucket: "films".to_owned(),
        path: "in/another.mp4".to_owned(),
        method: "GET".to_owned(),
        ..pb::SignRequest::default()
    };
    for (what, secret, worker, instance, code) in [
        ("has a request signed with a client's token", scene.admin.reveal(), "w1", 11, denied),
        ("has a request signed with a join token", scene.join.reveal(), "w1", 11, denied),
        ("has a request signed as another", one.as_str(), "w2", 22, denied),
        ("has a request signed as another process", one.as_str(), "w1", 12, denied),
        ("has a request signed before it attends", one.as_str(), "w1", 11, Code::Unavailable),
    ] {
        let got = scene.fleet(secret).sign(to_sign(worker, instance)).await;
        catalogue.add(kind, what, code, got);
    }
    let got = scene.attend(&one, vec![hello("w2", 11)]).await;
    catalogue.add(kind, "says that it is another", denied, got);
    let got = scene.attend(&one, vec![hello("w1", 12)]).await;
    catalogue.add(kind, "is another process of that name", denied, got);
    let mut jobs = JobsClient::with_interceptor(scene.channel.clone(), bearer(&one));
    let got = jobs.list(pb::ListRequest::default()).await;
    catalogue.add(kind, "a credential lists jobs", denied, got);

    let now = SystemTime::now();
    let hash = scene.join.hash();
    let made = Credential::new("join", "w9", 9, now);
    let proved = |credential: &Credential, hash| credential.text(hash).unwrap();
    let past = Credential { until_s: made.until_s - 7200, ..made.clone() };
    let far = Credential { until_s: made.until_s + 86_400, ..made.clone() };
    let of_client = Credential { token: "admin".to_owned(), ..made.clone() };
    let of_none = Credential { token: "none".to_owned(), ..made.clone() };
    let renamed = one.replacen("_w1_", "_w9_", 1);
    let forged = [
        ("a credential that has ended", proved(&past, &hash)),
        ("a credential that lasts too long", proved(&far, &hash)),
        ("a credential by a client's token", proved(&of_client, &scene.admin.hash())),
        ("a credential by no token", proved(&of_none, &hash)),
        ("a credential with another proof", proved(&made, &scene.bob.hash())),
        ("a credential with another name", renamed),
    ];
    for (what, secret) in forged {
        let got = scene.attend(&secret, vec![hello("w9", 9)]).await;
        catalogue.add("forged worker", what, unknown, got);
    }

    // One worker holds a lease; another one reports under it.
    let held = attend_on(scene.fleet(&one), vec![hello("w1", 11)]).await;
    let (granted, _held) = held.unwrap();
    let Some(to_worker::Message::Grant(grant)) = granted else { panic!("a grant: {granted:?}") };
    let lease = grant.lease;
    let progress = from_worker::Message::Progress(pb::Progress { lease, frames: 1 });
    let replayed = scene.attend(&two, vec![hello("w2", 22), progress]).await;
    let is_revoked =
        matches!(&replayed, Ok(Some(to_worker::Message::Revoke(it))) if it.lease == lease);
    catalogue.add_other(
        "lease",
        "another worker's, replayed",
        Wanted::Revoked,
        (format!("{replayed:?}"), is_revoked),
    );
    let progress = from_worker::Message::Progress(pb::Progress { lease: 1 << 60, frames: 1 });
    let invented = scene.attend(&two, vec![hello("w2", 22), progress]).await;
    let is_revoked = matches!(&invented, Ok(Some(to_worker::Message::Revoke(_))));
    catalogue.add_other(
        "lease",
        "invented",
        Wanted::Revoked,
        (format!("{invented:?}"), is_revoked),
    );
    let object = |key: String| pb::ObjectRef { key, bytes: 1, sha256: vec![0; 32] };
    let bobs = &scene.bobs;
    for (what, key) in [
        ("an object of another lease", format!("jobs/{bobs}/find/000000.{}", lease + 1)),
        ("an object that is none of a lease", "farm/x".to_owned()),
        ("an object by dots", format!("jobs/../jobs/x/find/000000.{lease}")),
    ] {
        let done = pb::AnalyseDone { lease, evidence: Some(object(key)) };
        let message = from_worker::Message::AnalyseDone(done);
        let got = scene.attend(&two, vec![hello("w2", 22), message]).await;
        catalogue.add("lease", what, Code::InvalidArgument, got);
    }
    // Who is attached under a name stays.
    let stays = scene.attend(&two, vec![hello("w2", 22), hello("w2", 22)]).await;
    catalogue.add("malformed", "a second hello", Code::InvalidArgument, stays);
}

pub(crate) async fn connections(scene: &Scene, catalogue: &mut Catalogue) {
    let folder = tempfile::tempdir().unwrap();
    let listed = async |channel: Channel| {
        let mut jobs = JobsClient::with_interceptor(channel, bearer(scene.admin.reveal()));
        jobs.list(pb::ListRequest::default()).await.map(drop)
    };
    let mut add = |what: &str, got: Result<(), Status>| {
        let is_right = got.as_ref().is_err_and(|status| {
            status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
        });
        catalogue.add_other(
            "connection",
            what,
            Wanted::NoConnection,
            (format!("{got:?}"), is_right),
        );
    };
    let clear = format!("http://localhost:{}", scene.farm.cluster.port());
    let clear = Dialer::default().endpoint(&clear).unwrap().connect_lazy();
    add("without TLS", listed(clear).await);
    let other = Authority::new(folder.path(), "other");
    let dialer = Dialer { ca: Some(other.certificate()), ..Dialer::default() };
    let stranger = dialer.endpoint(&scene.farm.url()).unwrap().connect_lazy();
    add("by whom another authority is known", listed(stranger).await);
    let forged = other.sign("w1", &["w1"]);
    let authority = Some(scene.farm.authority.certificate());
    let dialer = Dialer { ca: authority.clone(), identity: Some(forged), insecure: false };
    let stranger = dialer.endpoint(&scene.farm.url()).unwrap().connect_lazy();
    add("with a certificate of another authority", listed(stranger).await);

    // A certificate of the farm's own authority, for one worker.
    let identity = scene.farm.authority.sign("w7", &["w7"]);
    let certified = scene.farm.connect(Some(identity)).await.unwrap();
    let denied = Code::PermissionDenied;
    let fleet = FleetClient::with_interceptor(certified.clone(), Bearer::default());
    let got = attend(fleet.clone(), vec![hello("w8", 1)]).await;
    catalogue.add("certificate", "says that it is another worker", denied, got);
    let got = attend(fleet.clone(), vec![hello("w7.gpu", 1)]).await;
    catalogue.add("certificate", "says that it is almost that worker", denied, got);
    let mut jobs = JobsClient::new(certified);
    catalogue.add("certificate", "lists jobs", denied, jobs.list(pb::ListRequest::default()).await);
    catalogue.add(
        "certificate",
        "drains",
        denied,
        jobs.drain_worker(pb::DrainWorkerRequest::default()).await,
    );
    let mut fleet = fleet;
    let request = pb::JoinRequest { worker: "w7".to_owned(), instance: 1 };
    catalogue.add("certificate", "joins", denied, fleet.join(request).await);
}
