//! kill -9 of the orchestrator in each stage: no agent survives it, and the same command continues
//! without losing or repeating anything.

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_testkit::install::running::{RunningCommand, wait_until};
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::{RecordedRequest, ScriptedReply};

/// Kills the orchestrator and asserts that its agents are gone.
#[track_caller]
fn kill_orchestrator(install: &TestInstall, running: RunningCommand) {
    running.kill_and_wait();
    install.assert_no_agent_process();
}

/// Runs a stage up to the request that `here` matches, and kills the orchestrator there.
#[track_caller]
fn kill_at(
    install: &TestInstall,
    stage: &[&str],
    reply: ScriptedReply,
    here: fn(&RecordedRequest) -> bool,
) {
    install.upstream.answer_with(move |request| match request {
        request if here(request) && request.again == 0 => reply.clone(),
        _ => ScriptedReply::Play,
    });
    let running = install.start(stage);
    let request = install.upstream.wait_for_request(here);
    install.wait_until_recorded(&request);
    kill_orchestrator(install, running);
    install.upstream.play_script();
}

#[test]
fn work_survives_a_killed_orchestrator_in_every_stage() {
    // The test command takes a second, so that the orchestrator can be killed while it runs.
    let script = SCRIPT.replace("testCommand: \"sh", "testCommand: \"sleep 1; sh");
    let install = TestInstall::new(&script);
    let [plan, approve, demo, choose, build, verify, deliver] = STAGES;

    kill_at(&install, plan, ScriptedReply::Hang, |request| {
        request.role == "architect" && request.step == 1
    });
    install.run(plan).ok();
    install.run(approve).ok();
    kill_at(&install, demo, ScriptedReply::HangAfter(4), |request| {
        request.is_step("demo-1", 1)
    });
    // While the preview of the demo starts: the state "ready" is not committed before the kill.
    let ready = "AFTER UPDATE ON demos WHEN NEW.status = 'ready'";
    kill_in_transaction(&install, demo, ready, || {
        install.query_column("SELECT status FROM demos") == ["starting"]
    });
    install.run(demo).ok();
    install.run(choose).ok();

    // While an agent runs, and then while the tests of its merge run.
    kill_at(&install, build, ScriptedReply::Hang, |request| {
        request.is_step("T1", 2)
    });
    let running = install.start(build);
    let scratch = install.project_dir().join("scratch");
    let tests = || {
        scratch
            .read_dir_utf8()
            .is_ok_and(|mut found| found.next().is_some())
    };
    assert!(wait_until(tests));
    kill_orchestrator(&install, running);
    install.run(build).ok();
    assert!(!tests());

    kill_at(&install, verify, ScriptedReply::Hang, |request| {
        request.role == "qa" && request.step == 1
    });
    install.run(verify).ok();
    let recorded = "AFTER INSERT ON deliveries";
    let page = install.project_dir().join("delivery/dossier.html");
    kill_in_transaction(&install, deliver, recorded, || page.exists());
    assert_eq!(install.query_column("SELECT tag FROM deliveries"), [""; 0]);
    install.run(deliver).ok();

    // A preview whose start was interrupted before it was recorded does not survive either.
    assert!(wait_until(|| install.preview_processes().is_empty()));
    insta::assert_snapshot!("final_tree", install.tree());
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
    install.assert_audit_trail_is_complete();
    assert_eq!(
        install.query_column("SELECT worker FROM leases WHERE worker IS NOT NULL"),
        [""; 0]
    );
    let living = "SELECT status FROM agents WHERE status NOT IN ('completed', 'lost')";
    assert_eq!(install.query_column(living), [""; 0]);
    let show = ["project", "show", "shop", "--output", "json"];
    assert_eq!(install.run(&show).ok().json()["status"], "delivered");
}

#[test]
fn an_agent_starts_anew_if_the_cli_did_not_record_its_conversation() {
    let install = TestInstall::new(SCRIPT);
    let plan = STAGES[0];
    kill_at(&install, plan, ScriptedReply::Hang, |request| {
        request.role == "pm" && request.step == 1
    });
    // As if the CLI had been killed just after it created the file.
    for conversation in recorded_conversations(&install) {
        std::fs::write(conversation, "").unwrap();
    }
    install.run(plan).ok();
    let ended = "SELECT role || ' ' || status FROM agents ORDER BY created_at";
    assert_eq!(
        install.query_column(ended),
        [
            "pm lost",
            "pm failed",
            "pm completed",
            "architect completed"
        ]
    );
}

/// Returns the files in which the CLI of the first agent records its conversation.
fn recorded_conversations(install: &TestInstall) -> Vec<Utf8PathBuf> {
    let workspaces = install.query_column("SELECT working_dir FROM agents");
    let workspace = Utf8Path::new(&workspaces[0]);
    let session = format!("{}.jsonl", workspace.file_name().unwrap());
    let projects = workspace.join("home/.claude/projects");
    let files: Vec<_> = projects
        .read_dir_utf8()
        .unwrap()
        .map(|project| project.unwrap().path().join(&session))
        .filter(|file| file.exists())
        .collect();
    assert!(!files.is_empty(), "the CLI recorded no conversation");
    files
}

/// Kills the orchestrator once `there` holds. A slow trigger keeps the orchestrator in the
/// transaction that makes `change`, so the change is never committed.
#[track_caller]
fn kill_in_transaction(
    install: &TestInstall,
    stage: &[&str],
    change: &str,
    there: impl Fn() -> bool,
) {
    install.execute_sql(&format!(
        "CREATE TRIGGER slow {change} BEGIN SELECT (WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000) SELECT count(*) FROM n); END"
    ));
    let running = install.start(stage);
    assert!(wait_until(there));
    kill_orchestrator(install, running);
    install.execute_sql("DROP TRIGGER slow");
}
