//! Keyset pages: how much of a list, in which order, after which row.

/// The order of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// By name, in byte order.
    #[default]
    Name,
    /// By name, from the end.
    NameDescending,
    /// Oldest first.
    Created,
    /// Newest first.
    CreatedDescending,
    /// Longest untouched first.
    Updated,
    /// Last touched first.
    UpdatedDescending,
}

/// The place of a row in an order: its sort key and its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The name, or the time in microseconds, by which the list is sorted.
    pub key: String,
    /// The row's id, which breaks ties.
    pub id: String,
}

/// Which part of a list to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageRequest {
    /// At most so many rows.
    pub limit: i64,
    /// Only rows after this one.
    pub after: Option<Place>,
    /// In this order.
    pub order: Order,
    /// Only rows whose name contains this text; A to Z in whatever case, other letters as they are.
    pub filter: Option<String>,
}

impl PageRequest {
    /// The filter as a pattern for `LIKE … ESCAPE '\'` over a column in `lower(…)`, which both databases do for A to Z
    /// only: SQLite always, PostgreSQL in columns that sort by byte.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::from("%");
        for letter in self.filter.as_deref().unwrap_or_default().to_ascii_lowercase().chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        pattern
    }
}

/// Runs one of six statements that differ in their order only: the columns and conditions stand once.
///
/// The text, in one or more pieces, ends after its conditions; parameters `$1` to `$3` are the sort key of the last row
/// seen, its id and the limit, the text's own begin at `$4`.
macro_rules! keyset {
    ($page:expr, $table:literal, $($select:expr),+ $(,)?) => {{
        use $crate::store::{driver::sql, page::Order};
        macro_rules! ordered {
            ($column:literal, $than:literal, $direction:literal) => {
                sql(concat!(
                    $($select,)+ " AND (", $table, ".", $column, ", ", $table, ".id) ", $than, " ($1, $2) ORDER BY ", $table,
                    ".", $column, " ", $direction, ", ", $table, ".id ", $direction, " LIMIT $3"
                ))
            };
        }
        let page: &$crate::store::PageRequest = $page;
        let (key, id) = page.after.as_ref().map_or((None, ""), |place| (Some(place.key.as_str()), place.id.as_str()));
        let number = |start: i64| key.and_then(|key| key.parse().ok()).unwrap_or(start);
        // Past every id, and past every name, which are ASCII.
        let last = "\u{7f}";
        let end_id = if key.is_some() { id } else { last };
        let statement = match page.order {
            Order::Name => ordered!("name", ">", "ASC").bind(key.unwrap_or_default()).bind(id),
            Order::NameDescending => ordered!("name", "<", "DESC").bind(key.unwrap_or("\u{10ffff}")).bind(end_id),
            Order::Created => ordered!("created_at", ">", "ASC").bind(number(i64::MIN)).bind(id),
            Order::CreatedDescending => ordered!("created_at", "<", "DESC").bind(number(i64::MAX)).bind(end_id),
            Order::Updated => ordered!("updated_at", ">", "ASC").bind(number(i64::MIN)).bind(id),
            Order::UpdatedDescending => ordered!("updated_at", "<", "DESC").bind(number(i64::MAX)).bind(end_id),
        };
        statement.bind(page.limit)
    }};
}

pub(super) use keyset;
