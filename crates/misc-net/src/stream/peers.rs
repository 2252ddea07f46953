//! How many connections each IP address has.

use std::{collections::HashMap, net::IpAddr, num::NonZeroUsize};

use misc_core::Address;

/// Counts connections by IP address, if there is a limit.
pub(crate) struct Peers {
    limit: Option<NonZeroUsize>,
    open: HashMap<IpAddr, usize>,
}

/// Whom a connection is counted for.
pub(crate) type Counted = Option<IpAddr>;

impl Peers {
    pub(crate) fn new(limit: Option<NonZeroUsize>) -> Self {
        Self { limit, open: HashMap::new() }
    }

    /// Counts a connection; `Err` when its peer has as many as it may.
    pub(crate) fn enter(&mut self, peer: &Address) -> Result<Counted, ()> {
        let (Some(limit), Some(peer)) = (self.limit, peer.ip()) else {
            return Ok(None);
        };
        // One client is the same by IPv4 and by an IPv6 listener that takes IPv4, too.
        let ip = peer.ip().to_canonical();
        let open = self.open.entry(ip).or_default();
        if *open >= limit.get() {
            return Err(());
        }
        *open += 1;
        Ok(Some(ip))
    }

    pub(crate) fn leave(&mut self, counted: Counted) {
        let Some(ip) = counted else {
            return;
        };
        if let Some(open) = self.open.get_mut(&ip) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_address_ever_has_more_than_the_limit_and_nothing_is_left_of_those_gone(
            limit in 1usize..4,
            // Who comes, or which of those that are there leaves.
            steps in prop::collection::vec((any::<bool>(), 0u8..4, any::<prop::sample::Index>()), 0..200),
        ) {
            let mut peers = Peers::new(NonZeroUsize::new(limit));
            let mut there: Vec<Counted> = Vec::new();
            for (comes, last, which) in steps {
                if comes {
                    let ip = IpAddr::from(Ipv4Addr::new(10, 0, 0, last));
                    let others = there.iter().filter(|counted| **counted == Some(ip)).count();
                    let entered = peers.enter(&SocketAddr::new(ip, 7000).into());
                    prop_assert_eq!(entered, if others < limit { Ok(Some(ip)) } else { Err(()) });
                    there.extend(entered);
                } else if !there.is_empty() {
                    peers.leave(there.swap_remove(which.index(there.len())));
                }
            }
            for counted in there {
                peers.leave(counted);
            }
            prop_assert!(peers.open.is_empty());
        }
    }

    #[test]
    fn a_client_is_the_same_by_ipv4_and_by_ipv4_in_ipv6() {
        let mut peers = Peers::new(Some(NonZeroUsize::MIN));
        let counted = peers.enter(&"127.0.0.1:1".into()).expect("the first");
        assert_eq!(peers.enter(&"[::ffff:127.0.0.1]:2".into()), Err(()));
        peers.leave(counted);
        assert!(peers.enter(&"[::ffff:127.0.0.1]:2".into()).is_ok());
    }
}
