//! `vestry server logs`.

use std::{
    io::{BufRead, BufReader, Read},
    thread::sleep,
    time::Duration,
};

use domain::log_line;

use super::{OneServer, field};
use crate::exit::{Exit, Failure};

/// How long to wait before a broken stream is taken up again.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the end of a server's log, and with `follow` what is added to it, until someone interrupts.
pub(super) fn print(server: &OneServer<'_>, lines: u16, follow: bool) -> Result<(), Failure> {
    let out = server.connection.out;
    if !follow {
        let log = last(server, lines)?;
        return if log.is_empty() { Ok(()) } else { out.data(&log) };
    }
    let mut events = Events::default();
    // A line is printed when it is whole, so that nothing can hide in its parts.
    let mut line = String::new();
    loop {
        let path = server.path(&format!("/logs?follow=true&lines={lines}"));
        let stream = server
            .connection
            .client
            .stream(&path, events.last_id.as_deref())
            .map_err(|failure| server.missing(failure))?;
        events.read(stream, |event| match event {
            Event::Text(text) => {
                line.push_str(&text);
                match line.rfind('\n') {
                    Some(end) => out.data(&safe(&line.drain(..=end).collect::<String>())),
                    None => Ok(()),
                }
            }
            Event::Gap => {
                out.say("… some of the log is missing here");
                Ok(())
            }
        })?;
        if matches!(field(&server.get("")?.body, "status"), "stopped" | "failed") {
            return if line.is_empty() { Ok(()) } else { out.data(&safe(&line)) };
        }
        out.say("the connection broke; following on");
        sleep(PAUSE);
    }
}

/// The last lines of the log, harmless for a terminal.
pub(super) fn last(server: &OneServer<'_>, lines: u16) -> Result<String, Failure> {
    let path = server.path(&format!("/logs?lines={lines}"));
    let mut stream = server.connection.client.stream(&path, None).map_err(|failure| server.missing(failure))?;
    let mut log = Vec::new();
    stream
        .read_to_end(&mut log)
        .map_err(|error| Failure::new(Exit::Unreachable, format!("the log broke off: {error}")))?;
    Ok(safe(&String::from_utf8_lossy(&log)))
}

/// Line by line without anything that drives a terminal; a lone carriage return ends a line too.
fn safe(log: &str) -> String {
    let mut text = String::with_capacity(log.len());
    for line in log.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line.strip_suffix('\r').unwrap_or(line), "\n"),
            None => (line, ""),
        };
        text.push_str(&line.split('\r').map(log_line).collect::<Vec<_>>().join("\n"));
        text.push_str(end);
    }
    text
}

enum Event {
    Text(String),
    Gap,
}

/// Server-sent events (HTML standard, 9.2), as far as the log uses them: each has one line of data.
#[derive(Default)]
struct Events {
    last_id: Option<String>,
}

impl Events {
    /// Reads events up to the end of the stream, or to where it breaks off.
    fn read(&mut self, stream: impl Read, mut heed: impl FnMut(Event) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut kind = String::new();
        let mut data: Option<String> = None;
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if text.is_empty() {
                match (kind.as_str(), data.take()) {
                    ("gap", _) => heed(Event::Gap)?,
                    // A piece of the log as a JSON string, so that its line ends survive.
                    ("log", Some(data)) => heed(Event::Text(serde_json::from_str(&data).unwrap_or_default()))?,
                    _ => {}
                }
                kind.clear();
                continue;
            }
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => kind = value.to_owned(),
                "id" => self.last_id = Some(value.to_owned()),
                "data" => data = Some(value.to_owned()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_can_not_drive_a_terminal() {
        assert_eq!(safe("a\r\nb\rc\n\u{1b}[2Jd"), "a\nb\nc\n\\u{1b}[2Jd");
        assert_eq!(safe("\u{1b}[31mred\u{1b}[0m\n"), "red\n");
    }

    #[test]
    fn events_are_read_with_their_ids_and_gaps() {
        let stream = concat!(
            ": hello\n\n",
            "event: log\nid: 7\ndata: \"one\\ntw\"\n\n",
            "event: gap\ndata: \n\n",
            "event: other\ndata: \"no\"\n\n",
            "id: 19\r\nevent:log\r\ndata:\"o\"\r\n\r\n",
            "event: log\ndata: \"cut",
        );
        let mut events = Events::default();
        let mut seen = String::new();
        let read = events.read(stream.as_bytes(), |event| {
            match event {
                Event::Text(text) => seen.push_str(&text),
                Event::Gap => seen.push_str("<gap>"),
            }
            Ok(())
        });
        read.unwrap();
        assert_eq!(seen, "one\ntw<gap>o");
        assert_eq!(events.last_id.as_deref(), Some("19"));
    }
}
