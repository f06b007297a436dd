//! What can be typed: clap's types. What they mean together with environment and files is for `settings`.

pub(crate) mod account;
pub(crate) mod doctor;
#[cfg(test)]
mod page_commands;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod serve;
pub(crate) mod server;
pub(crate) mod target;
pub(crate) mod workspace;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use self::target::WorkspaceArg;
use crate::complete::{Noun, names_of};

/// Secrets for the servers of your workspaces: sealed, injected at start, and always accounted for.
#[derive(Parser)]
#[command(name = "vestry", version, arg_required_else_help = true)]
#[command(after_help = "Values are never given on the command line: a hidden prompt, stdin or --from-file takes them.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Args)]
pub(crate) struct Global {
    /// The control plane's address
    #[arg(long, global = true, env = "VESTRY_URL", value_name = "URL", help_heading = "Everywhere")]
    pub(crate) url: Option<String>,
    /// Print JSON instead of tables
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Don't ask before something is deleted, suspended or imported
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(crate) yes: bool,
}

/// `vestry run` alone: the command of which scripts start many, read without putting all the others together first.
#[derive(Parser)]
#[command(name = "vestry run")]
struct RunAlone {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    run: run::Run,
}

impl Cli {
    /// Reads what was typed, the program's name first.
    ///
    /// # Errors
    /// What clap has to say instead: what is wrong, or the help that was asked for.
    pub(crate) fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        if words.get(1).is_some_and(|word| word == "run")
            && let Ok(RunAlone { global, run }) = RunAlone::try_parse_from(&words[1..])
        {
            return Ok(Self { global, command: Command::Run(run) });
        }
        Self::try_parse_from(words)
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the control plane
    Serve(serve::Serve),
    /// Set up a new control plane: its first administrator and organization
    Setup(account::Setup),
    /// Sign in, and keep a token for this person
    Login(account::Login),
    /// Revoke the kept token and forget it
    Logout,
    /// Say who is signed in, and where
    Whoami,
    /// Choose the workspace of this directory
    Use(UseArgs),
    /// The organizations you are in
    #[command(subcommand)]
    Organization(Organization),
    /// The people of an organization
    #[command(subcommand)]
    Member(Member),
    /// Workspaces, and who has access to them
    #[command(subcommand)]
    Workspace(workspace::Workspace),
    /// Secrets of a workspace, or of the organization
    #[command(subcommand)]
    Secret(secret::Secret),
    /// Servers of a workspace
    #[command(subcommand)]
    Server(server::Server),
    /// Rolling restarts: how far they are, and what to do about those that paused
    #[command(subcommand)]
    Restart(restart::Restart),
    /// Tokens: your own, or those with which a workspace's runs are started
    #[command(subcommand)]
    Token(account::Token),
    /// Run a command with a workspace's secrets in its environment
    Run(run::Run),
    /// Say where the value of an environment variable comes from
    Explain(Explain),
    /// The audit log: what happened, by whom, when, from where
    #[command(subcommand)]
    Audit(Audit),
    /// Look for what is wrong here, say what to type, and change nothing
    Doctor(doctor::Doctor),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the version
    Version,
}

#[derive(Args)]
pub(crate) struct UseArgs {
    /// Organization and workspace, like acme/nlp-sandbox
    #[arg(value_name = "ORG/WORKSPACE", add = names_of(Noun::Place))]
    pub(crate) workspace: WorkspaceArg,
}

#[derive(Subcommand)]
pub(crate) enum Organization {
    /// List the organizations you are in
    List,
    /// Show one
    Show {
        /// The organization [default: this directory's, or the only one]
        #[arg(add = names_of(Noun::Organization))]
        organization: Option<String>,
    },
    /// Change its name, or who may create workspaces in it
    Edit(OrganizationEdit),
    /// Create one (the operator, on the control plane's machine)
    Create(serve::OrganizationCreate),
}

#[derive(Args)]
pub(crate) struct OrganizationEdit {
    /// The organization [default: this directory's, or the only one]
    #[arg(add = names_of(Noun::Organization))]
    pub(crate) organization: Option<String>,
    /// Its new name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Who may create workspaces: whoever may gets every secret that reaches all workspaces
    #[arg(long, value_name = "WHO")]
    pub(crate) workspace_creation: Option<WorkspaceCreation>,
}

/// Who may create workspaces.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkspaceCreation {
    /// Everybody in the organization
    Members,
    /// Its administrators alone
    Administrators,
}

impl WorkspaceCreation {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Administrators => "administrators",
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Member {
    /// List the people of an organization
    List(InOrganization),
    /// Give someone another role
    Role {
        /// E-mail address or id
        #[arg(value_name = "EMAIL")]
        member: String,
        /// The new role
        role: Role,
        #[command(flatten)]
        organization: InOrganization,
    },
    /// Add someone (the operator, on the control plane's machine)
    Add(serve::MemberAdd),
}

/// What a person is in an organization.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Writes organization secrets, settings and roles
    Administrator,
    /// Works in workspaces
    Member,
}

impl Role {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Member => "member",
        }
    }
}

/// Which organization.
#[derive(Args)]
pub(crate) struct InOrganization {
    /// The organization [default: this directory's, or the only one]
    #[arg(long = "org", value_name = "ORG", add = names_of(Noun::Organization))]
    pub(crate) organization: Option<String>,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The environment variable
    #[arg(add = names_of(Noun::Secret))]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) workspace: target::InWorkspace,
}

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// List what happened, newest first
    List(AuditList),
    /// Check that no event was changed, inserted, deleted or moved; prints the log's head, to be kept elsewhere
    Verify(AuditVerify),
}

#[derive(Args)]
pub(crate) struct AuditVerify {
    #[command(flatten)]
    pub(crate) organization: InOrganization,
    #[command(flatten)]
    pub(crate) of_installation: serve::OfInstallation,
}

#[derive(Args)]
pub(crate) struct AuditList {
    #[command(flatten)]
    pub(crate) organization: InOrganization,
    /// Only by this person: e-mail address or id; also somebody who is not here any more
    #[arg(long, value_name = "PERSON")]
    pub(crate) actor: Option<String>,
    /// Only this action, like secret.created
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only about this thing (id)
    #[arg(long, value_name = "ID")]
    pub(crate) target: Option<String>,
    /// Not before this time: 2h, 3d or 1w ago, or like 2026-11-22 or 2026-11-22T14:30:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) of_installation: serve::OfInstallation,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    /// Where it goes, what it asks for, and the command with its arguments; or what kind of error it is.
    fn read(cli: Result<Cli, clap::Error>) -> Result<String, clap::error::ErrorKind> {
        let Cli { global, command } = cli.map_err(|error| error.kind())?;
        let Command::Run(run) = command else { panic!("it is `run`") };
        let (workspace, command) = (run.workspace.workspace, run.command);
        Ok(format!(
            "{:?} {} {} {workspace:?} {:?} {} {command:?}",
            global.url, global.json, global.yes, run.only, run.keep_env
        ))
    }

    #[test]
    fn run_is_read_alone_as_among_the_others() {
        for typed in [
            "run",
            "run --",
            "run --help",
            "run env",
            "run -w acme/lab -- env -w other",
            "run -wlab --only A,B --only C --keep-env -- sh -c x --json",
            "run --url http://127.0.0.1:1 --json --yes -- true",
            "run -y true --yes",
            "run --nonsense -- true",
            "run -w a/b/c -- true",
            "run --only -- true",
            "run --version",
            "run help",
        ] {
            let words: Vec<OsString> = ["vestry"].into_iter().chain(typed.split(' ')).map(Into::into).collect();
            assert_eq!(read(Cli::read(&words)), read(Cli::try_parse_from(&words)), "{typed}");
        }
    }

    #[test]
    fn no_command_takes_a_value_password_or_token_as_an_argument() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
                let name = argument.get_id().as_str();
                let confidential = ["password", "token", "value", "code"].iter().any(|word| name.contains(word));
                let caught = argument.is_hide_set() || name.ends_with("_file") || name == "token_id";
                let told_apart = name == "setup_code";
                assert!(!confidential || caught || told_apart, "{} {name}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
