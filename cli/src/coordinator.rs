//! `coordinator`: the service, until a signal ends it in order. Killed in any other way it loses
//! nothing but time: the journal is all that the next one needs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_coordinator::{Coordinator, CoordinatorOptions, Journal, SqliteJournal};
use cleanplate_store::Store;

use crate::arguments::CoordinatorArguments;
use crate::exit::{Refusal, Status};
use crate::program;
use crate::settings::Settings;
use crate::signals::Signals;

/// Does it. Ends with 0 after SIGTERM, which is how services are ended, and 130 after Ctrl-C.
///
/// # Errors
/// A refusal where journal, store or address cannot be had, or the journal is lost.
pub(crate) async fn run(
    arguments: CoordinatorArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let CoordinatorArguments { listen, state, store } = arguments;
    let mut signals = Signals::listen()?;
    // The address first: a second coordinator by mistake should be told of the first.
    let address = listen.as_deref().unwrap_or(&settings.listen);
    let listener = cleanplate_coordinator::listen(address).await;
    let listener = listener.map_err(|error| Refusal::failed(error.to_string()))?;
    let store = open_store(store.as_deref().unwrap_or_else(|| settings.store())).await?;
    let journal = open_journal(state.as_deref().unwrap_or(&settings.state)).await?;
    tracing::info!(address, store = store.url(), "coordinator starts");
    let coordinator = Coordinator::start(CoordinatorOptions {
        journal,
        store,
        scheduler: settings.scheduler.clone(),
        encoder_default: settings.encoder_default,
        program: program::own()?,
        engine_silent: Duration::from_millis(settings.worker.engine_silent_ms),
        movies_max: settings.movies_max,
    })
    .await
    .map_err(|error| Refusal::failed(error.to_string()))?;

    let mut asked = None;
    let stop = async { asked = Some(signals.next().await) };
    let served = coordinator.serve(listener, stop).await;
    signals.unless_repeated(coordinator.stop()).await;
    served.map_err(|error| Refusal::failed(error.to_string()))?;
    Ok(match asked {
        Some(Status::Interrupted) => Status::Interrupted,
        Some(_) | None => Status::Done,
    })
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

async fn open_journal(state: &str) -> Result<Arc<dyn Journal>, Refusal> {
    let Some(path) = state.strip_prefix("sqlite:") else {
        let later = state.starts_with("postgres:") || state.starts_with("postgresql:");
        return Err(Refusal::usage(if later {
            "--state with PostgreSQL is not in this version; write sqlite:PATH".to_owned()
        } else {
            format!("--state is `{state}`; it must be sqlite:PATH")
        }));
    };
    // `sqlite:///path` is what other programs write.
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(Refusal::usage("--state names no file; write sqlite:PATH"));
    }
    let journal = SqliteJournal::open(Path::new(path)).await;
    let journal = journal.map_err(|error| Refusal::failed(error.to_string()))?;
    Ok(Arc::new(journal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_journal_of_another_kind_is_refused_by_name() {
        for state in ["postgres://host/db", "mysql:x", "sqlite:", "journal.db"] {
            let refusal = open_journal(state).await.unwrap_err();
            assert_eq!(refusal.status, Status::Usage, "{state}");
            assert!(refusal.message.contains("sqlite:PATH"), "{}", refusal.message);
        }
    }

    #[tokio::test]
    async fn a_journal_is_made_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for form in ["sqlite:", "sqlite://"] {
            let path = folder.path().join(format!("{}.db", form.len()));
            let journal = open_journal(&format!("{form}{}", path.display())).await.unwrap();
            assert!(path.exists());
            journal.close().await;
        }
    }
}
