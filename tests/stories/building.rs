//! Work that does not fit at first: conflicts and red tests.

use crate::rehearsal::{ANY, Rehearsal, after, bash, plan, says};
use crate::story::Story;

const CONFLICT: &str = "site/index.html";

fn two_tasks() -> serde_json::Value {
    plan(&[("T1", "developer", &[]), ("T2", "developer", &[])])
}

/// Both tasks change the same line from the same main; the second to finish resolves it like this.
fn conflicting(resolve: &str) -> Rehearsal {
    let change = |word: &str| {
        let line =
            format!("sed -i 's/hello/hello, {word}/' {CONFLICT} && git commit -qam '{word}'");
        bash(&line)
    };
    Rehearsal::of(&two_tasks())
        .plays(
            "developer",
            "T1",
            ANY,
            [change("Ada"), says("Ada is greeted.")],
        )
        .plays(
            "developer",
            "T2",
            Some(1),
            [change("Grace"), after(3.0, says("Grace is greeted."))],
        )
        .plays(
            "developer",
            "T2",
            Some(2),
            [
                bash(&format!("cat {CONFLICT}")),
                bash(resolve),
                says("Both are greeted."),
            ],
        )
}

#[test]
fn two_tasks_that_conflict_both_come_into_main() {
    let resolve = format!("echo '<h1>hello, Ada, hello, Grace from demo 1</h1>' > {CONFLICT}");
    let story = Story::ready_to_build(&two_tasks(), &conflicting(&resolve));
    assert_eq!(story.json("build shop")["status"], "built");
    let told = story.told("T2", 2);
    assert!(
        told.contains("conflict markers") && told.contains(CONFLICT),
        "{told}"
    );
    let seen = story.did("T2", 2);
    assert!(
        seen.contains("<<<<<<<") && seen.contains("hello, Ada"),
        "{seen}"
    );
    let page = story.file("main", CONFLICT);
    assert!(page.contains("Ada") && page.contains("Grace"), "{page}");
    assert_eq!(story.task("T2")["attempt"], 2);
    no_commit_has_markers(&story);
}

#[test]
fn markers_that_are_left_behind_never_become_part_of_main() {
    // The test command of this plan would not notice.
    let mut plan = two_tasks();
    plan["testCommand"] = "true".into();
    let resolve = "echo 'not mine' > site/other.html";
    let last = format!("echo '<h1>hello, Ada and Grace</h1>' > {CONFLICT}");
    let rehearsal = conflicting(resolve).plays("developer", "T2", Some(3), [bash(&last)]);
    let story = Story::ready_to_build(&plan, &rehearsal);
    assert_eq!(story.json("build shop")["status"], "built");
    let told = story.told("T2", 3);
    assert!(
        told.contains("markers") && told.contains(CONFLICT),
        "{told}"
    );
    assert_eq!(
        story.file("main", CONFLICT),
        "<h1>hello, Ada and Grace</h1>\n"
    );
    assert_eq!(story.file("main", "site/other.html"), "not mine\n");
    no_commit_has_markers(&story);
}

fn no_commit_has_markers(story: &Story) {
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
fn red_tests_go_back_to_the_agent_and_then_to_the_admin() {
    let plan = plan(&[
        ("T1", "developer", &[]),
        ("T2", "developer", &[]),
        ("T3", "developer", &["T2"]),
    ]);
    let test = |name: &str, line: &str| bash(&format!("echo '{line}' > tests/{name}.sh"));
    let red = |name: &str| test(name, "echo the-shop-is-closed; exit 3");
    let rehearsal = Rehearsal::of(&plan)
        .plays("developer", "T1", Some(1), [red("t1"), says("Done.")])
        .plays(
            "developer",
            "T1",
            Some(2),
            [test("t1", "true"), says("Now it is.")],
        )
        .plays("developer", "T2", ANY, [red("t2"), says("Done, I think.")])
        .plays(
            "developer",
            "T2",
            Some(3),
            [test("t2", "true"), says("I see.")],
        );
    let story = Story::ready_to_build(&plan, &rehearsal).with("EKLAVYA_BUILD_ATTEMPTS", "2");
    let asked = story.run("build shop").exits(6);
    assert!(
        asked.stderr.contains("tasks retry shop T2"),
        "{}",
        asked.stderr
    );

    let told = story.told("T1", 2);
    assert!(
        told.contains("the-shop-is-closed") && told.contains("exit 3"),
        "{told}"
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
        "red work is in main"
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
    let told = story.told("T2", 3);
    assert!(
        told.contains("Open the shop first.") && told.contains("the-shop-is-closed"),
        "{told}"
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
