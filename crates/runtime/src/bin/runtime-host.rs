//! What the tests start in place of `vestry`: its two subcommands, and a control plane that starts one server, says so,
//! and does nothing until it is killed.

use std::{io::Write, path::PathBuf, process::ExitCode};

use runtime::{Environment, Launch, Runtime, Settings};
use uuid::Uuid;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["supervise", ..] => runtime::supervise(),
        ["shim", ..] => runtime::shim(),
        ["control-plane", directory, how_far, server, script] => {
            match control_plane(directory, how_far, server, script) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let _ = writeln!(std::io::stderr(), "{error}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => ExitCode::FAILURE,
    }
}

#[tokio::main]
async fn control_plane(
    directory: &str,
    how_far: &str,
    server: &str,
    script: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let program = std::env::current_exe()?;
    let runtime = Runtime::new(Settings::new(PathBuf::from(directory), program))?;
    let id: Uuid = server.parse()?;
    let launch = Launch {
        start: id.into(),
        server: id.into(),
        workspace: id.into(),
        workspace_number: 1,
        command: ["sh", "-c", script].map(str::to_owned).into(),
        environment: Environment::new().plain("PATH", "/usr/bin:/bin"),
    };
    let prepared = runtime.prepare(launch).await?;
    let _waiting = match how_far {
        "prepare" => Some(prepared),
        _ => {
            prepared.open().await?;
            None
        }
    };
    writeln!(std::io::stdout(), "{how_far}")?;
    std::future::pending().await
}
