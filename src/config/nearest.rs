//! Finds the known word that is most similar to a mistyped one.

/// Returns the most similar candidate: equal except for case, with `typed` as its last dotted part, or
/// with the fewest edits, if those are few for its length.
pub fn find_nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    // The cost grows with the length, and a longer word is not a typing error.
    if typed.len() > 100 {
        return None;
    }
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance_to_candidate(&typed, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 4).max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

fn distance_to_candidate(typed: &str, candidate: &str) -> usize {
    let candidate = candidate.to_lowercase();
    let last = candidate.rsplit('.').next().unwrap_or(&candidate);
    if last == typed {
        1
    } else {
        edit_distance(typed, &candidate)
    }
}

/// Returns the number of insertions, deletions and replacements between the words.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, left) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in to.iter().enumerate() {
            let replace = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replace.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_words_are_found_and_others_are_not() {
        let words = ["agents.parallel", "agents.retries", "model.name"];
        for (typed, meant) in [
            ("agents.paralell", Some("agents.parallel")),
            ("Model.Name", Some("model.name")),
            ("retries", Some("agents.retries")),
            ("sandbox", None),
            ("", None),
        ] {
            assert_eq!(find_nearest(typed, words).as_deref(), meant, "{typed}");
        }
        assert_eq!(find_nearest(&"a".repeat(1_000_000), words), None);
    }
}
