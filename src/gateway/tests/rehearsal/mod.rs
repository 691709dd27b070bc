pub(crate) mod recording;
pub(crate) mod script_validation;

use std::time::Duration;

use serde_json::{Value, json};

use crate::DoorError;
use crate::tests::fixture::{GatewayFixture, GatewayFixtureSpec, message_request};
use eklavya_core::money::MicroUsd;

fn script_text(steps: &str) -> String {
    let steps = steps.replace('\n', "\n      ");
    format!(
        "rehearsal: 1\nagents:\n  - role: developer\n    task: \"T?\"\n    steps:\n      {steps}\n"
    )
}

async fn open_fixture(steps: &str) -> GatewayFixture {
    GatewayFixtureSpec::script(&script_text(steps))
        .budget(10_000_000)
        .open()
        .await
}

/// Continues a conversation: appends the last response and the results of its calls.
fn append_answer(body: &mut Value, response: &Value) {
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": response["content"]}));
    let results: Vec<Value> = response["content"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|block| block["type"] == "tool_use")
        .map(|block| json!({"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}))
        .collect();
    messages.push(json!({"role": "user", "content": results}));
}

#[tokio::test]
async fn a_script_is_played_and_booked() {
    let fixture = open_fixture(concat!(
        "- text: I write for {{ slug }}.\n",
        "  tools: [{ name: Write, input: { file_path: '{{ clone }}/a', n: 1 } }]\n",
        "  usage: { input: 100, output: 500, cacheRead: 50000, cacheWrite5m: 2000 }\n",
        "- structured: { task: '{{ task }}' }\n",
        "  usage: { output: 1 }",
    ))
    .await;
    let mut body = message_request(32_000, false);
    let (status, response) = fixture.ask_json(&body).await;
    assert_eq!(
        (status, &response["stop_reason"]),
        (200, &json!("tool_use"))
    );
    assert_eq!(response["content"][0]["text"], "I write for shop.");
    let path = response["content"][1]["input"]["file_path"]
        .as_str()
        .unwrap();
    assert_eq!(path, format!("{}/a", fixture.spec.variables["clone"]));
    append_answer(&mut body, &response);
    let (_, response) = fixture.ask_json(&body).await;
    assert_eq!(response["content"][0]["name"], "StructuredOutput");
    assert_eq!(response["content"][0]["input"], json!({"task": "T1"}));
    append_answer(&mut body, &response);
    let (_, response) = fixture.ask_json(&body).await;
    assert_eq!(response["stop_reason"], "end_turn");
    let total = fixture.settled_cost().await;
    assert_eq!(
        (total.requests, total.rehearsals, total.usage.cache_read),
        (3, 3, 50_000)
    );
}

#[tokio::test]
async fn streamed_and_whole_answers_agree_and_respect_max_tokens() {
    let fixture = open_fixture("- text: abcdefghij\n  tools: [{ name: Read, input: { a: 1 } }]\n  usage: { input: 10, output: 100 }").await;
    let (_, whole) = fixture.ask_json(&message_request(100, false)).await;
    assert_eq!(whole["usage"]["output_tokens"], 100);
    let (_, stream) = fixture.ask(&message_request(100, true)).await;
    for part in [
        "message_start",
        "ping",
        "abcdefghij",
        "\"partial_json\":\"{\\\"a\\\":1}\"",
        "\"output_tokens\":100",
        "message_stop",
    ] {
        assert!(stream.contains(part), "{part}: {stream}");
    }
    let (_, cut) = fixture.ask_json(&message_request(20, false)).await;
    assert_eq!(
        (&cut["stop_reason"], &cut["usage"]["output_tokens"]),
        (&json!("max_tokens"), &json!(20))
    );
    assert_eq!(cut["content"], json!([{"type": "text", "text": "abc"}]));
    assert_eq!(
        fixture.settled_cost().await.spent,
        MicroUsd(2_040 + 2_040 + 440)
    );
}

#[tokio::test]
async fn unstated_usage_is_derived_from_the_sizes_of_the_texts() {
    let fixture = open_fixture("- text: abcdefghi").await;
    let body = message_request(100, false);
    let (_, response) = fixture.ask_json(&body).await;
    let input = body.to_string().len().div_ceil(4);
    assert_eq!(response["usage"]["input_tokens"], input);
    assert_eq!(response["usage"]["output_tokens"], 3);
}

#[tokio::test]
async fn scripted_errors_are_returned_as_often_as_the_script_sets() {
    let fixture = open_fixture(
        "- text: done\n  error: { status: 429, message: wait, retryAfter: 0, times: 2 }",
    )
    .await;
    let (status, response) = fixture.ask_json(&message_request(100, false)).await;
    assert_eq!(
        (status, &response["content"][0]["text"]),
        (200, &json!("done"))
    );
    assert_eq!(fixture.settled_cost().await.requests, 1);
}

#[tokio::test]
async fn a_scripted_error_without_an_answer_is_returned_every_time() {
    let fixture = open_fixture("- error: { status: 400, message: 'no, {{ slug }}' }").await;
    for _ in 0..2 {
        let (status, error) = fixture.ask_json(&message_request(100, false)).await;
        assert_eq!(
            (status, &error["error"]["message"]),
            (400, &json!("no, shop"))
        );
    }
}

#[tokio::test]
async fn a_scripted_cut_happens_once_and_is_booked_at_its_upper_bound() {
    let fixture = open_fixture("- text: a long response\n  cut: { afterEvents: 3 }").await;
    let response = fixture
        .post_message(&message_request(100, true))
        .send()
        .await
        .unwrap();
    assert!(response.bytes().await.is_err());
    let (status, text) = fixture.ask(&message_request(100, true)).await;
    assert!(status == 200 && text.contains("message_stop"));
    let total = fixture.settled_cost().await;
    assert_eq!((total.requests, total.upper_bounds), (2, 1));
}

#[tokio::test]
async fn a_scripted_answer_can_hang() {
    let mut plan = GatewayFixtureSpec::script(&script_text("- text: late\n  hang: { times: 1 }"));
    plan.timeouts.idle = Duration::from_millis(50);
    let fixture = plan.open().await;
    assert!(
        fixture
            .post_message(&message_request(100, true))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .is_err()
    );
    assert_eq!(fixture.ask(&message_request(100, true)).await.0, 200);
}

#[tokio::test]
async fn the_error_for_an_unscripted_request_names_role_task_and_attempt() {
    let mut plan = GatewayFixtureSpec::script(&script_text("- text: a"));
    plan.role = eklavya_core::agent::role::Role::Qa;
    let fixture = plan.open().await;
    let (status, error) = fixture.ask_json(&message_request(100, true)).await;
    let message = error["error"]["message"].as_str().unwrap();
    assert_eq!(status, 400);
    for part in ["story.yaml", "role qa", "task T1", "attempt 1"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(matches!(
        fixture.door.last_error(),
        Some(DoorError::Unscripted(_))
    ));
    assert_eq!(fixture.settled_cost().await.requests, 0);
}

#[tokio::test]
async fn the_error_for_a_variable_without_a_value_names_the_step() {
    let fixture = open_fixture("- text: demo {{ demo }}").await;
    let (status, error) = fixture.ask_json(&message_request(100, true)).await;
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        status == 400 && message.contains("step 0") && message.contains("{{ demo }}"),
        "{message}"
    );
}
