//! Inboxes inside this process, in place of Redis streams with consumer groups.

use std::collections::{BTreeMap, VecDeque};

/// The limit of an inbox; the oldest entries are dropped. The database has all messages.
pub(super) const MAX_INBOX_ENTRIES: usize = 1_000;
/// The most inboxes; the least recently used one is dropped.
const MAX_INBOXES: usize = 4_096;

/// An entry of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Its id within the inbox.
    pub id: String,
    pub text: String,
}

#[derive(Debug, Default)]
struct InboxQueue {
    waiting: VecDeque<InboxEntry>,
    /// Received and unacknowledged entries by number, with their consumers.
    pending: BTreeMap<u64, (String, InboxEntry)>,
    used: u64,
}

#[derive(Debug, Default)]
pub(super) struct LocalInboxes {
    named: BTreeMap<String, InboxQueue>,
    /// Incremented by each use.
    clock: u64,
}

impl LocalInboxes {
    pub fn send(&mut self, inbox: &str, text: &str) {
        self.clock += 1;
        let used = self.clock;
        let found = self.named.entry(inbox.to_owned()).or_default();
        found.used = used;
        found.waiting.push_back(InboxEntry {
            id: used.to_string(),
            text: text.to_owned(),
        });
        if found.waiting.len() > MAX_INBOX_ENTRIES {
            found.waiting.pop_front();
        }
        if self.named.len() > MAX_INBOXES {
            self.forget_oldest();
        }
    }

    pub fn receive(&mut self, inbox: &str, consumer: &str, most: usize) -> Vec<InboxEntry> {
        let Some(found) = self.find(inbox) else {
            return Vec::new();
        };
        let count = most.min(found.waiting.len());
        let entries: Vec<InboxEntry> = found.waiting.drain(..count).collect();
        for entry in &entries {
            found.pending.insert(
                parse_number(&entry.id),
                (consumer.to_owned(), entry.clone()),
            );
        }
        entries
    }

    pub fn acknowledge(&mut self, inbox: &str, ids: &[String]) -> usize {
        let Some(found) = self.find(inbox) else {
            return 0;
        };
        let mut removed = 0;
        for id in ids {
            removed += usize::from(found.pending.remove(&parse_number(id)).is_some());
        }
        if found.pending.is_empty() && found.waiting.is_empty() {
            self.named.remove(inbox);
        }
        removed
    }

    pub fn claim(&mut self, inbox: &str, dead: &str, consumer: &str) -> Vec<InboxEntry> {
        let Some(found) = self.find(inbox) else {
            return Vec::new();
        };
        let left = found.pending.values_mut().filter(|(who, _)| who == dead);
        left.map(|(who, entry)| {
            consumer.clone_into(who);
            entry.clone()
        })
        .collect()
    }

    fn find(&mut self, inbox: &str) -> Option<&mut InboxQueue> {
        self.clock += 1;
        let found = self.named.get_mut(inbox)?;
        found.used = self.clock;
        Some(found)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.named.iter().min_by_key(|(_, inbox)| inbox.used);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.named.remove(&name);
        }
    }
}

/// Ids are numbers; any other text is no id of an entry.
fn parse_number(id: &str) -> u64 {
    id.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let mut inboxes = LocalInboxes::default();
        for n in 0..=MAX_INBOX_ENTRIES {
            inboxes.send("a", &n.to_string());
        }
        let kept = inboxes.receive("a", "c", usize::MAX);
        assert_eq!(
            (kept.len(), kept[0].text.as_str()),
            (MAX_INBOX_ENTRIES, "1")
        );
        for n in 0..MAX_INBOXES {
            inboxes.send(&format!("inbox {n}"), "x");
        }
        assert_eq!(inboxes.named.len(), MAX_INBOXES);
        assert!(
            !inboxes.named.contains_key("a"),
            "the least recently used inbox is dropped"
        );
    }

    #[test]
    fn an_inbox_without_entries_is_removed() {
        let mut inboxes = LocalInboxes::default();
        inboxes.send("a", "x");
        let entry = inboxes.receive("a", "c", 9).remove(0);
        assert_eq!(inboxes.acknowledge("a", &[entry.id, "nonsense".into()]), 1);
        assert!(inboxes.named.is_empty());
    }
}
