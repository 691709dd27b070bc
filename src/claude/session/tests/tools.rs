//! The orchestrator's tools, called by the real CLI.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_our_tools_are_answered() {
    let mut scene = Scene::new().await;
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    scene.offer(counter.clone());
    scene.model.script([
        Answer::tool("mcp__eklavya__count", &json!({"by": 3})),
        Answer::tool("mcp__eklavya__panic", &json!({})),
        Answer::text("Counted."),
    ]);
    let outcome = scene.run().await.unwrap();
    assert!(
        matches!(outcome.ended, Ended::Completed { .. }),
        "{outcome:?}"
    );
    assert_eq!(counter.0.load(Ordering::Relaxed), 3);
    let events = scene.events();
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
        answers[1].0 && answers[1].1.contains("the tool broke"),
        "{answers:?}"
    );
    assert_eq!(outcome.denials, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_waits_for_our_tool_is_not_silent_and_can_be_interrupted() {
    let mut scene = Scene::new().await;
    scene.silence = Duration::from_secs(2);
    scene.offer(Arc::new(Counter(AtomicUsize::new(0))));
    scene
        .model
        .script([Answer::tool("mcp__eklavya__hang", &json!({}))]);
    let control = scene.control();
    let interrupt = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(6)).await;
        control.send(Control::Interrupt).await.unwrap();
    });
    let outcome = scene.run().await.unwrap();
    interrupt.await.unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted, "{outcome:?}");
}
