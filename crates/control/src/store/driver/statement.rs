//! Statements, what can be bound to them, and what can be read from the rows that they answer.

use std::str::FromStr;

use domain::{SecretName, Slug, Time};
use sqlx::{
    Any, Row as _,
    any::{AnyArguments, AnyRow},
};

use super::{Connection, Result, StoreError, failure::in_time};

/// A statement with its parameters `$1`, `$2`, … bound in order.
pub(in crate::store) struct Statement(sqlx::query::Query<'static, Any, AnyArguments>);

/// Starts a statement from its text.
pub(in crate::store) fn sql(text: &'static str) -> Statement {
    Statement(sqlx::query(text))
}

impl Statement {
    pub(in crate::store) fn bind(self, value: impl Parameter) -> Self {
        value.bind_to(self)
    }

    /// Runs it; how many rows it touched. A broken unique index is [`StoreError::Taken`].
    pub(in crate::store) async fn execute(self, db: &mut Connection) -> Result<u64> {
        match in_time(self.0.execute(db)).await {
            Ok(done) => Ok(done.rows_affected()),
            Err(StoreError::Database(sqlx::Error::Database(error))) if error.is_unique_violation() => {
                Err(StoreError::Taken)
            }
            Err(error) => Err(error),
        }
    }

    /// Runs an insert that must add its row: one that a trigger of somebody's swallowed is an error.
    pub(in crate::store) async fn insert(self, db: &mut Connection) -> Result<()> {
        self.insert_rows(db, 1).await
    }

    /// The same of an insert that must add so many.
    pub(in crate::store) async fn insert_rows(self, db: &mut Connection, rows: usize) -> Result<()> {
        if self.execute(db).await? == rows as u64 { Ok(()) } else { Err(StoreError::Swallowed) }
    }

    /// Runs an update that must meet a row: there is none where the permit is for another place.
    pub(in crate::store) async fn meet(self, db: &mut Connection) -> Result<()> {
        match self.execute(db).await? {
            0 => Err(StoreError::NotPermitted),
            _ => Ok(()),
        }
    }

    pub(in crate::store) async fn all<T>(
        self,
        db: &mut Connection,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        in_time(self.0.fetch_all(db)).await?.into_iter().map(|row| read(&Row(row))).collect()
    }

    pub(in crate::store) async fn optional<T>(
        self,
        db: &mut Connection,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        in_time(self.0.fetch_optional(db)).await?.map(|row| read(&Row(row))).transpose()
    }

    pub(in crate::store) async fn one<T>(self, db: &mut Connection, read: impl Fn(&Row) -> Result<T>) -> Result<T> {
        read(&Row(in_time(self.0.fetch_one(db)).await?))
    }
}

/// What can be bound to a statement.
pub(in crate::store) trait Parameter {
    fn bind_to(self, statement: Statement) -> Statement;
}

macro_rules! bind_as {
    ($($type:ty => $stored:ty, |$value:ident| $convert:expr;)*) => {$(
        impl Parameter for $type {
            fn bind_to(self, statement: Statement) -> Statement {
                let $value = self;
                Statement(statement.0.bind::<$stored>($convert))
            }
        }
        impl Parameter for Option<$type> {
            fn bind_to(self, statement: Statement) -> Statement {
                Statement(statement.0.bind::<Option<$stored>>(self.map(|$value| $convert)))
            }
        }
    )*};
}

bind_as! {
    &str => String, |text| text.to_owned();
    String => String, |text| text;
    &String => String, |text| text.clone();
    i64 => i64, |number| number;
    i32 => i64, |number| i64::from(number);
    u32 => i64, |number| i64::from(number);
    bool => i64, |truth| i64::from(truth);
    Time => i64, |time| time.0;
    Vec<u8> => Vec<u8>, |bytes| bytes;
    &[u8] => Vec<u8>, |bytes| bytes.to_vec();
    &SecretName => String, |name| name.as_str().to_owned();
}

/// One row of an answer.
pub(in crate::store) struct Row(AnyRow);

impl Row {
    /// Reads a column as the type that the caller expects there.
    pub(in crate::store) fn get<T: Column>(&self, column: &'static str) -> Result<T> {
        T::read(self, column)
    }
}

/// What can be read from a column.
pub(in crate::store) trait Column: Sized {
    fn read(row: &Row, column: &'static str) -> Result<Self>;
}

macro_rules! read_as {
    ($($type:ty => $stored:ty, |$value:ident| $convert:expr;)*) => {$(
        impl Column for $type {
            fn read(row: &Row, column: &'static str) -> Result<Self> {
                let $value: $stored = row.0.try_get(column)?;
                $convert.ok_or(StoreError::Column { column })
            }
        }
        impl Column for Option<$type> {
            fn read(row: &Row, column: &'static str) -> Result<Self> {
                let value: Option<$stored> = row.0.try_get(column)?;
                value.map(|$value| $convert.ok_or(StoreError::Column { column })).transpose()
            }
        }
    )*};
}

read_as! {
    String => String, |text| Some(text);
    i64 => i64, |number| Some(number);
    i32 => i64, |number| i32::try_from(number).ok();
    u32 => i64, |number| u32::try_from(number).ok();
    bool => i64, |number| Some(number != 0);
    Time => i64, |micros| Some(Time(micros));
    Vec<u8> => Vec<u8>, |bytes| Some(bytes);
    SecretName => String, |text| SecretName::parse_kept(&text).ok();
    Slug => String, |text| Slug::parse_kept(&text).ok();
}

/// Types that are stored as the text they print and parse.
macro_rules! stored_as_text {
    ($($type:ty)*) => {$(
        impl Parameter for $type {
            fn bind_to(self, statement: Statement) -> Statement {
                statement.bind(self.to_string())
            }
        }
        impl Parameter for Option<$type> {
            fn bind_to(self, statement: Statement) -> Statement {
                statement.bind(self.map(|value| value.to_string()))
            }
        }
        impl Column for $type {
            fn read(row: &Row, column: &'static str) -> Result<Self> {
                <$type>::from_str(&String::read(row, column)?).map_err(|_| StoreError::Column { column })
            }
        }
        impl Column for Option<$type> {
            fn read(row: &Row, column: &'static str) -> Result<Self> {
                let text: Option<String> = Column::read(row, column)?;
                text.map(|text| <$type>::from_str(&text).map_err(|_| StoreError::Column { column })).transpose()
            }
        }
    )*};
}

stored_as_text! {
    domain::InstallationId domain::OrganizationId domain::UserId domain::WorkspaceId domain::ServerId
    domain::SecretId domain::StartId domain::SnapshotId domain::CredentialId domain::DataKeyId domain::AuditEventId domain::RestartId
    domain::Scope domain::Access domain::Role domain::WorkspaceCreation domain::ServerStatus domain::Outcome
    domain::AuditAction domain::RestartState domain::RestartStep
}
