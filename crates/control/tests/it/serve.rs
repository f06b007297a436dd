//! What happens on real connections.

mod limits;
mod tls;

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use control::{Door, Limits, Tls, site::Site};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{
    both,
    support::{Actor, House},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A control plane that listens on loopback until it is told to stop.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Served {
    async fn start(house: &House) -> Self {
        Self::with(house, Limits::default(), Site::loopback(), None).await
    }

    async fn with(house: &House, limits: Limits, site: Site, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, told) = oneshot::channel::<()>();
        let told = async move { told.await.unwrap_or_default() };
        let ended = tokio::spawn(control::serve(house.app.clone(), Door { listener, tls, site, limits }, told));
        Self { address, stop, ended }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }

    async fn connect(&self) -> TcpStream {
        self.connect_from([127, 0, 0, 1].into()).await
    }

    /// A connection from another of this machine's own addresses.
    async fn connect_from(&self, from: IpAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(self.address).await.unwrap().into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Whether somebody at another address is answered.
    async fn answers_others(&self) -> bool {
        let mut stream = self.connect_from([127, 0, 0, 9].into()).await;
        blocking(move || {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            status(&mut stream) == 200
        })
        .await
    }
}

/// The head of a request with the token of an actor.
fn head(actor: &Actor, line: &str, more: &str) -> String {
    let token = actor.token().map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("{line} HTTP/1.1\r\nhost: localhost\r\n{token}{more}\r\n")
}

/// The head of the next answer; the body is left unread.
fn answer_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// The status of the next answer.
fn status(stream: &mut impl Read) -> u16 {
    answer_head(stream).split(' ').nth(1).unwrap().parse().unwrap()
}

/// Waits until the other side has ended the connection, one way or the other.
fn wait_for_end(stream: &mut impl Read) {
    let mut bytes = [0; 64 * 1024];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let waited = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!waited, "the connection is still open");
                return;
            }
        }
    }
}

/// Runs what blocks beside the control plane.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

both! {
    async fn a_refused_body_is_answered_and_not_cut_off(house) {
        let served = Served::start(&house).await;
        let secret = "PUT /api/v1/organizations/acme/secrets/HF_TOKEN";
        let unknown = "PUT /api/v1/organizations/none/secrets/HF_TOKEN";
        let callers = [
            (&house.administrator, secret, 413),
            (&house.anonymous, secret, 401),
            (&house.member, secret, 403),
            (&house.member, unknown, 404),
            (&house.member, "POST /api/v1/nothing", 404),
        ];
        for (actor, line, expected) in callers {
            for size in [600 * 1024, 2 * 1024 * 1024] {
                let head = head(actor, line, &format!("content-length: {size}\r\n"));
                for _ in 0..50 {
                    let (head, mut stream) = (head.clone(), served.connect().await);
                    let answered = blocking(move || {
                        stream.write_all(head.as_bytes()).unwrap();
                        stream.write_all(&vec![b'x'; size]).unwrap();
                        status(&mut stream)
                    });
                    assert_eq!(answered.await, expected);
                }
            }
        }
        served.stop().await;
    }

    async fn a_body_that_is_too_large_by_its_own_account_is_refused_before_it_comes(house) {
        let served = Served::start(&house).await;
        let secret = "PUT /api/v1/organizations/acme/secrets/HF_TOKEN";
        for (actor, expected) in [(&house.administrator, 413), (&house.member, 403), (&house.anonymous, 401)] {
            let head = head(actor, secret, "content-length: 600000\r\n");
            let mut stream = served.connect().await;
            let answered = blocking(move || {
                stream.write_all(head.as_bytes()).unwrap();
                // Less than anything that is waited for before a body is given up.
                stream.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
                status(&mut stream)
            });
            assert_eq!(answered.await, expected);
        }
        served.stop().await;
    }

    async fn who_asks_before_sending_a_refused_body_is_not_asked_for_it(house) {
        let served = Served::start(&house).await;
        let more = "content-length: 600000\r\nexpect: 100-continue\r\n";
        let head = head(&house.anonymous, "PUT /api/v1/organizations/acme/secrets/HF_TOKEN", more);
        let mut stream = served.connect().await;
        let answered = blocking(move || {
            stream.write_all(head.as_bytes()).unwrap();
            status(&mut stream)
        });
        assert_eq!(answered.await, 401);
        served.stop().await;
    }

    async fn what_names_another_host_in_any_way_is_misdirected(house) {
        let served = Served::start(&house).await;
        let table = [
            ("GET /healthz HTTP/1.1\r\nhost: localhost\r\n", 200),
            ("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:8460\r\n", 200),
            ("GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\n", 200),
            ("GET /healthz HTTP/1.0\r\nhost: localhost\r\n", 200),
            ("GET /healthz HTTP/1.0\r\n", 421),
            ("GET /healthz HTTP/1.1\r\n", 421),
            ("GET /healthz HTTP/1.1\r\nhost: \r\n", 421),
            ("GET /healthz HTTP/1.1\r\nhost: rebound.test\r\n", 421),
            ("GET /healthz HTTP/1.1\r\nhost: rebound.test:8460\r\n", 421),
            ("GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: rebound.test\r\n", 421),
            ("GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n", 421),
            ("GET http://rebound.test/healthz HTTP/1.1\r\nhost: localhost\r\n", 421),
            ("GET http://localhost/healthz HTTP/1.1\r\nhost: rebound.test\r\n", 421),
            ("GET http://localhost/healthz HTTP/1.0\r\n", 421),
            ("GET /api/docs HTTP/1.1\r\nhost: rebound.test\r\n", 421),
            ("GET /no/such/address HTTP/1.1\r\nhost: rebound.test\r\n", 421),
            ("POST /api/v1/sessions HTTP/1.1\r\nhost: rebound.test\r\nx-forwarded-host: localhost\r\n", 421),
        ];
        for (head, expected) in table {
            let mut stream = served.connect().await;
            let answered = blocking(move || {
                stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
                status(&mut stream)
            });
            assert_eq!(answered.await, expected, "{head}");
        }
        served.stop().await;
    }
}
