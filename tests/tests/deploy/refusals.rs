//! What makes no farm is refused when the chart is rendered, with the remedy.

use crate::manifests::{are_here, helm_on_chart};

/// Values over those of `ci/FILE.yaml`, and words of the refusal.
const REFUSED: [(&str, &[&str], &[&str]); 15] = [
    (
        "small",
        &["coordinator.replicas=2"],
        &["a journal in SQLite has one coordinator", "coordinator.journal.kind to postgres"],
    ),
    (
        "small",
        &["coordinator.journal.kind=postgres"],
        &["coordinator.journal.postgres.existingSecret", "kubectl create secret"],
    ),
    ("small", &["coordinator.store="], &["coordinator.store", "s3://bucket/prefix"]),
    ("small", &["tls.existingSecret="], &["tls.certManager.enabled", "insecure: true"]),
    ("small", &["tls.certManager.enabled=true"], &["either", "not both"]),
    ("farm", &["tls.certManager.issuerRef.name="], &["name the Issuer"]),
    ("small", &["access.tokens.existingSecret="], &["cleanplate token new --role admin"]),
    ("small", &["access.join.existingSecret="], &["cleanplate token new --join"]),
    ("small", &["insecure=true"], &["no TLS and no tokens"]),
    ("small", &["settings.coordinator.listen=0.0.0.0:1"], &["settings.coordinator.listen"]),
    ("small", &["settings.worker.grace=1s"], &["settings.worker.grace"]),
    (
        "small",
        &["workers.pools[0].kind=Job", "workers.pools[0].name=a", "workers.pools[0].tier=cpu"],
        &["KEDA alone starts"],
    ),
    ("farm", &["workers.pools[1].name=big", "workers.pools[1].tier=16"], &["two are called big"]),
    ("small", &["workers.pools[0].name=a", "workers.pools[0].tier=12"], &["tier"]),
    ("small", &["coordinator.replica=2"], &["replica"]),
];

#[test]
fn what_makes_no_farm_is_refused_with_its_remedy() {
    if !are_here() {
        return;
    }
    for (values, set, words) in REFUSED {
        let output = helm_on_chart(&["template", "r"], values, set);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{values} with {set:?} is taken");
        for word in words {
            assert!(told.contains(word), "{set:?} is refused without {word:?}: {told}");
        }
    }
}
