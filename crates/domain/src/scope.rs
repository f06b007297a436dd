use crate::words::words;

words! {
    /// Where a secret belongs.
    Scope {
        /// Managed by administrators; reaches all workspaces or selected ones.
        Organization = "organization",
        /// Managed by the workspace's owner; reaches that workspace only.
        Workspace = "workspace",
    }
}

words! {
    /// Which workspaces an organization secret reaches.
    Access {
        /// Every workspace, also those created later.
        All = "all",
        /// Only the selected ones, be it none.
        Selected = "selected",
    }
}

impl Access {
    /// The access that follows from a write: giving a selection, even an empty one, means `selected`; saying nothing
    /// keeps what is, and is `all` for a new secret.
    pub fn after_write(asked: Option<Self>, gives_selection: bool, known: Option<Self>) -> Self {
        match (asked, gives_selection) {
            (Some(access), _) => access,
            (None, true) => Self::Selected,
            (None, false) => known.unwrap_or(Self::All),
        }
    }
}

words! {
    /// What a person is in an organization.
    Role {
        /// Manages the organization, its people and its secrets.
        Administrator = "administrator",
        /// Works in workspaces.
        Member = "member",
    }
}

words! {
    /// What somebody who sees a workspace is to it.
    WorkspaceRole {
        /// Its one owner.
        Owner = "owner",
        /// A member to whom the owner gave access.
        Collaborator = "collaborator",
        /// Neither: only administrators of the organization see it then.
        Administrator = "administrator",
    }
}

impl WorkspaceRole {
    /// The role of somebody who sees the workspace.
    pub fn of(owns: bool, collaborates: bool) -> Self {
        match (owns, collaborates) {
            (true, _) => Self::Owner,
            (false, true) => Self::Collaborator,
            (false, false) => Self::Administrator,
        }
    }
}

words! {
    /// Who may create workspaces in an organization.
    WorkspaceCreation {
        /// Every member.
        Members = "members",
        /// Administrators only.
        Administrators = "administrators",
    }
}

words! {
    /// What a server is doing.
    ServerStatus {
        /// Not running, by a person's wish or because its command ended well.
        Stopped = "stopped",
        /// Between the request and the running command.
        Starting = "starting",
        /// Its command runs.
        Running = "running",
        /// Asked to end.
        Stopping = "stopping",
        /// Could not start, or its command ended with an error.
        Failed = "failed",
    }
}

impl ServerStatus {
    /// Whether a process of the server may be alive.
    pub fn may_be_alive(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping)
    }
}

words! {
    /// What became of a disclosure.
    Outcome {
        /// On record, not yet handed over.
        Pending = "pending",
        /// Handed over to the program.
        Delivered = "delivered",
        /// Never handed over.
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_owns_a_workspace_is_its_owner_before_all() {
        use WorkspaceRole::{Administrator, Collaborator, Owner};
        for (owns, collaborates, role) in
            [(true, false, Owner), (true, true, Owner), (false, true, Collaborator), (false, false, Administrator)]
        {
            assert_eq!(WorkspaceRole::of(owns, collaborates), role);
        }
    }

    #[test]
    fn a_selection_never_widens_by_itself() {
        use Access::{All, Selected};
        for (asked, gives_selection, known, access) in [
            (None, false, None, All),
            (None, true, None, Selected),
            (None, false, Some(All), All),
            (None, false, Some(Selected), Selected),
            (None, true, Some(All), Selected),
            (None, true, Some(Selected), Selected),
            (Some(All), false, Some(Selected), All),
            (Some(All), true, Some(Selected), All),
            (Some(Selected), false, Some(All), Selected),
            (Some(Selected), false, None, Selected),
        ] {
            let case = format!("{asked:?} {gives_selection} {known:?}");
            assert_eq!(Access::after_write(asked, gives_selection, known), access, "{case}");
        }
    }
}
