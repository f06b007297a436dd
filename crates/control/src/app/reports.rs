//! Reports for administrators.

use domain::{Time, policy::Action};

use super::{
    App, Input,
    access::{authorize, organization},
};
use crate::{
    error::Result,
    store::{
        Caller,
        reports::{self, Filter},
    },
};

pub use crate::store::reports::{Use, Used};

/// Which secrets to report.
pub struct Ask {
    /// Only those that no start was handed for so many days.
    pub unused_days: Option<u16>,
    /// Only those whose value was not written for so many days.
    pub unchanged_days: Option<u16>,
    /// Only those created after the one of this id.
    pub after: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// The organization's secrets and those of its workspaces with the last start that each was handed to, as they were
/// created.
///
/// # Errors
/// As the order of answers says.
pub async fn secrets(app: &App, caller: &Caller, slug: &str, ask: Input<Ask>) -> Result<Vec<Used>> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::ListOrganizationSecrets).await?;
    let Ask { unused_days, unchanged_days, after, limit } = ask.checked()?;
    let since = |days: u16| Time(permit.now().0 - i64::from(days) * DAY);
    let filter = Filter {
        unused_since: unused_days.map(since),
        unchanged_since: unchanged_days.map(since),
        after: after.unwrap_or_default(),
        limit,
    };
    Ok(reports::secrets(&mut db, &permit, &filter).await?)
}
