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
