//! The golden table, read.

use axum::http::Method;

/// The columns, in their order.
pub const CALLERS: [&str; 15] = [
    "admin",
    "owner",
    "collab",
    "member",
    "removed",
    "foreign",
    "nobody",
    "admin.read",
    "owner.read",
    "admin.plain",
    "revoked",
    "admin.site",
    "owner.site",
    "token",
    "token.attic",
];

/// One operation with the answers it must give.
pub struct Row {
    pub method: Method,
    pub path: &'static str,
    pub targets: Vec<Target>,
}

/// One kind of target of an operation.
pub struct Target {
    /// What the request names, in its order, or `-` where that is nothing.
    pub label: &'static str,
    /// The status for each caller.
    pub expected: Vec<u16>,
}

impl Row {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it only reads: what a preview is asked comes in a body.
    pub fn reads(&self) -> bool {
        self.method == Method::GET || self.path.ends_with("/preview")
    }

    /// What the request names, in the order of the labels: in its address, or in its body, as a run's workspace is.
    pub fn addressed(&self) -> Vec<&'static str> {
        match self.path {
            "/api/v1/runs" => vec!["{organization}", "{workspace}"],
            path => path.split('/').filter(|part| part.starts_with('{')).collect(),
        }
    }
}

/// The rows of `table.txt`: an operation begins at the margin, its targets are indented.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let lines = include_str!("table.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let first = words.next().expect("a word");
        match (first, line.starts_with(' ')) {
            ("caller", _) => assert_eq!(words.collect::<Vec<_>>(), CALLERS, "{line}"),
            (method, false) => rows.push(Row {
                method: method.parse().expect("a method"),
                path: words.next().expect("a path"),
                targets: Vec::new(),
            }),
            (label, true) => {
                let expected: Vec<u16> = words.map(|status| status.parse().expect("a status")).collect();
                assert_eq!(expected.len(), CALLERS.len(), "{line}");
                rows.last_mut().expect("an operation above").targets.push(Target { label, expected });
            }
        }
    }
    rows
}
