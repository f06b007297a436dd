//! The caller themself.

use domain::Role;

use super::App;
use crate::{
    error::{Error, Result},
    store::{
        Caller,
        organizations::{self, Organization},
        users::{self, User},
    },
};

/// The caller, and the organizations they are in.
///
/// # Errors
/// When the database fails.
pub async fn get(app: &App, caller: &Caller) -> Result<(User, Vec<(Organization, Role)>)> {
    let mut db = app.store.read().await?;
    let user = users::by_id(&mut db, caller.user()).await?.ok_or(Error::Unauthenticated)?;
    Ok((user, organizations::of_user(&mut db, caller.user()).await?))
}
