-- A lease is never deleted: its fence counts the tenures of the project, and rises with each. Where
-- nobody holds it, there is no worker. `host` is where a process id means something (a boot of a
-- machine and a namespace of processes in it), `machine` its name for people, `beats` counts how
-- often the lease was renewed: clocks may jump, this does not.

ALTER TABLE leases RENAME TO leases_without_fence;

CREATE TABLE leases (
    project_id    BLOB    NOT NULL PRIMARY KEY REFERENCES projects (id),
    fence         INTEGER NOT NULL,
    worker        TEXT,
    machine       TEXT    NOT NULL,
    host          TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    process_start INTEGER NOT NULL,
    beats         INTEGER NOT NULL,
    acquired_at   INTEGER NOT NULL,
    heartbeat     INTEGER NOT NULL,
    lease_until   INTEGER NOT NULL
) STRICT;

INSERT INTO leases
SELECT project_id, 1, worker, '', '', pid, process_start, 0, acquired_at, heartbeat, lease_until
FROM leases_without_fence;

DROP TABLE leases_without_fence;

-- Which tenure an agent and a ledger entry belong to, and on which host an agent's process is.
ALTER TABLE agents ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN process_start INTEGER;
CREATE INDEX agents_with_process ON agents (host) WHERE pid IS NOT NULL;
ALTER TABLE ledger ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE demos ADD COLUMN preview_host TEXT;
