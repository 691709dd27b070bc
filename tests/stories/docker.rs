//! Agents in containers: a project from the brief to the delivered repository, outages of the
//! engine, and isolation.

use eklavya_core::clock::{Clock, SystemClock};
use eklavya_testkit::host::{http_get, processes_at, wait_for};
use eklavya_testkit::servers::docker::{DockerDaemon, docker_command, make_images};
use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{RehearsalBuilder, plan_with_tasks};

fn current_time() -> String {
    SystemClock.now().as_second().to_string()
}

fn load_images(daemon: &DockerDaemon) {
    daemon.import_base();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let socket = daemon.socket();
        let engine = eklavya_sandbox::docker::DockerEngine::detect(&socket)
            .await
            .unwrap();
        make_images(&engine).await;
    });
}

/// The engine also stops between two stages; the work continues once the engine runs again.
#[test]
fn a_project_is_delivered_with_agents_in_containers() {
    let mut daemon = DockerDaemon::start();
    load_images(&daemon);
    let plan = plan_with_tasks(&[("T1", "developer", &[]), ("T2", "tester", &["T1"])]);
    let story = StoryProject::with_new_project(&RehearsalBuilder::happy_path(&plan))
        .with_variable("EKLAVYA_DOCKER_SOCKET", daemon.socket().to_str().unwrap());
    let begun = current_time();
    story.ok("project isolation shop docker");
    assert_eq!(story.json("project show shop")["isolation"], "docker");
    story.ok("plan shop");
    story.ok("plan approve shop --yes");
    story.ok("demo build shop");
    let demos = story.json("demo list shop");
    let url = demos[0]["previewUrl"].as_str().unwrap();
    assert!(http_get(url).unwrap().contains("hello from demo 1"));
    story.ok("demo approve shop 1 --yes");
    assert_eq!(http_get(url), None);

    daemon.stop();
    let ended = story.run("build shop");
    assert_eq!(ended.code, 7, "{ended:#?}");
    assert!(ended.stderr.contains("does not answer"), "{ended:#?}");
    daemon.restart();
    story.ok("build shop");
    story.ok("verify shop");
    story.ok("deliver shop");
    assert_eq!(story.status(), "delivered");

    let (_, started) = docker_command(
        &daemon.socket(),
        &[
            "events",
            "--since",
            &begun,
            "--until",
            &current_time(),
            "--filter",
            "event=start",
            "--filter",
            "label=eklavya.project=shop",
            "--format",
            "{{json .Actor.Attributes}}",
        ],
    );
    let agents = started
        .lines()
        .filter(|line| line.contains("eklavya.agent"));
    // The restarted engine does not list the containers that were started before the restart.
    assert!(agents.count() >= 4, "{started}");
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
    wait_for("no container is left", || {
        docker_command(&daemon.socket(), &["ps", "-aq"])
            .1
            .is_empty()
            .then_some(())
    });
    assert_eq!(
        std::fs::read_dir(story.env.home().join("containers"))
            .unwrap()
            .count(),
        0
    );
}

/// If the engine stops while an agent works, the agent ends too, and the task can be resumed later.
#[test]
fn a_task_survives_a_stop_of_the_docker_engine() {
    let mut daemon = DockerDaemon::start();
    load_images(&daemon);
    let plan = plan_with_tasks(&[("T1", "developer", &[])]);
    let slow = RehearsalBuilder::happy_path(&plan).with_answers(
        "pm",
        "*",
        eklavya_testkit::story::rehearsal::ANY,
        [
            eklavya_testkit::story::rehearsal::write_step(
                "docs/requirements.md",
                "# Requirements\n",
            ),
            eklavya_testkit::story::rehearsal::tool_step(
                "Read",
                serde_json::json!({ "file_path": "docs/requirements.md" }),
            ),
            eklavya_testkit::story::rehearsal::delayed_step(
                8.0,
                eklavya_testkit::story::rehearsal::say_step("Done."),
            ),
        ],
    );
    let story = StoryProject::with_new_project(&slow)
        .with_variable("EKLAVYA_DOCKER_SOCKET", daemon.socket().to_str().unwrap())
        .with_variable("EKLAVYA_SANDBOX_ISOLATION", "docker");
    let running = story.start("plan shop");
    wait_for("an agent runs", || {
        let (_, output) = docker_command(
            &daemon.socket(),
            &["ps", "-q", "--filter", "label=eklavya.agent"],
        );
        (!output.is_empty()).then_some(())
    });
    std::thread::sleep(std::time::Duration::from_secs(2));
    daemon.stop();
    let ended = running.wait();
    assert_eq!(ended.code, 7, "{ended:#?}");
    assert!(ended.stderr.contains("does not answer"), "{ended:#?}");
    let task = story.task("plan-1-requirements");
    assert_eq!(task["status"], "pending", "{task}");
    daemon.restart();
    story.set_rehearsal(&RehearsalBuilder::happy_path(&plan));
    story.ok("plan shop");
    assert_eq!(story.status(), "planReview");
}

/// The same assertions as under bubblewrap. A browser runs outside the containers.
#[test]
fn in_containers_the_role_table_holds_and_other_projects_are_hidden() {
    let daemon = DockerDaemon::start();
    load_images(&daemon);
    let socket = daemon.socket();
    let variables = [
        ("EKLAVYA_DOCKER_SOCKET", socket.to_str().unwrap()),
        ("EKLAVYA_SANDBOX_ISOLATION", "docker"),
    ];
    insta::assert_snapshot!(crate::isolation::role_table::attempt_table(&variables));
    crate::isolation::neighbours::assert_neighbour_unreachable(&variables);
}
