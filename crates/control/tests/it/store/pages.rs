//! Keyset pages: complete, without duplicates, in order, also where many rows are equal.

use std::collections::BTreeSet;

use control::store::{
    Order, PageRequest, access::InstallationPermit, access::SystemReason, audit, installation, members, page::Place,
    secrets, servers, users, workspaces,
};
use domain::{
    Access, Command, DisplayName, Email, Role, SecretId, SecretName, ServerId, Slug, Time, UserId, Variables,
    WorkspaceId, policy::Action,
};
use envelope::{Context, Key, Plaintext, SealedValue};

use super::{caller, commit, permit, sql::Sql};
use crate::{both, support::House};

const ORDERS: [Order; 6] = [
    Order::Name,
    Order::NameDescending,
    Order::Created,
    Order::CreatedDescending,
    Order::Updated,
    Order::UpdatedDescending,
];

/// What lists sort by.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Listed {
    name: String,
    created: i64,
    updated: i64,
    id: String,
}

impl Listed {
    fn place(&self, order: Order) -> Place {
        let key = match order {
            Order::Name | Order::NameDescending => self.name.clone(),
            Order::Created | Order::CreatedDescending => self.created.to_string(),
            Order::Updated | Order::UpdatedDescending => self.updated.to_string(),
        };
        Place { key, id: self.id.clone() }
    }

    fn before(&self, other: &Self, order: Order) -> bool {
        let id = |ordering: std::cmp::Ordering| ordering.then_with(|| self.id.cmp(&other.id));
        match order {
            Order::Name => id(self.name.cmp(&other.name)).is_lt(),
            Order::NameDescending => id(self.name.cmp(&other.name)).is_gt(),
            Order::Created => id(self.created.cmp(&other.created)).is_lt(),
            Order::CreatedDescending => id(self.created.cmp(&other.created)).is_gt(),
            Order::Updated => id(self.updated.cmp(&other.updated)).is_lt(),
            Order::UpdatedDescending => id(self.updated.cmp(&other.updated)).is_gt(),
        }
    }
}

/// Reads a list in pages of every small size and in every order, and compares with the list read at once.
async fn assert_pages_are_whole(rows: usize, mut list: impl AsyncFnMut(PageRequest) -> Vec<Listed>) {
    for order in ORDERS {
        let whole = list(PageRequest { limit: 1_000, after: None, order, filter: None }).await;
        assert_eq!(whole.len(), rows, "{order:?}");
        assert!(whole.windows(2).all(|pair| pair[0].before(&pair[1], order)), "{order:?}: {whole:#?}");
        for limit in [1, 2, 7] {
            let (mut read, mut after) = (Vec::new(), None);
            loop {
                let page = list(PageRequest { limit, after, order, filter: None }).await;
                assert!(i64::try_from(page.len()).unwrap() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(last.place(order));
                read.extend(page);
            }
            assert_eq!(read, whole, "{order:?} in pages of {limit}");
        }
    }
}

/// Three times, each for several rows.
fn tied(number: usize) -> Time {
    Time(1_000_000 + i64::try_from(number % 3).unwrap())
}

/// Four names, some of which differ only in case or beyond ASCII.
fn tied_name(number: usize) -> &'static str {
    ["alpha", "Alpha", "élan", "zulu"][number % 4]
}

async fn touch(house: &House, table: &str) {
    let mut sql = Sql::open(house).await;
    let half = if table == "users" { "email" } else { "slug" };
    sql.execute(&format!("UPDATE {table} SET updated_at = updated_at + 1 WHERE {half} LIKE '%1'")).await;
    sql.execute(&format!("UPDATE {table} SET updated_at = updated_at + 2 WHERE {half} LIKE '%2'")).await;
}

fn id_bytes(number: usize) -> [u8; 10] {
    [u8::try_from(number * 37 % 251).unwrap(); 10]
}

fn slug(number: usize) -> Slug {
    Slug::parse(&format!("row-{number}")).unwrap()
}

fn sealed() -> SealedValue {
    let key = Key::generate([1; 16]).unwrap();
    envelope::seal(&key, &Context::new(), &Plaintext::new(b"a value".to_vec())).unwrap()
}

const ROWS: usize = 23;

both! {
    async fn workspaces_come_in_whole_pages(house) {
        let caller = caller(&house, &house.administrator).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let permit = permit(&mut tx, &caller, None, Action::CreateWorkspace).await;
        for row in 0..ROWS {
            let number = installation::next_workspace_number(&mut tx, &permit).await.unwrap();
            let id = WorkspaceId::new(tied(row), id_bytes(row));
            workspaces::insert(&mut tx, &permit, id, number, &slug(row), tied_name(row), "", tied(row)).await.unwrap();
        }
        commit(tx, permit).await;
        let permit = super::permit(&mut house.store.read().await.unwrap(), &caller, None, Action::CreateWorkspace).await;
        touch(&house, "workspaces").await;
        assert_pages_are_whole(ROWS + 1, async |page| {
            let mut db = house.store.read().await.unwrap();
            let found = workspaces::list(&mut db, &permit, workspaces::Among::All, &page).await.unwrap();
            let row = |w: workspaces::Workspace| Listed {
                name: w.name, created: w.created_at.0, updated: w.updated_at.0, id: w.id.to_string(),
            };
            found.into_iter().map(row).collect()
        }).await;
    }

    async fn servers_come_in_whole_pages(house) {
        let caller = caller(&house, &house.owner).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let permit = permit(&mut tx, &caller, Some("lab"), Action::UseServers).await;
        let command = Command::parse(vec!["true".to_owned()]).unwrap();
        let none = Variables::parse(std::iter::empty::<(&str, String)>()).unwrap();
        for row in 0..ROWS {
            let id = ServerId::new(tied(row), id_bytes(row));
            servers::insert(&mut tx, &permit, id, &slug(row), tied_name(row), &command, &none, tied(row)).await.unwrap();
        }
        commit(tx, permit).await;
        let permit = super::permit(&mut house.store.read().await.unwrap(), &caller, Some("lab"), Action::UseServers).await;
        touch(&house, "servers").await;
        assert_pages_are_whole(ROWS, async |page| {
            let mut db = house.store.read().await.unwrap();
            let found = servers::list(&mut db, &permit, &page).await.unwrap();
            let row = |s: servers::Server| Listed {
                name: s.name, created: s.created_at.0, updated: s.updated_at.0, id: s.id.to_string(),
            };
            found.into_iter().map(row).collect()
        }).await;
    }

    async fn members_come_in_whole_pages(house) {
        let caller = caller(&house, &house.administrator).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let permit = permit(&mut tx, &caller, None, Action::ListMembers).await;
        let operator = InstallationPermit::system(SystemReason::Operator, None);
        for row in 0..ROWS {
            let id = UserId::new(tied(row), id_bytes(row));
            let email = Email::parse(&format!("row@{row}.test")).unwrap();
            let name = DisplayName::parse(tied_name(row)).unwrap();
            users::insert(&mut tx, &operator, id, &email, &name, "", tied(row)).await.unwrap();
            members::insert(&mut tx, &operator, permit.organization(), id, Role::Member, tied(row)).await.unwrap();
        }
        let joined = audit::Event::new(domain::AuditAction::MemberAdded, "test", "", "");
        audit::commit_installation(tx, operator, joined, tied(0)).await.unwrap();
        // A list of members has no time of its own to sort by but that of the account.
        assert_pages_are_whole(ROWS + 4, async |page| {
            let mut db = house.store.read().await.unwrap();
            let found = members::list(&mut db, &permit, &page).await.unwrap();
            let row = |m: members::Member| Listed {
                name: m.name, created: m.account_created_at.0, updated: m.account_created_at.0, id: m.id.to_string(),
            };
            found.into_iter().map(row).collect()
        }).await;
    }

    async fn organization_secrets_come_in_whole_pages(house) {
        let caller = caller(&house, &house.administrator).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let permit = permit(&mut tx, &caller, None, Action::WriteOrganizationSecrets).await;
        for row in 0..ROWS {
            let name = SecretName::parse(&format!("{}_{row}", ["Ab", "aB", "AB", "__a"][row % 3])).unwrap();
            let id = SecretId::new(tied(row), id_bytes(row));
            let new = secrets::NewSecret { id, name: &name, access: Access::All, description: "", sealed: &sealed() };
            secrets::insert(&mut tx, &permit, &new, tied(row)).await.unwrap();
        }
        commit(tx, permit).await;
        let permit = super::permit(&mut house.store.read().await.unwrap(), &caller, None, Action::WriteOrganizationSecrets).await;
        let mut sql = Sql::open(&house).await;
        sql.execute("UPDATE secrets SET updated_at = updated_at + 2 WHERE name LIKE '%1'").await;
        assert_pages_are_whole(ROWS, async |page| {
            let mut db = house.store.read().await.unwrap();
            let found = secrets::list(&mut db, &permit, secrets::Among::All, &page).await.unwrap();
            let row = |s: secrets::Secret| Listed {
                name: s.name.to_string(), created: s.created_at.0, updated: s.updated_at.0, id: s.id.to_string(),
            };
            found.into_iter().map(row).collect()
        }).await;
    }

    async fn a_filter_takes_every_letter_for_itself(house) {
        let names = ["100% cotton", "100x cotton", "under_score", "underXscore", r"back\slash", "backslash", "Élan"];
        for name in names {
            let slug = format!("w-{}", control::random::revision().get(..12).unwrap());
            let new = serde_json::json!({ "name": name, "slug": slug });
            house.owner.post("/organizations/acme/workspaces", new).await.expect(201);
        }
        let caller = caller(&house, &house.owner).await;
        let mut db = house.store.read().await.unwrap();
        let permit = permit(&mut db, &caller, None, Action::SeeOrganization).await;
        for (filter, found) in [
            ("0% C", &["100% cotton"][..]),
            ("_", &["under_score"]),
            (r"\", &[r"back\slash"]),
            (r"\\", &[]),
            ("%", &["100% cotton"]),
            ("__", &[]),
            ("BACK", &[r"back\slash", "backslash"]),
            ("Él", &["Élan"]),
            ("ÉLAN", &["Élan"]),
            ("", &["100% cotton", "100x cotton", "Lab", r"back\slash", "backslash", "underXscore", "under_score", "Élan"]),
        ] {
            let page = PageRequest { limit: 50, after: None, order: Order::Name, filter: Some(filter.to_owned()) };
            let names: Vec<_> = workspaces::list(&mut db, &permit, workspaces::Among::All, &page).await.unwrap().into_iter().map(|w| w.name).collect();
            assert_eq!(names, found, "{filter}");
        }
    }

    async fn a_page_shows_a_person_their_own_and_shared_workspaces_only(house) {
        let seen = async |person| {
            let caller = caller(&house, person).await;
            let mut db = house.store.read().await.unwrap();
            let permit = permit(&mut db, &caller, None, Action::SeeOrganization).await;
            let page = PageRequest { limit: 50, after: None, order: Order::Name, filter: None };
            let found = workspaces::list(&mut db, &permit, workspaces::Among::All, &page).await.unwrap();
            found.into_iter().map(|w| (w.slug.to_string(), w.reader_collaborates)).collect::<BTreeSet<_>>()
        };
        let lab = |collaborates| BTreeSet::from([("lab".to_owned(), collaborates)]);
        assert_eq!(seen(&house.administrator).await, lab(false));
        assert_eq!(seen(&house.owner).await, lab(false));
        assert_eq!(seen(&house.collaborator).await, lab(true));
        assert_eq!(seen(&house.member).await, BTreeSet::new());
    }
}
