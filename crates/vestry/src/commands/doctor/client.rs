//! The half of whoever uses the command line: a control plane to reach, and a token to reach it with.

use serde::Deserialize;

use super::{
    judge::{
        self,
        token::{Answered, Personal},
    },
    report::{Part, Report, Verdict},
};
use crate::{
    address::Address,
    cli::Global,
    client::{ANOTHER_TOKEN, Answer, Client, now},
    exit::{Exit, Failure},
    models::Me,
    settings::{Environment, Settings},
    text::Text,
    time::When,
    token::Token,
};

const WITH_ADDRESS: &[&str] = &["reachable", "version", "clock_difference", "token"];

/// Looks at what the command line needs; unless it is `wanted`, only where an address or a token is known.
pub(super) fn look(global: Global, environment: &Environment, wanted: bool, report: &mut Report) {
    let mut add = |name, verdict| report.add(Part::Client, name, verdict);
    let known = Settings::resolve(global, environment).and_then(|settings| {
        let address = settings.address_and_source()?;
        Ok((settings, address))
    });
    let unusable = match known {
        Ok((settings, Some((address, source)))) => {
            add("client_settings", Verdict::ok(format!("{address}, from {source}")));
            return look_at(&address, settings, add);
        }
        Ok((settings, None)) if !wanted && !settings.has_token_from_environment() => return,
        Ok((mut settings, None)) => settings.sign_in().err().unwrap_or_else(nowhere),
        Err(failure) => failure,
    };
    add("client_settings", Verdict::failed(&unusable));
    for name in WITH_ADDRESS {
        add(name, Verdict::unknown("the client's settings lead nowhere"));
    }
}

/// Without an address nobody is signed in.
fn nowhere() -> Failure {
    Failure::not_configured("no control plane is known").help("vestry login --url https://…")
}

fn look_at(address: &Address, mut settings: Settings, mut add: impl FnMut(&'static str, Verdict)) {
    let from_environment = settings.has_token_from_environment();
    let answer = Client::anonymous(address.clone()).get("/openapi.json");
    let reached = answer.is_ok();
    match answer {
        Ok(answer) => {
            let encrypted = if address.is_https() { ", over a connection that is trusted" } else { "" };
            add("reachable", Verdict::ok(format!("it answers{encrypted}")));
            add("version", version(&answer));
            let ahead = answer.date.map(|date| now().duration_since(date).as_secs());
            add("clock_difference", judge::clock::judge_difference(ahead));
        }
        Err(failure) => {
            add("reachable", Verdict::failed(&failure));
            for name in ["version", "clock_difference"] {
                add(name, Verdict::unknown("the control plane did not answer"));
            }
        }
    }
    let another = |token: &Token| match from_environment {
        _ if token.is_of_workspace() => ANOTHER_TOKEN.to_owned(),
        true => "set VESTRY_TOKEN to a new one:  vestry token create NAME".to_owned(),
        false => format!("vestry login --url {address}"),
    };
    add(
        "token",
        match settings.sign_in() {
            Err(failure) => Verdict::failed(&failure),
            Ok(_) if !reached => Verdict::unknown("the control plane did not answer"),
            Ok((address, token)) => {
                let another = another(&token);
                judge::token::judge(&ask(address, token), now(), &another)
            }
        },
    );
}

fn version(answer: &Answer) -> Verdict {
    let own = env!("CARGO_PKG_VERSION");
    match answer.body["info"]["version"].as_str() {
        None => Verdict::unknown("the control plane doesn't say its version"),
        Some(theirs) if theirs == own => Verdict::ok(format!("{own}, like the control plane")),
        Some(theirs) => Verdict::warning(format!("this is {own}, and the control plane is {theirs}"))
            .because("An answer may hold what this one doesn't know. Install the version of the control plane:")
            .remedy(["vestry version"]),
    }
}

/// One of the person's tokens, without its text.
#[derive(Deserialize)]
struct Kept {
    id: String,
    name: Text,
    access: Text,
    expires_at: Option<When>,
}

/// Asks the control plane what it thinks of a token.
fn ask(address: Address, token: Token) -> Answered {
    let id = token.id();
    let client = Client::with_token(address, token);
    let me: Result<Me, Failure> = client.get("/me").and_then(|answer| answer.read());
    let person = match me {
        Ok(me) => format!("{} <{}>", me.name, me.email),
        Err(failure) => {
            return match failure.code.as_deref() {
                Some("unauthenticated") => Answered::Invalid,
                Some("forbidden") if client.acts_for_workspace() => Answered::Workspace,
                _ => Answered::Failed(Failure { exit: Exit::TryAgain, ..failure }),
            };
        }
    };
    let tokens = client.list("/me/tokens", None).unwrap_or_default();
    let mut tokens = tokens.iter().filter_map(|token| crate::client::read::<Kept>(token).ok());
    let own = tokens.find(|kept| Some(kept.id.replace('-', "")) == id);
    let ends = own.as_ref().and_then(|own| own.expires_at);
    let described = own.map(|own| (own.name.to_string(), own.access.as_str() == "full"));
    Answered::Personal(Personal { person, described, ends })
}
