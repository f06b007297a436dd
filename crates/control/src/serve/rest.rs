//! What is left of a request's body when its answer is ready.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use tokio::{sync::oneshot, time::timeout};
use tokio_stream::{Stream, StreamExt};

/// How much of a body that nobody wants is read all the same.
const MOST: usize = 8 * 1024 * 1024;
/// And for how long.
const LONGEST: Duration = Duration::from_secs(5);
/// How long the next piece of it may take: whoever only says that more will come gets the answer now.
const NEXT: Duration = Duration::from_secs(1);

/// Reads what a route left of the body before the answer goes out.
///
/// A connection that is closed over unread bytes takes the answer with it (RFC 1122, 4.2.2.13), and many clients write
/// all they have before they read. Whoever sends more than anybody honest does is cut off.
pub(super) async fn read_rest(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // Who asks before sending has sent nothing yet, and reading would ask them to.
    let asks_first = parts.headers.contains_key(header::EXPECT);
    let (back, mut rest) = oneshot::channel();
    let lent = Lent { body: body.into_data_stream(), wanted: !asks_first, ended: false, back: Some(back) };
    let answer = next.run(Request::from_parts(parts, Body::from_stream(lent))).await;
    if let Ok(rest) = rest.try_recv() {
        // Whether it was all of it or not: the answer goes out now.
        let _read = timeout(LONGEST, discard(rest)).await;
    }
    answer
}

async fn discard(mut rest: BodyDataStream) {
    let mut read = 0;
    while let Ok(Some(Ok(bytes))) = timeout(NEXT, rest.next()).await {
        read += bytes.len();
        if read > MOST {
            return;
        }
    }
}

/// A body that comes back when its reader drops it early.
struct Lent {
    body: BodyDataStream,
    wanted: bool,
    ended: bool,
    back: Option<oneshot::Sender<BodyDataStream>>,
}

impl Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.wanted = true;
        let next = Pin::new(&mut self.body).poll_next(cx);
        self.ended = matches!(next, Poll::Ready(None | Some(Err(_))));
        next
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(back) = self.back.take().filter(|_| self.wanted && !self.ended) {
            let body = std::mem::replace(&mut self.body, Body::empty().into_data_stream());
            // Nobody takes it once the answer is on its way, or the connection is gone.
            let _ = back.send(body);
        }
    }
}
