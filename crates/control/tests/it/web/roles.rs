//! Who gets which page: every route by every kind of reader, as `roles.txt` says; whoever is refused changes nothing.

use std::collections::BTreeSet;

use super::{Browser, Page, crawl, routes};
use crate::{
    access_matrix::{
        cast::Cast,
        digest::{Digester, changed},
        requests::NO_ID,
        table,
    },
    both,
};

/// The columns, in their order.
const READERS: [&str; 10] =
    ["admin", "owner", "collab", "member", "removed", "foreign", "nobody", "admin.plain", "owner.read", "token"];

/// What a cell says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    /// This status.
    Status(u16),
    /// To the sign-in page.
    SignIn,
    /// Onward, whoever asks and whatever is there: only the address is looked at.
    Onward,
    /// Whatever the form's own fields deserve; an empty one is sent.
    May,
}

struct Row {
    method: &'static str,
    path: &'static str,
    cells: Vec<Cell>,
}

impl Row {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

fn rows() -> Vec<Row> {
    let lines = include_str!("roles.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut rows = Vec::new();
    for line in lines {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        if words[0] == "reader" {
            assert_eq!(words[1..], READERS, "{line}");
            continue;
        }
        let cell = |word: &&str| match *word {
            "in" => Cell::SignIn,
            "on" => Cell::Onward,
            "may" => Cell::May,
            status => Cell::Status(status.parse().expect("a status")),
        };
        assert_eq!(words.len(), 2 + READERS.len(), "{line}");
        rows.push(Row { method: words[0], path: words[1], cells: words[2..].iter().map(cell).collect() });
    }
    rows
}

/// The address of a row. Who may send its form, sends it to something of its own; everybody else to what stands there
/// for all, so that a refusal that fails is seen.
async fn address(cast: &mut Cast, row: &Row, column: usize, place: (&str, &str)) -> String {
    let (organization, workspace) = place;
    let there = place == ("acme", "lab");
    let afresh = there && row.method == "POST" && row.cells[column] == Cell::May;
    let of_workspace = row.path.contains("/{workspace}/");
    let whose = of_workspace.then_some("lab");
    let caller =
        table::CALLERS.iter().position(|caller| *caller == READERS[column]).expect("a caller of the API's table");
    let mut address = row.path.replace("{organization}", organization).replace("{workspace}", workspace);
    let parts: Vec<&str> = row.path.split('/').filter(|part| part.starts_with('{')).collect();
    for part in parts.into_iter().filter(|part| !["{organization}", "{workspace}"].contains(part)) {
        let thing = match part {
            "{version}" => "1".to_owned(),
            "{edition}" => continue,
            "{name}" if afresh && row.path.contains("/suspension") => cast.suspended("acme", whose).await,
            "{name}" if afresh => cast.rewritten("acme", whose).await,
            "{name}" => if of_workspace { "TOKEN" } else { "SHARED" }.to_owned(),
            "{server}" if afresh => {
                cast.server("acme", "lab", row.path.ends_with("/stop") || row.path.ends_with("/restart")).await
            }
            "{server}" => "web".to_owned(),
            "{member}" if afresh => cast.person_of("acme", whose).await,
            "{member}" => "helper@acme.test".to_owned(),
            _ if !there => NO_ID.to_owned(),
            "{secret}" => cast.deleted_secret("acme", whose.unwrap_or_default()).await,
            "{restart}" => cast.paused_restart("acme", "lab").await,
            "{token}" if of_workspace => cast.workspace_token("acme", "lab").await.0,
            "{token}" => cast.token(caller, row.cells[column] != Cell::May).await,
            "{session}" => cast.session(caller, row.cells[column] != Cell::May).await,
            other => panic!("nothing is known of {other} in {}", row.path),
        };
        address = address.replace(part, &thing);
    }
    address
}

async fn readers(cast: &Cast) -> Vec<Browser> {
    let mut readers = Vec::new();
    for name in READERS {
        let caller = table::CALLERS.iter().position(|caller| *caller == name).expect("a caller of the API's table");
        let caller = cast.caller(caller);
        readers.push(match name {
            "nobody" => Browser::new(&cast.house),
            "admin.plain" | "owner.read" | "token" => {
                Browser::new(&cast.house).with_token(caller.token().expect("a token"))
            }
            _ => Browser::of(&cast.house, caller).await,
        });
    }
    readers
}

fn is(cell: Cell, page: &Page) -> bool {
    let (status, signs_in) = (page.status.as_u16(), page.location().starts_with("/sign-in"));
    match cell {
        Cell::Status(expected) => status == expected && !signs_in,
        Cell::Onward => status == 303 && !signs_in,
        Cell::SignIn => status == 303 && signs_in,
        Cell::May => status < 500 && ![401, 403, 404, 405].contains(&status) && !signs_in,
    }
}

/// What the row says of another place: nobody of `acme` may know of it.
fn elsewhere(row: &Row, column: usize, place: (&str, &str)) -> Option<Cell> {
    match (row.cells[column], READERS[column]) {
        // Its own administrator; what that may do stands under `acme` for the one of acme.
        (_, "foreign") if place.0 == "other" => None,
        (Cell::SignIn | Cell::Onward, _) | (_, "token") => Some(row.cells[column]),
        _ => Some(Cell::Status(404)),
    }
}

#[test]
fn every_page_has_its_row_and_every_row_its_page() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let house = runtime.block_on(crate::support::House::build(crate::support::Database::Sqlite));
    let routes = routes::all(&house);
    let rows: Vec<String> = rows().iter().map(Row::name).collect();
    let known: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), known.len(), "roles.txt has a row twice");
    let missing: Vec<&String> = routes.difference(&known).collect();
    let gone: Vec<&String> = known.difference(&routes).collect();
    assert!(missing.is_empty(), "roles.txt has no row for {missing:#?}");
    assert!(gone.is_empty(), "there is no page {gone:#?}");
}

both! {
    async fn everybody_gets_the_pages_that_the_table_says(house) {
        let mut digester = Digester::open(&house).await;
        let mut cast = Cast::gather(house).await;
        let mut readers = readers(&cast).await;
        let (mut wrong, mut asked) = (Vec::new(), 0);
        for row in rows() {
            let mut places = vec![("acme", "lab")];
            places.extend(row.path.contains("{organization}").then_some(("other", "lab")));
            places.extend(row.path.contains("{organization}").then_some(("none", "lab")));
            places.extend(row.path.contains("{workspace}").then_some(("acme", "none")));
            for place in places {
                for column in 0..READERS.len() {
                    let expected = if place == ("acme", "lab") { Some(row.cells[column]) } else { elsewhere(&row, column, place) };
                    let Some(expected) = expected else { continue };
                    let address = address(&mut cast, &row, column, place).await;
                    let before = digester.now().await;
                    let page = match row.method {
                        "GET" => readers[column].get(&address).await,
                        _ => readers[column].post(&address, &[]).await,
                    };
                    asked += 1;
                    crawl::assert_safe(&address, &page);
                    if !is(expected, &page) {
                        let title = page.between("<h1>", "</h1>").pop().unwrap_or_default();
                        wrong.push(format!("{} as {} at {place:?}: {expected:?} expected, {} {} {title} came", row.name(), READERS[column], page.status, page.location()));
                    }
                    let refused = expected == Cell::SignIn && row.path != "/sign-out" || matches!(expected, Cell::Status(400..));
                    let after = digester.now().await;
                    if (refused || row.method == "GET") && before != after && row.path != "/sign-in" {
                        wrong.push(format!("{} as {} at {place:?} changed {}", row.name(), READERS[column], changed(&before, &after)));
                    }
                    if expected == Cell::May && row.path.contains("/{server}/") {
                        let server = address.split('/').nth(6).expect("a server");
                        cast.settled("acme", "lab", server).await;
                    }
                    digester.restarts_settled().await;
                    if row.path == "/sign-out" {
                        readers = self::readers(&cast).await;
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{} cells are not as roles.txt says:\n{}", wrong.len(), wrong.join("\n"));
        let done = format!("{} routes of pages by {} kinds of reader: {asked} requests, 0 unexpected", rows().len(), READERS.len());
        cast.house.report("browser", &done);
    }
}
