//! What the server's processes write, on its way into the log.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use domain::Masker;

use crate::log::Writer;

/// So much of what is written before the command is executed is kept, in bytes.
const LONGEST_HELD: usize = 8 * 1024;

/// How much is read at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// Masks what comes out of the pipe. Before the command is executed it only holds it: if the start fails, it is shown
/// with the failure, and the log of the server, whose old process may still be writing, has nothing of it.
pub(super) struct Output {
    pipe: File,
    masker: Masker,
    held: Vec<u8>,
    log: Option<Writer>,
    /// Bytes that couldn't be written since the last that could.
    lost: usize,
}

/// What was in the pipe.
#[derive(PartialEq, Eq)]
pub(super) enum Flow {
    /// Something, and there may be more.
    Some,
    /// Nothing now.
    Nothing,
    /// Nothing any more: nobody can write to it.
    Closed,
}

impl Output {
    /// `pipe` must not block.
    pub(super) fn new(pipe: File) -> Self {
        Self { pipe, masker: Masker::new(&[]), held: Vec::new(), log: None, lost: 0 }
    }

    pub(super) fn pipe(&self) -> &File {
        &self.pipe
    }

    /// Masks these values from now on.
    pub(super) fn mask(&mut self, secrets: &[(&str, &[u8])]) {
        self.masker.finish(&mut self.held);
        self.masker = Masker::new(secrets);
    }

    /// Opens the log; nothing is written to it yet.
    pub(super) fn open_log(&mut self, folder: &Path) -> io::Result<()> {
        self.log = Some(Writer::open(folder)?);
        Ok(())
    }

    /// Takes what is in the pipe now, at most one chunk.
    pub(super) fn take(&mut self) -> Flow {
        let mut chunk = [0; CHUNK];
        match self.pipe.read(&mut chunk) {
            Ok(0) => Flow::Closed,
            Ok(length) => {
                self.masker.push(&chunk[..length], &mut self.held);
                self.pass_on();
                Flow::Some
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Flow::Some,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Flow::Nothing,
            Err(_) => Flow::Closed,
        }
    }

    /// Takes everything that is left, when nobody writes any more.
    pub(super) fn drain(&mut self) {
        while self.take() == Flow::Some {}
        self.masker.finish(&mut self.held);
        self.pass_on();
        if let Some(log) = &self.log {
            let _ = log.sync();
        }
    }

    /// The last that came before the command was executed. Only for a start that failed.
    pub(super) fn held(&mut self) -> String {
        self.log = None;
        self.drain();
        String::from_utf8_lossy(&self.held).into_owned()
    }

    fn pass_on(&mut self) {
        let Some(log) = &mut self.log else {
            let surplus = self.held.len().saturating_sub(LONGEST_HELD);
            self.held.drain(..surplus);
            return;
        };
        if self.lost > 0 {
            // A full disk must not stop the server, and what is missing must not go unsaid.
            let note = format!("\n[{} bytes of the log could not be written]\n", self.lost);
            if log.write(note.as_bytes()).is_ok() {
                self.lost = 0;
            }
        }
        if self.lost > 0 || log.write(&self.held).is_err() {
            self.lost += self.held.len();
        }
        self.held.clear();
    }
}
