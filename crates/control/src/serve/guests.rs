//! How many connections each address has.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::site::own_network;

/// The open connections by address.
#[derive(Clone)]
pub(super) struct Guests {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One open connection; counts until it is dropped.
pub(super) struct Guest {
    address: IpAddr,
    guests: Guests,
}

impl Guests {
    /// None yet, and at most so many from one address.
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// Counts one more connection; `None` when its address has too many.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Guest> {
        let address = own_network(address).address;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        (*count < self.most).then(|| {
            *count += 1;
            Guest { address, guests: self.clone() }
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut open = self.guests.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_no_more_than_its_own_places() {
        let guests = Guests::new(2);
        let admit = |address: &str| guests.admit(address.parse().unwrap());
        let (first, second) = (admit("2001:db8::1"), admit("2001:db8::2"));
        assert!(first.is_some() && second.is_some() && admit("2001:db8::3").is_none());
        let other = admit("192.0.2.1");
        assert!(other.is_some());
        drop(first);
        assert!(admit("2001:db8::4").is_some());
        drop((second, other));
        assert!(guests.open.lock().unwrap().is_empty(), "nothing is kept of who has gone");
    }
}
