//! Somebody who follows a log.

use std::{
    io::{BufRead, Read},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use super::{Actor, PATIENCE};

/// One server-sent event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<u64>,
    pub(crate) text: String,
}

/// The events of one stream as they come.
pub(crate) struct Follower(Receiver<Event>);

impl Follower {
    /// Begins to follow; `after` is the id to resume from.
    pub(crate) fn of(actor: &Actor, server: &str, after: Option<u64>) -> Self {
        let actor = match after {
            Some(id) => actor.with("last-event-id", &id.to_string()),
            None => actor.clone(),
        };
        let mut stream = actor.stream(&format!("{server}/logs?follow=true&lines=10000"));
        let (sender, events) = channel();
        thread::spawn(move || {
            while let Some(event) = next(&mut stream) {
                actor.note(&event.text);
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self(events)
    }

    /// The next event.
    pub(crate) fn next(&self) -> Event {
        self.0.recv_timeout(PATIENCE).expect("an event")
    }

    /// All text up to one that holds for it, and the id of the last event.
    pub(crate) fn text_until(&self, enough: impl Fn(&str) -> bool) -> (String, u64) {
        let (mut text, mut last) = (String::new(), 0);
        while !enough(&text) {
            let event = self.next();
            assert_eq!(event.name, "log", "{event:?}");
            text.push_str(&event.text);
            last = event.id.expect("every piece of a log has an id");
        }
        (text, last)
    }

    /// The events until the stream ends by itself.
    pub(crate) fn to_end(&self) -> Vec<Event> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = Vec::new();
        loop {
            match self.0.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => events.push(event),
                Err(RecvTimeoutError::Disconnected) => return events,
                Err(RecvTimeoutError::Timeout) => panic!("the stream did not end"),
            }
        }
    }

    /// Whether nothing has come when this much time has passed. Never proves anything alone.
    pub(crate) fn is_quiet(&self, time: Duration) -> bool {
        matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

fn next(stream: &mut impl BufRead) -> Option<Event> {
    let mut event = Event { name: String::new(), id: None, text: String::new() };
    loop {
        let mut line = String::new();
        if stream.take(1024 * 1024).read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end_matches('\n').split_once(": ") {
            Some(("event", name)) => event.name = name.to_owned(),
            Some(("id", id)) => event.id = Some(id.parse().unwrap()),
            Some(("data", data)) => event.text = serde_json::from_str(data).unwrap_or_default(),
            _ if line == "\n" && !event.name.is_empty() => return Some(event),
            _ => {}
        }
    }
}
