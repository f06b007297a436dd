//! The way between a control plane and its PostgreSQL, which a test may cut.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// How `COMMIT` stands in a message of PostgreSQL's protocol.
const COMMIT: &[u8] = b"COMMIT\0";

/// A port that leads to PostgreSQL's socket. Its threads end with the connections.
pub(crate) struct Wire {
    port: u16,
    cuts: Arc<Cuts>,
}

#[derive(Default)]
struct Cuts {
    /// So many commits from now on, the answer to one is kept back and its connection ends. 0 for none.
    commit: AtomicUsize,
    /// Connections that were opened before are lost without a word: nothing is passed on, and nobody is told.
    lost: AtomicUsize,
    opened: AtomicUsize,
}

impl Wire {
    pub(super) fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::<Cuts>::default();
        let known = cuts.clone();
        thread::spawn(move || {
            for near in listener.incoming() {
                let number = known.opened.fetch_add(1, Ordering::SeqCst);
                connect(near.unwrap(), &socket, &known, number);
            }
        });
        Self { port, cuts }
    }

    /// PostgreSQL's address over it.
    pub(super) fn url(&self) -> String {
        format!("postgres://vestry@127.0.0.1:{}/vestry?sslmode=disable", self.port)
    }

    /// Keeps back what PostgreSQL says to the next commit but `others`, and ends that connection.
    pub(crate) fn keep_back_a_commit_s_answer(&self, others: usize) {
        self.cuts.commit.store(others + 1, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub(crate) fn has_kept_one_back(&self) -> bool {
        self.cuts.commit.load(Ordering::SeqCst) == 0
    }

    /// Loses every connection that is open now. New ones are as good as ever.
    pub(crate) fn lose_all(&self) {
        self.cuts.lost.store(self.cuts.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

fn connect(near: TcpStream, socket: &Path, cuts: &Arc<Cuts>, number: usize) {
    let Ok(far) = UnixStream::connect(socket) else { return };
    let muted = Arc::new(AtomicBool::new(false));
    let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let (known, mute) = (cuts.clone(), muted.clone());
    thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if known.lost.load(Ordering::SeqCst) > number {
                continue;
            }
            let commits = bytes[..length].windows(COMMIT.len()).any(|part| part == COMMIT);
            let count = |left: usize| left.checked_sub(1);
            if commits && known.commit.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) == Ok(1) {
                mute.store(true, Ordering::SeqCst);
            }
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (known, mut from, mut to) = (cuts.clone(), far, near);
    thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if known.lost.load(Ordering::SeqCst) > number {
                continue;
            }
            if muted.load(Ordering::SeqCst) || to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
