//! Facts of the compose file and of the images' recipe.

use cleanplate_tests::binary::repository;
use serde_json::Value;

use crate::manifests::{are_here, read};

/// Services that run our images.
const OURS: [&str; 4] = ["coordinator", "worker", "worker-gpu", "client"];

fn file(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).expect("the repository has it")
}

fn service<'a>(compose: &'a Value, name: &str) -> &'a Value {
    let service = &compose["services"][name];
    assert!(service.is_object(), "there is a service {name}");
    service
}

#[test]
fn our_services_may_write_nothing_but_their_volumes() {
    if !are_here() {
        return;
    }
    let compose = read("compose", "deploy/compose.yaml");
    for name in OURS {
        let service = service(&compose, name);
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"][0], "ALL", "{name}");
        assert_eq!(service["security_opt"][0], "no-new-privileges:true", "{name}");
        assert!(service.get("privileged").is_none() && service.get("user").is_none(), "{name}");
    }
    for worker in ["worker", "worker-gpu"] {
        let grace = service(&compose, worker)["stop_grace_period"].as_str().unwrap();
        let grace: u64 = grace.strip_suffix('s').unwrap().parse().unwrap();
        assert!(grace >= 30, "more than `worker.grace` by 5 s: {grace}");
    }
}

#[test]
fn nothing_is_open_to_other_machines_unless_it_is_asked_for() {
    if !are_here() {
        return;
    }
    let compose = read("compose", "deploy/compose.yaml");
    let mut ports = 0;
    for (name, service) in compose["services"].as_object().unwrap() {
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = port.as_str().unwrap();
            let closed = ["127.0.0.1:", "${CLEANPLATE_BIND:-127.0.0.1}:"];
            assert!(closed.iter().any(|start| port.starts_with(start)), "{name}: {port}");
            ports += 1;
        }
    }
    assert_eq!(ports, 2);
    let networks = &service(&compose, "postgres")["networks"];
    assert_eq!(networks, &serde_json::json!(["journal"]));
    assert_eq!(compose["networks"]["journal"]["internal"], true);
}

#[test]
fn each_secret_is_a_file_that_the_script_makes() {
    if !are_here() {
        return;
    }
    let compose = read("compose", "deploy/compose.yaml");
    let script = file("deploy/secrets.sh");
    let secrets = compose["secrets"].as_object().unwrap();
    for (name, secret) in secrets {
        let path = format!("${{CLEANPLATE_SECRETS:-./secrets}}/{name}");
        assert_eq!(secret["file"], path, "{name}");
        assert!(script.contains(name), "deploy/secrets.sh makes {name}");
    }
    for (name, service) in compose["services"].as_object().unwrap() {
        for secret in service["secrets"].as_array().into_iter().flatten() {
            assert!(secrets.contains_key(secret.as_str().unwrap()), "{name}: {secret}");
        }
        for from in service["env_file"].as_array().into_iter().flatten() {
            let made = from.as_str().unwrap().rsplit('/').next().unwrap();
            assert!(script.contains(&format!("\"$folder/{made}\"")), "{name}: {made}");
        }
    }
}

#[test]
fn each_image_is_a_target_of_the_recipe() {
    if !are_here() {
        return;
    }
    let compose = read("compose", "deploy/compose.yaml");
    let recipe = file("deploy/Containerfile");
    let values = read("plain", "deploy/helm/cleanplate/values.yaml");
    let mut targets = vec!["final_serverless".to_owned()];
    for (name, service) in compose["services"].as_object().unwrap() {
        let Some(target) = service["build"]["target"].as_str() else { continue };
        assert_eq!(service["image"], format!("cleanplate-{target}"), "{name}");
        targets.push(target.to_owned());
    }
    for image in values["images"].as_object().unwrap().values() {
        let repository = image["repository"].as_str().unwrap();
        targets.push(repository.strip_prefix("cleanplate-").unwrap().to_owned());
    }
    assert_eq!(targets.len(), 7);
    for target in targets {
        assert!(recipe.contains(&format!(" AS {target}\n")), "deploy/Containerfile has {target}");
    }
}

#[test]
fn what_an_image_is_made_of_is_there_and_what_its_scripts_read_is_copied() {
    let recipe = file("deploy/Containerfile");
    let copied = recipe.lines().filter_map(|line| line.strip_prefix("COPY "));
    let mut sources = Vec::new();
    for line in copied.filter(|line| !line.starts_with("--from=")) {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.starts_with("--")).collect();
        sources.extend(words[..words.len() - 1].iter().copied());
    }
    // A program that was built before is there once it is.
    let built = |source: &&str| source.starts_with("build/containers/");
    for source in sources.iter().filter(|source| !built(source)) {
        assert!(repository().join(source).exists(), "{source}");
    }
    let script = file("scripts/setup-models");
    let read = script.split("$(dirname \"$0\")/../").skip(1);
    let read: Vec<&str> = read.filter_map(|rest| rest.split('"').next()).collect();
    assert!(!read.is_empty());
    for path in read {
        assert!(sources.contains(&path), "scripts/setup-models reads {path}");
    }
}

#[test]
fn what_is_shipped_runs_as_somebody_without_rights_and_is_ended_by_sigterm() {
    let recipe = file("deploy/Containerfile");
    let stages: Vec<&str> = recipe.split("\nFROM ").collect();
    for target in ["coordinator", "worker-cpu", "worker"] {
        let stage = stages.iter().find(|stage| {
            stage.lines().next().is_some_and(|line| line == format!("runtime AS {target}"))
        });
        let stage = stage.expect("each is made of the same runtime");
        for line in ["USER 10001:10001", "STOPSIGNAL SIGTERM", "VOLUME /var/", "ENTRYPOINT ["] {
            assert!(stage.contains(&format!("\n{line}")), "{target}: {line}");
        }
    }
    assert!(stages.last().unwrap().starts_with("worker AS final_serverless\n"));
    // Builders look for what is not sent to them under different names.
    assert_eq!(file(".containerignore"), file("deploy/Containerfile.dockerignore"));
}

#[test]
fn the_table_of_values_has_every_value() {
    if !are_here() {
        return;
    }
    let values = read("plain", "deploy/helm/cleanplate/values.yaml");
    let readme = file("deploy/helm/cleanplate/README.md");
    let mut missing = Vec::new();
    walk("", &values, &mut |path| {
        if !readme.contains(&format!("`{path}`")) {
            missing.push(path.to_owned());
        }
    });
    assert!(missing.is_empty(), "deploy/helm/cleanplate/README.md has no {missing:?}");
}

/// Each value by its path, an object by what is in it where there is something.
fn walk(path: &str, value: &Value, seen: &mut impl FnMut(&str)) {
    let quantities = path.ends_with("resources");
    match value.as_object() {
        Some(inner) if !inner.is_empty() && !quantities => {
            for (key, value) in inner {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&path, value, seen);
            }
        }
        _ => seen(path),
    }
}
