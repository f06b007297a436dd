//! `vestry restart`: rolling restarts, and how `vestry secret restart-holders` and `vestry server restart --stale` begin
//! one.

mod show;
mod watch;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::{
    address::segment,
    cli::restart::{One, Restart as Args, Rolling},
    exit::Failure,
    models::{Restart, WouldRestart},
    output::Table,
    place::{Connection, Scope, organization_path},
    text::escape,
};

/// Runs one of the restart commands.
pub(crate) fn run(connection: &Connection<'_>, args: Args) -> Result<(), Failure> {
    match args {
        Args::List { workspace, org } => show::list(
            connection,
            &match org {
                Some(org) => Scope::Organization(connection.organization(org.as_deref())?),
                None => Scope::Workspace(connection.place(workspace.workspace.as_ref())?),
            },
        ),
        Args::Show(one) => show::show(&OneRestart::given(connection, one)?),
        Args::Watch(one) => {
            let one = OneRestart::given(connection, one)?;
            let seen = one.get("")?;
            watch::watch(&one, seen)
        }
        Args::Continue(one) => {
            let one = OneRestart::given(connection, one)?;
            let request = connection.client.request(Method::POST, &one.path("/continuation"));
            let seen = request.send().map_err(|failure| one.missing(failure))?;
            watch::go_on(&one, seen)
        }
        Args::Abort(one) => abort(&OneRestart::given(connection, one)?),
    }
}

/// Begins a rolling restart at a path, of some servers or of all that differ, or only says what it would take; and watches
/// it until it pauses or ends. `nothing` says that no server differs.
pub(crate) fn begin(
    connection: &Connection<'_>,
    scope: &Scope,
    path: &str,
    only: &[String],
    rolling: &Rolling,
    nothing: &str,
) -> Result<(), Failure> {
    let mut wish = json!({});
    if !only.is_empty() {
        wish["servers"] = only.iter().map(|server| wanted(scope, server)).collect::<Result<_, _>>()?;
    }
    if rolling.dry_run {
        wish["dry_run"] = true.into();
        return dry_run(connection, path, &wish, nothing);
    }
    wish["pause_on_failure"] = (!rolling.keep_going).into();
    if let Some(size) = rolling.batch {
        wish["batch_size"] = size.into();
    }
    let begun = connection.client.request(Method::POST, path).json(&wish).send()?;
    let restart: Restart = begun.read()?;
    if restart.counts.servers == 0 {
        connection.out.say(nothing);
        return if connection.out.json { connection.out.document(&begun.body) } else { Ok(()) };
    }
    let one = OneRestart { connection, organization: scope.organization().to_owned(), id: restart.id.to_string() };
    // One alone is under way before anybody could think better of it.
    if restart.counts.servers > 1 {
        let (servers, size) = (servers(restart.counts.servers - restart.counts.skipped), restart.batch_size);
        connection.out.say(&format!(
            "restarting {servers}, {size} at a time; interrupted here it goes on all the same:\n  {}\n  {}",
            one.command("watch"),
            one.command("abort"),
        ));
    }
    watch::watch(&one, begun)
}

/// A server as it was typed: of a workspace by its name, elsewhere as `workspace/server`.
fn wanted(scope: &Scope, server: &str) -> Result<Value, Failure> {
    let (workspace, server) = match (server.split_once('/'), scope) {
        (Some(both), _) => both,
        (None, Scope::Workspace(place)) => (place.workspace.as_str(), server),
        (None, Scope::Organization(_)) => {
            let message = format!("in which workspace is {}? Nothing was restarted", escape(server));
            return Err(Failure::usage(message).help("write WORKSPACE/SERVER, as --dry-run does"));
        }
    };
    Ok(json!({ "workspace": workspace, "server": server }))
}

/// Says which servers a rolling restart that is begun at a path would take. `nothing` says that no server differs.
fn dry_run(connection: &Connection<'_>, path: &str, wish: &Value, nothing: &str) -> Result<(), Failure> {
    let out = connection.out;
    let answer = connection.client.request(Method::POST, path).json(wish).send()?;
    if out.json {
        return out.document(&answer.body);
    }
    let would = answer.read::<WouldRestart>()?.servers;
    if would.is_empty() {
        out.say(nothing);
        return Ok(());
    }
    let mut table = Table::new(&["Server"]);
    for server in &would {
        table.row([format!("{}/{}", server.workspace, server.server).into()]);
    }
    out.table(&table)?;
    out.say(&format!(
        "{} would be restarted; nothing was done",
        servers(u32::try_from(would.len()).unwrap_or(u32::MAX))
    ));
    Ok(())
}

/// One rolling restart of an organization.
struct OneRestart<'a> {
    connection: &'a Connection<'a>,
    organization: String,
    id: String,
}

impl<'a> OneRestart<'a> {
    fn given(connection: &'a Connection<'a>, one: One) -> Result<Self, Failure> {
        let organization = connection.organization(one.organization.organization.as_deref())?;
        Ok(Self { connection, organization, id: one.id })
    }

    fn path(&self, more: &str) -> String {
        organization_path(&self.organization, &format!("/restarts/{}{more}", segment(&self.id)))
    }

    fn get(&self, more: &str) -> Result<crate::client::Answer, Failure> {
        self.connection.client.get(&self.path(more)).map_err(|failure| self.missing(failure))
    }

    fn missing(&self, failure: Failure) -> Failure {
        if !failure.is_not_found() {
            return failure;
        }
        let message = format!("there is no rolling restart `{}` that you can see", escape(&self.id));
        Failure { message, ..failure }.help(format!("which there are:  vestry restart list{}", self.flag()))
    }

    /// What to type to do something with it.
    fn command(&self, verb: &str) -> String {
        format!("vestry restart {verb} {}{}", escape(&self.id), self.flag())
    }

    /// The flag that names its organization; nothing where it is this directory's.
    fn flag(&self) -> String {
        let here = self.connection.settings.project.organization.as_ref() == Some(&self.organization);
        if here { String::new() } else { format!(" --org {}", self.organization) }
    }
}

fn abort(one: &OneRestart<'_>) -> Result<(), Failure> {
    let request = one.connection.client.request(Method::DELETE, &one.path(""));
    request.send().map_err(|failure| one.missing(failure))?;
    one.connection.out.say("aborted; what is being restarted comes to its end, the rest is left as it is");
    Ok(())
}

/// Like `1 server`.
fn servers(count: u32) -> String {
    if count == 1 { "1 server".to_owned() } else { format!("{count} servers") }
}
