//! What the operator does on the machine, beside a running control plane or without one.

use std::fs;

use control::{
    app::{audit, boot, members},
    error::Error,
};
use domain::{AuditAction, Email, Role};
use serde_json::json;

use crate::{
    both,
    support::{ROOT_KEY, boot as boot_anew, new_database, settings},
};

fn everything() -> audit::Search {
    audit::Search { limit: 200, ..audit::Search::default() }
}

both! {
    async fn where_there_is_no_installation_none_is_made(house) {
        let directory = tempfile::TempDir::new().unwrap();
        let url = new_database(house.database, directory.path());
        // Twice: the first look leaves nothing that the second could take for an installation.
        for _ in 0..2 {
            assert!(boot::open(settings(&directory, &url, ROOT_KEY)).await.unwrap().is_none());
            assert!(!directory.path().join("setup-code").exists());
        }
        assert!(boot_anew(&directory, &url, ROOT_KEY).await.setup_code.is_some(), "it can still become one");
    }

    async fn the_operator_makes_no_new_set_up_code(house) {
        let directory = tempfile::TempDir::new().unwrap();
        let url = new_database(house.database, directory.path());
        let first = boot_anew(&directory, &url, ROOT_KEY).await.setup_code.unwrap();
        fs::remove_file(directory.path().join("setup-code")).unwrap();

        let app = boot::open(settings(&directory, &url, ROOT_KEY)).await.unwrap().unwrap();
        assert!(!directory.path().join("setup-code").exists());
        assert!(audit::list_by_operator(&app, &everything()).await.unwrap().is_empty());

        let second = boot_anew(&directory, &url, ROOT_KEY).await.setup_code.unwrap();
        assert_ne!(*first, *second);
        let events = audit::list_by_operator(&app, &everything()).await.unwrap();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(actions, ["installation.setup_code_replaced"], "a lost code leaves a trace");
        assert_eq!(events[0].target_kind, "installation");
    }

    async fn the_operator_reads_and_checks_the_installations_own_events(house) {
        house.anonymous.post("/sessions", json!({ "email": "member@acme.test", "password": "wrong" })).await.expect(401);
        house.owner.post("/me/tokens", json!({ "name": "ci", "access": "read" })).await.expect(201);

        let events = audit::list_by_operator(&house.app, &everything()).await.unwrap();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(actions[..2], ["token.created", "session.refused"]);
        assert_eq!(*actions.last().unwrap(), "installation.set_up");
        let only = audit::Search { action: Some(AuditAction::SessionRefused), ..everything() };
        assert_eq!(audit::list_by_operator(&house.app, &only).await.unwrap().len(), 1);

        let found = audit::verify_by_operator(&house.app).await.unwrap();
        assert!(found.intact);
        assert_eq!((found.events, &found.head), (events[0].sequence, &events[0].hash));
    }

    async fn whoever_is_added_is_known_before_they_are_asked_for_anything(house) {
        let look = async |organization: &str, email: &str| {
            members::known_to_operator(&house.app, organization, &Email::parse(email).unwrap()).await
        };
        assert_eq!(look("acme", "nobody@acme.test").await.unwrap(), None);
        assert_eq!(look("other", "OWNER@acme.test").await.unwrap().as_deref(), Some("owner"));
        assert!(matches!(look("nowhere", "nobody@acme.test").await, Err(Error::NotFound)));
        let Err(Error::Conflict(why)) = look("acme", "owner@acme.test").await else { panic!("a member is known as one") };
        assert_eq!(why, "owner is in acme already, as member; nothing was changed");

        let add = |name: Option<&str>| members::AddMember {
            organization: "other".to_owned(),
            email: Email::parse("owner@acme.test").unwrap(),
            name: name.map(|name| domain::DisplayName::parse(name).unwrap()),
            password: None,
            role: Role::Member,
        };
        members::add_by_operator(&house.app, add(None)).await.unwrap();
        let again = members::add_by_operator(&house.app, add(None)).await;
        assert!(matches!(again, Err(Error::Conflict(why)) if why.contains("is in other already, as member")));
        let new = members::AddMember { email: Email::parse("new@acme.test").unwrap(), ..add(Some("New")) };
        assert!(matches!(members::add_by_operator(&house.app, new).await, Err(Error::Invalid(_))), "no password");
        assert_eq!(look("other", "new@acme.test").await.unwrap(), None, "and no account");
    }
}
