//! The keys that can be pressed by name.

/// A key as the protocol wants it: its name, its code, its number, and what it types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub name: &'static str,
    pub code: &'static str,
    pub number: u32,
    pub text: &'static str,
}

const fn key(name: &'static str, code: &'static str, number: u32, text: &'static str) -> Key {
    Key {
        name,
        code,
        number,
        text,
    }
}

/// Every key.
#[rustfmt::skip]
const KEYS: &[Key] = &[
    key("Enter", "Enter", 13, "\r"),
    key("Tab", "Tab", 9, ""),
    key("Escape", "Escape", 27, ""),
    key("Backspace", "Backspace", 8, ""),
    key("Delete", "Delete", 46, ""),
    key("Space", "Space", 32, " "),
    key("ArrowUp", "ArrowUp", 38, ""),
    key("ArrowDown", "ArrowDown", 40, ""),
    key("ArrowLeft", "ArrowLeft", 37, ""),
    key("ArrowRight", "ArrowRight", 39, ""),
    key("Home", "Home", 36, ""),
    key("End", "End", 35, ""),
    key("PageUp", "PageUp", 33, ""),
    key("PageDown", "PageDown", 34, ""),
];

/// Returns the key called `name`.
pub(super) fn find(name: &str) -> Option<Key> {
    KEYS.iter().find(|key| key.name == name).copied()
}

/// Returns the names of all keys.
pub(super) fn names() -> Vec<&'static str> {
    KEYS.iter().map(|key| key.name).collect()
}
