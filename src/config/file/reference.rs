//! The reference of all keys: the `config.yaml` that `eklavya init` writes.

use std::fmt::Write;

use super::edit::to_yaml_scalar;
use crate::error::ConfigError;
use crate::keys::KEYS;
use crate::keys::key::ConfigKey;
use crate::keys::value::ConfigValue;

const REFERENCE_HEADER: &str = "\
# Configuration of Eklavya. Every key is listed with its default. To change a key, remove its # or run
# `eklavya config set KEY VALUE`. The environment (EKLAVYA_AGENTS_PARALLEL for agents.parallel) and
# --set KEY=VALUE override this file.
";

/// Returns a `config.yaml` that sets nothing and shows every key with its default.
pub fn render_reference() -> Result<String, ConfigError> {
    let mut text = REFERENCE_HEADER.to_owned();
    let mut open: Vec<&str> = Vec::new();
    for key in KEYS {
        let parts: Vec<&str> = key.name.split('.').collect();
        let sections = &parts[..parts.len() - 1];
        open_sections(&mut text, &mut open, sections);
        write_key(&mut text, key, sections.len() * 2, parts[sections.len()])?;
    }
    Ok(text)
}

fn open_sections<'a>(text: &mut String, open: &mut Vec<&'a str>, sections: &[&'a str]) {
    let shared = open
        .iter()
        .zip(sections)
        .take_while(|(old, new)| old == new)
        .count();
    open.truncate(shared);
    for section in &sections[shared..] {
        let gap = if open.is_empty() { "\n" } else { "" };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{gap}{:width$}{section}:", "", width = open.len() * 2);
        open.push(section);
    }
}

fn write_key(
    text: &mut String,
    key: &'static ConfigKey,
    indent: usize,
    name: &str,
) -> Result<(), ConfigError> {
    let default = match key.default {
        Some(default) => to_yaml_scalar(&ConfigValue::parse(key, default)?),
        None => ConfigValue::None.to_string(),
    };
    let _ = writeln!(
        text,
        "{:indent$}# {}. Takes {}.",
        "",
        key.help,
        key.expects()
    );
    let _ = writeln!(text, "{:indent$}# {name}: {default}", "");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::document;
    use crate::file::edit::{CommentOutcome, KeyEdit, apply_edit};
    use crate::find_key;
    use camino::Utf8Path;

    #[test]
    fn the_reference_sets_nothing_and_names_every_key() {
        let text = render_reference().unwrap();
        let path = Utf8Path::new("config.yaml");
        assert!(document::parse(path, &text).unwrap().is_empty());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_key_can_be_set_in_the_reference_beside_its_comment() {
        let path = Utf8Path::new("config.yaml");
        let text = render_reference().unwrap();
        for key in KEYS {
            let value = match key.default {
                Some(default) => ConfigValue::parse(key, default).unwrap(),
                None => ConfigValue::None,
            };
            let edited = apply_edit(
                path,
                &text,
                find_key(key.name).unwrap(),
                &KeyEdit::Set(value),
            )
            .unwrap();
            assert_eq!(edited.comments, CommentOutcome::Kept, "{}", key.name);
            assert_eq!(edited.text.lines().count(), text.lines().count() + 1);
        }
    }
}
