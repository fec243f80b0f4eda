//! `coordinator`: the service, leading or standing by, until a signal ends it in order. Killed in any other way it loses
//! nothing but time: the journal is all that the next one needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_access::Dialer;
use cleanplate_coordinator::{
    Candidate, CoordinatorError, CoordinatorOptions, Journal, PodCosts, StateUrl,
};
use cleanplate_store::Store;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::arguments::CoordinatorArguments;
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{client, door, hooks, program};

/// Does it. Ends with 0 after SIGTERM, which is how services are ended, and 130 after Ctrl-C.
///
/// # Errors
/// A refusal where journal, store or address cannot be had, or the journal is lost.
pub(crate) async fn run(
    arguments: CoordinatorArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let CoordinatorArguments { listen, probe_listen, insecure, state, store, advertise, new_store } =
        arguments;
    let signals = Signals::listen()?;
    let advertise = advertised(advertise, settings)?;
    let hooks = hooks::open(settings)?;
    let pod_costs = pod_costs(settings)?;
    // The address first: a second coordinator by mistake should be told of the first.
    let (listener, bound) = listening(listen.as_deref(), insecure, settings).await?;
    let probes = probes(probe_listen.as_deref(), settings).await?;
    let store = stored(store.as_deref(), settings).await?;
    let place = settings.place(("--state", state.is_some()), "coordinator.state");
    let state = state.as_ref().unwrap_or(&settings.state);
    let door = door::open(settings, &store.url(), probes.is_some())?;
    let scheme = if settings.access.identity.is_some() { "https" } else { "http" };
    let candidate = candidate(bound, scheme, advertise);
    let journal = open_journal(state, candidate).await;
    let journal = journal.map_err(|refusal| place.refuse(&refusal))?;
    tracing::info!(address = %bound, store = store.url(), %state, "store and journal are open");
    let options = CoordinatorOptions {
        journal,
        store,
        scheduler: settings.scheduler.clone(),
        encoder_default: settings.encoder_default,
        program: program::own()?,
        engine_silent: Duration::from_millis(settings.worker.engine_silent_ms),
        walls: settings.walls.clone(),
        movies_max: settings.movies_max,
        source_limits: settings.limits.worker.source,
        output_limit: settings.limits.worker.output,
        new_store,
        door,
        sign_for_workers: settings.sign_for_workers,
        hooks,
        pod_costs,
    };
    serve(options, (listener, probes), signals).await
}

/// Kubernetes, where it is to be told which pods are busy.
fn pod_costs(settings: &Settings) -> Result<Option<PodCosts>, Refusal> {
    if !settings.pod_costs {
        return Ok(None);
    }
    let found = PodCosts::in_cluster(&|name| std::env::var(name).ok());
    let lacks = |error: cleanplate_coordinator::PodCostsError| {
        let place = settings.place_of("coordinator.pod_costs");
        Refusal::new(Status::MachineLacks, place.tell(&error.to_string()))
    };
    found.map(Some).map_err(lacks)
}

/// The socket to listen on, which only this machine reaches, or whoever comes through a closed door.
async fn listening(
    flag: Option<&str>,
    insecure: bool,
    settings: &Settings,
) -> Result<(TcpListener, SocketAddr), Refusal> {
    let address = flag.unwrap_or(&settings.listen);
    let place = settings.place(("--listen", flag.is_some()), "coordinator.listen");
    let listener = cleanplate_coordinator::listen(address).await;
    let listener = listener.map_err(|error| Refusal::failed(place.tell(&error.to_string())))?;
    let bound = listener.local_addr();
    let bound = bound.map_err(|error| Refusal::failed(format!("{address}: {error}")))?;
    door::is_closed(&settings.access, bound, insecure || settings.insecure)?;
    Ok((listener, bound))
}

/// The store, which is one that can be written.
async fn stored(flag: Option<&str>, settings: &Settings) -> Result<Store, Refusal> {
    let place = settings.place(("--store", flag.is_some()), "coordinator.store");
    let store = open_store(flag.unwrap_or_else(|| settings.store())).await;
    store.map_err(|refusal| place.refuse(&refusal))
}

/// The address for probes, where there is one.
async fn probes(flag: Option<&str>, settings: &Settings) -> Result<Option<TcpListener>, Refusal> {
    let Some(address) = flag.or(settings.probe_listen.as_deref()) else { return Ok(None) };
    let place = settings.place(("--probe-listen", flag.is_some()), "coordinator.probe_listen");
    let listener = cleanplate_coordinator::listen(address).await;
    listener.map(Some).map_err(|error| Refusal::failed(place.tell(&error.to_string())))
}

/// Where others are told to find it. What leads nowhere for this product's own workers and clients is of no use to them.
fn advertised(flag: Option<String>, settings: &Settings) -> Result<Option<String>, Refusal> {
    let place = settings.place(("--advertise", flag.is_some()), "coordinator.advertise");
    let Some(url) = flag.or_else(|| settings.advertise.clone()) else { return Ok(None) };
    let dialled = Dialer::default().endpoint(&url);
    dialled.map_err(|error| client::refused(&error, &place, |key| settings.place_of(key)))?;
    Ok(Some(url))
}

/// Serves until a signal comes.
async fn serve(
    options: CoordinatorOptions,
    listeners: (TcpListener, Option<TcpListener>),
    mut signals: Signals,
) -> Result<Status, Refusal> {
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        // The other end is dropped with the process only.
        stopped.await.ok();
    };
    let mut serving = Box::pin(cleanplate_coordinator::serve_in_turn(options, listeners, stopped));
    let (served, status) = tokio::select! {
        served = &mut serving => (served, Status::Done),
        asked = signals.next() => {
            stop.send(()).ok();
            (signals.unless_repeated(serving).await, ended_by(asked))
        }
    };
    served.map_err(|error| {
        let lacks = matches!(error, CoordinatorError::OtherStore { .. });
        let status = if lacks { Status::MachineLacks } else { Status::Failed };
        Refusal::new(status, error.to_string())
    })?;
    Ok(status)
}

/// SIGTERM is how services are ended.
fn ended_by(signal: Status) -> Status {
    if signal == Status::Interrupted { signal } else { Status::Done }
}

async fn open_store(url: &str) -> Result<Store, Refusal> {
    let refusal = |error: cleanplate_store::StoreError| {
        Refusal::new(
            Status::of(error.kind()),
            format!("the store {url} cannot be used: {error}; name another by --store"),
        )
    };
    let store = Store::open(url).map_err(refusal)?;
    // What cannot be written is better told before the first job than in its middle.
    store.check().await.map_err(refusal)?;
    Ok(store)
}

async fn open_journal(state: &StateUrl, candidate: Candidate) -> Result<Arc<dyn Journal>, Refusal> {
    state.open(candidate).await.map_err(|error| {
        let status = if error.is_usage() { Status::Usage } else { Status::Failed };
        Refusal::new(status, error.to_string())
    })
}

/// Who this coordinator is, as the others on the same journal are told: the host and the process, and where it
/// is found. `bound` is the address that it has; `advertised` goes over it.
fn candidate(bound: SocketAddr, scheme: &str, advertised: Option<String>) -> Candidate {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("coordinator");
    let listens = || {
        if bound.ip().is_unspecified() {
            // It listens on every address of the host, of which each is reached by the host's name.
            format!("{scheme}://{host}:{}", bound.port())
        } else {
            format!("{scheme}://{bound}")
        }
    };
    let address = advertised.unwrap_or_else(listens);
    Candidate { name: format!("{host}-{}", std::process::id()), address }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> Candidate {
        candidate(SocketAddr::from(([127, 0, 0, 1], 7700)), "http", None)
    }

    #[tokio::test]
    async fn a_journal_of_another_kind_is_refused_by_name_and_without_its_password() {
        for state in ["mysql://u:hush@h/x", "sqlite:", "journal.db", "postgres://u:hush@h:99999/db"]
        {
            let refusal = open_journal(&StateUrl::of(state), nobody()).await.unwrap_err();
            assert_eq!(refusal.status, Status::Usage, "{state}");
            assert!(!refusal.message.contains("hush"), "{}", refusal.message);
        }
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_told_without_its_password() {
        let state = StateUrl::of("postgres://u:hush@127.0.0.1:1/db");
        let refusal = open_journal(&state, nobody()).await.unwrap_err();
        assert_eq!(refusal.status, Status::Failed);
        assert!(refusal.message.contains("postgres://u:***@127.0.0.1:1/db"), "{}", refusal.message);
    }

    #[tokio::test]
    async fn a_journal_is_made_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for form in ["sqlite:", "sqlite://"] {
            let path = folder.path().join(format!("{}.db", form.len()));
            let state = StateUrl::of(format!("{form}{}", path.display()));
            let journal = open_journal(&state, nobody()).await.unwrap();
            assert!(path.exists());
            journal.close().await;
        }
    }

    #[test]
    fn others_are_told_an_address_that_they_can_reach() {
        let bound = |address: &str| candidate(address.parse().unwrap(), "http", None).address;
        assert_eq!(bound("10.1.2.3:7700"), "http://10.1.2.3:7700");
        assert_eq!(bound("[::1]:7700"), "http://[::1]:7700");
        assert!(!bound("0.0.0.0:7700").contains("0.0.0.0"));
        let tls = candidate("10.1.2.3:1".parse().unwrap(), "https", None).address;
        assert_eq!(tls, "https://10.1.2.3:1");
        let advertised = Some("http://balancer:80".to_owned());
        let told = candidate("0.0.0.0:7700".parse().unwrap(), "http", advertised).address;
        assert_eq!(told, "http://balancer:80");
    }
}
