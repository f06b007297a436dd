//! A connection that changes nothing: no table, no setting, and none of the files beside an embedded database.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
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

/// How the files of an embedded database lay when the look at it began.
pub struct Files {
    file: PathBuf,
    /// `None`: it was not there.
    seen: Option<Seen>,
    /// Whether it is read together with the log beside it, as everybody does who has it open. Otherwise SQLite is told that
    /// nobody has, and notices nothing of who does after all.
    with_log: bool,
}

/// What changes with every change of a file.
#[derive(PartialEq, Eq)]
struct Seen {
    inode: u64,
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

/// Why what was read of an embedded database may not be what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Somebody began or ended to use it meanwhile, or wrote to the file.
    Changed,
    /// This file beside it holds changes that can't be read without writing.
    Unread(PathBuf),
}

impl Files {
    /// How they lie now; `None` for a database server.
    ///
    /// # Errors
    /// When the file can't be looked at.
    pub fn of(url: &str) -> Result<Option<Self>> {
        if !url.starts_with("sqlite:") {
            return Ok(None);
        }
        let file = SqliteConnectOptions::from_str(url)?.get_filename().to_owned();
        Ok(Some(Self { seen: seen(&file).map_err(sqlx::Error::Io)?, with_log: is_open(&file), file }))
    }

    /// Once the look is over: why nothing can be said, if so.
    pub fn doubt(&self) -> Option<Doubt> {
        if is_open(&self.file) != self.with_log {
            return Some(Doubt::Changed);
        }
        if self.with_log {
            return None;
        }
        match seen(&self.file) {
            Ok(seen) if seen == self.seen => self.seen.as_ref().and_then(|_| self.unread()).map(Doubt::Unread),
            _ => Some(Doubt::Changed),
        }
    }

    /// A log that is not read: SQLite takes it up at the next ordinary start.
    fn unread(&self) -> Option<PathBuf> {
        let logs = ["-wal", "-journal"].map(|suffix| beside(&self.file, suffix));
        logs.into_iter().find(|log| log.metadata().is_ok_and(|log| log.len() > 0))
    }
}

/// Connects to a database to look at it. `None` where there is no embedded database yet. `files`: how those of an embedded
/// one lie.
///
/// # Errors
/// When it can't be opened or reached.
pub(in crate::store) async fn connect(url: &str, files: Option<&Files>) -> Result<Option<Untouched>> {
    sqlx::any::install_default_drivers();
    let Some(Files { file, seen, with_log }) = files else {
        let mut db = AnyConnection::connect(url).await?;
        super::sql("SET default_transaction_read_only = on").execute(&mut db).await?;
        return Ok(Some(Untouched { db, dialect: Dialect::Postgres, file: None }));
    };
    if seen.is_none() {
        return Ok(None);
    }
    let db = AnyConnection::connect(&address(file, *with_log)).await?;
    Ok(Some(Untouched { db, dialect: Dialect::Sqlite, file: Some(file.clone()) }))
}

fn seen(file: &Path) -> io::Result<Option<Seen>> {
    match fs::metadata(file) {
        Ok(found) => Ok(Some(Seen {
            inode: found.ino(),
            length: found.len(),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
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
    ["-wal", "-shm"].iter().all(|suffix| beside(file, suffix).exists())
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// SQLite would make the files beside a database even for a reader, unless it is told that nobody else has it open; and
/// would write to them, unless it is told not to.
fn address(file: &Path, with_log: bool) -> String {
    let path = escaped(&file.to_string_lossy());
    match with_log {
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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::{super::Store, *};

    fn url(folder: &TempDir) -> String {
        format!("sqlite:{}?mode=rwc", folder.path().join("vestry.sqlite").display())
    }

    async fn closed_database() -> TempDir {
        let folder = TempDir::new().unwrap();
        Store::open(&url(&folder)).await.unwrap().close().await;
        folder
    }

    async fn write(store: &Store) {
        let mut writing = store.write_installation().await.unwrap();
        writing.recorded = true;
        super::super::sql("CREATE TABLE another (name TEXT)").execute(&mut writing).await.unwrap();
        writing.commit_now().await.unwrap();
    }

    /// A sound database was called damaged when the control plane started and wrote in the middle of the look.
    #[tokio::test]
    async fn what_changes_during_the_look_is_noticed() {
        let folder = closed_database().await;
        let files = || Files::of(&url(&folder)).unwrap().unwrap();
        let began = files();
        assert_eq!(began.doubt(), None);
        let store = Store::open(&url(&folder)).await.unwrap();
        assert_eq!(began.doubt(), Some(Doubt::Changed), "it was opened");
        let beside = files();
        write(&store).await;
        assert_eq!(beside.doubt(), None, "what was written to the log is read with it");
        store.close().await;
        assert_eq!(beside.doubt(), Some(Doubt::Changed), "it was closed");
        assert_eq!(began.doubt(), Some(Doubt::Changed), "it was opened, written to and closed");
        fs::remove_file(folder.path().join("vestry.sqlite")).unwrap();
        let gone = files();
        assert_eq!(gone.doubt(), None);
        Store::open(&url(&folder)).await.unwrap().close().await;
        assert_eq!(gone.doubt(), Some(Doubt::Changed), "it was made");
    }

    /// The file alone was called whole while the newest of it lay in a log beside it that was not read.
    #[tokio::test]
    async fn a_log_that_is_not_read_leaves_a_doubt() {
        let folder = closed_database().await;
        let store = Store::open(&url(&folder)).await.unwrap();
        write(&store).await;
        let copy = TempDir::new().unwrap();
        for name in ["vestry.sqlite", "vestry.sqlite-wal"] {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let log = copy.path().join("vestry.sqlite-wal");
        let doubt = || Files::of(&url(&copy)).unwrap().unwrap().doubt();
        assert_eq!(doubt(), Some(Doubt::Unread(log.clone())));
        File::create(&log).unwrap();
        assert_eq!(doubt(), None, "it is empty");
        fs::rename(&log, copy.path().join("vestry.sqlite-journal")).unwrap();
        fs::write(copy.path().join("vestry.sqlite-journal"), "pages").unwrap();
        assert!(matches!(doubt(), Some(Doubt::Unread(_))));
        store.close().await;
    }
}
