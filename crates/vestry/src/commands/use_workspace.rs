//! `vestry use`.

use crate::{cli::target::WorkspaceArg, exit::Failure, place::Connection, project::Project};

/// Writes the workspace into the directory's `.vestry.toml`, once it is known to exist.
pub(crate) fn run(connection: &Connection<'_>, workspace: &WorkspaceArg) -> Result<(), Failure> {
    let place = connection.place(Some(workspace))?;
    connection.get(&place.path(""))?;
    let address = connection.client.address();
    let project = Project {
        path: connection.settings.project.path.clone(),
        // An address of this machine would mislead whoever shares the file.
        url: (!address.is_local()).then(|| address.to_string()),
        organization: Some(place.organization.clone()),
        workspace: Some(place.workspace.clone()),
    };
    let path = project.write(&connection.settings.directory)?;
    connection.out.say(&format!("using {place} (in {})", path.display()));
    Ok(())
}
