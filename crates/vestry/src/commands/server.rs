//! `vestry server`.

mod add;
pub(super) mod drift;
mod lifecycle;
mod logs;
mod show;
mod stop_all;

use serde_json::Value;
use ureq::http::Method;

use super::restart;
use crate::{
    address::segment,
    cli::{
        restart::Rolling,
        server::{One, Server as Args},
    },
    client::Answer,
    exit::Failure,
    place::{Connection, Place, Scope},
    prompt,
};

pub(super) use show::outcome;
pub(super) use stop_all::stop_all;

/// Runs one of the server commands.
pub(crate) fn run(connection: &Connection<'_>, args: Args) -> Result<(), Failure> {
    let one = |one: &One| {
        Ok(OneServer {
            place: connection.place(one.workspace.workspace.as_ref())?,
            slug: one.server.clone(),
            connection,
        })
    };
    match args {
        Args::List(workspace) => show::list(connection, &connection.place(workspace.workspace.as_ref())?),
        Args::Add(args) => add::add(connection, args),
        Args::Edit(args) => add::edit(connection, args),
        Args::Start(args) => lifecycle::start(&one(&args)?),
        Args::Stop(args) => lifecycle::stop(&one(&args)?),
        Args::Restart(which) => {
            let place = connection.place(which.workspace.as_ref())?;
            match (which.servers.as_slice(), which.stale) {
                (servers, true) => restart_stale(connection, &place, servers, &which.rolling),
                (_, false) if which.rolling != Rolling::default() => {
                    Err(Failure::usage("one server alone is restarted at once; nothing was restarted").help(STALE))
                }
                ([slug], false) => lifecycle::restart(&OneServer { place, slug: slug.clone(), connection }),
                (_, false) => Err(Failure::usage("which server? Nothing was restarted")
                    .help(format!("vestry server restart SERVER\n{STALE}"))),
            }
        }
        Args::Logs { one: args, follow, lines } => logs::print(&one(&args)?, lines, follow),
        Args::Starts(args) => show::starts(&one(&args)?),
        Args::Show(args) => show::show(&one(&args)?),
        Args::Delete(args) => delete(&one(&args)?),
    }
}

/// How several are restarted.
const STALE: &str =
    "every one that needs it:  vestry server restart --stale\nonly these of them:  vestry server restart --stale A B";

/// One server of a workspace.
struct OneServer<'a> {
    connection: &'a Connection<'a>,
    place: Place,
    slug: String,
}

impl OneServer<'_> {
    /// Its path, with more behind it.
    fn path(&self, more: &str) -> String {
        self.place.path(&format!("/servers/{}{more}", segment(&self.slug)))
    }

    fn get(&self, more: &str) -> Result<Answer, Failure> {
        self.connection.client.get(&self.path(more)).map_err(|failure| self.missing(failure))
    }

    /// Tells it to do something.
    fn post(&self, more: &str) -> Result<Answer, Failure> {
        let request = self.connection.client.request(Method::POST, &self.path(more));
        request.send().map_err(|failure| self.missing(failure))
    }

    fn missing(&self, failure: Failure) -> Failure {
        self.connection.missing(failure, "server", &self.slug, &self.place.path("/servers"), "slug")
    }

    /// The flag that names its workspace in a hint; nothing where it is this directory's.
    fn flag(&self) -> String {
        let project = &self.connection.settings.project;
        let here = project.organization.as_ref() == Some(&self.place.organization)
            && project.workspace.as_ref() == Some(&self.place.workspace);
        if here { String::new() } else { format!(" -w {}", self.place) }
    }
}

/// Restarts every running server of a workspace that needs it, batch by batch.
fn restart_stale(
    connection: &Connection<'_>,
    place: &Place,
    servers: &[String],
    rolling: &Rolling,
) -> Result<(), Failure> {
    let scope = Scope::Workspace(place.clone());
    let path = place.path("/restarts");
    let nothing = format!("no running server of {place} needs a restart");
    restart::begin(connection, &scope, &path, servers, rolling, &nothing)
        .map_err(|failure| if failure.is_not_found() { connection.missing_place(failure, &path) } else { failure })
}

fn delete(server: &OneServer<'_>) -> Result<(), Failure> {
    let connection = server.connection;
    let answer = server.get("")?;
    let question = format!("Delete server {} of {}?", crate::text::escape(&server.slug), server.place);
    prompt::confirm(connection.out, connection.settings.yes, &question, None)?;
    connection.client.request(Method::DELETE, &server.path("")).if_match(answer.etag.as_deref()).send().map_err(
        |failure| match failure.code.as_deref() {
            Some("conflict") => failure.help(format!("vestry server stop {}{}", server.slug, server.flag())),
            _ => server.missing(failure),
        },
    )?;
    connection.out.say(&format!("deleted {} from {}", crate::text::escape(&server.slug), server.place));
    Ok(())
}

/// A text field of an answer; empty where there is none.
fn field<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}
