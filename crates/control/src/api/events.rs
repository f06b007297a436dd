//! `/organizations/{organization}/events`

use std::convert::Infallible;

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use serde_json::json;
use tokio_stream::{Stream, StreamExt, once, wrappers::ReceiverStream};

use super::{document, problem::Result};
use crate::{
    app::{
        App, Caller,
        events::{self, Told},
    },
    http::path::Path,
};

/// Hints, as server-sent events, that something in the organization changed which the caller may know of.
///
/// The data of a hint is `{kind, id, revision}`: `secret`, `server`, `workspace`, `member`, `organization` or `restart`
/// with the thing's id, or `drift` with the id of a workspace whose servers differ in another way. An event `reset` says
/// that hints may have been missed. The stream ends when the caller's access does.
#[utoipa::path(get, path = "/organizations/{organization}/events", tag = "events",
    responses((status = 200, body = String, content_type = "text/event-stream"), document::Known))]
pub(super) async fn follow(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let told = events::listen(&app, &caller, &organization).await?;
    // Whoever was here before has missed what happened meanwhile.
    let returned = headers.contains_key("last-event-id");
    let begin = if returned { event(Told::Reset) } else { Event::default().comment("listening") };
    let stream = once(begin).chain(ReceiverStream::new(told).map(event)).map(Ok);
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

fn event(told: Told) -> Event {
    match told {
        Told::Reset => Event::default().event("reset").id("0").data(""),
        Told::Hint(hint) => {
            let data = json!({ "kind": hint.kind, "id": hint.id, "revision": hint.revision });
            Event::default().id("0").data(data.to_string())
        }
    }
}
