//! What the API and the pages have in common: who calls, for whom a request is, what its parts mean, and the id, log and
//! headers of every answer.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod fields;
pub(crate) mod front;
pub(crate) mod paging;
pub(crate) mod path;
