//! What the doctor found: one line for each check, and below it what to type.

use serde::Serialize;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    output::{Output, Style},
    text::escape,
};

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    Warning,
    Problem,
    /// It could not be made.
    Unknown,
}

impl Status {
    fn word(self) -> (&'static str, Style) {
        match self {
            Self::Ok => ("ok", Style::Good),
            Self::Warning => ("warning", Style::Warning),
            Self::Problem => ("problem", Style::Danger),
            Self::Unknown => ("unknown", Style::Muted),
        }
    }
}

/// What one check found, judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    pub(super) status: Status,
    /// What was found.
    pub(super) found: String,
    /// Why that matters; empty when nothing is wrong.
    pub(super) why: String,
    /// What to type, line by line.
    pub(super) remedy: Vec<String>,
    /// The control plane can't be reached, which is nothing wrong with what was looked at here.
    unreachable: bool,
}

impl Verdict {
    fn new(status: Status, found: impl Into<String>) -> Self {
        let found = escape(&found.into());
        Self { status, found, why: String::new(), remedy: Vec::new(), unreachable: false }
    }

    pub(super) fn ok(found: impl Into<String>) -> Self {
        Self::new(Status::Ok, found)
    }

    pub(super) fn warning(found: impl Into<String>) -> Self {
        Self::new(Status::Warning, found)
    }

    pub(super) fn problem(found: impl Into<String>) -> Self {
        Self::new(Status::Problem, found)
    }

    /// The check was not made, and why.
    pub(super) fn unknown(why: impl AsRef<str>) -> Self {
        Self::new(Status::Unknown, format!("not checked: {}", why.as_ref()))
    }

    /// A command that did not do its work; `unreachable` when it could not reach the control plane.
    pub(super) fn failed(failure: &Failure) -> Self {
        let help = failure.help.as_deref().unwrap_or_default();
        Self {
            unreachable: failure.exit == Exit::Unreachable,
            ..Self::problem(&failure.message).remedy(help.lines().filter(|line| !line.is_empty()))
        }
    }

    pub(super) fn because(mut self, why: impl AsRef<str>) -> Self {
        self.why = escape(why.as_ref());
        self
    }

    pub(super) fn remedy<T: AsRef<str>>(mut self, lines: impl IntoIterator<Item = T>) -> Self {
        self.remedy.extend(lines.into_iter().map(|line| escape(line.as_ref())));
        self
    }
}

/// Which half a check belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    Installation,
    Client,
}

struct Check {
    part: Part,
    name: &'static str,
    verdict: Verdict,
}

/// All that was found.
#[derive(Default)]
pub(super) struct Report(Vec<Check>);

impl Report {
    /// One more check. Its name stays as it is: scripts look for it.
    pub(super) fn add(&mut self, part: Part, name: &'static str, verdict: Verdict) {
        self.0.push(Check { part, name, verdict });
    }

    /// Prints it.
    ///
    /// # Errors
    /// When the output can't be written.
    pub(super) fn print(&self, out: &Output) -> Result<(), Failure> {
        if out.json {
            let checks = self.0.iter().map(|Check { part, name, verdict }| {
                let Verdict { status, found, why, remedy, unreachable: _ } = verdict;
                json!({ "part": part, "name": name, "status": status, "found": found, "why": why, "remedy": remedy })
            });
            let checks: Vec<_> = checks.collect();
            return out.document(&json!({ "version": env!("CARGO_PKG_VERSION"), "checks": checks }));
        }
        let mut text = String::new();
        for part in [Part::Installation, Part::Client] {
            let checks: Vec<&Check> = self.0.iter().filter(|check| check.part == part).collect();
            if !checks.is_empty() {
                text.push_str(if part == Part::Installation { "The installation\n" } else { "The client\n" });
            }
            for Check { name, verdict, .. } in checks {
                let (word, style) = verdict.status.word();
                let padding = " ".repeat(9 - word.len());
                let name = name.replace('_', " ");
                text.push_str(&format!("  {}{padding}{name}: {}\n", out.paint(word, style), verdict.found));
                if !verdict.why.is_empty() {
                    text.push_str(&format!("           {}\n", verdict.why));
                }
                for line in &verdict.remedy {
                    text.push_str(&format!("             {line}\n"));
                }
            }
        }
        out.data(&text)
    }

    fn count(&self, status: Status) -> usize {
        self.0.iter().filter(|check| check.verdict.status == status).count()
    }

    /// How the command ends.
    ///
    /// # Errors
    /// When there is a problem: what can't be reached counts only when nothing else is wrong.
    pub(super) fn end(&self) -> Result<(), Failure> {
        let mut problems = self.0.iter().filter(|check| check.verdict.status == Status::Problem).peekable();
        if problems.peek().is_none() {
            return Ok(());
        }
        let exit =
            if problems.all(|check| check.verdict.unreachable) { Exit::Unreachable } else { Exit::NotConfigured };
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let problems = plural(self.count(Status::Problem), "problem");
        let message = match self.count(Status::Warning) {
            0 => format!("{problems}; nothing was changed"),
            warnings => format!("{problems} and {}; nothing was changed", plural(warnings, "warning")),
        };
        Err(Failure::new(exit, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> Verdict {
        Verdict::failed(&Failure::new(Exit::Unreachable, "nobody is there"))
    }

    fn end(verdicts: impl IntoIterator<Item = Verdict>) -> Option<(Exit, String)> {
        let mut report = Report::default();
        verdicts.into_iter().for_each(|verdict| report.add(Part::Client, "test", verdict));
        report.end().err().map(|failure| (failure.exit, failure.message))
    }

    #[test]
    fn the_exit_code_says_what_kind_of_problem_there_is() {
        assert_eq!(end([Verdict::ok("a"), Verdict::warning("b"), Verdict::unknown("c")]), None);
        let (exit, message) = end([unreachable(), Verdict::unknown("c")]).unwrap();
        assert_eq!((exit, message.as_str()), (Exit::Unreachable, "1 problem; nothing was changed"));
        let (exit, message) = end([unreachable(), Verdict::problem("d"), Verdict::warning("b")]).unwrap();
        assert_eq!((exit, message.as_str()), (Exit::NotConfigured, "2 problems and 1 warning; nothing was changed"));
    }

    #[test]
    fn what_was_found_can_not_drive_a_terminal() {
        let verdict = Verdict::problem("a\u{1b}[2J").because("b\nc").remedy(["d\u{7}"]);
        assert_eq!((verdict.found.as_str(), verdict.why.as_str()), ("a\\u{1b}[2J", "b\\nc"));
        assert_eq!(verdict.remedy, ["d\\u{7}"]);
    }
}
