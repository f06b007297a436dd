//! What the pages say can be typed "From a terminal" can be typed: every such line of the templates is read here.

use std::{ffi::OsString, fs, path::Path};

use super::Cli;

/// The texts of all templates.
fn templates(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the templates").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            templates(&entry, found);
        } else {
            found.push(fs::read_to_string(&entry).expect("a template"));
        }
    }
}

/// What stands between `begin` and `end`, each time.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin).skip(1).filter_map(|rest| rest.split_once(end)).map(|(inside, _)| inside).collect()
}

/// A template's text as it is shown when every condition holds, or none does, with something in the place of what varies.
fn shown(template: &str, holds: bool, place: &str) -> String {
    let mut text = String::new();
    let mut branches = vec![true];
    for part in template.split("{%").enumerate() {
        let (tag, rest) = match part {
            (0, rest) => ("", rest),
            (_, part) => part.split_once("%}").expect("an end of the tag"),
        };
        match tag.split_whitespace().next() {
            Some("if") => branches.push(holds),
            Some("else") => *branches.last_mut().expect("a condition") = !holds,
            Some("endif") => drop(branches.pop()),
            _ => {}
        }
        if branches.iter().all(|shown| *shown) {
            text.push_str(rest);
        }
    }
    let mut parts = text.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (name, rest) = part.split_once("}}").expect("an end of the expression");
        text + if name.contains("flag()") { place } else { "x" } + rest
    })
}

#[test]
fn what_pages_say_to_type_is_understood() {
    let mut all = Vec::new();
    templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../control/templates"), &mut all);
    let mut read = 0;
    for template in &all {
        let blocks = between(template, "<div class=\"terminal", "</div>");
        // A bare name speaks of a command, and is none to type.
        let said = between(template, "<code>vestry ", "</code>")
            .into_iter()
            .filter(|said| said.contains(' '))
            .map(|said| format!("vestry {said}"));
        for block in blocks.into_iter().map(str::to_owned).chain(said) {
            for (holds, place) in [(true, "-w x/x"), (false, "-w x/x"), (true, "--org x"), (false, "--org x")] {
                let block = shown(&block, holds, place);
                for line in block.lines().filter(|line| line.starts_with("vestry ")) {
                    let typed = line.split(" &lt;").next().expect("a command").replace("E-MAIL", "a@b.example");
                    let both =
                        typed.contains("-w x/x") && ["--all", "--workspaces"].iter().any(|of| typed.contains(of));
                    // What is there in one scope only is not shown in the other.
                    let other = place == "--org x" && ["server", "explain"].iter().any(|of| typed.contains(of));
                    if both || other && typed.contains(place) {
                        continue;
                    }
                    let words: Vec<OsString> = typed.split_whitespace().map(Into::into).collect();
                    assert!(Cli::read(&words).is_ok(), "{line}");
                    read += 1;
                }
            }
        }
    }
    assert!(read > 60, "{read} lines");
}
