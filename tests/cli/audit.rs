//! `eklavya audit`: which commands are recorded, and how entries are shown, verified and exported.

use eklavya_testkit::cli::TestEnv;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

/// Returns the entries as `actor action`.
fn audit_actions(env: &TestEnv, arguments: &[&str]) -> Vec<String> {
    let log = env.run(&[&["audit", "log"], arguments, &["--output", "jsonl"]].concat());
    let lines = log.ok().stdout;
    lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let actor = line["actor"].as_str().unwrap().split(':').next().unwrap();
            format!("{actor} {}", line["action"].as_str().unwrap())
        })
        .collect()
}

/// Changes the database without its triggers.
#[tokio::main(flavor = "current_thread")]
async fn tamper(env: &TestEnv, sql: &str) {
    let url = format!("sqlite://{}", env.home().join("eklavya.db"));
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let script = format!(
        "DROP TRIGGER audit_logs_keep_values; {sql}; CREATE TRIGGER audit_logs_keep_values \
         BEFORE UPDATE ON audit_logs BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END"
    );
    database.execute(AssertSqlSafe(script)).await.unwrap();
    database.close().await.unwrap();
}

#[test]
fn every_change_is_recorded_with_its_actor() {
    let env = TestEnv::new();
    env.run(&["init", "--yes"]).ok();
    env.run(&["config", "set", "agents.parallel", "8"]).ok();
    env.run(&["config", "set", "agents.parallel", "--default"])
        .ok();
    env.run(&["budget", "set", "--all", "--limit", "100"]).ok();
    env.create_project("Shop");
    env.run(&["budget", "set", "shop", "--limit", "30"]).ok();
    env.run(&["project", "pause", "shop"]).ok();
    env.run(&["project", "resume", "shop"]).ok();
    env.run(&["project", "export", "shop"]).ok();
    env.run(&["project", "archive", "shop", "--yes"]).ok();
    let own = [
        "admin installation.init",
        "admin config.set",
        "admin config.set",
        "admin budget.set",
    ];
    assert_eq!(audit_actions(&env, &["--installation"]), own);
    let shop = [
        "admin project.create",
        "admin budget.set",
        "admin project.advance",
        "admin project.advance",
        "admin project.export",
        "admin project.advance",
    ];
    assert_eq!(audit_actions(&env, &["shop"]), shop);
    assert_eq!(audit_actions(&env, &[]), [&own[..], &shop].concat());
}

#[test]
fn the_log_is_filtered() {
    let env = TestEnv::new();
    env.create_project("Shop");
    env.create_project("Other");
    env.run(&["project", "pause", "shop"]).ok();
    let both = ["admin project.create", "admin project.advance"];
    assert_eq!(audit_actions(&env, &["shop"]), both);
    assert_eq!(audit_actions(&env, &["shop", "--limit", "1"]), both[1..]);
    assert_eq!(audit_actions(&env, &["shop", "--since", "1"]), both[1..]);
    assert_eq!(audit_actions(&env, &["--action", "project.a"]), both[1..]);
    assert_eq!(
        audit_actions(&env, &["shop", "--since", "9999-01-01"]),
        [""; 0]
    );
    assert_eq!(
        audit_actions(&env, &["shop", "--since", "1970-01-01T00:00:00Z"]),
        both
    );
    let table = env
        .run(&["audit", "log", "shop", "--limit", "1"])
        .ok()
        .stdout;
    assert!(table.contains("project.advance"), "{table}");
    assert!(table.contains("to=\"paused\""), "{table}");
    for wrong in [
        &["--since", "1"][..],
        &["--since", "tomorrow"],
        &["shop", "--all"],
        &["--limit", "0"],
    ] {
        env.run(&[&["audit", "log"], wrong].concat())
            .assert_exit_code(2);
    }
    env.run(&["audit", "log", "nothing"]).assert_exit_code(3);
    env.run(&["audit", "log", "--agent", "abc"])
        .assert_exit_code(3);
}

#[test]
fn secrets_are_hidden_in_the_audit_trail() {
    let key = "sk-never-shown-anywhere";
    let env = TestEnv::new().with("ANTHROPIC_API_KEY", key);
    let url = format!("http://ada:hunter2@127.0.0.1/{key}");
    env.run(&["config", "set", "model.url", &url]);
    env.run(&[
        "project",
        "new",
        key,
        "--slug",
        "shop",
        "--brief",
        env.write_file("b.md", "x").as_str(),
        "--client",
        "sk-ant-api03-abc",
        "--budget",
        "1",
        "--yes",
    ])
    .ok();
    let log = env.run(&["audit", "log", "--output", "json"]).ok().stdout;
    assert!(log.contains("[secret]"), "{log}");
    for secret in [key, "hunter2", "api03"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    env.run(&["audit", "verify"]).ok();
}

#[test]
fn a_change_that_cannot_be_recorded_is_a_warning() {
    let env = TestEnv::new();
    let (here, away) = (env.home().join("eklavya.db"), env.home().join("away.db"));
    std::fs::rename(&here, &away).unwrap();
    let set = env.run(&["config", "set", "agents.parallel", "3"]).ok();
    let warning = "not in the audit trail: no eklavya database exists";
    assert!(set.stderr.contains(warning), "{}", set.stderr);
    std::fs::rename(&away, &here).unwrap();
    let own = audit_actions(&env, &["--installation"]);
    assert_eq!(own, ["admin installation.init"]);
}

#[test]
fn verify_names_the_first_broken_row() {
    let env = TestEnv::new();
    env.create_project("Shop");
    for verb in ["pause", "resume", "pause"] {
        env.run(&["project", verb, "shop"]).ok();
    }
    let sound = env.run(&["audit", "verify"]).ok();
    assert!(
        sound.stderr.contains("5 rows in 2 chains"),
        "{}",
        sound.stderr
    );
    assert_eq!(sound.stdout.matches(" ok ").count(), 2, "{}", sound.stdout);
    env.run(&["audit", "verify", "shop"]).ok();
    tamper(
        &env,
        "UPDATE audit_logs SET details = '{}' WHERE position = 2 AND project_id IS NOT NULL",
    );
    let broken = env.run(&["audit", "verify"]).assert_exit_code(1);
    assert!(
        broken.stdout.contains("BROKEN at position 2 (id 3): "),
        "{}",
        broken.stdout
    );
    assert!(
        broken.stderr.contains("is broken: shop at position 2"),
        "{}",
        broken.stderr
    );
    let broken = env
        .run(&["audit", "verify", "shop", "--output", "json"])
        .assert_exit_code(1);
    let fault = &broken.json()[0]["fault"];
    assert_eq!(fault["kind"], "hash");
    assert_eq!((&fault["position"], &fault["id"]), (&2.into(), &3.into()));
    // A broken chain can still be exported, as evidence.
    env.run(&["audit", "export", "shop", "--to", "broken.jsonl"])
        .ok();
    let file = env.run(&[
        "audit",
        "verify",
        "--file",
        "broken.jsonl",
        "--output",
        "json",
    ]);
    assert_eq!(file.assert_exit_code(1).json()[0]["fault"]["position"], 2);
}

#[test]
fn an_export_verifies_without_a_database() {
    let env = TestEnv::new();
    env.create_project("Shop");
    env.run(&["project", "pause", "shop"]).ok();
    env.run(&["audit", "export", "shop", "--to", "shop.jsonl"])
        .ok();
    env.run(&["audit", "export", "shop", "--to", "shop.jsonl"])
        .assert_exit_code(2);
    env.run(&["audit", "export", "--installation", "--to", "own.jsonl"])
        .ok();
    env.run(&["audit", "export"]).assert_exit_code(2);
    let text = std::fs::read_to_string(env.path().join("shop.jsonl")).unwrap();
    let printed = env.run(&["audit", "export", "shop"]).ok().stdout;
    let without_time = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(without_time(&printed), without_time(&text));

    let offline = TestEnv::empty();
    for (name, rows) in [("shop.jsonl", 2), ("own.jsonl", 1)] {
        offline.write_file(name, std::fs::read(env.path().join(name)).unwrap());
        let verified = offline.run(&["audit", "verify", "--file", name, "--output", "json"]);
        let verified = verified.ok().json();
        assert_eq!(verified[0]["rows"], rows);
        let live = env
            .run(&["audit", "verify", "--output", "json"])
            .ok()
            .json();
        let live = live.as_array().unwrap();
        assert!(
            live.iter()
                .any(|chain| chain["hash"] == verified[0]["hash"]),
            "{live:?}"
        );
    }
    offline.write_file("changed.jsonl", text.replace("paused", "passed"));
    offline
        .run(&["audit", "verify", "--file", "changed.jsonl"])
        .assert_exit_code(1);
    let lines: Vec<&str> = text.lines().collect();
    offline.write_file("cut.jsonl", lines[..2].join("\n"));
    offline
        .run(&["audit", "verify", "--file", "cut.jsonl"])
        .assert_exit_code(1);
    offline.write_file("none.jsonl", "nothing of the kind\n");
    for none in ["none.jsonl", "missing.jsonl"] {
        offline
            .run(&["audit", "verify", "--file", none])
            .assert_exit_code(2);
    }
    offline.write_file("binary.jsonl", [0xff, 0xfe]);
    offline
        .run(&["audit", "verify", "--file", "binary.jsonl"])
        .assert_exit_code(2);
}
