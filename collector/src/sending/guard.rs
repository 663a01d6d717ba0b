//! Addresses that nobody sends to unless the operator allows it: whoever may write down a destination must not reach
//! by it what listens on this machine alone, nor a cloud's metadata. The address that was looked at is the one that is
//! connected to, so a name that changes its answer in between gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::outcome::Failure;

/// Metadata services outside the link-local networks.
const METADATA_V4: [Ipv4Addr; 1] = [Ipv4Addr::new(100, 100, 100, 200)];
const METADATA_V6: [Ipv6Addr; 1] = [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)];

/// Whether the address is this machine's own, a metadata service, or none that one host sends to another.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                || METADATA_V4.contains(&v4)
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_local(IpAddr::V4(v4)),
            None => {
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.is_unicast_link_local()
                    || METADATA_V6.contains(&v6)
            }
        },
    }
}

/// The addresses of a server that may be sent to.
///
/// # Errors
/// If its name is not found now, or all its addresses are local and that is not allowed.
pub async fn resolve(host: &str, port: u16, allow_local: bool) -> Result<Vec<SocketAddr>, Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let found: Vec<SocketAddr> = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|error| Failure::Unreachable(format!("find the server: {error}")))?
        .collect();
    let allowed: Vec<_> = found.iter().copied().filter(|one| allow_local || !is_local(one.ip())).collect();
    match (found.is_empty(), allowed.is_empty()) {
        (true, _) => Err(Failure::Unreachable("the server has no address".to_owned())),
        (false, true) => {
            Err(Failure::Refused("the address is local: the operator has not allowed it".to_owned()))
        }
        (false, false) => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_metadata_addresses_are_local_in_every_spelling() {
        for local in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "100.100.100.200",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "224.0.0.1",
            "ff02::1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for other in ["10.1.2.3", "192.168.1.5", "203.113.1.1", "fd12::1", "2001:db8::1"] {
            assert!(!is_local(other.parse().unwrap()), "{other}");
        }
    }
}
