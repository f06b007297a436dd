//! Start records, of servers and of runs.

use domain::{Held, StartId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    list::List,
    words::{Who, time},
};
use crate::{
    app::{Input, servers::Start},
    error::Error,
    http::paging::{Params, limit},
};

#[derive(Serialize, ToSchema)]
pub(super) struct HeldBody {
    /// `organization` or `workspace`.
    #[schema(value_type = String)]
    scope: &'static str,
    secret_id: String,
    version: u32,
}

impl From<Held> for HeldBody {
    fn from(held: Held) -> Self {
        Self { scope: held.scope.as_str(), secret_id: held.secret.to_string(), version: held.version }
    }
}

/// What a start handed over, to whom, when: never a value.
#[derive(Serialize, ToSchema)]
pub(super) struct StartBody {
    id: String,
    /// `server` or `run`.
    #[schema(value_type = String)]
    kind: &'static str,
    /// The server's slug.
    server: Option<String>,
    /// The machine that a run was started on, as it calls itself.
    host: Option<String>,
    /// The name of a run's program.
    command: Option<String>,
    started_at: String,
    started_by: Option<Who>,
    /// The name of the workspace's token with which a run was started.
    token: Option<String>,
    ended_at: Option<String>,
    exit_code: Option<i32>,
    /// `pending`; `delivered` once it was on its way, however far it came; or `failed`.
    #[schema(value_type = String)]
    outcome: &'static str,
    /// Why it failed.
    detail: String,
    injected: Vec<InjectedBody>,
    /// What was left out because it was suspended.
    left_out: Vec<InjectedBody>,
}

#[derive(Serialize, ToSchema)]
struct InjectedBody {
    name: String,
    #[serde(flatten)]
    version: HeldBody,
}

impl From<Held> for InjectedBody {
    fn from(held: Held) -> Self {
        Self { name: held.name.to_string(), version: held.into() }
    }
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StartsParams {
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which part of a list of start records was asked for.
#[derive(Default)]
pub(super) struct Part {
    /// Only those before this id.
    pub(super) before: Option<String>,
    limit: i64,
}

/// How many records to read, one more than to show, and which part they are of.
pub(super) fn part(params: Params<StartsParams>) -> (Input<i64>, Part) {
    let mut part = Part::default();
    let asked = params.parse(|params| {
        part = Part { before: params.cursor, limit: limit(params.limit)? };
        if part.before.as_ref().is_some_and(|cursor| cursor.parse::<StartId>().is_err()) {
            return Err(Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew."));
        }
        Ok(part.limit + 1)
    });
    (asked, part)
}

impl Part {
    /// The records of a server, or those of runs.
    pub(super) fn list(&self, starts: Vec<Start>, server: Option<&str>) -> List<StartBody> {
        self.page(starts, |start| start.id.to_string(), |start| show(start, server))
    }

    /// Other rows that are listed by their ids, newest first.
    pub(super) fn page<R, T: ToSchema>(
        &self,
        rows: Vec<R>,
        id: impl Fn(&R) -> String,
        show: impl Fn(R) -> T,
    ) -> List<T> {
        List::page(rows, self.limit, id, show)
    }
}

fn show(start: Start, server: Option<&str>) -> StartBody {
    StartBody {
        id: start.id.to_string(),
        kind: if server.is_some() { "server" } else { "run" },
        server: server.map(str::to_owned),
        host: start.host,
        command: start.command,
        started_at: time(start.started_at),
        started_by: start.started_by.map(Who::from),
        token: start.token,
        ended_at: start.ended_at.map(time),
        exit_code: start.exit_code,
        outcome: start.outcome.as_str(),
        detail: start.detail,
        injected: start.injected.into_iter().map(InjectedBody::from).collect(),
        left_out: start.left_out.into_iter().map(InjectedBody::from).collect(),
    }
}
