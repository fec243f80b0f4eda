//! Documents of `deploy/` as JSON, held to their schemas on the way; ends a test that finds one wrong.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use cleanplate_tests::binary::repository;
use serde_json::Value;

/// The namespace and the release of every rendering.
pub(crate) const NAMESPACE: &str = "farm";
const RELEASE: &str = "r";

/// Whether helm and the schemas are here; says so where they are not.
pub(crate) fn are_here() -> bool {
    let here = helm().is_file() && python().is_file();
    if !here {
        println!("skipped: no helm and schemas in build/tools (scripts/setup-helm.sh brings them)");
    }
    here
}

fn helm() -> PathBuf {
    repository().join("build/tools/helm/helm")
}

fn python() -> PathBuf {
    repository().join("build/tools/charts/bin/python")
}

fn chart() -> PathBuf {
    repository().join("deploy/helm/cleanplate")
}

/// A command of helm on the chart, with the values of `ci/FILE.yaml` and of `set`.
pub(crate) fn helm_on_chart(command: &[&str], values: &str, set: &[&str]) -> Output {
    let mut helm = Command::new(helm());
    helm.args(command).arg(chart()).args(["--namespace", NAMESPACE]);
    if !values.is_empty() {
        helm.arg("--values").arg(chart().join(format!("ci/{values}.yaml")));
    }
    for pair in set {
        helm.args(["--set", pair]);
    }
    helm.output().expect("helm starts")
}

/// The documents that the chart becomes, each held to its schema. Rendered once for all tests of this process.
pub(crate) fn rendered(values: &str) -> Vec<Value> {
    static RENDERED: Mutex<BTreeMap<String, Vec<Value>>> = Mutex::new(BTreeMap::new());
    let mut known = RENDERED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(documents) = known.get(values) {
        return documents.clone();
    }
    let documents = rendered_with(values, &[]);
    known.insert(values.to_owned(), documents.clone());
    documents
}

/// The same with `set` over the values.
pub(crate) fn rendered_with(values: &str, set: &[&str]) -> Vec<Value> {
    let output = helm_on_chart(&["template", RELEASE], values, set);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    checked(&["kubernetes"], &output.stdout)
}

/// A file of the repository as JSON: `compose` held to its schema, `plain` to none.
pub(crate) fn read(mode: &str, path: &str) -> Value {
    let path = repository().join(path);
    let path = path.to_str().expect("a path of letters");
    checked(&[mode, path], b"").pop().expect("one document")
}

fn checked(arguments: &[&str], input: &[u8]) -> Vec<Value> {
    let mut checker = Command::new(python())
        .arg(repository().join("scripts/check-manifests"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the checker starts");
    // It reads all before it writes.
    checker.stdin.take().expect("a pipe").write_all(input).expect("the checker reads");
    let output = checker.wait_with_output().expect("the checker ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Those of a kind.
pub(crate) fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents.iter().filter(|document| document["kind"] == kind).collect()
}

/// A document's name.
pub(crate) fn name(document: &Value) -> &str {
    document["metadata"]["name"].as_str().expect("each has a name")
}

/// The templates of pods, with the names of what makes them.
pub(crate) fn pods(documents: &[Value]) -> Vec<(&str, &Value)> {
    let template = |document: &'_ Value| match document["kind"].as_str() {
        Some("Deployment" | "StatefulSet") => Some("/spec/template"),
        Some("ScaledJob") => Some("/spec/jobTargetRef/template"),
        _ => None,
    };
    let found = documents.iter().filter_map(|document| {
        Some((name(document), document.pointer(template(document)?).expect("it has a template")))
    });
    found.collect()
}

/// The only container of a pod.
pub(crate) fn container(pod: &Value) -> &Value {
    let containers = pod["spec"]["containers"].as_array().expect("pods have containers");
    assert_eq!(containers.len(), 1);
    &containers[0]
}

/// The value of a variable of the pod's container, where it is said in so many words.
pub(crate) fn variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let variables = container(pod)["env"].as_array().expect("it has variables");
    variables.iter().find(|variable| variable["name"] == name)?["value"].as_str()
}

/// Whether the labels that `selector` wants are all among the pod's.
pub(crate) fn selects(selector: &Value, pod: &Value) -> bool {
    let wanted = selector.as_object().expect("a selector is a map");
    assert!(!wanted.is_empty(), "it would select everything");
    wanted.iter().all(|(label, value)| pod["metadata"]["labels"][label] == *value)
}
