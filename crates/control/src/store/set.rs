//! Sets of ids, and rows, as one parameter, so that one statement serves any number of them.

use serde_json::{Map, Value};

use super::driver::{Parameter, Statement};

/// Ids for one parameter that the statement reads with [`one_of`].
#[derive(Clone)]
pub(super) struct Set(Map<String, Value>);

impl<T: ToString> FromIterator<T> for Set {
    fn from_iter<I: IntoIterator<Item = T>>(ids: I) -> Self {
        Self(ids.into_iter().map(|id| (id.to_string(), Value::Null)).collect())
    }
}

impl Parameter for Set {
    fn bind_to(self, statement: Statement) -> Statement {
        statement.bind(Value::Object(self.0).to_string())
    }
}

/// The members of a [`Set`], for `IN`: the keys of a JSON object, which both databases read by the same words.
macro_rules! one_of {
    ($parameter:literal) => {
        concat!("(SELECT e.key FROM json_each(json(", $parameter, ")) e)")
    };
}

/// Rows for one parameter that the statement reads with [`rows_of`]: each a JSON array, under a key of its own.
pub(super) struct Rows {
    rows: Map<String, Value>,
    given: usize,
}

impl Rows {
    /// How many there were, two of one key counted twice: what a statement must write.
    pub(super) fn given(&self) -> usize {
        self.given
    }
}

impl<T: ToString> FromIterator<(T, Value)> for Rows {
    fn from_iter<I: IntoIterator<Item = (T, Value)>>(rows: I) -> Self {
        let mut given = 0;
        let counted = rows.into_iter().inspect(|_| given += 1);
        Self { rows: counted.map(|(key, row)| (key.to_string(), row)).collect(), given }
    }
}

impl Parameter for Rows {
    fn bind_to(self, statement: Statement) -> Statement {
        statement.bind(Value::Object(self.rows).to_string())
    }
}

/// The [`Rows`] of a parameter as a table: `e.key` is a row's key, `e.value ->> 0` its first column, as text.
macro_rules! rows_of {
    ($parameter:literal) => {
        concat!("json_each(json(", $parameter, ")) e")
    };
}

pub(super) use {one_of, rows_of};
