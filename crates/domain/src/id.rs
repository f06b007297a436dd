//! Ids of things, one type for each kind so that they cannot be mixed up.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::Time;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: UUIDv7 (RFC 9562, section 5.7) of this moment and ten random bytes.
            pub fn new(now: Time, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid())
            }

            /// The sixteen bytes of the id.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// An installation: one control plane and its database.
    InstallationId
    /// An organization.
    OrganizationId
    /// A person who can sign in.
    UserId
    /// A workspace.
    WorkspaceId
    /// A server of a workspace.
    ServerId
    /// A secret; the same through all its versions, renames and its deletion.
    SecretId
    /// A start record.
    StartId
    /// A rolling restart.
    RestartId
    /// What starts of a workspace get between two changes.
    SnapshotId
    /// A session or token.
    CredentialId
    /// A data key of an organization.
    DataKeyId
    /// An audit event.
    AuditEventId
}
