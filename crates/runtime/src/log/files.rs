use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// One file of a log.
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// The offset of its first byte in the log.
    pub(super) start: u64,
    /// How many bytes it has.
    pub(super) length: u64,
}

impl Segment {
    pub(super) fn end(&self) -> u64 {
        self.start + self.length
    }
}

/// Where the file with this first offset lies.
pub(super) fn path(folder: &Path, start: u64) -> PathBuf {
    folder.join(format!("{start:020}.log"))
}

/// The files of a log, oldest first; none when the folder isn't there.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let start = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".log")?.parse().ok());
        let (Some(start), Ok(metadata)) = (start, fs::metadata(&path)) else { continue };
        segments.push(Segment { path, start, length: metadata.len() });
    }
    segments.sort_by_key(|segment| segment.start);
    Ok(segments)
}
