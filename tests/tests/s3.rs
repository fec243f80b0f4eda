//! The whole job on a bucket: source, parts and movie in a real S3 server, nothing shared but it.

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::weed::{BUCKET, Weed};
use cleanplate_tests::{binary, clips};

const OPTIONS: [&str; 12] = [
    "--fill",
    "membrane",
    "--region",
    "20,20,120,50",
    "--encoder",
    "libx264",
    "--preset",
    "ultrafast",
    "--cell-frames",
    "40",
    "--segment-frames",
    "80",
];

#[test]
fn a_job_on_a_bucket_gives_the_movie_that_a_job_on_files_gives() {
    let server = match Weed::start() {
        Ok(server) => server,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("640x360", 300, &clips::X264_PLAIN);
    let on_files = folder.path().join("files.mp4");
    let (input, output) = (clip.to_str().unwrap(), on_files.to_str().unwrap());
    binary::run_ok([&["run", input, "-o", output][..], &OPTIONS].concat());
    let expected = std::fs::read(&on_files).unwrap();

    server.put("in/a clip #1.mp4", &std::fs::read(&clip).unwrap());
    let source = format!("s3://{BUCKET}/in/a clip #1.mp4");
    let target = format!("s3://{BUCKET}/out/movie.mp4");
    let store = format!("s3://{BUCKET}/store");
    let mut cluster = Cluster::start_with(folder.path(), &store, &server.environment());
    // One has keys, the other has none, and knows of no server: the coordinator signs.
    cluster.start_worker(1);
    let none = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"];
    cluster.start_worker_with(1, &[], &none.map(|name| (name, String::new())));
    let job = cluster.submit(&source, &target, &OPTIONS);
    let last = cluster.done(&job);
    assert_eq!(last["outcome"]["output_bytes"], expected.len() as u64);
    assert!(server.get("out/movie.mp4").unwrap() == expected, "the same bytes as on files");
    let shown = cluster.show(&job);
    for worker in ["worker-0", "worker-1"] {
        let attempts = shown["attempts"].as_array().unwrap().iter();
        let own: Vec<_> = attempts.filter(|attempt| attempt["worker"] == worker).collect();
        assert!(own.iter().any(|attempt| attempt["work"] == "segment"), "{worker}: {own:?}");
        assert!(own.iter().all(|attempt| attempt["outcome"] == "done"), "{worker}: {own:?}");
    }

    // `run` between URLs keeps its state in the user's folder, and removes it.
    let state = folder.path().join("state");
    let alone = format!("s3://{BUCKET}/out/alone.mp4");
    let ran = binary::command([&["run", &source, "-o", &alone][..], &OPTIONS].concat())
        .envs(server.environment())
        .env("XDG_STATE_HOME", &state)
        .env("HOME", folder.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(server.get("out/alone.mp4").unwrap() == expected);
    let kept: Vec<_> = std::fs::read_dir(&state)
        .into_iter()
        .flatten()
        .flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap())
        .collect();
    assert!(kept.is_empty(), "state is removed at success: {kept:?}");

    let absent = format!("s3://{BUCKET}/in/absent.mp4");
    let job = cluster.submit(&absent, &format!("s3://{BUCKET}/out/no.mp4"), &OPTIONS);
    assert_eq!(cluster.wait(&job), 3, "a source that is not there is bad input");
    assert!(server.get("out/no.mp4").is_none());
}
