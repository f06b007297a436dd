//! Everything that can be asked is as the reference has it.

use std::collections::{BTreeMap, BTreeSet};

use super::{OWNERS, Story, causes::said, reference::WORKSPACES, text};

impl Story<'_> {
    pub async fn check(&mut self) {
        for workspace in 0..WORKSPACES {
            let place = self.place(Some(workspace));
            self.check_environment(workspace, &place).await;
            self.check_drift(workspace, &place).await;
        }
        let (workspace, name) = (self.dice.below(WORKSPACES), self.name());
        self.check_explanation(workspace, name).await;
        if let Some(secret) = self.some(|_| true) {
            self.check_holders(secret).await;
        }
    }

    async fn check_environment(&self, workspace: usize, place: &str) {
        let (owner, _) = self.writer(Some(workspace));
        let listed = owner.get(&format!("{place}/secrets")).await.expect(200).json();
        let mut got = BTreeMap::new();
        let mut left_out = BTreeSet::new();
        for one in listed["items"].as_array().unwrap().iter().filter(|one| one["overridden"] == false) {
            if one["suspended"] == true {
                left_out.insert(text(&one["name"]));
            } else {
                got.insert(text(&one["name"]), (text(&one["id"]), one["version"].as_u64().unwrap()));
            }
        }
        let (given, without) = self.reference.environment(workspace);
        let expected = given.iter().map(|(name, given)| ((*name).to_owned(), self.known(*given))).collect();
        assert_eq!(got, expected, "{:#?}", self.told);
        assert!(left_out.iter().eq(without.keys().copied()), "{left_out:?} {without:?} {:#?}", self.told);
    }

    async fn check_drift(&mut self, workspace: usize, place: &str) {
        let listed = self.house.administrator.get(&format!("{place}/servers")).await.expect(200).json();
        let seen = &listed["items"][0];
        let server = self.reference.servers.iter().find(|server| server.workspace == workspace).unwrap();
        let (expected, steps): (Vec<_>, Vec<_>) = self.reference.told(server).into_iter().unzip();
        assert_eq!(said(seen), expected, "{:#?}", self.told);
        let edited = server.process.as_ref().is_some_and(|process| process.edited);
        assert_eq!(!seen["settings_changed"].is_null(), edited, "{:#?}", self.told);
        assert_eq!(seen["restart_needed"], edited || !expected.is_empty(), "{:#?}", self.told);
        for (one, step) in seen["drift"].as_array().unwrap().iter().zip(steps) {
            let at = self.moments.entry(step).or_insert_with(|| text(&one["at"]));
            assert_eq!(one["at"], *at, "all that is said of step {step} was then: {:#?}", self.told);
        }
        let mut moments: Vec<_> = self.moments.values().collect();
        moments.dedup();
        assert_eq!(moments.len(), self.moments.len(), "two steps are not one moment: {:#?}", self.told);
    }

    /// How a name is explained to the owner, who knows nothing of what the organization keeps from the workspace, and to
    /// an administrator.
    async fn check_explanation(&self, workspace: usize, name: &str) {
        let place = self.place(Some(workspace));
        for home in [Some(workspace), None] {
            let (person, _) = self.writer(home);
            let explained = person.get(&format!("{place}/explanations/{name}")).await.expect(200).json();
            let layers = explained["layers"].as_array().unwrap();
            let said: Vec<_> = layers.iter().map(|layer| (text(&layer["secret_id"]), text(&layer["state"]))).collect();
            let mut expected = Vec::new();
            let mut absent = Vec::new();
            match self.reference.winner(workspace, name) {
                Some((winner, overridden)) => {
                    let winner = &self.reference.secrets[winner];
                    let state = if winner.held_back().is_some() { "suspended" } else { "injected" };
                    let by = layers[0]["suspension"]["by"]["name"].as_str();
                    assert_eq!(by, winner.held_back().map(|stamp| stamp.by), "{:#?}", self.told);
                    expected.push((winner.id.clone(), state.to_owned()));
                    let id = |at: usize| self.reference.secrets[at].id.clone();
                    expected.extend(overridden.map(|at| (id(at), "overridden".to_owned())));
                }
                None => absent = self.reference.absent(workspace, name, home.is_none()),
            }
            assert_eq!(said, expected, "{:#?}", self.told);
            let said: Vec<_> = explained["absent"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| (text(&one["secret_id"]), text(&one["why"]), text(&one["by"]["name"])))
                .collect();
            assert_eq!(said, absent, "{home:?} {:#?}", self.told);
        }
    }

    async fn check_holders(&self, secret: usize) {
        let address = self.address(secret);
        let told = self.house.administrator.get(&format!("{address}/holders")).await.expect(200).json();
        let said: BTreeSet<_> = told["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["workspace"]), one["version"].as_u64().unwrap(), one["stale"] == true))
            .collect();
        let holders = self.reference.holders(secret).into_iter();
        let expected: BTreeSet<_> = holders
            .map(|(at, version, stale)| (format!("w{}", self.reference.servers[at].workspace), version as u64, stale))
            .collect();
        assert_eq!(said, expected, "{address} {:#?}", self.told);
        let readers: BTreeSet<_> = told["also_read_by"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["workspace"]), text(&one["person"]["name"]), one["version"].as_u64().unwrap()))
            .collect();
        let read = self.reference.read.iter().filter(|((_, of, _), _)| *of == secret);
        let expected: BTreeSet<_> = read
            .map(|((workspace, _, by), version)| (format!("w{workspace}"), (*by).to_owned(), *version as u64))
            .collect();
        assert_eq!(readers, expected, "{address} {:#?}", self.told);
        assert!(readers.iter().all(|(_, by, _)| OWNERS.contains(&by.as_str())));
    }
}
