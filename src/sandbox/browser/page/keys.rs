//! The keys that can be pressed by name.

/// A key in the terms of the protocol. `number` is the virtual key code; `text` is what the key types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyDefinition {
    pub name: &'static str,
    pub code: &'static str,
    pub number: u32,
    pub text: &'static str,
}

const fn define_key(
    name: &'static str,
    code: &'static str,
    number: u32,
    text: &'static str,
) -> KeyDefinition {
    KeyDefinition {
        name,
        code,
        number,
        text,
    }
}

#[rustfmt::skip]
const KEYS: &[KeyDefinition] = &[
    define_key("Enter", "Enter", 13, "\r"),
    define_key("Tab", "Tab", 9, ""),
    define_key("Escape", "Escape", 27, ""),
    define_key("Backspace", "Backspace", 8, ""),
    define_key("Delete", "Delete", 46, ""),
    define_key("Space", "Space", 32, " "),
    define_key("ArrowUp", "ArrowUp", 38, ""),
    define_key("ArrowDown", "ArrowDown", 40, ""),
    define_key("ArrowLeft", "ArrowLeft", 37, ""),
    define_key("ArrowRight", "ArrowRight", 39, ""),
    define_key("Home", "Home", 36, ""),
    define_key("End", "End", 35, ""),
    define_key("PageUp", "PageUp", 33, ""),
    define_key("PageDown", "PageDown", 34, ""),
];

pub(crate) fn find_key(name: &str) -> Option<KeyDefinition> {
    KEYS.iter().find(|key| key.name == name).copied()
}

pub(crate) fn key_names() -> Vec<&'static str> {
    KEYS.iter().map(|key| key.name).collect()
}
