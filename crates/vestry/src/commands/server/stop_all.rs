//! Stopping several servers, of any workspaces.

use super::{OneServer, lifecycle};
use crate::{
    address::segment,
    exit::Failure,
    place::{Connection, Place},
};

/// Stops servers because of a suspended secret that they have: all are told first, then each is watched until it has. Goes
/// on after failures; says and gives them.
pub(in crate::commands) fn stop_all(
    connection: &Connection<'_>,
    servers: Vec<(Place, String)>,
    suspended: &str,
) -> Vec<Failure> {
    let told: Vec<(OneServer<'_>, Result<(), Failure>)> = servers
        .into_iter()
        .filter_map(|(place, slug)| {
            let server = OneServer { connection, place, slug };
            let told = match server.post(&format!("/stop?suspended={}", segment(suspended))) {
                // Restarted in between, it does not have it any more.
                Err(failure) if failure.fields.iter().any(|field| field == "suspended") => return None,
                // It stops already, or has.
                Err(failure) if failure.code.as_deref() == Some("conflict") => Ok(()),
                told => told.map(|_| ()),
            };
            Some((server, told))
        })
        .collect();
    let mut failures = Vec::new();
    for (server, told) in told {
        if let Err(failure) = told.and_then(|()| lifecycle::stopped(&server)) {
            connection.out.warn(&format!(
                "{} in {}: {}",
                crate::text::escape(&server.slug),
                server.place,
                failure.message
            ));
            failures.push(failure);
        }
    }
    failures
}
