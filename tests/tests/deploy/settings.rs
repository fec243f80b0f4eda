//! Settings that `deploy/` gives by variables and files are ones that the program has.

use std::collections::BTreeSet;

use cleanplate_tests::binary::{command, repository};
use serde_json::Value;

use crate::manifests::{are_here, container, of_kind, pods, read, rendered};

/// All that the program reads from its environment: names as they stand in its sources.
fn known() -> BTreeSet<String> {
    let sources = [
        "settings/raw.rs",
        "settings/access.rs",
        "settings.rs",
        "main.rs",
        "client.rs",
        "arguments.rs",
    ];
    let mut names = BTreeSet::new();
    for path in sources {
        let text = std::fs::read_to_string(repository().join("cli/src").join(path)).unwrap();
        names.extend(variables(&text));
    }
    assert!(names.len() > 40, "the sources are where they were: {names:?}");
    names
}

/// Names that begin with CLEANPLATE_ in a text.
fn variables(text: &str) -> BTreeSet<String> {
    let letter =
        |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    let found = text.match_indices("CLEANPLATE_").map(|(start, _)| {
        let end = text[start..].find(|next| !letter(next)).map_or(text.len(), |end| start + end);
        text[start..end].to_owned()
    });
    found.collect()
}

#[test]
fn each_variable_of_images_compose_file_and_chart_is_a_setting() {
    if !are_here() {
        return;
    }
    let known = known();
    let mut given = BTreeSet::new();
    let compose = read("compose", "deploy/compose.yaml");
    for service in compose["services"].as_object().unwrap().values() {
        let environment = service["environment"].as_object();
        given.extend(environment.into_iter().flatten().map(|(name, _)| name.clone()));
    }
    for values in ["farm", "small", "open"] {
        for (_, pod) in pods(&rendered(values)) {
            let variables = container(pod)["env"].as_array().unwrap();
            given.extend(variables.iter().map(|told| told["name"].as_str().unwrap().to_owned()));
        }
    }
    let recipe = std::fs::read_to_string(repository().join("deploy/Containerfile")).unwrap();
    let set = recipe.lines().filter(|line| line.contains("CLEANPLATE_") && line.contains('='));
    given.extend(set.flat_map(variables));
    let ours = given.iter().filter(|name| name.starts_with("CLEANPLATE_"));
    let ours: Vec<&String> = ours.collect();
    assert!(ours.len() > 15, "{ours:?}");
    for name in ours {
        assert!(known.contains(name), "{name} is no variable of the program");
    }
}

#[test]
fn the_settings_that_the_chart_writes_are_taken_by_the_program() {
    if !are_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cleanplate.toml");
    let told = |text: &str| {
        std::fs::write(&path, text).unwrap();
        // It reads its settings first, and finds no such source then.
        let output = command(["probe", "/no/such/source", "--config"]).arg(&path).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for values in ["farm", "small", "open"] {
        let documents = rendered(values);
        let text = written(&documents);
        let told = told(&text);
        assert!(
            told.contains("/no/such/source") && !told.contains("settings file"),
            "{told}\n{text}"
        );
    }
    assert!(told("[scheduler]\nno_such_key = 1\n").contains("settings file"), "it would be told");
    let farm = written(&rendered("farm"));
    for line in ["attempts_max = 5", "cells = 1048576", "mode = \"required\""] {
        assert!(farm.lines().any(|written| written == line), "{line} is not in\n{farm}");
    }
}

/// The file that the chart's config map holds.
fn written(documents: &[Value]) -> String {
    of_kind(documents, "ConfigMap")[0]["data"]["cleanplate.toml"].as_str().unwrap().to_owned()
}
