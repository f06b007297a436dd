//! Looking for values where none may be.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// The forms of values that are looked for, each as lines.
pub(crate) struct Forms(Vec<(&'static str, String)>);

impl Forms {
    /// Six encodings of a value. Each line of it is looked for by itself.
    pub(crate) fn of(value: &str) -> Self {
        let lower: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        let escaped = serde_json::json!(value).to_string();
        Self(vec![
            ("raw", value.to_owned()),
            ("base64", (0..3).map(|before| base64_after(before, value)).collect::<Vec<_>>().join("\n")),
            ("hex", lower.clone()),
            ("HEX", lower.to_uppercase()),
            ("URL", percent(value)),
            ("JSON", escaped[1..escaped.len() - 1].to_owned()),
        ])
    }

    /// Each encoding's name and text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, text)| (*name, text.as_str()))
    }
}

/// What is looked for, and where it was copied to be looked at: what changes while one looks.
pub(crate) struct Sweep {
    folder: TempDir,
    patterns: PathBuf,
}

impl Sweep {
    /// Looks for these values.
    pub(crate) fn for_values<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut lines = BTreeSet::new();
        for value in values {
            let forms = Forms::of(value);
            lines.extend(forms.iter().flat_map(|(_, text)| text.lines()).map(str::to_owned));
        }
        assert!(lines.iter().all(|line| line.len() >= 16), "a short line is found anywhere");
        let patterns = folder.path().join("patterns");
        fs::write(&patterns, lines.into_iter().collect::<Vec<_>>().join("\n")).unwrap();
        Self { folder, patterns }
    }

    /// The files at or below a path that hold one of them.
    pub(crate) fn files(&self, path: &Path) -> Vec<String> {
        let output = Command::new("grep")
            .args(["--recursive", "--text", "--fixed-strings", "--files-with-matches", "--file"])
            .args([&self.patterns, path])
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)) && said.is_empty(), "grep: {said}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Whether these bytes hold one of them.
    pub(crate) fn hits(&self, bytes: &[u8]) -> bool {
        let copy = self.folder.path().join("copy");
        fs::write(&copy, bytes).unwrap();
        !self.files(&copy).is_empty()
    }

    /// The pids among these whose file in `/proc` holds one of them.
    pub(crate) fn pids(&self, pids: &[i32], file: &str) -> Vec<i32> {
        let copies = self.folder.path().join("proc");
        fs::create_dir(&copies).unwrap();
        for pid in pids {
            // One that has ended, or that this account may not look at, has nothing to show.
            if let Ok(content) = fs::read(format!("/proc/{pid}/{file}")) {
                fs::write(copies.join(pid.to_string()), content).unwrap();
            }
        }
        let found = self.files(&copies);
        fs::remove_dir_all(&copies).unwrap();
        found.iter().map(|path| Path::new(path).file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
    }
}

/// The characters of a value's base64 that stay the same whatever surrounds it, when so many bytes are before it
/// (RFC 4648).
fn base64_after(before: usize, value: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(value.bytes()).collect();
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let first = (before * 8).div_ceil(6);
    let sextet = |at: usize| (0..6).fold(0, |sum, more| sum << 1 | bit(at * 6 + more));
    (first..bytes.len() * 8 / 6).map(|at| char::from(ALPHABET[sextet(at)])).collect()
}

fn percent(value: &str) -> String {
    let each = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(each).collect()
}
