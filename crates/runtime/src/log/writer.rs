use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{FILES_KEPT, LARGEST_FILE, files};

/// Appends to one server's log.
pub(crate) struct Writer {
    folder: PathBuf,
    file: File,
    /// The offset of the open file's first byte.
    start: u64,
    /// How much is in the open file.
    length: u64,
}

impl Writer {
    /// Goes on where the log ends; makes it when it isn't there.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let (start, length) = files::list(folder)?.last().map_or((0, 0), |last| (last.start, last.length));
        Ok(Self { file: append(folder, start)?, folder: folder.to_owned(), start, length })
    }

    /// Appends; what it can't write (a full disk) it leaves out, whole bytes at the end.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.length >= LARGEST_FILE {
                self.rotate()?;
            }
            let room = usize::try_from(LARGEST_FILE - self.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let written = self.file.write_all(now);
            self.length = self.file.metadata()?.len();
            written?;
            bytes = later;
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let start = self.start + self.length;
        self.file = append(&self.folder, start)?;
        (self.start, self.length) = (start, 0);
        let segments = files::list(&self.folder)?;
        for old in &segments[..segments.len().saturating_sub(FILES_KEPT)] {
            fs::remove_file(&old.path)?;
        }
        Ok(())
    }

    /// Makes sure that what was written survives a loss of power.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn append(folder: &Path, start: u64) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(files::path(folder, start))
}
