//! Sets of ids as one parameter, so that one statement serves any number of them.

use serde_json::{Map, Value};

use super::driver::{Parameter, Statement};

/// Ids for one parameter that the statement reads with [`one_of`].
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

pub(super) use one_of;
