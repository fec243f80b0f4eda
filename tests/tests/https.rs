//! Sources on web servers: read by ranges, held to one version, and closed to what lies inside.

use cleanplate_tests::cluster::{Cluster, said};
use cleanplate_tests::web_server::{Manner, WebServer};
use cleanplate_tests::{binary, clips};

const OPTIONS: [&str; 8] =
    ["--detect", "none", "--preset", "ultrafast", "--cell-frames", "40", "--segment-frames", "80"];

/// The settings by which a server of this machine may be read from.
fn allowed(plain: bool) -> Vec<(String, String)> {
    [
        ("CLEANPLATE_STORAGE_PRIVATE_HOSTS", "localhost,127.0.0.1"),
        ("CLEANPLATE_STORAGE_PLAIN_HTTP", if plain { "true" } else { "false" }),
        ("CLEANPLATE_STORAGE_DEADLINE", "3s"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

#[test]
fn a_job_of_a_web_servers_file_gives_the_movie_that_the_file_gives() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("640x360", 300, &clips::X264_PLAIN);
    let file = std::fs::read(&clip).unwrap();
    let expected = folder.path().join("expected.mp4");
    let ends = ["run", clip.to_str().unwrap(), "-o", expected.to_str().unwrap()];
    binary::run_ok([&ends[..], &OPTIONS].concat());
    let expected = std::fs::read(expected).unwrap();
    let secure = match WebServer::secure(file, Manner::default()) {
        Ok(server) => server,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let mut environment = allowed(false);
    let certificate = secure.certificate().unwrap().display().to_string();
    environment.push(("SSL_CERT_FILE".to_owned(), certificate));
    let store = format!("file://{}", folder.path().join("store").display());
    let mut cluster = Cluster::start_with(folder.path(), &store, &environment);
    cluster.start_worker(2);
    let output = folder.path().join("movie.mp4");
    let source = format!("https://localhost:{}/a%20clip.mp4?Signature=hush", secure.port());
    let job = cluster.submit(&source, output.to_str().unwrap(), &OPTIONS);
    cluster.done(&job);
    assert!(std::fs::read(&output).unwrap() == expected, "the same bytes as from the file");
    let sent = secure.sent();
    assert!(sent > 0 && sent < 4 * expected.len() as u64 + (8 << 20), "{sent} bytes were sent");

    // A certificate that nobody vouches for is none.
    let other = WebServer::secure(Vec::new(), Manner::default()).unwrap();
    let source = format!("https://localhost:{}/a.mp4", other.port());
    let probed = binary::command(["probe", &source]).envs(environment).output().unwrap();
    assert!(!probed.status.success());
    assert!(said(&probed).to_ascii_lowercase().contains("certificate"), "{}", said(&probed));
}

#[test]
fn a_source_that_changes_in_mid_job_and_one_that_comes_only_whole_are_typed_failures() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("640x360", 300, &clips::X264_PLAIN);
    let file = std::fs::read(&clip).unwrap();
    let server = WebServer::plain(file.clone(), Manner::default());
    let store = format!("file://{}", folder.path().join("store").display());
    let mut cluster = Cluster::start_with(folder.path(), &store, &allowed(true));
    let source = |server: &WebServer| format!("http://127.0.0.1:{}/a.mp4", server.port());
    let output = folder.path().join("movie.mp4");
    let output = output.to_str().unwrap();
    // Intake is done by a worker that then dies; the next one finds another file.
    let first = cluster.start_worker(1);
    let job = cluster.submit(&source(&server), output, &OPTIONS);
    cluster.watch_until(&job, |state| state["frames_total"].as_u64().unwrap_or(0) > 0);
    cluster.kill_worker(first);
    let mut other = file.clone();
    other.extend(b"free");
    server.replace(other);
    cluster.start_worker(1);
    let last = cluster.watch_until(&job, |_| false);
    assert_eq!(last["outcome"]["failure"]["kind"], "source_changed", "{last}");

    let whole = WebServer::plain(file, Manner { whole: true, moved_to: None });
    let job = cluster.submit(&source(&whole), output, &OPTIONS);
    let last = cluster.watch_until(&job, |_| false);
    assert_eq!(last["outcome"]["failure"]["kind"], "bad_input", "{last}");
    let message = last["outcome"]["failure"]["message"].as_str().unwrap();
    assert!(message.contains("Range"), "{message}");
    assert!(!std::path::Path::new(output).exists());
}

#[test]
fn what_lies_inside_is_not_reached_by_url_or_by_redirect_unless_it_is_named() {
    let inner = WebServer::plain(b"secret".to_vec(), Manner::default());
    let place = format!("http://localhost:{}/latest/meta-data", inner.port());
    let moved = Manner { whole: false, moved_to: Some(place.clone()) };
    let outer = WebServer::plain(Vec::new(), moved);
    let probe = |url: &str, settings: &[(&str, &str)]| {
        let output = binary::command(["probe", url]).envs(settings.iter().copied()).output();
        let output = output.unwrap();
        (output.status.code(), said(&output))
    };
    let plain = ("CLEANPLATE_STORAGE_PLAIN_HTTP", "true");
    let (status, words) = probe(&place, &[plain]);
    assert!(status == Some(2) && words.contains("this machine"), "{status:?} {words}");
    let (status, words) = probe(&place, &[]);
    assert!(status == Some(2) && words.contains("https://"), "{status:?} {words}");
    let outer_only = ("CLEANPLATE_STORAGE_PRIVATE_HOSTS", "127.0.0.1");
    let by_redirect = format!("http://127.0.0.1:{}/moved", outer.port());
    let (status, words) = probe(&by_redirect, &[plain, outer_only]);
    assert!(status == Some(2) && words.contains("this machine"), "{status:?} {words}");
    assert_eq!(inner.sent(), 0, "nothing of it was sent to anybody");
    let (status, words) = probe("https://me:hush@media.example/a.mp4", &[]);
    assert!(status == Some(2) && !words.contains("hush"), "{status:?} {words}");
    let (status, words) = probe("http://169.254.169.254/latest", &[plain]);
    assert!(status == Some(2) && words.contains("link-local"), "{status:?} {words}");
}

#[test]
fn a_list_of_places_with_a_web_server_in_it_leaves_the_settings_of_storage_as_they_are() {
    let clip = std::fs::read(binary::shipped_clip()).unwrap();
    let server = WebServer::plain(clip, Manner::default());
    let mut environment = allowed(true);
    let listed = "https://cdn.example.com/films/,https://localhost/in/";
    environment.push(("CLEANPLATE_ACCESS_SOURCES".to_owned(), listed.to_owned()));
    let source = format!("http://127.0.0.1:{}/a.mp4", server.port());
    let probed = binary::command(["probe", &source]).envs(environment).output().unwrap();
    assert!(probed.status.success(), "{}", said(&probed));
}
