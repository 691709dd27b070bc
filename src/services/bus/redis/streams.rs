//! Inboxes: streams with one group of consumers each.

use std::time::Duration;

use ::redis::streams::StreamReadReply;
use ::redis::{FromRedisValue, Pipeline, cmd};

use super::Redis;
use super::limits::millis;
use super::link::Fault;
use crate::bus::inboxes::LONGEST;
use crate::bus::{Away, Entry};

/// The group that all who read an inbox belong to.
const GROUP: &str = "readers";
/// The field of an entry that holds its text.
const TEXT: &str = "text";
/// How long an inbox is kept that nobody puts anything into. The database has all messages.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// Hands all that one consumer has over to another, in one step, and returns names and texts in
/// turn. What was cut off the stream meanwhile is left out.
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

impl Redis {
    pub async fn send(&self, inbox: &str, text: &str) -> Result<(), Away> {
        let key = self.inbox(inbox);
        let mut both = Pipeline::new();
        both.cmd("XADD")
            .arg(&key)
            .arg("MAXLEN")
            .arg(LONGEST)
            .arg("*")
            .arg(TEXT)
            .arg(text)
            .ignore();
        both.cmd("PEXPIRE").arg(&key).arg(millis(KEPT)).ignore();
        self.link.without(self.link.ask_all::<()>(&both).await)
    }

    pub async fn receive(
        &self,
        inbox: &str,
        consumer: &str,
        most: usize,
    ) -> Result<Vec<Entry>, Away> {
        let key = self.inbox(inbox);
        let question = cmd("XREADGROUP")
            .arg("GROUP")
            .arg(GROUP)
            .arg(consumer)
            .arg("COUNT")
            .arg(most)
            .arg("STREAMS")
            .arg(&key)
            .arg(">")
            .to_owned();
        let mut answer = self.link.ask(&question).await;
        // The first to read makes the group; a server that lost everything has none.
        if matches!(&answer, Err(Fault::Refused(error)) if error.code() == Some("NOGROUP")) {
            self.make_group(&key).await?;
            answer = self.link.ask(&question).await;
        }
        let reply: Option<StreamReadReply> = self.link.without(answer)?;
        let streams = reply.map(|reply| reply.keys).unwrap_or_default();
        let entries = streams.into_iter().flat_map(|stream| stream.ids);
        Ok(entries
            .filter_map(|entry| {
                let text = String::from_redis_value(entry.map.get(TEXT)?.clone()).ok()?;
                Some(Entry { id: entry.id, text })
            })
            .collect())
    }

    async fn make_group(&self, key: &str) -> Result<(), Away> {
        let question = cmd("XGROUP")
            .arg("CREATE")
            .arg(key)
            .arg(GROUP)
            .arg("0")
            .arg("MKSTREAM")
            .to_owned();
        match self.link.ask::<()>(&question).await {
            // Another reader was faster.
            Err(Fault::Refused(error)) if error.code() == Some("BUSYGROUP") => {}
            answer => self.link.without(answer)?,
        }
        let expire = cmd("PEXPIRE").arg(key).arg(millis(KEPT)).to_owned();
        self.ask::<()>(&expire).await
    }

    pub async fn acknowledge(&self, inbox: &str, ids: &[String]) -> Result<usize, Away> {
        let key = self.inbox(inbox);
        let mut both = Pipeline::new();
        both.cmd("XACK").arg(&key).arg(GROUP).arg(ids);
        both.cmd("XDEL").arg(&key).arg(ids).ignore();
        let (acknowledged,) = self.link.without(self.link.ask_all(&both).await)?;
        Ok(acknowledged)
    }

    pub async fn claim(&self, inbox: &str, dead: &str, consumer: &str) -> Result<Vec<Entry>, Away> {
        let question = cmd("EVAL")
            .arg(CLAIM)
            .arg(1)
            .arg(self.inbox(inbox))
            .arg(GROUP)
            .arg(dead)
            .arg(consumer)
            .arg(LONGEST)
            .to_owned();
        let claimed: Vec<(String, String)> = self.ask(&question).await?;
        let entry = |(id, text)| Entry { id, text };
        Ok(claimed.into_iter().map(entry).collect())
    }

    fn inbox(&self, inbox: &str) -> String {
        format!("{}inbox:{inbox}", self.prefix)
    }
}
