//! The words for states: JSON has `planReview`, people read "plan review".

/// Returns the words for the camelCase name of a state.
pub fn state_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Returns the words that follow "is now": `in plan review`, `built`.
pub fn predicate(name: &str) -> String {
    let words = state_words(name);
    if name.ends_with("Review") {
        format!("in {words}")
    } else {
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ProjectStage;

    #[test]
    fn every_stage_has_words() {
        let words = ProjectStage::ALL.map(|stage| state_words(stage.name()));
        insta::assert_snapshot!(words.join(", "), @"created, planning, plan review, plan approved, demo building, demo review, demo approved, building, built, verifying, verified, delivering");
        assert_eq!(state_words("needsDecision"), "needs decision");
    }

    #[test]
    fn a_review_state_reads_as_in_review() {
        assert_eq!(predicate("planReview"), "in plan review");
        assert_eq!(predicate("delivered"), "delivered");
    }
}
