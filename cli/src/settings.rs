//! The settings: flag over environment (`CLEANPLATE_*`) over `cleanplate.toml` over the default.
//!
//! Raw settings mirror the file, every key optional, unknown keys refused. Resolved settings have
//! durations in milliseconds and checked relations, and are trusted from there on. Flags are laid
//! over them by the subcommands.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cleanplate_child::WallsPolicy;
use cleanplate_coordinator::{Endpoint, StateUrl};
use cleanplate_core::config::SchedulerConfig;
use cleanplate_store::StorageSettings;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::request::EncoderChoice;
use cleanplate_vision::ModelsFolder;
use cleanplate_worker::{ModelOptions, NoticeSource};

use crate::arguments::ClientArguments;

mod access;
mod guard;
mod origins;
mod raw;
mod resolved;

pub(crate) use access::AccessSettings;
pub(crate) use guard::LimitSettings;
use origins::Origins;
pub(crate) use origins::Place;
pub(crate) use raw::Lookup;
use raw::RawSettings;

/// Where the coordinator listens and clients look for it, where nothing else is said.
const COORDINATOR_URL: &str = "http://127.0.0.1:7700";
/// Where the coordinator listens, where nothing else is said.
const LISTEN: &str = "127.0.0.1:7700";
/// The journal, where nothing else is said: in the working directory.
const STATE: &str = "sqlite:cleanplate-journal.db";
/// The store, where nothing else is said: a folder in the working directory.
const STORE: &str = "cleanplate-store";
/// Models that jobs bring are kept up to this size, where nothing else is said.
const MODELS_CACHE_BYTES: u64 = 4 << 30;
/// The name of the file that is looked for.
const FILE_NAME: &str = "cleanplate.toml";

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file cannot be read.
    #[error("the settings file {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not say what it should.
    #[error("the settings file {} is wrong: {message}", .path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, with line and key.
        message: String,
    },
    /// A value that means nothing.
    #[error("{place} is `{value}`; it must be {wanted}")]
    Value {
        /// Where it was written.
        place: Place,
        /// Its value.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// Two values that contradict each other.
    #[error("{shorter} is {shorter_ms} ms; it must be more than {longer}, {longer_ms} ms")]
    Relation {
        /// Where the one was written that is too short.
        shorter: Place,
        /// Its milliseconds.
        shorter_ms: u64,
        /// Where the other one was written.
        longer: Place,
        /// Its milliseconds.
        longer_ms: u64,
    },
}

impl SettingsError {
    /// A value of `key` that means nothing, before it is known where that was written.
    fn of(key: &'static str, value: impl Into<String>, wanted: &'static str) -> Self {
        Self::Value { place: Place::Default(key), value: value.into(), wanted }
    }

    /// The same, told of the places where the values were written.
    fn placed(self, origins: &Origins) -> Self {
        let placed = |place| match place {
            Place::Default(key) => origins.place(key),
            Place::Flag(_) | Place::Variable(_) | Place::File { .. } => place,
        };
        match self {
            Self::Value { place, value, wanted } => {
                Self::Value { place: placed(place), value, wanted }
            }
            Self::Relation { shorter, shorter_ms, longer, longer_ms } => {
                let (shorter, longer) = (placed(shorter), placed(longer));
                Self::Relation { shorter, shorter_ms, longer, longer_ms }
            }
            Self::Unreadable { .. } | Self::Wrong { .. } => self,
        }
    }
}

/// All settings, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// URL of the coordinator for clients and workers, where one is given.
    coordinator_url: Option<String>,
    /// Where the coordinator listens.
    pub(crate) listen: String,
    /// Where probes are answered, where that is not where it listens.
    pub(crate) probe_listen: Option<String>,
    /// Whether it may be reached by others without TLS and tokens.
    pub(crate) insecure: bool,
    /// Whether the coordinator signs workers' requests to S3.
    pub(crate) sign_for_workers: bool,
    /// Whether Kubernetes is told which of its pods are busy.
    pub(crate) pod_costs: bool,
    /// Who is who.
    pub(crate) access: AccessSettings,
    /// URL at which others find the coordinator, where it is not what it listens on.
    pub(crate) advertise: Option<String>,
    /// The coordinator's journal.
    pub(crate) state: StateUrl,
    /// The store's root, a URL or a path, where one is given.
    store: Option<String>,
    /// Movies that the coordinator writes at a time.
    pub(crate) movies_max: u32,
    /// The encoder of jobs that ask for `auto`.
    pub(crate) encoder_default: EncoderChoice,
    /// What the scheduler goes by.
    pub(crate) scheduler: SchedulerConfig,
    /// How storage is asked.
    pub(crate) storage: StorageSettings,
    /// What a worker goes by.
    pub(crate) worker: WorkerSettings,
    /// What a worker of a serverless endpoint of RunPod goes by.
    pub(crate) runpod: RunpodSettings,
    /// What is around engine processes.
    pub(crate) walls: WallsPolicy,
    /// How much is accepted.
    pub(crate) limits: LimitSettings,
    /// Where models are.
    pub(crate) models: ModelOptions,
    /// Who is told of jobs.
    pub(crate) webhooks: WebhookSettings,
    /// What is logged.
    pub(crate) log: LogSettings,
    /// Where all this was written.
    origins: Origins,
}

/// Who is told of jobs that end, or wait for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookSettings {
    /// Who.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Where the secrets are that messages are signed with.
    pub(crate) secret_file: Option<PathBuf>,
    /// What happened longer ago is not told any more.
    pub(crate) give_up_ms: u64,
}

/// What is logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// A level, or a filter by target; `None` follows `--verbose`.
    pub(crate) filter: Option<String>,
    /// One JSON object a line instead of text.
    pub(crate) json: bool,
}

/// What a worker goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkerSettings {
    /// Its name; `None` makes one of the host's name and the process's id.
    pub(crate) name: Option<String>,
    /// Where it keeps what does not fit in memory; `None` is the system's temporary folder.
    pub(crate) scratch: Option<PathBuf>,
    /// A card to pretend, as `NAME:GIB`.
    pub(crate) card: Option<String>,
    /// Leases that it works on at a time; `None` follows cores and cards.
    pub(crate) slots: Option<u32>,
    /// Encoders of cards that may be open at once on this machine; `None` tries it out.
    pub(crate) sessions: Option<u32>,
    /// It ends when it had nothing to do for so long; `None` never.
    pub(crate) idle_exit_ms: Option<u64>,
    /// An engine process that says nothing for so long is taken for hung.
    pub(crate) engine_silent_ms: u64,
    /// What SIGTERM leaves it, and a notice that does not say how much.
    pub(crate) grace_ms: u64,
    /// Where it may learn that its machine is taken away.
    pub(crate) notice: Vec<NoticeSource>,
}

/// What a worker of a serverless endpoint of RunPod goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunpodSettings {
    /// Coordinators that a job may name, beside the one that the settings name.
    pub(crate) coordinators: Vec<String>,
    /// Whether it works without a card.
    pub(crate) cpu: bool,
    /// Bytes that must be free where its scratch folder is.
    pub(crate) scratch_bytes: u64,
}

impl Settings {
    /// Finds and reads the file, lays the environment over it, and resolves.
    ///
    /// # Errors
    /// [`SettingsError`] names file and key.
    pub(crate) fn load(
        explicit: Option<&Path>,
        lookup: &Lookup<'_>,
    ) -> Result<Self, SettingsError> {
        let (mut raw, origins) = match find(explicit, lookup) {
            Some(path) => read(&path)?,
            None => (RawSettings::default(), Origins::default()),
        };
        let seen = RefCell::new(BTreeSet::new());
        raw.overlay(&|name| {
            let value = lookup(name).filter(|value| !is_unset(name, value))?;
            seen.borrow_mut().insert(name.to_owned());
            Some(value)
        })?;
        let origins = origins.overlaid(seen.into_inner());
        Self::resolve(raw, &origins, lookup).map_err(|error| error.placed(&origins))
    }

    fn resolve(
        raw: RawSettings,
        origins: &Origins,
        lookup: &Lookup<'_>,
    ) -> Result<Self, SettingsError> {
        let RawSettings {
            client,
            coordinator,
            tls,
            access,
            encoder,
            scheduler,
            caps,
            retention,
            audit,
            storage,
            worker,
            runpod,
            models,
            walls,
            limits,
            webhooks,
            log,
        } = raw;
        let retained = coordinator.retention.as_deref();
        let scheduler =
            resolved::scheduler(scheduler, (&encoder, caps, &audit), (retention, retained))?;
        let limits = guard::limits(limits)?;
        let cells_max = limits.cells.unwrap_or(scheduler.cells_max);
        let scheduler = SchedulerConfig { cells_max, ..scheduler };
        let join_token_file = worker.join_token_file.clone();
        let storage = resolved::storage(storage, &scheduler)?;
        let access = AccessSettings::resolve(
            (access, tls),
            access::of_client(&client),
            (join_token_file, &storage.web),
            lookup,
        )?;
        Ok(Self {
            coordinator_url: client.coordinator,
            listen: coordinator.listen.unwrap_or_else(|| LISTEN.to_owned()),
            probe_listen: coordinator.probe_listen,
            insecure: coordinator.insecure.unwrap_or(false),
            sign_for_workers: coordinator.sign_for_workers.unwrap_or(true),
            pod_costs: coordinator.pod_costs.unwrap_or(false),
            access,
            advertise: coordinator.advertise,
            state: coordinator.state.unwrap_or_else(|| StateUrl::of(STATE)),
            store: coordinator.store,
            movies_max: positive("coordinator.movies_max", coordinator.movies_max.unwrap_or(2))?,
            encoder_default: encoder
                .default
                .map_or(Ok(EncoderChoice::Auto), |text| parse_encoder("encoder.default", &text))?,
            storage,
            scheduler,
            worker: resolved::worker(worker, encoder.sessions)?,
            runpod: resolved::runpod(runpod)?,
            walls: guard::walls(walls)?,
            limits,
            models: model_options(models)?,
            webhooks: resolved::webhooks(webhooks)?,
            log: LogSettings { filter: log.filter, json: log.format.map_or(Ok(false), is_json)? },
            origins: origins.clone(),
        })
    }

    /// Where a value was written for which there is a key and a flag; `flagged` says whether it is the flag's.
    pub(crate) fn place(&self, (flag, flagged): (&'static str, bool), key: &'static str) -> Place {
        if flagged { Place::Flag(flag) } else { self.place_of(key) }
    }

    /// Where the value of `key` was written.
    pub(crate) fn place_of(&self, key: &'static str) -> Place {
        self.origins.place(key)
    }

    /// The coordinator that a client speaks to.
    pub(crate) fn coordinator_of<'a>(&'a self, client: &'a ClientArguments) -> &'a str {
        client.coordinator.as_deref().unwrap_or_else(|| self.coordinator_url())
    }

    /// URL of the coordinator, for clients and workers.
    pub(crate) fn coordinator_url(&self) -> &str {
        self.coordinator_given().unwrap_or(COORDINATOR_URL)
    }

    /// URL of the coordinator, where file or environment give one.
    pub(crate) fn coordinator_given(&self) -> Option<&str> {
        self.coordinator_url.as_deref()
    }

    /// The store's root: a URL, or a path.
    pub(crate) fn store(&self) -> &str {
        self.store_given().unwrap_or(STORE)
    }

    /// The store's root, where file or environment give one.
    pub(crate) fn store_given(&self) -> Option<&str> {
        self.store.as_deref()
    }
}

/// Whether a variable counts as not there though it is: an authority without a name is none.
fn is_unset(name: &str, value: &str) -> bool {
    name == "CLEANPLATE_TLS_CA" && value.trim().is_empty()
}

/// The file to read: the one that was named, else one in the working directory, else the user's.
fn find(explicit: Option<&Path>, lookup: &Lookup<'_>) -> Option<PathBuf> {
    if let Some(path) = explicit {
        return Some(path.to_owned());
    }
    let home = || lookup("HOME").map(|home| Path::new(&home).join(".config"));
    let user = lookup("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    let user = user.map(|folder| folder.join("cleanplate").join(FILE_NAME));
    [Some(PathBuf::from(FILE_NAME)), user].into_iter().flatten().find(|path| path.is_file())
}

fn read(path: &Path) -> Result<(RawSettings, Origins), SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    let wrong = |error: toml::de::Error| {
        // The line and what is wrong there, but not what is written there: it may be a password.
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        let key = text.lines().nth(line).and_then(|line| line.split_once('='));
        let is_of_key = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let key = key.map(|(key, _)| key.trim()).filter(|key| key.chars().all(is_of_key));
        let key = key.map_or_else(String::new, |key| format!(", `{key}`"));
        let message = error.message().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let message = format!("line {}{key}: {message}", line + 1);
        SettingsError::Wrong { path: path.to_owned(), message }
    };
    let raw = toml::from_str(&text).map_err(wrong)?;
    let tables = toml::from_str(&text).map_err(wrong)?;
    Ok((raw, Origins::of_file(path, &tables)))
}

/// Milliseconds of a span as people write it, where it was written; else the default.
fn span(key: &'static str, text: Option<&str>, default: u64) -> Result<u64, SettingsError> {
    text.map_or(Ok(default), |text| millis(key, text))
}

/// Milliseconds of a duration as people write it: `500ms`, `15s`, `2min`, `1h`, `7d`.
fn millis(key: &'static str, text: &str) -> Result<u64, SettingsError> {
    let wanted = "a whole number with its unit: 500ms, 15s, 2min, 1h or 7d";
    let bad = || SettingsError::of(key, text, wanted);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_none| bad())?;
    let unit = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

const WANTED_OF_NOTICES: &str = "aws, gcp or azure, each with =http://HOST:PORT where its metadata service is elsewhere, \
                                 file:///PATH or http://HOST/PATH, without a password";

/// Places of notices. A wrong one that may hold a secret is not shown.
fn notices(places: Vec<String>) -> Result<Vec<NoticeSource>, SettingsError> {
    let places = places.into_iter().map(|text| {
        NoticeSource::parse(&text).ok_or_else(|| {
            let shown = if text.contains(['?', '@']) { "(not shown)" } else { &text };
            SettingsError::of("worker.notice", shown, WANTED_OF_NOTICES)
        })
    });
    places.collect()
}

/// Bytes of a size as people write it: `500MiB`, `4GiB`, `4TiB`.
fn size(key: &'static str, text: &str) -> Result<u64, SettingsError> {
    let wanted = "a whole number with its unit: 500MiB, 4GiB or 4TiB";
    let bad = || SettingsError::of(key, text, wanted);
    let (number, unit) = if let Some(number) = text.strip_suffix("MiB") {
        (number, 1 << 20)
    } else if let Some(number) = text.strip_suffix("TiB") {
        (number, 1 << 40)
    } else {
        (text.strip_suffix("GiB").ok_or_else(bad)?, 1 << 30)
    };
    let number: u64 = number.trim().parse().map_err(|_none| bad())?;
    number.checked_mul(unit).ok_or_else(bad)
}

/// The folder of installed models, where nothing else is said: the user's; of one without a home, in the
/// working directory.
fn models_folder() -> PathBuf {
    ModelsFolder::of_this_user()
        .map_or_else(|| PathBuf::from("cleanplate-models"), |it| it.path().to_owned())
}

fn is_json(format: String) -> Result<bool, SettingsError> {
    match format.as_str() {
        "text" => Ok(false),
        "json" => Ok(true),
        _ => Err(SettingsError::of("log.format", format, "text or json")),
    }
}

fn positive(key: &'static str, value: u32) -> Result<u32, SettingsError> {
    if value == 0 {
        return Err(SettingsError::of(key, "0", "at least 1"));
    }
    Ok(value)
}

fn parse_encoder(key: &'static str, text: &str) -> Result<EncoderChoice, SettingsError> {
    match text {
        "auto" => Ok(EncoderChoice::Auto),
        name => {
            let wanted = "auto, libx264, libx265, libvpx-vp9, libaom-av1, h264_nvenc or hevc_nvenc";
            let named = EncoderName::parse(name).map(EncoderChoice::Named);
            named.ok_or_else(|| SettingsError::of(key, name, wanted))
        }
    }
}

fn positive_where(key: &'static str, value: Option<u32>) -> Result<Option<u32>, SettingsError> {
    value.map(|value| positive(key, value)).transpose()
}

fn model_options(models: raw::RawModels) -> Result<ModelOptions, SettingsError> {
    let cache = models.cache.map(|text| size("models.cache", &text)).transpose()?;
    Ok(ModelOptions {
        folder: models.folder.unwrap_or_else(models_folder),
        runtime: models.runtime,
        cache_bytes: cache.unwrap_or(MODELS_CACHE_BYTES),
    })
}

#[cfg(test)]
mod tests;
