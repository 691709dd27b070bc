//! kill -9 of the orchestrator in each stage: no agent survives it, and the same command goes on
//! without losing or repeating anything.

use eklavya_testkit::install::running::{RunningCommand, wait_until};
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::{RecordedRequest, ScriptedReply};

/// Kills the orchestrator and looks at what is left of it.
#[track_caller]
fn kill_orchestrator(studio: &TestInstall, running: RunningCommand) {
    running.kill_and_wait();
    studio.assert_no_agent_process();
}

/// Runs a stage up to the request that `here` describes, and kills it there.
#[track_caller]
fn kill_at(
    studio: &TestInstall,
    stage: &[&str],
    reply: ScriptedReply,
    here: fn(&RecordedRequest) -> bool,
) {
    studio.upstream.answer_with(move |asked| match asked {
        asked if here(asked) && asked.again == 0 => reply.clone(),
        _ => ScriptedReply::Play,
    });
    let running = studio.start(stage);
    let asked = studio.upstream.wait_for_request(here);
    studio.wait_until_recorded(&asked);
    kill_orchestrator(studio, running);
    studio.upstream.play_script();
}

#[test]
fn the_work_survives_its_orchestrator_in_every_stage() {
    // A test command that takes a while, to be killed in the middle of it.
    let script = SCRIPT.replace("testCommand: \"sh", "testCommand: \"sleep 1; sh");
    let studio = TestInstall::new(&script);
    let [plan, approve, demo, choose, build, verify, deliver] = STAGES;

    kill_at(&studio, plan, ScriptedReply::Hang, |asked| {
        asked.role == "architect" && asked.step == 1
    });
    studio.run(plan).ok();
    studio.run(approve).ok();
    kill_at(&studio, demo, ScriptedReply::HangAfter(4), |asked| {
        asked.is_step("demo-1", 1)
    });
    // While its preview starts: that it is ready is not written down in time.
    let ready = "AFTER UPDATE ON demos WHEN NEW.status = 'ready'";
    kill_in_transaction(&studio, demo, ready, || {
        studio.query_column("SELECT status FROM demos") == ["starting"]
    });
    studio.run(demo).ok();
    studio.run(choose).ok();

    // In the middle of an agent, and then in the middle of the test of its merge.
    kill_at(&studio, build, ScriptedReply::Hang, |asked| {
        asked.is_step("T1", 2)
    });
    let running = studio.start(build);
    let scratch = studio.project_dir().join("scratch");
    let tests = || {
        scratch
            .read_dir_utf8()
            .is_ok_and(|mut found| found.next().is_some())
    };
    assert!(wait_until(tests));
    kill_orchestrator(&studio, running);
    studio.run(build).ok();
    assert!(!tests());

    kill_at(&studio, verify, ScriptedReply::Hang, |asked| {
        asked.role == "qa" && asked.step == 1
    });
    studio.run(verify).ok();
    let recorded = "AFTER INSERT ON deliveries";
    let page = studio.project_dir().join("delivery/dossier.html");
    kill_in_transaction(&studio, deliver, recorded, || page.exists());
    assert_eq!(studio.query_column("SELECT tag FROM deliveries"), [""; 0]);
    studio.run(deliver).ok();

    // Nor a preview whose start was cut off, and which nobody knows of.
    assert!(wait_until(|| studio.preview_processes().is_empty()));
    insta::assert_snapshot!("final_tree", studio.tree());
    studio.assert_ledger_equals_bill();
    studio.assert_nothing_was_done_twice();
    studio.assert_audit_trail_is_complete();
    assert_eq!(
        studio.query_column("SELECT worker FROM leases WHERE worker IS NOT NULL"),
        [""; 0]
    );
    let living = "SELECT status FROM agents WHERE status NOT IN ('completed', 'lost')";
    assert_eq!(studio.query_column(living), [""; 0]);
    let show = ["project", "show", "shop", "--output", "json"];
    assert_eq!(studio.run(&show).ok().json()["status"], "delivered");
}

/// Kills the orchestrator once `there` holds, and never later than in the transaction in which
/// `change` happens to the database.
#[track_caller]
fn kill_in_transaction(
    studio: &TestInstall,
    stage: &[&str],
    change: &str,
    there: impl Fn() -> bool,
) {
    studio.execute_sql(&format!(
        "CREATE TRIGGER slow {change} BEGIN SELECT (WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000) SELECT count(*) FROM n); END"
    ));
    let running = studio.start(stage);
    assert!(wait_until(there));
    kill_orchestrator(studio, running);
    studio.execute_sql("DROP TRIGGER slow");
}
