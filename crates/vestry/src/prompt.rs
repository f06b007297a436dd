//! Questions to a person at a terminal. Without a terminal nothing is ever asked.

use std::io::{self, BufRead, IsTerminal};

use domain::LONGEST_VALUE;
use envelope::Plaintext;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr},
};

use crate::{
    exit::{Exit, Failure},
    output::Output,
    text::escape,
};

/// How long the rest of a pasted text may take to arrive behind its first line.
const PASTE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Whether someone can be asked.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a line that may be seen.
///
/// # Errors
/// Without a terminal; `instead` then says what to give on the command line.
pub(crate) fn line(out: &Output, question: &str, instead: &str) -> Result<String, Failure> {
    demand_terminal(question, instead)?;
    out.ask(&format!("{question}: "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|_| interrupted())?;
    if answer.is_empty() {
        return Err(interrupted());
    }
    Ok(answer.trim().to_owned())
}

/// Asks for a line that must not be seen. It isn't echoed, and no buffer keeps a copy.
///
/// # Errors
/// Without a terminal, and when more than one line was pasted: the rest would end up in the shell.
pub(crate) fn hidden(out: &Output, question: &str, instead: &str) -> Result<Plaintext, Failure> {
    demand_terminal(question, instead)?;
    let terminal =
        Silent::begin().map_err(|error| Failure::usage(format!("the terminal can't be made silent: {error}")))?;
    out.ask(&format!("{question} (not shown): "));
    let answer = typed();
    let more = answer.is_ok() && waiting();
    drop(terminal);
    out.say("");
    let answer = answer?;
    if more {
        return Err(Failure::data("more than one line was pasted; nothing was sent").help(instead));
    }
    Ok(answer)
}

/// Takes what was given, or asks until an answer fits; `check` says why one does not.
///
/// # Errors
/// When what was given does not fit, and without a terminal.
pub(crate) fn answer<T>(
    out: &Output,
    given: Option<String>,
    question: &str,
    instead: &str,
    check: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    if let Some(given) = given {
        return check(&given).map_err(|why| Failure::data(format!("{question}: {why}")).help(instead));
    }
    loop {
        match check(&line(out, question, instead)?) {
            Ok(answer) => return Ok(answer),
            Err(why) => out.say(&why),
        }
    }
}

/// Asks until a hidden answer fits; `check` says why one does not, or fails when asking again is of no use.
///
/// # Errors
/// As [`hidden`] and `check`.
pub(crate) fn hidden_answer<T>(
    out: &Output,
    question: &str,
    instead: &str,
    mut check: impl FnMut(Plaintext) -> Result<Result<T, String>, Failure>,
) -> Result<T, Failure> {
    loop {
        match check(hidden(out, question, instead)?)? {
            Ok(answer) => return Ok(answer),
            Err(why) => out.say(&why),
        }
    }
}

/// Asks before something is deleted, suspended or imported. With a `word` it has to be typed, otherwise `y` is enough.
///
/// # Errors
/// Without a terminal, unless `yes` was given; and when the answer is no.
pub(crate) fn confirm(out: &Output, yes: bool, question: &str, word: Option<&str>) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let ask = match word {
        Some(word) => format!("{question}\nType {} to confirm", escape(word)),
        None => format!("{question} [y/N]"),
    };
    let first = question.lines().next().unwrap_or_default();
    let answer = if is_possible() {
        line(out, &ask, "")?
    } else {
        return Err(Failure::usage(format!("nothing was done: there is no terminal to ask \"{first}\""))
            .help("answer on the command line:  --yes"));
    };
    let agreed = match word {
        Some(word) => answer == word,
        None => matches!(answer.as_str(), "y" | "Y" | "yes" | "Yes"),
    };
    if agreed { Ok(()) } else { Err(Failure::usage("not confirmed; nothing was done")) }
}

fn demand_terminal(question: &str, instead: &str) -> Result<(), Failure> {
    if is_possible() {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no terminal to ask: {question}?")).help(instead))
}

fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "interrupted; nothing was sent")
}

/// The terminal without echo, and without signals from the keyboard, so that an interruption can't leave it silent.
struct Silent(Termios);

impl Silent {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Reads key after key up to the end of the line, heeding the keys that a terminal otherwise would.
fn typed() -> Result<Plaintext, Failure> {
    // Never grows, so that no copy stays behind.
    let mut answer = Vec::with_capacity(LONGEST_VALUE);
    loop {
        let mut key = [0];
        let count = rustix::io::read(io::stdin(), &mut key[..]).map_err(|_| interrupted())?;
        match key[0] {
            _ if count == 0 => return Err(interrupted()),
            b'\r' | b'\n' => return Ok(Plaintext::new(answer)),
            CTRL_C => return Err(interrupted()),
            CTRL_D if answer.is_empty() => return Err(interrupted()),
            CTRL_D => {}
            BACKSPACE | DELETE => erase(&mut answer),
            CTRL_U => answer.clear(),
            byte if answer.len() < LONGEST_VALUE => answer.push(byte),
            _ => return Err(Failure::data("the answer is longer than 48 KiB; nothing was sent")),
        }
    }
}

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// Takes the last character away, all its bytes.
fn erase(answer: &mut Vec<u8>) {
    while answer.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

fn waiting() -> bool {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut fds, Some(&PASTE)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erasing_takes_a_whole_character() {
        let mut answer = "aé東".as_bytes().to_vec();
        erase(&mut answer);
        assert_eq!(answer, "aé".as_bytes());
        erase(&mut answer);
        assert_eq!(answer, b"a");
        erase(&mut answer);
        erase(&mut answer);
        assert!(answer.is_empty());
    }
}
