//! People, credentials, workspaces, servers and starts in the store.

use control::store::{
    InstallationPermit, Location, Order, PageRequest, Permit, StoreError,
    access::SystemReason,
    audit, collaborators,
    credentials::{self, NewCredential},
    data_keys, installation, members, organizations,
    servers::{self, Among, Transition},
    snapshots,
    starts::{self, Host, NewStart},
    users, workspaces,
};
use domain::{
    Command, CredentialId, DisplayName, Email, Held, Outcome, Role, Scope, SecretId, SecretName, ServerId,
    ServerStatus, Slug, SnapshotId, StartId, Time, UserId, Variables, WorkspaceCreation, policy::Action,
};
use serde_json::json;

use super::{caller, commit, permit, sql::Sql};
use crate::{
    both,
    support::{House, LAB},
};

const HOUR: i64 = 3_600;

fn id_bytes() -> [u8; 10] {
    control::random::bytes()
}

fn credential(user: UserId, session: bool, now: Time, expires_at: Option<Time>) -> NewCredential {
    let id = CredentialId::new(now, id_bytes());
    let name = "a test's".to_owned();
    NewCredential {
        id,
        session,
        user,
        name,
        full: true,
        organization_secrets: false,
        secret_hash: vec![7; 32],
        expires_at,
    }
}

/// A server with a start on record.
async fn begun(house: &House) -> (servers::Server, StartId, Location) {
    house.owner.post(&format!("{LAB}/servers"), json!({ "name": "Notebook", "command": ["true"] })).await.expect(201);
    house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "twelve bytes" })).await.expect(201);
    let caller = caller(house, &house.owner).await;
    let mut tx = house.store.write("acme").await.unwrap();
    let permit = permit(&mut tx, &caller, Some("lab"), Action::UseServers).await;
    let server = servers::find(&mut tx, &permit, "notebook").await.unwrap().unwrap();
    let now = control::clock::now();
    let start = StartId::new(now, id_bytes());
    let secret = Sql::open(house).await.text("SELECT id FROM secrets").await.parse::<SecretId>().unwrap();
    let held = |name| Held { name: SecretName::parse(name).unwrap(), scope: Scope::Workspace, secret, version: 1 };
    let (injected, left_out) = (std::iter::once(held("OWN")), std::iter::once(held("HELD_BACK")));
    let snapshot = SnapshotId::new(now, id_bytes());
    snapshots::insert(&mut tx, &permit, snapshot, injected, left_out, now).await.unwrap();
    let record = NewStart { id: start, host: Host::Server(server.id) };
    starts::insert(&mut tx, &permit, snapshot, &[record]).await.unwrap();
    let starting = Transition { status: ServerStatus::Starting, detail: "", exit_code: None, start: Some(start) };
    assert!(servers::transition(&mut tx, &permit, &server, &starting).await.unwrap());
    let location = permit.location();
    commit(tx, permit).await;
    (server, start, location)
}

both! {
    async fn what_is_taken_is_said_to_be_taken(house) {
        let operator = InstallationPermit::system(SystemReason::Operator, None);
        let now = control::clock::now();
        let administrator = caller(&house, &house.administrator).await;
        let owner = caller(&house, &house.owner).await;
        let taken = |outcome| assert!(matches!(outcome, Err(StoreError::Taken)), "{outcome:?}");

        let mut tx = house.store.write_installation().await.unwrap();
        let (email, name) = (Email::parse("OWNER@acme.TEST").unwrap(), DisplayName::parse("Twin").unwrap());
        taken(users::insert(&mut tx, &operator, UserId::new(now, id_bytes()), &email, &name, "", now).await);
        drop(tx);
        let mut tx = house.store.write_installation().await.unwrap();
        let acme = Slug::parse("acme").unwrap();
        let id = domain::OrganizationId::new(now, id_bytes());
        taken(organizations::insert(&mut tx, &operator, id, &acme, &name, now).await);
        drop(tx);
        let mut tx = house.store.write("acme").await.unwrap();
        let acme = permit(&mut tx, &administrator, None, Action::CreateWorkspace).await;
        taken(members::insert(&mut tx, &operator, acme.organization(), owner.user(), Role::Member, now).await);
        drop(tx);
        let mut tx = house.store.write("acme").await.unwrap();
        let number = installation::next_workspace_number(&mut tx, &acme).await.unwrap();
        let id = domain::WorkspaceId::new(now, id_bytes());
        taken(workspaces::insert(&mut tx, &acme, id, number, &Slug::parse("lab").unwrap(), "Lab", "", now).await);
        drop(tx);
        for _ in 0..2 {
            let mut tx = house.store.write("acme").await.unwrap();
            let lab = permit(&mut tx, &owner, Some("lab"), Action::UseServers).await;
            let (command, slug) = (Command::parse(vec!["true".to_owned()]).unwrap(), Slug::parse("one").unwrap());
            let none = Variables::parse(std::iter::empty::<(&str, String)>()).unwrap();
            let id = ServerId::new(now, id_bytes());
            let added = servers::insert(&mut tx, &lab, id, &slug, "One", &command, &none, now).await;
            if Sql::open(&house).await.number("SELECT COUNT(*) FROM servers").await == 1 {
                taken(added);
            } else {
                commit(tx, lab).await;
            }
        }
    }

    async fn giving_and_taking_access_twice_changes_nothing_the_second_time(house) {
        let owner = caller(&house, &house.owner).await;
        let member = caller(&house, &house.member).await;
        let now = control::clock::now();
        let mut tx = house.store.write("acme").await.unwrap();
        let lab = permit(&mut tx, &owner, Some("lab"), Action::ManageWorkspace).await;
        assert!(collaborators::insert(&mut tx, &lab, member.user(), now).await.unwrap());
        assert!(!collaborators::insert(&mut tx, &lab, member.user(), now.plus_seconds(1)).await.unwrap());
        let page = PageRequest { limit: 50, after: None, order: Order::Name, filter: None };
        let listed = collaborators::list(&mut tx, &lab, &page).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["collaborator", "member"]);
        assert_eq!(listed[1].since, now);
        assert!(collaborators::remove(&mut tx, &lab, member.user()).await.unwrap());
        assert!(!collaborators::remove(&mut tx, &lab, member.user()).await.unwrap());
    }

    async fn a_credential_holds_until_it_is_revoked_expires_or_is_left_idle(house) {
        let owner = caller(&house, &house.owner).await;
        let own = InstallationPermit::own(&owner);
        let now = control::clock::now();
        let token = credential(owner.user(), false, now, Some(now.plus_seconds(HOUR)));
        let session = credential(owner.user(), true, now, None);
        let (used, new_session) = (InstallationPermit::system(SystemReason::CredentialUsed, None), session.id);
        let mut tx = house.store.write_installation().await.unwrap();
        credentials::insert(&mut tx, &own, &token, now).await.unwrap();
        credentials::insert(&mut tx, &own, &session, now).await.unwrap();
        let holds = async |tx: &mut control::store::Connection, new: &NewCredential, seconds: i64| {
            let is = |stored: &[u8]| stored == new.secret_hash;
            let found = credentials::find(tx, new.id, new.session, is, None, now.plus_seconds(seconds)).await.unwrap();
            found.map(|(_, worth_recording)| worth_recording)
        };
        assert_eq!(holds(&mut tx, &token, 300).await, Some(false), "used within the last five minutes");
        assert_eq!(holds(&mut tx, &token, HOUR - 1).await, Some(true), "its use is worth recording again");
        assert_eq!(holds(&mut tx, &token, HOUR).await, None);
        assert_eq!(holds(&mut tx, &session, 12 * HOUR - 1).await, Some(true));
        assert_eq!(holds(&mut tx, &session, 12 * HOUR).await, None);
        credentials::touch(&mut tx, &used, session.id, now.plus_seconds(11 * HOUR)).await.unwrap();
        assert_eq!(holds(&mut tx, &session, 22 * HOUR).await, Some(true));
        let find = async |tx: &mut _, session: bool, is: bool| {
            credentials::find(tx, new_session, session, |_| is, None, now).await.unwrap().is_some()
        };
        assert!(find(&mut tx, true, true).await);
        assert!(!find(&mut tx, false, true).await, "a session is no token");
        assert!(!find(&mut tx, true, false).await, "its secret belongs to it");

        let listed = credentials::of_user(&mut tx, owner.user(), false, now).await.unwrap();
        assert!(listed.iter().any(|one| one.id == token.id) && listed.iter().all(|one| one.id != session.id));
        let id = token.id.to_string();
        let strangers = InstallationPermit::own(&caller(&house, &house.member).await);
        let revoke = async |tx: &mut _, whose: &InstallationPermit, session| {
            credentials::revoke(tx, whose, &id, session, now).await.unwrap()
        };
        assert_eq!(revoke(&mut tx, &strangers, false).await, None);
        assert_eq!(revoke(&mut tx, &used, false).await, None);
        assert_eq!(revoke(&mut tx, &own, true).await, None);
        assert_eq!(revoke(&mut tx, &own, false).await.as_deref(), Some("a test's"));
        assert_eq!(revoke(&mut tx, &own, false).await, None);
        assert_eq!(holds(&mut tx, &token, 1).await, None);
    }

    async fn an_organization_and_its_people_read_back_as_written(house) {
        let administrator = caller(&house, &house.administrator).await;
        let operator = InstallationPermit::system(SystemReason::Operator, None);
        let now = control::clock::now();
        let mut tx = house.store.write("acme").await.unwrap();
        let acme = permit(&mut tx, &administrator, None, Action::AdministerOrganization).await;
        let before = organizations::get(&mut tx, &acme).await.unwrap();
        organizations::update(&mut tx, &acme, "Acme Ltd", WorkspaceCreation::Administrators, now).await.unwrap();
        let after = organizations::by_slug(&mut tx, &operator, "acme").await.unwrap().unwrap();
        assert_eq!((after.name.as_str(), after.workspace_creation), ("Acme Ltd", WorkspaceCreation::Administrators));
        assert_ne!(before.revision, after.revision);
        assert!(organizations::by_slug(&mut tx, &operator, "nowhere").await.unwrap().is_none());
        let theirs = organizations::of_user(&mut tx, administrator.user()).await.unwrap();
        assert_eq!(theirs.iter().map(|(one, role)| (one.slug.as_str(), *role)).collect::<Vec<_>>(), [("acme", Role::Administrator)]);

        assert_eq!(members::administrators(&mut tx, &acme).await.unwrap(), 1);
        let member = members::find(&mut tx, &acme, "MEMBER@acme.test").await.unwrap().unwrap();
        members::set_role(&mut tx, &acme, member.id, Role::Administrator).await.unwrap();
        let changed = members::find(&mut tx, &acme, &member.id.to_string()).await.unwrap().unwrap();
        assert_eq!(changed.role, Role::Administrator);
        assert_ne!(changed.revision, member.revision);
        assert_eq!(members::administrators(&mut tx, &acme).await.unwrap(), 2);
        assert!(members::find(&mut tx, &acme, &house.foreigner.email).await.unwrap().is_none(), "somebody of elsewhere");
        assert_eq!(users::by_id(&mut tx, member.id).await.unwrap().unwrap().email, "member@acme.test");
    }

    async fn workspace_numbers_are_never_given_twice(house) {
        let owner = caller(&house, &house.owner).await;
        let mut takers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, owner) = (house.store.clone(), owner.clone());
            takers.spawn(async move {
                let mut tx = store.write("acme").await.unwrap();
                let acme = permit(&mut tx, &owner, None, Action::CreateWorkspace).await;
                let number = installation::next_workspace_number(&mut tx, &acme).await.unwrap();
                commit(tx, acme).await;
                number
            });
        }
        let mut numbers = takers.join_all().await;
        numbers.sort_unstable();
        assert_eq!(numbers, (3..=10).collect::<Vec<_>>(), "after the two workspaces of the house");
    }

    async fn an_installation_has_one_row_and_its_code_is_used_once(house) {
        let operator = InstallationPermit::system(SystemReason::SetUp, None);
        let mut tx = house.store.write_installation().await.unwrap();
        let known = installation::find(&mut tx).await.unwrap().unwrap();
        assert_eq!(known.setup_code_hash, None, "the house is set up");
        installation::replace_setup_code(&mut tx, &operator, &[1; 32]).await.unwrap();
        assert_eq!(installation::find(&mut tx).await.unwrap().unwrap().setup_code_hash, None, "once used, used for ever");
        assert!(!installation::use_setup_code(&mut tx, &operator).await.unwrap());
        drop(tx);
        Sql::open(&house).await.execute("UPDATE installation SET setup_code_hash = secret_hash FROM credentials").await;
        let mut tx = house.store.write_installation().await.unwrap();
        assert!(installation::use_setup_code(&mut tx, &operator).await.unwrap());
        assert!(!installation::use_setup_code(&mut tx, &operator).await.unwrap());
        drop(tx);
        let mut tx = house.store.write_installation().await.unwrap();
        let again = installation::insert(&mut tx, &operator, known.id, &[1; 32], control::clock::now()).await;
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
    }

    async fn every_organization_has_its_own_data_key(house) {
        let owner = caller(&house, &house.owner).await;
        let mut db = house.store.read().await.unwrap();
        let acme = permit(&mut db, &owner, None, Action::SeeOrganization).await.organization();
        let (all, of_acme) = (data_keys::all(&mut db).await.unwrap(), data_keys::of_organization(&mut db, acme).await.unwrap());
        assert_eq!((all.len(), of_acme.len()), (2, 1));
        assert_eq!(data_keys::newest(&mut db, acme).await.unwrap().unwrap().id, of_acme[0].id);
    }

    async fn a_transition_happens_only_from_what_was_seen(house) {
        let (seen_before, start, location) = begun(&house).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let permit = Permit::system(SystemReason::Starting, &location, control::clock::now());
        let running = Transition { status: ServerStatus::Running, detail: "", exit_code: None, start: Some(start) };
        assert!(!servers::transition(&mut tx, &permit, &seen_before, &running).await.unwrap());
        let seen = servers::by_id(&mut tx, seen_before.id).await.unwrap().unwrap();
        assert_eq!((seen.status, seen.start), (ServerStatus::Starting, Some(start)));
        assert!(servers::transition(&mut tx, &permit, &seen, &running).await.unwrap());
        assert!(!servers::transition(&mut tx, &permit, &seen, &running).await.unwrap(), "no longer what was seen");

        let lab = permit.in_workspace();
        let alive = servers::alive_in(&mut tx, lab).await.unwrap();
        assert_eq!(alive.iter().map(|server| server.id).collect::<Vec<_>>(), [seen.id]);
        assert_eq!(servers::alive(&mut tx).await.unwrap().len(), 1);
        for among in [Among::Organization(permit.organization()), Among::Workspaces(&[lab])] {
            let running = servers::running(&mut tx, among).await.unwrap();
            let one = (seen.id, lab, "lab", start);
            assert_eq!(running.iter().map(|s| (s.id, s.workspace, s.workspace_slug.as_str(), s.start)).collect::<Vec<_>>(), [one]);
        }
        let there = workspaces::location_of(&mut tx, seen.id).await.unwrap().unwrap();
        let slugs = (there.organization_slug().as_str(), there.workspace_slug().as_str());
        assert_eq!((slugs, there.workspace(), there.workspace_number()), (("acme", "lab"), lab, 1));

        servers::delete(&mut tx, &permit, seen.id, control::clock::now()).await.unwrap();
        assert!(servers::find(&mut tx, &permit, "notebook").await.unwrap().is_none());
        let deleted = servers::by_id(&mut tx, seen.id).await.unwrap().unwrap();
        assert!(!servers::transition(&mut tx, &permit, &deleted, &running).await.unwrap(), "a deleted server stays still");
    }

    async fn a_start_is_settled_and_ended_once(house) {
        let (server, start, location) = begun(&house).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let now = control::clock::now();
        let permit = Permit::system(SystemReason::Starting, &location, now);
        assert_eq!(starts::pending(&mut tx).await.unwrap(), [], "its server names it");
        starts::settle(&mut tx, &permit, [start], Outcome::Delivered, "").await.unwrap();
        starts::settle(&mut tx, &permit, [start], Outcome::Failed, "too late").await.unwrap();
        starts::end(&mut tx, &permit, start, Some(3), now).await.unwrap();
        starts::end(&mut tx, &permit, start, Some(4), now.plus_seconds(1)).await.unwrap();
        let record = starts::of_server(&mut tx, &permit, server.id, None, 10).await.unwrap().remove(0);
        assert_eq!((record.outcome, record.detail.as_str()), (Outcome::Delivered, ""));
        assert_eq!((record.ended_at, record.exit_code), (Some(now), Some(3)));
        let names: Vec<_> = record.injected.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["OWN"], "what was left out is held by nobody");
        assert_eq!(record.left_out[0].name.as_str(), "HELD_BACK");
        drop(tx);
        Sql::open(&house).await.execute("UPDATE servers SET start_id = NULL").await;
        let mut db = house.store.read().await.unwrap();
        assert_eq!(starts::pending(&mut db).await.unwrap(), [(start, server.id)], "nobody's any more");
    }

    async fn start_records_come_in_whole_pages(house) {
        let (server, first, location) = begun(&house).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let mut ids = vec![first];
        let now = control::clock::now();
        let permit = Permit::system(SystemReason::Starting, &location, now);
        let secret = Sql::open(&house).await.text("SELECT id FROM secrets").await.parse::<SecretId>().unwrap();
        let mut snapshot = SnapshotId::new(now, id_bytes());
        for number in 0..12 {
            let id = StartId::new(now.plus_seconds(1), [number; 10]);
            // Starts between two changes share what they hand over.
            if number % 5 == 0 {
                snapshot = SnapshotId::new(now, [number; 10]);
                let held = Held { name: SecretName::parse("OWN").unwrap(), scope: Scope::Workspace, secret, version: 1 };
                let (injected, left_out) = (std::iter::once(held), std::iter::empty());
                snapshots::insert(&mut tx, &permit, snapshot, injected, left_out, now).await.unwrap();
            }
            let record = NewStart { id, host: Host::Server(server.id) };
            starts::insert(&mut tx, &permit, snapshot, &[record]).await.unwrap();
            ids.push(id);
        }
        ids.reverse();
        for limit in [1, 4, 13, 50] {
            let (mut read, mut before) = (Vec::new(), None::<String>);
            loop {
                let page = starts::of_server(&mut tx, &permit, server.id, before.as_deref(), limit).await.unwrap();
                let Some(last) = page.last() else { break };
                before = Some(last.id.to_string());
                assert!(page.iter().all(|start| start.injected.len() == 1), "each with what it handed over");
                read.extend(page.iter().map(|start| start.id));
            }
            assert_eq!(read, ids, "in pages of {limit}");
        }
    }

    async fn the_system_signs_what_it_does_in_the_chain_of_the_place(house) {
        let (server, _, location) = begun(&house).await;
        let tx = house.store.write("acme").await.unwrap();
        let system = || Permit::system(SystemReason::ServerEnded, &location, control::clock::now());
        let event = audit::Event::new(domain::AuditAction::ServerStopped, "server", server.id, "notebook");
        audit::commit(tx, system(), event).await.unwrap();
        let permit = system();
        let mut db = house.store.read().await.unwrap();
        let newest = audit::list(&mut db, &permit, &audit::Filter::default(), 1).await.unwrap().remove(0);
        assert_eq!((newest.actor_kind.as_str(), newest.actor_id), ("system", None));
        assert!(audit::verify(&mut db, Some(permit.organization())).await.unwrap().intact);
    }
}
