//! What the tests speak with: a house full of actors, on either database.

mod actor;
mod house;
mod postgres;

pub use actor::{Actor, Answer};
pub use house::{Database, House, LAB, PASSWORD, ROOT_KEY, add_person, boot, new_database, settings, sign_in};

/// Runs a test on SQLite and on PostgreSQL: `both! { async fn what_it_shows(house) { … } }`.
#[macro_export]
macro_rules! both {
    ($(async fn $name:ident($house:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn run($house: $crate::support::House) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run($crate::support::House::build($crate::support::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run($crate::support::House::build($crate::support::Database::Postgres).await).await;
            }
        }
    )*};
}
