-- What agents tell one another. A message never changes; what became of it stands with each of those to whom it was sent.
CREATE TABLE messages (
    id           UUID             NOT NULL PRIMARY KEY,
    project_id   UUID             NOT NULL REFERENCES projects (id),
    -- Nobody: the orchestrator.
    from_agent   UUID             REFERENCES agents (id),
    -- Nobody: everybody who was at work when it was sent.
    to_agent     UUID             REFERENCES agents (id),
    message_type TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT           NOT NULL,
    payload      JSONB            NOT NULL
);
CREATE INDEX messages_by_project ON messages (project_id, created_at);

-- One row for each agent that a message was sent to. `consumer` is the reader that has it: none until it is delivered, and it is
-- delivered to the one whose update finds none there.
CREATE TABLE message_recipients (
    message_id      UUID             NOT NULL REFERENCES messages (id),
    agent_id        UUID             NOT NULL REFERENCES agents (id),
    sent_at         BIGINT           NOT NULL,
    consumer        TEXT COLLATE "C",
    delivered_at    BIGINT,
    acknowledged_at BIGINT,
    PRIMARY KEY (message_id, agent_id)
);
CREATE INDEX message_recipients_open ON message_recipients (agent_id, sent_at, message_id) WHERE acknowledged_at IS NULL;
