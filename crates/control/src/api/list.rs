//! Lists: their items, and what the next page needs.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::paging::shown;

/// A part of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T: ToSchema> {
    items: Vec<T>,
    /// For `?cursor=` of the next request; null on the last page.
    next_cursor: Option<String>,
}

impl<T: ToSchema> List<T> {
    /// Everything there is.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// The items and the next cursor, for an answer that says more.
    pub(super) fn into_parts(self) -> (Vec<T>, Option<String>) {
        (self.items, self.next_cursor)
    }

    /// Up to `limit` of the rows; one more was asked for to know whether there is a next page.
    pub(super) fn page<R>(rows: Vec<R>, limit: i64, cursor: impl Fn(&R) -> String, show: impl Fn(R) -> T) -> Self {
        let (rows, next_cursor) = shown(rows, limit, cursor);
        Self { items: rows.into_iter().map(show).collect(), next_cursor }
    }
}
