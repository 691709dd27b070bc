//! Finds the position of a conversation from the messages that the agent sends: a rehearsal keeps
//! no state of its own, so it continues after any restart.

use serde_json::Value;

/// Rehearsed tool calls have the id `toolu_rh_<attempt>_<step>_<n>_<random>`.
const CALL_PREFIX: &str = "toolu_rh_";
/// The CLI's text in place of the result of a call that a kill interrupted.
const INTERRUPTED: &str = "[Tool call interrupted";
/// The CLI's text in place of the model's when it resumes such a session.
const NO_RESPONSE: &str = "No response requested.";
/// The CLI's prompt after a response that reached `max_tokens`.
const LIMIT_HIT: &str = "Output token limit hit";
/// The CLI's request for a summary when the context is full.
const COMPACTION: &str = "CRITICAL: Respond with TEXT ONLY";
/// Prefixes of user texts that come from the CLI and begin no new attempt.
const NO_PROMPTS: [&str; 4] = [
    "[structured-output-enforce]",
    "<system-reminder>",
    "[Request interrupted",
    LIMIT_HIT,
];
/// Prefix of a position in the text of a summary.
const POSITION: &str = "[rehearsal position ";

/// The purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPurpose {
    /// The next turn of the conversation.
    Turn,
    /// A summary of a conversation that has become too long.
    Compaction,
    /// A web search on the model's behalf.
    WebSearch,
}

pub fn request_purpose(request: &Value) -> RequestPurpose {
    let tools = request["tools"].as_array().map_or(&[][..], Vec::as_slice);
    let search = |tool: &Value| {
        tool["type"]
            .as_str()
            .is_some_and(|t| t.starts_with("web_search_"))
    };
    if request["tool_choice"]["type"] == "tool" && tools.iter().any(search) {
        return RequestPurpose::WebSearch;
    }
    let last = messages(request)
        .iter()
        .rfind(|message| message["role"] == "user");
    match last.map(texts).and_then(|texts| texts.last().copied()) {
        Some(text) if text.starts_with(COMPACTION) => RequestPurpose::Compaction,
        _ => RequestPurpose::Turn,
    }
}

/// Returns the id of the `n`th tool call of a step.
pub(crate) fn call_id(attempt: u32, step: usize, n: usize) -> String {
    format!(
        "{CALL_PREFIX}{attempt}_{step}_{n}_{:08x}",
        rand::random::<u32>()
    )
}

/// Returns a line that preserves the position in a summary.
pub(crate) fn position_note(attempt: u32, next: usize) -> String {
    format!("{POSITION}{attempt}:{next}]")
}

/// Returns the index of the next step in this attempt, from 0.
pub fn next_step(request: &Value, attempt: u32) -> usize {
    let mut position = ScriptPosition {
        attempt,
        next: 0,
        last_answered: 0,
        seen_own_call: false,
    };
    for group in messages(request).chunk_by(|a, b| a["role"] == b["role"]) {
        match group[0]["role"].as_str() {
            Some("assistant") => position.apply_answer(group),
            Some("user") => group
                .iter()
                .for_each(|message| position.apply_user(message)),
            _ => {}
        }
    }
    position.next
}

struct ScriptPosition {
    attempt: u32,
    /// The next step.
    next: usize,
    /// The step of the last response.
    last_answered: usize,
    /// Whether a call of this attempt was seen.
    seen_own_call: bool,
}

impl ScriptPosition {
    fn apply_answer(&mut self, group: &[Value]) {
        let calls = || group.iter().flat_map(blocks).filter_map(own_call);
        if let Some((_, step)) = calls().find(|(attempt, _)| *attempt == self.attempt) {
            (self.last_answered, self.next, self.seen_own_call) = (step, step + 1, true);
        } else if calls().next().is_none() && group.iter().flat_map(texts).any(|t| t != NO_RESPONSE)
        {
            (self.last_answered, self.next) = (self.next, self.next + 1);
        }
    }

    fn apply_user(&mut self, message: &Value) {
        for block in blocks(message) {
            let interrupted = || result_text(block).contains(INTERRUPTED);
            if let Some((attempt, step)) = own_call(block)
                && attempt == self.attempt
                && interrupted()
            {
                self.next = step;
            }
        }
        for text in texts(message) {
            if let Some(next) = parse_position_note(text, self.attempt) {
                (self.next, self.seen_own_call) = (next, true);
            } else if text.starts_with(LIMIT_HIT) {
                self.next = self.last_answered;
            } else if !self.seen_own_call && !NO_PROMPTS.iter().any(|own| text.starts_with(own)) {
                self.next = 0;
            }
        }
    }
}

fn messages(request: &Value) -> &[Value] {
    request["messages"].as_array().map_or(&[], Vec::as_slice)
}

fn blocks(message: &Value) -> &[Value] {
    message["content"].as_array().map_or(&[], Vec::as_slice)
}

/// Returns the texts of a message, whose content is a string or a list of blocks.
fn texts(message: &Value) -> Vec<&str> {
    let in_blocks = blocks(message)
        .iter()
        .filter_map(|block| block["text"].as_str());
    message["content"]
        .as_str()
        .into_iter()
        .chain(in_blocks)
        .collect()
}

/// Returns attempt and step of a rehearsed tool call or its result.
fn own_call(block: &Value) -> Option<(u32, usize)> {
    let id = block["id"]
        .as_str()
        .or_else(|| block["tool_use_id"].as_str())?;
    let mut parts = id.strip_prefix(CALL_PREFIX)?.split('_');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn result_text(block: &Value) -> String {
    let in_blocks: String = blocks(block)
        .iter()
        .filter_map(|part| part["text"].as_str())
        .collect();
    block["content"].as_str().map_or(in_blocks, str::to_owned)
}

fn parse_position_note(text: &str, attempt: u32) -> Option<usize> {
    let (_, after) = text.rsplit_once(POSITION)?;
    let (noted, rest) = after.split_once(':')?;
    let (next, _) = rest.split_once(']')?;
    (noted.parse() == Ok(attempt)).then(|| next.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(attempt: u32, step: usize) -> Value {
        json!({"role": "assistant", "content": [
            {"type": "text", "text": "I write."},
            {"type": "tool_use", "id": call_id(attempt, step, 0), "name": "Write", "input": {}}]})
    }

    fn result(attempt: u32, step: usize, text: &str) -> Value {
        json!({"role": "user", "content": [{"type": "tool_result",
            "tool_use_id": call_id(attempt, step, 0), "content": [{"type": "text", "text": text}]}]})
    }

    fn text_message(role: &str, text: &str) -> Value {
        json!({"role": role, "content": text})
    }

    fn next(messages: &[Value], attempt: u32) -> usize {
        next_step(&json!({ "messages": messages }), attempt)
    }

    #[test]
    fn a_conversation_continues_with_its_next_step() {
        let mut story = vec![
            text_message("user", "Do it."),
            text_message("system", "<env>"),
        ];
        assert_eq!(next(&story, 1), 0);
        story.extend([
            call(1, 0),
            result(1, 0, "ok"),
            text_message("system", "note"),
        ]);
        assert_eq!(next(&story, 1), 1);
        story.push(text_message("assistant", "All done."));
        story.push(text_message(
            "user",
            "[structured-output-enforce] You MUST call …",
        ));
        assert_eq!(next(&story, 1), 2);
    }

    #[test]
    fn a_new_attempt_in_the_same_conversation_starts_at_its_first_step() {
        let mut story = vec![
            text_message("user", "Do it."),
            call(1, 0),
            result(1, 0, "ok"),
        ];
        story.extend([
            text_message("assistant", "Done."),
            text_message("user", "The tests fail."),
        ]);
        assert_eq!(next(&story, 2), 0);
        story.extend([
            text_message("assistant", "I see."),
            text_message("user", "[structured-output-enforce] x"),
        ]);
        assert_eq!(next(&story, 2), 1);
        story.extend([call(2, 1), result(2, 1, "ok")]);
        assert_eq!(next(&story, 2), 2);
    }

    #[test]
    fn an_interrupted_step_is_played_again() {
        let mut story = vec![
            text_message("user", "Do it."),
            call(1, 0),
            result(1, 0, "ok"),
            call(1, 1),
        ];
        story.push(result(1, 1, "[Tool call interrupted: the session ended …]"));
        story.extend([
            text_message("assistant", "No response requested."),
            text_message("user", "Go on."),
        ]);
        assert_eq!(next(&story, 1), 1);
    }

    #[test]
    fn an_answer_that_reached_its_token_limit_is_played_again() {
        let story = [
            text_message("user", "Do it."),
            call(1, 0),
            result(1, 0, "ok"),
            text_message("assistant", "A lon"),
            text_message("user", "Output token limit hit. Resume directly …"),
        ];
        assert_eq!(next(&story, 1), 1);
    }

    #[test]
    fn a_compacted_conversation_keeps_its_step() {
        let summary = format!("This session continues … {}", position_note(1, 7));
        assert_eq!(next(&[text_message("user", &summary)], 1), 7);
        assert_eq!(
            next(
                &[
                    text_message("user", &summary),
                    call(1, 7),
                    result(1, 7, "ok")
                ],
                1
            ),
            8
        );
        let request = json!({"messages": [text_message("user", "CRITICAL: Respond with TEXT ONLY. Do NOT …")]});
        assert_eq!(request_purpose(&request), RequestPurpose::Compaction);
    }

    #[test]
    fn a_malformed_request_starts_at_the_first_step() {
        for odd in [
            json!(null),
            json!({"messages": 5}),
            json!({"messages": [{"role": "user"}, 7]}),
        ] {
            assert_eq!(
                (next_step(&odd, 1), request_purpose(&odd)),
                (0, RequestPurpose::Turn)
            );
        }
    }
}
