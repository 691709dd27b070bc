//! Stopping the real CLI: on request, and because it is silent.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_it_and_the_conversation_can_be_resumed() {
    let mut scene = Scene::new().await;
    scene.model.script([Answer::Hang]);
    let control = scene.control();
    let asked = scene.model.asked();
    let interrupt = tokio::spawn(async move {
        asked.notified().await;
        control.send(Control::Interrupt).await.unwrap();
    });
    let outcome = scene.run().await.unwrap();
    interrupt.await.unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted, "{outcome:?}");
    assert_eq!(scene.kills(), 0, "it stopped by itself");

    scene.spec.conversation = Conversation::Resume(scene.spec.conversation.id());
    scene.model.script([Answer::text("Finished.")]);
    let outcome = scene.run().await.unwrap();
    assert!(matches!(&outcome.ended, Ended::Completed { text, .. } if text == "Finished."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_ends_it_at_once() {
    let mut scene = Scene::new().await;
    scene.model.script([Answer::Hang]);
    let control = scene.control();
    let asked = scene.model.asked();
    let kill = tokio::spawn(async move {
        asked.notified().await;
        control.send(Control::Kill).await.unwrap();
    });
    let outcome = scene.run().await.unwrap();
    kill.await.unwrap();
    assert_eq!(outcome.ended, Ended::Killed);
    assert_eq!(scene.kills(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_ended() {
    let mut scene = Scene::new().await;
    scene.silence = Duration::from_secs(3);
    scene.model.script([Answer::Hang]);
    let outcome = scene.run().await.unwrap();
    assert_eq!(outcome.ended, Ended::Silent, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_at_the_gateway_are_signs_of_life() {
    let mut scene = Scene::new().await;
    scene.silence = Duration::from_secs(2);
    scene.model.script([Answer::Slow(
        Duration::from_secs(5),
        Box::new(Answer::text("Late.")),
    )]);
    let activity = scene.activity.clone();
    let heart = tokio::spawn(async move {
        for beat in 0.. {
            activity.last.store(beat, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let outcome = scene.run().await.unwrap();
    heart.abort();
    assert!(
        matches!(&outcome.ended, Ended::Completed { text, .. } if text == "Late."),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_agent_is_not_silent() {
    let mut scene = Scene::new().await;
    scene.silence = Duration::from_secs(2);
    scene.activity.set_parked(true);
    scene.model.script([Answer::Slow(
        Duration::from_secs(5),
        Box::new(Answer::text("Late.")),
    )]);
    let outcome = scene.run().await.unwrap();
    assert!(
        matches!(outcome.ended, Ended::Completed { .. }),
        "{outcome:?}"
    );
}
