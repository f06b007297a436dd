//! A server's log: read, followed, resumed, and masked.

use std::{fs, time::Duration};

use serde_json::json;

use crate::support::*;

/// Writes lines with characters of every length, in pieces that cut them, until it is told that it is enough.
const WRITES: &str = r#"
n=0
while [ ! -e enough ]; do
    n=$((n+1)); printf 'line %s é' $n; printf '\342\202'; printf '\254 \360\237'; printf '\230\200\n'; sleep 0.02
done
echo end
exec sleep 1000
"#;

#[test]
fn a_log_is_followed_and_resumed_without_losing_or_doubling_a_byte() {
    let mut house = House::new();
    let server = house.server("writes", WRITES);
    server.start();
    let path = server.path();
    let collaborator = house.collaborator();
    let (mut text, mut last) = (String::new(), None);
    for upto in ["line 10 ", "line 30 ", "line 60 "] {
        let follower = Follower::of(&collaborator, &path, last);
        // What came before may hold it already; then one more piece is enough.
        let (more, id) = follower.text_until(|more| !more.is_empty() && format!("{text}{more}").contains(upto));
        text.push_str(&more);
        last = Some(id);
        // The second time the control plane goes, too.
        if upto == "line 30 " {
            house.crash();
        }
    }
    fs::write(house.home(LAB).join("enough"), "").unwrap();
    let server = house.known_server(LAB, "writes");
    server.logs("end\n");
    text.push_str(&Follower::of(&collaborator, &path, last).text_until(|text| text.ends_with("end\n")).0);
    assert_eq!(text, server.log());
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in (1..).zip(&lines[..lines.len() - 1]) {
        assert_eq!(*line, format!("line {number} é€ 😀"));
    }
}

#[test]
fn the_last_lines_are_as_many_as_asked_for() {
    let house = House::new();
    let server = house.server("counts", "for n in 1 2 3 4 5; do echo $n; done; exec sleep 1000");
    server.start();
    server.logs("5\n");
    let last = |lines: &str| house.owner.get(&format!("{}/logs?lines={lines}", server.path()));
    assert_eq!(last("2").expect(200).text, "4\n5\n");
    for nonsense in ["0", "-1", "10001", "many"] {
        last(nonsense).expect(422);
    }
    // An administrator may see the server, but what its program says is the workspace's.
    house.administrator.get(&format!("{}/logs", server.path())).expect(403);
}

#[test]
fn what_can_not_be_resumed_is_a_gap() {
    let house = House::new();
    let server = house.server("writes", "echo one; echo two; exec sleep 1000");
    server.start();
    server.logs("two\n");
    // Beyond the end: as after a log that was deleted.
    let follower = Follower::of(&house.owner, &server.path(), Some(1_000_000));
    assert_eq!(follower.next().name, "gap");
    // Before the beginning of what is kept: as after a rotation.
    server.stop();
    let folder = fs::read_dir(house.control_plane.data().join("logs")).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(format!("{:020}.log", 5000)), "kept\n").unwrap();
    let follower = Follower::of(&house.owner, &server.path(), Some(4));
    assert_eq!(follower.next().name, "gap");
    assert_eq!(follower.next(), Event { name: "log".to_owned(), id: Some(5005), text: "kept\n".to_owned() });
}

#[test]
fn values_are_masked_in_every_listed_form_also_when_they_are_written_in_pieces() {
    const PRINTS: &str = r#"
import base64, json, os, sys, time, urllib.parse
value = os.environ["KEY"]
forms = [value, base64.b64encode(value.encode()).decode(), urllib.parse.quote(value, safe=""), json.dumps(value)[1:-1]]
for form in forms:
    for upto in (1, len(form) // 2, len(form) - 1):
        sys.stdout.write("<" + form[:upto])
        sys.stdout.flush()
        time.sleep(0.05)
        sys.stdout.write(form[upto:] + ">\n")
        sys.stdout.flush()
print("end", flush=True)
time.sleep(1000)
"#;
    let house = House::new();
    let value = "to be masked: \"q/ö\" + 100 %";
    house.workspace_secret("KEY", value);
    let command = json!(["/usr/bin/python3", "-c", PRINTS]);
    let server = house.server_in(LAB, json!({ "name": "prints", "command": command }));
    server.start();
    assert_eq!(server.logs("end\n"), "<‹KEY›>\n".repeat(12) + "end\n");
    let sweep = Sweep::for_values([value]);
    assert!(sweep.files(&house.control_plane.data()).is_empty());
    assert!(!sweep.hits(&house.transcript()));
    assert!(sweep.hits(format!("<{value}>").as_bytes()), "the search finds it where it is");
}

#[test]
fn a_collaborator_whose_access_is_taken_away_follows_no_further() {
    let house = House::new();
    let script = "while [ ! -e after ]; do echo before; sleep 0.05; done; while :; do echo after; sleep 0.05; done";
    let server = house.server("talks", script);
    server.start();
    let collaborator = house.collaborator();
    let theirs = Follower::of(&collaborator, &server.path(), None);
    let owners = Follower::of(&house.owner, &server.path(), None);
    theirs.text_until(|text| text.contains("before\n"));
    house.owner.delete(&format!("{LAB}/collaborators/{}", collaborator.email)).expect(204);
    fs::write(house.home(LAB).join("after"), "").unwrap();
    owners.text_until(|text| text.contains("after\nafter\nafter\n"));
    let rest: String = theirs.to_end().into_iter().map(|event| event.text).collect();
    assert!(!rest.contains("after"), "{rest}");
    collaborator.get(&format!("{}/logs", server.path())).expect(404);
    assert!(!owners.is_quiet(Duration::from_secs(10)), "the owner's stream goes on");
}
