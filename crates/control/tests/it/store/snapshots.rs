//! The number by which a kept snapshot is known to be out of date.

use serde_json::json;

use super::sql::Sql;
use crate::{both, support::LAB};

const SECRETS: &str = "/organizations/acme/secrets";

both! {
    async fn every_write_that_can_change_an_environment_moves_the_revision(house) {
        let (shared, own) = (format!("{SECRETS}/SHARED"), format!("{LAB}/secrets/OWN"));
        let mut sql = Sql::open(&house).await;
        let mut before = sql.number("SELECT secrets_revision FROM organizations WHERE slug = 'acme'").await;
        macro_rules! moves {
            ($what:expr) => {{
                $what;
                let now = sql.number("SELECT secrets_revision FROM organizations WHERE slug = 'acme'").await;
                assert!(now > before, "{} moved nothing", stringify!($what));
                before = now;
            }};
        }
        let value = json!({ "value": "twelve bytes" });
        moves!(house.administrator.put(&shared, json!({ "value": "twelve bytes", "access": "selected" })).await.expect(201));
        moves!(house.administrator.put(&shared, value.clone()).await.expect(200));
        moves!(house.administrator.put(&format!("{shared}/workspaces/lab"), json!({})).await.expect(200));
        moves!(house.administrator.delete(&format!("{shared}/workspaces/lab")).await.expect(200));
        moves!(house.administrator.patch(&shared, json!({ "access": "all" })).await.expect(200));
        moves!(house.administrator.patch(&shared, json!({ "name": "RENAMED" })).await.expect(200));
        moves!(house.administrator.delete(&format!("{SECRETS}/RENAMED")).await.expect(204));
        moves!(house.owner.put(&own, value.clone()).await.expect(201));
        moves!(sql.execute("UPDATE secrets SET suspended_at = 1 WHERE name = 'OWN'").await);
        moves!(sql.execute("UPDATE secret_versions SET suspended_at = 1").await);
        moves!(sql.execute("UPDATE secret_versions SET sealed = NULL WHERE secret_id IN \
            (SELECT id FROM secrets WHERE name = 'OWN')").await);
        moves!(sql.execute("DELETE FROM secret_versions").await);
        moves!(sql.execute("DELETE FROM selections").await);
        moves!(sql.execute("DELETE FROM secrets").await);
        assert!(before > 0);
    }
}
