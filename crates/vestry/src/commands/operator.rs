//! The operator's commands: on the machine, with the database itself, beside a running control plane or without one.

use control::{
    app::{
        App, Password,
        boot::{self, Booted},
        members::{self, AddMember},
        organizations,
        setup::slug_or_from,
    },
    error::Error,
};
use domain::{DisplayName, Email};
use zeroize::Zeroizing;

use super::{installation, setup::new_password};
use crate::{
    cli::serve::{Installation, MemberAdd, OrganizationCreate},
    exit::{Exit, Failure},
    output::Output,
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
        organizations::create_by_operator(&app, &slug, &name).await
    })?;
    out.say(&format!("created the organization {slug}; nobody is in it yet"));
    out.say(&format!("Add its administrator:  vestry member add EMAIL --organization {slug} --role administrator"));
    Ok(())
}

/// Adds a person to an organization.
pub(crate) fn add_member(args: MemberAdd, environment: &Environment, out: &Output) -> Result<(), Failure> {
    let email = Email::parse(&args.email).map_err(|why| Failure::data(why.to_string()))?;
    let name = DisplayName::parse(&args.name).map_err(|why| Failure::data(why.to_string()))?;
    let password = new_password(out, args.password_stdin)?;
    let text = std::str::from_utf8(password.expose())
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| Failure::data("the password is no text; nobody was added"))?;
    let password = Password::parse_new(text).map_err(told)?;
    let organization = args.organization.clone();
    let add = AddMember {
        organization: args.organization,
        email,
        name: Some(name),
        password: Some(password),
        role: args.role.as_str().parse().map_err(|why: domain::UnknownWord| Failure::usage(why.to_string()))?,
    };
    on_machine(args.installation, environment, async |app| members::add_by_operator(&app, add).await)?;
    out.say(&format!("added {} to {organization}", args.email));
    Ok(())
}

fn on_machine(
    installation: Installation,
    environment: &Environment,
    work: impl AsyncFnOnce(App) -> control::error::Result<()>,
) -> Result<(), Failure> {
    let settings = serve::resolve_installation(installation, environment)?;
    let settings = installation::settings(&settings, environment)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::not_configured(error.to_string()))?;
    runtime.block_on(async {
        let Booted { app, .. } =
            boot::open(settings).await.map_err(|error| Failure::not_configured(format!("{error:#}")))?;
        work(app).await.map_err(told)
    })
}

fn told(error: Error) -> Failure {
    match error {
        Error::Invalid(fields) => {
            Failure::data(fields.into_iter().map(|field| field.message).collect::<Vec<_>>().join("\n"))
        }
        Error::NotFound => Failure::data("there is no such organization; nothing was done"),
        Error::Sealed(_) | Error::Unavailable(_) => Failure::new(Exit::TryAgain, error.to_string()),
        Error::Internal(source) => Failure::new(Exit::TryAgain, format!("{source:#}")),
        error => Failure::data(error.to_string()),
    }
}
