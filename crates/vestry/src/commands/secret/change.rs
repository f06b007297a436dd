//! `vestry secret edit`, `rename` and `delete`: everything but the value.

use domain::RESTORABLE_DAYS;
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::{
    mismatch, missing, reach, revision, say_all_consequences, say_consequences, say_holders_of_deleted,
    unknown_workspaces,
};
use crate::{
    address::segment,
    cli::secret::{Edit, Reach},
    commands::changed,
    exit::Failure,
    models::Secret,
    place::{Connection, Scope},
    prompt,
    text::escape,
};

/// Adds what `--all` and `--workspaces` mean.
pub(super) fn add_reach(fields: &mut Map<String, Value>, reach: &Reach) {
    if reach.all {
        fields.insert("access".to_owned(), "all".into());
    }
    if let Some(workspaces) = &reach.workspaces {
        let workspaces: Vec<Value> =
            workspaces.iter().filter(|slug| !slug.is_empty()).map(|slug| slug.as_str().into()).collect();
        fields.insert("access".to_owned(), "selected".into());
        fields.insert("workspaces".to_owned(), workspaces.into());
    }
}

/// Changes description and access.
pub(super) fn edit(connection: &Connection<'_>, args: Edit) -> Result<(), Failure> {
    let scope = connection.scope(&args.whose)?;
    let mut fields = Map::new();
    add_reach(&mut fields, &args.reach);
    let selections = args
        .add_workspace
        .iter()
        .map(|slug| (Method::PUT, slug))
        .chain(args.remove_workspace.iter().map(|slug| (Method::DELETE, slug)))
        .collect::<Vec<_>>();
    if matches!(scope, Scope::Workspace(_)) && !(fields.is_empty() && selections.is_empty()) {
        return Err(Failure::usage("only organization secrets have access; nothing was sent")
            .help(format!("vestry secret edit {} --org …", escape(&args.name))));
    }
    if let Some(description) = &args.description {
        fields.insert("description".to_owned(), description.as_str().into());
    }
    if fields.is_empty() && selections.is_empty() {
        return Err(Failure::usage("nothing to change was given").help(
            "--description TEXT; for an organization secret also --all, --workspaces A,B, --add-workspace A or \
             --remove-workspace A",
        ));
    }
    if args.dry_run {
        return super::preview::set_access(connection, &scope, &args.name, &args.reach);
    }
    let path = scope.secret(&args.name);
    let not_found = |failure| missing(connection, &scope, &args.name, failure);
    let before: Secret = connection.client.get(&path).map_err(not_found)?.read()?;
    if would_reach_nobody(&before, &args) {
        let question = format!("Let {} reach no workspace at all?", before.name);
        prompt::confirm(connection.out, connection.settings.yes, &question, None)?;
    }
    if selections.len() + usize::from(!fields.is_empty()) > 1 {
        // Each is a write of its own: the last must not fail over a word that is known to be wrong before the first.
        for (_, slug) in &selections {
            let workspace =
                crate::place::organization_path(&scope.to_string(), &format!("/workspaces/{}", segment(slug)));
            let found = connection.client.get(&workspace);
            found.map_err(|failure| missing_selection(connection, &scope, &args.name, slug, failure))?;
        }
    }
    let mut if_match = args.if_match.as_deref().map(revision);
    let mut answers = Vec::new();
    if !fields.is_empty() {
        let answer = connection
            .client
            .request(Method::PATCH, &path)
            .json(&Value::Object(fields))
            .if_match(if_match.as_deref())
            .send()
            .map_err(|failure| unknown_workspaces(connection, &scope, &args.reach, failure))
            .map_err(|failure| match failure.code.as_deref() {
                Some("version_mismatch") => mismatch(&scope, &args.name, args.if_match.as_deref(), failure),
                _ => missing(connection, &scope, &args.name, failure),
            })?;
        answers.push(answer.body);
        if_match = if_match.and(answer.etag);
    }
    for (method, slug) in selections {
        let answer = connection
            .client
            .request(method, &format!("{path}/workspaces/{}", segment(slug)))
            .if_match(if_match.as_deref())
            .send()
            .map_err(|failure| missing_selection(connection, &scope, &args.name, slug, failure))?;
        answers.push(answer.body);
        if_match = if_match.and(answer.etag);
    }
    say_all_consequences(connection, &scope, &answers)?;
    let answer = connection.client.get(&path)?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let after: Secret = answer.read()?;
    let reach = |secret: &Secret| reach(secret).unwrap_or_default();
    let description = |secret: &Secret| secret.description.clone().unwrap_or_default();
    connection.out.say(&changed(
        &format!("{} in {scope}", after.name),
        &[
            ("reaches", reach(&before).trim_start_matches("reaches "), reach(&after).trim_start_matches("reaches ")),
            ("description", description(&before).as_str(), description(&after).as_str()),
        ],
    ));
    Ok(())
}

/// Whether an edit takes a secret away from every workspace that it reaches.
fn would_reach_nobody(before: &Secret, edit: &Edit) -> bool {
    if let Some(selected) = &edit.reach.workspaces {
        return selected.iter().all(String::is_empty);
    }
    let Some(reached) = before.workspaces.as_ref().filter(|reached| reached.count > 0) else { return false };
    let is_removed = |slug: &str| edit.remove_workspace.iter().any(|removed| removed == slug);
    edit.add_workspace.is_empty()
        && reached.count == reached.first.len() as u64
        && reached.first.iter().all(|workspace| is_removed(workspace.slug.as_str()))
}

/// Either the secret or the workspace was not found.
fn missing_selection(connection: &Connection<'_>, scope: &Scope, name: &str, slug: &str, failure: Failure) -> Failure {
    if failure.is_not_found() && connection.client.get(&scope.secret(name)).is_ok() {
        let workspaces = crate::place::organization_path(&scope.to_string(), "/workspaces");
        return connection.missing(failure, "workspace", slug, &workspaces, "slug");
    }
    match failure.code.as_deref() {
        Some("conflict") => {
            failure.help(format!("vestry secret edit {} {} --workspaces A,B", escape(name), scope.flag()))
        }
        _ => missing(connection, scope, name, failure),
    }
}

/// Gives a secret another name.
pub(super) fn rename(connection: &Connection<'_>, scope: &Scope, name: &str, new_name: &str) -> Result<(), Failure> {
    super::set::check_name(new_name)?;
    let answer = connection
        .client
        .request(Method::PATCH, &scope.secret(name))
        .json(&json!({ "name": new_name }))
        .send()
        .map_err(|failure| missing(connection, scope, name, failure))?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let secret: Secret = answer.read()?;
    connection.out.say(&format!("renamed {} → {} in {scope}", escape(name), secret.name));
    say_consequences(connection, scope, &answer.body)
}

/// Deletes a secret, once someone agreed.
pub(super) fn delete(
    connection: &Connection<'_>,
    scope: &Scope,
    name: &str,
    if_match: Option<&str>,
) -> Result<(), Failure> {
    let path = scope.secret(name);
    let not_found = |failure| missing(connection, scope, name, failure);
    let answer = connection.client.get(&path).map_err(not_found)?;
    let secret: Secret = answer.read()?;
    let (question, word) = match secret.holders {
        None | Some(0) => (format!("Delete {} from {scope}?", secret.name), None),
        Some(1) => (format!("Delete {} from {scope}? 1 running server has it.", secret.name), Some(name)),
        Some(n) => (format!("Delete {} from {scope}? {n} running servers have it.", secret.name), Some(name)),
    };
    prompt::confirm(connection.out, connection.settings.yes, &question, word)?;
    // What was agreed to is what was shown.
    let given = if_match;
    let if_match = if_match.map(revision).or(answer.etag);
    let request = connection.client.request(Method::DELETE, &path);
    request.if_match(if_match.as_deref()).send().map_err(|failure| match failure.code.as_deref() {
        Some("version_mismatch") => mismatch(scope, name, given, failure),
        _ => not_found(failure),
    })?;
    let holders = secret.holders.unwrap_or_default();
    let keep = if holders > 0 { "; running servers keep it until they are restarted" } else { "" };
    connection.out.say(&format!("deleted {} from {scope}{keep}", secret.name));
    let undo = format!("vestry secret restore {} {}", secret.name, scope.flag());
    connection.out.say(&format!("undo within {RESTORABLE_DAYS} days:  {undo}"));
    if let Some(deleted) = super::last_deleted(connection, scope, secret.name.as_str()) {
        say_holders_of_deleted(connection, scope, &deleted, None);
    }
    Ok(())
}
