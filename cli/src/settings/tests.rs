//! Settings: which place goes over which, what is refused and by which name, and that the sample is whole.

use super::*;

#[expect(clippy::unwrap_in_result, reason = "a temporary folder can be written")]
fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join(FILE_NAME);
    std::fs::write(&path, file).expect("a temporary file can be written");
    let lookup = |name: &str| {
        environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    Settings::load(Some(&path), &lookup)
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let settings = load("", &[]).unwrap();
    assert_eq!(settings.coordinator_url(), COORDINATOR_URL);
    assert_eq!(settings.scheduler, SchedulerConfig::default());
    assert_eq!(settings.encoder_default, EncoderChoice::Auto);
}

#[test]
fn the_environment_goes_over_the_file() {
    let file = "[client]\ncoordinator = \"http://file:1\"\n[worker]\nslots = 2\n";
    let settings = load(
        file,
        &[("CLEANPLATE_COORDINATOR", "http://environment:1"), ("CLEANPLATE_WORKER_SLOTS", "3")],
    )
    .unwrap();
    assert_eq!(settings.coordinator_url(), "http://environment:1");
    assert_eq!(settings.worker.slots, Some(3));
    assert_eq!(load(file, &[]).unwrap().coordinator_url(), "http://file:1");
}

#[test]
fn a_key_that_is_not_known_is_refused_by_name_and_line() {
    let said = load("[worker]\nslotz = 2\n", &[]).unwrap_err().to_string();
    assert!(said.contains("slotz") && said.contains("line 2"), "{said}");
    let said = load("[wroker]\n", &[]).unwrap_err().to_string();
    assert!(said.contains("wroker"), "{said}");
}

#[test]
fn a_password_in_the_file_is_never_shown() {
    let state = "postgres://u:hush@h/db";
    let settings = load(&format!("[coordinator]\nstate = \"{state}\"\n"), &[]).unwrap();
    assert_eq!(settings.state, StateUrl::of(state));
    let shown = format!("{settings:?}");
    assert!(shown.contains("u:***@h") && !shown.contains("hush"), "{shown}");
    // A quote is missing.
    let said = load(&format!("[coordinator]\nstate = \"{state}\n"), &[]).unwrap_err();
    let said = said.to_string();
    assert!(said.contains("line 2") && !said.contains("hush"), "{said}");
}

#[test]
fn tokens_come_from_the_environment_or_a_file_and_are_never_shown() {
    let token = ("CLEANPLATE_TOKEN", "cpt_a_hush");
    let join = ("CLEANPLATE_JOIN_TOKEN", "cpt_j_hush");
    let settings = load("[client]\ntoken_file = \"/t\"\n", &[token, join]).unwrap();
    assert!(settings.access.token.is_some() && settings.access.join.is_some());
    assert_eq!(settings.access.token_file.as_deref(), Some(Path::new("/t")));
    assert!(!format!("{settings:?}").contains("hush"));
    // A token in the place of a key.
    let said = load("[client]\ncpt_a_hush = 1\n[x\n", &[]).unwrap_err().to_string();
    assert!(said.contains("line 3"), "{said}");
}

#[test]
fn an_authority_without_a_name_is_none_and_does_not_go_over_the_file() {
    let empty = [("CLEANPLATE_TLS_CA", "")];
    assert_eq!(load("", &empty).unwrap().access.ca, None);
    assert_eq!(load("[tls]\nca = \"\"\n", &[]).unwrap().access.ca, None);
    let settings = load("[tls]\nca = \"/file.crt\"\n", &empty).unwrap();
    assert_eq!(settings.access.ca.as_deref(), Some(Path::new("/file.crt")));
    assert!(settings.place_of("tls.ca").to_string().starts_with("`tls.ca` in "));
    let settings = load("", &[("CLEANPLATE_TLS_CA", "/nope")]).unwrap();
    assert_eq!(settings.place_of("tls.ca").to_string(), "CLEANPLATE_TLS_CA");
}

#[test]
fn lists_of_places_are_by_owner() {
    let file =
        "[access]\nsources = [\"s3://b/in/\"]\n[access.owners.alice]\ndestinations = [\"/out\"]\n";
    let settings = load(file, &[("CLEANPLATE_ACCESS_DESTINATIONS", "/a, /b")]).unwrap();
    let (usual, owners) = settings.access.listed.unwrap();
    assert_eq!((usual.sources.len(), usual.destinations.len()), (1, 2));
    assert_eq!(owners["alice"].destinations.len(), 1);
    assert!(owners["alice"].sources.is_empty(), "an entry of its own is all that it has");
}

#[test]
fn durations_have_units() {
    let settings = load("[encoder]\ngrace = \"2min\"\n", &[]).unwrap();
    assert_eq!(settings.scheduler.encoder_grace_ms, 120_000);
    for bad in ["15", "s", "1.5s", "-1s", "1w", "99999999999999999999s"] {
        let said = load(&format!("[encoder]\ngrace = \"{bad}\"\n"), &[]).unwrap_err();
        assert!(said.to_string().contains("encoder.grace"), "{said}");
    }
}

#[test]
fn the_encoder_sessions_of_a_machine_are_tried_out_unless_they_are_told() {
    let told = |file: &str| load(file, &[]).map(|settings| settings.worker.sessions);
    assert_eq!(told("").unwrap(), None);
    assert_eq!(told("[encoder]\nsessions = 5\n").unwrap(), Some(5));
    let said = told("[encoder]\nsessions = 0\n").unwrap_err().to_string();
    assert!(said.contains("encoder.sessions"), "{said}");
    let settings = load("", &[("CLEANPLATE_ENCODER_SESSIONS", "3")]).unwrap();
    assert_eq!(settings.worker.sessions, Some(3));
}

#[test]
fn places_of_notices_are_a_list_in_the_file_and_one_line_in_the_environment() {
    let places = |file: &str, environment: &[(&str, &str)]| {
        load(file, environment).map(|settings| {
            settings.worker.notice.iter().map(ToString::to_string).collect::<Vec<_>>()
        })
    };
    let file = "[worker]\nnotice = [\"aws\", \"file:///run/notice\"]\n";
    assert_eq!(places(file, &[]).unwrap(), ["aws", "file:///run/notice"]);
    let line = [("CLEANPLATE_WORKER_NOTICE", "gcp=http://127.0.0.1:1, azure,")];
    assert_eq!(places(file, &line).unwrap(), ["gcp=http://127.0.0.1:1/", "azure"]);
    assert!(places("", &[]).unwrap().is_empty());
    assert!(places(file, &[("CLEANPLATE_WORKER_NOTICE", "")]).unwrap().is_empty(), "none");
    let bad = places("[worker]\nnotice = [\"http://hush:hush@h/\"]\n", &[]).unwrap_err();
    let said = bad.to_string();
    assert!(!said.contains("hush"), "{said}");
    assert!(said.contains("worker.notice") && said.contains("file:///PATH"), "{said}");
}

#[test]
fn ended_jobs_are_kept_for_a_week_or_as_long_as_is_said_or_for_ever() {
    let retention = |text: &str| {
        let file = format!("[coordinator]\nretention = \"{text}\"\n");
        load(&file, &[]).map(|settings| settings.scheduler.retention.failed_ms)
    };
    assert_eq!(retention("2d").unwrap(), Some(2 * 24 * 3_600_000));
    assert_eq!(retention("never").unwrap(), None);
    assert!(retention("for ever").unwrap_err().to_string().contains("coordinator.retention"));
    let own = "[coordinator]\nretention = \"2d\"\n[retention]\nfailed = \"never\"\n";
    let own = load(own, &[]).unwrap().scheduler.retention;
    assert_eq!((own.failed_ms, own.done_ms), (None, Some(2 * 24 * 3_600_000)));
    let week = load("", &[]).unwrap().scheduler.retention.done_ms;
    assert_eq!(week, retention("7d").unwrap());
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let file = "[scheduler]\nlease_stuck = \"1s\"\nworker_silent = \"5s\"\n";
    let said = load(file, &[]).unwrap_err().to_string();
    assert!(said.starts_with("`scheduler.lease_stuck` in "), "{said}");
    assert!(said.contains("`scheduler.worker_silent` in ") && said.ends_with("5000 ms"), "{said}");
    let said = load(file, &[("CLEANPLATE_SCHEDULER_LEASE_STUCK", "2s")]).unwrap_err();
    let said = said.to_string();
    assert!(said.starts_with("CLEANPLATE_SCHEDULER_LEASE_STUCK is 2000 ms"), "{said}");
    let alone = "[scheduler]\nlease_stuck = \"1s\"\n";
    let said = load(alone, &[]).unwrap_err().to_string();
    assert!(said.contains("`scheduler.worker_silent`, which has its default"), "{said}");
}

#[test]
fn a_wrong_value_is_told_of_the_place_where_it_was_written() {
    let file = "[worker]\ngrace = \"soon\"\n[audit]\n";
    let said = load(file, &[]).unwrap_err().to_string();
    assert!(said.starts_with("`worker.grace` in ") && said.contains(FILE_NAME), "{said}");
    let variables = [
        ("CLEANPLATE_WORKER_GRACE", "later", "a whole number with its unit"),
        ("CLEANPLATE_LOG_FORMAT", "xml", "text or json"),
        ("CLEANPLATE_RETENTION_DONE", "ever", "a whole number with its unit"),
        ("CLEANPLATE_WORKER_SLOTS", "0", "at least 1"),
        ("CLEANPLATE_SCHEDULER_ATTEMPTS_MAX", "0", "at least 1"),
        ("CLEANPLATE_CAPS_OWNER_QUEUED", "0", "at least 1"),
        ("CLEANPLATE_WORKER_SLOTS", "two", "a whole number"),
    ];
    for (variable, value, wanted) in variables {
        let good = "[worker]\ngrace = \"9s\"\nslots = 1\n";
        let said = load(good, &[(variable, value)]).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("{variable} is `{value}`; it must be {wanted}")),
            "{said}"
        );
    }
    let said = load("[worker]\nslots = \"two\"\n", &[]).unwrap_err().to_string();
    assert!(said.contains("line 2, `slots`"), "{said}");
    let environment = [("CLEANPLATE_COORDINATOR", "http://x:1")];
    let settings = load("[worker]\nname = \"w\"\n", &environment).unwrap();
    let told = |key| settings.place_of(key).to_string();
    assert_eq!(told("client.coordinator"), "CLEANPLATE_COORDINATOR");
    assert!(told("worker.name").starts_with("`worker.name` in "));
    assert_eq!(settings.place_of("worker.card"), Place::Default("worker.card"));
    assert_eq!(settings.place(("--name", true), "worker.name").to_string(), "--name");
}

#[test]
fn the_sample_names_every_key_with_its_default() {
    let sample = include_str!("../../../deploy/cleanplate.toml");
    // Keys are commented out with `#`, prose with `# `: all keys at once must still be right.
    let keys: String = sample
        .lines()
        .filter(|line| !line.starts_with("# "))
        .map(|line| format!("{}\n", line.strip_prefix('#').unwrap_or(line)))
        .collect();
    let mut settings = load(&keys, &[]).unwrap();
    let raw: toml::Table = toml::from_str(&keys).unwrap();
    let count: usize = raw.values().map(|table| table.as_table().map_or(0, toml::Table::len)).sum();
    assert_eq!(count, raw::KEYS, "every key is in the sample");
    // Those whose default is "none" cannot be shown by their default.
    settings.worker.name = None;
    settings.worker.scratch = None;
    settings.worker.card = None;
    settings.worker.slots = None;
    settings.worker.sessions = None;
    settings.worker.idle_exit_ms = None;
    settings.worker.notice = Vec::new();
    settings.runpod.coordinators = Vec::new();
    settings.storage.web.private_hosts = Vec::new();
    settings.webhooks.endpoints = Vec::new();
    settings.webhooks.secret_file = None;
    settings.advertise = None;
    settings.probe_listen = None;
    settings.access = AccessSettings::default();
    settings.log.filter = None;
    settings.models.folder = models_folder();
    settings.models.runtime = None;
    settings.scheduler.caps = Default::default();
    settings.limits.cells = None;
    // These two remember whether they were given.
    assert_eq!(settings.coordinator_url.take().as_deref(), Some(COORDINATOR_URL));
    assert_eq!(settings.store.take().as_deref(), Some(STORE));
    settings.origins = Origins::default();
    let usual = Settings { origins: Origins::default(), ..load("", &[]).unwrap() };
    assert_eq!(settings, usual);
}

#[test]
fn a_private_host_may_be_listed_where_storage_allows_it_whatever_is_read_first() {
    let listed = "[access]\nsources = [\"https://media.lan/films/\"]\n";
    let said = load(listed, &[]).unwrap_err().to_string();
    assert!(said.contains("access.sources"), "{said}");
    let both = format!("{listed}[storage]\nprivate_hosts = [\"media.lan\"]\ndeadline = \"7s\"\n");
    let settings = load(&both, &[]).unwrap();
    assert_eq!(settings.storage.deadline.as_secs(), 7);
    let own = "[access.owners.alice]\nsources = [\"ftp://a/b\"]\n";
    let said = load(own, &[]).unwrap_err().to_string();
    assert!(said.contains("access.owners"), "{said}");
}
