//! Stopping the real CLI: on request, and because of silence.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_conversation_can_be_resumed() {
    let mut fixture = SessionFixture::new().await;
    fixture.model.push_answers([ScriptedAnswer::Hang]);
    let control = fixture.control();
    let request = fixture.model.request_notify();
    let interrupt = tokio::spawn(async move {
        request.notified().await;
        control.send(SessionSignal::Interrupt).await.unwrap();
    });
    let outcome = fixture.run().await.unwrap();
    interrupt.await.unwrap();
    assert_eq!(outcome.end, SessionEnd::Interrupted, "{outcome:?}");
    assert_eq!(fixture.kill_count(), 0, "the CLI stopped without a kill");

    fixture.spec.conversation = ConversationStart::Resume(fixture.spec.conversation.id());
    fixture
        .model
        .push_answers([ScriptedAnswer::text("Finished.")]);
    let outcome = fixture.run().await.unwrap();
    assert!(matches!(&outcome.end, SessionEnd::Completed { text, .. } if text == "Finished."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_ends_the_session_immediately() {
    let mut fixture = SessionFixture::new().await;
    fixture.model.push_answers([ScriptedAnswer::Hang]);
    let control = fixture.control();
    let request = fixture.model.request_notify();
    let kill = tokio::spawn(async move {
        request.notified().await;
        control.send(SessionSignal::Kill).await.unwrap();
    });
    let outcome = fixture.run().await.unwrap();
    kill.await.unwrap();
    assert_eq!(outcome.end, SessionEnd::Killed);
    assert_eq!(fixture.kill_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_session_is_ended() {
    let mut fixture = SessionFixture::new().await;
    fixture.silence = Duration::from_secs(3);
    fixture.model.push_answers([ScriptedAnswer::Hang]);
    let outcome = fixture.run().await.unwrap();
    assert_eq!(outcome.end, SessionEnd::Silent, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_at_the_gateway_keeps_a_session_alive() {
    let mut fixture = SessionFixture::new().await;
    fixture.silence = Duration::from_secs(2);
    fixture.model.push_answers([ScriptedAnswer::Slow(
        Duration::from_secs(5),
        Box::new(ScriptedAnswer::text("Late.")),
    )]);
    let activity = fixture.activity.clone();
    let heart = tokio::spawn(async move {
        for beat in 0.. {
            activity.last_seen_us.store(beat, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let outcome = fixture.run().await.unwrap();
    heart.abort();
    assert!(
        matches!(&outcome.end, SessionEnd::Completed { text, .. } if text == "Late."),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_agent_is_not_silent() {
    let mut fixture = SessionFixture::new().await;
    fixture.silence = Duration::from_secs(2);
    fixture.activity.set_paused(true);
    fixture.model.push_answers([ScriptedAnswer::Slow(
        Duration::from_secs(5),
        Box::new(ScriptedAnswer::text("Late.")),
    )]);
    let outcome = fixture.run().await.unwrap();
    assert!(
        matches!(outcome.end, SessionEnd::Completed { .. }),
        "{outcome:?}"
    );
}
