//! What a command says: data on stdout, talk on stderr.

use std::{
    convert::Infallible,
    io::{self, IsTerminal, Write},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use serde::Serialize;

use crate::{exit::Failure, text::escape_json};

/// Headings of columns that are never cut: what stands below is there to be copied.
const COPIED: &[&str] = &["Id", "Start"];
/// The narrowest a column gets before a table is allowed to be wider than its terminal.
const MIN_COLUMN: usize = 8;

/// Where a command's words go, and how they may look there.
pub(crate) struct Output {
    /// Lists and shows print JSON instead of tables.
    pub(crate) json: bool,
    colour_out: bool,
    colour_err: bool,
    /// Columns of the terminal; `None` in a pipe, where nothing is cut.
    width: Option<usize>,
}

/// How a word is set off where colours are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    Plain,
    Muted,
    Good,
    Warning,
    Danger,
}

impl Style {
    /// The parameters of its "select graphic rendition" sequence.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Muted => Some("2"),
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Danger => Some("31"),
        }
    }
}

impl Output {
    /// Looks at the streams of this process. `colour` says whether the environment allows colours at all.
    pub(crate) fn new(json: bool, colour: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let width = if terminal {
            rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col)).filter(|&w| w > 0)
        } else {
            None
        };
        Self { json, colour_out: colour && terminal, colour_err: colour && io::stderr().is_terminal(), width }
    }

    /// Data, as it is, with a final newline.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        write_line(text).or_else(gone)
    }

    /// Data that there is no second time: for it, a reader that closed its end is a failure too.
    pub(crate) fn data_once(&self, text: &str) -> Result<(), Failure> {
        write_line(text).map_err(|error| unwritten(&error))
    }

    /// Data as one JSON document.
    pub(crate) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.data(&as_document(value)?)
    }

    /// Such data as one JSON document.
    pub(crate) fn document_once(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.data_once(&as_document(value)?)
    }

    /// A table; on a terminal no wider than it.
    pub(crate) fn table(&self, table: &Table) -> Result<(), Failure> {
        self.data(&table.render(self.width, self.colour_out))
    }

    /// Talk: what was done, what to know.
    pub(crate) fn say(&self, text: &str) {
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Talk without a newline, in front of an answer.
    pub(crate) fn ask(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{text}");
        let _ = stderr.flush();
    }

    /// Something that may surprise later.
    pub(crate) fn warn(&self, text: &str) {
        self.say(&format!("{} {text}", self.label("warning:", Style::Warning)));
    }

    /// Why the command failed, and what to do next.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.say(&format!("{} {}", self.label("error:", Style::Danger), failure.message));
        if let Some(help) = &failure.help {
            self.say(&format!("{}  {}", self.label("help:", Style::Good), help.replace('\n', "\n       ")));
        }
    }

    fn label(&self, text: &str, style: Style) -> String {
        paint(text, style, self.colour_err)
    }

    /// A word of stdout, set off where colours are allowed.
    pub(crate) fn paint(&self, text: &str, style: Style) -> String {
        paint(text, style, self.colour_out)
    }
}

/// Does what may take long, and says so on stderr once it has taken so long.
pub(crate) fn say_if_slow<T>(long: Duration, notice: &str, work: impl FnOnce() -> T) -> T {
    let (done, wait) = mpsc::channel::<Infallible>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(long) == Err(RecvTimeoutError::Timeout) {
                // Nobody is left to tell when stderr is closed.
                let _ = writeln!(io::stderr().lock(), "{notice}");
            }
        });
        let result = work();
        drop(done);
        result
    })
}

fn as_document(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::data(format!("the answer can't be written as JSON: {error}")))?;
    Ok(escape_json(&text))
}

fn write_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    stdout.flush()
}

/// A reader that closed its end (`| head`) has seen enough; that is not a failure.
fn gone(error: io::Error) -> Result<(), Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(unwritten(&error)),
    }
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::data(format!("the output can't be written: {error}"))
}

fn paint(text: &str, style: Style, colour: bool) -> String {
    match style.code() {
        Some(code) if colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        _ => text.to_owned(),
    }
}

/// Rows under headings.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// One field of a table.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A field that is set off.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.to_string(), style: Style::Plain }
    }
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// One more row; it has as many fields as there are headings.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Its text. A column without anything in it is left out.
    fn render(&self, width: Option<usize>, colour: bool) -> String {
        let used = |column: &usize| self.rows.iter().any(|row| !row[*column].text.is_empty());
        let columns: Vec<usize> = (0..self.headings.len()).filter(used).collect();
        let headings: Vec<Cell> = self.headings.iter().map(|text| Cell::styled(*text, Style::Muted)).collect();
        let rows: Vec<Vec<&Cell>> = std::iter::once(&headings)
            .chain(&self.rows)
            .map(|row| columns.iter().map(|&column| &row[column]).collect())
            .collect();
        let mut widths = vec![0; columns.len()];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        if let Some(width) = width {
            let copied = columns.iter().map(|&column| COPIED.contains(&self.headings[column]));
            fit(&mut widths, &copied.collect::<Vec<_>>(), width);
        }
        rows.iter().map(|row| line(row, &widths, colour)).collect()
    }
}

/// Takes from the widest columns that may be cut until the row fits, or nothing can be taken any more.
fn fit(widths: &mut [usize], whole: &[bool], terminal: usize) {
    while widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1) > terminal {
        let widest = widths.iter_mut().zip(whole).filter(|(_, whole)| !**whole).map(|(width, _)| width).max();
        match widest {
            Some(widest) if *widest > MIN_COLUMN => *widest -= 1,
            _ => return,
        }
    }
}

fn line(row: &[&Cell], widths: &[usize], colour: bool) -> String {
    let mut line = String::new();
    for (cell, &width) in row.iter().zip(widths) {
        let text = cut(&cell.text, width);
        let padding = width.saturating_sub(text.chars().count()) + 2;
        line.push_str(&paint(&text, cell.style, colour));
        line.push_str(&" ".repeat(padding));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["Name", "Description"]);
        table.row([Cell::styled("HF_TOKEN", Style::Good), "for the models that need a licence".into()]);
        table.row(["A".into(), "".into()]);
        table
    }

    #[test]
    fn a_table_in_a_pipe_is_whole_and_plain() {
        assert_eq!(
            table().render(None, false),
            "Name      Description\nHF_TOKEN  for the models that need a licence\nA\n"
        );
    }

    #[test]
    fn a_column_without_anything_in_it_is_left_out() {
        let mut table = Table::new(&["Name", "Ended", "Id"]);
        table.row(["A".into(), "".into(), "1".into()]);
        assert_eq!(table.render(None, false), "Name  Id\nA     1\n");
    }

    #[test]
    fn a_table_on_a_terminal_is_no_wider_than_it() {
        let text = table().render(Some(24), false);
        assert_eq!(text, "Name      Description\nHF_TOKEN  for the model…\nA\n");
        assert!(text.lines().all(|line| line.chars().count() <= 24));
    }

    #[test]
    fn an_id_is_never_cut() {
        let id = "019a9b7e-0000-7000-8000-000000000000";
        let mut table = Table::new(&["Token", "May", "Id"]);
        table.row(["the one for the nightly builds".into(), "full, organization secrets".into(), id.into()]);
        for width in [40, 60, 80] {
            assert!(table.render(Some(width), false).contains(id), "{width}");
        }
        let of_80 = table.render(Some(80), false);
        assert!(of_80.lines().all(|line| line.chars().count() <= 80) && of_80.contains('…'), "{of_80}");
    }

    #[test]
    fn colours_stand_around_the_word_and_not_around_its_padding() {
        assert!(table().render(None, true).contains("\u{1b}[32mHF_TOKEN\u{1b}[0m  for"));
    }
}
