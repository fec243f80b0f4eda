//! Who else speaks it: the client in Python, and the examples of docs/api.md.

use std::fs;
use std::path::Path;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary::repository, clips};

use crate::text;

/// A program in Python that uses the client, with what it is told; nothing where there is no Python here.
fn python(cluster: &Cluster, program: &Path, arguments: &[&str]) -> Option<std::process::Output> {
    let sources = repository().join("clients/python/src");
    let mut command = std::process::Command::new("python3");
    command.arg(program).args(arguments).env("PYTHONPATH", sources);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("CLEANPLATE_COORDINATOR", cluster.url());
    match command.output() {
        Ok(output) => Some(output),
        Err(why) => {
            eprintln!("skipped: no python3: {why}");
            None
        }
    }
}

#[test]
fn the_python_client_submits_follows_lists_and_tells_problems() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let clip = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let output = folder.path().join("out.mp4");
    let example = repository().join("clients/python/examples/submit_and_wait.py");
    let arguments = [text(&clip), text(&output), "20,20,120,50"];
    let Some(ran) = python(&cluster, &example, &arguments) else { return };
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}\n{}", cluster.logs());
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "done");
    assert!(output.is_file());
    let again = python(&cluster, &example, &arguments).unwrap();
    assert!(again.status.success());
    assert_eq!(said.lines().next(), String::from_utf8_lossy(&again.stderr).lines().next());
    let program = repository().join("tests/tests/http/client.py");
    let ran = python(&cluster, &program, &[text(folder.path()), text(&clip)]).unwrap();
    assert!(ran.status.success(), "{}\n{}", String::from_utf8_lossy(&ran.stderr), cluster.logs());
}

#[test]
fn every_example_of_the_page_about_the_interface_works() {
    let present = |program: &str| {
        std::process::Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|it| it.status.success())
    };
    if let Some(absent) = ["bash", "curl", "jq"].into_iter().find(|program| !present(program)) {
        eprintln!("skipped: no {absent}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    cluster.until("the worker is attached", |cluster| {
        (cluster.ask_json(&["workers"]).len() == 1).then_some(())
    });
    let page = fs::read_to_string(repository().join("docs/api.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let script: String = std::iter::once("set -euo pipefail\n").chain(blocks).collect();
    assert!(script.matches("curl ").count() >= 9, "{script}");
    let (from, to) = (folder.path().join("in"), folder.path().join("clean"));
    fs::create_dir_all(&from).unwrap();
    fs::create_dir_all(&to).unwrap();
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .env("URL", cluster.url())
        .env("IN", clips::kept("320x180", 240, &clips::X264_PLAIN))
        .env("OUT", folder.path().join("out.mp4"))
        .env("FOLDER", &from)
        .env("CLEAN", &to)
        .env_remove("http_proxy")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(folder.path().join("out.mp4").is_file(), "{said}");
}
