-- What agents tell one another. A message never changes; what became of it stands with each of those to whom it was sent.
CREATE TABLE messages (
    id           BLOB    NOT NULL PRIMARY KEY,
    project_id   BLOB    NOT NULL REFERENCES projects (id),
    -- Nobody: the orchestrator.
    from_agent   BLOB    REFERENCES agents (id),
    -- Nobody: everybody who was at work when it was sent.
    to_agent     BLOB    REFERENCES agents (id),
    message_type TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    -- Last: what comes behind a long text is read through all of it.
    payload      TEXT    NOT NULL
) STRICT;
CREATE INDEX messages_by_project ON messages (project_id, created_at);

-- One row for each agent that a message was sent to. `consumer` is the reader that has it: none until it is delivered, and it is
-- delivered to the one whose update finds none there.
CREATE TABLE message_recipients (
    message_id      BLOB    NOT NULL REFERENCES messages (id),
    agent_id        BLOB    NOT NULL REFERENCES agents (id),
    sent_at         INTEGER NOT NULL,
    consumer        TEXT,
    delivered_at    INTEGER,
    acknowledged_at INTEGER,
    PRIMARY KEY (message_id, agent_id)
) STRICT;
CREATE INDEX message_recipients_open ON message_recipients (agent_id, sent_at, message_id) WHERE acknowledged_at IS NULL;
