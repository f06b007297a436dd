//! A server's log as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};

use crate::app::{
    App, Caller,
    servers::{self, ServerLog},
};

/// Bytes of one event at the most.
const LARGEST_PIECE: usize = 64 * 1024;

/// How often a follower of a quiet log is asked whether they still may.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Who follows, to ask again whether they may before anything is sent.
pub(super) struct Reader {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) organization: String,
    pub(super) workspace: String,
    pub(super) server: String,
}

impl Reader {
    async fn may(&self, log: &ServerLog) -> bool {
        let place = servers::Place { organization: &self.organization, workspace: &self.workspace };
        servers::may_still_read(&self.app, &self.caller, place, &self.server, log).await.is_ok()
    }
}

/// The last lines, or what follows the offset to resume from, and then everything that comes.
pub(super) fn follow(
    log: ServerLog,
    lines: usize,
    resume: Option<u64>,
    reader: Reader,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (sender, events) = mpsc::channel(4);
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = send(&log, lines, resume, &reader, &sender) => ended,
            () = sender.closed() => Ok(()),
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "a log could not be followed");
        }
    });
    Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::default())
}

async fn send(
    log: &ServerLog,
    lines: usize,
    resume: Option<u64>,
    reader: &Reader,
    sender: &mpsc::Sender<Result<Event, Infallible>>,
) -> std::io::Result<()> {
    let mut offset = match resume {
        Some(offset) => offset,
        None => {
            let (bytes, next) = log.log.tail(lines)?;
            next - bytes.len() as u64
        }
    };
    loop {
        let chunk = log.log.read_from(offset, LARGEST_PIECE)?;
        let whole = whole_characters(&chunk.bytes);
        if whole == 0 && !chunk.gap {
            // Also while nothing is written, so that a stream ends when its reader's access does.
            let waited = tokio::time::timeout(ASK_AGAIN, log.log.wait_beyond(chunk.next)).await;
            if waited.is_err() && !reader.may(log).await {
                return Ok(());
            }
            waited.unwrap_or(Ok(()))?;
            continue;
        }
        if !reader.may(log).await {
            return Ok(());
        }
        if chunk.gap && sender.send(Ok(Event::default().event("gap").data(""))).await.is_err() {
            return Ok(());
        }
        offset = chunk.offset + whole as u64;
        let text = String::from_utf8_lossy(&chunk.bytes[..whole]);
        let data = serde_json::json!(text).to_string();
        if sender.send(Ok(Event::default().event("log").id(offset.to_string()).data(data))).await.is_err() {
            return Ok(());
        }
    }
}

/// How many of the bytes end with a whole character: one that is cut waits for its rest.
fn whole_characters(bytes: &[u8]) -> usize {
    let longest_rest = bytes.len().min(3);
    for rest in 1..=longest_rest {
        let lead = bytes[bytes.len() - rest];
        let length = match lead {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        if length > rest {
            return bytes.len() - rest;
        }
        if lead & 0xc0 != 0x80 {
            break;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::whole_characters;

    #[test]
    fn a_cut_character_waits_for_its_rest() {
        let text = "aé€😀".as_bytes();
        let whole = |upto: usize| whole_characters(&text[..upto]);
        assert_eq!((0..=text.len()).map(whole).collect::<Vec<_>>(), [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
        assert_eq!(whole_characters(b"\xff\xfe"), 2);
        assert_eq!(whole_characters(b"\x80\x80\x80\x80"), 4);
    }
}
