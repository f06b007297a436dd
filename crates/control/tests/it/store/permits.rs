//! A permit is good for its own place, and for what it was given for; nothing else is written with it.

use std::collections::BTreeMap;

use control::store::{
    Connection, InstallationPermit, Location, Permit, StoreError,
    access::SystemReason,
    audit::{self, Event},
    collaborators,
    credentials::{self, NewCredential},
    data_keys, deleted_secrets,
    imports::{self, Version},
    installation, members, organizations,
    restarts::{self, NewRestart, ToStep},
    secrets, selections,
    servers::{self, Server, Transition},
    snapshots,
    starts::{self, Host, NewStart},
    suspensions, users, versions, workspace_tokens, workspaces,
};
use domain::{
    Access, AuditAction, CredentialId, DisplayName, Email, OrganizationId, Outcome, RestartId, RestartRules,
    RestartState, RestartStep, Role, SecretName, ServerStatus, Slug, SnapshotId, StartId, UserId, Variables,
    policy::Action,
};
use envelope::{Context, Key, Plaintext, SealedValue};
use serde_json::json;

use super::{
    caller, commit, denied, permit, permit_in,
    sql::{Sql, eventually},
};
use crate::{
    both,
    support::{House, LAB},
};

fn sealed() -> SealedValue {
    let key = Key::generate([1; 16]).unwrap();
    envelope::seal(&key, &Context::new(), &Plaintext::new(b"a value".to_vec())).unwrap()
}

/// All that is kept but for the audit log and when a credential was used.
async fn kept(house: &House) -> BTreeMap<String, Vec<String>> {
    let mut everything = Sql::open(house).await.everything().await;
    everything.retain(|table, _| !table.starts_with("audit_") && table != "credentials");
    everything
}

/// The tables that are no longer as they were.
async fn changed(house: &House, before: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let now = kept(house).await;
    now.into_iter().filter(|(table, rows)| before.get(table) != Some(rows)).map(|(table, _)| table).collect()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::NotPermitted)), "{outcome:?}");
}

/// `lab` with a secret of its own, one of the organization's, a server and its start; and `attic`, which has nothing.
async fn furnish(house: &House) {
    house.owner.post("/organizations/acme/workspaces", json!({ "name": "Attic" })).await.expect(201);
    house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "twelve bytes" })).await.expect(201);
    let shared = json!({ "value": "twelve bytes", "workspaces": ["lab"] });
    house.administrator.put("/organizations/acme/secrets/SHARED", shared).await.expect(201);
    house.owner.post(&format!("{LAB}/servers"), json!({ "name": "Web", "command": ["true"] })).await.expect(201);
    house.owner.post(&format!("{LAB}/servers/web/start"), json!({})).await.expect(202);
    let mut sql = Sql::open(house).await;
    eventually("the start is settled", async || {
        (sql.text("SELECT status FROM servers").await == "failed").then_some(())
    })
    .await;
    // As if it had just been asked for.
    sql.execute("UPDATE starts SET outcome = 'pending', ended_at = NULL").await;
}

/// The server of `lab`, as its own permit sees it.
async fn server(db: &mut Connection, lab: &Permit) -> Server {
    servers::find(db, lab, "web").await.unwrap().unwrap()
}

both! {
    async fn a_permit_for_one_workspace_writes_no_secret_of_another(house) {
        furnish(&house).await;
        let (owner, before) = (caller(&house, &house.owner).await, kept(&house).await);
        let administrator = caller(&house, &house.administrator).await;
        let (sealed, name) = (sealed(), SecretName::parse("ANOTHER").unwrap());
        let now = control::clock::now();
        for (who, home, secret) in [(&owner, Some("lab"), "OWN"), (&administrator, None, "SHARED")] {
            let mut tx = house.store.write("acme").await.unwrap();
            let own = permit(&mut tx, who, home, Action::SeeOrganization).await;
            let attic = permit(&mut tx, &owner, Some("attic"), Action::WriteWorkspaceSecrets).await;
            let secret = secrets::find(&mut tx, &own, secret).await.unwrap().unwrap();
            refused(secrets::add_version(&mut tx, &attic, &secret, &sealed, None, now).await);
            refused(secrets::update(&mut tx, &attic, &secret, "", Access::All, now).await);
            let many = |known| {
                let (id, name) = (secret.id, &secret.name);
                [Version { known, id, name, number: 2, access: Access::All, sealed: sealed.clone() }]
            };
            refused(imports::write(&mut tx, &attic, &many(Some(&secret)), now).await);
            let versions = versions::sealed(&mut tx, &own, secret.id).await.unwrap();
            assert_eq!(versions.len(), 1);
            assert!(versions::sealed(&mut tx, &attic, secret.id).await.unwrap().is_empty());
            let resealed = [(1, versions.into_iter().next().unwrap().1.unwrap())];
            refused(secrets::rename(&mut tx, &attic, &secret, &name, &resealed, now).await);
            refused(secrets::rename(&mut tx, &attic, &secret, &name, &[], now).await);
            refused(secrets::delete(&mut tx, &attic, &secret, now).await);
            refused(versions::erase(&mut tx, &attic, secret.id, 1).await);
            assert!(versions::list(&mut tx, &attic, secret.id, u32::MAX, 10).await.unwrap().is_empty());
            assert!(versions::find(&mut tx, &attic, secret.id, 1).await.unwrap().is_none());
            refused(suspensions::set(&mut tx, &attic, &secret, None, None).await);
            refused(suspensions::set(&mut tx, &attic, &secret, Some(1), None).await);
            refused(deleted_secrets::destroy(&mut tx, &attic, secret.id).await);
            commit(tx, attic).await;
        }
        assert_eq!(changed(&house, &before).await, [""; 0]);
    }

    async fn a_permit_for_one_organization_selects_nothing_in_another(house) {
        furnish(&house).await;
        let (acme, other) = (caller(&house, &house.administrator).await, caller(&house, &house.foreigner).await);
        let (now, before) = (control::clock::now(), kept(&house).await);
        let mut tx = house.store.write("acme").await.unwrap();
        let own = permit(&mut tx, &acme, None, Action::WriteOrganizationSecrets).await;
        let foreign = permit_in(&mut tx, &other, "other", None, Action::WriteOrganizationSecrets).await;
        let shared = secrets::find(&mut tx, &own, "SHARED").await.unwrap().unwrap();
        let lab = workspaces::id_of(&mut tx, &own, "lab").await.unwrap().unwrap();
        let foreign_lab = workspaces::id_of(&mut tx, &foreign, "lab").await.unwrap().unwrap();
        let select = async |tx: &mut _, permit, workspace, selected| {
            selections::set(tx, permit, shared.id, workspace, selected, now).await.unwrap()
        };
        assert!(!select(&mut tx, &foreign, lab, false).await);
        assert!(!select(&mut tx, &foreign, foreign_lab, true).await, "another organization's secret");
        assert!(!select(&mut tx, &own, foreign_lab, true).await, "another organization's workspace");
        selections::set_all(&mut tx, &foreign, &[shared.id], &[foreign_lab], now).await.unwrap();
        selections::set_all(&mut tx, &own, &[shared.id], &[lab, foreign_lab], now).await.unwrap();
        assert!(selections::of_secret(&mut tx, &foreign, shared.id).await.unwrap().is_empty());
        assert_eq!(selections::of_secret(&mut tx, &own, shared.id).await.unwrap(), [lab]);
        refused(secrets::delete(&mut tx, &foreign, &shared, now).await);
        refused(members::set_role(&mut tx, &foreign, acme.user(), Role::Member).await);
        commit(tx, own).await;
        assert_eq!(changed(&house, &before).await, [""; 0]);
    }

    async fn a_permit_for_one_workspace_writes_no_server_and_no_start_of_another(house) {
        furnish(&house).await;
        let (owner, before) = (caller(&house, &house.owner).await, kept(&house).await);
        let now = control::clock::now();
        let mut tx = house.store.write("acme").await.unwrap();
        let lab = permit(&mut tx, &owner, Some("lab"), Action::UseServers).await;
        let attic = permit(&mut tx, &owner, Some("attic"), Action::UseServers).await;
        let seen = server(&mut tx, &lab).await;
        let none = Variables::default();
        refused(servers::update(&mut tx, &attic, seen.id, &seen.slug, "X", &seen.command, &none, now).await);
        refused(servers::delete(&mut tx, &attic, seen.id, now).await);
        let runs = Transition { status: ServerStatus::Running, detail: "", exit_code: None, start: None };
        assert!(!servers::transition(&mut tx, &attic, &seen, &runs).await.unwrap());
        let start = starts::of_server(&mut tx, &lab, seen.id, None, 1).await.unwrap().remove(0).id;
        starts::settle(&mut tx, &attic, [start], Outcome::Delivered, "").await.unwrap();
        starts::end(&mut tx, &attic, start, Some(0), now).await.unwrap();
        commit(tx, attic).await;
        assert_eq!(changed(&house, &before).await, [""; 0]);

        // A start hands over what its own workspace has, to a server of its own workspace.
        let snapshot = SnapshotId::new(now, control::random::bytes());
        let new = |host| [NewStart { id: StartId::new(now, control::random::bytes()), host }];
        let mut tx = house.store.write("acme").await.unwrap();
        let attic = permit(&mut tx, &owner, Some("attic"), Action::UseServers).await;
        snapshots::insert(&mut tx, &attic, snapshot, std::iter::empty(), std::iter::empty(), now).await.unwrap();
        refused(starts::insert(&mut tx, &attic, snapshot, &new(Host::Server(seen.id))).await);
        refused(starts::insert(&mut tx, &lab, snapshot, &new(Host::Server(seen.id))).await);
        refused(starts::insert(&mut tx, &lab, snapshot, &new(Host::Elsewhere("laptop", None))).await);
        starts::insert(&mut tx, &attic, snapshot, &new(Host::Elsewhere("laptop", None))).await.unwrap();
    }

    async fn a_permit_for_one_workspace_writes_no_rolling_restart_of_another(house) {
        furnish(&house).await;
        let owner = caller(&house, &house.owner).await;
        let foreigner = caller(&house, &house.foreigner).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let lab = permit(&mut tx, &owner, Some("lab"), Action::StopServers).await;
        let seen = server(&mut tx, &lab).await;
        let start = starts::of_server(&mut tx, &lab, seen.id, None, 1).await.unwrap().remove(0).id;
        let new = NewRestart {
            id: RestartId::new(lab.now(), control::random::bytes()),
            secret: None,
            rules: RestartRules { batch_size: 1, pause_on_failure: true, accepted_failures: 0 },
            state: RestartState::Paused,
            credential: owner.credential(),
            servers: vec![(seen.id, start, None)],
        };
        restarts::insert(&mut tx, &lab, &new).await.unwrap();
        commit(tx, lab).await;
        let before = kept(&house).await;

        for (caller, organization, workspace) in [(&owner, "acme", Some("attic")), (&foreigner, "other", None)] {
            let mut tx = house.store.write(organization).await.unwrap();
            let action = if workspace.is_some() { Action::StopServers } else { Action::AdministerOrganization };
            let elsewhere = permit_in(&mut tx, caller, organization, workspace, action).await;
            let step = restarts::steps(&mut tx, new.id).await.unwrap().remove(0);
            let done = ToStep { state: RestartStep::Done, detail: "", start: None };
            refused(restarts::move_step(&mut tx, &elsewhere, new.id, &step, &done).await);
            refused(restarts::set_state(&mut tx, &elsewhere, new.id, RestartState::Running, "").await);
            refused(restarts::continue_as(&mut tx, &elsewhere, new.id, caller.credential(), 0).await);
            restarts::skip_waiting(&mut tx, &elsewhere, new.id, "").await.unwrap();
            commit(tx, elsewhere).await;
        }
        assert_eq!(changed(&house, &before).await, [""; 0]);
        let mut tx = house.store.write("acme").await.unwrap();
        let attic = permit(&mut tx, &owner, Some("attic"), Action::StopServers).await;
        let again = NewRestart { id: RestartId::new(attic.now(), control::random::bytes()), ..new };
        refused(restarts::insert(&mut tx, &attic, &again).await);
    }

    async fn a_permit_for_one_workspace_touches_nobody_and_no_token_of_another(house) {
        furnish(&house).await;
        let wish = json!({ "name": "robot" });
        let token = house.owner.post(&format!("{LAB}/tokens"), wish).await.expect(201).json();
        let (owner, before) = (caller(&house, &house.owner).await, kept(&house).await);
        let collaborator = caller(&house, &house.collaborator).await;
        let now = control::clock::now();
        let mut tx = house.store.write("acme").await.unwrap();
        let attic = permit(&mut tx, &owner, Some("attic"), Action::ManageWorkspace).await;
        let id = token["id"].as_str().unwrap();
        assert_eq!(workspace_tokens::revoke(&mut tx, &attic, id, now).await.unwrap(), None);
        assert!(workspace_tokens::list(&mut tx, &attic, now).await.unwrap().is_empty());
        assert!(!collaborators::remove(&mut tx, &attic, collaborator.user()).await.unwrap());
        commit(tx, attic).await;
        assert_eq!(changed(&house, &before).await, [""; 0]);
        let mut db = house.store.read().await.unwrap();
        let lab = permit(&mut db, &owner, Some("lab"), Action::ManageWorkspace).await;
        assert_eq!(workspace_tokens::list(&mut db, &lab, now).await.unwrap().len(), 1);
    }

    async fn a_permit_for_ones_own_things_writes_nothing_of_the_installation(house) {
        let owner = caller(&house, &house.owner).await;
        let (own, now) = (InstallationPermit::own(&owner), control::clock::now());
        let (before, id) = (kept(&house).await, control::random::bytes());
        let (email, name) = (Email::parse("x@acme.test").unwrap(), DisplayName::parse("X").unwrap());
        let mut tx = house.store.write_installation().await.unwrap();
        let organization = OrganizationId::new(now, id);
        refused(organizations::insert(&mut tx, &own, organization, &Slug::parse("x").unwrap(), &name, now).await);
        refused(users::insert(&mut tx, &own, UserId::new(now, id), &email, &name, "", now).await);
        refused(members::insert(&mut tx, &own, organization, owner.user(), Role::Administrator, now).await);
        let key = data_keys::NewDataKey { id: domain::DataKeyId::new(now, id), wrapped: sealed(), canary: sealed() };
        refused(data_keys::insert(&mut tx, &own, organization, &key, &[0; 16], now).await);
        refused(installation::replace_setup_code(&mut tx, &own, &[0; 32]).await);
        refused(installation::use_setup_code(&mut tx, &own).await);
        let installed = installation::find(&mut tx).await.unwrap().unwrap();
        refused(installation::insert(&mut tx, &own, installed.id, &[0; 32], now).await);
        refused(credentials::touch(&mut tx, &own, owner.credential(), now).await);
        let somebody_elses = NewCredential {
            id: CredentialId::new(now, id),
            session: false,
            user: caller(&house, &house.administrator).await.user(),
            name: "x".to_owned(),
            full: true,
            organization_secrets: true,
            secret_hash: vec![0; 32],
            expires_at: None,
        };
        refused(credentials::insert(&mut tx, &own, &somebody_elses, now).await);
        audit::commit_installation(tx, own, Event::new(AuditAction::TokenCreated, "test", "", ""), now).await.unwrap();
        assert_eq!(changed(&house, &before).await, [""; 0]);
    }

    async fn what_somebody_does_is_never_committed_without_its_event(house) {
        furnish(&house).await;
        let (owner, before) = (caller(&house, &house.owner).await, kept(&house).await);
        let now = control::clock::now();
        let begun = async || {
            let mut tx = house.store.write("acme").await.unwrap();
            let lab = permit(&mut tx, &owner, Some("lab"), Action::UseServers).await;
            let id = server(&mut tx, &lab).await.id;
            servers::delete(&mut tx, &lab, id, now).await.unwrap();
            (tx, lab)
        };
        let (tx, lab) = begun().await;
        let location: Location = lab.location();
        refused(audit::commit_observation(tx, lab).await);
        let (tx, _lab) = begun().await;
        refused(audit::commit_recorded(tx).await);
        // Neither the operator nor whoever signs in is the system that only looks on.
        for reason in [SystemReason::Operator, SystemReason::SignIn] {
            let (tx, _) = begun().await;
            refused(audit::commit_observation(tx, Permit::system(reason, &location, now)).await);
            let tx = house.store.write_installation().await.unwrap();
            refused(audit::commit_installation_observation(tx, InstallationPermit::system(reason, None)).await);
        }
        let tx = house.store.write_installation().await.unwrap();
        refused(audit::commit_installation_observation(tx, InstallationPermit::own(&owner)).await);
        assert_eq!(changed(&house, &before).await, [""; 0]);
        let (tx, lab) = begun().await;
        commit(tx, lab).await;
        assert_eq!(changed(&house, &before).await, ["servers"]);
    }

    async fn what_a_token_may_is_read_when_it_acts(house) {
        let administrator = caller(&house, &house.administrator).await;
        let narrowed = "UPDATE credentials SET organization_secrets = 0";
        Sql::open(&house).await.execute(narrowed).await;
        let mut db = house.store.read().await.unwrap();
        assert!(denied(&mut db, &administrator, Action::WriteOrganizationSecrets).await);
        assert!(!denied(&mut db, &administrator, Action::AdministerOrganization).await);
        drop(db);
        Sql::open(&house).await.execute("UPDATE credentials SET access = 'read'").await;
        let mut db = house.store.read().await.unwrap();
        assert!(denied(&mut db, &administrator, Action::AdministerOrganization).await);
        assert!(!denied(&mut db, &administrator, Action::ReadAuditLog).await);
    }
}
