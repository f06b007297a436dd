//! What is done to secrets.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    Story,
    previews::Change,
    reference::{Secret, WORKSPACES},
};

fn slugs(selection: &BTreeSet<usize>) -> Vec<String> {
    selection.iter().map(|workspace| format!("w{workspace}")).collect()
}

impl Story<'_> {
    fn selection(&mut self) -> BTreeSet<usize> {
        (0..WORKSPACES).filter(|_| self.dice.below(2) == 0).collect()
    }

    fn value(&mut self) -> String {
        self.values += 1;
        format!("value {} of {}", self.values, self.organization)
    }

    pub async fn write(&mut self) {
        let (home, name, value) = (self.home(), self.name(), self.value());
        let selection = (home.is_none() && self.dice.below(2) == 0).then(|| self.selection());
        let mut body = json!({ "value": value });
        let mut preview = json!({ "operation": "set" });
        if let Some(selection) = &selection {
            body["workspaces"] = json!(slugs(selection));
            preview["workspaces"] = json!(slugs(selection));
        }
        let known = self.reference.named(home, name);
        let secret = format!("{}/secrets/{name}", self.place(home));
        let change = Change { secret, method: Method::PUT, part: String::new(), body, preview };
        let (answer, previewed) = self.change(known, home, change).await;
        let now = self.now(home);
        let at = known.unwrap_or_else(|| {
            let id = answer.expect(201).json()["id"].as_str().unwrap().to_owned();
            self.reference.secrets.push(Secret::new(id, home, name, now));
            self.reference.secrets.len() - 1
        });
        let secret = &mut self.reference.secrets[at];
        if let Some(selection) = selection {
            match known {
                Some(_) => secret.set_access(false, now),
                None => secret.all = false,
            }
            secret.select(selection, now);
        }
        secret.write(value, now);
        self.as_previewed(at, &previewed);
    }

    pub async fn describe(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let (secret, home) = (self.address(at), self.reference.secrets[at].home);
        self.told.push(format!("describe {secret}"));
        let words = format!("as of step {}", self.step);
        self.writer(home).0.patch(&secret, json!({ "description": words })).await.expect(200);
    }

    pub async fn change_access(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted && secret.home.is_none()) else { return };
        let selection = self.selection();
        let (body, all, selection) = match self.dice.below(4) {
            0 => (json!({ "access": "all" }), true, None),
            1 => (json!({ "access": "selected" }), false, None),
            _ => (json!({ "workspaces": slugs(&selection) }), false, Some(selection)),
        };
        let mut preview = body.clone();
        preview["operation"] = json!("set_access");
        let change = Change { secret: self.address(at), method: Method::PATCH, part: String::new(), body, preview };
        let (_, previewed) = self.change(Some(at), None, change).await;
        let now = self.now(None);
        let secret = &mut self.reference.secrets[at];
        secret.set_access(all, now);
        if let Some(selection) = selection {
            secret.select(selection, now);
        }
        self.as_previewed(at, &previewed);
    }

    /// Selects or deselects one workspace.
    pub async fn select(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted && secret.home.is_none()) else { return };
        let (workspace, selected) = (self.dice.below(WORKSPACES), self.dice.below(2) == 0);
        let method = if selected { Method::PUT } else { Method::DELETE };
        let (secret, part) = (self.address(at), format!("/workspaces/w{workspace}"));
        let body = if selected { json!({}) } else { Value::Null };
        if self.reference.secrets[at].all {
            self.told.push(format!("{method} {secret}{part}, which reaches all"));
            let body = selected.then(|| body.to_string());
            self.house.administrator.send(method, &format!("{secret}{part}"), body).await.expect(409);
            return;
        }
        let mut selection = self.reference.secrets[at].selected.clone();
        if selected {
            selection.insert(workspace)
        } else {
            selection.remove(&workspace)
        };
        let preview = json!({ "operation": "set_access", "workspaces": slugs(&selection) });
        let (_, previewed) = self.change(Some(at), None, Change { secret, method, part, body, preview }).await;
        let now = self.now(None);
        self.reference.secrets[at].select(selection, now);
        self.as_previewed(at, &previewed);
    }

    pub async fn rename(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let (name, home) = (self.name(), self.reference.secrets[at].home);
        let secret = self.address(at);
        let taken = self.reference.named(home, name).is_some_and(|other| other != at);
        let body = json!({ "name": name });
        let preview = json!({ "operation": "rename", "name": name });
        if taken {
            self.told.push(format!("rename {secret} to {name}, which is taken"));
            let (writer, _) = self.writer(home);
            writer.post(&format!("{secret}/preview"), preview).await.expect(409);
            writer.patch(&secret, body).await.expect(409);
            return;
        }
        let change = Change { secret, method: Method::PATCH, part: String::new(), body, preview };
        let (_, previewed) = self.change(Some(at), home, change).await;
        let now = self.now(home);
        let secret = &mut self.reference.secrets[at];
        if secret.name != name {
            (secret.name, secret.past.renamed) = (name, Some(now));
        }
        self.as_previewed(at, &previewed);
    }

    pub async fn delete(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let (secret, home) = (self.address(at), self.reference.secrets[at].home);
        let preview = json!({ "operation": "delete" });
        let change = Change { secret, method: Method::DELETE, part: String::new(), body: Value::Null, preview };
        let (_, previewed) = self.change(Some(at), home, change).await;
        let now = self.now(home);
        let secret = &mut self.reference.secrets[at];
        (secret.deleted, secret.past.deleted) = (true, Some(now));
        self.as_previewed(at, &previewed);
    }

    pub async fn restore(&mut self) {
        let Some(at) = self.some(|secret| secret.deleted) else { return };
        let (address, home) = (self.address(at), self.reference.secrets[at].home);
        let secret = &self.reference.secrets[at];
        let refused = secret.destroyed || self.reference.named(home, secret.name).is_some();
        self.told.push(format!("restore {address}"));
        let before = self.reference.differing();
        let answer = self.writer(home).0.post(&format!("{address}/restoration"), Value::Null).await;
        let answer = answer.expect(if refused { 409 } else { 200 });
        if !refused {
            let now = self.now(home);
            let secret = &mut self.reference.secrets[at];
            (secret.deleted, secret.past.restored) = (false, Some(now));
            self.because_of_it(home, &before, &answer.json());
        }
    }

    pub async fn put_back(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let (address, home) = (self.address(at), self.reference.secrets[at].home);
        let number = self.dice.below(self.reference.secrets[at].version()) + 1;
        let now = self.now(home);
        let secret = &self.reference.secrets[at];
        let version = &secret.versions[number - 1];
        let refused = number == secret.versions.len() || !version.kept || version.suspended.is_some();
        let value = version.value.clone();
        let before = self.reference.differing();
        let secret = &mut self.reference.secrets[at];
        if !refused {
            secret.write(value, now);
        }
        self.told.push(format!("put version {number} of {address} back"));
        let answer = self.writer(home).0.post(&format!("{address}/versions/{number}/restoration"), Value::Null).await;
        let answer = answer.expect(if refused { 409 } else { 200 });
        if !refused {
            self.because_of_it(home, &before, &answer.json());
        }
    }

    /// Destroys one version, or a secret that was deleted.
    pub async fn destroy(&mut self) {
        let Some(at) = self.some(|_| true) else { return };
        let (address, home) = (self.address(at), self.reference.secrets[at].home);
        let (writer, _) = self.writer(home);
        let number = self.dice.below(self.reference.secrets[at].version()) + 1;
        let secret = &mut self.reference.secrets[at];
        if secret.deleted {
            self.told.push(format!("destroy {address}"));
            writer.delete(&address).await.expect(if secret.destroyed { 409 } else { 204 });
            secret.destroyed = true;
            return;
        }
        self.told.push(format!("destroy version {number} of {address}"));
        let refused = number == secret.versions.len() || !secret.versions[number - 1].kept;
        writer.delete(&format!("{address}/versions/{number}")).await.expect(if refused { 409 } else { 204 });
        if !refused {
            secret.versions[number - 1].kept = false;
        }
    }

    /// Suspends a secret or one version of it. Also a workspace's own: the administrator writes no value of it, and may
    /// do this.
    pub async fn suspend(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let number = self.dice.below(self.reference.secrets[at].version() + 1);
        let by_owner = self.dice.below(2) == 0;
        let (address, home) = (self.address(at), self.reference.secrets[at].home.filter(|_| by_owner));
        let version = (number > 0).then_some(number);
        self.told.push(format!("suspend {address} {version:?}"));
        let body = json!({ "version": version, "reason": "leaked" });
        let before = self.reference.differing();
        let answer = self.writer(home).0.put(&format!("{address}/suspension"), body).await.expect(200);
        let now = self.now(home);
        let secret = &mut self.reference.secrets[at];
        let suspended = match version {
            None => &mut secret.suspended,
            Some(number) => &mut secret.versions[number - 1].suspended,
        };
        suspended.get_or_insert(now);
        self.because_of_it(self.reference.secrets[at].home, &before, &answer.json());
    }

    pub async fn lift(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let number = self.dice.below(self.reference.secrets[at].version() + 1);
        let by_owner = self.dice.below(2) == 0;
        let (address, home) = (self.address(at), self.reference.secrets[at].home.filter(|_| by_owner));
        let now = self.now(home);
        let before = self.reference.differing();
        let secret = &mut self.reference.secrets[at];
        let newest = secret.version();
        let (suspended, query) = match number {
            0 => (&mut secret.suspended, String::new()),
            number => (&mut secret.versions[number - 1].suspended, format!("?version={number}")),
        };
        let lifted = suspended.take().is_some();
        if lifted && (number == 0 || number == newest) {
            secret.past.lifted = Some(now);
        }
        self.told.push(format!("lift {address}{query}"));
        let answer = self.writer(home).0.delete(&format!("{address}/suspension{query}")).await;
        let answer = answer.expect(if lifted { 200 } else { 409 });
        if lifted {
            self.because_of_it(self.reference.secrets[at].home, &before, &answer.json());
        }
    }
}
