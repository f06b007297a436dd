//! A control plane with two organizations and one person of every kind.

use std::path::Path;

use axum::Router;
use control::{
    app::{
        App, Input, Password, Passwords,
        boot::{self, Booted},
        members::{self, AddMember},
        organizations, setup,
    },
    keys::KeyProvider,
    store::Store,
};
use domain::{DisplayName, Email, Role, Slug};
use serde_json::json;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::{Actor, postgres};

pub const PASSWORD: &str = "a password for tests";
pub const ROOT_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Which database is below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A control plane in its own directory and database.
///
/// In the organization `acme`: an administrator; an owner with the workspace `lab`; a collaborator of it; a member
/// without access. In the organization `other`: an administrator with a workspace that is called `lab` too.
pub struct House {
    pub app: App,
    /// The same database, as the store's own tests reach it.
    pub store: Store,
    pub router: Router,
    pub database: Database,
    pub database_url: String,
    pub administrator: Actor,
    pub owner: Actor,
    pub collaborator: Actor,
    pub member: Actor,
    pub foreigner: Actor,
    pub anonymous: Actor,
    pub directory: TempDir,
}

/// A workspace's address below `/api/v1`.
pub const LAB: &str = "/organizations/acme/workspaces/lab";

impl House {
    pub async fn build(database: Database) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let database_url = new_database(database, directory.path());
        let Booted { app, setup_code } = boot(&directory, &database_url, ROOT_KEY).await;
        let router = control::router(app.clone(), control::site::Site::loopback());
        let anonymous = Actor::new(router.clone(), None, "");

        let set_up = setup::SetUp {
            setup_code: setup_code.expect("a new installation has its code"),
            first: Input::new(Ok(setup::First {
                email: email("administrator"),
                name: name("Administrator"),
                password: password(),
                organization: name("Acme"),
                slug: slug("acme"),
            })),
        };
        setup::run(&app, Input::new(Ok(set_up)), None).await.expect("set-up");
        organizations::create_by_operator(&app, &slug("other"), &name("Other")).await.expect("a second organization");
        for (person, organization, role) in [
            ("owner", "acme", Role::Member),
            ("collaborator", "acme", Role::Member),
            ("member", "acme", Role::Member),
            ("foreigner", "other", Role::Administrator),
        ] {
            add_person(&app, person, organization, role).await;
        }
        let sign_in = async |person| sign_in(&anonymous, person).await;
        let house = Self {
            administrator: sign_in("administrator").await,
            owner: sign_in("owner").await,
            collaborator: sign_in("collaborator").await,
            member: sign_in("member").await,
            foreigner: sign_in("foreigner").await,
            store: Store::open(&database_url).await.expect("the same database"),
            app,
            router,
            database,
            database_url,
            anonymous,
            directory,
        };
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Lab" })).await.expect(201);
        let collaborator = format!("{LAB}/collaborators/{}", house.collaborator.email);
        house.owner.put(&collaborator, json!({})).await.expect(204);
        house.foreigner.post("/organizations/other/workspaces", json!({ "name": "Lab" })).await.expect(201);
        house
    }

    /// Tells what a test did on this database, once it has passed, in a row of docs/assurance.md.
    pub fn report(&self, row: &str, done: &str) {
        assurance::report(row, self.database.name(), done);
    }
}

/// The address of an empty database; the embedded one lies in this directory.
pub fn new_database(database: Database, directory: &Path) -> String {
    match database {
        Database::Sqlite => format!("sqlite://{}/vestry.sqlite?mode=rwc", directory.display()),
        Database::Postgres => postgres::new_database(),
    }
}

/// Opens the control plane over a directory and a database with this root key.
pub async fn boot(directory: &TempDir, database_url: &str, root_key: &str) -> Booted {
    boot::boot(settings(directory, database_url, root_key)).await.expect("a control plane")
}

/// What a control plane over a directory and a database is opened with.
pub fn settings(directory: &TempDir, database_url: &str, root_key: &str) -> boot::Settings {
    let data_dir = directory.path().to_owned();
    boot::Settings {
        database_url: database_url.to_owned(),
        key_provider: KeyProvider::Env(Zeroizing::new(root_key.to_owned())),
        // Servers really run in the tests of the binary; here every start fails at the missing program.
        runtime: runtime::Settings::new(data_dir.clone(), data_dir.join("no-such-program")),
        passwords: Passwords::with_cost(16).expect("a small cost"),
        data_dir,
    }
}

/// Adds a person as the operator does.
pub async fn add_person(app: &App, person: &str, organization: &str, role: Role) {
    let add = AddMember {
        organization: organization.to_owned(),
        email: email(person),
        name: Some(name(person)),
        password: Some(password()),
        role,
    };
    members::add_by_operator(app, add).await.expect("a new person");
}

/// Signs a person in and gives them a token with every permission.
pub async fn sign_in(anonymous: &Actor, person: &str) -> Actor {
    let address = email(person).as_str().to_owned();
    let answer = anonymous.post("/sessions", json!({ "email": address, "password": PASSWORD })).await.expect(201);
    let cookie = answer.headers["set-cookie"].to_str().expect("an ASCII cookie");
    let cookie = cookie.split(';').next().expect("a name and a value");
    let wish = json!({ "name": "tests", "access": "full", "organization_secrets": true });
    let browser = anonymous.with("cookie", cookie).with("sec-fetch-site", "same-origin");
    let made = browser.post("/me/tokens", wish).await.expect(201).json();
    let mut person = anonymous.with_token(made["token"].as_str().expect("the token's text"));
    person.email = address;
    person
}

fn email(person: &str) -> Email {
    Email::parse(&format!("{person}@acme.test")).expect("an address")
}

fn name(text: &str) -> DisplayName {
    DisplayName::parse(text).expect("a name")
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("a slug")
}

fn password() -> Password {
    Password::parse_new("password", Zeroizing::new(PASSWORD.to_owned())).expect("a long password")
}
