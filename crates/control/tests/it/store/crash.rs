//! What was acknowledged is there after reopening; what was not committed is not.

use control::store::{Store, users};
use domain::{Email, policy::Action};
use serde_json::json;

use super::{caller, permit, sql::Sql};
use crate::{
    both,
    support::{Actor, LAB, ROOT_KEY, boot, sign_in},
};

const SECRETS: &str = "/organizations/acme/secrets";

both! {
    async fn an_acknowledged_write_survives_reopening(house) {
        let value = || json!({ "value": "twelve bytes" });
        for version in 0..3 {
            house.administrator.put(&format!("{SECRETS}/KEPT"), value()).await.expect(if version == 0 { 201 } else { 200 });
        }
        house.owner.put(&format!("{LAB}/secrets/OWN"), value()).await.expect(201);
        house.administrator.put(&format!("{SECRETS}/GONE"), value()).await.expect(201);
        house.administrator.delete(&format!("{SECRETS}/GONE")).await.expect(204);
        let before = Sql::open(&house).await.everything().await;
        house.app.close().await;

        let booted = boot(&house.directory, &house.database_url, ROOT_KEY).await;
        assert!(booted.setup_code.is_none());
        assert_eq!(Sql::open(&house).await.everything().await, before);
        let router = control::router(booted.app.clone(), control::site::Site::loopback());
        let owner = sign_in(&Actor::new(router, None, ""), "owner").await;
        let seen = owner.get(&format!("{LAB}/secrets")).await.expect(200).json();
        assert_eq!(seen["items"][0]["name"], "KEPT");
        assert_eq!(seen["items"][0]["version"], 3);
        assert_eq!(seen["items"].as_array().unwrap().len(), 2);
    }

    async fn a_write_that_is_dropped_leaves_nothing(house) {
        let mut sql = Sql::open(&house).await;
        let before = sql.everything().await;
        let caller = caller(&house, &house.administrator).await;
        let now = control::clock::now();
        for _ in 0..3 {
            let mut tx = house.store.write("acme").await.unwrap();
            let permit = permit(&mut tx, &caller, None, Action::AdministerOrganization).await;
            let creation = domain::WorkspaceCreation::Administrators;
            control::store::organizations::update(&mut tx, &permit, "Changed", creation, now).await.unwrap();
            let event = control::store::audit::Event::new(domain::AuditAction::OrganizationEdited, "organization", "", "");
            control::store::audit::record(&mut tx, &permit, event).await.unwrap();
            drop(tx);
        }
        // The next writer waits for the end of the dropped ones.
        drop(house.store.write("acme").await.unwrap());
        assert_eq!(sql.everything().await, before);
    }

    async fn a_reader_sees_one_moment_only(house) {
        let mut reading = house.store.read().await.unwrap();
        let email = Email::parse("newcomer@acme.test").unwrap();
        assert!(users::by_email(&mut reading, &email).await.unwrap().is_none());
        crate::support::add_person(&house.app, "newcomer", "acme", domain::Role::Member).await;
        assert!(users::by_email(&mut reading, &email).await.unwrap().is_none(), "not of this moment");
        drop(reading);
        let mut reading = house.store.read().await.unwrap();
        assert!(users::by_email(&mut reading, &email).await.unwrap().is_some());
    }

    async fn a_second_control_plane_opens_the_same_database_as_it_is(house) {
        let before = Sql::open(&house).await.everything().await;
        let second = Store::open(&house.database_url).await.unwrap();
        second.close().await;
        assert_eq!(Sql::open(&house).await.everything().await, before);
    }
}
