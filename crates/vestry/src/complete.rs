//! Names of workspaces, secrets and servers for a shell that completes a command. It never asks, never complains, and
//! never takes long: what is not known in time is not proposed.

use std::{
    env,
    ffi::{OsStr, OsString},
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::CommandFactory;
use clap_complete::{ArgValueCompleter, CompleteEnv, CompletionCandidate};

use crate::{
    cli::{
        Cli, Global,
        target::{Whose, WorkspaceArg},
    },
    exit::Failure,
    output::Output,
    place::{Connection, organization_path},
    settings::{Environment, Settings},
};

/// The environment variable with which a shell asks; its value is the shell's name.
pub(crate) const VARIABLE: &str = "VESTRY_COMPLETE";
/// Longest wait for the control plane.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers the shell and ends the process, if it was a shell that called.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).complete();
}

/// What a name on the command line is the name of.
#[derive(Clone, Copy)]
pub(crate) enum Noun {
    /// An organization's slug.
    Organization,
    /// `[ORG/]WORKSPACE`.
    Place,
    /// A workspace's slug, in the organization that the line names.
    Workspace,
    /// A secret of the workspace or organization that the line names.
    Secret,
    /// A deleted secret of it; where the line has `--version`, one that is there.
    DeletedSecret,
    /// A server of the workspace that the line names.
    Server,
}

/// Proposes names of this kind.
pub(crate) fn names_of(noun: Noun) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let Some(typed) = typed.to_str().map(str::to_owned) else { return Vec::new() };
        let begin = typed.clone();
        let names = in_time(move || look_up(noun, &typed, &line()).unwrap_or_default());
        names.into_iter().filter(|name| name.starts_with(&begin)).map(CompletionCandidate::new).collect()
    })
}

/// What is found, or nothing when that takes too long, whatever it waits for; the process ends soon after.
fn in_time(find: impl FnOnce() -> Vec<String> + Send + 'static) -> Vec<String> {
    let (found, wait) = mpsc::channel();
    thread::spawn(move || found.send(find()));
    wait.recv_timeout(PATIENCE).unwrap_or_default()
}

/// The words that are being completed: the shell hands them over behind `--`.
fn line() -> Vec<String> {
    let words = env::args_os().skip_while(|word| word != "--").skip(1);
    words.map(OsString::into_string).map(Result::unwrap_or_default).collect()
}

/// What follows a flag, as its next word or behind `=`; empty when nothing does. `None` without the flag.
fn value_of<'a>(line: &'a [String], flags: &[&str]) -> Option<&'a str> {
    line.iter().enumerate().find_map(|(place, word)| {
        let (flag, value) = word.split_once('=').map_or((word.as_str(), None), |(flag, value)| (flag, Some(value)));
        let next = || line.get(place + 1).filter(|next| !next.starts_with('-')).map_or("", String::as_str);
        flags.contains(&flag).then(|| value.unwrap_or_else(next))
    })
}

fn look_up(noun: Noun, typed: &str, line: &[String]) -> Result<Vec<String>, Failure> {
    let given = |flags: &[&str]| value_of(line, flags).filter(|value| !value.is_empty()).map(str::to_owned);
    let environment = Environment::of_process();
    let url = given(&["--url"]).or_else(|| environment.url());
    let mut settings = Settings::resolve(Global { url, json: false, yes: false }, &environment)?;
    let out = Output::new(false, false);
    let connection = Connection::open(&out, &mut settings)?;
    let organization = given(&["--org"]);
    let workspace = given(&["-w", "--workspace"]).and_then(|text| text.parse::<WorkspaceArg>().ok());
    match noun {
        Noun::Organization => list(&connection, "/organizations", "slug"),
        Noun::Place => match typed.split_once('/') {
            Some((organization, _)) => {
                let names = workspaces(&connection, organization)?;
                Ok(names.into_iter().map(|workspace| format!("{organization}/{workspace}")).collect())
            }
            None => {
                let organization = connection.organization(organization.as_deref())?;
                let mut names = workspaces(&connection, &organization)?;
                names.extend(list(&connection, "/organizations", "slug")?.into_iter().map(|slug| format!("{slug}/")));
                Ok(names)
            }
        },
        Noun::Workspace => workspaces(&connection, &connection.organization(organization.as_deref())?),
        Noun::Secret | Noun::DeletedSecret => {
            let has = |flag| value_of(line, &[flag]).is_some();
            let deleted = has("--deleted") || matches!(noun, Noun::DeletedSecret) && !has("--version");
            let org = value_of(line, &["--org"]).map(|_| organization);
            let scope = connection.scope(&Whose { workspace, org })?;
            list(&connection, &if deleted { scope.deleted_secrets() } else { scope.secrets() }, "name")
        }
        Noun::Server => list(&connection, &connection.place(workspace.as_ref())?.path("/servers"), "slug"),
    }
}

fn workspaces(connection: &Connection<'_>, organization: &str) -> Result<Vec<String>, Failure> {
    list(connection, &organization_path(organization, "/workspaces"), "slug")
}

/// One field of each item of a list, once each. A name that could do anything to a shell or a terminal is left out.
fn list(connection: &Connection<'_>, path: &str, field: &str) -> Result<Vec<String>, Failure> {
    let items = connection.client.list(path, None)?;
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let mut names: Vec<String> =
        items.iter().filter_map(|item| item[field].as_str()).filter(is_plain).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_found_with_its_value() {
        let line: Vec<String> = ["vestry", "secret", "show", "-w", "acme/nlp", "--url=http://x", "--org", "--json"]
            .map(str::to_owned)
            .into();
        assert_eq!(value_of(&line, &["-w", "--workspace"]), Some("acme/nlp"));
        assert_eq!(value_of(&line, &["--url"]), Some("http://x"));
        assert_eq!(value_of(&line, &["--org"]), Some(""));
        assert_eq!(value_of(&line, &["--nothing"]), None);
    }
}
