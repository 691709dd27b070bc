//! Changes of block-style YAML by lines. They know sections and scalars on one line, which is how
//! people write the file; the caller has the parser judge the result.

use super::key::Key;

/// One line `name: rest` in its section.
struct Found {
    /// Number of the line, from 0.
    line: usize,
    indent: usize,
    /// Dotted name with its sections.
    path: String,
}

/// Returns `text` with `key` set to `scalar`, and nothing where the line of the key is not of a
/// simple form.
pub fn set(text: &str, key: &Key, scalar: &str) -> Option<String> {
    let mut lines = split(text);
    let found = keys(&lines);
    if let Some(at) = found.iter().find(|at| at.path == key.name) {
        lines[at.line] = with_value(&lines[at.line], scalar)?;
        return Some(lines.concat());
    }
    let (line, added) = insertion(&lines, &found, key, scalar);
    if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
        last.push('\n');
    }
    lines.splice(line..line, added);
    Some(lines.concat())
}

/// Returns `text` without the line of `key`.
pub fn unset(text: &str, key: &Key) -> String {
    let mut lines = split(text);
    if let Some(at) = keys(&lines).iter().find(|at| at.path == key.name) {
        lines.remove(at.line);
    }
    lines.concat()
}

fn split(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

fn keys(lines: &[String]) -> Vec<Found> {
    let mut sections: Vec<(usize, &str)> = Vec::new();
    let mut found = Vec::new();
    for (line, text) in lines.iter().enumerate() {
        let Some((indent, name)) = key_of(text) else {
            continue;
        };
        sections.retain(|(outer, _)| *outer < indent);
        sections.push((indent, name));
        let names: Vec<&str> = sections.iter().map(|(_, name)| *name).collect();
        found.push(Found {
            line,
            indent,
            path: names.join("."),
        });
    }
    found
}

fn key_of(line: &str) -> Option<(usize, &str)> {
    let trimmed = line.trim_start_matches(' ');
    let (name, rest) = trimmed.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (is_name && ends).then_some((line.len() - trimmed.len(), name))
}

/// Replaces the value behind the colon and keeps what comes after it.
fn with_value(line: &str, scalar: &str) -> Option<String> {
    let value = line.find(':')? + 1;
    let start = value + line[value..].len() - line[value..].trim_start_matches([' ', '\t']).len();
    let rest = &line[start..];
    let length = match rest.chars().next() {
        Some('{' | '[' | '|' | '>' | '&' | '*' | '!') => return None,
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote)? + 2,
        Some('#') => 0,
        _ => plain_length(rest),
    };
    let after = &rest[length..];
    let gap = if after.starts_with('#') { " " } else { "" };
    Some(format!("{} {scalar}{gap}{after}", &line[..value]))
}

fn plain_length(rest: &str) -> usize {
    let line = rest.trim_end_matches(['\n', '\r']);
    let value = line.find(" #").map_or(line, |comment| &line[..comment]);
    value.trim_end().len()
}

/// Returns before which line what is to be added: in the innermost section that is there, behind
/// the comment that mentions the key, or else behind its last key; without a section at the end.
fn insertion(lines: &[String], found: &[Found], key: &Key, scalar: &str) -> (usize, Vec<String>) {
    let parts: Vec<&str> = key.name.split('.').collect();
    let section = (1..parts.len()).rev().find_map(|depth| {
        let path = parts[..depth].join(".");
        let at = found.iter().position(|at| at.path == path)?;
        Some((depth, at))
    });
    let Some((depth, at)) = section else {
        return (lines.len(), nested(&parts, 0, scalar));
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
    let behind = (found[at].line + 1..end)
        .find(|line| comments_on(&lines[*line], &mention))
        .unwrap_or(last);
    let added = nested(&parts[depth..], indent, scalar);
    (behind + 1, added)
}

fn comments_on(line: &str, mention: &str) -> bool {
    line.trim_start()
        .strip_prefix('#')
        .is_some_and(|comment| comment.trim_start().starts_with(mention))
}

fn nested(parts: &[&str], indent: usize, scalar: &str) -> Vec<String> {
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
