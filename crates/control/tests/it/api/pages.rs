//! Lists: limits, cursors, filters and orders.

use serde_json::{Value, json};

use crate::{
    both,
    support::{Actor, LAB},
};

const WORKSPACES: &str = "/organizations/acme/workspaces";
const SECRETS: &str = "/organizations/acme/secrets";
const ORDERS: [&str; 3] = ["name", "created_at", "updated_at"];

/// The ids of a whole list, read in pages of so many.
async fn walk(person: &Actor, list: &str, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("{list}?limit={limit}&{query}{cursor}")).await.expect(200);
        let read = page.each("id");
        assert!(read.len() <= limit);
        ids.extend(read);
        let Some(next) = page.json()["next_cursor"].as_str().map(str::to_owned) else { return ids };
        assert_eq!(page.each("id").len(), limit, "only the last page is short");
        cursor = format!("&cursor={next}");
    }
}

both! {
    async fn a_list_reads_the_same_in_any_pages_and_backwards(house) {
        for number in 0..4 {
            // The same name for all: only the id tells them apart.
            let body = json!({ "name": "Twin", "slug": format!("twin-{number}") });
            house.owner.post(WORKSPACES, body).await.expect(201);
            let body = json!({ "name": "Twin", "slug": format!("twin-{number}"), "command": ["x"] });
            house.owner.post(&format!("{LAB}/servers"), body).await.expect(201);
            let path = format!("{SECRETS}/KEY_{number}");
            house.administrator.put(&path, json!({ "value": "k-1234567890" })).await.expect(201);
        }
        house.owner.put(&format!("{LAB}/secrets/KEY_1"), json!({ "value": "k-1234567890" })).await.expect(201);
        for person in [&house.member, &house.administrator] {
            house.owner.put(&format!("{LAB}/collaborators/{}", person.email), json!({})).await.expect(204);
        }
        // Whatever was made first is changed last.
        house.owner.patch(LAB, json!({ "description": "changed" })).await.expect(200);
        house.administrator.patch(&format!("{SECRETS}/KEY_0"), json!({ "description": "changed" })).await.expect(200);
        house.owner.patch(&format!("{LAB}/servers/twin-0"), json!({ "command": ["y"] })).await.expect(200);

        let [servers, collaborators, available] = ["servers", "collaborators", "secrets"].map(|list| format!("{LAB}/{list}"));
        let people = ["/organizations/acme/members", &collaborators];
        let lists = [WORKSPACES, SECRETS, &servers, people[0], people[1], &available];
        for (list, length) in lists.into_iter().zip([5, 4, 4, 4, 3, 5]) {
            for order in ORDERS {
                let whole = house.administrator.get(&format!("{list}?sort={order}")).await.expect(200);
                assert_eq!(whole.each("id").len(), length);
                if !people.contains(&list) {
                    assert!(whole.each(order).is_sorted(), "{list} by {order}");
                }
                for limit in [1, 2, 4] {
                    assert_eq!(walk(&house.administrator, list, &format!("sort={order}"), limit).await, whole.each("id"));
                }
                let mut back = walk(&house.administrator, list, &format!("sort=-{order}"), 3).await;
                back.reverse();
                assert_eq!(back, whole.each("id"), "{list} by -{order}");
            }
            let by_name = house.administrator.get(&format!("{list}?sort=name")).await.each("id");
            assert_eq!(house.administrator.get(list).await.each("id"), by_name, "by name unless asked otherwise");
        }
        let twice = house.owner.get(&format!("{available}?q=key_1")).await.json();
        assert_eq!((&twice["items"][0]["overrides"], &twice["items"][1]["overridden"]), (&json!(true), &json!(true)));
        let newest = house.owner.get(&format!("{available}?sort=-created_at&limit=2")).await.json();
        let scopes = |row: &Value| (row["name"].clone(), row["scope"].clone());
        assert_eq!(scopes(&newest["items"][0]), (json!("KEY_1"), json!("workspace")));
        assert_eq!(scopes(&newest["items"][1]), (json!("KEY_3"), json!("organization")));
        let touched = house.owner.get(&format!("{available}?sort=-updated_at")).await.each("name");
        assert_eq!(touched, ["KEY_0", "KEY_1", "KEY_3", "KEY_2", "KEY_1"]);
        let made = house.administrator.get(&format!("{SECRETS}?sort=created_at")).await.each("name");
        assert_eq!(made, ["KEY_0", "KEY_1", "KEY_2", "KEY_3"]);
        let changed = house.administrator.get(&format!("{SECRETS}?sort=-updated_at")).await.each("name");
        assert_eq!(changed, ["KEY_0", "KEY_3", "KEY_2", "KEY_1"]);
        assert_eq!(house.owner.get(&format!("{WORKSPACES}?sort=-updated_at&limit=1")).await.each("slug"), ["lab"]);
    }

    async fn names_are_sorted_by_their_bytes(house) {
        for name in ["b", "B", "_A", "A", "a"] {
            house.administrator.put(&format!("{SECRETS}/{name}"), json!({ "value": "k-1234567890" })).await.expect(201);
        }
        assert_eq!(house.administrator.get(SECRETS).await.each("name"), ["A", "B", "_A", "a", "b"]);
        let back = house.administrator.get(&format!("{SECRETS}?sort=-name")).await;
        assert_eq!(back.each("name"), ["b", "a", "_A", "B", "A"]);
        assert_eq!(house.owner.get(&format!("{LAB}/secrets")).await.each("name"), ["A", "B", "_A", "a", "b"]);
    }

    async fn a_filter_finds_names_by_any_part_literally(house) {
        for name in ["AB", "A_B", "aXb"] {
            house.administrator.put(&format!("{SECRETS}/{name}"), json!({ "value": "k-1234567890" })).await.expect(201);
        }
        for list in [SECRETS, &format!("{LAB}/secrets")] {
            let filter = async |text: &str| house.administrator.get(&format!("{list}?q={text}")).await.expect(200);
            assert_eq!(filter("a_b").await.each("name"), ["A_B"], "an underscore is one");
            assert_eq!(filter("%25").await.each("name"), [""; 0], "a percent sign is one");
            assert_eq!(filter("%5C").await.each("name"), [""; 0]);
            assert_eq!(filter("B").await.each("name"), ["AB", "A_B", "aXb"]);
            assert_eq!(filter("x").await.each("name"), ["aXb"]);
            assert_eq!(filter("").await.each("name").len(), 3);
        }
        for (name, slug) in [("100 % Öl", "oel"), ("Back\\slash", "backslash")] {
            house.owner.post(WORKSPACES, json!({ "name": name, "slug": slug })).await.expect(201);
        }
        for (text, slug) in
            [("%25", "oel"), ("%C3%96l", "oel"), ("%C3%96L", "oel"), ("%5C", "backslash"), ("LASH", "backslash")]
        {
            assert_eq!(house.owner.get(&format!("{WORKSPACES}?q={text}")).await.each("slug"), [slug], "{text}");
        }
        assert_eq!(walk(&house.owner, WORKSPACES, "q=a", 1).await.len(), 2, "a filter goes along with the cursor");
    }

    async fn a_page_holds_fifty_unless_asked_and_never_more_than_two_hundred(house) {
        for number in 0..51 {
            let path = format!("{LAB}/secrets/KEY_{number:02}");
            house.owner.put(&path, json!({ "value": "k-1234567890" })).await.expect(201);
        }
        let list = format!("{LAB}/secrets");
        let first = house.owner.get(&list).await.expect(200);
        assert_eq!(first.each("name").len(), 50);
        assert!(first.json()["next_cursor"].is_string());
        let whole = house.owner.get(&format!("{list}?limit=200")).await.expect(200);
        assert_eq!((whole.each("name").len(), whole.json()["next_cursor"].is_null()), (51, true));
        assert_eq!(walk(&house.owner, &list, "", 17).await, whole.each("id"));
        for list in [list.as_str(), WORKSPACES, "/organizations/acme/members", &format!("{LAB}/servers"), &format!("{LAB}/collaborators")] {
            for limit in ["0", "201", "-1", "9999999999999999999", "x", ""] {
                let refused = house.owner.get(&format!("{list}?limit={limit}")).await.expect(422).refused();
                assert!(["limit", "query"].contains(&refused[0].0.as_str()));
            }
        }
    }

    async fn a_query_that_nobody_offered_is_refused(house) {
        house.owner.post(WORKSPACES, json!({ "name": "Second" })).await.expect(201);
        let by_name = house.owner.get(&format!("{WORKSPACES}?limit=1")).await.json();
        let cursor = by_name["next_cursor"].as_str().unwrap();
        for query in [
            format!("cursor={cursor}&sort=created_at"),
            format!("cursor={}", &cursor[2..]),
            "cursor=".to_owned(),
            "cursor=zz".to_owned(),
            // [0,"\u0000","x"]
            "cursor=5b302c225c7530303030222c2278225d".to_owned(),
        ] {
            house.owner.get(&format!("{WORKSPACES}?{query}")).await.expect_refused("cursor", "cursor");
        }
        house.owner.get(&format!("{LAB}/secrets?cursor=x")).await.expect_refused("cursor", "cursor");
        for query in ["sort=", "sort=size", "sort=--name", "sort=NAME"] {
            house.owner.get(&format!("{WORKSPACES}?{query}")).await.expect_refused("sort", "sort_unknown");
        }
        for query in ["page=2", "limit=1&limit=2", "q=%00", "hunter2=1"] {
            let answer = house.owner.get(&format!("{WORKSPACES}?{query}")).await.expect_refused("query", "query");
            assert!(!answer.text.contains("hunter2"));
        }
    }
}
