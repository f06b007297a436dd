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

-- Sessions and personal tokens: whatever a caller can present, by the SHA-256 of its secret part.
CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
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
    lifted_at INTEGER,
    lifted_by TEXT REFERENCES users (id),
    deleted_at INTEGER,
    deleted_by TEXT REFERENCES users (id),
    restored_at INTEGER,
    restored_by TEXT REFERENCES users (id)
) STRICT;
CREATE UNIQUE INDEX secrets_by_name ON secrets (home_id, name) WHERE deleted_at IS NULL;
CREATE INDEX secrets_in_order_of_name ON secrets (home_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX secrets_by_access ON secrets (home_id, access) WHERE deleted_at IS NULL;
CREATE INDEX secrets_by_creation ON secrets (home_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX secrets_by_update ON secrets (home_id, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE secret_versions (
    secret_id TEXT NOT NULL REFERENCES secrets (id),
    version INTEGER NOT NULL,
    -- NULL once this version is destroyed.
    sealed BLOB,
    cost INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT REFERENCES users (id),
    suspended_at INTEGER,
    suspended_by TEXT REFERENCES users (id),
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
    status TEXT NOT NULL,
    status_detail TEXT NOT NULL,
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

CREATE TABLE starts (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    server_id TEXT REFERENCES servers (id),
    kind TEXT NOT NULL,
    host TEXT,
    outcome TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    started_by TEXT REFERENCES users (id),
    ended_at INTEGER,
    exit_code INTEGER,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX starts_of_server ON starts (server_id, id);
CREATE INDEX starts_alive ON starts (organization_id) WHERE ended_at IS NULL;
CREATE INDEX starts_pending ON starts (id) WHERE outcome = 'pending';

-- What each start handed over (left_out = 0) or left out because it was suspended (left_out = 1).
CREATE TABLE start_secrets (
    start_id TEXT NOT NULL REFERENCES starts (id),
    secret_id TEXT NOT NULL REFERENCES secrets (id),
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    version INTEGER NOT NULL,
    left_out INTEGER NOT NULL,
    PRIMARY KEY (start_id, name)
) STRICT;
CREATE INDEX starts_with_secret ON start_secrets (secret_id, start_id);

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
    address TEXT,
    details TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, sequence)
) STRICT;
CREATE INDEX audit_events_of_actor ON audit_events (chain_id, actor_id, sequence);
CREATE INDEX audit_events_of_action ON audit_events (chain_id, action, sequence);
CREATE INDEX audit_events_of_target ON audit_events (chain_id, target_id, sequence);
CREATE INDEX audit_events_of_target_name ON audit_events (chain_id, target_name, sequence);

CREATE TRIGGER audit_events_are_never_edited BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never edited'); END;
CREATE TRIGGER audit_events_are_never_deleted BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- REPLACE takes rows away without asking the trigger above.
CREATE TRIGGER audit_events_are_never_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events e WHERE e.id = NEW.id OR (e.chain_id = NEW.chain_id AND e.sequence = NEW.sequence))
BEGIN SELECT RAISE(ABORT, 'audit events are never replaced'); END;
