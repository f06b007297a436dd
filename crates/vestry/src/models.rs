//! The control plane's answers, as far as the command line says them. Unknown fields are for newer versions.

pub(crate) mod import;
pub(crate) mod life;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use self::life::Suspension;
use crate::{
    text::{Lines, Text},
    time::When,
};

/// A person, where an answer says who did something.
#[derive(Deserialize)]
pub(crate) struct Who {
    pub(crate) name: Text,
}

#[derive(Deserialize)]
pub(crate) struct Me {
    pub(crate) email: Text,
    pub(crate) name: Text,
    pub(crate) organizations: Vec<Membership>,
}

/// An organization, and what the person is in it.
#[derive(Deserialize)]
pub(crate) struct Membership {
    pub(crate) slug: Text,
    pub(crate) name: Text,
    pub(crate) role: Text,
}

#[derive(Deserialize)]
pub(crate) struct Organization {
    pub(crate) slug: Text,
    pub(crate) name: Text,
    pub(crate) workspace_creation: Text,
}

#[derive(Deserialize)]
pub(crate) struct Member {
    pub(crate) id: Text,
    pub(crate) name: Text,
    pub(crate) email: Text,
    pub(crate) role: Text,
    pub(crate) joined_at: When,
    /// For administrators.
    pub(crate) workspaces_owned: Option<u64>,
    pub(crate) last_seen_at: Option<When>,
}

#[derive(Deserialize)]
pub(crate) struct Collaborator {
    pub(crate) name: Text,
    pub(crate) email: Text,
    pub(crate) since: When,
}

#[derive(Deserialize)]
pub(crate) struct Workspace {
    pub(crate) slug: Text,
    pub(crate) name: Text,
    pub(crate) description: Option<Text>,
    pub(crate) owner: Option<Who>,
    pub(crate) role: Text,
    pub(crate) servers: ServerCounts,
    pub(crate) secrets: SecretCounts,
    pub(crate) created_at: When,
    pub(crate) updated_at: When,
}

#[derive(Deserialize)]
pub(crate) struct ServerCounts {
    pub(crate) total: u64,
    pub(crate) running: u64,
    pub(crate) restart_needed: u64,
}

#[derive(Deserialize)]
pub(crate) struct SecretCounts {
    pub(crate) workspace: u64,
    pub(crate) organization: u64,
}

/// A secret, in an organization's list or in a workspace's.
#[derive(Deserialize)]
pub(crate) struct Secret {
    pub(crate) name: Text,
    pub(crate) scope: Text,
    pub(crate) version: u64,
    pub(crate) description: Option<Text>,
    #[serde(default)]
    pub(crate) suspended: bool,
    pub(crate) suspension: Option<Suspension>,
    pub(crate) updated_at: When,
    pub(crate) updated_by: Option<Who>,
    pub(crate) created_at: Option<When>,
    pub(crate) access: Option<Text>,
    pub(crate) workspaces: Option<Reach>,
    pub(crate) holders: Option<u64>,
    pub(crate) stale_holders: Option<u64>,
    pub(crate) overridden_in: Option<u64>,
    #[serde(default)]
    pub(crate) overrides: bool,
    #[serde(default)]
    pub(crate) overridden: bool,
}

/// Which workspaces a secret with access `selected` reaches; the first five by name.
#[derive(Deserialize)]
pub(crate) struct Reach {
    pub(crate) count: u64,
    pub(crate) first: Vec<Named>,
}

#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) slug: Text,
}

/// What a write of a secret says beside the secret.
#[derive(Deserialize)]
pub(crate) struct Consequences {
    #[serde(default)]
    pub(crate) warnings: Vec<Warning>,
    #[serde(default)]
    pub(crate) restart_needed: Vec<Affected>,
    /// Servers that were stopped because of its suspension, which is over.
    #[serde(default)]
    pub(crate) still_stopped: Vec<Affected>,
}

#[derive(Deserialize)]
pub(crate) struct Warning {
    pub(crate) message: Text,
}

/// A running server that differs since the write.
#[derive(Deserialize)]
pub(crate) struct Affected {
    pub(crate) workspace: Text,
    pub(crate) server: Text,
}

/// What a rolling restart would take.
#[derive(Deserialize)]
pub(crate) struct WouldRestart {
    pub(crate) servers: Vec<Affected>,
}

#[derive(Deserialize)]
pub(crate) struct Server {
    pub(crate) name: Text,
    pub(crate) slug: Text,
    pub(crate) command: Vec<Text>,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Text>,
    pub(crate) status: Text,
    #[serde(default)]
    pub(crate) status_detail: Lines,
    pub(crate) started_at: Option<When>,
    pub(crate) started_by: Option<Who>,
    pub(crate) exit_code: Option<i64>,
    #[serde(default)]
    pub(crate) restart_needed: bool,
    #[serde(default)]
    pub(crate) drift: Vec<Drift>,
    pub(crate) settings_changed: Option<SettingsChanged>,
}

/// Since when a running server's command or variables are other ones than its program was started with.
#[derive(Deserialize)]
pub(crate) struct SettingsChanged {
    pub(crate) at: When,
    pub(crate) by: Option<Who>,
}

/// One difference between what a running server holds and what a start would bring.
#[derive(Deserialize)]
pub(crate) struct Drift {
    pub(crate) name: Text,
    pub(crate) kind: Text,
    pub(crate) reason: Text,
    pub(crate) from: Option<Held>,
    pub(crate) to: Option<Held>,
    pub(crate) by: Option<Who>,
    pub(crate) at: Option<When>,
}

#[derive(Deserialize)]
pub(crate) struct Held {
    pub(crate) scope: Text,
    pub(crate) version: u64,
}

#[derive(Deserialize)]
pub(crate) struct Start {
    pub(crate) id: Text,
    pub(crate) kind: Text,
    pub(crate) host: Option<Text>,
    /// The program of a run.
    pub(crate) command: Option<Text>,
    /// The name of the workspace's token with which a run was started.
    pub(crate) token: Option<Text>,
    pub(crate) started_at: When,
    pub(crate) started_by: Option<Who>,
    pub(crate) ended_at: Option<When>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) outcome: Text,
    #[serde(default)]
    pub(crate) detail: Lines,
    pub(crate) injected: Vec<Injected>,
    #[serde(default)]
    pub(crate) left_out: Vec<Injected>,
}

#[derive(Deserialize)]
pub(crate) struct Injected {
    pub(crate) name: Text,
    pub(crate) scope: Text,
    pub(crate) version: u64,
}

/// A rolling restart; its servers only where one is asked for.
#[derive(Deserialize)]
pub(crate) struct Restart {
    pub(crate) id: Text,
    pub(crate) state: Text,
    #[serde(default)]
    pub(crate) detail: Text,
    pub(crate) secret: Option<Text>,
    pub(crate) workspace: Option<Text>,
    pub(crate) batch_size: u32,
    pub(crate) created_at: When,
    pub(crate) created_by: Who,
    pub(crate) counts: RestartCounts,
    #[serde(default)]
    pub(crate) servers: Vec<RestartStep>,
}

#[derive(Deserialize)]
pub(crate) struct RestartCounts {
    pub(crate) servers: u32,
    pub(crate) waiting: u32,
    pub(crate) restarting: u32,
    pub(crate) done: u32,
    pub(crate) skipped: u32,
    pub(crate) failed: u32,
}

/// How far a rolling restart is with one server.
#[derive(Deserialize)]
pub(crate) struct RestartStep {
    pub(crate) workspace: Text,
    pub(crate) server: Text,
    pub(crate) state: Text,
    #[serde(default)]
    pub(crate) detail: Lines,
}

#[derive(Deserialize)]
pub(crate) struct TokenRow {
    pub(crate) id: Text,
    pub(crate) name: Text,
    /// What a personal token may do; none for a workspace's.
    pub(crate) access: Option<Text>,
    #[serde(default)]
    pub(crate) organization_secrets: bool,
    pub(crate) created_at: When,
    /// Who made a workspace's token.
    pub(crate) created_by: Option<Who>,
    pub(crate) last_used_at: Option<When>,
    pub(crate) expires_at: Option<When>,
}

#[derive(Deserialize)]
pub(crate) struct Explanation {
    pub(crate) name: Text,
    pub(crate) layers: Vec<Layer>,
    pub(crate) reason: Option<Text>,
    #[serde(default)]
    pub(crate) absent: Vec<Absent>,
}

/// A secret of the name that does not reach the workspace.
#[derive(Deserialize)]
pub(crate) struct Absent {
    pub(crate) scope: Text,
    pub(crate) why: Text,
    pub(crate) at: Option<When>,
    pub(crate) by: Option<Who>,
    pub(crate) suspension: Option<Suspension>,
}

#[derive(Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
pub(crate) enum Layer {
    Secret {
        scope: Text,
        version: u64,
        state: Text,
        updated_at: When,
        updated_by: Option<Who>,
        suspension: Option<Suspension>,
    },
    Variable {
        server: Text,
        value: Text,
    },
    Base {
        value: Text,
    },
}

#[derive(Deserialize)]
pub(crate) struct AuditEvent {
    /// Its number, where the whole log is read and not a workspace's activity.
    pub(crate) sequence: Option<u64>,
    pub(crate) at: When,
    pub(crate) actor: Actor,
    pub(crate) action: Text,
    pub(crate) target: Option<Target>,
    #[serde(default)]
    pub(crate) details: Value,
    pub(crate) address: Option<Text>,
}

#[derive(Deserialize)]
pub(crate) struct Actor {
    pub(crate) kind: Text,
    pub(crate) name: Option<Text>,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Text,
    pub(crate) name: Option<Text>,
}

#[derive(Deserialize)]
pub(crate) struct Verification {
    pub(crate) events: u64,
    pub(crate) intact: bool,
    pub(crate) first_broken: Option<Text>,
    pub(crate) head: Option<Text>,
}
