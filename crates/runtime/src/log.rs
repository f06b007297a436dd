//! A server's log: what its processes wrote, masked, one stream of bytes over all its starts.
//!
//! `logs/<server id>/<offset of the first byte, 20 digits>.log`: offsets only grow, also when old files are removed.

mod files;
mod writer;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use files::Segment;
pub(crate) use writer::Writer;

/// A file of the log is closed when it has reached this size, in bytes.
pub const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// So many files are kept; what is older is gone.
pub const FILES_KEPT: usize = 4;

/// No tail is longer, in bytes, however few lines it has.
const LONGEST_TAIL: u64 = 256 * 1024;

/// How long a reader that waits for more sleeps between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Reads one server's log. Calls block on the file system only.
#[derive(Clone)]
pub struct Log(PathBuf);

/// A piece of a log.
#[derive(PartialEq, Eq, Debug)]
pub struct Chunk {
    /// The bytes; empty when there is nothing at or after the offset yet.
    pub bytes: Vec<u8>,
    /// The offset of the first of them.
    pub offset: u64,
    /// The offset to read on from.
    pub next: u64,
    /// Whether bytes between the offset asked for and this one are gone.
    pub gap: bool,
}

impl Log {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The offset after the last byte; 0 when nothing was ever written.
    pub fn end(&self) -> io::Result<u64> {
        Ok(files::list(&self.0)?.last().map_or(0, Segment::end))
    }

    /// The last `lines` lines, at most 256 KiB of them, and the offset to read on from.
    pub fn tail(&self, lines: usize) -> io::Result<(Vec<u8>, u64)> {
        let end = self.end()?;
        let start = end.saturating_sub(LONGEST_TAIL);
        let mut bytes = Vec::new();
        let mut next = start;
        while next < end {
            let chunk = self.read_from(next, usize::try_from(end - next).unwrap_or(usize::MAX))?;
            if chunk.bytes.is_empty() {
                break;
            }
            if chunk.gap {
                bytes.clear();
            }
            next = chunk.next;
            bytes.extend_from_slice(&chunk.bytes);
        }
        // The newline that ends the last line begins no other.
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let newline_before =
            text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(lines.saturating_sub(1));
        let from = if lines == 0 { bytes.len() } else { newline_before.map_or(0, |(at, _)| at + 1) };
        Ok((bytes.split_off(from), next))
    }

    /// Up to `max` bytes from an offset on. From an offset after the end: nothing, at the end, with `gap`.
    pub fn read_from(&self, offset: u64, max: usize) -> io::Result<Chunk> {
        loop {
            let segments = files::list(&self.0)?;
            let end = segments.last().map_or(0, Segment::end);
            let Some(segment) = segments.into_iter().find(|segment| offset < segment.end()) else {
                return Ok(Chunk { bytes: Vec::new(), offset: end, next: end, gap: offset != end });
            };
            let from = offset.max(segment.start);
            let mut file = match File::open(&segment.path) {
                // Rotated away since it was listed: look again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            file.seek(SeekFrom::Start(from - segment.start))?;
            let mut bytes = Vec::new();
            file.take(max as u64).read_to_end(&mut bytes)?;
            let next = from + bytes.len() as u64;
            return Ok(Chunk { bytes, offset: from, next, gap: from != offset });
        }
    }

    /// Waits until there is something to read from this offset on, for as long as it takes.
    pub async fn wait_beyond(&self, offset: u64) -> io::Result<()> {
        while self.end()? == offset {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(parts: &[&str]) -> (tempfile::TempDir, Log) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&folder.path().join("server")).unwrap();
        for part in parts {
            writer.write(part.as_bytes()).unwrap();
        }
        let log = Log::new(folder.path().join("server"));
        (folder, log)
    }

    #[test]
    fn a_log_that_was_never_written_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path().join("server"));
        assert_eq!(log.tail(10).unwrap(), (Vec::new(), 0));
        assert_eq!(log.read_from(0, 10).unwrap(), Chunk { bytes: Vec::new(), offset: 0, next: 0, gap: false });
    }

    #[test]
    fn the_tail_is_so_many_lines() {
        let (_folder, log) = log(&["one\ntwo\n", "three\nfour\n"]);
        assert_eq!(log.tail(2).unwrap(), (b"three\nfour\n".to_vec(), 19));
        assert_eq!(log.tail(9).unwrap().0, b"one\ntwo\nthree\nfour\n");
        assert_eq!(log.tail(0).unwrap(), (Vec::new(), 19));
        let (_folder, log) = self::log(&["one\ntwo\nunfinished"]);
        assert_eq!(log.tail(2).unwrap().0, b"two\nunfinished");
    }

    #[test]
    fn reading_goes_on_over_files_and_starts() {
        let (_folder, log) = log(&["one"]);
        Writer::open(&log.0).unwrap().write(b"two").unwrap();
        assert_eq!(log.read_from(1, 100).unwrap().bytes, b"netwo");
        assert_eq!(log.read_from(6, 100).unwrap(), Chunk { bytes: Vec::new(), offset: 6, next: 6, gap: false });
        assert_eq!(log.read_from(1, 2).unwrap(), Chunk { bytes: b"ne".to_vec(), offset: 1, next: 3, gap: false });
    }

    #[test]
    fn what_was_rotated_away_is_a_gap_and_offsets_keep_growing() {
        let block = "x".repeat(1024 * 1024 - 1) + "\n";
        let parts: Vec<&str> = std::iter::repeat_n(block.as_str(), 19).collect();
        let (_folder, log) = log(&parts);
        let total = 19 * 1024 * 1024;
        assert_eq!(log.end().unwrap(), total);
        let chunk = log.read_from(0, 10).unwrap();
        assert!(chunk.gap);
        assert_eq!(chunk.offset, LARGEST_FILE);
        assert_eq!(files::list(&log.0).unwrap().len(), FILES_KEPT);
        assert!(files::list(&log.0).unwrap().iter().all(|segment| segment.length <= LARGEST_FILE));
        assert!(log.read_from(total + 5, 10).unwrap().gap);
        let next = log.read_from(log.read_from(LARGEST_FILE, usize::MAX).unwrap().next, 10).unwrap();
        assert_eq!((next.offset, next.gap), (2 * LARGEST_FILE, false));
    }
}
