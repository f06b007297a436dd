//! What the router knows of pages, so that a page that no test knows of fails one.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::House;

/// Every route of the pages, as `GET /sign-in`, from what the router says of itself.
pub fn all(house: &House) -> BTreeSet<String> {
    let said = format!("{:?}", house.router);
    let (said, _) = said.split_once(", fallback_router: ").expect("the routes come first");
    let (mut paths, mut methods) = (BTreeMap::new(), BTreeMap::new());
    for part in said.split("RouteId(").skip(1) {
        let (id, rest) = part.split_once("): ").expect("an id, and what it is of");
        match rest.strip_prefix('"') {
            Some(path) => drop(paths.insert(id, path.split('"').next().expect("a path"))),
            None => drop(methods.insert(id, rest)),
        }
    }
    assert!(paths.len() > 100 && paths.keys().eq(methods.keys()), "the router speaks of itself otherwise now: {said}");
    let taken = |id: &str, method: &str| !methods[id].contains(&format!("{method}: None"));
    let all = paths.iter().filter(|(_, path)| is_page(path)).flat_map(|(id, path)| {
        let methods = [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];
        methods.into_iter().filter(|(method, _)| taken(id, method)).map(move |(_, name)| format!("{name} {path}"))
    });
    all.collect()
}

fn is_page(path: &str) -> bool {
    !["/api/", "/healthz", "/readyz", "/assets/"].iter().any(|begin| path.starts_with(begin))
}

/// The route that an address is of.
pub fn of<'a>(address: &str, routes: &'a BTreeSet<String>) -> Option<&'a str> {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let fits = |path: &str| {
        let (mut parts, mut wanted) = (address.split('/'), path.split('/'));
        loop {
            match (parts.next(), wanted.next()) {
                (None, None) => return true,
                (Some(part), Some(wanted)) if wanted.starts_with('{') || part == wanted => {}
                _ => return false,
            }
        }
    };
    let mut paths: Vec<&str> = routes.iter().filter_map(|route| route.split_once(' ')).map(|(_, path)| path).collect();
    // What is written out goes before what is variable, as in the router.
    paths.sort_by_key(|path| path.matches('{').count());
    paths.into_iter().find(|path| fits(path))
}
