//! An endpoint that is busy, does not let us in, or is not there.

use crate::studio::{STAGES, Studio};
use crate::upstream::{Asked, Reply};
use crate::{SCRIPT, complaint};

fn busy(status: u16, retry_after: Option<u64>) -> Reply {
    let header = retry_after.map(|seconds| ("retry-after", seconds.to_string()));
    Reply::Error(status, header.into_iter().collect(), "wait a little")
}

#[test]
fn a_busy_endpoint_costs_time_and_nothing_else() {
    let mut studio = Studio::new(SCRIPT);
    // The silence that the rate limit imposes is longer than an agent may be silent.
    studio.set("EKLAVYA_AGENTS_SILENCE_SECONDS", "5");
    studio.upstream.answers(|asked: &Asked| match asked {
        Asked {
            step: 0, again: 0, ..
        } if asked.role == "pm" => busy(429, Some(8)),
        Asked {
            step: 0, again: 1, ..
        } if asked.role == "pm" => busy(429, Some(1)),
        Asked {
            step: 1,
            again: 0 | 1,
            ..
        } if asked.role == "pm" => busy(529, None),
        Asked { again: 0, .. } if asked.role == "architect" => busy(529, Some(1)),
        _ => Reply::Play,
    });
    studio.run(STAGES[0]).ok();
    let agents = "SELECT role || ' ' || status || ' ' || attempt FROM agents ORDER BY created_at";
    assert_eq!(
        studio.ask(agents),
        ["pm completed 1", "architect completed 1"]
    );
    studio.assert_books_are_what_was_billed();
    studio.assert_nothing_was_done_twice();
}

#[test]
fn an_endpoint_that_cannot_be_used_is_told_at_once_and_the_work_goes_on_later() {
    let mut studio = Studio::new(SCRIPT);
    let requests = |studio: &Studio| studio.upstream.log().len();

    studio
        .upstream
        .answers(|_| Reply::Error(401, Vec::new(), "invalid x-api-key"));
    let refused = studio.run(STAGES[0]).exits(7);
    insta::assert_snapshot!("wrong_key", complaint(&refused));
    assert_eq!(requests(&studio), 1);

    studio
        .upstream
        .answers(|_| Reply::Error(404, Vec::new(), "model: claude-sonnet-5-5"));
    let refused = studio.run(STAGES[0]).exits(7);
    insta::assert_snapshot!("unknown_model", complaint(&refused));
    assert!(requests(&studio) <= 3);

    let url = studio.upstream.url.clone();
    studio.set("EKLAVYA_MODEL_URL", "http://127.0.0.1:9");
    let refused = studio.run(STAGES[0]).exits(7);
    insta::assert_snapshot!("endpoint_down", complaint(&refused));
    let agents = "SELECT status FROM agents";
    assert_eq!(studio.ask(agents), ["failed"; 3]);

    studio.set("EKLAVYA_MODEL_URL", &url);
    studio.upstream.plays();
    studio.run(STAGES[0]).ok();
    studio.assert_books_are_what_was_billed();
    studio.assert_nothing_was_done_twice();
    assert_eq!(
        studio.ask("SELECT CAST(attempt AS TEXT) FROM tasks"),
        ["1", "1"]
    );
}

#[test]
fn a_cut_answer_is_asked_for_again_and_counted_at_its_upper_bound() {
    let studio = Studio::new(SCRIPT);
    studio
        .upstream
        .answers(|asked| match (asked.role.as_str(), asked.again) {
            ("pm", 0) => Reply::CutAfter(3),
            ("architect", 0) => Reply::CutAfter(1),
            _ => Reply::Play,
        });
    studio.run(STAGES[0]).ok();
    studio.assert_books_are_what_was_billed();
    studio.assert_nothing_was_done_twice();
    assert_eq!(
        studio.ask("SELECT CAST(attempt AS TEXT) FROM tasks"),
        ["1", "1"]
    );
}
