//! A database whose pages are not what was written, as a failing disk leaves it: no wrong value, no panic.

use std::{collections::BTreeMap, fs, time::Duration};

use assurance::{Dice, count, report};
use control::app::boot::{self, Booted};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::{Actor, Database, House, LAB, ROOT_KEY, new_database, settings};

const EACH: usize = 24;

/// What is damaged, and how.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Zeros,
    Noise,
    /// The end of the file, from this page on.
    CutOff,
    /// A few bytes anywhere in it.
    Stretch,
    /// Of a few sealed values anywhere a byte: every page stays in shape, and only unsealing can tell.
    Sealed,
}

const DAMAGES: [Damage; 5] = [Damage::Zeros, Damage::Noise, Damage::CutOff, Damage::Stretch, Damage::Sealed];

/// The values that a run gets, or why it gets none.
async fn run(person: &Actor) -> Result<BTreeMap<String, String>, (u16, String)> {
    let body = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let answer = person.post("/runs", body).await;
    if answer.status != 201 {
        return Err((answer.status.as_u16(), answer.text));
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let variables = answer.json()["variables"].as_array().unwrap().clone();
    Ok(variables.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect())
}

/// A database full of secrets, closed, and what a run gets of it.
async fn whole_database() -> (House, Vec<u8>, BTreeMap<String, String>) {
    let house = House::build(Database::Sqlite).await;
    for number in 0..EACH {
        for version in 1..=3 {
            let value = || json!({ "value": format!("value {version} of {number}") });
            house.administrator.put(&format!("/organizations/acme/secrets/SHARED_{number}"), value()).await;
            house.owner.put(&format!("{LAB}/secrets/OWN_{number}"), value()).await;
        }
    }
    let values = run(&house.owner).await.unwrap();
    assert_eq!(values.len(), 2 * EACH);
    house.app.close().await;
    house.store.close().await;
    let bytes = fs::read(house.directory.path().join("vestry.sqlite")).unwrap();
    (house, bytes, values)
}

fn damaged(whole: &[u8], page: usize, damage: Damage, dice: &mut Dice) -> Vec<u8> {
    const PAGE: usize = 4096;
    let mut bytes = whole.to_vec();
    let (begin, end) = (page * PAGE, (page + 1) * PAGE);
    match damage {
        Damage::Zeros => bytes[begin..end].fill(0),
        Damage::Noise => bytes[begin..end].fill_with(|| noise(dice)),
        Damage::Stretch => {
            let begin = begin + usize::from(noise(dice)) * 15;
            bytes[begin..begin + 64].fill_with(|| noise(dice));
        }
        Damage::CutOff => bytes.truncate(begin),
        Damage::Sealed => {
            // As crates/envelope/FORMAT.md has it: how a sealed value begins, and how long the shortest is.
            let (mark, length) = (b"VST1", 169);
            let sealed: Vec<usize> = (0..whole.len() - length).filter(|at| whole[*at..].starts_with(mark)).collect();
            for _ in 0..8 {
                bytes[sealed[dice.below(sealed.len())] + dice.below(length)] ^= 0xff;
            }
        }
    }
    bytes
}

fn noise(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(256)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_page_yields_no_wrong_value() {
    let (house, whole, values) = whole_database().await;
    let pages = whole.len() / 4096;
    let mut dice = Dice::of("damaged pages");
    let (mut not_opened, mut refused, mut by_unsealing, mut unharmed, mut hidden) = (0, 0, 0, 0, 0);
    let rounds = count(2_000);
    for round in 0..rounds {
        let damage = DAMAGES[round % DAMAGES.len()];
        // The header and the schema first, then anywhere.
        let page = if round < 2 * DAMAGES.len() { round / DAMAGES.len() } else { dice.below(pages) };
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("vestry.sqlite"), damaged(&whole, page, damage, &mut dice)).unwrap();
        let url = new_database(Database::Sqlite, directory.path());
        let what = format!("{damage:?} of page {page} of {pages}");
        match boot::boot(settings(&directory, &url, ROOT_KEY)).await {
            Err(why) => {
                let told = format!("{why:#}");
                assert!(!values.values().any(|value| told.contains(value)), "{what}: {told}");
                not_opened += 1;
            }
            Ok(Booted { app, .. }) => {
                let router = control::router(app.clone(), control::site::Site::loopback());
                // Where the servers can't be read, requests are held back until they can.
                let held_back = Err((503, String::new()));
                match timeout(Duration::from_secs(1), run(&house.owner.before(router))).await.unwrap_or(held_back) {
                    // SQLite's pages have no checksums: damage that leaves a page in shape may hide rows of it.
                    Ok(got) => {
                        assert!(got.iter().all(|(name, value)| values.get(name) == Some(value)), "{what}: {got:?}");
                        if got.len() == values.len() { unharmed += 1 } else { hidden += 1 }
                    }
                    Err((status, text)) => {
                        assert!(!values.values().any(|value| text.contains(value)), "{what}: {text}");
                        assert!(status >= 400, "{what}: {status} {text}");
                        refused += 1;
                        by_unsealing += usize::from(status == 409);
                    }
                }
                app.close().await;
            }
        }
    }
    let reached = [not_opened, refused - by_unsealing, by_unsealing, unharmed];
    assert!(reached.iter().all(|rounds| *rounds > 0), "{reached:?}");
    report(
        "damaged pages",
        "SQLite",
        &format!(
            "{rounds} damages: {not_opened} not opened, {refused} refused, of these {by_unsealing} by \
             unsealing, {unharmed} unharmed; 0 wrong values, and {hidden} that hid secrets from a run"
        ),
    );
}

/// An operator is told which file it is, what is wrong with it, and what to do.
#[tokio::test]
async fn a_database_that_is_none_is_not_opened_and_the_remedy_said() {
    for (content, words) in
        [(vec![7; 16 * 4096], "is damaged"), (b"SQLite format 3\0 and no more".to_vec(), "is damaged")]
    {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("vestry.sqlite");
        fs::write(&file, &content).unwrap();
        let url = new_database(Database::Sqlite, directory.path());
        let Err(why) = boot::boot(settings(&directory, &url, ROOT_KEY)).await else { panic!("it was opened") };
        let said = format!("{why:#}");
        assert!(said.contains(&file.display().to_string()), "{said}");
        assert!(said.contains(words) && said.contains("backup"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), content, "left as it is");
    }
}
