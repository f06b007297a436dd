//! Streams of events, which have no other end than their reader's and the control plane's.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::header,
    response::Response,
};
use tokio::sync::watch;
use tokio_stream::Stream;

/// The answer itself; a stream of events so that it ends when the control plane stops.
pub(super) fn ends_at_stop(answer: Response, mut stopping: watch::Receiver<bool>) -> Response {
    if answer.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind != "text/event-stream") {
        return answer;
    }
    let stop = Box::pin(async move { stopping.wait_for(|stopping| *stopping).await.map(drop).unwrap_or_default() });
    answer.map(|body| Body::from_stream(Ending { body: body.into_data_stream(), stop }))
}

struct Ending {
    body: BodyDataStream,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for Ending {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.stop.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => Pin::new(&mut self.body).poll_next(cx),
        }
    }
}
