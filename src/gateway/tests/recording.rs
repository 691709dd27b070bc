use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::json;

use super::house::{Plan, REAL_KEY, question};
use super::upstream::{Reply, TestUpstream};
use crate::rehearsal::step::StepUsage;
use crate::{Recorder, Script};

/// The answer of a rehearsal, to be played by an endpoint: a stream as the API sends it.
async fn streamed(steps: &str) -> String {
    let script = format!("rehearsal: 1\nagents:\n  - role: developer\n    steps:\n{steps}");
    let house = Plan::script(&script).open().await;
    house.ask(&question(32_000, true)).await.1
}

#[tokio::test]
async fn a_live_run_is_recorded_as_a_script_that_plays_the_same() {
    let steps = "      - text: 'say {% raw %}{{ x }} {% %}{% endraw %} SECRET'\n        tools: [{ name: Write, input: { file_path: CLONE/a, content: \"x\\n\" } }]\n        usage: { input: 7, output: 9, cacheWrite1h: 5 }\n";
    let stream = streamed(steps).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recorded.yaml");
    let clone = Arc::new(std::sync::Mutex::new(String::new()));
    let (place, calls) = (clone.clone(), stream.clone());
    let upstream = TestUpstream::start(move |number, _| {
        let mut reply = Reply::stream(1, 1);
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
            reply = Reply::json(200, &body);
        }
        reply
    })
    .await;
    let mut plan = Plan::upstream(&upstream.url);
    plan.recorder = Some(Arc::new(Recorder::open(&file).unwrap()));
    let house = plan.open().await;
    clone
        .lock()
        .unwrap()
        .clone_from(&house.spec.variables["clone"]);
    assert_eq!(house.ask(&question(32_000, true)).await.0, 200);
    house.settled().await;
    assert_eq!(house.ask(&question(32_000, false)).await.0, 200);
    house.settled().await;

    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        !text.contains(REAL_KEY) && !text.contains(house.door.token().expose_secret()),
        "{text}"
    );
    let script = Script::load(&file).unwrap();
    let part = script.part(house.spec.role, "T1", 1).unwrap();
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

    let replay = Plan::script(&text).open().await;
    let (_, answer) = replay.ask_json(&question(32_000, false)).await;
    assert_eq!(
        answer["content"][0]["text"],
        "say {{ x }} {% %} [credential]"
    );
}

#[tokio::test]
async fn a_recording_is_gone_on_with_and_nothing_else_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recorded.yaml");
    for round in 1..=2 {
        let upstream = TestUpstream::start(|_, _| {
            Reply::json(200, &json!({"content": [{"type": "text", "text": "hi"}], "usage": {"output_tokens": 1}}))
        })
        .await;
        let mut plan = Plan::upstream(&upstream.url);
        plan.recorder = Some(Arc::new(Recorder::open(&file).unwrap()));
        let house = plan.open().await;
        house.ask(&question(100, false)).await;
        house.settled().await;
        let script = Script::load(&file).unwrap();
        assert_eq!(
            script.part(house.spec.role, "T1", 1).unwrap().steps.len(),
            round
        );
    }
    std::fs::write(
        &file,
        "rehearsal: 1\nagents:\n  - role: qa\n    steps: [{ text: a }]\n",
    )
    .unwrap();
    assert!(
        Recorder::open(&file)
            .unwrap_err()
            .to_string()
            .contains("not written over")
    );
    assert!(Recorder::open(&dir.path().join("no/such/dir.yaml")).is_err());
}
