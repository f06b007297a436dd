use std::{net::IpAddr, str::FromStr};

/// A network: an address and how many of its leading bits count (RFC 4632).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cidr {
    /// Its first address.
    pub address: IpAddr,
    /// How many leading bits its addresses share.
    pub prefix: u8,
}

impl Cidr {
    /// The network of this one address.
    pub fn host(address: IpAddr) -> Self {
        Self { address, prefix: longest_prefix(address) }
    }

    /// Whether it is an address of the network. One of IPv4 that is written as one of IPv6 is the same address.
    pub fn contains(self, address: IpAddr) -> bool {
        self.overlaps(Self::host(address.to_canonical()))
    }

    /// Whether the two networks have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = self.prefix.min(other.prefix);
        match (self.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(32 - u32::from(shorter)).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(128 - u32::from(shorter)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

fn longest_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl FromStr for Cidr {
    type Err = ();

    /// `192.0.2.0/24`, `2001:db8::/32`, or an address alone. Bits after the prefix are cleared.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(drop)?;
        let prefix = prefix.map_or(Ok(longest_prefix(address)), |prefix| prefix.parse().map_err(drop))?;
        if prefix > longest_prefix(address) {
            return Err(());
        }
        let address = match address {
            IpAddr::V4(a) => {
                IpAddr::V4((a.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)).into())
            }
            IpAddr::V6(a) => {
                IpAddr::V6((a.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)).into())
            }
        };
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn reads_networks_and_addresses_and_clears_host_bits() {
        assert_eq!(cidr("10.1.2.3/8"), cidr("10.0.0.0/8"));
        assert_eq!(cidr("10.1.2.3"), cidr("10.1.2.3/32"));
        assert_eq!(cidr("2001:db8::1/32"), cidr("2001:db8::/32"));
        assert_eq!(cidr("0.0.0.0/0").prefix, 0);
    }

    #[test]
    fn refuses_what_is_not_a_network() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "example.org", "10.0.0.0/"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn overlap_is_containment_either_way() {
        assert!(cidr("10.0.0.0/8").overlaps(cidr("10.0.2.0/24")));
        assert!(cidr("10.0.2.15").overlaps(cidr("10.0.2.0/24")));
        assert!(cidr("0.0.0.0/0").overlaps(cidr("192.0.2.1")));
        assert!(!cidr("10.0.3.15").overlaps(cidr("10.0.2.0/24")));
        assert!(!cidr("::/0").overlaps(cidr("10.0.2.0/24")));
    }

    #[test]
    fn an_address_is_the_same_in_both_spellings() {
        for spelling in ["10.1.2.3", "::ffff:10.1.2.3"] {
            assert!(cidr("10.0.0.0/8").contains(spelling.parse().unwrap()), "{spelling}");
            assert!(!cidr("11.0.0.0/8").contains(spelling.parse().unwrap()), "{spelling}");
        }
        assert!(cidr("2001:db8::/32").contains("2001:db8::1".parse().unwrap()));
    }
}
