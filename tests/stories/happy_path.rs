//! A project without problems, from the brief to the delivered repository.

use std::fs;
use std::path::Path;

use eklavya_testkit::host::{http_get, processes_at};
use eklavya_testkit::story::rehearsal::{RehearsalBuilder, plan_with_tasks};
use eklavya_testkit::story::{StoryProject, git};
use serde_json::Value;

#[test]
fn a_brief_becomes_a_delivered_repository() {
    let plan = plan_with_tasks(&[
        ("T1", "developer", &[]),
        ("T2", "tester", &[]),
        ("T3", "developer", &["T1", "T2"]),
    ]);
    let story = StoryProject::with_new_project(&RehearsalBuilder::happy_path(&plan))
        .with_variable("EKLAVYA_DEMO_COUNT", "3");
    assert_plan_is_shown(&story, &plan);
    let urls = assert_demos_answer(&story);
    let approved = story.json("demo approve shop 2 --yes");
    assert_eq!(approved["status"], "demoApproved");
    for url in &urls {
        assert_eq!(http_get(url), None, "{url} still answers");
    }
    let main = story.git(&["rev-parse", "main"]);
    assert_eq!(main, story.git(&["rev-parse", "demo/2"]));

    assert_eq!(story.json("build shop")["status"], "built");
    assert_eq!(story.json("verify shop")["status"], "verified");
    assert_eq!(story.json("deliver shop")["status"], "delivered");

    let files = story.files("main");
    for file in [
        ".gitignore",
        "docs/brief.md",
        "docs/requirements.md",
        "docs/architecture.md",
        "site/index.html",
        "site/T1.html",
        "site/T3.html",
        "tests/T2.sh",
        "tests/run.sh",
    ] {
        assert!(
            files.contains(&file.to_owned()),
            "{file} is not in {files:?}"
        );
    }
    let project = story.json("project show shop");
    assert_delivery_is_complete(&story, &project["delivery"]);
    assert_dossier_has_evidence(&story, &project["delivery"], &plan);
    assert_costs_add_up(&story, &project);
    assert_events_match_the_schema(&story);
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
    // A repeated command, for example after a crash, succeeds and changes nothing.
    story.run("deliver shop").ok();
    assert_eq!(story.status(), "delivered");
}

fn assert_events_match_the_schema(story: &StoryProject) {
    let schema = jsonschema::validator_for(&story.json("events schema")).unwrap();
    let events = story.json("events tail shop --since 0");
    let events = events.as_array().unwrap();
    for event in events {
        let errors: Vec<_> = schema.iter_errors(event).collect();
        assert!(errors.is_empty(), "{event}: {errors:?}");
    }
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    for (name, least) in [
        ("project:created", 1),
        ("project:status", 10),
        ("agent:spawned", 8),
        ("demo:ready", 3),
        ("demo:approved", 1),
        ("notification", 3),
    ] {
        assert!(count(name) >= least, "{name}: {}", count(name));
    }
    assert_eq!(count("agent:spawned"), count("agent:completed"));
    assert_eq!(count("agent:spawned"), count("agent:working"));
}

fn assert_plan_is_shown(story: &StoryProject, plan: &Value) {
    let planned = story.json("plan shop");
    assert_eq!(planned["status"], "planReview");
    assert_eq!(planned["needsDecision"], true);
    let shown = story.json("plan show shop");
    assert_eq!(shown["number"], 1);
    assert_eq!(shown["document"]["testCommand"], plan["testCommand"]);
    let people = story.ok("plan show shop").stdout;
    assert!(people.contains("The page says hello."), "{people}");
    assert_eq!(
        story.json("plan approve shop --yes")["status"],
        "planApproved"
    );
}

fn assert_demos_answer(story: &StoryProject) -> Vec<String> {
    assert_eq!(story.json("demo build shop")["status"], "demoReview");
    let demos = story.json("demo list shop");
    let demos = demos.as_array().unwrap();
    assert_eq!(demos.len(), 3);
    let mut urls = Vec::new();
    for (index, demo) in demos.iter().enumerate() {
        assert_eq!(demo["status"], "ready");
        let url = demo["previewUrl"].as_str().unwrap();
        let page = http_get(url).unwrap();
        let wanted = format!("hello from demo {}", index + 1);
        assert!(
            page.starts_with("HTTP/1.1 200") && page.contains(&wanted),
            "{page}"
        );
        urls.push(url.to_owned());
    }
    urls
}

fn assert_delivery_is_complete(story: &StoryProject, delivery: &Value) {
    let bundle = delivery["bundle"]
        .as_str()
        .unwrap()
        .replace("[DIR]", story.env.path().as_str());
    let parent = story.env.path().as_std_path();
    git(parent, &["clone", "-q", "-b", "main", &bundle, "client"]);
    let client = parent.join("client");
    assert_eq!(
        git(&client, &["rev-parse", "HEAD"]).trim(),
        delivery["commit"]
    );
    let tag = format!("{}^{{commit}}", delivery["tag"].as_str().unwrap());
    assert_eq!(
        git(&client, &["rev-parse", &tag]).trim(),
        delivery["commit"]
    );
    assert!(run(&client, "sh tests/run.sh"), "the client's tests fail");
}

#[expect(clippy::disallowed_methods, reason = "a client runs the tests")]
fn run(directory: &Path, line: &str) -> bool {
    let done = std::process::Command::new("sh")
        .args(["-c", line])
        .current_dir(directory)
        .status();
    done.unwrap().success()
}

fn assert_dossier_has_evidence(story: &StoryProject, delivery: &Value, plan: &Value) {
    let read = |name: &str| {
        let path = delivery[name]
            .as_str()
            .unwrap()
            .replace("[DIR]", story.env.path().as_str());
        fs::read_to_string(path).unwrap()
    };
    let dossier: Value = serde_json::from_str(&read("dossierJson")).unwrap();
    assert_eq!(dossier["commit"], delivery["commit"]);
    assert_eq!(dossier["rehearsal"], true);
    assert_eq!(dossier["sandboxed"], true);
    let criteria = dossier["criteria"].as_array().unwrap();
    assert_eq!(criteria.len(), plan["criteria"].as_array().unwrap().len());
    for criterion in criteria {
        let evidence = &criterion["evidence"];
        assert_eq!(evidence["passed"], true, "{criterion}");
        assert_eq!(evidence["commit"], delivery["commit"], "{criterion}");
        assert_ne!(evidence["role"], "developer", "{criterion}");
    }
    assert_eq!(
        criteria[0]["evidence"]["command"],
        "grep hello site/index.html"
    );
    assert_eq!(
        criteria[0]["evidence"]["output"],
        "<h1>hello from demo 2</h1>\n"
    );
    let subjects: Vec<&str> = dossier["approvals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|approval| approval["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects, ["plan 1", "demo 2"]);
    let page = read("dossierHtml");
    assert!(page.contains("The page says hello."));
    for foreign in ["<script", "<link", "src=", "href=\"http", "url("] {
        assert!(
            !page.contains(foreign),
            "the page is not self-contained: {foreign}"
        );
    }
}

fn assert_costs_add_up(story: &StoryProject, project: &Value) {
    let report = story.json("budget report shop");
    let spent = project["spentMicroUsd"].as_i64().unwrap();
    assert!(spent > 0);
    assert_eq!(report["total"]["spentMicroUsd"], spent, "{report}");
    for group in ["byRole", "byTask", "byAgent"] {
        let lines = report[group].as_array().unwrap();
        let sum: i64 = lines
            .iter()
            .map(|line| line["spentMicroUsd"].as_i64().unwrap())
            .sum();
        assert_eq!(sum, spent, "{group}: {report}");
    }
}
