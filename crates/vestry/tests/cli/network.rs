//! A control plane that other machines may reach.

use std::{
    io::{BufRead, BufReader},
    process::Child,
    thread,
};

use crate::support::{Machine, Ran};

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../control/tests/it/certificates/one.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../control/tests/it/certificates/one.key");

/// Ends the control plane with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A machine that trusts the certificate, and no other.
fn trusting() -> Machine {
    Machine::new().with("SSL_CERT_FILE", CERTIFICATE)
}

/// Its first line was a warning about an address of PostgreSQL, which nobody had given.
#[test]
fn no_library_complains_when_a_control_plane_starts() {
    let home = Machine::new().with("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").with("VESTRY_LISTEN", "127.0.0.1:0");
    let serve = ["serve", "--data-dir", "data", "--root-key", "file:key/root.key"];
    let mut serve = Ends(home.command(&serve).spawn().unwrap());
    let said = BufReader::new(serve.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let beginning: Vec<String> = said.take_while(|line| !line.contains("Vestry listens on")).collect();
    assert!(beginning.iter().all(|line| !line.contains("sqlx")), "{beginning:#?}");
}

fn set_up(machine: &Machine, url: &str, code: &str) -> Ran {
    let line = format!(
        "setup --url {url} --setup-code {code} --email mina@acme.example --name Mina --organization Acme --password-stdin"
    );
    machine.run_with(&line, "a long password\n")
}

#[test]
fn beyond_this_machine_it_listens_with_an_https_address_only() {
    let machine = Machine::new();
    let ran = machine.run("serve --listen 0.0.0.0:0 --data-dir data --root-key file:key/root.key");
    insta::assert_snapshot!(ran.session(), @r"
    stderr:
      error: 0.0.0.0:0 can be reached from other machines, and there is no https address for them; nothing was started
      help:  with a certificate:  --public-url https://vestry.example.org --tls-cert FILE --tls-key FILE
             behind a proxy that does TLS:  --public-url https://vestry.example.org --trusted-proxy ADDRESS
             or listen on 127.0.0.1, and reach it through an SSH tunnel
    exit 78
    ");
    assert!(!machine.project().join("data").exists());
}

#[test]
fn whoever_trusts_its_certificate_signs_in_and_nobody_else_sends_anything() {
    let home = Machine::new()
        .with("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .with("VESTRY_LISTEN", "127.0.0.1:0")
        .with("VESTRY_TLS_CERT", CERTIFICATE)
        .with("VESTRY_TLS_KEY", KEY)
        .with("VESTRY_TRUSTED_PROXY", "192.0.2.1,2001:db8::/32");
    let mut serve =
        Ends(home.command(&["serve", "--data-dir", "data", "--root-key", "file:key/root.key"]).spawn().unwrap());
    let mut said = BufReader::new(serve.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut after = |mark: &str| said.find_map(|line| Some(line.split_once(mark)?.1.to_owned())).unwrap();
    let url = after("Vestry listens on ").replace("127.0.0.1", "localhost");
    let code = after("Set-up code, once:  ");
    thread::spawn(move || said.for_each(drop));
    assert!(url.starts_with("https://localhost:"), "{url}");

    let ran = set_up(&Machine::new(), &url, &code);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains("could not be trusted, and nothing was sent"), "{ran:?}");
    let machine = trusting();
    assert_eq!(set_up(&machine, &url, &code).code, Some(0));
    assert_eq!(machine.run("whoami").code, Some(0));
}
