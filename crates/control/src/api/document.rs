//! The OpenAPI document: what is the same for many operations is said once here.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        self, Ref, RefOr, Response,
        content::Content,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, SchemaType, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::problem;
use crate::http::caller::COOKIE;

/// The frame that the operations are put into.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vestry",
        description = "The secrets of workspace servers: who gets what, and who has which version.\n\n\
            Refusals come in one order: 401, 403 for the wrong kind of token, 404 for an organization or workspace \
            that the caller may not know of, 403 for the role, 403 for the token, 404 for a thing in it, 412, 422. \
            Whatever is asked of another host than the control plane's own is answered 421 (`misdirected`) before all \
            that."
    ),
    components(schemas(problem::Problem)),
    security(("token" = []), ("session" = [])),
    modifiers(&Common)
)]
pub(super) struct Document;

/// The problems that operations refer to, and the ways to sign in.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (_, name, description) in PROBLEMS {
            let body = Content::new(Some(Ref::from_schema_name("Problem")));
            let response = Response::builder().description(*description).content("application/problem+json", body);
            components.responses.insert((*name).to_owned(), response.build().into());
        }
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A personal token, `vst_p_…`, acts as its person, within what it was made for. A workspace's token, \
             `vst_w_…`, starts its workspace's runs and does nothing else.",
        ));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let session = "A browser's session. What changes anything needs a request of Vestry's own origin besides.";
        let session = ApiKeyValue::with_description(COOKIE, session);
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// Status, name in the document, and when it is the answer.
const PROBLEMS: &[(u16, &str, &str)] = &[
    (401, "Unauthenticated", "Nobody is signed in, or the session or token is not valid any more."),
    (
        403,
        "Forbidden",
        "The caller may know of it but not do this, or the token may not, or another site's page sent the request.",
    ),
    (404, "NotFound", "There is no such thing, as far as the caller may know."),
    (408, "RequestTimeout", "The body did not arrive within 30 seconds."),
    (409, "Conflict", "What is there already, or the state it is in, does not allow this."),
    (412, "VersionMismatch", "It has another revision than `If-Match` names: somebody changed it since it was read."),
    (
        413,
        "PayloadTooLarge",
        "The body is larger than 512 KiB; or that of an import than 2 MiB, or its text than 1 MiB.",
    ),
    (422, "Invalid", "The request does not fit; `errors` names each field and why."),
    (429, "RateLimited", "Too many wrong tries; `Retry-After` says for how many seconds none is checked."),
    (
        503,
        "Unavailable",
        "There is no usable root key (`sealed`), or something else does not work now (`unavailable`).",
    ),
];

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident: $($status:literal)+;)*) => {$(
        $(#[$doc])*
        pub(super) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_string(), refer($status))),+])
            }
        }
    )*};
}

// An operation lists those that it can meet beside its success.
problems! {
    /// Whoever is signed in may do it with any token of theirs.
    SignedIn: 401 403;
    /// Whoever may know of the thing may do it with any token of theirs.
    Known: 401 403 404;
    /// Needs a role, a tie to the workspace, or more than a token that only reads.
    Allowed: 401 403 404;
    /// Changes what is the caller's own.
    Own: 401 403;
    /// Needs no sign-in, but another site's page may not send it.
    Visitor: 403;
    /// Can be guessed at.
    Guessed: 429;
    /// Reads a query.
    Query: 422;
    /// Reads a body.
    Body: 408 413 422;
    /// What the address names must fit by itself.
    Fits: 422;
    /// Honours `If-Match`.
    Revision: 412;
    /// Depends on what is there already, or on the state it is in.
    State: 409;
    /// Needs the root key, or a part that can be too busy.
    Ready: 503;
}

fn refer(status: u16) -> RefOr<Response> {
    let name = PROBLEMS.iter().find(|problem| problem.0 == status).map_or("", |problem| problem.1);
    RefOr::Ref(Ref::from_response_name(name))
}

/// What the variable parts of addresses are.
const PARAMETERS: &[(&str, &str)] = &[
    ("name", "The secret's name, as it is spelled."),
    ("organization", "The organization's slug."),
    ("restart", "The rolling restart's id."),
    ("secret", "The deleted secret's id."),
    ("server", "The server's slug."),
    ("session", "The session's id; `current` for the one that asks."),
    ("token", "The token's id."),
    ("user", "The person's id or e-mail address."),
    ("version", "The version's number."),
    ("workspace", "The workspace's slug."),
];

/// Completes every operation with what follows from its address and its answers.
pub(super) fn complete(document: &mut openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        methods.into_iter().flatten().for_each(complete_operation);
    }
}

fn complete_operation(operation: &mut Operation) {
    // Function names repeat from noun to noun; together with the noun they don't.
    let noun = operation.tags.iter().flatten().next().map(|tag| tag.replace([' ', '-'], "_"));
    if let (Some(noun), Some(verb)) = (noun, &operation.operation_id) {
        operation.operation_id = Some(format!("{noun}_{verb}"));
    }
    let answers = |status: &str| operation.responses.responses.contains_key(status);
    let (revision, creates_or_updates) = (answers("412"), answers("200") && answers("201"));
    let parameters = operation.parameters.get_or_insert_default();
    for parameter in parameters.iter_mut() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Path
        {
            let known = PARAMETERS.iter().find(|(name, _)| *name == parameter.name);
            parameter.description = known.map(|(_, description)| (*description).to_owned());
        }
    }
    if revision {
        parameters.push(header("If-Match", "Only if it still has this revision: the `ETag` of an earlier answer."));
    }
    if creates_or_updates {
        parameters.push(header("If-None-Match", "`*` creates only: 409 when there is one of this name."));
    }
    if parameters.is_empty() {
        operation.parameters = None;
    }
}

fn header(name: &str, description: &str) -> RefOr<Parameter> {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    let header = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .description(Some(description))
        .schema(Some(text));
    header.build().into()
}
