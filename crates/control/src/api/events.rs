//! `/organizations/{organization}/events`

use std::{convert::Infallible, fmt::Write, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, interval_at},
};
use tokio_stream::{Stream, StreamExt, once, wrappers::ReceiverStream};

use super::{document, problem::Result};
use crate::{
    app::{
        App, Caller,
        events::{self, Hint, Told},
    },
    http::path::Path,
};

/// How long nothing is said before a comment says that the stream is still there, which proxies want to know.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

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
) -> Result<Response> {
    let told = events::listen(&app, &caller, &organization).await?;
    // Whoever was here before has missed what happened meanwhile.
    let returned = headers.contains_key("last-event-id");
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(events_of(told, returned).map(Ok::<_, Infallible>))).into_response())
}

fn events_of(told: mpsc::Receiver<Told>, returned: bool) -> impl Stream<Item = Bytes> {
    let begin = if returned { RESET } else { Bytes::from_static(b": listening\n\n") };
    let quiet = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    let told = ReceiverStream::new(told).map(text).timeout_repeating(quiet);
    once(begin).chain(told.map(|told| told.unwrap_or(Bytes::from_static(b":\n\n"))))
}

/// That hints may have been missed.
const RESET: Bytes = Bytes::from_static(b"event: reset\nid: 0\ndata: \n\n");

fn text(told: Told) -> Bytes {
    match told {
        Told::Reset => RESET,
        Told::News(news) => Bytes::from_owner(news.text(written)),
    }
}

/// An event for each change, all with the same id: what a browser that comes back shows is only that it was here.
fn written(hints: &[Hint]) -> String {
    let mut text = String::new();
    for Hint { kind, id, revision, .. } in hints {
        let data = json!({ "kind": kind, "id": id, "revision": revision });
        write!(text, "id: 0\ndata: {data}\n\n").expect("a text takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_says_that_it_is_still_there() {
        let (line, told) = mpsc::channel(1);
        let mut stream = Box::pin(events_of(told, false));
        assert_eq!(stream.next().await.unwrap(), ": listening\n\n");
        let begun = Instant::now();
        for times in 1..=2 {
            assert_eq!(stream.next().await.unwrap(), ":\n\n");
            assert_eq!(begun.elapsed(), KEEP_ALIVE * times);
        }
        line.send(Told::Reset).await.unwrap();
        assert_eq!(stream.next().await.unwrap(), RESET);
        drop(line);
        assert_eq!(stream.next().await, None);
    }
}
