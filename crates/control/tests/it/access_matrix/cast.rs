//! Everybody who appears in the table, and what stands in their organizations and workspaces.

use control::app::organizations;
use domain::{DisplayName, Role, Slug};
use serde_json::{Value, json};

use super::{requests::NO_ID, table::CALLERS};
use crate::{
    store::sql::{Sql, eventually},
    support::{Actor, House, PASSWORD, add_person, sign_in},
};

/// A house with all the callers, and the means to make things afresh.
pub struct Cast {
    pub house: House,
    callers: Vec<Actor>,
    neighbour: Actor,
    sql: Sql,
    made: u32,
}

impl Cast {
    pub async fn gather(house: House) -> Self {
        let people = [
            ("removed", "acme"),
            ("neighbour", "acme"),
            ("helper", "acme"),
            ("guest", "acme"),
            ("helper", "other"),
            ("guest", "other"),
        ];
        let strict = Slug::parse("strict").expect("a slug");
        let name = DisplayName::parse("Strict").expect("a name");
        organizations::create_by_operator(&house.app, &strict, &name).await.expect("a third organization");
        for (person, organization) in people {
            add_person(&house.app, person, organization, Role::Member).await;
        }
        for person in ["owner", "collaborator", "member", "removed"] {
            add_person(&house.app, person, "strict", Role::Member).await;
        }
        add_person(&house.app, "administrator", "strict", Role::Administrator).await;
        let setting = json!({ "workspace_creation": "administrators" });
        house.administrator.patch("/organizations/strict", setting).await.expect(200);

        let removed = sign_in(&house.anonymous, "removed").await;
        let neighbour = sign_in(&house.anonymous, "neighbour").await;
        let (administrator, owner) = (&house.administrator, &house.owner);
        let revoked = token(administrator, json!({ "access": "full", "organization_secrets": true })).await;
        revoked.1.delete(&format!("/me/tokens/{}", revoked.0)).await.expect(204);
        let callers = vec![
            administrator.clone(),
            owner.clone(),
            house.collaborator.clone(),
            house.member.clone(),
            removed.clone(),
            house.foreigner.clone(),
            house.anonymous.clone(),
            token(administrator, json!({ "access": "read" })).await.1,
            token(owner, json!({ "access": "read" })).await.1,
            token(administrator, json!({ "access": "full" })).await.1,
            revoked.1,
            other_site(&house.anonymous, administrator).await,
            other_site(&house.anonymous, owner).await,
        ];
        let sql = Sql::open(&house).await;
        let mut cast = Self { callers, neighbour, sql, made: 0, house };
        cast.furnish(&removed).await;
        for workspace in ["lab", "attic"] {
            let token = cast.workspace_token("acme", workspace).await.1;
            cast.callers.push(cast.house.anonymous.with_token(&token));
        }
        cast
    }

    async fn furnish(&self, removed: &Actor) {
        self.neighbour.post("/organizations/acme/workspaces", json!({ "name": "Attic" })).await.expect(201);
        for (organization, workspaces) in [("acme", vec!["lab", "attic"]), ("other", vec!["lab"])] {
            let secret = format!("/organizations/{organization}/secrets/SHARED");
            let value = json!({ "value": "of the organization", "workspaces": [] });
            self.administrator_of(organization).put(&secret, value).await.expect(201);
            for workspace in workspaces {
                let place = format!("/organizations/{organization}/workspaces/{workspace}");
                let owner = self.owner_of(organization, workspace);
                owner.put(&format!("{place}/secrets/TOKEN"), json!({ "value": "of the workspace" })).await.expect(201);
                let server = json!({ "name": "Web", "command": ["true"] });
                owner.post(&format!("{place}/servers"), server).await.expect(201);
                owner.put(&format!("{place}/collaborators/helper@acme.test"), Value::Null).await.expect(204);
            }
        }
        let collaboration = format!("/organizations/acme/workspaces/lab/collaborators/{}", removed.email);
        self.house.owner.put(&collaboration, Value::Null).await.expect(204);
        removed.get("/organizations/acme/workspaces/lab").await.expect(200);
        self.house.owner.delete(&collaboration).await.expect(204);
    }

    /// The caller of a column.
    pub fn caller(&self, column: usize) -> &Actor {
        &self.callers[column]
    }

    /// Who the caller of a column is, with every permission; the administrator where nobody is.
    fn person(&self, column: usize) -> &Actor {
        match CALLERS[column].split('.').next().unwrap_or_default() {
            "owner" | "token" => &self.house.owner,
            "admin" | "nobody" | "revoked" => &self.house.administrator,
            _ => &self.callers[column],
        }
    }

    fn administrator_of(&self, organization: &str) -> &Actor {
        if organization == "other" { &self.house.foreigner } else { &self.house.administrator }
    }

    fn owner_of(&self, organization: &str, workspace: &str) -> &Actor {
        match (organization, workspace) {
            ("other", _) => &self.house.foreigner,
            (_, "attic") => &self.neighbour,
            _ => &self.house.owner,
        }
    }

    /// A number that nothing made before has in its name.
    pub fn number(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// An organization secret that reaches this workspace, where one is given.
    pub async fn organization_secret(&mut self, organization: &str, workspace: Option<&str>) -> String {
        let name = format!("SHARED_{}", self.number());
        let path = format!("/organizations/{organization}/secrets/{name}");
        let body = json!({ "value": "of the organization", "workspaces": workspace.as_slice() });
        self.administrator_of(organization).put(&path, body).await.expect(201);
        name
    }

    /// A secret of the workspace.
    pub async fn workspace_secret(&mut self, organization: &str, workspace: &str) -> String {
        let name = format!("TOKEN_{}", self.number());
        let path = format!("/organizations/{organization}/workspaces/{workspace}/secrets/{name}");
        let owner = self.owner_of(organization, workspace);
        owner.put(&path, json!({ "value": "of the workspace" })).await.expect(201);
        name
    }

    /// A secret of the organization, or of the workspace where one is given: its address and whoever may write it.
    async fn any_secret(&mut self, organization: &str, workspace: Option<&str>) -> (String, String, Actor) {
        let (place, name, writer) = match workspace {
            None => {
                let name = self.organization_secret(organization, None).await;
                (format!("/organizations/{organization}"), name, self.administrator_of(organization))
            }
            Some(slug) => {
                let name = self.workspace_secret(organization, slug).await;
                (format!("/organizations/{organization}/workspaces/{slug}"), name, self.owner_of(organization, slug))
            }
        };
        (place, name, writer.clone())
    }

    /// The same with two versions.
    pub async fn rewritten(&mut self, organization: &str, workspace: Option<&str>) -> String {
        let (place, name, writer) = self.any_secret(organization, workspace).await;
        writer.put(&format!("{place}/secrets/{name}"), json!({ "value": "another value" })).await.expect(200);
        name
    }

    /// The same, suspended.
    pub async fn suspended(&mut self, organization: &str, workspace: Option<&str>) -> String {
        let (place, name, writer) = self.any_secret(organization, workspace).await;
        writer.put(&format!("{place}/secrets/{name}/suspension"), json!({ "reason": "leaked" })).await.expect(200);
        name
    }

    /// The id of a deleted secret; that of nothing where the place does not exist. An empty slug is no workspace.
    pub async fn deleted_secret(&mut self, organization: &str, workspace: &str) -> String {
        if organization == "none" || workspace == "none" {
            return NO_ID.to_owned();
        }
        let workspace = Some(workspace).filter(|slug| !slug.is_empty());
        let (place, name, writer) = self.any_secret(organization, workspace).await;
        let secret = format!("{place}/secrets/{name}");
        let id = text(&writer.get(&secret).await.expect(200).json()["id"]);
        writer.delete(&secret).await.expect(204);
        id
    }

    /// A workspace of whom this one belongs to.
    pub async fn workspace(&mut self, organization: &str, like: &str) -> String {
        let body = json!({ "name": format!("Made {}", self.number()) });
        let owner = self.owner_of(organization, like);
        let made = owner.post(&format!("/organizations/{organization}/workspaces"), body).await.expect(201);
        text(&made.json()["slug"])
    }

    /// A member of the organization, who may be a collaborator of a workspace.
    pub async fn person_of(&mut self, organization: &str, collaborates_in: Option<&str>) -> String {
        let name = format!("made{}", self.number());
        add_person(&self.house.app, &name, organization, Role::Member).await;
        let email = format!("{name}@acme.test");
        if let Some(workspace) = collaborates_in {
            let path = format!("/organizations/{organization}/workspaces/{workspace}/collaborators/{email}");
            self.owner_of(organization, workspace).put(&path, Value::Null).await.expect(204);
        }
        email
    }

    /// A server, running as far as the control plane knows where that is wished.
    pub async fn server(&mut self, organization: &str, workspace: &str, running: bool) -> String {
        let body = json!({ "name": format!("Made {}", self.number()), "command": ["true"] });
        let servers = format!("/organizations/{organization}/workspaces/{workspace}/servers");
        let owner = self.owner_of(organization, workspace);
        let made = owner.post(&servers, body).await.expect(201).json();
        let slug = text(&made["slug"]);
        if running {
            owner.post(&format!("{servers}/{slug}/start"), Value::Null).await.expect(202);
            self.settled(organization, workspace, &slug).await;
            let id = text(&made["id"]);
            let running = format!(
                "UPDATE servers SET status = 'running', start_id = (SELECT id FROM starts WHERE server_id = '{id}') \
                 WHERE id = '{id}'"
            );
            assert_eq!(self.sql.execute(&running).await, 1);
        }
        slug
    }

    /// Waits until no start of a server is under way in the background any more: each fails here.
    pub async fn settled(&self, organization: &str, workspace: &str, server: &str) {
        let path = format!("/organizations/{organization}/workspaces/{workspace}/servers/{server}/starts");
        let owner = self.owner_of(organization, workspace);
        eventually("every start is settled", async || {
            let starts = owner.get(&path).await.expect(200).json();
            let starts = starts["items"].as_array().expect("a list");
            starts.iter().all(|start| start["outcome"] != "pending").then_some(())
        })
        .await;
    }

    /// The id of a new rolling restart, of the whole organization, of a workspace, or of a secret of lab's own. Nothing
    /// differs, so it has no servers; the database says that it waits.
    pub async fn paused_restart(&mut self, organization: &str, of: &str) -> String {
        let below = match of {
            "*" => "secrets/SHARED/restarts".to_owned(),
            "own" => "workspaces/lab/secrets/TOKEN/restarts".to_owned(),
            workspace => format!("workspaces/{workspace}/restarts"),
        };
        let path = format!("/organizations/{organization}/{below}");
        let begun = self.administrator_of(organization).post(&path, json!({})).await.expect(202).json();
        let id = text(&begun["id"]);
        self.sql.execute(&format!("UPDATE restarts SET state = 'paused', ended_at = NULL WHERE id = '{id}'")).await;
        id
    }

    /// The id and the text of a new token of a workspace itself.
    pub async fn workspace_token(&self, organization: &str, workspace: &str) -> (String, String) {
        let path = format!("/organizations/{organization}/workspaces/{workspace}/tokens");
        let made =
            self.owner_of(organization, workspace).post(&path, json!({ "name": "made" })).await.expect(201).json();
        (text(&made["id"]), text(&made["token"]))
    }

    /// The id of a new token of the caller, or of somebody else.
    pub async fn token(&self, column: usize, of_another: bool) -> String {
        let person = if of_another { &self.neighbour } else { self.person(column) };
        token(person, json!({ "access": "read" })).await.0
    }

    /// The id of a new session of the caller, or of somebody else.
    pub async fn session(&self, column: usize, of_another: bool) -> String {
        let person = if of_another { &self.neighbour } else { self.person(column) };
        let sessions = browser(&self.house.anonymous, person).await.get("/sessions").await.expect(200).json();
        let current = sessions["items"].as_array().expect("a list").iter().find(|session| session["current"] == true);
        text(&current.expect("the session that asks")["id"])
    }
}

/// A new token of a person: its id, and whoever shows it.
async fn token(person: &Actor, mut wish: Value) -> (String, Actor) {
    wish["name"] = json!("made");
    let made = person.post("/me/tokens", wish).await.expect(201).json();
    (text(&made["id"]), person.with_token(&text(&made["token"])))
}

/// A person's session, on requests of Vestry's own pages.
async fn browser(anonymous: &Actor, person: &Actor) -> Actor {
    let signed_in =
        anonymous.post("/sessions", json!({ "email": person.email, "password": PASSWORD })).await.expect(201);
    let cookie = signed_in.headers["set-cookie"].to_str().expect("ASCII");
    anonymous.with("cookie", cookie.split(';').next().expect("a name and a value"))
}

/// A person's session, on requests that another site's page sends.
async fn other_site(anonymous: &Actor, person: &Actor) -> Actor {
    browser(anonymous, person).await.with("sec-fetch-site", "cross-site").with("origin", "https://elsewhere.test")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
