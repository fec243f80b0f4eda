//! What it costs to delete a pod: Kubernetes is told which workers are busy, so that a Deployment that shrinks gives up
//! idle ones first.
//!
//! Owns the annotation `controller.kubernetes.io/pod-deletion-cost` of pods that are named as workers are (the chart
//! names them so), or as the workers of several cards without their number: who may call a worker what they like may so
//! mark another pod of the namespace, and do nothing else to it. Refuses everything else of Kubernetes' API.
//! It is the coordinator that writes: a worker's machine should not hold a key to other pods.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cleanplate_proto::v1 as pb;
use futures::{StreamExt as _, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, StatusCode};
use serde_json::json;
use tokio::task::AbortHandle;
use url::Url;

use crate::asking::in_words;
use crate::dispatch::{Orders, Question};

/// Where Kubernetes puts what a pod knows its account by.
const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The pause between two looks: Kubernetes asks not to be told often.
const EVERY: Duration = Duration::from_secs(10);

/// How long one request may take.
const TOTAL: Duration = Duration::from_secs(10);

/// Requests at a time.
const AT_ONCE: usize = 4;

/// The annotation, and its values: what has the least goes first.
const ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";
const IDLE: i32 = 0;
const BUSY: i32 = 1_000;
const GOING: i32 = -1_000;

/// Where Kubernetes' API is, and by what account it is asked.
#[derive(Debug, Clone)]
pub struct PodCosts {
    api: Url,
    folder: PathBuf,
    every: Duration,
}

/// Why pods cannot be told about.
#[derive(Debug, thiserror::Error)]
pub enum PodCostsError {
    /// This process runs in no pod.
    #[error("this is no pod of Kubernetes: {0} is not set, so there are no deletion costs to tell")]
    NoPod(&'static str),
    /// The address makes no sense.
    #[error("the address of Kubernetes' API makes no sense: {0}")]
    Address(#[from] url::ParseError),
    /// The account cannot be read.
    #[error("{} cannot be read: {source}; mount the token of the pod's service account", path.display())]
    Account {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no way to ask.
    #[error("Kubernetes' API cannot be asked from here: {0}")]
    Client(#[from] reqwest::Error),
}

impl PodCosts {
    /// As a pod finds it, by its environment.
    ///
    /// # Errors
    /// [`PodCostsError::NoPod`], [`PodCostsError::Address`].
    pub fn in_cluster(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, PodCostsError> {
        let told = |name| lookup(name).ok_or(PodCostsError::NoPod(name));
        let (host, port) =
            (told("KUBERNETES_SERVICE_HOST")?, told("KUBERNETES_SERVICE_PORT_HTTPS")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let api = Url::parse(&format!("https://{host}:{port}/"))?;
        Ok(Self { api, folder: PathBuf::from(FOLDER), every: EVERY })
    }

    /// An API and an account of a test's own.
    #[cfg(test)]
    pub(crate) fn at(api: &str, folder: &Path) -> Self {
        let api = Url::parse(api).expect("a URL");
        Self { api, folder: folder.to_owned(), every: Duration::from_millis(20) }
    }

    /// Tells from now on, until what is returned is dropped.
    ///
    /// # Errors
    /// [`PodCostsError::Account`], [`PodCostsError::Client`].
    pub(crate) fn begin(self, orders: Orders) -> Result<Telling, PodCostsError> {
        let namespace = read(&self.folder, "namespace")?;
        let builder = Client::builder().redirect(Policy::none()).no_proxy().timeout(TOTAL);
        let builder = if self.api.scheme() == "https" {
            let authority = read(&self.folder, "ca.crt")?;
            builder.tls_certs_only(Certificate::from_pem_bundle(authority.as_bytes())?)
        } else {
            builder
        };
        let client = builder.build()?;
        let pods = self.api.join(&format!("api/v1/namespaces/{namespace}/pods/"))?;
        let teller = Teller { client, pods, folder: self.folder, every: self.every };
        Ok(Telling(tokio::spawn(teller.tell(orders)).abort_handle()))
    }
}

fn read(folder: &Path, name: &str) -> Result<String, PodCostsError> {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|source| PodCostsError::Account { path, source })?;
    Ok(text.trim().to_owned())
}

/// Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Telling(AbortHandle);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Teller {
    client: Client,
    pods: Url,
    folder: PathBuf,
    every: Duration,
}

/// How a pod took what it was told.
enum Taken {
    Yes,
    /// There is no pod of that name.
    NoPod,
}

impl Teller {
    async fn tell(self, orders: Orders) {
        // The pod of each worker; nothing where it has none.
        let mut pods: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut written: BTreeMap<String, i32> = BTreeMap::new();
        let mut has_failed = false;
        loop {
            let Ok(workers) = orders.ask(|reply| Question::Workers { reply }).await else { return };
            let costs: BTreeMap<String, i32> =
                workers.iter().map(|it| (it.worker.clone(), cost_of(it))).collect();
            pods.retain(|worker, _| costs.contains_key(worker));
            let known: BTreeSet<&String> = pods.values().flatten().collect();
            written.retain(|pod, _| known.contains(pod));
            let failed = self.round(&costs, (&mut pods, &mut written)).await;
            match (&failed, has_failed) {
                (Some(why), false) => tracing::warn!("deletion costs of pods are not told: {why}"),
                (None, true) => tracing::info!("deletion costs of pods are told again"),
                (Some(_), true) | (None, false) => {}
            }
            has_failed = failed.is_some();
            tokio::time::sleep(self.every).await;
        }
    }

    /// Tells what has changed; returns why something was not told.
    async fn round(
        &self,
        costs: &BTreeMap<String, i32>,
        (pods, written): (&mut BTreeMap<String, Option<String>>, &mut BTreeMap<String, i32>),
    ) -> Option<String> {
        let strangers: Vec<(String, i32)> = costs
            .iter()
            .filter(|(worker, _)| !pods.contains_key(*worker))
            .map(|(worker, cost)| (worker.clone(), *cost))
            .collect();
        let mut failed = None;
        let mut found = stream::iter(strangers)
            .map(|(worker, cost)| async move { (self.find(&worker, cost).await, worker, cost) })
            .buffer_unordered(AT_ONCE);
        while let Some((pod, worker, cost)) = found.next().await {
            match pod {
                Ok(pod) => {
                    written.extend(pod.clone().map(|pod| (pod, cost)));
                    pods.insert(worker, pod);
                }
                Err(why) => failed = Some(why),
            }
        }
        drop(found);
        // A pod costs what the busiest of its workers does.
        let mut wanted: BTreeMap<&String, i32> = BTreeMap::new();
        for (worker, cost) in costs {
            if let Some(Some(pod)) = pods.get(worker) {
                let most = wanted.entry(pod).or_insert(*cost);
                *most = (*most).max(*cost);
            }
        }
        let changed = wanted.into_iter().filter(|(pod, cost)| written.get(*pod) != Some(cost));
        let changed: Vec<(String, i32)> = changed.map(|(pod, cost)| (pod.clone(), cost)).collect();
        let mut told = stream::iter(changed)
            .map(|(pod, cost)| async move { (self.write(&pod, cost).await, pod, cost) })
            .buffer_unordered(AT_ONCE);
        while let Some((taken, pod, cost)) = told.next().await {
            match taken {
                // One that is gone takes its worker with it.
                Ok(Taken::Yes | Taken::NoPod) => drop(written.insert(pod, cost)),
                Err(why) => failed = Some(why),
            }
        }
        failed
    }

    /// Tells the pod of `worker`, and what it is called.
    async fn find(&self, worker: &str, cost: i32) -> Result<Option<String>, String> {
        for name in std::iter::once(worker).chain(without_number(worker)) {
            if let Taken::Yes = self.write(name, cost).await? {
                return Ok(Some(name.to_owned()));
            }
        }
        tracing::debug!(worker, "no pod is called as this worker");
        Ok(None)
    }

    async fn write(&self, pod: &str, cost: i32) -> Result<Taken, String> {
        let shown = |error: &dyn std::fmt::Display| format!("pod {pod}: {error}");
        // What a worker calls itself is no path: it is one part of one.
        let mut url = self.pods.clone();
        url.path_segments_mut().map_err(|()| shown(&"no address"))?.pop_if_empty().push(pod);
        let token = read(&self.folder, "token").map_err(|error| shown(&error))?;
        let patch = json!({ "metadata": { "annotations": { ANNOTATION: cost.to_string() } } });
        let request = self
            .client
            .patch(url)
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .bearer_auth(token)
            .body(patch.to_string());
        let answer = request.send().await.map_err(|error| shown(&in_words(error)))?;
        match answer.status() {
            status if status.is_success() => Ok(Taken::Yes),
            StatusCode::NOT_FOUND => Ok(Taken::NoPod),
            StatusCode::FORBIDDEN => {
                Err(shown(&"Kubernetes refuses: the service account needs the verb patch on pods"))
            }
            status => Err(shown(&format!("Kubernetes answers {status}"))),
        }
    }
}

/// A pod of several cards has a worker for each, `POD-0`, `POD-1`.
fn without_number(worker: &str) -> Option<&str> {
    let (pod, number) = worker.rsplit_once('-')?;
    (!number.is_empty() && number.bytes().all(|letter| letter.is_ascii_digit())).then_some(pod)
}

fn cost_of(worker: &pb::WorkerState) -> i32 {
    match worker.state.as_str() {
        "draining" | "leaving" => GOING,
        _ if worker.busy > 0 => BUSY,
        _ => IDLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_finds_the_api_by_its_environment_and_others_are_told() {
        let lookup = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT_HTTPS" => Some("443".to_owned()),
            _ => None,
        };
        let costs = PodCosts::in_cluster(&lookup).unwrap();
        assert_eq!(costs.api.as_str(), "https://[fd00::1]/");
        let error = PodCosts::in_cluster(&|_| None).unwrap_err();
        assert!(error.to_string().contains("KUBERNETES_SERVICE_HOST"), "{error}");
    }

    #[test]
    fn one_that_goes_is_cheapest_and_one_that_works_is_dearest() {
        let worker = |state: &str, busy| {
            cost_of(&pb::WorkerState { state: state.to_owned(), busy, ..Default::default() })
        };
        assert!(worker("draining", 2) < worker("attached", 0));
        assert!(worker("attached", 0) < worker("attached", 1));
        assert_eq!(worker("silent", 1), worker("attached", 1));
        assert_eq!(without_number("farm-worker-big-abc-12"), Some("farm-worker-big-abc"));
        assert_eq!(without_number("farm-worker-big-abc"), None);
    }
}
