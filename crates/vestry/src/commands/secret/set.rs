//! `vestry secret set`: a value, from where nobody sees it, into the control plane.

use domain::SecretName;
use envelope::Plaintext;
use serde_json::{Map, Value};
use ureq::http::Method;

use super::{mismatch, missing, reach, revision, say_consequences, unknown_workspaces};
use crate::{
    address::segment,
    cli::secret::{Reach, Secret as Args, Set},
    exit::Failure,
    models::{Explanation, Layer, Secret},
    place::{Connection, Place, Scope},
    text::escape,
    value::{self, Source},
};

/// Catches a value on the command line before anything else is looked at.
///
/// # Errors
/// When there is one. It is not repeated.
pub(crate) fn refuse_value_in_arguments(args: &Args) -> Result<(), Failure> {
    let Args::Set(set) = args else { return Ok(()) };
    let typed = set.name.as_deref().unwrap_or("NAME");
    let (name, assigned) = match typed.split_once('=') {
        Some((name, _)) => (name, true),
        None => (typed, false),
    };
    if set.value.is_empty() && set.value_flag.is_none() && !assigned {
        return Ok(());
    }
    Err(Failure::usage("a value on the command line ends up in shell history and process lists; nothing was sent")
        .help(format!("run it without a value to be asked, or:  vestry secret set {} < file", escape(name))))
}

/// Writes a secret.
pub(super) fn run(connection: &Connection<'_>, args: Set) -> Result<(), Failure> {
    let name = match (&args.name, &args.whose.org) {
        (Some(name), _) => name.clone(),
        (None, Some(Some(taken))) => {
            return Err(Failure::usage(format!("the name is missing: `{}` was taken as --org's", escape(taken)))
                .help(format!("vestry secret set {} --org", escape(taken))));
        }
        (None, _) => return Err(Failure::usage("the secret's name is missing").help("vestry secret set NAME")),
    };
    check_name(&name)?;
    let scope = connection.scope(&args.whose)?;
    let mut if_match = args.if_match.as_deref().map(revision);
    match &scope {
        Scope::Organization(_) if !is_given(&args.reach) => {
            let unread = existing_revision(connection, &scope, &name)?;
            if_match = if_match.or(unread);
        }
        Scope::Workspace(_) if is_given(&args.reach) => {
            return Err(Failure::usage("--all and --workspaces are for organization secrets; nothing was sent")
                .help(format!("vestry secret set {} --org --workspaces A,B", escape(&name))));
        }
        _ => {}
    }
    if args.dry_run {
        return super::preview::set(connection, &scope, &name, &args.reach);
    }
    let how = format!("vestry secret set {} {}", escape(&name), scope.flag());
    let source = Source { file: args.from_file.clone(), verbatim: args.verbatim };
    let value = source.take(connection.out, &name, &how)?;
    check_value(&value, args.allow_empty)?;
    let body = value::object(fields(&args), &[("value", &value)])?;
    drop(value);

    let path = scope.secret(&name);
    let answer = connection
        .client
        .request(Method::PUT, &path)
        .confidential(body)
        .if_match(if_match.as_deref())
        .create_only(args.create_only)
        .send()
        .map_err(|failure| explain(connection, &scope, &name, &args, failure))?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let secret: Secret = answer.read()?;
    let more = match &scope {
        Scope::Organization(_) => reach(&secret),
        Scope::Workspace(place) => overridden(connection, place, &name),
    };
    let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
    connection.out.say(&format!("set {} v{} in {scope}{more}", secret.name, secret.version));
    say_consequences(connection, &scope, &answer.body)
}

/// Refuses what the control plane would refuse, before anyone is asked for a value.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    match SecretName::parse(name) {
        Ok(_) => Ok(()),
        Err(refused) => {
            let failure = Failure::data(format!("{refused} Nothing was sent."));
            Err(match refused.suggestion() {
                Some(better) => failure.help(format!("vestry secret set {better}")),
                None => failure,
            })
        }
    }
}

fn check_value(value: &Plaintext, allow_empty: bool) -> Result<(), Failure> {
    match domain::check_value(value.expose(), allow_empty) {
        Ok(_) => Ok(()),
        Err(refused) => {
            if value.is_empty() {
                return Err(
                    Failure::data("the value is empty; nothing was sent").help("if that is meant:  --allow-empty")
                );
            }
            Err(Failure::data(format!("{refused} Nothing was sent.")))
        }
    }
}

fn is_given(reach: &Reach) -> bool {
    reach.all || reach.workspaces.is_some()
}

/// What is there, so that the write only replaces it: without `--all` or `--workspaces` nothing may be created, not even
/// when the secret is deleted in this very moment.
fn existing_revision(connection: &Connection<'_>, scope: &Scope, name: &str) -> Result<Option<String>, Failure> {
    match connection.client.get(&scope.secret(name)) {
        Ok(answer) => Ok(answer.etag),
        Err(failure) if failure.is_not_found() => {
            connection.list(&scope.secrets(), Some(1))?;
            Err(Failure::usage(format!(
                "{} would be new in {scope}: say which workspaces it reaches; nothing was sent",
                escape(name)
            ))
            .help("--all for every workspace, also those created later, or --workspaces A,B"))
        }
        Err(failure) => Err(failure),
    }
}

fn fields(args: &Set) -> Map<String, Value> {
    let mut fields = Map::new();
    super::change::add_reach(&mut fields, &args.reach);
    if let Some(description) = &args.description {
        fields.insert("description".to_owned(), description.as_str().into());
    }
    if args.allow_empty {
        fields.insert("allow_empty".to_owned(), true.into());
    }
    fields
}

fn explain(connection: &Connection<'_>, scope: &Scope, name: &str, args: &Set, failure: Failure) -> Failure {
    let failure = unknown_workspaces(connection, scope, &args.reach, failure);
    match failure.code.as_deref() {
        Some("not_found") => missing(connection, scope, name, failure),
        Some("conflict") => failure.help("leave --create-only out to write a new version of it"),
        Some("version_mismatch") => mismatch(scope, name, args.if_match.as_deref(), failure),
        _ => failure,
    }
}

/// Which version of the organization's is overridden. It is only said, so a failure here is none of the write's.
fn overridden(connection: &Connection<'_>, place: &Place, name: &str) -> Option<String> {
    let path = place.path(&format!("/explanations/{}", segment(name)));
    let explanation: Explanation = connection.client.get(&path).ok()?.read().ok()?;
    explanation.layers.iter().find_map(|layer| match layer {
        Layer::Secret { scope, version, .. } if scope.as_str() == "organization" => {
            Some(format!("overrides the organization's v{version}"))
        }
        _ => None,
    })
}
