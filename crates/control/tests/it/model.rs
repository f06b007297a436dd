//! Random sequences of everything that can be done to secrets, servers and who owns them, against a reference that is as
//! plain as can be: what starts and runs get, what differs, why and because of whom, who holds what, what a preview says
//! and how a name is explained. No process runs here: the database says so.

mod causes;
mod checks;
mod previews;
mod reference;
mod secrets;
mod servers;

use std::collections::BTreeMap;

use assurance::{Dice, count_or};
use control::app::organizations;
use domain::{DisplayName, Role, Slug};
use serde_json::{Value, json};

use self::reference::{Given, NAMES, Reference, Secret, Server, Stamp, WORKSPACES};
use crate::{
    both,
    store::{drift::server, sql::Sql},
    support::{Actor, House, add_person},
};

/// How many things each sequence does.
const STEPS: usize = 12;

/// So many sequences are under way at once: while one waits for the database, another one goes on.
const LANES: usize = 4;

/// Those who own workspaces, by turns.
const OWNERS: [&str; 2] = ["owner", "collaborator"];

/// One sequence in an organization of its own.
struct Story<'a> {
    house: &'a House,
    sql: Sql,
    dice: Dice,
    organization: String,
    reference: Reference,
    /// Who owns each workspace.
    owners: [usize; WORKSPACES],
    /// The ids of the servers, and of their newest starts.
    servers: Vec<String>,
    starts: Vec<String>,
    /// What was done so far, to be told where something is wrong.
    told: Vec<String>,
    step: usize,
    /// When each step was, as far as it was said.
    moments: BTreeMap<usize, String>,
    values: usize,
}

impl<'a> Story<'a> {
    async fn begin(house: &'a House, number: usize, dice: Dice) -> Self {
        let slug = format!("story-{number}");
        let (parsed, name) = (Slug::parse(&slug).expect("a slug"), DisplayName::parse(&slug).expect("a name"));
        organizations::create_by_operator(&house.app, &parsed, &name).await.expect("an organization");
        add_person(&house.app, "administrator", &slug, Role::Administrator).await;
        for owner in OWNERS {
            add_person(&house.app, owner, &slug, Role::Member).await;
        }
        let organization = format!("/organizations/{slug}");
        let (mut reference, mut servers) = (Reference::default(), Vec::new());
        for workspace in 0..WORKSPACES {
            let named = json!({ "name": format!("w{workspace}") });
            house.owner.post(&format!("{organization}/workspaces"), named).await.expect(201);
            let address = server(&house.owner, &format!("{organization}/workspaces/w{workspace}"), "web").await;
            servers.push(text(&house.owner.get(&address).await.expect(200).json()["id"]));
            reference.servers.push(Server { workspace, process: None });
        }
        Self {
            house,
            sql: Sql::open(house).await,
            dice,
            organization,
            reference,
            owners: [0; WORKSPACES],
            starts: vec![String::new(); servers.len()],
            servers,
            told: Vec::new(),
            step: 0,
            moments: BTreeMap::new(),
            values: 0,
        }
    }

    fn owner(&self, which: usize) -> &'a Actor {
        [&self.house.owner, &self.house.collaborator][which]
    }

    /// The organization, or a workspace of it.
    fn place(&self, home: Option<usize>) -> String {
        match home {
            None => self.organization.clone(),
            Some(workspace) => format!("{}/workspaces/w{workspace}", self.organization),
        }
    }

    /// Who writes the secrets of a place, and their name.
    fn writer(&self, home: Option<usize>) -> (&'a Actor, &'static str) {
        match home.map(|workspace| self.owners[workspace]) {
            None => (&self.house.administrator, "Administrator"),
            Some(owner) => (self.owner(owner), OWNERS[owner]),
        }
    }

    /// What whoever writes at a place does in this step.
    fn now(&self, home: Option<usize>) -> Stamp {
        Stamp { step: self.step, by: self.writer(home).1 }
    }

    fn address(&self, at: usize) -> String {
        let secret = &self.reference.secrets[at];
        let place = self.place(secret.home);
        match secret.deleted {
            true => format!("{place}/deleted-secrets/{}", secret.id),
            false => format!("{place}/secrets/{}", secret.name),
        }
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.dice.below(NAMES.len())]
    }

    fn home(&mut self) -> Option<usize> {
        self.dice.below(WORKSPACES + 1).checked_sub(1)
    }

    /// Some secret for which this holds.
    fn some(&mut self, holds: impl Fn(&Secret) -> bool) -> Option<usize> {
        let fitting: Vec<usize> =
            (0..self.reference.secrets.len()).filter(|at| holds(&self.reference.secrets[*at])).collect();
        (!fitting.is_empty()).then(|| fitting[self.dice.below(fitting.len())])
    }

    /// A secret and version of the reference, as the control plane names them.
    fn known(&self, (secret, version): Given) -> (String, u64) {
        (self.reference.secrets[secret].id.clone(), version as u64)
    }

    /// Does one thing, to the control plane and to the reference.
    async fn go_on(&mut self) {
        self.step += 1;
        match self.dice.below(24) {
            0..=4 => self.write().await,
            5 => self.change_access().await,
            6 | 7 => self.select().await,
            8 | 9 => self.rename().await,
            10 => self.delete().await,
            11 => self.restore().await,
            12 => self.put_back().await,
            13 => self.destroy().await,
            14 => self.suspend().await,
            15 => self.lift().await,
            16..=18 => self.start().await,
            19 => self.restart().await,
            20 => self.restart_stale().await,
            21 => self.run().await,
            22 => self.give().await,
            _ => match self.dice.below(3) {
                0 => self.stop().await,
                1 => self.edit().await,
                _ => self.describe().await,
            },
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Every sequence whose turn it is in a lane.
async fn lane(house: &House, lane: usize, sequences: usize) {
    for number in (lane..sequences).step_by(LANES) {
        let dice = Dice::of(&format!("the model on {:?}, sequence {number}", house.database));
        let mut story = Story::begin(house, number, dice).await;
        for _ in 0..STEPS {
            story.go_on().await;
            story.check().await;
        }
    }
}

both! {
    async fn whatever_is_done_to_secrets_everybody_is_told_what_is_true(house) {
        let sequences = count_or(5_000, 40);
        tokio::join!(
            lane(&house, 0, sequences), lane(&house, 1, sequences), lane(&house, 2, sequences), lane(&house, 3, sequences),
        );
        house.report("model", &format!("{sequences} sequences of {STEPS} steps: 0 answers other than the reference's"));
    }
}
