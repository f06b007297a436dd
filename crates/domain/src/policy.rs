//! Who may do what: the permission table of the product, as data.

use crate::{Role, WorkspaceCreation};

/// Something that a person may want to do in an organization.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it; the table below says the rest")]
pub enum Action {
    SeeOrganization,
    ListMembers,
    CreateWorkspace,
    AdministerOrganization,
    ReadAuditLog,
    ListOrganizationSecrets,
    ListRestarts,
    WriteOrganizationSecrets,
    SeeWorkspace,
    ManageWorkspace,
    GiveOrDeleteWorkspace,
    WriteWorkspaceSecrets,
    SuspendOrganizationSecrets,
    SuspendWorkspaceSecrets,
    SeeHolders,
    PreviewWorkspaceSecrets,
    ReadServerLogs,
    UseServers,
    StopServers,
    RestartHolders,
    StartRuns,
    SeeEnvironment,
    SeeWorkspaceTokens,
}

/// What a personal token must carry before it may stand for its person in an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenNeeds {
    /// Any personal token.
    Reading,
    /// A token with full access.
    Full,
    /// A token with full access and the extra permission for organization secrets.
    OrganizationSecrets,
}

/// The answer to "may they?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// They may.
    Allow,
    /// They may know of it, but not do it: 403.
    Forbid,
    /// They may not even know of it: 404.
    Hide,
}

/// What a person is to a workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tie {
    /// Its one owner.
    Owner,
    /// A member to whom the owner gave access.
    Collaborator,
    /// A member of the organization without access.
    None,
    /// No person, but a token of the workspace itself.
    Token,
}

impl Tie {
    /// The tie of a person who may own the workspace or collaborate in it.
    pub fn of(owns: bool, collaborates: bool) -> Self {
        match (owns, collaborates) {
            (true, _) => Self::Owner,
            (false, true) => Self::Collaborator,
            (false, false) => Self::None,
        }
    }
}

/// What a person is to the organization, and to the workspace where the action has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ties {
    /// Role in the organization; `None` outside it.
    pub role: Option<Role>,
    /// Tie to the workspace; `None` where the action concerns the organization.
    pub workspace: Option<Tie>,
    /// The organization's setting.
    pub workspace_creation: WorkspaceCreation,
}

#[derive(Clone, Copy)]
enum Cell {
    Yes,
    No,
    /// Not even that it exists.
    Hidden,
    /// As the organization's setting says.
    Setting,
}

struct Row(Action, TokenNeeds, [Cell; 5]);

use Cell::{Hidden as H, No as N, Setting as S, Yes as Y};
use TokenNeeds::{Full, OrganizationSecrets, Reading};

/// One row an action. Columns: administrator, owner, collaborator, member without access, the workspace's own token.
/// A person with several ties has the best of their columns.
const TABLE: &[Row] = &[
    //                                                               admin owner collab member token
    Row(Action::SeeOrganization, Reading, /*                      */ [Y, Y, Y, Y, N]),
    Row(Action::ListMembers, Reading, /*                          */ [Y, Y, Y, Y, N]),
    Row(Action::CreateWorkspace, Full, /*                         */ [Y, S, S, S, N]),
    Row(Action::AdministerOrganization, Full, /*                  */ [Y, N, N, N, N]),
    Row(Action::ReadAuditLog, Reading, /*                         */ [Y, N, N, N, N]),
    Row(Action::ListOrganizationSecrets, Reading, /*              */ [Y, N, N, N, N]),
    Row(Action::ListRestarts, Reading, /*                         */ [Y, N, N, N, N]),
    Row(Action::WriteOrganizationSecrets, OrganizationSecrets, /* */ [Y, N, N, N, N]),
    Row(Action::SeeWorkspace, Reading, /*                         */ [Y, Y, Y, H, N]),
    Row(Action::ManageWorkspace, Full, /*                         */ [N, Y, N, H, N]),
    Row(Action::GiveOrDeleteWorkspace, Full, /*                   */ [Y, Y, N, H, N]),
    Row(Action::WriteWorkspaceSecrets, Full, /*                   */ [N, Y, N, H, N]),
    Row(Action::SuspendOrganizationSecrets, Full, /*              */ [Y, N, N, N, N]),
    Row(Action::SuspendWorkspaceSecrets, Full, /*                 */ [Y, Y, N, H, N]),
    Row(Action::SeeHolders, Reading, /*                           */ [Y, Y, N, H, N]),
    Row(Action::PreviewWorkspaceSecrets, Reading, /*              */ [N, Y, N, H, N]),
    Row(Action::ReadServerLogs, Reading, /*                       */ [N, Y, Y, H, N]),
    Row(Action::UseServers, Full, /*                              */ [N, Y, Y, H, N]),
    Row(Action::StopServers, Full, /*                             */ [Y, Y, Y, H, N]),
    Row(Action::RestartHolders, Full, /*                          */ [Y, Y, N, H, N]),
    Row(Action::StartRuns, Full, /*                               */ [N, Y, Y, H, Y]),
    Row(Action::SeeEnvironment, Reading, /*                       */ [Y, Y, Y, H, Y]),
    Row(Action::SeeWorkspaceTokens, Reading, /*                   */ [N, Y, N, H, N]),
];

impl Action {
    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.0 == self).expect("a test proves that every action has its row")
    }

    /// What a personal token must carry for this action.
    pub fn token_needs(self) -> TokenNeeds {
        self.row().1
    }
}

/// Whether someone with these ties may do this.
pub fn decide(action: Action, ties: Ties) -> Verdict {
    let cells = &action.row().2;
    if ties.workspace == Some(Tie::Token) {
        return if matches!(cells[4], Cell::Yes) { Verdict::Allow } else { Verdict::Forbid };
    }
    let Some(role) = ties.role else { return Verdict::Hide };
    let by_role = (role == Role::Administrator).then_some(cells[0]);
    let by_tie = match ties.workspace {
        Some(Tie::Owner) => cells[1],
        Some(Tie::Collaborator) => cells[2],
        Some(Tie::None | Tie::Token) | None => cells[3],
    };
    let verdicts = [by_role, Some(by_tie)].into_iter().flatten().map(|cell| match cell {
        Cell::Yes => Verdict::Allow,
        Cell::No => Verdict::Forbid,
        Cell::Hidden => Verdict::Hide,
        Cell::Setting if ties.workspace_creation == WorkspaceCreation::Members => Verdict::Allow,
        Cell::Setting => Verdict::Forbid,
    });
    verdicts.min_by_key(|verdict| *verdict as u8).unwrap_or(Verdict::Hide)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_ACTION: &[Action] = &[
        Action::SeeOrganization,
        Action::ListMembers,
        Action::CreateWorkspace,
        Action::AdministerOrganization,
        Action::ReadAuditLog,
        Action::ListOrganizationSecrets,
        Action::ListRestarts,
        Action::WriteOrganizationSecrets,
        Action::SeeWorkspace,
        Action::ManageWorkspace,
        Action::GiveOrDeleteWorkspace,
        Action::WriteWorkspaceSecrets,
        Action::SuspendOrganizationSecrets,
        Action::SuspendWorkspaceSecrets,
        Action::SeeHolders,
        Action::PreviewWorkspaceSecrets,
        Action::ReadServerLogs,
        Action::UseServers,
        Action::StopServers,
        Action::RestartHolders,
        Action::StartRuns,
        Action::SeeEnvironment,
        Action::SeeWorkspaceTokens,
    ];

    fn ties(role: Option<Role>, workspace: Option<Tie>) -> Ties {
        Ties { role, workspace, workspace_creation: WorkspaceCreation::Administrators }
    }

    #[test]
    fn every_action_has_exactly_one_row() {
        assert_eq!(TABLE.len(), EVERY_ACTION.len());
        for action in EVERY_ACTION {
            assert_eq!(TABLE.iter().filter(|row| row.0 == *action).count(), 1, "{action:?}");
        }
    }

    #[test]
    fn outside_the_organization_nothing_exists() {
        for action in EVERY_ACTION {
            for tie in [None, Some(Tie::None), Some(Tie::Owner), Some(Tie::Collaborator)] {
                assert_eq!(decide(*action, ties(None, tie)), Verdict::Hide, "{action:?} {tie:?}");
            }
        }
    }

    #[test]
    fn only_the_owner_writes_workspace_secrets() {
        use Verdict::{Allow, Forbid, Hide};
        let decide = |role, tie| decide(Action::WriteWorkspaceSecrets, ties(Some(role), Some(tie)));
        assert_eq!(decide(Role::Member, Tie::Owner), Allow);
        assert_eq!(decide(Role::Administrator, Tie::Owner), Allow);
        assert_eq!(decide(Role::Administrator, Tie::None), Forbid);
        assert_eq!(decide(Role::Administrator, Tie::Collaborator), Forbid);
        assert_eq!(decide(Role::Member, Tie::Collaborator), Forbid);
        assert_eq!(decide(Role::Member, Tie::None), Hide);
    }

    #[test]
    fn only_administrators_write_organization_secrets() {
        for tie in [None, Some(Tie::Owner), Some(Tie::Collaborator), Some(Tie::None)] {
            let decide = |role| decide(Action::WriteOrganizationSecrets, ties(Some(role), tie));
            assert_eq!(decide(Role::Administrator), Verdict::Allow);
            assert_eq!(decide(Role::Member), Verdict::Forbid);
        }
    }

    #[test]
    fn an_administrator_without_access_stops_servers_but_never_starts_them() {
        let decide = |action| decide(action, ties(Some(Role::Administrator), Some(Tie::None)));
        assert_eq!(decide(Action::StopServers), Verdict::Allow);
        assert_eq!(decide(Action::UseServers), Verdict::Forbid);
        assert_eq!(decide(Action::ReadServerLogs), Verdict::Forbid);
    }

    #[test]
    fn a_workspaces_own_token_starts_runs_and_nothing_else() {
        let may = |action: &&Action| decide(**action, ties(None, Some(Tie::Token))) == Verdict::Allow;
        let allowed: Vec<&Action> = EVERY_ACTION.iter().filter(may).collect();
        assert_eq!(allowed, [&Action::StartRuns, &Action::SeeEnvironment]);
    }

    #[test]
    fn creating_workspaces_follows_the_setting() {
        let member = |workspace_creation| {
            decide(Action::CreateWorkspace, Ties { role: Some(Role::Member), workspace: None, workspace_creation })
        };
        assert_eq!(member(WorkspaceCreation::Members), Verdict::Allow);
        assert_eq!(member(WorkspaceCreation::Administrators), Verdict::Forbid);
    }

    #[test]
    fn a_second_tie_never_takes_a_right_away() {
        for action in EVERY_ACTION {
            for tie in [Tie::Owner, Tie::Collaborator, Tie::None] {
                let both = decide(*action, ties(Some(Role::Administrator), Some(tie)));
                let one = decide(*action, ties(Some(Role::Member), Some(tie)));
                assert!(both as u8 <= one as u8, "{action:?} {tie:?}");
            }
        }
    }
}
