-- A lease is never deleted: its fence counts the tenures of the project, and rises with each. Where
-- nobody holds it, there is no worker. `host` is where a process id means something (a boot of a
-- machine and a namespace of processes in it), `machine` its name for people, `beats` counts how
-- often the lease was renewed: clocks may jump, this does not.

ALTER TABLE leases ALTER COLUMN worker DROP NOT NULL;
ALTER TABLE leases ADD COLUMN fence BIGINT NOT NULL DEFAULT 1;
ALTER TABLE leases ADD COLUMN machine TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN host TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN beats BIGINT NOT NULL DEFAULT 0;

-- Which tenure an agent and a ledger entry belong to, and on which host an agent's process is.
ALTER TABLE agents ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN host TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN process_start BIGINT;
CREATE INDEX agents_with_process ON agents (host) WHERE pid IS NOT NULL;
ALTER TABLE ledger ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE demos ADD COLUMN preview_host TEXT COLLATE "C";
