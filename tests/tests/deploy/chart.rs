//! Facts of the rendered chart that no schema knows.

use serde_json::{Value, json};

use crate::manifests::{
    NAMESPACE, are_here, container, helm_on_chart, name, of_kind, pods, rendered, rendered_with,
    selects, variable,
};

/// All sets of values that the chart ships for its tests.
const ALL: [&str; 3] = ["farm", "small", "open"];

#[test]
fn the_chart_is_linted_and_each_set_of_values_fits_the_schemas() {
    if !are_here() {
        return;
    }
    for values in ALL {
        let output = helm_on_chart(&["lint", "--strict"], values, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(rendered(values).len() > 5);
    }
}

#[test]
fn no_pod_runs_as_root_or_may_write_its_root_or_gain_anything() {
    if !are_here() {
        return;
    }
    for values in ALL {
        let documents = rendered(values);
        let pods = pods(&documents);
        assert!(pods.len() >= 2, "{values}");
        for (name, pod) in pods {
            let spec = &pod["spec"];
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(spec["securityContext"]["runAsUser"], 10001, "{name}");
            assert_eq!(
                spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
                "{name}"
            );
            // But for who tells of the others.
            let tells = variable(pod, "CLEANPLATE_COORDINATOR_POD_COSTS").is_some();
            assert_eq!(spec["automountServiceAccountToken"], tells, "{name}");
            assert_eq!(tells, values == "farm" && name.contains("coordinators"), "{name}");
            assert!(spec.get("hostNetwork").is_none() && spec.get("hostPID").is_none(), "{name}");
            let container = &container(pod)["securityContext"];
            assert_eq!(container["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(container["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(container["capabilities"], json!({"drop": ["ALL"]}), "{name}");
        }
    }
}

#[test]
fn only_coordinators_may_change_pods_and_nothing_else_of_the_namespace() {
    if !are_here() {
        return;
    }
    let documents = rendered("farm");
    let rules = &of_kind(&documents, "Role")[0]["rules"];
    assert_eq!(*rules, json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]));
    let binding = of_kind(&documents, "RoleBinding")[0];
    let account = &binding["subjects"][0]["name"];
    for (name, pod) in pods(&documents) {
        let has_it = pod["spec"]["serviceAccountName"] == *account;
        assert_eq!(has_it, name.contains("coordinators"), "{name}");
    }
    assert_eq!(of_kind(&rendered("small"), "Role").len(), 0, "where nobody asks for it");
}

#[test]
fn workers_have_no_keys_of_buckets_where_the_coordinator_signs() {
    if !are_here() {
        return;
    }
    let keyed = |set: &[&str]| -> Vec<bool> {
        let documents = rendered_with("farm", set);
        let has_keys = |pod: &Value| container(pod).get("envFrom").is_some();
        let pods = pods(&documents);
        let (coordinators, workers): (Vec<_>, Vec<_>) =
            pods.into_iter().partition(|(name, _)| name.contains("coordinators"));
        assert!(coordinators.iter().all(|(_, pod)| has_keys(pod)), "the coordinator signs");
        workers.iter().map(|(_, pod)| has_keys(pod)).collect()
    };
    assert!(keyed(&[]).iter().all(|has| !has));
    for asked in [
        "buckets.keysForWorkers=true",
        "coordinator.store=gs://footage/cleanplate",
        "settings.coordinator.sign_for_workers=false",
    ] {
        assert!(keyed(&[asked]).iter().all(|has| *has), "{asked}");
    }
}

#[test]
fn each_pool_has_its_scaler_and_no_count_of_its_own() {
    if !are_here() {
        return;
    }
    let documents = rendered("farm");
    let deployments = of_kind(&documents, "Deployment");
    let objects = of_kind(&documents, "ScaledObject");
    let jobs = of_kind(&documents, "ScaledJob");
    assert_eq!((deployments.len(), objects.len(), jobs.len()), (3, 3, 1));
    for deployment in deployments {
        assert!(deployment["spec"].get("replicas").is_none(), "KEDA decides: {}", name(deployment));
        let its_own =
            |object: &&&Value| object["spec"]["scaleTargetRef"]["name"] == name(deployment);
        assert_eq!(objects.iter().filter(its_own).count(), 1, "{}", name(deployment));
    }
    let tiers = [("big", "24"), ("mid", "16"), ("once", "10"), ("cpu", "cpu")];
    for (pool, tier) in tiers {
        let its_own = |object: &&&Value| object["metadata"]["labels"]["cleanplate/pool"] == pool;
        let scaler = objects.iter().chain(&jobs).find(its_own).expect("each pool has one");
        let triggers = scaler["spec"]["triggers"].as_array().unwrap();
        let coordinators = ["0", "1"];
        assert_eq!(triggers.len(), coordinators.len(), "one for each coordinator");
        for (trigger, number) in triggers.iter().zip(coordinators) {
            assert_eq!(trigger["type"], "external");
            assert_eq!(trigger["metadata"]["tier"], tier, "{pool}");
            let address = format!(
                "r-cleanplate-coordinators-{number}.r-cleanplate-coordinators.{NAMESPACE}.svc:7701"
            );
            assert_eq!(trigger["metadata"]["scalerAddress"], address);
        }
    }
    // What a pool says goes over the defaults, nothing and `false` too.
    let big = objects.iter().find(|object| name(object).ends_with("-big")).unwrap();
    assert_eq!(big["spec"]["minReplicaCount"], 0);
    let budgets = of_kind(&documents, "PodDisruptionBudget");
    assert!(!budgets.iter().any(|budget| name(budget).ends_with("-big")));
}

#[test]
fn without_keda_a_pool_has_as_many_workers_as_it_says() {
    if !are_here() {
        return;
    }
    let documents = rendered("open");
    assert!(of_kind(&documents, "ScaledObject").is_empty());
    assert_eq!(of_kind(&documents, "Deployment")[0]["spec"]["replicas"], 2);
}

#[test]
fn each_selector_finds_the_pods_that_it_is_meant_for_and_no_others() {
    if !are_here() {
        return;
    }
    let documents = rendered("farm");
    let pods = pods(&documents);
    let found = |selector: &Value| -> Vec<&str> {
        pods.iter().filter(|(_, pod)| selects(selector, pod)).map(|(name, _)| *name).collect()
    };
    for budget in of_kind(&documents, "PodDisruptionBudget") {
        assert_eq!(found(&budget["spec"]["selector"]["matchLabels"]), [name(budget)]);
    }
    for kind in ["Deployment", "StatefulSet"] {
        for workload in of_kind(&documents, kind) {
            assert_eq!(found(&workload["spec"]["selector"]["matchLabels"]), [name(workload)]);
        }
    }
    let coordinators = "r-cleanplate-coordinators";
    let services = of_kind(&documents, "Service");
    assert_eq!(services.len(), 2);
    for service in &services {
        assert_eq!(found(&service["spec"]["selector"]), [coordinators]);
    }
    let policies = of_kind(&documents, "NetworkPolicy");
    let workers: Vec<&str> =
        pods.iter().map(|(name, _)| *name).filter(|name| *name != coordinators).collect();
    assert_eq!(workers.len(), 4);
    for policy in policies {
        let meant = if name(policy) == coordinators { vec![coordinators] } else { workers.clone() };
        assert_eq!(found(&policy["spec"]["podSelector"]["matchLabels"]), meant);
    }
    // Prometheus finds the service that has the port of probes, by its labels.
    let monitor = of_kind(&documents, "ServiceMonitor")[0];
    let wanted = &monitor["spec"]["selector"]["matchLabels"];
    let watched: Vec<&str> = services
        .iter()
        .filter(|service| selects(wanted, service))
        .map(|service| name(service))
        .collect();
    assert_eq!(watched, [coordinators]);
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], "probes");
}

#[test]
fn workers_know_all_coordinators_by_names_that_the_certificate_holds() {
    if !are_here() {
        return;
    }
    let documents = rendered("farm");
    let certificate = of_kind(&documents, "Certificate")[0];
    let names = certificate["spec"]["dnsNames"].as_array().unwrap();
    for (name, pod) in pods(&documents) {
        let Some(addresses) = variable(pod, "CLEANPLATE_COORDINATOR") else {
            let advertised = variable(pod, "CLEANPLATE_COORDINATOR_ADVERTISE").unwrap();
            for number in 0..2 {
                let own = advertised.replace("$(POD_NAME)", &format!("{name}-{number}"));
                let host = own.strip_prefix("https://").unwrap().strip_suffix(":7700").unwrap();
                assert!(names.contains(&host.into()), "{host}");
            }
            continue;
        };
        assert_eq!(addresses.split(',').count(), 2, "{name}");
        for address in addresses.split(',') {
            let host = address.strip_prefix("https://").unwrap().strip_suffix(":7700").unwrap();
            assert!(names.contains(&host.into()), "{host}");
        }
    }
}

#[test]
fn a_worker_has_time_to_hand_in_and_never_the_coordinators_key() {
    if !are_here() {
        return;
    }
    for values in ALL {
        for (name, pod) in pods(&rendered(values)) {
            let Some(grace) = variable(pod, "CLEANPLATE_WORKER_GRACE") else { continue };
            let grace: u64 = grace.strip_suffix('s').unwrap().parse().unwrap();
            let killed = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
            assert!(grace >= 5 && grace + 5 <= killed, "{name}: {grace} of {killed}");
            let volumes = serde_json::to_string(&pod["spec"]["volumes"]).unwrap();
            assert!(!volumes.contains("tls.key") && !volumes.contains("tokens.toml"), "{volumes}");
            assert_eq!(volumes.contains("ca.crt"), values != "open", "{name}");
        }
    }
}

#[test]
fn pools_with_cards_ask_for_them_and_the_others_do_not() {
    if !are_here() {
        return;
    }
    let cards = [("big", Some("1")), ("mid", Some("2")), ("once", Some("1")), ("cpu", None)];
    let documents = rendered("farm");
    for (pool, cards) in cards {
        let pods = pods(&documents);
        let (_, pod) = pods.iter().find(|(name, _)| name.ends_with(&format!("-{pool}"))).unwrap();
        let container = container(pod);
        assert_eq!(container["resources"]["limits"]["nvidia.com/gpu"].as_str(), cards, "{pool}");
        let image = if cards.is_some() { "cleanplate-worker:" } else { "cleanplate-worker-cpu:" };
        assert!(container["image"].as_str().unwrap().starts_with(image), "{pool}");
    }
}

#[test]
fn a_journal_in_sqlite_is_on_a_volume_and_one_in_postgresql_is_told_by_a_secret() {
    if !are_here() {
        return;
    }
    let state = |values: &str| {
        let documents = rendered(values);
        let set = of_kind(&documents, "StatefulSet")[0].clone();
        let variables = container(&set["spec"]["template"])["env"].as_array().unwrap().clone();
        let told =
            variables.into_iter().find(|told| told["name"] == "CLEANPLATE_COORDINATOR_STATE");
        (set["spec"].clone(), told.unwrap())
    };
    let (spec, told) = state("small");
    assert_eq!(
        (&spec["replicas"], &told["value"]),
        (&json!(1), &json!("sqlite:/var/lib/cleanplate/journal.db"))
    );
    assert_eq!(spec["volumeClaimTemplates"][0]["metadata"]["name"], "state");
    let (spec, told) = state("farm");
    assert_eq!(spec["replicas"], 2);
    assert!(spec.get("volumeClaimTemplates").is_none());
    assert_eq!(told["valueFrom"]["secretKeyRef"], json!({"name": "journal", "key": "url"}));
}
