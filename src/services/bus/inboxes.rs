//! Inboxes inside this process: what a stream with a group of consumers is on a server.

use std::collections::{BTreeMap, VecDeque};

/// Entries that an inbox keeps; the oldest give way. The database has all messages.
pub(super) const LONGEST: usize = 1_000;
/// Inboxes that are kept; the one that was used the longest time ago gives way.
const MOST: usize = 4_096;

/// What somebody put into an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the inbox.
    pub id: String,
    /// The text.
    pub text: String,
}

#[derive(Debug, Default)]
struct Inbox {
    waiting: VecDeque<Entry>,
    /// What was received and not acknowledged, by its number, with the consumer that has it.
    pending: BTreeMap<u64, (String, Entry)>,
    used: u64,
}

/// The inboxes of this process.
#[derive(Debug, Default)]
pub(super) struct Inboxes {
    named: BTreeMap<String, Inbox>,
    /// Rises with every use.
    clock: u64,
}

impl Inboxes {
    pub fn send(&mut self, inbox: &str, text: &str) {
        self.clock += 1;
        let used = self.clock;
        let found = self.named.entry(inbox.to_owned()).or_default();
        found.used = used;
        found.waiting.push_back(Entry {
            id: used.to_string(),
            text: text.to_owned(),
        });
        if found.waiting.len() > LONGEST {
            found.waiting.pop_front();
        }
        if self.named.len() > MOST {
            self.forget_oldest();
        }
    }

    pub fn receive(&mut self, inbox: &str, consumer: &str, most: usize) -> Vec<Entry> {
        let Some(found) = self.find(inbox) else {
            return Vec::new();
        };
        let count = most.min(found.waiting.len());
        let entries: Vec<Entry> = found.waiting.drain(..count).collect();
        for entry in &entries {
            found
                .pending
                .insert(number(&entry.id), (consumer.to_owned(), entry.clone()));
        }
        entries
    }

    pub fn acknowledge(&mut self, inbox: &str, ids: &[String]) -> usize {
        let Some(found) = self.find(inbox) else {
            return 0;
        };
        let mut removed = 0;
        for id in ids {
            removed += usize::from(found.pending.remove(&number(id)).is_some());
        }
        if found.pending.is_empty() && found.waiting.is_empty() {
            self.named.remove(inbox);
        }
        removed
    }

    pub fn claim(&mut self, inbox: &str, dead: &str, consumer: &str) -> Vec<Entry> {
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

    fn find(&mut self, inbox: &str) -> Option<&mut Inbox> {
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

/// Entries are named by numbers; what is none is no entry.
fn number(id: &str) -> u64 {
    id.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let mut inboxes = Inboxes::default();
        for n in 0..=LONGEST {
            inboxes.send("a", &n.to_string());
        }
        let kept = inboxes.receive("a", "c", usize::MAX);
        assert_eq!((kept.len(), kept[0].text.as_str()), (LONGEST, "1"));
        for n in 0..MOST {
            inboxes.send(&format!("inbox {n}"), "x");
        }
        assert_eq!(inboxes.named.len(), MOST);
        assert!(
            !inboxes.named.contains_key("a"),
            "the least used one gives way"
        );
    }

    #[test]
    fn an_inbox_that_is_done_with_takes_no_room() {
        let mut inboxes = Inboxes::default();
        inboxes.send("a", "x");
        let entry = inboxes.receive("a", "c", 9).remove(0);
        assert_eq!(inboxes.acknowledge("a", &[entry.id, "nonsense".into()]), 1);
        assert!(inboxes.named.is_empty());
    }
}
