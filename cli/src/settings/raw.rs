//! The settings as they are written: one struct a table of the file, every key optional.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cleanplate_coordinator::StateUrl;
use serde::Deserialize;

use super::{Place, SettingsError};

/// Looks up an environment variable.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// What a number must be.
const WHOLE: &str = "a whole number";

/// Number of keys in all tables.
#[cfg(test)]
pub(super) const KEYS: usize = 88;

/// The file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSettings {
    pub(super) client: RawClient,
    pub(super) coordinator: RawCoordinator,
    pub(super) tls: RawTls,
    pub(super) access: RawAccess,
    pub(super) encoder: RawEncoder,
    pub(super) scheduler: RawScheduler,
    pub(super) caps: RawCaps,
    pub(super) retention: RawRetention,
    pub(super) audit: RawAudit,
    pub(super) storage: RawStorage,
    pub(super) worker: RawWorker,
    pub(super) runpod: RawRunpod,
    pub(super) models: RawModels,
    pub(super) walls: RawWalls,
    pub(super) limits: RawLimits,
    pub(super) webhooks: RawWebhooks,
    pub(super) log: RawLog,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub(super) filter: Option<String>,
    pub(super) format: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawClient {
    pub(super) coordinator: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) insecure: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTls {
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAccess {
    pub(super) tokens: Option<PathBuf>,
    pub(super) sources: Option<Vec<String>>,
    pub(super) destinations: Option<Vec<String>>,
    pub(super) owners: Option<BTreeMap<String, RawOwner>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawOwner {
    pub(super) sources: Option<Vec<String>>,
    pub(super) destinations: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCoordinator {
    pub(super) listen: Option<String>,
    pub(super) probe_listen: Option<String>,
    pub(super) insecure: Option<bool>,
    pub(super) advertise: Option<String>,
    pub(super) state: Option<StateUrl>,
    pub(super) store: Option<String>,
    pub(super) sign_for_workers: Option<bool>,
    pub(super) pod_costs: Option<bool>,
    pub(super) movies_max: Option<u32>,
    pub(super) retention: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEncoder {
    pub(super) default: Option<String>,
    pub(super) grace: Option<String>,
    pub(super) lost: Option<String>,
    pub(super) sessions: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawScheduler {
    pub(super) worker_silent: Option<String>,
    pub(super) lease_stuck: Option<String>,
    pub(super) restore_grace: Option<String>,
    pub(super) attempts_max: Option<u32>,
    pub(super) segment: Option<String>,
    pub(super) rest: Option<String>,
    pub(super) set_aside: Option<String>,
    pub(super) second_worker: Option<String>,
    pub(super) crash_span: Option<String>,
    pub(super) cancel_unheard: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCaps {
    pub(super) job_leases: Option<u32>,
    pub(super) owner_leases: Option<u32>,
    pub(super) owner_queued: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRetention {
    pub(super) done: Option<String>,
    pub(super) failed: Option<String>,
    pub(super) cancelled: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAudit {
    pub(super) cells: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWorker {
    pub(super) name: Option<String>,
    pub(super) join_token_file: Option<PathBuf>,
    pub(super) scratch: Option<PathBuf>,
    pub(super) card: Option<String>,
    pub(super) slots: Option<u32>,
    pub(super) idle_exit: Option<String>,
    pub(super) engine_silent: Option<String>,
    pub(super) grace: Option<String>,
    pub(super) notice: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRunpod {
    pub(super) coordinators: Option<Vec<String>>,
    pub(super) cpu: Option<bool>,
    pub(super) scratch: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStorage {
    pub(super) deadline: Option<String>,
    pub(super) throttled: Option<String>,
    pub(super) silent: Option<String>,
    pub(super) requests: Option<u32>,
    pub(super) cache: Option<String>,
    pub(super) disk_cache: Option<String>,
    pub(super) read_ahead: Option<String>,
    pub(super) private_hosts: Option<Vec<String>>,
    pub(super) plain_http: Option<bool>,
    pub(super) redirects: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWebhooks {
    pub(super) urls: Option<Vec<String>>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) give_up: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawModels {
    pub(super) folder: Option<PathBuf>,
    pub(super) runtime: Option<PathBuf>,
    pub(super) cache: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWalls {
    pub(super) mode: Option<String>,
    pub(super) card: Option<String>,
    pub(super) breach: Option<String>,
    pub(super) memory: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLimits {
    pub(super) source_bytes: Option<String>,
    pub(super) source_duration: Option<String>,
    pub(super) source_pixels: Option<String>,
    pub(super) source_streams: Option<u32>,
    pub(super) source_frame_rate: Option<u32>,
    pub(super) cells: Option<u32>,
    pub(super) output_times: Option<u32>,
    pub(super) disk: Option<String>,
    pub(super) message: Option<String>,
    pub(super) connections: Option<u32>,
    pub(super) connections_each: Option<u32>,
    pub(super) requests: Option<u32>,
}

impl RawSettings {
    /// Lays the environment over the file.
    ///
    /// # Errors
    /// [`SettingsError::Value`] where a variable that must be a number is none.
    pub(super) fn overlay(&mut self, lookup: &Lookup<'_>) -> Result<(), SettingsError> {
        self.storage.overlay(lookup)?;
        let text = |slot: &mut Option<String>, name: &str| {
            if let Some(value) = lookup(name) {
                *slot = Some(value);
            }
        };
        text(&mut self.log.filter, "CLEANPLATE_LOG");
        text(&mut self.log.format, "CLEANPLATE_LOG_FORMAT");
        text(&mut self.client.coordinator, "CLEANPLATE_COORDINATOR");
        text(&mut self.coordinator.listen, "CLEANPLATE_COORDINATOR_LISTEN");
        text(&mut self.coordinator.probe_listen, "CLEANPLATE_COORDINATOR_PROBE_LISTEN");
        text(&mut self.coordinator.advertise, "CLEANPLATE_COORDINATOR_ADVERTISE");
        if let Some(state) = lookup("CLEANPLATE_COORDINATOR_STATE") {
            self.coordinator.state = Some(StateUrl::of(state));
        }
        text(&mut self.coordinator.store, "CLEANPLATE_COORDINATOR_STORE");
        text(&mut self.coordinator.retention, "CLEANPLATE_COORDINATOR_RETENTION");
        text(&mut self.retention.done, "CLEANPLATE_RETENTION_DONE");
        text(&mut self.retention.failed, "CLEANPLATE_RETENTION_FAILED");
        text(&mut self.retention.cancelled, "CLEANPLATE_RETENTION_CANCELLED");
        text(&mut self.encoder.default, "CLEANPLATE_ENCODER_DEFAULT");
        text(&mut self.encoder.grace, "CLEANPLATE_ENCODER_GRACE");
        text(&mut self.encoder.lost, "CLEANPLATE_ENCODER_LOST");
        text(&mut self.scheduler.worker_silent, "CLEANPLATE_SCHEDULER_WORKER_SILENT");
        text(&mut self.scheduler.lease_stuck, "CLEANPLATE_SCHEDULER_LEASE_STUCK");
        text(&mut self.scheduler.restore_grace, "CLEANPLATE_SCHEDULER_RESTORE_GRACE");
        text(&mut self.scheduler.segment, "CLEANPLATE_SCHEDULER_SEGMENT");
        text(&mut self.scheduler.rest, "CLEANPLATE_SCHEDULER_REST");
        text(&mut self.scheduler.set_aside, "CLEANPLATE_SCHEDULER_SET_ASIDE");
        text(&mut self.scheduler.second_worker, "CLEANPLATE_SCHEDULER_SECOND_WORKER");
        text(&mut self.scheduler.crash_span, "CLEANPLATE_SCHEDULER_CRASH_SPAN");
        text(&mut self.scheduler.cancel_unheard, "CLEANPLATE_SCHEDULER_CANCEL_UNHEARD");
        text(&mut self.worker.name, "CLEANPLATE_WORKER_NAME");
        text(&mut self.worker.card, "CLEANPLATE_WORKER_CARD");
        text(&mut self.worker.idle_exit, "CLEANPLATE_WORKER_IDLE_EXIT");
        text(&mut self.worker.engine_silent, "CLEANPLATE_WORKER_ENGINE_SILENT");
        text(&mut self.worker.grace, "CLEANPLATE_WORKER_GRACE");
        list(&mut self.worker.notice, lookup, "CLEANPLATE_WORKER_NOTICE");
        list(&mut self.runpod.coordinators, lookup, "CLEANPLATE_RUNPOD_COORDINATORS");
        text(&mut self.runpod.scratch, "CLEANPLATE_RUNPOD_SCRATCH");
        text(&mut self.models.cache, "CLEANPLATE_MODELS_CACHE");
        let path = |slot: &mut Option<PathBuf>, name: &str| {
            if let Some(value) = lookup(name) {
                *slot = Some(value.into());
            }
        };
        path(&mut self.client.token_file, "CLEANPLATE_CLIENT_TOKEN_FILE");
        path(&mut self.worker.join_token_file, "CLEANPLATE_WORKER_JOIN_TOKEN_FILE");
        path(&mut self.tls.cert, "CLEANPLATE_TLS_CERT");
        path(&mut self.tls.key, "CLEANPLATE_TLS_KEY");
        path(&mut self.tls.client_ca, "CLEANPLATE_TLS_CLIENT_CA");
        path(&mut self.tls.ca, "CLEANPLATE_TLS_CA");
        path(&mut self.access.tokens, "CLEANPLATE_ACCESS_TOKENS");
        path(&mut self.worker.scratch, "CLEANPLATE_WORKER_SCRATCH");
        path(&mut self.models.folder, "CLEANPLATE_MODELS_FOLDER");
        path(&mut self.models.runtime, "CLEANPLATE_MODELS_RUNTIME");
        path(&mut self.webhooks.secret_file, "CLEANPLATE_WEBHOOKS_SECRET_FILE");
        text(&mut self.webhooks.give_up, "CLEANPLATE_WEBHOOKS_GIVE_UP");
        list(&mut self.webhooks.urls, lookup, "CLEANPLATE_WEBHOOKS_URLS");
        list(&mut self.access.sources, lookup, "CLEANPLATE_ACCESS_SOURCES");
        list(&mut self.access.destinations, lookup, "CLEANPLATE_ACCESS_DESTINATIONS");
        self.overlay_numbers(lookup)
    }

    /// The variables that are numbers, or yes and no.
    fn overlay_numbers(&mut self, lookup: &Lookup<'_>) -> Result<(), SettingsError> {
        let choice =
            |slot: &mut Option<bool>, name: &str| parsed(slot, lookup, (name, "true or false"));
        choice(&mut self.client.insecure, "CLEANPLATE_CLIENT_INSECURE")?;
        choice(&mut self.coordinator.insecure, "CLEANPLATE_COORDINATOR_INSECURE")?;
        choice(&mut self.runpod.cpu, "CLEANPLATE_RUNPOD_CPU")?;
        let signs = &mut self.coordinator.sign_for_workers;
        choice(signs, "CLEANPLATE_COORDINATOR_SIGN_FOR_WORKERS")?;
        choice(&mut self.coordinator.pod_costs, "CLEANPLATE_COORDINATOR_POD_COSTS")?;
        let number = |slot: &mut Option<u32>, name: &str| parsed(slot, lookup, (name, WHOLE));
        number(&mut self.coordinator.movies_max, "CLEANPLATE_COORDINATOR_MOVIES_MAX")?;
        number(&mut self.scheduler.attempts_max, "CLEANPLATE_SCHEDULER_ATTEMPTS_MAX")?;
        number(&mut self.caps.job_leases, "CLEANPLATE_CAPS_JOB_LEASES")?;
        number(&mut self.caps.owner_leases, "CLEANPLATE_CAPS_OWNER_LEASES")?;
        number(&mut self.caps.owner_queued, "CLEANPLATE_CAPS_OWNER_QUEUED")?;
        number(&mut self.encoder.sessions, "CLEANPLATE_ENCODER_SESSIONS")?;
        number(&mut self.audit.cells, "CLEANPLATE_AUDIT_CELLS")?;
        number(&mut self.worker.slots, "CLEANPLATE_WORKER_SLOTS")?;
        self.walls.overlay(lookup);
        self.limits.overlay(lookup)?;
        self.storage.overlay(lookup)
    }
}

impl RawWalls {
    fn overlay(&mut self, lookup: &Lookup<'_>) {
        text_of(&mut self.mode, lookup, "CLEANPLATE_WALLS_MODE");
        text_of(&mut self.card, lookup, "CLEANPLATE_WALLS_CARD");
        text_of(&mut self.breach, lookup, "CLEANPLATE_WALLS_BREACH");
        text_of(&mut self.memory, lookup, "CLEANPLATE_WALLS_MEMORY");
    }
}

impl RawLimits {
    fn overlay(&mut self, lookup: &Lookup<'_>) -> Result<(), SettingsError> {
        text_of(&mut self.source_bytes, lookup, "CLEANPLATE_LIMITS_SOURCE_BYTES");
        text_of(&mut self.source_duration, lookup, "CLEANPLATE_LIMITS_SOURCE_DURATION");
        text_of(&mut self.source_pixels, lookup, "CLEANPLATE_LIMITS_SOURCE_PIXELS");
        text_of(&mut self.disk, lookup, "CLEANPLATE_LIMITS_DISK");
        text_of(&mut self.message, lookup, "CLEANPLATE_LIMITS_MESSAGE");
        let number = |slot: &mut Option<u32>, name: &str| parsed(slot, lookup, (name, WHOLE));
        number(&mut self.source_streams, "CLEANPLATE_LIMITS_SOURCE_STREAMS")?;
        number(&mut self.source_frame_rate, "CLEANPLATE_LIMITS_SOURCE_FRAME_RATE")?;
        number(&mut self.cells, "CLEANPLATE_LIMITS_CELLS")?;
        number(&mut self.output_times, "CLEANPLATE_LIMITS_OUTPUT_TIMES")?;
        number(&mut self.connections, "CLEANPLATE_LIMITS_CONNECTIONS")?;
        number(&mut self.connections_each, "CLEANPLATE_LIMITS_CONNECTIONS_EACH")?;
        number(&mut self.requests, "CLEANPLATE_LIMITS_REQUESTS")
    }
}

fn text_of(slot: &mut Option<String>, lookup: &Lookup<'_>, name: &str) {
    if let Some(value) = lookup(name) {
        *slot = Some(value);
    }
}

impl RawStorage {
    fn overlay(&mut self, lookup: &Lookup<'_>) -> Result<(), SettingsError> {
        let texts = [
            (&mut self.deadline, "CLEANPLATE_STORAGE_DEADLINE"),
            (&mut self.throttled, "CLEANPLATE_STORAGE_THROTTLED"),
            (&mut self.silent, "CLEANPLATE_STORAGE_SILENT"),
            (&mut self.cache, "CLEANPLATE_STORAGE_CACHE"),
            (&mut self.disk_cache, "CLEANPLATE_STORAGE_DISK_CACHE"),
            (&mut self.read_ahead, "CLEANPLATE_STORAGE_READ_AHEAD"),
        ];
        for (slot, name) in texts {
            if let Some(value) = lookup(name) {
                *slot = Some(value);
            }
        }
        list(&mut self.private_hosts, lookup, "CLEANPLATE_STORAGE_PRIVATE_HOSTS");
        parsed(&mut self.requests, lookup, ("CLEANPLATE_STORAGE_REQUESTS", WHOLE))?;
        parsed(&mut self.redirects, lookup, ("CLEANPLATE_STORAGE_REDIRECTS", WHOLE))?;
        parsed(&mut self.plain_http, lookup, ("CLEANPLATE_STORAGE_PLAIN_HTTP", "true or false"))
    }
}

/// Lays a variable over `slot` that has values divided by commas.
fn list(slot: &mut Option<Vec<String>>, lookup: &Lookup<'_>, name: &str) {
    if let Some(values) = lookup(name) {
        let values = values.split(',').map(str::trim).filter(|value| !value.is_empty());
        *slot = Some(values.map(str::to_owned).collect());
    }
}

/// Lays a variable over `slot` that must be what is wanted.
fn parsed<T: std::str::FromStr>(
    slot: &mut Option<T>,
    lookup: &Lookup<'_>,
    (name, wanted): (&str, &'static str),
) -> Result<(), SettingsError> {
    let Some(value) = lookup(name) else { return Ok(()) };
    let parsed = value.parse().map_err(|_none| SettingsError::Value {
        place: Place::Variable(name.to_owned()),
        value,
        wanted,
    })?;
    *slot = Some(parsed);
    Ok(())
}
