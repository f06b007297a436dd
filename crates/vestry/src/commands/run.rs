//! `vestry run`: a command of this machine with a workspace's secrets in its environment.
//!
//! One request, then the command takes this process's place: terminal, signals and exit code are its own, and nothing
//! of Vestry stays behind, neither a process nor a copy of a value.

mod only;
mod program;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    ffi::{OsStr, OsString},
    io::{self, ErrorKind},
    os::unix::process::CommandExt,
    path::Path,
    process::Command,
};

use domain::SecretName;
use serde::Deserialize;
use serde_json::{Map, Value};
use ureq::http::Method;

use crate::{
    cli::run::Run,
    exit::{Exit, Failure},
    output::Output,
    place::Connection,
    settings::is_for_vestry,
    text::{Text, escape},
};

/// The most characters of a name that the record of a run takes.
const LONGEST_TOLD: usize = 100;

/// What the control plane hands over.
#[derive(Deserialize)]
struct Begun {
    variables: Vec<Variable>,
    left_out: Vec<Text>,
}

/// One environment variable. Not printable: its value is a secret's.
#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
}

/// Gets the environment and becomes the command; returns only when that failed.
///
/// # Errors
/// With [`Exit::BeforeStart`] where there was no command yet; with a shell's codes where it could not be executed.
pub(crate) fn run(connection: &Connection<'_>, args: Run) -> Result<Infallible, Failure> {
    if connection.out.json {
        return Err(Failure::usage("a run prints what its command prints, and no JSON; nothing was asked for")
            .help("what is the command's own stands behind it:  vestry run -- CMD --json"));
    }
    let (program, arguments) = args.command.split_first().expect("clap asks for at least one");
    only::check_names(&args.only)?;
    let found = program::find(program)?;
    let begun = begin(connection, &args)?;
    refuse_foreign_names(&begun.variables)?;
    let out = connection.out;
    if !begun.left_out.is_empty() {
        let names: Vec<&str> = begun.left_out.iter().map(Text::as_str).collect();
        out.say(&format!("suspended, so not handed over: {}", names.join(", ")));
    }
    let own = std::env::vars_os().filter(|(name, _)| !is_for_vestry(name)).collect();
    let (environment, clashes) = merge(own, begun.variables, args.keep_env);
    tell_clashes(out, &clashes, args.keep_env);
    let error = Command::new(found).arg0(program).args(arguments).env_clear().envs(environment).exec();
    Err(not_executed(program, &error))
}

/// A control plane may say what variables are, and not which: names that no secret may have would run code of its own
/// choice on this machine.
fn refuse_foreign_names(variables: &[Variable]) -> Result<(), Failure> {
    match variables.iter().find(|variable| SecretName::parse(&variable.name).is_err()) {
        None => Ok(()),
        Some(Variable { name, .. }) => {
            let name = escape(name);
            let message =
                format!("the control plane sent `{name}`, which no secret may be called; nothing was started");
            Err(Failure::data(message)
                .help("this vestry and the control plane may be of different versions; compare:  vestry version"))
        }
    }
}

fn begin(connection: &Connection<'_>, args: &Run) -> Result<Begun, Failure> {
    let mut body = Map::new();
    let mut named = None;
    // A workspace's own token says by itself where it belongs.
    if args.workspace.workspace.is_some() || !connection.client.acts_for_workspace() {
        let place = connection.place(args.workspace.workspace.as_ref())?;
        body.insert("organization".into(), place.organization.as_str().into());
        body.insert("workspace".into(), place.workspace.as_str().into());
        named = Some(place);
    }
    body.insert("host".into(), told(rustix::system::uname().nodename().to_string_lossy().as_ref()).into());
    body.insert("command".into(), args.command.first().map(|program| told(&name_of(program))).into());
    if !args.only.is_empty() {
        body.insert("only".into(), args.only.as_slice().into());
    }
    let request = connection.client.request(Method::POST, "/runs").json(&Value::Object(body));
    request.receive().map_err(|failure| match &named {
        Some(place) => only::explained(connection, place, &args.only, failure),
        None => failure,
    })
}

/// A name of this machine's as the record takes it, however odd it is here.
fn told(name: &str) -> String {
    escape(name).chars().take(LONGEST_TOLD).collect()
}

/// The program without its directory: paths and arguments are nobody else's business.
fn name_of(program: &OsStr) -> String {
    Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

type Variables = BTreeMap<OsString, OsString>;

/// Puts the variables over the caller's own environment, or with `keep` under it; and which ones both have.
fn merge(mut environment: Variables, variables: Vec<Variable>, keep: bool) -> (Variables, Vec<String>) {
    let mut clashes = Vec::new();
    for Variable { name, value } in variables {
        let key = OsString::from(&name);
        let clash = environment.contains_key(&key);
        if !(clash && keep) {
            environment.insert(key, value.into());
        }
        if clash {
            clashes.push(name);
        }
    }
    (environment, clashes)
}

fn tell_clashes(out: &Output, clashes: &[String], keep: bool) {
    let names = clashes.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
    match (names.as_str(), keep) {
        ("", _) => {}
        (names, true) => out.say(&format!("kept as set here: {names}")),
        (names, false) => out.say(&format!("set here too, and replaced: {names} (--keep-env keeps yours)")),
    }
}

/// The codes of POSIX's shell, 2.8.2: 127 where there is no such program, 126 where it can't be executed.
fn not_executed(program: &OsStr, error: &io::Error) -> Failure {
    let program = escape(&program.to_string_lossy());
    let (exit, why) = match error.kind() {
        ErrorKind::NotFound => (Exit::NoSuchCommand, "there is no such program".to_owned()),
        ErrorKind::ArgumentListTooLong => (
            Exit::NotExecutable,
            "its arguments and environment are larger than this system allows together; --only hands over fewer".into(),
        ),
        _ => (Exit::NotExecutable, error.to_string()),
    };
    Failure::new(exit, format!("{program} was not started: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(keep: bool) -> (Vec<(String, String)>, Vec<String>) {
        let own = [("A", "mine"), ("B", "mine")].map(|(name, value)| (name.into(), value.into())).into();
        let got = ["B", "C"].map(|name| Variable { name: name.into(), value: "theirs".into() }).into();
        let (environment, clashes) = merge(own, got, keep);
        let text = |text: OsString| text.into_string().unwrap();
        (environment.into_iter().map(|(name, value)| (text(name), text(value))).collect(), clashes)
    }

    #[test]
    fn what_both_set_is_the_secrets_unless_asked_otherwise() {
        let pairs = |text: [(&str, &str); 3]| text.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(merged(false), (pairs([("A", "mine"), ("B", "theirs"), ("C", "theirs")]), vec!["B".to_owned()]));
        assert_eq!(merged(true), (pairs([("A", "mine"), ("B", "mine"), ("C", "theirs")]), vec!["B".to_owned()]));
    }

    #[test]
    fn only_the_programs_name_is_told() {
        for (given, told) in [("/usr/bin/python3", "python3"), ("make", "make"), ("./x/run.sh", "run.sh"), ("..", "..")]
        {
            assert_eq!(name_of(OsStr::new(given)), told);
        }
    }

    #[test]
    fn what_can_not_be_executed_ends_as_in_a_shell() {
        let of = |kind: ErrorKind| not_executed(OsStr::new("x"), &io::Error::from(kind)).exit as u8;
        assert_eq!(of(ErrorKind::NotFound), 127);
        assert_eq!(of(ErrorKind::PermissionDenied), 126);
        assert_eq!(of(ErrorKind::ArgumentListTooLong), 126);
    }
}
