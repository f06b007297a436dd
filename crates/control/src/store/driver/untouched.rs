//! A connection that changes nothing: no table, no setting, and none of the files beside an embedded database.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::{AnyConnection, Connection as _, sqlite::SqliteConnectOptions};

use super::{Connection, Dialect, Result};

/// A database to look at.
pub(in crate::store) struct Untouched {
    /// The connection.
    pub(in crate::store) db: Connection,
    /// Which database it is.
    pub(in crate::store) dialect: Dialect,
    /// The embedded database's file.
    pub(in crate::store) file: Option<PathBuf>,
}

/// Connects to a database to look at it. `None` where there is no embedded database yet.
///
/// # Errors
/// When it can't be opened or reached.
pub(in crate::store) async fn connect(url: &str) -> Result<Option<Untouched>> {
    sqlx::any::install_default_drivers();
    if !url.starts_with("sqlite:") {
        let mut db = AnyConnection::connect(url).await?;
        super::sql("SET default_transaction_read_only = on").execute(&mut db).await?;
        return Ok(Some(Untouched { db, dialect: Dialect::Postgres, file: None }));
    }
    let file = SqliteConnectOptions::from_str(url)?.get_filename().to_owned();
    if !file.try_exists().map_err(sqlx::Error::Io)? {
        return Ok(None);
    }
    let db = match AnyConnection::connect(&address(&file, is_open(&file))).await {
        // The last of its users may have closed it meanwhile.
        Err(_) if !is_open(&file) => AnyConnection::connect(&address(&file, false)).await?,
        connected => connected?,
    };
    Ok(Some(Untouched { db, dialect: Dialect::Sqlite, file: Some(file) }))
}

/// Whether a file's header says that it is kept with a write-ahead log (SQLite's file format, 1.3.3); `None` where it has
/// none.
pub(in crate::store) fn has_write_ahead_log(file: &Path) -> Option<bool> {
    let mut header = [0; 20];
    File::open(file).and_then(|mut file| file.read_exact(&mut header)).ok()?;
    Some(header[18..] == [2, 2])
}

/// Whether somebody has it open, or left it so in a crash: then part of its content is in the files beside it.
fn is_open(file: &Path) -> bool {
    ["-wal", "-shm"].iter().all(|suffix| {
        let mut beside = file.as_os_str().to_owned();
        beside.push(suffix);
        Path::new(&beside).exists()
    })
}

/// SQLite would make the files beside a database even for a reader, unless it is told that nobody else has it open; and
/// would write to them, unless it is told not to.
fn address(file: &Path, open: bool) -> String {
    let path = escaped(&file.to_string_lossy());
    match open {
        true => format!("sqlite:{}?mode=ro", escaped(&format!("file:{path}?readonly_shm=1"))),
        false => format!("sqlite:{path}?mode=ro&immutable=1"),
    }
}

fn escaped(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    escaped.collect()
}
