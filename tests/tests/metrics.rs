//! What a coordinator counts and measures: every metric that is described is served and the other way round, a real
//! Prometheus takes it, and every query of the dashboard finds something.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use cleanplate_tests::binary::repository;
use cleanplate_tests::clips;
use cleanplate_tests::closed::ClosedFarm;
use cleanplate_tests::cluster::{Cluster, free_port};
use cleanplate_tests::prometheus::{Prometheus, promtool};
use reqwest::{Client, StatusCode};
use serde_json::Value;

const FAST: [&str; 10] = [
    "--region",
    "20,20,120,50",
    "--encoder",
    "libx264",
    "--preset",
    "ultrafast",
    "--fill",
    "membrane",
    "--cell-frames",
    "60",
];

const PATIENCE: Duration = Duration::from_secs(60);

/// Metrics that are not there on every farm, as the documentation must say.
const MAY_BE_ABSENT: [&str; 5] = [
    "cleanplate_attempt_failures_total",
    "cleanplate_queue_eta_seconds",
    "cleanplate_card_utilization_ratio",
    "cleanplate_card_memory_used_ratio",
    "cleanplate_card_temperature_max_celsius",
];

async fn metrics(address: &str) -> String {
    let answer = Client::new().get(format!("http://{address}/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    answer.text().await.unwrap()
}

/// The value of a series, by its name with labels as they are written.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("{series} is not in {text}"));
    line.trim().parse().unwrap()
}

/// Every metric that is served, by the name of its samples, with its type.
fn served(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let named = types.map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        let end = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        (format!("{name}{end}"), kind.to_owned())
    });
    named.collect()
}

/// The rows of docs/metrics.md: name and type.
fn described() -> BTreeMap<String, String> {
    let text = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `cleanplate_"));
    let cells = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    });
    cells.collect()
}

/// A coordinator and a worker that has done a job.
async fn after_a_job(folder: &Path) -> Cluster {
    let mut cluster = Cluster::start(folder);
    cluster.start_worker(1);
    let source = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let movie = folder.join("out.mp4");
    let job = cluster.submit(source.to_str().unwrap(), movie.to_str().unwrap(), &FAST);
    tokio::task::block_in_place(|| cluster.done(&job));
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_described_and_counts_what_happened_and_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = after_a_job(folder.path()).await;
    let text = metrics(&format!("127.0.0.1:{}", cluster.port())).await;
    let (served, described) = (served(&text), described());
    for (name, kind) in &served {
        assert_eq!(described.get(name), Some(kind), "{name} in docs/metrics.md");
    }
    let absent: BTreeSet<&str> =
        described.keys().filter(|name| !served.contains_key(*name)).map(String::as_str).collect();
    let allowed = BTreeSet::from(MAY_BE_ABSENT);
    assert!(absent.is_subset(&allowed), "{absent:?} are described and not served");
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has help");
    }

    assert_eq!(value(&text, "cleanplate_frames_committed_total"), 240.0);
    assert_eq!(value(&text, "cleanplate_cells_committed_total"), 4.0);
    assert_eq!(value(&text, "cleanplate_jobs_submitted_total"), 1.0);
    assert_eq!(value(&text, "cleanplate_jobs_ended_total{outcome=\"done\"}"), 1.0);
    assert_eq!(value(&text, "cleanplate_attempts_total{work=\"intake\",outcome=\"done\"}"), 1.0);
    assert_eq!(value(&text, "cleanplate_attempts_total{work=\"stitch\",outcome=\"done\"}"), 1.0);
    assert!(value(&text, "cleanplate_attempts_total{work=\"segment\",outcome=\"done\"}") >= 1.0);
    assert!(value(&text, "cleanplate_stage_seconds_total{stage=\"encode\"}") > 0.0, "{text}");
    assert!(value(&text, "cleanplate_card_seconds_total{tier=\"cpu\"}") > 0.0);
    assert!(value(&text, "cleanplate_journal_append_seconds_count") > 0.0);
    assert!(value(&text, "cleanplate_store_bytes_total{direction=\"write\"}") > 1000.0);
    assert_eq!(value(&text, "cleanplate_workers{tier=\"cpu\",state=\"attached\"}"), 1.0);
    assert_eq!(value(&text, "cleanplate_slots{tier=\"cpu\"}"), 1.0);
    assert_eq!(value(&text, "cleanplate_queue_frames{state=\"waiting\"}"), 0.0);
    assert_eq!(value(&text, "cleanplate_leads"), 1.0);
    for name in ["worker-0", "job-", "out.mp4", "libx264"] {
        assert!(!text.contains(name), "{name} is in no label");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_open_where_probes_are_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let probes = format!("127.0.0.1:{}", free_port());
    let variable = ("CLEANPLATE_COORDINATOR_PROBE_LISTEN".to_owned(), probes.clone());
    let farm = ClosedFarm::start(folder.path(), &[variable]);
    let text = metrics(&probes).await;
    assert!(text.contains("cleanplate_build_info{version="), "{text}");
    let authority = fs::read(farm.authority.certificate()).unwrap();
    let client = Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
        .build()
        .unwrap();
    let answer = client.get(format!("{}/metrics", farm.url())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

/// The queries of the dashboard, each with its panel.
fn queries() -> Vec<(String, String)> {
    let path = repository().join("deploy/grafana/cleanplate.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "30s");
            queries.push((panel["title"].as_str().unwrap().to_owned(), query));
        }
    }
    queries
}

/// The results of a query.
async fn ask(server: &Prometheus, query: &str) -> Vec<Value> {
    let written: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let url = format!("{}/api/v1/query?query={written}", server.url());
    let answer = Client::new().get(url).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer["data"]["result"].as_array().unwrap().clone()
}

/// Whether a query found a number that is one, at any time until now: leases are seen while they are held.
async fn finds(server: &Prometheus, query: &str) -> bool {
    let results = ask(server, &format!("max_over_time(({query})[3m:1s])")).await;
    results.iter().any(|result| result["value"][1].as_str().is_some_and(|value| value != "NaN"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_answers_every_query_of_the_dashboard() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let server = match Prometheus::start(&format!("127.0.0.1:{}", cluster.port())) {
        Ok(server) => server,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let deadline = Instant::now() + PATIENCE;
    // An increase is one from a scrape to the next: the first is before the job.
    while !finds(&server, "cleanplate_leads == 1").await {
        assert!(Instant::now() < deadline, "nothing is scraped: {}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    cluster.start_worker(1);
    let source = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let movie = folder.path().join("out.mp4");
    let job = cluster.submit(source.to_str().unwrap(), movie.to_str().unwrap(), &FAST);
    tokio::task::block_in_place(|| cluster.done(&job));
    let queries = queries();
    assert!(queries.len() > 25, "{}", queries.len());
    let committed = ("committed".to_owned(), "cleanplate_frames_committed_total > 0".to_owned());
    for (title, query) in [committed].iter().chain(&queries) {
        while !finds(&server, query).await {
            assert!(Instant::now() < deadline, "{title}: {query} finds nothing\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    println!("{} queries of the dashboard, each finds something", queries.len());
}

#[test]
fn promtool_takes_the_alerts_and_every_metric_in_them_is_described() {
    let path = repository().join("deploy/prometheus/alerts.yml");
    let described = described();
    let dashboard =
        fs::read_to_string(repository().join("deploy/grafana/cleanplate.json")).unwrap();
    for text in [fs::read_to_string(&path).unwrap(), dashboard] {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for word in words.filter(|word| word.starts_with("cleanplate_")) {
            let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end));
            let known =
                described.contains_key(word) || base.is_some_and(|it| described.contains_key(it));
            assert!(known, "{word} is no metric");
        }
    }
    match promtool(&["check", "rules", path.to_str().unwrap()]) {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            println!("{}", String::from_utf8_lossy(&output.stdout));
        }
        Err(reason) => println!("skipped: {reason}"),
    }
}
