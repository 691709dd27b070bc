//! Edits block-style YAML line by line. Knows only sections and scalars on one line, as people write the
//! file; the caller checks the result with the parser.

use crate::keys::key::ConfigKey;

/// One line `name: rest` in its section.
struct KeyLine {
    /// Number of the line, from 0.
    line: usize,
    indent: usize,
    /// Dotted name with its sections.
    path: String,
}

/// Returns `text` with `key` set to `scalar`, or `None` if the line of the key is not of a simple form.
pub fn set_key(text: &str, key: &ConfigKey, scalar: &str) -> Option<String> {
    let mut lines = split_lines(text);
    let found = find_key_lines(&lines);
    if let Some(at) = found.iter().find(|at| at.path == key.name) {
        lines[at.line] = replace_value(&lines[at.line], scalar)?;
        return Some(lines.concat());
    }
    let (line, added) = find_insertion(&lines, &found, key, scalar);
    if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
        last.push('\n');
    }
    lines.splice(line..line, added);
    Some(lines.concat())
}

/// Returns `text` without the line of `key`.
pub fn unset_key(text: &str, key: &ConfigKey) -> String {
    let mut lines = split_lines(text);
    if let Some(at) = find_key_lines(&lines).iter().find(|at| at.path == key.name) {
        lines.remove(at.line);
    }
    lines.concat()
}

fn split_lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

fn find_key_lines(lines: &[String]) -> Vec<KeyLine> {
    let mut sections: Vec<(usize, &str)> = Vec::new();
    let mut found = Vec::new();
    for (line, text) in lines.iter().enumerate() {
        let Some((indent, name)) = parse_key_line(text) else {
            continue;
        };
        sections.retain(|(outer, _)| *outer < indent);
        sections.push((indent, name));
        let names: Vec<&str> = sections.iter().map(|(_, name)| *name).collect();
        found.push(KeyLine {
            line,
            indent,
            path: names.join("."),
        });
    }
    found
}

fn parse_key_line(line: &str) -> Option<(usize, &str)> {
    let trimmed = line.trim_start_matches(' ');
    let (name, rest) = trimmed.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (is_name && ends).then_some((line.len() - trimmed.len(), name))
}

/// Replaces the value after the colon and keeps a comment after it.
fn replace_value(line: &str, scalar: &str) -> Option<String> {
    let value = line.find(':')? + 1;
    let start = value + line[value..].len() - line[value..].trim_start_matches([' ', '\t']).len();
    let rest = &line[start..];
    let length = match rest.chars().next() {
        Some('{' | '[' | '|' | '>' | '&' | '*' | '!') => return None,
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote)? + 2,
        Some('#') => 0,
        _ => plain_scalar_length(rest),
    };
    let after = &rest[length..];
    let gap = if after.starts_with('#') { " " } else { "" };
    Some(format!("{} {scalar}{gap}{after}", &line[..value]))
}

fn plain_scalar_length(rest: &str) -> usize {
    let line = rest.trim_end_matches(['\n', '\r']);
    let value = line.find(" #").map_or(line, |comment| &line[..comment]);
    value.trim_end().len()
}

/// Returns the new lines and the line number to insert them at: in the innermost existing section, after
/// the comment that mentions the key or after its last key; without a section, at the end.
fn find_insertion(
    lines: &[String],
    found: &[KeyLine],
    key: &ConfigKey,
    scalar: &str,
) -> (usize, Vec<String>) {
    let parts: Vec<&str> = key.name.split('.').collect();
    let section = (1..parts.len()).rev().find_map(|depth| {
        let path = parts[..depth].join(".");
        let at = found.iter().position(|at| at.path == path)?;
        Some((depth, at))
    });
    let Some((depth, at)) = section else {
        return (lines.len(), nested_lines(&parts, 0, scalar));
    };
    let mention = format!("{}:", parts[depth]);
    let indent = found
        .get(at + 1)
        .filter(|next| next.indent > found[at].indent)
        .map_or(found[at].indent + 2, |next| next.indent);
    let inner = found[at + 1..]
        .iter()
        .take_while(|next| next.indent > found[at].indent);
    let last = inner.last().map_or(found[at].line, |last| last.line);
    let end = found
        .iter()
        .find(|next| next.line > last)
        .map_or(lines.len(), |next| next.line);
    let previous = (found[at].line + 1..end)
        .find(|line| mentions_key(&lines[*line], &mention))
        .unwrap_or(last);
    let added = nested_lines(&parts[depth..], indent, scalar);
    (previous + 1, added)
}

fn mentions_key(line: &str, mention: &str) -> bool {
    line.trim_start()
        .strip_prefix('#')
        .is_some_and(|comment| comment.trim_start().starts_with(mention))
}

fn nested_lines(parts: &[&str], indent: usize, scalar: &str) -> Vec<String> {
    let last = parts.len() - 1;
    parts
        .iter()
        .enumerate()
        .map(|(depth, part)| {
            let value = if depth == last {
                format!(" {scalar}")
            } else {
                String::new()
            };
            format!("{:width$}{part}:{value}\n", "", width = indent + depth * 2)
        })
        .collect()
}
