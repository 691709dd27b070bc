//! The orchestrator's tools, called by the real CLI.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_orchestrators_tools_are_answered() {
    let mut fixture = SessionFixture::new().await;
    let counter = Arc::new(CountingToolServer(AtomicUsize::new(0)));
    fixture.offer_tools(counter.clone());
    fixture.model.push_answers([
        ScriptedAnswer::tool("mcp__eklavya__count", &json!({"by": 3})),
        ScriptedAnswer::tool("mcp__eklavya__panic", &json!({})),
        ScriptedAnswer::text("Counted."),
    ]);
    let outcome = fixture.run().await.unwrap();
    assert!(
        matches!(outcome.end, SessionEnd::Completed { .. }),
        "{outcome:?}"
    );
    assert_eq!(counter.0.load(Ordering::Relaxed), 3);
    let events = fixture.events();
    let answers: Vec<(bool, &str)> = events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::ToolResult {
                is_error, content, ..
            } => Some((*is_error, content.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(answers[0], (false, "the count is 3"));
    assert!(
        answers[1].0 && answers[1].1.contains("the tool failed"),
        "{answers:?}"
    );
    assert_eq!(outcome.denials, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_waits_for_a_tool_is_not_silent_and_can_be_interrupted() {
    let mut fixture = SessionFixture::new().await;
    fixture.silence = Duration::from_secs(2);
    let counter = Arc::new(CountingToolServer(AtomicUsize::new(0)));
    fixture.offer_tools(counter.clone());
    fixture
        .model
        .push_answers([ScriptedAnswer::tool("mcp__eklavya__hang", &json!({}))]);
    let (control, activity) = (fixture.control(), fixture.activity.clone());
    let interrupt = tokio::spawn(async move {
        // On a busy machine the CLI may take longer to start than the silence limit allows.
        for beat in 0.. {
            if counter.0.load(Ordering::Relaxed) == HUNG {
                break;
            }
            activity.last_seen_us.store(beat, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(6)).await;
        control.send(SessionSignal::Interrupt).await.unwrap();
    });
    let outcome = fixture.run().await.unwrap();
    interrupt.await.unwrap();
    assert_eq!(outcome.end, SessionEnd::Interrupted, "{outcome:?}");
}
