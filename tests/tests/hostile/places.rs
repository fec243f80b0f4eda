//! Places that nobody may read from or write to: this machine, private networks, and what leads out of a folder.

use cleanplate_proto::v1 as pb;
use tonic::Code;

use crate::catalogue::Catalogue;
use crate::scene::Scene;

/// Sources that no job of alice's may have, nor any look at one before there is a job.
pub(crate) fn inputs(scene: &Scene) -> Vec<(&'static str, &'static str, String, Code)> {
    let sources = &scene.farm.sources;
    let inside = |rest: &str| format!("file://{}/{rest}", sources.display());
    let denied = Code::PermissionDenied;
    let odd = Code::InvalidArgument;
    vec![
        ("SSRF", "this machine", "https://127.0.0.1/a.mp4".into(), denied),
        ("SSRF", "this machine in hexadecimal", "https://0x7f000001/a.mp4".into(), denied),
        ("SSRF", "this machine as a number", "https://2130706433/a.mp4".into(), denied),
        ("SSRF", "this machine in short", "https://127.1/a.mp4".into(), denied),
        ("SSRF", "this machine by name", "https://localhost/a.mp4".into(), denied),
        ("SSRF", "this machine in IPv6", "https://[::1]/a.mp4".into(), denied),
        ("SSRF", "this machine, mapped", "https://[::ffff:127.0.0.1]/a.mp4".into(), denied),
        ("SSRF", "this machine by NAT64", "https://[64:ff9b::7f00:1]/a.mp4".into(), denied),
        ("SSRF", "a cloud's metadata", "https://169.254.169.254/latest/meta-data".into(), denied),
        ("SSRF", "a cloud's metadata by name", "https://metadata.google.internal/x".into(), denied),
        ("SSRF", "a private network", "https://10.0.0.1/a.mp4".into(), denied),
        ("SSRF", "a unique local address", "https://[fd00::1]/a.mp4".into(), denied),
        ("SSRF", "a link-local address", "https://[fe80::1]/a.mp4".into(), denied),
        ("SSRF", "another port", "https://cdn.example.com:6379/films/a".into(), denied),
        ("SSRF", "a user in the URL", "https://u:p@cdn.example.com/films/a".into(), denied),
        ("scheme", "http", "http://cdn.example.com/films/a.mp4".into(), odd),
        ("scheme", "ftp", "ftp://cdn.example.com/a.mp4".into(), odd),
        ("scheme", "gopher", "gopher://127.0.0.1:6379/_FLUSHALL".into(), odd),
        ("traversal", "another file", "file:///etc/passwd".into(), denied),
        ("traversal", "another file by its path", "/etc/passwd".into(), denied),
        ("traversal", "processes", "file:///proc/self/environ".into(), denied),
        ("traversal", "dots", inside("../secret/a.mp4"), denied),
        ("traversal", "dots in percent", inside("%2e%2e/secret/a.mp4"), denied),
        ("traversal", "slashes in percent", inside("..%2fsecret%2fa.mp4"), denied),
        ("traversal", "a link to a file", inside("link.mp4"), denied),
        ("traversal", "a link to a folder", inside("folder/a.mp4"), denied),
        (
            "traversal",
            "a folder that only begins so",
            format!("file://{}side/a.mp4", sources.display()),
            denied,
        ),
        ("traversal", "another host", "file://host/in/a.mp4".into(), odd),
        ("traversal", "a nul", "file:///in/a\0.mp4".into(), odd),
        ("traversal", "another bucket", "s3://other/in/a.mp4".into(), denied),
        ("traversal", "another prefix", "s3://media/inner/a.mp4".into(), denied),
        ("traversal", "dots in a key", "s3://media/in/../secret/a.mp4".into(), odd),
        ("traversal", "a path that is not full", "../secret/a.mp4".into(), odd),
        ("traversal", "dots in a key in percent", "s3://media/in/%2e%2e/secret".into(), odd),
    ]
}

pub(crate) async fn places(scene: &Scene, catalogue: &mut Catalogue) {
    let sources = &scene.farm.sources;
    let outside = sources.parent().unwrap().join("secret");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("a.mp4"), b"secret").unwrap();
    std::os::unix::fs::symlink(outside.join("a.mp4"), sources.join("link.mp4")).unwrap();
    std::os::unix::fs::symlink(&outside, sources.join("folder")).unwrap();
    std::os::unix::fs::symlink(&outside, scene.farm.movies.join("folder")).unwrap();
    let denied = Code::PermissionDenied;
    for (kind, what, input, code) in inputs(scene) {
        let got = scene.submit(&scene.alice, |job| job.input = input).await;
        catalogue.add(kind, what, code, got);
    }
    let store = format!("{}/jobs/x", sources.parent().unwrap().join("store").display());
    let movies = scene.farm.movies.display();
    let outputs = [
        ("to where sources are", sources.join("x.mp4").display().to_string()),
        ("into the coordinator's store", store),
        ("through a link", format!("{movies}/folder/x.mp4")),
        ("over a file of the machine", "/etc/cron.d/x".to_owned()),
        ("to a bucket that is to be read", "s3://media/in/x.mp4".to_owned()),
    ];
    for (what, output) in outputs {
        let got = scene.submit(&scene.alice, |job| job.output = output).await;
        catalogue.add("destination", what, denied, got);
    }
    let model = |url: &str| pb::Detector {
        model: Some(pb::ModelRef { url: url.to_owned(), sha256: vec![7; 32], bytes: 9 }),
        what: "model".to_owned(),
        ..pb::Detector::default()
    };
    let got =
        scene.submit(&scene.alice, |job| job.detectors = vec![model("file:///etc/shadow")]).await;
    catalogue.add("traversal", "a detector that is another file", denied, got);
}
