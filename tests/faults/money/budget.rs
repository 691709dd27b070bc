//! Limits: they hold during work and under any number of requests, and work resumes after a limit
//! is raised.

use eklavya_testkit::cli::CommandResult;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};

const BUILD: usize = 4;

fn dollars(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn amount_after(text: &str, word: &str) -> i64 {
    let (_, rest) = text.split_once(word).unwrap();
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap();
    let (whole, fraction) = rest[..end].split_once('.').unwrap_or((&rest[..end], ""));
    format!("{whole}{fraction:0<6}").parse().unwrap()
}

/// Asserts that a command ran out of money, and that it states how much of which limit is spent and
/// what to type. Returns the amount that it states.
#[track_caller]
fn assert_over_budget(outcome: CommandResult, whose: &str, limit: i64, command: &str) -> i64 {
    let said = outcome.assert_exit_code(5).stderr;
    assert!(said.contains(&format!("the budget of {whose}")), "{said}");
    assert!(said.contains(command), "{said}");
    assert_eq!(amount_after(&said, "limit $"), limit, "{said}");
    amount_after(&said, "spent $")
}

#[test]
fn work_stops_at_the_limit_and_resumes_with_more_money() {
    let install = TestInstall::new(SCRIPT);
    install.run_stages(0..BUILD);
    let mut stops = 0;
    let mut limit = install.upstream.charged_micros();
    // Each time the limit is raised a little, and the same command gets a little further.
    while stops < 3
        || !install
            .upstream
            .requests()
            .iter()
            .any(|request| request.is_step("T1", 2))
    {
        limit += 60_000;
        install
            .run(&["budget", "set", "shop", "--limit", &dollars(limit)])
            .ok();
        let stopped = install.run(STAGES[BUILD]);
        let command = "eklavya budget set shop --limit";
        let spent = assert_over_budget(stopped, "project shop", limit, command);
        assert_eq!(spent, install.upstream.charged_micros());
        assert!(spent <= limit);
        stops += 1;
    }
    install.assert_no_agent_process();
    // Without money no other agent starts and no question is asked.
    let others = "SELECT key || ' ' || status FROM tasks WHERE status NOT IN ('done', 'pending')";
    assert_eq!(install.query_column(others), [""; 0]);
    let agents = "SELECT CAST(count(*) AS TEXT) FROM agents a JOIN tasks t ON t.id = a.task_id \
        WHERE t.key = 'T1'";
    assert_eq!(install.query_column(agents), [stops.to_string()]);

    install
        .run(&["budget", "set", "shop", "--limit", "25"])
        .ok();
    install.run_stages(BUILD..STAGES.len());
    insta::assert_snapshot!("final_tree", install.tree());
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
}

#[test]
fn thresholds_of_the_budget_are_announced_once() {
    let install = TestInstall::new(SCRIPT);
    install.run(STAGES[0]).ok();
    let spent = install.upstream.charged_micros();
    for percent in [60, 90, 60, 100] {
        let limit = dollars(spent * 100 / percent);
        install
            .run(&["budget", "set", "shop", "--limit", &limit])
            .ok();
    }
    let announced = "SELECT name || ' ' || coalesce(json_extract(payload, '$.payload.percent'), '') \
        FROM events WHERE name LIKE 'budget:%' ORDER BY seq";
    assert_eq!(
        install.query_column(announced),
        [
            "budget:warning 50",
            "budget:warning 80",
            "budget:warning 80",
            "budget:exceeded "
        ]
    );
}

#[test]
fn limits_of_the_installation_a_task_and_an_agent_hold() {
    let mut install = TestInstall::new(SCRIPT);
    let before = |name: &str, whose: &str, command: &str, install: &mut TestInstall| {
        install.set_variable(name, "0.01");
        let stopped = install.run(STAGES[0]);
        assert_eq!(assert_over_budget(stopped, whose, 10_000, command), 0);
        install.set_variable(name, "20");
    };
    let overall = "eklavya budget set --all --limit";
    before(
        "EKLAVYA_BUDGET_OVERALL_USD",
        "all projects",
        overall,
        &mut install,
    );
    let task = "eklavya budget set shop --task plan-1-requirements --limit";
    before(
        "EKLAVYA_BUDGET_TASK_USD",
        "task plan-1-requirements",
        task,
        &mut install,
    );
    // The next agent is a new one, so the hint raises the limit of all agents.
    let agent = "eklavya config set budget.agentUsd";
    before("EKLAVYA_BUDGET_AGENT_USD", "agent", agent, &mut install);
    assert_eq!(install.upstream.requests().len(), 0);
    install.run(STAGES[0]).ok();
    install.assert_ledger_equals_bill();
}

/// A shell command of an agent that sends 64 concurrent requests to the agent's door, each with the
/// largest output.
const STORM: &str = r#"
    body='{"model":"claude-sonnet-5-5","max_tokens":32000,"messages":[{"role":"user","content":"more"}]}'
    door=${ANTHROPIC_BASE_URL#http://}
    for n in $(seq 64); do
        (exec 3<>/dev/tcp/${door%:*}/${door#*:} &&
            printf 'POST /v1/messages HTTP/1.1\r\nhost: door\r\nconnection: close\r\nx-api-key: %s\r\ncontent-length: %s\r\n\r\n%s' "$ANTHROPIC_API_KEY" $(printf %s "$body" | wc -c) "$body" >&3 &&
            head -n 1 <&3 >> $HOME/storm) &
    done
    wait
"#;

#[test]
fn concurrent_requests_of_an_agent_never_exceed_the_limit() {
    let storm = STORM.replace('\\', "\\\\").replace('"', "\\\"");
    let storm = storm.replace('\n', "\\n");
    let script = SCRIPT.replace(
        "mkdir -p site tests &&",
        &format!("{storm}\\nmkdir -p site tests &&"),
    );
    let install = TestInstall::new(&script);
    install.run_stages(0..2);
    let limit = install.upstream.charged_micros() + 3_000_000;
    install
        .run(&["budget", "set", "shop", "--limit", &dollars(limit)])
        .ok();
    let stopped = install.run(STAGES[2]);
    let command = "eklavya budget set shop --limit";
    let spent = assert_over_budget(stopped, "project shop", limit, command);
    assert_eq!(spent, install.upstream.charged_micros());
    assert!(spent <= limit);
    let raw = install
        .upstream
        .requests()
        .into_iter()
        .filter(|request| request.task == "raw");
    assert!((5..64).contains(&raw.count()));
    install.assert_ledger_equals_bill();
}
