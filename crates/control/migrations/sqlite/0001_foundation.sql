-- Times are microseconds since the Unix epoch. Booleans are 0 and 1. Ids are UUIDv7 in text.
-- `revision` is the row's opaque ETag: it moves with every write of any field and is never reused.

CREATE TABLE installation (
    -- There is one row, also when two control planes start on an empty database at once.
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    id TEXT NOT NULL,
    -- SHA-256 of the one-time code; NULL once somebody has set the installation up.
    setup_code_hash BLOB,
    -- The number of the next workspace; numbers are never reused, since files on disk belong to them.
    next_workspace_number INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    workspace_creation TEXT NOT NULL,
    -- Moves with every write that can change what a start in one of its workspaces gets; triggers below see to it.
    secrets_revision INTEGER NOT NULL DEFAULT 0,
    revision TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    revision TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT;
CREATE INDEX members_of_user ON members (user_id);

-- Sessions, personal tokens and workspace tokens: whatever a caller can present, by the SHA-256 of its secret part.
CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Whose it is; for a workspace token, who made it.
    user_id TEXT NOT NULL REFERENCES users (id),
    workspace_id TEXT,
    name TEXT NOT NULL,
    access TEXT NOT NULL,
    organization_secrets INTEGER NOT NULL,
    secret_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX credentials_of_user ON credentials (user_id, kind, id);
CREATE INDEX credentials_of_workspace ON credentials (workspace_id, id) WHERE workspace_id IS NOT NULL;

-- Failed guesses, by the SHA-256 of what they count against: an account, an address, a browser. `failures` holds the
-- times of those that still count.
CREATE TABLE attempts (
    key BLOB NOT NULL PRIMARY KEY,
    failures TEXT NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_by_time ON attempts (last_at);

-- Browsers in which somebody signed in, by the SHA-256 of the secret part of their cookie.
CREATE TABLE browsers (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    secret_hash BLOB NOT NULL,
    signed_in_at INTEGER NOT NULL
) STRICT;
CREATE INDEX browsers_of_user ON browsers (user_id, signed_in_at);

CREATE TABLE data_keys (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    root_key_id BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    canary BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX data_keys_of_organization ON data_keys (organization_id, created_at);

CREATE TABLE workspaces (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    number INTEGER NOT NULL UNIQUE,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    owner_id TEXT NOT NULL REFERENCES users (id),
    revision TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    deleted_by TEXT
) STRICT;
CREATE UNIQUE INDEX workspaces_by_slug ON workspaces (organization_id, slug) WHERE deleted_at IS NULL;
-- Each list is read along an index of its order, from the row where the page before ended.
CREATE INDEX workspaces_by_name ON workspaces (organization_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX workspaces_by_creation ON workspaces (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX workspaces_by_update ON workspaces (organization_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX workspaces_of_owner ON workspaces (owner_id);

CREATE TABLE collaborators (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    since INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
) STRICT;
CREATE INDEX collaborations_of_user ON collaborators (user_id);

-- A row stays as a tombstone when its secret is deleted. home_id is the workspace or, for an organization secret,
-- the organization.
CREATE TABLE secrets (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    scope TEXT NOT NULL,
    home_id TEXT NOT NULL,
    name TEXT NOT NULL,
    access TEXT NOT NULL,
    description TEXT NOT NULL,
    version INTEGER NOT NULL,
    -- Bytes that the newest version takes of the budget: name, padded value, 10.
    cost INTEGER NOT NULL,
    revision TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT REFERENCES users (id),
    updated_at INTEGER NOT NULL,
    updated_by TEXT REFERENCES users (id),
    renamed_at INTEGER,
    renamed_by TEXT REFERENCES users (id),
    access_changed_at INTEGER,
    access_changed_by TEXT REFERENCES users (id),
    suspended_at INTEGER,
    suspended_by TEXT REFERENCES users (id),
    suspended_reason TEXT,
    -- When a suspension of it, or of its newest version, was last lifted.
    lifted_at INTEGER,
    lifted_by TEXT REFERENCES users (id),
    deleted_at INTEGER,
    deleted_by TEXT REFERENCES users (id),
    restored_at INTEGER,
    restored_by TEXT REFERENCES users (id),
    -- When a deleted secret's values were erased for good; it never comes back.
    destroyed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX secrets_by_name ON secrets (home_id, name) WHERE deleted_at IS NULL;
CREATE INDEX secrets_in_order_of_name ON secrets (home_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX secrets_by_access ON secrets (home_id, access) WHERE deleted_at IS NULL;
CREATE INDEX secrets_by_creation ON secrets (home_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX secrets_named ON secrets (organization_id, name) WHERE deleted_at IS NULL;
CREATE INDEX secrets_by_deletion ON secrets (home_id, deleted_at, id) WHERE deleted_at IS NOT NULL AND destroyed_at IS NULL;
CREATE INDEX secrets_to_destroy ON secrets (deleted_at) WHERE deleted_at IS NOT NULL AND destroyed_at IS NULL;
CREATE INDEX secrets_by_update ON secrets (home_id, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE secret_versions (
    secret_id TEXT NOT NULL REFERENCES secrets (id),
    version INTEGER NOT NULL,
    -- NULL once the value is erased.
    sealed BLOB,
    cost INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT REFERENCES users (id),
    -- The older version whose value this one has, where one was put back.
    restored_from INTEGER,
    suspended_at INTEGER,
    suspended_by TEXT REFERENCES users (id),
    suspended_reason TEXT,
    -- When its value was erased, and by whom: destroyed, or fallen out of the versions that are kept.
    erased_at INTEGER,
    erased_by TEXT REFERENCES users (id),
    PRIMARY KEY (secret_id, version)
) STRICT;

-- A row stays when its workspace is deselected, so that drift can say by whom and when.
CREATE TABLE selections (
    secret_id TEXT NOT NULL REFERENCES secrets (id),
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    selected INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT REFERENCES users (id),
    PRIMARY KEY (secret_id, workspace_id)
) STRICT;
CREATE INDEX selections_of_workspace ON selections (workspace_id, selected);

CREATE TABLE servers (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    command TEXT NOT NULL,
    variables TEXT NOT NULL,
    -- Moves with every change of command or variables; a start keeps the number that it began with.
    settings INTEGER NOT NULL DEFAULT 1,
    settings_changed_at INTEGER,
    settings_changed_by TEXT REFERENCES users (id),
    status TEXT NOT NULL,
    status_detail TEXT NOT NULL,
    -- The suspended secret because of which it was stopped, until it is started again.
    stopped_for TEXT REFERENCES secrets (id),
    exit_code INTEGER,
    -- The start record of the process that may be alive; NULL when none can be.
    start_id TEXT,
    revision TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX servers_by_slug ON servers (workspace_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX servers_by_name ON servers (workspace_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX servers_by_creation ON servers (workspace_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX servers_by_update ON servers (workspace_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX servers_alive ON servers (workspace_id) WHERE start_id IS NOT NULL;
CREATE INDEX servers_stopped_for ON servers (stopped_for) WHERE stopped_for IS NOT NULL;

-- What a start of a workspace gets at one moment. Starts between two changes share it; its rows are never edited.
CREATE TABLE snapshots (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    created_at INTEGER NOT NULL
) STRICT;

-- What is handed over (left_out = 0), or left out because it is suspended (left_out = 1).
CREATE TABLE snapshot_secrets (
    snapshot_id TEXT NOT NULL REFERENCES snapshots (id),
    secret_id TEXT NOT NULL REFERENCES secrets (id),
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    version INTEGER NOT NULL,
    left_out INTEGER NOT NULL,
    PRIMARY KEY (snapshot_id, name)
) STRICT;
CREATE INDEX snapshots_with_secret ON snapshot_secrets (secret_id, snapshot_id);

-- A server's start, or a run, which has no server but a host.
CREATE TABLE starts (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    kind TEXT NOT NULL,
    server_id TEXT REFERENCES servers (id),
    host TEXT,
    command TEXT,
    snapshot_id TEXT NOT NULL REFERENCES snapshots (id),
    -- The server's settings then; NULL for a run.
    settings INTEGER,
    outcome TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    started_by TEXT REFERENCES users (id),
    -- The workspace token that asked for a run.
    credential_id TEXT REFERENCES credentials (id),
    ended_at INTEGER,
    exit_code INTEGER,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX starts_of_server ON starts (server_id, id);
CREATE INDEX starts_alive ON starts (organization_id) WHERE ended_at IS NULL AND kind = 'server';
CREATE INDEX runs_of_workspace ON starts (workspace_id, id) WHERE kind = 'run';
CREATE INDEX starts_with_snapshot ON starts (snapshot_id, id);
CREATE INDEX starts_pending ON starts (id) WHERE outcome = 'pending' AND kind = 'server';

-- Rolling restarts: of the servers that one secret makes differ, or of all of a workspace that differ.
CREATE TABLE restarts (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    -- The workspace that it keeps to; NULL for one of the whole organization.
    workspace_id TEXT REFERENCES workspaces (id),
    -- The secret that it is for; NULL where it is for all that differs.
    secret_id TEXT REFERENCES secrets (id),
    batch_size INTEGER NOT NULL,
    pause_on_failure INTEGER NOT NULL,
    state TEXT NOT NULL,
    -- Why it paused, for people.
    detail TEXT NOT NULL,
    -- So many failures somebody has seen and continued after.
    accepted_failures INTEGER NOT NULL,
    revision TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL REFERENCES users (id),
    -- In whose name it goes on, and what they showed: whoever began it, or continued it last.
    asked_by TEXT NOT NULL REFERENCES users (id),
    credential_id TEXT NOT NULL REFERENCES credentials (id),
    ended_at INTEGER
) STRICT;
CREATE INDEX restarts_of_organization ON restarts (organization_id, id);
CREATE INDEX restarts_of_workspace ON restarts (workspace_id, id);
CREATE INDEX restarts_running ON restarts (id) WHERE state = 'running';

CREATE TABLE restart_servers (
    restart_id TEXT NOT NULL REFERENCES restarts (id),
    position INTEGER NOT NULL,
    server_id TEXT NOT NULL REFERENCES servers (id),
    state TEXT NOT NULL,
    -- Why it was skipped or failed, for people.
    detail TEXT NOT NULL,
    -- The start record that it had when the restart was begun, and the one that it got.
    old_start_id TEXT NOT NULL,
    start_id TEXT,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (restart_id, position)
) STRICT;
CREATE INDEX restarts_under_way ON restart_servers (restart_id) WHERE state = 'restarting';
CREATE INDEX restarts_of_server ON restart_servers (server_id, restart_id);

-- One chain for each organization and one for the installation; its row is locked by whoever adds an event.
CREATE TABLE audit_chains (
    id TEXT NOT NULL PRIMARY KEY,
    events INTEGER NOT NULL,
    head BLOB NOT NULL
) STRICT;

CREATE TABLE audit_events (
    chain_id TEXT NOT NULL REFERENCES audit_chains (id),
    sequence INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    target_name TEXT NOT NULL,
    -- The workspace in which it happened, as the details say it too: for the workspace's activity.
    workspace_id TEXT,
    address TEXT,
    details TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, sequence)
) STRICT;
CREATE INDEX audit_events_of_actor ON audit_events (chain_id, actor_id, sequence);
CREATE INDEX audit_events_of_action ON audit_events (chain_id, action, sequence);
CREATE INDEX audit_events_of_target ON audit_events (chain_id, target_id, sequence);
CREATE INDEX audit_events_of_workspace ON audit_events (workspace_id, sequence) WHERE workspace_id IS NOT NULL;
CREATE INDEX audit_events_of_target_name ON audit_events (chain_id, target_name, sequence);

CREATE TRIGGER audit_events_are_never_edited BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never edited'); END;
CREATE TRIGGER audit_events_are_never_deleted BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- REPLACE takes rows away without asking the trigger above.
CREATE TRIGGER audit_events_are_never_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events e WHERE e.id = NEW.id OR (e.chain_id = NEW.chain_id AND e.sequence = NEW.sequence))
BEGIN SELECT RAISE(ABORT, 'audit events are never replaced'); END;

-- Whoever keeps an environment at hand sees by this number that it is out of date, whatever wrote.
CREATE TRIGGER secrets_insert_moves_the_revision AFTER INSERT ON secrets
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1 WHERE id = NEW.organization_id; END;
CREATE TRIGGER secrets_update_moves_the_revision AFTER UPDATE ON secrets
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1
WHERE id IN (OLD.organization_id, NEW.organization_id); END;
CREATE TRIGGER secrets_delete_moves_the_revision AFTER DELETE ON secrets
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1 WHERE id = OLD.organization_id; END;
CREATE TRIGGER secret_versions_insert_moves_the_revision AFTER INSERT ON secret_versions
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1 WHERE id = (SELECT s.organization_id FROM secrets s WHERE s.id = NEW.secret_id); END;
CREATE TRIGGER secret_versions_update_moves_the_revision AFTER UPDATE ON secret_versions
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1
WHERE id IN (SELECT s.organization_id FROM secrets s WHERE s.id IN (OLD.secret_id, NEW.secret_id)); END;
CREATE TRIGGER secret_versions_delete_moves_the_revision AFTER DELETE ON secret_versions
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1 WHERE id = (SELECT s.organization_id FROM secrets s WHERE s.id = OLD.secret_id); END;
CREATE TRIGGER selections_insert_moves_the_revision AFTER INSERT ON selections
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1 WHERE id = (SELECT s.organization_id FROM secrets s WHERE s.id = NEW.secret_id); END;
CREATE TRIGGER selections_update_moves_the_revision AFTER UPDATE ON selections
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1
WHERE id IN (SELECT s.organization_id FROM secrets s WHERE s.id IN (OLD.secret_id, NEW.secret_id)); END;
CREATE TRIGGER selections_delete_moves_the_revision AFTER DELETE ON selections
BEGIN UPDATE organizations SET secrets_revision = secrets_revision + 1 WHERE id = (SELECT s.organization_id FROM secrets s WHERE s.id = OLD.secret_id); END;
