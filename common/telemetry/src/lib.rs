//! Logging, metrics and traces, in one place: facts with fields on standard error, the names of all metrics, and the
//! way to a collector of traces.
//!
//! Owns levels and format. Refuses standard output: that belongs to results.

pub mod metrics;
pub mod traces;

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What cannot be made a logger of.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error(
        "`{filter}` is no filter of logs ({why}); write a level such as `debug`, or cleanplate_worker=debug"
    )]
    Filter {
        /// As it was written.
        filter: String,
        /// What is wrong with it.
        why: ParseError,
    },
    /// Logging was set up before.
    #[error("logging is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets logging up for this process: nothing; with `verbosity` 1 errors and warnings, 2 also
/// milestones (a service's usual level), 3 decisions, 4 everything. `filter` (`CLEANPLATE_LOG`) goes
/// over that. `json` writes one object a line, for machines that gather logs.
///
/// # Errors
/// [`TelemetryError`] where the filter is none or logging is set up already.
pub fn init(verbosity: u8, filter: Option<&str>, json: bool) -> Result<(), TelemetryError> {
    let level = match verbosity {
        0 => LevelFilter::OFF,
        1 => LevelFilter::WARN,
        2 => LevelFilter::INFO,
        3 => LevelFilter::DEBUG,
        4.. => LevelFilter::TRACE,
    };
    let filter = match filter.filter(|filter| !filter.is_empty()) {
        Some(filter) => EnvFilter::try_new(filter)
            .map_err(|why| TelemetryError::Filter { filter: filter.to_owned(), why })?,
        // The transport's own words are of use only to who asks for everything.
        None if level < LevelFilter::TRACE => EnvFilter::new(format!(
            "{},cleanplate={level},engine={level}",
            level.min(LevelFilter::WARN)
        )),
        None => EnvFilter::new("trace"),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if json {
        subscriber.json().finish().try_init()?;
    } else {
        let terminal = io::IsTerminal::is_terminal(&io::stderr());
        subscriber.with_ansi(terminal).with_target(false).finish().try_init()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused_in_words() {
        let error = init(0, Some("cleanplate=loud"), false).unwrap_err();
        assert!(error.to_string().contains("`cleanplate=loud` is no filter"), "{error}");
    }
}
