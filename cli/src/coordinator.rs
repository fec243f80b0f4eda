//! `coordinator`: the service, leading or standing by, until a signal ends it in order. Killed in any other way it loses
//! nothing but time: the journal is all that the next one needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_coordinator::{Candidate, CoordinatorError, CoordinatorOptions, Journal, StateUrl};
use cleanplate_store::Store;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::arguments::CoordinatorArguments;
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{client, program};

/// Does it. Ends with 0 after SIGTERM, which is how services are ended, and 130 after Ctrl-C.
///
/// # Errors
/// A refusal where journal, store or address cannot be had, or the journal is lost.
pub(crate) async fn run(
    arguments: CoordinatorArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let CoordinatorArguments { listen, state, store, advertise, new_store } = arguments;
    let signals = Signals::listen()?;
    let place = settings.place(("--advertise", advertise.is_some()), "coordinator.advertise");
    let advertise = advertise.or_else(|| settings.advertise.clone());
    // What leads nowhere for this product's own workers and clients is of no use to them.
    let usable = advertise.as_deref().map_or(Ok(()), |url| client::endpoint(url).map(drop));
    usable.map_err(|refusal| place.refuse(&refusal))?;
    // The address first: a second coordinator by mistake should be told of the first.
    let address = listen.as_deref().unwrap_or(&settings.listen);
    let listener = cleanplate_coordinator::listen(address).await;
    let place = settings.place(("--listen", listen.is_some()), "coordinator.listen");
    let listener = listener.map_err(|error| Refusal::failed(place.tell(&error.to_string())))?;
    let place = settings.place(("--store", store.is_some()), "coordinator.store");
    let store = open_store(store.as_deref().unwrap_or_else(|| settings.store())).await;
    let store = store.map_err(|refusal| place.refuse(&refusal))?;
    let place = settings.place(("--state", state.is_some()), "coordinator.state");
    let state = state.as_ref().unwrap_or(&settings.state);
    let candidate = candidate(listener.local_addr().ok(), address, advertise);
    tracing::info!(address, advertised = candidate.address, "coordinator starts");
    let journal = open_journal(state, candidate).await;
    let journal = journal.map_err(|refusal| place.refuse(&refusal))?;
    tracing::info!(store = store.url(), %state, "store and journal are open");
    let options = CoordinatorOptions {
        journal,
        store,
        scheduler: settings.scheduler.clone(),
        encoder_default: settings.encoder_default,
        program: program::own()?,
        engine_silent: Duration::from_millis(settings.worker.engine_silent_ms),
        walls: settings.walls.clone(),
        movies_max: settings.movies_max,
        output_limit: settings.limits.worker.output,
        door: settings.limits.door,
        new_store,
    };
    serve(options, listener, signals).await
}

/// Serves until a signal comes.
async fn serve(
    options: CoordinatorOptions,
    listener: TcpListener,
    mut signals: Signals,
) -> Result<Status, Refusal> {
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        // The other end is dropped with the process only.
        stopped.await.ok();
    };
    let mut serving = Box::pin(cleanplate_coordinator::serve_in_turn(options, listener, stopped));
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
/// is found. `asked` is the address that it was to listen on, `bound` the one that it has; `advertised` goes over both.
fn candidate(bound: Option<SocketAddr>, asked: &str, advertised: Option<String>) -> Candidate {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("coordinator");
    let listens = || match bound {
        // It listens on every address of the host, of which each is reached by the host's name.
        Some(bound) if bound.ip().is_unspecified() => format!("http://{host}:{}", bound.port()),
        Some(bound) => format!("http://{bound}"),
        None => format!("http://{asked}"),
    };
    let address = advertised.unwrap_or_else(listens);
    Candidate { name: format!("{host}-{}", std::process::id()), address }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> Candidate {
        candidate(None, "127.0.0.1:7700", None)
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
        let bound = |address: &str| candidate(address.parse().ok(), "asked:1", None).address;
        assert_eq!(bound("10.1.2.3:7700"), "http://10.1.2.3:7700");
        assert_eq!(bound("[::1]:7700"), "http://[::1]:7700");
        assert!(!bound("0.0.0.0:7700").contains("0.0.0.0"));
        assert_eq!(bound("nothing"), "http://asked:1");
        let advertised = Some("http://balancer:80".to_owned());
        let told = candidate("0.0.0.0:7700".parse().ok(), "0.0.0.0:7700", advertised).address;
        assert_eq!(told, "http://balancer:80");
    }
}
