//! The rules for docker/compose.yaml and the image of a worker. If Docker Compose is installed,
//! `scripts/test` also lets it validate the file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use eklavya_claude::cli::locate::PINNED_VERSION;
use eklavya_config::KEYS;
use serde_json::{Map, Value};

fn repository_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read_file(file: &str) -> String {
    fs::read_to_string(repository_root().join(file))
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn compose_file() -> Value {
    serde_yaml::from_str(&read_file("docker/compose.yaml")).unwrap()
}

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().unwrap()
}

fn string_list(list: &Value) -> Vec<&str> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|entry| entry.as_str().unwrap()).collect()
}

/// Returns the names of the secrets of a service.
fn secret_names(service: &Value) -> BTreeSet<&str> {
    string_list(&service["secrets"]).into_iter().collect()
}

/// Returns an image's version, or nothing if it has none or a moving one.
fn pinned_version(image: &str) -> Option<&str> {
    let (_, tag) = image.rsplit_once(':')?;
    (tag != "latest" && tag.starts_with(|first: char| first.is_ascii_digit())).then_some(tag)
}

#[test]
fn every_service_has_a_health_check_a_restart_policy_limits_and_a_grace_period() {
    let compose = compose_file();
    for (name, service) in services(&compose) {
        let check = &service["healthcheck"];
        for part in ["test", "interval", "timeout", "retries", "start_period"] {
            assert!(!check[part].is_null(), "{name}: healthcheck.{part}");
        }
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(service["stop_grace_period"].is_string(), "{name}");
        let limits = &service["deploy"]["resources"]["limits"];
        for limit in ["cpus", "memory", "pids"] {
            assert!(!limits[limit].is_null(), "{name}: {limit}");
        }
        assert!(
            service["logging"]["options"]["max-size"].is_string(),
            "{name}: its log grows for ever"
        );
    }
}

#[test]
fn every_service_has_the_least_rights() {
    let compose = compose_file();
    for (name, service) in services(&compose) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(string_list(&service["cap_drop"]), ["ALL"], "{name}");
        let options = string_list(&service["security_opt"]);
        assert!(options.contains(&"no-new-privileges:true"), "{name}");
        assert!(!options.contains(&"seccomp:unconfined"), "{name}");
        for right in [
            "privileged",
            "cap_add",
            "pid",
            "ipc",
            "network_mode",
            "ports",
            "devices",
        ] {
            assert!(service[right].is_null(), "{name}: {right}");
        }
        let unmasked = options.contains(&"systempaths=unconfined");
        assert_eq!(unmasked, name == "worker", "{name}: {options:?}");
        let volumes = string_list(&service["volumes"]);
        assert!(
            !volumes.iter().any(|volume| volume.contains("docker.sock")),
            "{name}"
        );
    }
}

#[test]
fn the_servers_are_reachable_only_from_the_internal_network() {
    let compose = compose_file();
    assert_eq!(compose["networks"]["servers"]["internal"], true);
    let services = services(&compose);
    for name in ["postgres", "redis"] {
        assert_eq!(
            string_list(&services[name]["networks"]),
            ["servers"],
            "{name}"
        );
    }
}

#[test]
fn the_worker_waits_until_the_servers_answer() {
    let compose = compose_file();
    let awaited = services(&compose)["worker"]["depends_on"]
        .as_object()
        .unwrap();
    let names: Vec<&String> = awaited.keys().collect();
    assert_eq!(names, ["postgres", "redis"]);
    assert!(
        awaited
            .values()
            .all(|how| how["condition"] == "service_healthy")
    );
}

#[test]
fn every_secret_is_a_file_for_services_that_need_it() {
    let compose = compose_file();
    let declared = compose["secrets"].as_object().unwrap();
    let given = services(&compose)
        .values()
        .flat_map(secret_names)
        .collect::<BTreeSet<_>>();
    let names = declared.keys().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(names, given);
    for (name, secret) in declared {
        assert_eq!(secret["file"], format!("./secrets/{name}"));
    }
    for (service, definition) in services(&compose) {
        let environment = definition["environment"].as_object();
        for (variable, value) in environment.into_iter().flatten() {
            let secret = ["PASSWORD", "KEY", "TOKEN", "SECRET"];
            if !secret.iter().any(|word| variable.contains(word)) {
                continue;
            }
            assert!(
                variable.ends_with("_FILE"),
                "{service}: {variable} is no file"
            );
            let file = value.as_str().unwrap().strip_prefix("/run/secrets/");
            let file = file.unwrap_or_else(|| panic!("{service}: {variable}={value}"));
            assert!(
                secret_names(definition).contains(file),
                "{service} is not given {file}"
            );
        }
    }
    for ignored in [".gitignore", ".dockerignore"] {
        assert!(
            read_file(ignored)
                .lines()
                .any(|line| line == "/docker/secrets"),
            "{ignored}"
        );
    }
}

#[test]
fn every_variable_of_the_worker_is_a_key_of_the_configuration() {
    let compose = compose_file();
    let mut known: BTreeSet<String> = KEYS
        .iter()
        .map(eklavya_config::ConfigKey::environment_variable)
        .collect();
    known.insert("EKLAVYA_HOME".to_owned());
    let worker = services(&compose)["worker"]["environment"]
        .as_object()
        .unwrap();
    for variable in worker.keys() {
        assert!(known.contains(variable), "{variable}");
    }
    for needed in [
        "EKLAVYA_STORE_URL",
        "EKLAVYA_BUS_URL",
        "EKLAVYA_MODEL_KEY_FILE",
    ] {
        assert!(worker.contains_key(needed), "{needed}");
    }
}

#[test]
fn images_have_the_versions_that_the_product_is_tested_with() {
    let compose = compose_file();
    for (name, service) in services(&compose) {
        let image = service["image"].as_str().unwrap();
        assert!(pinned_version(image).is_some(), "{name}: {image}");
    }
    let of = |name: &str| pinned_version(services(&compose)[name]["image"].as_str().unwrap());
    assert!(of("postgres").unwrap().starts_with("16"));
    assert!(of("redis").unwrap().starts_with('7'));
    assert_eq!(of("worker"), Some(env!("CARGO_PKG_VERSION")));

    let dockerfile = read_file("docker/server.Dockerfile");
    let bases = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "));
    for base in bases {
        let image = base.split(' ').next().unwrap();
        let debian = image.starts_with("debian:bookworm");
        assert!(debian || pinned_version(image).is_some(), "{image}");
    }
    assert!(dockerfile.contains(&format!("\nARG CLAUDE_VERSION={PINNED_VERSION}\n")));
    let rust = env!("CARGO_PKG_RUST_VERSION");
    assert!(dockerfile.contains(&format!("\nFROM rust:{rust}-bookworm AS build\n")));
}

#[test]
fn files_that_compose_refers_to_exist() {
    let compose = compose_file();
    for (name, service) in services(&compose) {
        for volume in string_list(&service["volumes"]) {
            let (source, _) = volume.split_once(':').unwrap();
            let there = match source.strip_prefix("./") {
                Some(file) => repository_root().join("docker").join(file).is_file(),
                None => compose["volumes"].as_object().unwrap().contains_key(source),
            };
            assert!(there, "{name}: {volume}");
        }
        for option in string_list(&service["security_opt"]) {
            if let Some(profile) = option.strip_prefix("seccomp:") {
                let profile = read_file(Path::new("docker").join(profile).to_str().unwrap());
                serde_json::from_str::<Value>(&profile).unwrap();
            }
        }
    }
    let dockerfile = &services(&compose)["worker"]["build"]["dockerfile"];
    assert!(
        repository_root()
            .join(dockerfile.as_str().unwrap())
            .is_file()
    );
}

#[test]
fn the_seccomp_profile_allows_the_calls_that_sandboxes_need() {
    let profile: Value = serde_json::from_str(&read_file("docker/seccomp.json")).unwrap();
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ALLOW");
    let rules = profile["syscalls"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["action"] == "SCMP_ACT_ERRNO"));
    let denied: BTreeSet<&str> = rules
        .iter()
        .flat_map(|rule| string_list(&rule["names"]))
        .collect();
    for needed in [
        "clone",
        "clone3",
        "unshare",
        "mount",
        "umount2",
        "pivot_root",
    ] {
        assert!(!denied.contains(needed), "{needed}");
    }
    for dangerous in [
        "bpf",
        "keyctl",
        "ptrace",
        "io_uring_setup",
        "open_by_handle_at",
        "init_module",
    ] {
        assert!(denied.contains(dangerous), "{dangerous}");
    }
}
