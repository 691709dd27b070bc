//! Work that cannot be merged at first: conflicts and failing tests.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, delayed_step, plan_with_tasks, say_step,
};

const CONFLICT: &str = "site/index.html";

fn two_tasks() -> serde_json::Value {
    plan_with_tasks(&[("T1", "developer", &[]), ("T2", "developer", &[])])
}

/// Returns a rehearsal in which both tasks change the same line, and the task that finishes last
/// resolves the conflict with the command `resolve`.
fn conflicting_rehearsal(resolve: &str) -> RehearsalBuilder {
    let change = |word: &str| {
        let line =
            format!("sed -i 's/hello/hello, {word}/' {CONFLICT} && git commit -qam '{word}'");
        bash_step(&line)
    };
    RehearsalBuilder::happy_path(&two_tasks())
        .with_answers(
            "developer",
            "T1",
            ANY,
            [change("Ada"), say_step("Ada is greeted.")],
        )
        .with_answers(
            "developer",
            "T2",
            Some(1),
            [
                change("Grace"),
                delayed_step(3.0, say_step("Grace is greeted.")),
            ],
        )
        .with_answers(
            "developer",
            "T2",
            Some(2),
            [
                bash_step(&format!("cat {CONFLICT}")),
                bash_step(resolve),
                say_step("Both are greeted."),
            ],
        )
}

#[test]
fn two_conflicting_tasks_are_both_merged() {
    let resolve = format!("echo '<h1>hello, Ada, hello, Grace from demo 1</h1>' > {CONFLICT}");
    let story = StoryProject::with_approved_demo(&two_tasks(), &conflicting_rehearsal(&resolve));
    assert_eq!(story.json("build shop")["status"], "built");
    let input = story.agent_input("T2", 2);
    assert!(
        input.contains("conflict markers") && input.contains(CONFLICT),
        "{input}"
    );
    let seen = story.agent_output("T2", 2);
    assert!(
        seen.contains("<<<<<<<") && seen.contains("hello, Ada"),
        "{seen}"
    );
    let page = story.file("main", CONFLICT);
    assert!(page.contains("Ada") && page.contains("Grace"), "{page}");
    assert_eq!(story.task("T2")["attempt"], 2);
    assert_no_commit_has_markers(&story);
}

#[test]
fn conflict_markers_are_never_merged() {
    // The test command of this plan does not detect conflict markers.
    let mut plan = two_tasks();
    plan["testCommand"] = "true".into();
    let resolve = "echo 'not mine' > site/other.html";
    let last = format!("echo '<h1>hello, Ada and Grace</h1>' > {CONFLICT}");
    let rehearsal =
        conflicting_rehearsal(resolve).with_answers("developer", "T2", Some(3), [bash_step(&last)]);
    let story = StoryProject::with_approved_demo(&plan, &rehearsal);
    assert_eq!(story.json("build shop")["status"], "built");
    let input = story.agent_input("T2", 3);
    assert!(
        input.contains("markers") && input.contains(CONFLICT),
        "{input}"
    );
    assert_eq!(
        story.file("main", CONFLICT),
        "<h1>hello, Ada and Grace</h1>\n"
    );
    assert_eq!(story.file("main", "site/other.html"), "not mine\n");
    assert_no_commit_has_markers(&story);
}

fn assert_no_commit_has_markers(story: &StoryProject) {
    for commit in story.git(&["rev-list", "main"]).lines() {
        for file in story
            .files(commit)
            .iter()
            .filter(|file| file.starts_with("site/"))
        {
            let text = story.file(commit, file);
            assert!(!text.contains("<<<<<<<"), "{commit} {file}: {text}");
        }
    }
}

#[test]
fn failing_tests_are_returned_to_the_agent_and_then_block_the_task() {
    let plan = plan_with_tasks(&[
        ("T1", "developer", &[]),
        ("T2", "developer", &[]),
        ("T3", "developer", &["T2"]),
    ]);
    let test = |name: &str, line: &str| bash_step(&format!("echo '{line}' > tests/{name}.sh"));
    let red = |name: &str| test(name, "echo the-shop-is-closed; exit 3");
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers("developer", "T1", Some(1), [red("t1"), say_step("Done.")])
        .with_answers(
            "developer",
            "T1",
            Some(2),
            [test("t1", "true"), say_step("Now it is.")],
        )
        .with_answers(
            "developer",
            "T2",
            ANY,
            [red("t2"), say_step("Done, I think.")],
        )
        .with_answers(
            "developer",
            "T2",
            Some(3),
            [test("t2", "true"), say_step("I see.")],
        );
    let story = StoryProject::with_approved_demo(&plan, &rehearsal)
        .with_variable("EKLAVYA_BUILD_ATTEMPTS", "2");
    let asked = story.run("build shop").assert_exit_code(6);
    assert!(
        asked.stderr.contains("tasks retry shop T2"),
        "{}",
        asked.stderr
    );

    let input = story.agent_input("T1", 2);
    assert!(
        input.contains("the-shop-is-closed") && input.contains("exit 3"),
        "{input}"
    );
    assert_eq!(story.task("T1")["status"], "done");
    let blocked = story.task("T2");
    assert_eq!(blocked["status"], "blocked");
    assert!(
        blocked["question"]
            .as_str()
            .unwrap()
            .contains("the-shop-is-closed"),
        "{blocked}"
    );
    assert_eq!(story.task("T3")["status"], "pending");
    assert!(
        !story.files("main").contains(&"tests/t2.sh".to_owned()),
        "work with failing tests is in main"
    );
    let standing = story.json("status shop");
    assert_eq!(standing[0]["tasksBlocked"], 1, "{standing}");

    let answer = [
        "tasks",
        "retry",
        "shop",
        "T2",
        "--answer",
        "Open the shop first.",
    ];
    let retried = story.run_words(&answer).ok();
    assert!(
        retried.stderr.contains("eklavya build shop"),
        "{}",
        retried.stderr
    );
    assert_eq!(story.json("build shop")["status"], "built");
    let input = story.agent_input("T2", 3);
    assert!(
        input.contains("Open the shop first.") && input.contains("the-shop-is-closed"),
        "{input}"
    );
    assert_eq!(story.file("main", "tests/t2.sh"), "true\n");
    assert!(story.files("main").contains(&"site/T3.html".to_owned()));
    let decisions = story.json("project show shop")["decisions"].clone();
    assert!(
        decisions
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["subject"] == "task T2")
    );
}
