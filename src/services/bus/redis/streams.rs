//! Inboxes: streams with one consumer group each.

use std::time::Duration;

use ::redis::streams::StreamReadReply;
use ::redis::{Cmd, FromRedisValue, Pipeline, cmd};

use super::RedisBus;
use crate::bus::error::BusUnavailable;
use crate::bus::inboxes::{InboxEntry, MAX_INBOX_ENTRIES};
use crate::bus::redis::connection::RequestError;
use crate::bus::redis::rate_limits::to_millis;

/// The group of all readers of an inbox.
const GROUP: &str = "readers";
/// The field of an entry that contains its text.
const TEXT: &str = "text";
/// How long an unused inbox is kept. The database has all messages.
const INBOX_TTL: Duration = Duration::from_hours(7 * 24);

/// Reassigns all pending entries of one consumer to another in one step, and returns ids and texts
/// alternately. Entries that were trimmed from the stream are left out.
const CLAIM: &str = "
local left = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[4], ARGV[2])
local claimed = {}
if left.err then return claimed end
for _, entry in ipairs(left) do
  local got = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, entry[1])[1]
  if got and got[2] then
    claimed[#claimed + 1] = got[1]
    claimed[#claimed + 1] = got[2][2]
  end
end
return claimed";

fn read_command(key: &str, consumer: &str, most: usize) -> Cmd {
    cmd("XREADGROUP")
        .arg("GROUP")
        .arg(GROUP)
        .arg(consumer)
        .arg("COUNT")
        .arg(most)
        .arg("STREAMS")
        .arg(key)
        .arg(">")
        .to_owned()
}

impl RedisBus {
    pub async fn send(&self, inbox: &str, text: &str) -> Result<(), BusUnavailable> {
        let key = self.inbox_key(inbox);
        let mut both = Pipeline::new();
        both.cmd("XADD")
            .arg(&key)
            .arg("MAXLEN")
            .arg(MAX_INBOX_ENTRIES)
            .arg("*")
            .arg(TEXT)
            .arg(text)
            .ignore();
        both.cmd("PEXPIRE")
            .arg(&key)
            .arg(to_millis(INBOX_TTL))
            .ignore();
        self.connection
            .or_unavailable(self.connection.request_all::<()>(&both).await)
    }

    pub async fn receive(
        &self,
        inbox: &str,
        consumer: &str,
        most: usize,
    ) -> Result<Vec<InboxEntry>, BusUnavailable> {
        let key = self.inbox_key(inbox);
        let question = read_command(&key, consumer, most);
        let mut answer = self.connection.request(&question).await;
        // The first reader creates the group; a server that lost its data has none.
        if matches!(&answer, Err(RequestError::Refused(error)) if error.code() == Some("NOGROUP")) {
            self.create_group(&key).await?;
            answer = self.connection.request(&question).await;
        }
        let reply: Option<StreamReadReply> = self.connection.or_unavailable(answer)?;
        let streams = reply.map(|reply| reply.keys).unwrap_or_default();
        let entries = streams.into_iter().flat_map(|stream| stream.ids);
        Ok(entries
            .filter_map(|entry| {
                let text = String::from_redis_value(entry.map.get(TEXT)?.clone()).ok()?;
                Some(InboxEntry { id: entry.id, text })
            })
            .collect())
    }

    async fn create_group(&self, key: &str) -> Result<(), BusUnavailable> {
        let question = cmd("XGROUP")
            .arg("CREATE")
            .arg(key)
            .arg(GROUP)
            .arg("0")
            .arg("MKSTREAM")
            .to_owned();
        match self.connection.request::<()>(&question).await {
            // Another reader created it first.
            Err(RequestError::Refused(error)) if error.code() == Some("BUSYGROUP") => {}
            answer => self.connection.or_unavailable(answer)?,
        }
        let expire = cmd("PEXPIRE").arg(key).arg(to_millis(INBOX_TTL)).to_owned();
        self.request::<()>(&expire).await
    }

    pub async fn acknowledge(&self, inbox: &str, ids: &[String]) -> Result<usize, BusUnavailable> {
        let key = self.inbox_key(inbox);
        let mut both = Pipeline::new();
        both.cmd("XACK").arg(&key).arg(GROUP).arg(ids);
        both.cmd("XDEL").arg(&key).arg(ids).ignore();
        let (acknowledged,) = self
            .connection
            .or_unavailable(self.connection.request_all(&both).await)?;
        Ok(acknowledged)
    }

    pub async fn claim(
        &self,
        inbox: &str,
        dead: &str,
        consumer: &str,
    ) -> Result<Vec<InboxEntry>, BusUnavailable> {
        let question = cmd("EVAL")
            .arg(CLAIM)
            .arg(1)
            .arg(self.inbox_key(inbox))
            .arg(GROUP)
            .arg(dead)
            .arg(consumer)
            .arg(MAX_INBOX_ENTRIES)
            .to_owned();
        let claimed: Vec<(String, String)> = self.request(&question).await?;
        let entry = |(id, text)| InboxEntry { id, text };
        Ok(claimed.into_iter().map(entry).collect())
    }

    fn inbox_key(&self, inbox: &str) -> String {
        format!("{}inbox:{inbox}", self.prefix)
    }
}
