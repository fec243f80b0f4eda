//! A catalogue of hostile requests against a coordinator behind its door: all are refused, each with the status that it
//! should have. Run with `--nocapture` it prints the list.

mod catalogue;
mod clients;
mod http;
mod places;
mod scene;
mod workers;

use cleanplate_proto::v1 as pb;

use crate::catalogue::Catalogue;
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_request_of_the_catalogue_is_refused_with_the_right_status() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set(folder.path()).await;
    let mut catalogue = Catalogue::default();
    clients::nobody(&scene, &mut catalogue).await;
    clients::forged_tokens(&scene, &mut catalogue).await;
    clients::wrong_roles(&scene, &mut catalogue).await;
    clients::other_owners(&scene, &mut catalogue).await;
    places::places(&scene, &mut catalogue).await;
    workers::workers(&scene, &mut catalogue).await;
    clients::forms(&scene, &mut catalogue).await;
    workers::connections(&scene, &mut catalogue).await;
    http::over_http(&scene, &mut catalogue).await;
    catalogue.hold(100);
    // The door still opens to who may come in.
    let listed = scene.jobs(&scene.bob).list(pb::ListRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().jobs.len(), 1);
    let own = scene.submit(&scene.alice, |_| {}).await;
    assert!(own.is_ok(), "{own:?}");
}
