//! The commands. The operator's open the database themselves; all others speak HTTP to a control plane.

mod audit;
mod completions;
mod doctor;
mod explain;
mod installation;
mod login;
mod logout;
mod member;
mod operator;
mod organization;
mod restart;
mod run;
mod secret;
mod serve;
mod server;
mod setup;
mod token;
mod use_workspace;
mod version;
mod whoami;
mod workspace;

use crate::{
    cli::{Cli, Command, Global, Member, Organization},
    exit::{Exit, Failure},
    output::Output,
    place::Connection,
    settings::{Environment, Settings},
};

/// Runs what was typed.
///
/// # Errors
/// Why it was not done, with the exit code.
pub(crate) fn run(cli: Cli, environment: &Environment, out: &Output) -> Result<(), Failure> {
    let here = Here { global: cli.global, environment, out };
    match cli.command {
        Command::Serve(args) => serve::run(args, environment, out),
        Command::Organization(Organization::Create(args)) => operator::create_organization(args, environment, out),
        Command::Member(Member::Add(args)) => operator::add_member(args, environment, out),
        Command::Doctor(args) => doctor::run(args, here.global, environment, out),
        Command::Completions { shell } => completions::run(out, shell),
        Command::Version => version::run(out),
        Command::Setup(args) => here.with_settings(|settings| setup::run(out, settings, args)),
        Command::Login(args) => here.with_settings(|settings| login::run(out, settings, args)),
        Command::Logout => here.with_settings(|settings| logout::run(out, settings)),
        Command::Whoami => here.connected(whoami::run),
        Command::Use(args) => here.connected(|connection| use_workspace::run(connection, &args.workspace)),
        Command::Organization(Organization::List) => here.connected(organization::list),
        Command::Organization(Organization::Show { organization }) => {
            here.connected(|connection| organization::show(connection, organization.as_deref()))
        }
        Command::Organization(Organization::Edit(args)) => {
            here.connected(|connection| organization::edit(connection, args))
        }
        Command::Member(Member::List(place)) => here.connected(|connection| member::list(connection, &place)),
        Command::Member(Member::Role { member, role, organization }) => {
            here.connected(|connection| member::set_role(connection, &organization, &member, role))
        }
        Command::Workspace(args) => here.connected(|connection| workspace::run(connection, args)),
        Command::Secret(args) => {
            secret::refuse_value_in_arguments(&args)?;
            here.connected(|connection| secret::run(connection, args))
        }
        Command::Server(args) => here.connected(|connection| server::run(connection, args)),
        Command::Restart(args) => here.connected(|connection| restart::run(connection, args)),
        Command::Token(args) => here.connected(|connection| token::run(connection, args)),
        Command::Run(args) => match here.connected_to_run(|connection| run::run(connection, args)) {
            Ok(never) => match never {},
            // Whatever the reason: there was no command whose code this could be.
            Err(failure) if !failure.exit.is_of_command() => Err(Failure { exit: Exit::BeforeStart, ..failure }),
            Err(failure) => Err(failure),
        },
        Command::Explain(args) => here.connected(|connection| explain::run(connection, &args)),
        Command::Audit(args) if audit::is_of_installation(&args) => audit::of_installation(args, environment, out),
        Command::Audit(args) => here.connected(|connection| audit::run(connection, args)),
    }
}

/// Says of a thing what an edit changed, like `changed acme/nlp: name NLP → Language`; each is a label, old and new.
fn changed(what: &str, all: &[(&str, &str, &str)]) -> String {
    let differing: Vec<String> = all
        .iter()
        .filter(|(_, old, new)| old != new)
        .map(|(label, old, new)| match (*old, *new) {
            ("", new) => format!("{label} {new}"),
            (old, "") => format!("{label} {old} → none"),
            (old, new) => format!("{label} {old} → {new}"),
        })
        .collect();
    if differing.is_empty() {
        format!("{what} is like that already")
    } else {
        format!("changed {what}: {}", differing.join("; "))
    }
}

/// What a command finds around it.
struct Here<'a> {
    global: Global,
    environment: &'a Environment,
    out: &'a Output,
}

impl Here<'_> {
    fn with_settings<T>(self, command: impl FnOnce(&mut Settings) -> Result<T, Failure>) -> Result<T, Failure> {
        command(&mut Settings::resolve(self.global, self.environment)?)
    }

    fn connected<T>(self, command: impl FnOnce(&Connection<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.connected_to_run(|connection| {
            connection.refuse_workspaces_token()?;
            command(connection)
        })
    }

    /// The same with a workspace's token too, which only starts runs.
    fn connected_to_run<T>(self, command: impl FnOnce(&Connection<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let out = self.out;
        self.with_settings(|settings| command(&Connection::open(out, settings)?))
    }
}
