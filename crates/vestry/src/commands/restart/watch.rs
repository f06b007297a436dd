//! A rolling restart as it goes on: a line for each server.

use std::collections::HashSet;

use super::{OneRestart, servers};
use crate::{
    client::Answer,
    exit::Failure,
    models::{Restart, RestartStep},
};

/// How many seconds the control plane may keep an answer back until there is news.
const WAIT: u32 = 30;

/// Says what becomes of each server, until the rolling restart pauses or ends.
pub(super) fn watch(one: &OneRestart<'_>, seen: Answer) -> Result<(), Failure> {
    say(one, seen, HashSet::new())
}

/// The same of one that was paused: what had become of servers by then was said when it paused.
pub(super) fn go_on(one: &OneRestart<'_>, seen: Answer) -> Result<(), Failure> {
    let restart: Restart = seen.read()?;
    let over = restart.servers.iter().filter(|step| line(step).is_some());
    let said = over.map(|step| (step.workspace.to_string(), step.server.to_string())).collect();
    say(one, seen, said)
}

/// `said` are the servers, by workspace and name, of which nothing is left to be said.
fn say(one: &OneRestart<'_>, mut seen: Answer, mut said: HashSet<(String, String)>) -> Result<(), Failure> {
    loop {
        let restart: Restart = seen.read()?;
        for step in &restart.servers {
            if let Some(line) = line(step)
                && said.insert((step.workspace.to_string(), step.server.to_string()))
            {
                let all = restart.counts.servers;
                let count = if all > 1 { format!(" ({} of {all})", said.len()) } else { String::new() };
                one.connection.out.say(&format!("{line}{count}"));
            }
        }
        if restart.state.as_str() != "running" && restart.counts.restarting == 0 {
            if one.connection.out.json {
                one.connection.out.document(&seen.body)?;
            }
            return ended(one, &restart);
        }
        seen = news(one, seen)?;
    }
}

/// Waits for another state of it. It goes on by itself when the control plane can't be reached meanwhile.
fn news(one: &OneRestart<'_>, seen: Answer) -> Result<Answer, Failure> {
    let etag = seen.etag.clone().unwrap_or_default();
    let answer = one.connection.client.news(&one.path(&format!("?wait={WAIT}")), &etag);
    let answer = answer.map_err(|failure| match failure.code {
        None => failure.help(format!("it goes on by itself; look again:  {}", one.command("watch"))),
        Some(_) => one.missing(failure),
    })?;
    Ok(answer.unwrap_or(seen))
}

/// What is said of a server once its turn is over, like `restarted nlp/web`.
fn line(step: &RestartStep) -> Option<String> {
    let server = format!("{}/{}", step.workspace, step.server);
    match step.state.as_str() {
        "done" => Some(format!("restarted {server}")),
        "skipped" => Some(format!("left {server} as it is: {}", step.detail.first())),
        "failed" => Some(format!("could not restart {server}: {}", step.detail.first())),
        _ => None,
    }
}

fn ended(one: &OneRestart<'_>, restart: &Restart) -> Result<(), Failure> {
    let counts = &restart.counts;
    let look = one.command("show");
    match restart.state.as_str() {
        "paused" => {
            let left = servers(counts.waiting);
            Err(Failure::data(format!("paused: {}; {left} still to come", restart.detail)).help(format!(
                "{look}\n{}\n{}",
                one.command("continue"),
                one.command("abort")
            )))
        }
        "aborted" => {
            let all = servers(counts.servers);
            Err(Failure::data(format!("aborted; {} of {all} restarted, the rest left as it is", counts.done))
                .help(look))
        }
        _ if counts.failed > 0 => {
            let all = servers(counts.servers);
            Err(Failure::data(format!("{} of {all} could not be restarted", counts.failed)).help(look))
        }
        _ => {
            let left =
                if counts.skipped > 0 { format!(", {} left as they are", counts.skipped) } else { String::new() };
            if counts.servers > 1 {
                one.connection.out.say(&format!("restarted {}{left}", servers(counts.done)));
            }
            Ok(())
        }
    }
}
