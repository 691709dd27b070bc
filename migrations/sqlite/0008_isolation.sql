-- What holds the agents of a project, where it is not what the configuration says.
ALTER TABLE projects ADD COLUMN isolation TEXT CHECK (isolation IN ('bubblewrap', 'docker'));
