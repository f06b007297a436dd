//! Which part of a list is asked for: `limit`, `cursor`, `q`, `sort`.

use std::cmp::Ordering;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use domain::disguises;
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    app::{Input, Order, PageRequest, RowPlace},
    error::{Error, Result},
};

const DEFAULT_LIMIT: i64 = 50;
const LARGEST_LIMIT: i64 = 200;

/// The query of a request, as far as it could be read; checked after the use case has authorized.
pub(crate) struct Params<T>(Result<T>);

impl<T> Params<T> {
    pub(crate) fn parse<U>(self, parse: impl FnOnce(T) -> Result<U>) -> Input<U> {
        Input::new(self.0.and_then(parse))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        // No name has such a character, so none is looked for; a link is not to turn what a page says of it around, and
        // PostgreSQL takes no NUL.
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).ok();
        let plain = pairs.filter(|Query(pairs)| !pairs.iter().any(|(_, text)| text.contains(disguises)));
        let read = plain.and_then(|_| Query::try_from_uri(&parts.uri).ok());
        Ok(Self(read.map(|Query(params)| params).ok_or_else(|| {
            Error::invalid("query", "query", "The address has a query that is unknown here or has a wrong type.")
        })))
    }
}

/// How much of a list, from where.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Paging {
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only names that contain this; A to Z in whatever case.
    q: Option<String>,
    /// `name`, `created_at` or `updated_at`; `-` before it for descending.
    sort: Option<String>,
}

const ORDERS: [(&str, Order); 6] = [
    ("name", Order::Name),
    ("-name", Order::NameDescending),
    ("created_at", Order::Created),
    ("-created_at", Order::CreatedDescending),
    ("updated_at", Order::Updated),
    ("-updated_at", Order::UpdatedDescending),
];

impl Paging {
    /// As a page's address says it.
    pub(crate) fn new(q: Option<String>, cursor: Option<String>, sort: Option<String>) -> Self {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self { limit: None, cursor: given(cursor), q: given(q), sort: given(sort) }
    }

    /// The page to read, one row longer than to show.
    pub(crate) fn request(self) -> Result<PageRequest> {
        let order = match &self.sort {
            None => Order::default(),
            Some(sort) => ORDERS.iter().find(|(word, _)| word == sort).map(|(_, order)| *order).ok_or_else(|| {
                Error::invalid("sort", "sort_unknown", "Sort by name, created_at or updated_at, with - for descending.")
            })?,
        };
        let after = self.cursor.as_deref().map(|cursor| read_cursor(cursor, order)).transpose()?;
        Ok(PageRequest { limit: limit(self.limit)? + 1, after, order, filter: self.q })
    }

    /// How many items the answer shows, and in which order its rows lie.
    pub(crate) fn shown(&self) -> (i64, Order) {
        let order = self.sort.as_ref().and_then(|sort| ORDERS.iter().find(|(word, _)| word == sort));
        (limit(self.limit).unwrap_or(DEFAULT_LIMIT), order.map(|(_, order)| *order).unwrap_or_default())
    }
}

/// Splits a query into the page to read and how to show it.
pub(crate) fn paging(params: Params<Paging>) -> (Input<PageRequest>, i64, Order) {
    let (shown, order) = params.0.as_ref().map_or((DEFAULT_LIMIT, Order::default()), Paging::shown);
    (params.parse(Paging::request), shown, order)
}

/// A limit within its bounds.
pub(crate) fn limit(asked: Option<i64>) -> Result<i64> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=LARGEST_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::invalid("limit", "limit", format!("Ask for 1 to {LARGEST_LIMIT} items.")))
}

/// The rows to show, and the cursor of the next page if there is one: one more row was asked for to know.
pub(crate) fn shown<R>(mut rows: Vec<R>, limit: i64, cursor: impl Fn(&R) -> String) -> (Vec<R>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = if rows.len() > limit { rows.get(limit - 1).map(cursor) } else { None };
    rows.truncate(limit);
    (rows, next)
}

/// Where a row lies in every order.
pub(crate) struct Position {
    pub(crate) name: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// What tells it from others of the same name or time.
    pub(crate) id: String,
}

impl Position {
    fn place(self, order: Order) -> RowPlace {
        let key = match order {
            Order::Name | Order::NameDescending => self.name,
            Order::Created | Order::CreatedDescending => self.created.to_string(),
            Order::Updated | Order::UpdatedDescending => self.updated.to_string(),
        };
        RowPlace { key, id: self.id }
    }

    /// Where the row lies in one order, as an opaque text.
    pub(crate) fn cursor(self, order: Order) -> String {
        let RowPlace { key, id } = self.place(order);
        let text = serde_json::json!([order as u8, key, id]).to_string();
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where a row lies in an order, as an opaque text.
pub(crate) fn cursor(order: Order, name: &str, created: i64, updated: i64, id: impl ToString) -> String {
    Position { name: name.to_owned(), created, updated, id: id.to_string() }.cursor(order)
}

/// Filters and sorts rows that are all in memory as the database does others, and drops those before the page.
pub(crate) fn cut<R>(rows: Vec<R>, page: &PageRequest, position: impl Fn(&R) -> Position) -> Vec<R> {
    let compared = |place: &RowPlace| match page.order {
        Order::Name | Order::NameDescending => (0, place.key.clone(), place.id.clone()),
        _ => (place.key.parse().unwrap_or(0_i64), String::new(), place.id.clone()),
    };
    let direction = |ordering: Ordering| match page.order {
        Order::Name | Order::Created | Order::Updated => ordering,
        Order::NameDescending | Order::CreatedDescending | Order::UpdatedDescending => ordering.reverse(),
    };
    let wanted = page.filter.as_deref().unwrap_or_default().to_ascii_lowercase();
    let after = page.after.as_ref().map(compared);
    let mut placed: Vec<_> = rows
        .into_iter()
        .filter(|row| position(row).name.to_ascii_lowercase().contains(&wanted))
        .map(|row| (compared(&position(&row).place(page.order)), row))
        .filter(|(place, _)| after.as_ref().is_none_or(|after| direction(place.cmp(after)).is_gt()))
        .collect();
    placed.sort_by(|(one, _), (other, _)| direction(one.cmp(other)));
    placed.into_iter().map(|(_, row)| row).collect()
}

fn read_cursor(text: &str, order: Order) -> Result<RowPlace> {
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    let read: Option<(u8, String, String)> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match read {
        Some((of, key, id)) if of == order as u8 && !key.contains('\0') && !id.contains('\0') => {
            Ok(RowPlace { key, id })
        }
        _ => Err(Error::invalid("cursor", "cursor", "This cursor is not one of this list in this order; begin anew.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_order_only() {
        let text = cursor(Order::Name, "A_NAME", 1, 2, "id");
        let place = RowPlace { key: "A_NAME".to_owned(), id: "id".to_owned() };
        assert_eq!(read_cursor(&text, Order::Name).unwrap(), place);
        assert!(read_cursor(&text, Order::Created).is_err());
        for bad in ["", "zz", "5b", "é", "5b5d"] {
            assert!(read_cursor(bad, Order::Name).is_err(), "{bad}");
        }
    }
}
