-- Each row of the audit trail carries the hash of the one before it in its chain: the chain of its project (whose
-- id is the project's), or the installation's own. The rows of before are moved over by the program, which can
-- compute hashes, in the same transaction.

DROP TRIGGER audit_logs_keep_rows;
DROP TRIGGER audit_logs_keep_values;
DROP INDEX audit_by_project;
ALTER TABLE audit_logs RENAME TO audit_logs_unchained;

-- The newest row of each chain; position 0 and no hash where there is none yet.
CREATE TABLE audit_chains (
    chain         BLOB    NOT NULL PRIMARY KEY,
    project_id    BLOB    UNIQUE,
    position      INTEGER NOT NULL,
    hash          TEXT,
    CHECK ((position = 0) = (hash IS NULL))
) STRICT;
CREATE UNIQUE INDEX audit_chains_installation ON audit_chains ((project_id IS NULL)) WHERE project_id IS NULL;

CREATE TABLE audit_logs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    chain         BLOB    NOT NULL,
    position      INTEGER NOT NULL,
    previous_hash TEXT    NOT NULL,
    hash          TEXT    NOT NULL,
    timestamp     INTEGER NOT NULL,
    project_id    BLOB,
    agent_id      BLOB,
    actor         TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    details       TEXT    NOT NULL,
    UNIQUE (chain, position)
) STRICT;

CREATE TRIGGER audit_logs_keep_rows BEFORE DELETE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
CREATE TRIGGER audit_logs_keep_values BEFORE UPDATE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
-- The second case is INSERT OR REPLACE, which deletes without a trigger of its own.
CREATE TRIGGER audit_logs_follow_head BEFORE INSERT ON audit_logs
WHEN NOT EXISTS (
        SELECT 1 FROM audit_chains
        WHERE chain = NEW.chain AND position = NEW.position - 1 AND (hash IS NULL OR hash = NEW.previous_hash))
    OR EXISTS (SELECT 1 FROM audit_logs WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only: the row does not follow the head of its chain'); END;
CREATE TRIGGER audit_logs_move_head AFTER INSERT ON audit_logs
BEGIN UPDATE audit_chains SET position = NEW.position, hash = NEW.hash WHERE chain = NEW.chain; END;

-- A chain that is there already stays, whoever would begin it once more.
CREATE TRIGGER audit_chains_begin_once BEFORE INSERT ON audit_chains
WHEN EXISTS (SELECT 1 FROM audit_chains WHERE chain = NEW.chain OR project_id IS NEW.project_id)
BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER audit_chains_begin_empty BEFORE INSERT ON audit_chains WHEN NEW.position <> 0
BEGIN SELECT RAISE(ABORT, 'a chain of audit_logs begins without rows'); END;
CREATE TRIGGER audit_chains_move_on BEFORE UPDATE ON audit_chains
WHEN NEW.chain IS NOT OLD.chain OR NEW.project_id IS NOT OLD.project_id
    OR NEW.position IS NOT OLD.position + 1 OR NEW.hash IS OLD.hash
BEGIN SELECT RAISE(ABORT, 'a chain of audit_logs only grows, row by row'); END;
CREATE TRIGGER audit_chains_stay BEFORE DELETE ON audit_chains WHEN OLD.position > 0
BEGIN SELECT RAISE(ABORT, 'a chain of audit_logs only grows, row by row'); END;

-- The installation's own chain; its id, a random one of version 4, names the installation.
INSERT INTO audit_chains (chain, position)
SELECT unhex(substr(digits, 1, 12) || '4' || substr(digits, 14, 3) || 'a' || substr(digits, 18, 15)), 0
FROM (SELECT hex(randomblob(16)) AS digits);
