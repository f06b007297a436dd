//! `vestry server start`, `stop` and `restart`: told to the control plane, then watched until it happened.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::{OneServer, field, logs};
use crate::{
    exit::{Exit, Failure},
    models::Server,
    text::escape,
};

/// How long a change of state is watched. A stop may take 10 s, a start brings up a sandbox.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long a program that runs is watched: many a wrong command ends at once.
const FIRST_MOMENTS: Duration = Duration::from_secs(1);
/// How many last lines of the log a failed start shows.
const LAST_LINES: u16 = 20;

/// Starts a server and waits until it runs or has failed.
pub(super) fn start(server: &OneServer<'_>) -> Result<(), Failure> {
    server.post("/start").map_err(|failure| match failure.code.as_deref() {
        Some("conflict") => {
            failure.help(format!("look at it:  vestry server show {}{}", escape(&server.slug), server.flag()))
        }
        _ => failure,
    })?;
    let started = settle(server, |now| Ok(!is_moving(now)))?;
    tell_start(server, started, "started")
}

/// Stops a server and waits until it has.
pub(super) fn stop(server: &OneServer<'_>) -> Result<(), Failure> {
    server.post("/stop")?;
    stopped(server)
}

/// Waits until a server that was told to stop has.
pub(super) fn stopped(server: &OneServer<'_>) -> Result<(), Failure> {
    let stopped = settle(server, |now| Ok(!is_moving(now)))?;
    if stopped.status.as_str() == "running" {
        let message = format!("{} runs again: somebody started it meanwhile", stopped.slug);
        return Err(Failure::new(Exit::TryAgain, message));
    }
    server.connection.out.say(&format!("stopped {} in {}", stopped.slug, server.place));
    Ok(())
}

/// Restarts a server and waits until the new process runs, or it is clear that none does.
pub(super) fn restart(server: &OneServer<'_>) -> Result<(), Failure> {
    server.post("/restart")?;
    let mut failed = false;
    let restarted = settle(server, |now| {
        // The newest start record is the one that this restart wrote before it was answered.
        let start = server.connection.client.list(&server.path("/starts"), Some(1))?;
        let outcome = start.first().map_or("", |start| field(start, "outcome"));
        failed = outcome == "failed";
        Ok(outcome != "pending" && !is_moving(now))
    })?;
    if failed && restarted.status.as_str() == "running" {
        return Err(Failure::data(format!(
            "{} was not restarted: {}",
            restarted.slug,
            restarted.status_detail.first()
        ))
        .help(format!("its starts:  vestry server starts {}{}", escape(&server.slug), server.flag())));
    }
    tell_start(server, restarted, "restarted")
}

fn is_moving(server: &Server) -> bool {
    matches!(server.status.as_str(), "starting" | "stopping")
}

/// Looks at a server again and again, until it is as wanted.
fn settle(
    server: &OneServer<'_>,
    mut settled: impl FnMut(&Server) -> Result<bool, Failure>,
) -> Result<Server, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut now: Server = server.get("")?.read()?;
        if settled(&now)? {
            // What settled it may be newer than what was seen.
            now = server.get("")?.read()?;
            if !is_moving(&now) {
                return Ok(now);
            }
        }
        wait(server, &now, deadline)?;
    }
}

/// Watches a server in its first moments; what it is after them, or what it became if its program ended in them.
fn first_moments(server: &OneServer<'_>, mut now: Server) -> Result<Server, Failure> {
    let deadline = Instant::now() + FIRST_MOMENTS;
    while now.status.as_str() == "running" && Instant::now() < deadline {
        sleep(INTERVAL);
        now = server.get("")?.read()?;
    }
    Ok(now)
}

fn wait(server: &OneServer<'_>, now: &Server, deadline: Instant) -> Result<(), Failure> {
    if Instant::now() < deadline {
        sleep(INTERVAL);
        return Ok(());
    }
    let waited = PATIENCE.as_secs();
    Err(Failure::new(Exit::TryAgain, format!("{} is still {} after {waited} s", now.slug, now.status)).help(format!(
        "look again:  vestry server show {}{}",
        escape(&server.slug),
        server.flag()
    )))
}

/// Says how a start went; one that failed, or whose program ended at once, shows the end of its log.
fn tell_start(server: &OneServer<'_>, settled: Server, done: &str) -> Result<(), Failure> {
    let out = server.connection.out;
    let ran = settled.status.as_str() == "running";
    let now = first_moments(server, settled)?;
    let code = now.exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
    let log = format!("vestry server logs {}{}", escape(&server.slug), server.flag());
    match now.status.as_str() {
        "stopped" => {
            out.say(&format!("{done} {} in {}, and it ended at once{code}:  {log}", now.slug, server.place));
            Ok(())
        }
        // Who stops or restarts it meanwhile does so with one that was started.
        "running" | "starting" | "stopping" => {
            out.say(&format!("{done} {} in {}", now.slug, server.place));
            Ok(())
        }
        _ => {
            let why = match now.status_detail.first().trim_end_matches('.') {
                _ if now.exit_code.is_some() => code.clone(),
                "" => String::new(),
                why => format!(": {why}"),
            };
            // Whatever has an exit code has run.
            let failure = Failure::data(match ran || now.exit_code.is_some() {
                true => format!("{done} {}, and it ended at once{why}", now.slug),
                false => format!("{} failed{why}", now.slug),
            });
            let last = logs::last(server, LAST_LINES).unwrap_or_default();
            let said: Vec<&str> =
                now.status_detail.rest().iter().map(String::as_str).chain(last.trim_end().lines()).collect();
            if said.is_empty() {
                return Err(failure);
            }
            // Set apart, so that no line of it passes for one of Vestry's own.
            out.say(&format!("the last it said:\n  | {}", said.join("\n  | ")));
            Err(failure.help(format!("the whole log:  {log}")))
        }
    }
}
