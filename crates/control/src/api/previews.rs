//! `…/secrets/{name}/preview`, of an organization and of a workspace.

use axum::{Json, extract::State};
use domain::{ReachEffect, Slug};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::Body,
    document,
    problem::Result,
    secrets::{self, NamedWorkspace, SelectionBody},
};
use crate::{
    app::{
        App, Caller,
        previews::{self, Affected, Ask, Operation, Preview, Those},
    },
    error::Error,
    http::{fields, path::Path},
};

/// What somebody thinks of doing to a secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewBody {
    /// `set`, `delete`, `rename` or `set_access`.
    operation: String,
    /// The new name, to rename.
    name: Option<String>,
    /// `all` or `selected`, to set or to set the access of an organization secret.
    access: Option<String>,
    /// The whole selection, by slug.
    workspaces: Option<Vec<String>>,
    /// How many bytes the value to set has; without it as many as now, or few.
    value_bytes: Option<usize>,
}

/// What a change will do.
#[derive(Serialize, ToSchema)]
pub(super) struct PreviewedBody {
    /// The workspaces that the secret reaches afterwards.
    reaches: SelectionBody,
    /// Those that it did not reach before.
    gains: SelectionBody,
    /// Those that it does not reach any more.
    loses: SelectionBody,
    /// Those that it reaches as before, in another version or under another name.
    changes: SelectionBody,
    /// Those whose own secret of the name overrides it.
    overridden: SelectionBody,
    /// The version of the organization's secret that a workspace's own overrides afterwards.
    overrides: Option<u32>,
    /// The version of the organization's secret that shows again.
    uncovers: Option<u32>,
    /// Running servers that differ from their workspace's environment afterwards.
    restart_needed: Vec<PreviewedServerBody>,
    budget: BudgetBody,
}

#[derive(Serialize, ToSchema)]
struct PreviewedServerBody {
    workspace: String,
    server: String,
    /// Whether it needs a restart now already.
    already: bool,
    /// Whether this change is a reason for its restart; it may need one already, and because of this change too.
    because_of_it: bool,
}

/// What the secrets of the budget take afterwards, where they take most. Sizes are whole KiB: exact ones would tell
/// lengths of values.
#[derive(Serialize, ToSchema)]
struct BudgetBody {
    secrets: u32,
    kib: u64,
    most_secrets: u32,
    most_kib: u64,
    /// The workspaces where that would be too much; the change itself is refused then.
    exceeded: SelectionBody,
    /// Why it would be refused, where it would.
    refused: Option<String>,
}

fn parse(name: &str, body: PreviewBody, of_organization: bool) -> Result<Ask> {
    let reach = fields::reach(body.access, body.workspaces)?;
    let says_reach = reach.access.is_some() || reach.workspaces.is_some();
    let operation = match body.operation.as_str() {
        "set" => Operation::Set(fields::secret_name(name)?, body.value_bytes),
        "delete" => Operation::Delete,
        "rename" => Operation::Rename(fields::secret_name(body.name.as_deref().unwrap_or_default())?),
        "set_access" if of_organization => Operation::SetAccess,
        _ => {
            let which = if of_organization {
                "`set`, `delete`, `rename` or `set_access`"
            } else {
                "`set`, `delete` or `rename`"
            };
            return Err(Error::invalid("operation", "unknown_word", format!("An operation is {which}.")));
        }
    };
    let may_say_reach = of_organization && matches!(operation, Operation::Set(..) | Operation::SetAccess);
    if says_reach && !may_say_reach {
        return Err(Error::invalid("access", "no_access", "This operation changes no access. Leave it out."));
    }
    Ok(Ask { operation, reach })
}

fn show(preview: Preview) -> PreviewedBody {
    let that = |reach| selection(preview.that(reach));
    let first = |of: fn(&Affected) -> Option<u32>| preview.workspaces.iter().find_map(of);
    PreviewedBody {
        reaches: selection(preview.those(|affected| affected.effect.reaches)),
        gains: that(ReachEffect::Gains),
        loses: that(ReachEffect::Loses),
        changes: that(ReachEffect::Changes),
        overridden: selection(preview.those(|affected| affected.effect.overridden)),
        overrides: first(|affected| affected.effect.overrides.as_ref().map(|secret| secret.version)),
        uncovers: first(|affected| affected.effect.uncovers.as_ref().map(|secret| secret.version)),
        budget: BudgetBody {
            secrets: preview.budget.secrets,
            kib: preview.budget.bytes.div_ceil(1024),
            most_secrets: preview.limit.secrets,
            most_kib: preview.limit.bytes.div_ceil(1024),
            exceeded: selection(preview.those(|affected| affected.exceeds)),
            refused: preview.budget.check(preview.limit).err().map(|exceeded| exceeded.to_string()),
        },
        restart_needed: preview
            .stale
            .iter()
            .map(|felt| PreviewedServerBody {
                workspace: felt.server.workspace.to_string(),
                server: felt.server.server.to_string(),
                already: felt.already,
                because_of_it: felt.because_of_it,
            })
            .collect(),
    }
}

fn selection(those: Those) -> SelectionBody {
    let named = |(slug, name): (Slug, String)| NamedWorkspace { slug: slug.to_string(), name };
    SelectionBody { count: those.count, first: those.first.into_iter().map(named).collect() }
}

/// What a change of an organization secret will do, before it is made. Nothing is written. Administrators only.
#[utoipa::path(post, path = "/organizations/{organization}/secrets/{name}/preview", tag = "organization secrets", request_body = PreviewBody,
    responses((status = 200, body = PreviewedBody), document::Allowed, document::State, document::Body))]
pub(in crate::api) async fn preview(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    body: Body<PreviewBody>,
) -> Result<Json<PreviewedBody>> {
    let ask = body.parse(|body| parse(&name, body, true));
    previews::get(&app, &caller, secrets::place(&organization), &name, ask).await.map(show).map(Json)
}

/// The same of a workspace's own secrets.
pub(super) mod workspace {
    use super::*;
    use crate::api::workspace_secrets;

    /// What a change of a workspace's own secret will do, before it is made. Nothing is written. The owner only.
    #[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/preview", tag = "workspace secrets", request_body = PreviewBody,
        responses((status = 200, body = PreviewedBody), document::Allowed, document::State, document::Body))]
    pub(in crate::api) async fn preview(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name)): Path<(String, String, String)>,
        body: Body<PreviewBody>,
    ) -> Result<Json<PreviewedBody>> {
        let ask = body.parse(|body| parse(&name, body, false));
        previews::get(&app, &caller, workspace_secrets::place(&organization, &workspace), &name, ask)
            .await
            .map(show)
            .map(Json)
    }
}
