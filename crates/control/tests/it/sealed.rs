//! Without the right root key the control plane starts sealed: it lists and stops, and makes no new key.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use axum::Router;
use control::{
    app::{
        App, Passwords,
        boot::{self, Booted},
        health, organizations,
    },
    error::Error,
    keys::KeyProvider,
};
use domain::{DisplayName, Slug};
use serde_json::json;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::{
    both,
    store::sql::{Sql, eventually},
    support::{Actor, Database, House, LAB, ROOT_KEY, sign_in},
};

const SECRETS: &str = "/organizations/acme/secrets";
const OTHER_KEY: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

fn env(digits: &str) -> KeyProvider {
    KeyProvider::Env(Zeroizing::new(digits.to_owned()))
}

fn file(keys: &TempDir, data: &TempDir) -> KeyProvider {
    KeyProvider::File { path: key_file(keys), data_dir: data.path().to_owned() }
}

fn key_file(keys: &TempDir) -> std::path::PathBuf {
    keys.path().join("keys/root-key")
}

fn write_key_file(keys: &TempDir, content: &str) {
    let path = key_file(keys);
    let directory = path.parent().unwrap();
    fs::create_dir_all(directory).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

async fn open(data: &TempDir, database_url: &str, key_provider: KeyProvider) -> Booted {
    let data_dir = data.path().to_owned();
    let settings = boot::Settings {
        database_url: database_url.to_owned(),
        key_provider,
        runtime: runtime::Settings::new(data_dir.clone(), data_dir.join("no-such-program")),
        passwords: Passwords::with_cost(16).unwrap(),
        data_dir,
    };
    let booted = boot::boot(settings).await.expect("it starts, sealed or not");
    health::servers_are_found(&booted.app).await.expect("its servers");
    booted
}

/// Everything below a directory, with what is in it.
fn files(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

/// Secrets of both scopes and two servers that have been started once.
async fn furnish(house: &House) {
    for name in ["ONE", "TWO"] {
        house.administrator.put(&format!("{SECRETS}/{name}"), json!({ "value": "twelve bytes" })).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": "twelve bytes" })).await.expect(201);
    }
}

async fn add_server(house: &House, slug: &str) {
    let server = json!({ "name": slug, "slug": slug, "command": ["true"] });
    house.owner.post(&format!("{LAB}/servers"), server).await.expect(201);
    house.owner.post(&format!("{LAB}/servers/{slug}/start"), json!({})).await.expect(202);
    status(&house.owner, slug, "failed").await;
}

async fn status(person: &Actor, slug: &str, wanted: &str) {
    eventually(wanted, async || {
        let server = person.get(&format!("{LAB}/servers/{slug}")).await.expect(200).json();
        (server["status"] == wanted).then_some(())
    })
    .await;
}

async fn people(app: &App) -> (Actor, Actor) {
    let router: Router = control::router(app.clone(), control::site::Site::loopback());
    let anonymous = Actor::new(router, None, "");
    (sign_in(&anonymous, "administrator").await, sign_in(&anonymous, "owner").await)
}

/// What a sealed control plane does and refuses.
async fn assert_sealed(house: &House, app: &App, slug: &str) {
    assert!(app.sealed().is_some());
    let mut sql = Sql::open(house).await;
    let (administrator, owner) = people(app).await;
    let server = format!("{LAB}/servers/{slug}");
    for path in [SECRETS, "/organizations/acme/workspaces", "/organizations/acme/members"] {
        administrator.get(path).await.expect(200);
    }
    for path in [format!("{LAB}/secrets"), format!("{LAB}/servers"), server.clone(), format!("{server}/starts")] {
        owner.get(&path).await.expect(200);
    }

    let before = sql.everything().await;
    let value = || json!({ "value": "another value" });
    for refused in [
        administrator.put(&format!("{SECRETS}/NEW"), value()).await,
        administrator.put(&format!("{SECRETS}/ONE"), value()).await,
        administrator.patch(&format!("{SECRETS}/ONE"), json!({ "name": "RENAMED", "description": "d" })).await,
        owner.put(&format!("{LAB}/secrets/ONE"), value()).await,
        owner.patch(&format!("{LAB}/secrets/ONE"), json!({ "name": "RENAMED" })).await,
        owner.post(&format!("{server}/start"), json!({})).await,
    ] {
        assert_eq!(refused.expect(503).code(), "sealed");
    }
    let new = (Slug::parse("third").unwrap(), DisplayName::parse("Third").unwrap());
    let created = organizations::create_by_operator(app, &new.0, &new.1).await;
    assert!(matches!(created, Err(Error::Sealed(_))), "{created:?}");
    assert_eq!(sql.everything().await, before, "what is refused changes nothing");
    assert!(administrator.get("/readyz").await.expect(503).text.contains("sealed"));

    let start = format!("SELECT id FROM starts WHERE server_id = (SELECT id FROM servers WHERE slug = '{slug}')");
    sql.execute(&format!("UPDATE servers SET status = 'running', start_id = ({start}) WHERE slug = '{slug}'")).await;
    assert_eq!(owner.post(&format!("{server}/restart"), json!({})).await.expect(503).code(), "sealed");
    status(&owner, slug, "running").await;
    administrator.post(&format!("{server}/stop"), json!({})).await.expect(202);
    // There is no process whose end could be watched here.
    status(&owner, slug, "stopping").await;
    sql.execute(&format!("UPDATE servers SET status = 'stopped', start_id = NULL WHERE slug = '{slug}'")).await;
    owner.delete(&server).await.expect(204);
}

/// The right key opens everything again: a rename unseals and seals.
async fn assert_open(app: &App) {
    assert_eq!(app.sealed(), None);
    let (administrator, owner) = people(app).await;
    for (person, place) in [(administrator, SECRETS.to_owned()), (owner, format!("{LAB}/secrets"))] {
        person.patch(&format!("{place}/TWO"), json!({ "name": "RENAMED" })).await.expect(200);
        person.patch(&format!("{place}/RENAMED"), json!({ "name": "TWO" })).await.expect(200);
        person.put(&format!("{place}/TWO"), json!({ "value": "another value" })).await.expect(200);
    }
}

both! {
    async fn it_starts_sealed_without_the_right_key_and_opens_with_it(house) {
        furnish(&house).await;
        let keys = TempDir::new().unwrap();
        write_key_file(&keys, "vestry-root-key-1 damaged\n");
        let gone = TempDir::new().unwrap();
        let made_elsewhere = TempDir::new().unwrap();
        file(&made_elsewhere, &house.directory).create().unwrap();
        let data = &house.directory;
        let mut sql = Sql::open(&house).await;
        let data_keys = "SELECT COUNT(*) FROM data_keys";
        for (number, provider) in [
            env(OTHER_KEY),
            env(""),
            env("not sixty-four hexadecimal digits"),
            file(&keys, data),
            file(&gone, data),
            file(&made_elsewhere, data),
        ].into_iter().enumerate() {
            let slug = format!("server-{number}");
            add_server(&house, &slug).await;
            let before: Vec<_> = [&keys, &gone, &made_elsewhere].map(|keys| files(keys.path())).into();
            let booted = open(data, &house.database_url, provider).await;
            assert_sealed(&house, &booted.app, &slug).await;
            let after: Vec<_> = [&keys, &gone, &made_elsewhere].map(|keys| files(keys.path())).into();
            assert_eq!(after, before, "no key was made, changed or removed");
            assert_eq!(sql.number(data_keys).await, 2);
            booted.app.close().await;
        }
        assert_open(&open(data, &house.database_url, env(ROOT_KEY)).await.app).await;
    }

    async fn damaged_data_keys_seal_it_too(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        for (number, column) in ["wrapped", "canary"].into_iter().enumerate() {
            let whole = sql.bytes(&format!("SELECT {column} FROM data_keys ORDER BY id LIMIT 1")).await;
            let put = format!("UPDATE data_keys SET {column} = $1 WHERE id = (SELECT MIN(id) FROM data_keys)");
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 1;
            for (turn, damaged) in [flipped, whole[..9].to_vec(), Vec::new()].into_iter().enumerate() {
                let slug = format!("server-{number}-{turn}");
                add_server(&house, &slug).await;
                sql.write_bytes(&put, &damaged).await;
                let booted = open(&house.directory, &house.database_url, env(ROOT_KEY)).await;
                assert_sealed(&house, &booted.app, &slug).await;
                booted.app.close().await;
                sql.write_bytes(&put, &whole).await;
            }
        }
        assert_open(&open(&house.directory, &house.database_url, env(ROOT_KEY)).await.app).await;
    }

    async fn a_first_start_makes_the_key_and_only_a_first_start(house) {
        let (data, keys) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let url = empty_database(&house, &data).await;
        let set_up = async |booted: &Booted| {
            let code = booted.setup_code.as_ref().unwrap().to_string();
            let wish = json!({
                "setup_code": code, "email": "first@acme.test", "name": "First", "password": "a password for tests",
                "organization": { "name": "Acme" },
            });
            Actor::new(control::router(booted.app.clone(), control::site::Site::loopback()), None, "").post("/setup", wish).await
        };
        for provider in [env(""), env("damaged")] {
            let booted = open(&data, &url, provider).await;
            assert!(booted.app.sealed().is_some());
            assert_eq!(set_up(&booted).await.expect(503).code(), "sealed");
            booted.app.close().await;
        }
        write_key_file(&keys, "damaged");
        let booted = open(&data, &url, file(&keys, &data)).await;
        assert_eq!(set_up(&booted).await.expect(503).code(), "sealed");
        assert_eq!(fs::read(key_file(&keys)).unwrap(), b"damaged");
        booted.app.close().await;
        fs::remove_file(key_file(&keys)).unwrap();

        let booted = open(&data, &url, file(&keys, &data)).await;
        assert_eq!(booted.app.sealed(), None);
        let made = fs::read(key_file(&keys)).unwrap();
        assert_eq!(fs::metadata(key_file(&keys)).unwrap().permissions().mode() & 0o777, 0o600);
        set_up(&booted).await.expect(201);
        booted.app.close().await;

        fs::remove_file(key_file(&keys)).unwrap();
        let booted = open(&data, &url, file(&keys, &data)).await;
        assert!(booted.app.sealed().is_some());
        assert!(files(keys.path()).is_empty(), "no new key");
        booted.app.close().await;

        fs::write(key_file(&keys), &made).unwrap();
        fs::set_permissions(key_file(&keys), fs::Permissions::from_mode(0o600)).unwrap();
        let booted = open(&data, &url, file(&keys, &data)).await;
        assert_eq!(booted.app.sealed(), None);
        assert_eq!(fs::read(key_file(&keys)).unwrap(), made);
        let first = sign_in(&Actor::new(control::router(booted.app.clone(), control::site::Site::loopback()), None, ""), "first").await;
        first.put(&format!("{SECRETS}/ONE"), json!({ "value": "twelve bytes" })).await.expect(201);
    }
}

/// A database beside the house's own in which nothing is.
async fn empty_database(house: &House, data: &TempDir) -> String {
    match house.database {
        Database::Sqlite => format!("sqlite://{}/vestry.sqlite?mode=rwc", data.path().display()),
        Database::Postgres => {
            let (server, socket) = house.database_url.split_once('?').unwrap();
            let (server, own) = server.rsplit_once('/').unwrap();
            Sql::open(house).await.execute(&format!("CREATE DATABASE {own}_empty")).await;
            format!("{server}/{own}_empty?{socket}")
        }
    }
}
