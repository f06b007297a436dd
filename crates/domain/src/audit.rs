use crate::words::words;

words! {
    /// What an audit event tells of.
    AuditAction {
        /// The installation was set up.
        InstallationSetUp = "installation.set_up",
        /// A new set-up code took the place of one whose file was lost.
        SetupCodeReplaced = "installation.setup_code_replaced",
        /// Somebody signed in.
        SessionCreated = "session.created",
        /// A sign-in failed.
        SessionRefused = "session.refused",
        /// Somebody signed out.
        SessionEnded = "session.ended",
        /// Somebody changed their password, which ended their other sessions.
        PasswordChanged = "password.changed",
        /// Somebody signed in could not say the password that they wanted to change.
        PasswordRefused = "password.refused",
        /// A personal or workspace token was made.
        TokenCreated = "token.created",
        /// A personal or workspace token was revoked.
        TokenRevoked = "token.revoked",
        /// An organization was created.
        OrganizationCreated = "organization.created",
        /// An organization's settings were changed.
        OrganizationEdited = "organization.edited",
        /// Somebody joined an organization.
        MemberAdded = "member.added",
        /// A member's role was changed.
        MemberRoleChanged = "member.role_changed",
        /// A workspace was created.
        WorkspaceCreated = "workspace.created",
        /// A workspace's name, slug or description was changed.
        WorkspaceEdited = "workspace.edited",
        /// A workspace was given to another owner.
        WorkspaceGiven = "workspace.given",
        /// A workspace was deleted.
        WorkspaceDeleted = "workspace.deleted",
        /// Somebody got access to a workspace.
        CollaboratorAdded = "collaborator.added",
        /// Somebody lost access to a workspace.
        CollaboratorRemoved = "collaborator.removed",
        /// A secret was created.
        SecretCreated = "secret.created",
        /// A secret got a new version.
        SecretVersionWritten = "secret.version_written",
        /// A secret's description, access or selection was changed.
        SecretEdited = "secret.edited",
        /// A secret got another name.
        SecretRenamed = "secret.renamed",
        /// A secret was deleted.
        SecretDeleted = "secret.deleted",
        /// Many secrets were created or got a new version at once.
        SecretsImported = "secrets.imported",
        /// A deleted secret came back.
        SecretRestored = "secret.restored",
        /// A deleted secret's values, or one version's, were erased for good.
        SecretDestroyed = "secret.destroyed",
        /// A secret, or one version of it, was suspended: no start or run gets it.
        SecretSuspended = "secret.suspended",
        /// A suspension was lifted.
        SecretSuspensionLifted = "secret.suspension_lifted",
        /// A server was added.
        ServerCreated = "server.created",
        /// A server's name, command or variables were changed.
        ServerEdited = "server.edited",
        /// A server was deleted.
        ServerDeleted = "server.deleted",
        /// A server was asked to start; its secrets are about to be disclosed.
        ServerStarted = "server.started",
        /// A server was asked to stop.
        ServerStopped = "server.stopped",
        /// A rolling restart was begun.
        RestartStarted = "restart.started",
        /// A rolling restart waits for somebody to look.
        RestartPaused = "restart.paused",
        /// Somebody continued a rolling restart.
        RestartContinued = "restart.continued",
        /// Somebody ended a rolling restart before its end.
        RestartAborted = "restart.aborted",
        /// A rolling restart came to its end.
        RestartDone = "restart.done",
        /// A run was put on record; its secrets are about to be disclosed.
        RunStarted = "run.started",
    }
}
