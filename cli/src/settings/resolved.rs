//! What the scheduler, storage, workers and webhooks go by, of what is written.
//!
//! Owns which key becomes which span. Refuses relations that make no sense, told by the keys.

use std::time::Duration;

use cleanplate_coordinator::Endpoint;
use cleanplate_core::config::{Caps, ConfigError, Retention, SchedulerConfig};
use cleanplate_store::{StorageSettings, WebSettings};

use super::raw::{
    RawAudit, RawCaps, RawEncoder, RawRetention, RawRunpod, RawScheduler, RawStorage, RawWebhooks,
    RawWorker,
};
use super::{
    Place, RunpodSettings, SettingsError, WebhookSettings, WorkerSettings, millis, notices,
    positive, positive_where, size, span,
};

/// A retention that does not end.
const NEVER: &str = "never";
/// What must be free of the scratch folder's disk on RunPod, where nothing else is said, in bytes.
const RUNPOD_SCRATCH: u64 = 2 << 30;

/// The scheduler's settings; `retained` is what holds for all kinds of ended jobs that have no span of their own.
///
/// # Errors
/// [`SettingsError`] names the key.
pub(super) fn scheduler(
    raw: RawScheduler,
    (encoder, caps, audit): (&RawEncoder, RawCaps, &RawAudit),
    (retention, retained): (RawRetention, Option<&str>),
) -> Result<SchedulerConfig, SettingsError> {
    let usual = SchedulerConfig::default();
    let RawScheduler {
        worker_silent,
        lease_stuck,
        restore_grace,
        attempts_max,
        segment,
        rest,
        set_aside,
        second_worker,
        crash_span,
        cancel_unheard,
    } = raw;
    let of = |key, text: Option<String>, usual| span(key, text.as_deref(), usual);
    let RawCaps { job_leases, owner_leases, owner_queued } = caps;
    let RawRetention { done, failed, cancelled } = retention;
    let all = kept("coordinator.retention", retained, usual.retention.done_ms)?;
    let config = SchedulerConfig {
        worker_silent_ms: of("scheduler.worker_silent", worker_silent, usual.worker_silent_ms)?,
        lease_stuck_ms: of("scheduler.lease_stuck", lease_stuck, usual.lease_stuck_ms)?,
        restore_grace_ms: of("scheduler.restore_grace", restore_grace, usual.restore_grace_ms)?,
        encoder_grace_ms: span("encoder.grace", encoder.grace.as_deref(), usual.encoder_grace_ms)?,
        encoder_lost_ms: span("encoder.lost", encoder.lost.as_deref(), usual.encoder_lost_ms)?,
        attempts_max: attempts_max.unwrap_or(usual.attempts_max),
        segment_ms: of("scheduler.segment", segment, usual.segment_ms)?,
        rest_ms: of("scheduler.rest", rest, usual.rest_ms)?,
        set_aside_ms: of("scheduler.set_aside", set_aside, usual.set_aside_ms)?,
        second_worker_ms: of("scheduler.second_worker", second_worker, usual.second_worker_ms)?,
        crash_span_ms: of("scheduler.crash_span", crash_span, usual.crash_span_ms)?,
        cancel_unheard_ms: of("scheduler.cancel_unheard", cancel_unheard, usual.cancel_unheard_ms)?,
        audit_cells: audit.cells.unwrap_or(usual.audit_cells),
        caps: Caps { job_leases, owner_leases, owner_queued },
        retention: Retention {
            done_ms: kept("retention.done", done.as_deref(), all)?,
            failed_ms: kept("retention.failed", failed.as_deref(), all)?,
            cancelled_ms: kept("retention.cancelled", cancelled.as_deref(), all)?,
        },
        ..usual
    };
    config.check().map_err(refused)?;
    Ok(config)
}

/// How storage is asked; a lease must not lapse while a server that throttles is waited for.
///
/// # Errors
/// [`SettingsError`] names the key.
pub(super) fn storage(
    raw: RawStorage,
    scheduler: &SchedulerConfig,
) -> Result<StorageSettings, SettingsError> {
    let usual = StorageSettings::default();
    let RawStorage {
        deadline,
        throttled,
        silent,
        requests,
        cache,
        disk_cache,
        read_ahead,
        private_hosts,
        plain_http,
        redirects,
    } = raw;
    let lasting = |key, text: Option<String>, usual: Duration| {
        let usual = u64::try_from(usual.as_millis()).unwrap_or(u64::MAX);
        match span(key, text.as_deref(), usual)? {
            0 => Err(SettingsError::of(key, "0", "more than nothing")),
            millis => Ok(Duration::from_millis(millis)),
        }
    };
    let bytes = |key, text: Option<String>, usual| text.map_or(Ok(usual), |text| size(key, &text));
    let throttled = lasting("storage.throttled", throttled, usual.throttled)?;
    let throttled_ms = u64::try_from(throttled.as_millis()).unwrap_or(u64::MAX);
    if scheduler.lease_stuck_ms <= throttled_ms {
        return Err(SettingsError::Relation {
            shorter: Place::Default("scheduler.lease_stuck"),
            shorter_ms: scheduler.lease_stuck_ms,
            longer: Place::Default("storage.throttled"),
            longer_ms: throttled_ms,
        });
    }
    let requests = requests.map(|most| positive("storage.requests", most)).transpose()?;
    Ok(StorageSettings {
        deadline: lasting("storage.deadline", deadline, usual.deadline)?,
        throttled,
        silent: lasting("storage.silent", silent, usual.silent)?,
        requests_max: requests.map_or(usual.requests_max, |most| most as usize),
        cache_bytes: bytes("storage.cache", cache, usual.cache_bytes)?,
        disk_cache_bytes: bytes("storage.disk_cache", disk_cache, usual.disk_cache_bytes)?,
        read_ahead_bytes: bytes("storage.read_ahead", read_ahead, usual.read_ahead_bytes)?,
        web: WebSettings {
            private_hosts: private_hosts.unwrap_or_default(),
            plain_http: plain_http.unwrap_or(usual.web.plain_http),
            redirects_max: redirects.unwrap_or(usual.web.redirects_max),
            ..usual.web
        },
    })
}

/// What a worker of a serverless endpoint of RunPod goes by.
///
/// # Errors
/// [`SettingsError`] names the key.
pub(super) fn runpod(raw: RawRunpod) -> Result<RunpodSettings, SettingsError> {
    let RawRunpod { coordinators, cpu, scratch } = raw;
    let scratch = scratch.map_or(Ok(RUNPOD_SCRATCH), |text| size("runpod.scratch", &text))?;
    Ok(RunpodSettings {
        coordinators: coordinators.unwrap_or_default(),
        cpu: cpu.unwrap_or(false),
        scratch_bytes: scratch,
    })
}

/// What the scheduler refuses, by the keys of the file.
fn refused(error: ConfigError) -> SettingsError {
    match error {
        ConfigError::Zero { setting } => {
            let key = match setting {
                "worker_silent_ms" => "scheduler.worker_silent",
                "attempts_max" => "scheduler.attempts_max",
                "cancel_unheard_ms" => "scheduler.cancel_unheard",
                "segment_ms" => "scheduler.segment",
                other => other,
            };
            SettingsError::of(key, "0", "at least 1")
        }
        ConfigError::LeaseTooShort { lease_stuck_ms, worker_silent_ms } => {
            SettingsError::Relation {
                shorter: Place::Default("scheduler.lease_stuck"),
                shorter_ms: lease_stuck_ms,
                longer: Place::Default("scheduler.worker_silent"),
                longer_ms: worker_silent_ms,
            }
        }
    }
}

fn kept(
    key: &'static str,
    text: Option<&str>,
    usual: Option<u64>,
) -> Result<Option<u64>, SettingsError> {
    match text {
        None => Ok(usual),
        Some(NEVER) => Ok(None),
        Some(text) => millis(key, text).map(Some),
    }
}
/// Who is told. A wrong one is not shown: what comes after its host may be a secret.
fn endpoints(urls: Vec<String>) -> Result<Vec<Endpoint>, SettingsError> {
    let wanted =
        "https://HOST/PATH or http://HOST/PATH without a password, or OWNER= and such a one";
    let bad = |_unparsed| SettingsError::of("webhooks.urls", "(not shown)", wanted);
    urls.iter().map(|url| url.parse().map_err(bad)).collect()
}

/// What `webhooks` says.
pub(super) fn webhooks(raw: RawWebhooks) -> Result<WebhookSettings, SettingsError> {
    let RawWebhooks { urls, secret_file, give_up } = raw;
    let give_up_ms = span("webhooks.give_up", give_up.as_deref(), 24 * 3_600_000)?;
    Ok(WebhookSettings { endpoints: endpoints(urls.unwrap_or_default())?, secret_file, give_up_ms })
}

/// What `worker` says; `sessions` is what `encoder` says of cards' encoders.
pub(super) fn worker(
    worker: RawWorker,
    sessions: Option<u32>,
) -> Result<WorkerSettings, SettingsError> {
    Ok(WorkerSettings {
        name: worker.name,
        scratch: worker.scratch,
        card: worker.card,
        slots: positive_where("worker.slots", worker.slots)?,
        sessions: positive_where("encoder.sessions", sessions)?,
        idle_exit_ms: worker.idle_exit.map(|text| millis("worker.idle_exit", &text)).transpose()?,
        engine_silent_ms: span("worker.engine_silent", worker.engine_silent.as_deref(), 60_000)?,
        grace_ms: span("worker.grace", worker.grace.as_deref(), 25_000)?,
        notice: notices(worker.notice.unwrap_or_default())?,
    })
}
