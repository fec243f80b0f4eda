//! The trace of a job, as a collector in this process gets it by OTLP from a real coordinator: one span for the job,
//! one for each attempt, one for each stage, with a worker that was killed on the way in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use cleanplate_tests::clips;
use cleanplate_tests::cluster::{Cluster, PATIENCE};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// Takes what is sent to `/v1/traces`; returns its address and what came.
fn collector() -> (String, Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, came) = channel();
    let serving = move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            begin("connection", move || serve(&stream, &sender));
        }
    };
    begin("collector", serving);
    (address, came)
}

fn begin(name: &str, work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).expect("a thread starts");
}

fn serve(stream: &TcpStream, sender: &Sender<ExportTraceServiceRequest>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces "), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        assert!(head.contains("x-tenant: films"), "the headers of the environment: {head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").trim().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        sender.send(ExportTraceServiceRequest::decode(&*body).unwrap()).ok();
        let mut writer = stream;
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?;
    match value.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn a_job_that_lost_a_worker_is_one_trace_with_every_attempt_and_stage_in_it() {
    let (address, came) = collector();
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=films"),
        ("OTEL_SERVICE_NAME", "the-farm"),
        // What a killed worker holds lapses after two seconds.
        ("CLEANPLATE_SCHEDULER_WORKER_SILENT", "2s"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let store = format!("file://{}", folder.path().join("store").display());
    let mut cluster = Cluster::start_with(folder.path(), &store, &environment);
    let first = cluster.start_worker(1);
    let source = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let movie = folder.path().join("out.mp4");
    let options = [
        "--region",
        "20,20,120,50",
        "--encoder",
        "libx264",
        "--preset",
        "slow",
        "--fill",
        "membrane",
        "--cell-frames",
        "60",
    ];
    let job = cluster.submit(source.to_str().unwrap(), movie.to_str().unwrap(), &options);
    cluster.until("a segment is leased", |cluster| {
        (!cluster.attempts(&job, "segment").is_empty()).then_some(())
    });
    cluster.kill_worker(first);
    cluster.start_worker(1);
    cluster.done(&job);

    let mut spans: Vec<Span> = Vec::new();
    while !spans.iter().any(|span| span.name == "job") {
        let request = came.recv_timeout(PATIENCE).expect("a trace comes");
        for resource in request.resource_spans {
            let named = resource.resource.unwrap().attributes;
            let service = named.iter().find(|one| one.key == "service.name").unwrap();
            assert!(format!("{service:?}").contains("the-farm"));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let traces: BTreeSet<&[u8]> = spans.iter().map(|span| span.trace_id.as_slice()).collect();
    assert_eq!(traces.len(), 1, "one trace");
    let by_id: BTreeMap<&[u8], &Span> =
        spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "every span has an id of its own");
    let root = spans.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
    assert_eq!(root.name, "job");
    assert_eq!(attribute(root, "cleanplate.job").as_deref(), Some(job.as_str()));
    assert_eq!(attribute(root, "cleanplate.outcome").as_deref(), Some("done"));
    assert_eq!(attribute(root, "cleanplate.frames").as_deref(), Some("240"));
    let children = |of: &Span| -> Vec<&Span> {
        spans.iter().filter(|span| span.parent_span_id == of.span_id).collect()
    };
    let attempts = children(root);
    let told = |work: &str, outcome: &str| {
        let told = attempts.iter().filter(|span| span.name == work);
        told.filter(|span| attribute(span, "cleanplate.outcome").as_deref() == Some(outcome))
            .count()
    };
    assert_eq!((told("intake", "done"), told("stitch", "done")), (1, 1));
    assert_eq!(told("segment", "lapsed"), 1, "the worker that was killed");
    assert!(told("segment", "done") >= 1);
    let lost = attempts
        .iter()
        .find(|span| attribute(span, "cleanplate.outcome").as_deref() == Some("lapsed"))
        .unwrap();
    assert_eq!(attribute(lost, "cleanplate.worker").as_deref(), Some("worker-0"));
    assert_eq!(lost.status.as_ref().unwrap().code, 2, "an error");
    let mut stages = BTreeSet::new();
    for attempt in &attempts {
        assert!(attempt.start_time_unix_nano >= root.start_time_unix_nano);
        assert!(attempt.end_time_unix_nano <= root.end_time_unix_nano);
        for stage in children(attempt) {
            assert!(stage.start_time_unix_nano >= attempt.start_time_unix_nano);
            assert!(stage.end_time_unix_nano <= attempt.end_time_unix_nano);
            stages.insert((attempt.name.clone(), stage.name.clone()));
        }
    }
    for stage in ["decode", "fill", "encode", "upload", "commit"] {
        let key = ("segment".to_owned(), stage.to_owned());
        assert!(stages.contains(&key), "{stage} is missing in {stages:?}");
    }
    assert_eq!(
        spans.len(),
        1 + attempts.len() + attempts.iter().map(|it| children(it).len()).sum::<usize>()
    );
    println!("{} spans: {} attempts; stages {stages:?}", spans.len(), attempts.len());
}
