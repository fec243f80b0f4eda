//! KEDA's questions to a real coordinator: active within a second of a submission, workers by the work that remains,
//! and nothing wanted once it is done.

use std::time::{Duration, Instant};

use cleanplate_proto::keda::external_scaler_client::ExternalScalerClient;
use cleanplate_proto::keda::{GetMetricsRequest, IsActiveResponse, ScaledObjectRef};
use cleanplate_tests::clips;
use cleanplate_tests::cluster::{Cluster, PATIENCE};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

fn trigger(metadata: &[(&str, &str)]) -> ScaledObjectRef {
    let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ScaledObjectRef {
        name: "workers".to_owned(),
        namespace: "farm".to_owned(),
        scaler_metadata: metadata.collect(),
    }
}

/// The value of the metric, and its target.
async fn value(
    scaler: &mut ExternalScalerClient<Channel>,
    trigger: &ScaledObjectRef,
) -> (f64, f64) {
    let spec = scaler.get_metric_spec(trigger.clone()).await.unwrap().into_inner();
    let spec = &spec.metric_specs[0];
    let request = GetMetricsRequest {
        scaled_object_ref: Some(trigger.clone()),
        metric_name: spec.metric_name.clone(),
    };
    let values = scaler.get_metrics(request).await.unwrap().into_inner().metric_values;
    assert_eq!(values[0].metric_name, spec.metric_name);
    // Both fields, for versions that know one of them only.
    assert!((values[0].metric_value as f64 - values[0].metric_value_float).abs() <= 1.0);
    assert_eq!(spec.target_size as f64, spec.target_size_float.ceil());
    (values[0].metric_value_float, spec.target_size_float)
}

async fn told(stream: &mut Streaming<IsActiveResponse>, within: Duration) -> bool {
    let next = tokio::time::timeout(within, stream.message()).await.expect("it is told in time");
    next.unwrap().expect("the stream goes on").result
}

#[tokio::test(flavor = "multi_thread")]
async fn work_asks_for_workers_within_a_second_and_for_none_when_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let endpoint = Endpoint::from_shared(cluster.url()).unwrap();
    let mut scaler = ExternalScalerClient::new(endpoint.connect().await.unwrap());
    let any = trigger(&[("targetSeconds", "60"), ("scalerAddress", "somewhere:7701")]);
    let cpu = trigger(&[("tier", "cpu"), ("targetSeconds", "60")]);
    assert!(!scaler.is_active(any.clone()).await.unwrap().into_inner().result);
    assert_eq!(value(&mut scaler, &cpu).await, (0.0, 60.0));
    let mut stream = scaler.stream_is_active(any.clone()).await.unwrap().into_inner();
    assert!(!told(&mut stream, PATIENCE).await);

    let source = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let movie = folder.path().join("out.mp4");
    let options = ["--region", "20,20,120,50", "--encoder", "libx264", "--preset", "ultrafast"];
    let job = cluster.submit(source.to_str().unwrap(), movie.to_str().unwrap(), &options);
    let submitted = Instant::now();
    assert!(told(&mut stream, Duration::from_secs(1)).await);
    println!("active {:?} after the submission", submitted.elapsed());
    // A job that nobody has looked at is taken for a minute, and is one worker's.
    assert_eq!(value(&mut scaler, &cpu).await, (60.0, 60.0));
    let new = trigger(&[("newJobSeconds", "7"), ("sharePercent", "50")]);
    assert_eq!(value(&mut scaler, &new).await, (3.5, 300.0));

    cluster.start_worker(1);
    // While its worker is busy, however little is left, the value keeps it.
    let busy = async {
        let workers = trigger(&[("tier", "cpu"), ("targetSeconds", "1000")]);
        while value(&mut scaler.clone(), &workers).await.0 < 1000.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, busy).await.expect("a busy worker keeps its place");
    let elsewhere = trigger(&[("tier", "24gb"), ("targetSeconds", "1000")]);
    assert!(value(&mut scaler, &elsewhere).await.0 < 1000.0, "other rows have none to keep");
    tokio::task::block_in_place(|| cluster.done(&job));
    let done = Instant::now();
    assert!(!told(&mut stream, Duration::from_secs(60)).await);
    println!("inactive {:?} after the job", done.elapsed());
    assert_eq!(value(&mut scaler, &cpu).await.0, 0.0);
}

#[tokio::test]
async fn a_trigger_that_makes_no_sense_is_refused_by_the_name_of_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let endpoint = Endpoint::from_shared(cluster.url()).unwrap();
    let mut scaler = ExternalScalerClient::new(endpoint.connect().await.unwrap());
    let wrong = trigger(&[("tier", "rtx")]);
    let status = scaler.is_active(wrong.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("tier") && status.message().contains("cpu"), "{status}");
    assert_eq!(
        scaler.get_metric_spec(wrong.clone()).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    assert_eq!(scaler.stream_is_active(wrong).await.unwrap_err().code(), Code::InvalidArgument);
}
