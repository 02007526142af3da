//! The manifests parse, and what they repeat from elsewhere agrees with it.

use std::fs;
use std::path::Path;

use serde::Deserialize as _;
use serde_json::Value;

/// Every document of every manifest, with the name of its file.
fn documents() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        for document in yaml_serde::Deserializer::from_str(&text) {
            let value = Value::deserialize(document).unwrap_or_else(|error| panic!("{name}: {error}"));
            found.push((name.clone(), value));
        }
    }
    found
}

/// The one document of a kind.
fn one(kind: &str) -> Value {
    let mut found: Vec<_> =
        documents().into_iter().filter(|(_, document)| document["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "documents of kind {kind}");
    found.remove(0).1
}

/// What follows an instruction of the Dockerfile, where it stands last.
fn dockerfile(instruction: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile")).unwrap();
    let rest = text.lines().filter_map(|line| line.strip_prefix(instruction)).next_back();
    rest.unwrap_or_else(|| panic!("the Dockerfile has no {instruction}")).trim().to_owned()
}

#[test]
fn every_document_says_what_it_is() {
    let found = documents();
    assert!(found.len() >= 4, "only {} documents", found.len());
    for (file, document) in found {
        for field in [&document["apiVersion"], &document["kind"], &document["metadata"]["name"]] {
            assert!(field.as_str().is_some_and(|text| !text.is_empty()), "{file}: {document}");
        }
    }
}

#[test]
fn as_many_replicas_run_as_shards_are_told() {
    let set = one("StatefulSet");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"][1], "--shard=$(ORDINAL)/$(SHARDS)");
    let told = container["env"].as_array().unwrap().iter().find(|entry| entry["name"] == "SHARDS").unwrap();
    assert_eq!(told["value"].as_str().unwrap(), set["spec"]["replicas"].to_string());
}

#[test]
fn everything_finds_the_pods() {
    let set = one("StatefulSet");
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    assert!(labels.is_object());
    assert_eq!(&set["spec"]["selector"]["matchLabels"], labels);
    let service = one("Service");
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(service["metadata"]["name"], set["spec"]["serviceName"]);
    let monitor = one("PodMonitor");
    assert_eq!(&monitor["spec"]["selector"]["matchLabels"], labels);
    let port = &set["spec"]["template"]["spec"]["containers"][0]["ports"][0];
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["port"], port["name"]);
    assert_eq!(service["spec"]["ports"][0]["port"], port["containerPort"]);
}

#[test]
fn the_pod_is_what_the_image_expects() {
    let pod = one("StatefulSet")["spec"]["template"]["spec"].clone();
    let security = &pod["securityContext"];
    assert_eq!(dockerfile("USER"), format!("{}:{}", security["runAsUser"], security["runAsGroup"]));
    assert_eq!(security["fsGroup"], security["runAsGroup"]);
    let container = &pod["containers"][0];
    assert_eq!(dockerfile("EXPOSE"), container["ports"][0]["containerPort"].to_string());
    let mounted = |name: &str| {
        let mounts = container["volumeMounts"].as_array().unwrap();
        mounts.iter().find(|mount| mount["name"] == name).unwrap()["mountPath"].as_str().unwrap().to_owned()
    };
    assert_eq!(dockerfile("VOLUME"), mounted("data"));
    let arguments = container["args"].as_array().unwrap();
    for expected in [
        format!("--storage.path={}", mounted("data")),
        format!("--config.file={}/wolkvox.yml", mounted("config")),
    ] {
        assert!(arguments.iter().any(|argument| *argument == expected), "{expected} is not in {arguments:?}");
    }
    assert!(one("ConfigMap")["data"]["wolkvox.yml"].is_string());
}

#[test]
fn the_sample_configuration_reads_its_tokens_where_they_are_mounted() {
    let map = one("ConfigMap");
    let config: Value = yaml_serde::from_str(map["data"]["wolkvox.yml"].as_str().unwrap()).unwrap();
    let pod = one("StatefulSet")["spec"]["template"]["spec"].clone();
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap().clone();
    let tokens = mounts.iter().find(|mount| mount["name"] == "tokens").unwrap();
    let folder = format!("{}/", tokens["mountPath"].as_str().unwrap());
    let operations = config["operations"].as_array().unwrap();
    assert!(!operations.is_empty());
    for operation in operations {
        assert!(operation["token_file"].as_str().unwrap().starts_with(&folder), "{operation}");
    }
}
