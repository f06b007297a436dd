//! `vestry logout`.

use ureq::http::Method;

use crate::{
    client::Client,
    commands::login::token_path,
    exit::{Exit, Failure},
    output::Output,
    settings::Settings,
};

/// Revokes the token that `login` made and forgets it. A token that was handed in is forgotten only: it may have other
/// users.
///
/// # Errors
/// When nobody is signed in. When the control plane can't be reached the token is kept, so that it can still be revoked.
pub(crate) fn run(out: &Output, settings: &mut Settings) -> Result<(), Failure> {
    if settings.has_token_from_environment() {
        return Err(Failure::usage("VESTRY_TOKEN is set: there is no kept token to revoke; nothing was done")
            .help("revoke it by its id:  vestry token list"));
    }
    let address = settings.address_or_default()?;
    let Some((token, id)) = settings.credentials.token(&address)? else {
        return Err(Failure::not_configured(format!("not signed in to {address}")));
    };
    if let Some(id) = &id {
        let client = Client::with_token(address.clone(), token);
        match client.request(Method::DELETE, &token_path(id)).send() {
            Ok(_) => {}
            // It is revoked or ended already.
            Err(failure) if failure.exit == Exit::NotAllowed || failure.is_not_found() => {}
            Err(failure) => {
                return Err(Failure { message: format!("{}; still signed in", failure.message), ..failure });
            }
        }
    }
    settings.credentials.forget(&address)?;
    out.say(&match id {
        Some(_) => format!("signed out of {address}; the token is revoked"),
        None => format!("signed out of {address}; the token was made elsewhere and stays valid:  vestry token revoke"),
    });
    Ok(())
}
