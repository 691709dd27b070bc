//! Demos that are rejected, and demos that do not answer.

use eklavya_testkit::host::{http_get, processes_at};
use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, say_step, small_plan, write_step,
};
use serde_json::Value;

/// The seconds in which a demo must answer; on a busy machine a working demo needs a few seconds.
const HEALTH: &str = "10";

#[test]
fn the_next_round_of_demos_gets_the_feedback_on_rejected_demos() {
    let plan = small_plan();
    let story = StoryProject::with_approved_plan(&plan, &RehearsalBuilder::happy_path(&plan))
        .with_variable("EKLAVYA_DEMO_COUNT", "2");
    story.ok("demo build shop");
    let first = demo_url(&story, 1);
    let rejected = ["demo", "reject", "shop", "1", "--feedback", "Far too dark."];
    story.run_words(&rejected).ok();
    assert_eq!(http_get(&first), None, "a rejected demo still answers");
    // The other demo can still be chosen.
    assert_eq!(story.status(), "demoReview");
    assert!(http_get(&demo_url(&story, 2)).is_some());
    story.run("demo approve shop 1 --yes").assert_exit_code(4);
    let rest = [
        "demo",
        "reject",
        "shop",
        "--all",
        "--feedback",
        "Too plain.",
    ];
    story.run_words(&rest).ok();
    assert_eq!(story.status(), "demoBuilding");

    story.ok("demo build shop");
    assert_eq!(demo_rounds(&story), [(1, 1), (2, 1), (3, 2), (4, 2)]);
    for task in ["demo-3", "demo-4"] {
        let input = story.agent_input(task, 1);
        assert!(
            input.contains("Far too dark.") && input.contains("Too plain."),
            "{input}"
        );
    }
    assert!(
        http_get(&demo_url(&story, 4))
            .unwrap()
            .contains("hello from demo 4")
    );
    let wish = [
        "demo",
        "approve",
        "shop",
        "4",
        "--feedback",
        "Bigger letters.",
        "--yes",
    ];
    story.run_words(&wish).ok();
    assert_eq!(story.status(), "demoApproved");
    // The admin's comment on the choice reaches the agents that build on it.
    story.ok("build shop");
    assert!(
        story.agent_input("T1", 1).contains("Bigger letters."),
        "{}",
        story.agent_input("T1", 1)
    );
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
}

/// Returns the steps of an agent that writes a demo without a page.
fn pageless_demo() -> Vec<Value> {
    vec![
        bash_step("mkdir -p site && rm -f site/index.html && echo nothing > site/other.txt"),
        say_step("It should work."),
    ]
}

#[test]
fn a_demo_that_does_not_answer_is_retried_and_then_fails_alone() {
    let plan = small_plan();
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers("developer", "demo-2", Some(1), pageless_demo())
        .with_answers(
            "developer",
            "demo-2",
            Some(2),
            [bash_step(
                r#"echo 'hello after all' > site/index.html
                perl -e 'symlink "/etc/passwd", "site/secrets"; symlink "/", "site/host"'"#,
            )],
        )
        .with_answers("developer", "demo-3", ANY, pageless_demo());
    let story = StoryProject::with_approved_plan(&plan, &rehearsal)
        .with_variable("EKLAVYA_DEMO_COUNT", "3")
        .with_variable("EKLAVYA_DEMO_HEALTH_SECONDS", HEALTH)
        .with_variable("EKLAVYA_BUILD_ATTEMPTS", "2");
    assert_eq!(story.json("demo build shop")["status"], "demoReview");
    let input = story.agent_input("demo-2", 2);
    assert!(
        input.contains("did not answer") && input.contains("404"),
        "{input}"
    );
    assert!(
        !input.contains("server printed"),
        "a static preview has no output: {input}"
    );
    assert!(
        http_get(&demo_url(&story, 2))
            .unwrap()
            .contains("hello after all")
    );
    for secret in [
        "secrets",
        "host/etc/passwd",
        "../../../../../../../etc/passwd",
    ] {
        let answer = http_get(&format!("{}{secret}", demo_url(&story, 2))).unwrap();
        assert!(!answer.contains("root:"), "{secret}: {answer}");
    }
    let failed = story.json("demo show shop 3");
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["reason"]
            .as_str()
            .unwrap()
            .contains("did not answer"),
        "{failed}"
    );
    let refused = story.run("demo approve shop 3 --yes").assert_exit_code(4);
    assert!(refused.stderr.contains("demo 3"), "{}", refused.stderr);
    assert_eq!(story.status(), "demoReview");

    // The failed demo does not block another round, and its question is closed.
    let all = [
        "demo",
        "reject",
        "shop",
        "--all",
        "--feedback",
        "None of them.",
    ];
    story.run_words(&all).ok();
    let story = story.with_variable("EKLAVYA_DEMO_COUNT", "1");
    story.ok("demo build shop");
    assert_eq!(demo_rounds(&story), [(1, 1), (2, 1), (3, 1), (4, 2)]);
    assert_eq!(story.json("status shop")[0]["tasksBlocked"], 0);
    story.ok("demo approve shop 4 --yes");
}

#[test]
fn a_round_without_a_working_demo_asks_the_admin() {
    let plan = small_plan();
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers("developer", "demo-1", Some(1), pageless_demo())
        .with_answers(
            "developer",
            "demo-1",
            Some(2),
            [write_step("site/index.html", "hello at last\n")],
        );
    let story = StoryProject::with_approved_plan(&plan, &rehearsal)
        .with_variable("EKLAVYA_DEMO_HEALTH_SECONDS", HEALTH)
        .with_variable("EKLAVYA_BUILD_ATTEMPTS", "1");
    let asked = story.run("demo build shop").assert_exit_code(6);
    assert!(
        asked.stderr.contains("tasks retry shop demo-1"),
        "{}",
        asked.stderr
    );
    let answer = [
        "tasks",
        "retry",
        "shop",
        "demo-1",
        "--answer",
        "Write an index.html.",
    ];
    let retried = story.run_words(&answer).ok();
    assert!(
        retried.stderr.contains("eklavya demo build shop"),
        "{}",
        retried.stderr
    );
    story.ok("demo build shop");
    assert!(
        story
            .agent_input("demo-1", 2)
            .contains("Write an index.html.")
    );
    assert!(
        http_get(&demo_url(&story, 1))
            .unwrap()
            .contains("hello at last")
    );
    story.ok("demo approve shop 1 --yes");
}

#[test]
fn a_round_without_a_working_demo_can_be_rejected_and_repeated() {
    let plan = small_plan();
    let rehearsal = RehearsalBuilder::happy_path(&plan).with_answers(
        "developer",
        "demo-1",
        ANY,
        pageless_demo(),
    );
    let story = StoryProject::with_approved_plan(&plan, &rehearsal)
        .with_variable("EKLAVYA_DEMO_HEALTH_SECONDS", HEALTH)
        .with_variable("EKLAVYA_BUILD_ATTEMPTS", "1");
    story.run("demo build shop").assert_exit_code(6);
    let rejected = ["demo", "reject", "shop", "1", "--feedback", "Begin again."];
    story.run_words(&rejected).ok();
    assert_eq!(story.json("demo build shop")["status"], "demoReview");
    assert!(story.agent_input("demo-2", 1).contains("Begin again."));
    assert_eq!(demo_rounds(&story), [(1, 1), (2, 2)]);
}

#[test]
fn a_server_can_be_a_preview() {
    let server = r#"use IO::Socket::INET;
$| = 1;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 8123, Listen => 5, ReuseAddr => 1) or die;
print "listening\n";
while (my $peer = $listener->accept) {
    my $request = <$peer>;
    print "asked for $request";
    my $body = $request =~ m{GET /menu} ? "<h1>hello from perl</h1>" : "nothing";
    my $status = $request =~ m{GET /menu} ? "200 OK" : "404 Not Found";
    print $peer "HTTP/1.1 $status\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
    close $peer;
}
"#;
    let mut plan = small_plan();
    plan["preview"] = serde_json::json!({
        "kind": "command", "command": "perl server.pl", "port": 8123, "path": "/menu",
    });
    let rehearsal = RehearsalBuilder::happy_path(&plan).with_answers(
        "developer",
        "demo-1",
        ANY,
        [write_step("server.pl", server), say_step("It serves.")],
    );
    let story = StoryProject::with_approved_plan(&plan, &rehearsal);
    story.ok("demo build shop");
    let page = http_get(&demo_url(&story, 1)).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("hello from perl"),
        "{page}"
    );
    eklavya_testkit::host::wait_for("the output of the server is in its log", || {
        let log = story.ok("demo logs shop 1").stdout;
        (log.contains("listening") && log.contains("GET /menu")).then_some(())
    });
    let before = demo_url(&story, 1);
    story.ok("demo stop shop 1");
    assert_eq!(http_get(&before), None);
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
    story.ok("demo open shop 1");
    assert!(
        http_get(&demo_url(&story, 1))
            .unwrap()
            .contains("hello from perl")
    );
    story.ok("project archive shop --yes");
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
}

fn demo_url(story: &StoryProject, number: u32) -> String {
    let demo = story.json(&format!("demo show shop {number}"));
    let url = demo["previewUrl"].as_str();
    url.unwrap_or_else(|| panic!("the demo has no preview: {demo}"))
        .to_owned()
}

/// Returns number and round of each demo.
fn demo_rounds(story: &StoryProject) -> Vec<(u64, u64)> {
    let demos = story.json("demo list shop");
    let pair = |demo: &Value| {
        (
            demo["number"].as_u64().unwrap(),
            demo["round"].as_u64().unwrap(),
        )
    };
    demos.as_array().unwrap().iter().map(pair).collect()
}
