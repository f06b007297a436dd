//! The operator's commands: on the machine, with the database itself, beside a running control plane or without one.

use control::{
    app::{
        App, boot,
        members::{self, AddMember},
        organizations,
        setup::slug_or_from,
    },
    error::Error,
};
use domain::{DisplayName, Email};

use super::{
    installation,
    setup::{as_password, display_name, new_password},
};
use crate::{
    cli::serve::{Installation, MemberAdd, OrganizationCreate},
    exit::{Exit, Failure},
    output::Output,
    prompt,
    settings::{Environment, serve},
};

/// Creates an organization.
pub(crate) fn create_organization(
    args: OrganizationCreate,
    environment: &Environment,
    out: &Output,
) -> Result<(), Failure> {
    let name = DisplayName::parse(&args.name).map_err(|why| Failure::data(why.to_string()))?;
    let slug = slug_or_from(args.slug.as_deref(), Some(&name)).map_err(|why| Failure::data(why.message))?;
    on_machine(args.installation, environment, async |app| {
        organizations::create_by_operator(app, &slug, &name).await.map_err(told)
    })?;
    out.say(&format!("created the organization {slug}; nobody is in it yet"));
    out.say(&format!("Add its administrator:  vestry member add EMAIL --organization {slug} --role administrator"));
    Ok(())
}

/// Adds a person to an organization. Only somebody new is asked for name and password.
pub(crate) fn add_member(args: MemberAdd, environment: &Environment, out: &Output) -> Result<(), Failure> {
    let email = Email::parse(&args.email).map_err(|why| Failure::data(why.to_string()))?;
    let role = args.role.as_str().parse().map_err(|why: domain::UnknownWord| Failure::usage(why.to_string()))?;
    let organization = args.organization;
    on_machine(args.installation, environment, async |app| {
        let known = members::known_to_operator(app, &organization, &email).await.map_err(|error| match error {
            Error::NotFound => Failure::data(format!(
                "there is no organization `{}`; nobody was added",
                crate::text::escape(&organization)
            ))
            .help("its short name, as in addresses; a new one:  vestry organization create NAME"),
            Error::Conflict(why) => Failure::data(why)
                .help(format!("another role is given by an administrator:  vestry member role {email} ROLE")),
            error => told(error),
        })?;
        let (name, password) = match &known {
            Some(_) => (None, None),
            None => (
                Some(prompt::answer(out, args.name, "The person's name", "--name NAME", display_name)?),
                Some(new_password(out, args.password_stdin)?),
            ),
        };
        let password = password.as_ref().map(as_password).transpose().map_err(Failure::data)?;
        let add = AddMember { organization: organization.clone(), email, name, password, role };
        members::add_by_operator(app, add).await.map_err(told)?;
        out.say(&format!("added {} to {organization} as {role}", args.email));
        if let Some(name) = known {
            out.say(&format!("{name} has an account here already, and signs in as before"));
        }
        Ok(())
    })
}

/// Does an operator's work in the installation that is there.
pub(super) fn on_machine<T>(
    which: Installation,
    environment: &Environment,
    work: impl AsyncFnOnce(&App) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let given = serve::resolve_installation(which, environment)?;
    let settings = installation::existing(&given, environment)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::not_configured(error.to_string()))?;
    runtime.block_on(async {
        let opened = boot::open(settings).await.map_err(|error| Failure::not_configured(format!("{error:#}")))?;
        work(&opened.ok_or_else(|| installation::none_there(&given))?).await
    })
}

/// What a use case refused, for a terminal.
pub(super) fn told(error: Error) -> Failure {
    match error {
        Error::Invalid(fields) => {
            Failure::data(fields.into_iter().map(|field| field.message).collect::<Vec<_>>().join("\n"))
        }
        Error::Sealed(_) | Error::Unavailable(_) => Failure::new(Exit::TryAgain, error.to_string()),
        Error::Internal(source) => Failure::new(Exit::TryAgain, format!("{source:#}")),
        error => Failure::data(error.to_string()),
    }
}
