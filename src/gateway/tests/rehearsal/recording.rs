use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::json;

use crate::rehearsal::step::StepUsage;
use crate::tests::fixture::{GatewayFixtureSpec, REAL_KEY, message_request};
use crate::tests::test_upstream::{CannedResponse, TestUpstream};
use crate::{RehearsalRecorder, RehearsalScript};

/// Returns the response of a rehearsal as an API stream, for an endpoint to replay.
async fn stream_from_script(steps: &str) -> String {
    let script = format!("rehearsal: 1\nagents:\n  - role: developer\n    steps:\n{steps}");
    let fixture = GatewayFixtureSpec::script(&script).open().await;
    fixture.ask(&message_request(32_000, true)).await.1
}

#[tokio::test]
async fn a_live_run_is_recorded_as_a_script_with_the_same_answers() {
    let steps = "      - text: 'say {% raw %}{{ x }} {% %}{% endraw %} SECRET'\n        tools: [{ name: Write, input: { file_path: CLONE/a, content: \"x\\n\" } }]\n        usage: { input: 7, output: 9, cacheWrite1h: 5 }\n";
    let stream = stream_from_script(steps).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recorded.yaml");
    let clone = Arc::new(std::sync::Mutex::new(String::new()));
    let (place, calls) = (clone.clone(), stream.clone());
    let upstream = TestUpstream::start(move |number, _| {
        let mut reply = CannedResponse::stream(1, 1);
        if number == 0 {
            let text = calls
                .replace("CLONE", &place.lock().unwrap())
                .replace("SECRET", REAL_KEY);
            reply.pieces = text
                .into_bytes()
                .chunks(17)
                .map(<[u8]>::to_vec)
                .map(Into::into)
                .collect();
        } else {
            let body = json!({"content": [{"type": "thinking", "thinking": "hm"},
                {"type": "tool_use", "id": "t", "name": "StructuredOutput", "input": {"ok": true}}],
                "usage": {"input_tokens": 1, "output_tokens": 2}});
            reply = CannedResponse::json(200, &body);
        }
        reply
    })
    .await;
    let mut plan = GatewayFixtureSpec::upstream(&upstream.url);
    plan.recorder = Some(Arc::new(RehearsalRecorder::open(&file).unwrap()));
    let fixture = plan.open().await;
    clone
        .lock()
        .unwrap()
        .clone_from(&fixture.spec.variables["clone"]);
    assert_eq!(fixture.ask(&message_request(32_000, true)).await.0, 200);
    fixture.settled_cost().await;
    assert_eq!(fixture.ask(&message_request(32_000, false)).await.0, 200);
    fixture.settled_cost().await;

    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        !text.contains(REAL_KEY) && !text.contains(fixture.door.token().expose_secret()),
        "{text}"
    );
    let script = RehearsalScript::load(&file).unwrap();
    let part = script.find_part(fixture.spec.role, "T1", 1).unwrap();
    let first = &part.steps[0];
    assert_eq!(
        first.tools[0].input,
        json!({"file_path": "{{ clone }}/a", "content": "x\n"})
    );
    let usage = StepUsage {
        input: 7,
        output: 9,
        cache_write_1h: 5,
        ..StepUsage::default()
    };
    assert_eq!(first.usage, Some(usage));
    assert_eq!(part.steps[1].structured, Some(json!({"ok": true})));

    let replay = GatewayFixtureSpec::script(&text).open().await;
    let (_, response) = replay.ask_json(&message_request(32_000, false)).await;
    assert_eq!(
        response["content"][0]["text"],
        "say {{ x }} {% %} [credential]"
    );
}

#[tokio::test]
async fn a_recording_is_continued_and_other_files_are_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recorded.yaml");
    for round in 1..=2 {
        let upstream = TestUpstream::start(|_, _| {
            CannedResponse::json(200, &json!({"content": [{"type": "text", "text": "hi"}], "usage": {"output_tokens": 1}}))
        })
        .await;
        let mut plan = GatewayFixtureSpec::upstream(&upstream.url);
        plan.recorder = Some(Arc::new(RehearsalRecorder::open(&file).unwrap()));
        let fixture = plan.open().await;
        fixture.ask(&message_request(100, false)).await;
        fixture.settled_cost().await;
        let script = RehearsalScript::load(&file).unwrap();
        assert_eq!(
            script
                .find_part(fixture.spec.role, "T1", 1)
                .unwrap()
                .steps
                .len(),
            round
        );
    }
    std::fs::write(
        &file,
        "rehearsal: 1\nagents:\n  - role: qa\n    steps: [{ text: a }]\n",
    )
    .unwrap();
    assert!(
        RehearsalRecorder::open(&file)
            .unwrap_err()
            .to_string()
            .contains("not overwritten")
    );
    assert!(RehearsalRecorder::open(&dir.path().join("no/such/dir.yaml")).is_err());
}
