//! Who waits for a comparison of passwords: few in all, and fewer from one place.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many comparisons may wait or run. More would only hold connections that scrapes need.
pub(super) const WAITING: usize = 32;

/// So many of them may be of one peer, so that who guesses leaves room for others.
pub(super) const SHARE: usize = 4;

/// Where a request comes from: one address, or one /64 of IPv6, of which anybody with one address has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl Peer {
    pub(super) fn of(address: SocketAddr) -> Peer {
        const NETWORK: u128 = !(u64::MAX as u128);
        Peer(match address.ip().to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & NETWORK).into(),
            ip => ip,
        })
    }
}

/// One comparison at a time, and who waits for the next.
#[derive(Debug)]
pub(super) struct Queue {
    turn: Arc<Semaphore>,
    waiting: Arc<Mutex<HashMap<Option<Peer>, usize>>>,
}

/// A place in the queue; dropping it leaves it.
#[derive(Debug)]
pub(super) struct Place {
    peer: Option<Peer>,
    waiting: Arc<Mutex<HashMap<Option<Peer>, usize>>>,
}

/// The turn of one place; dropping it is the next one's turn.
#[derive(Debug)]
pub(super) struct Turn {
    // In this order: a place is free only after its turn.
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue { turn: Arc::new(Semaphore::new(1)), waiting: Arc::default() }
    }
}

impl Queue {
    /// A place for this peer, if there is one left for it. Peers whose address is not known share theirs.
    pub(super) fn enter(&self, peer: Option<Peer>) -> Option<Place> {
        let mut waiting = counts(&self.waiting);
        let all: usize = waiting.values().sum();
        let own = waiting.entry(peer).or_default();
        if all >= WAITING || *own >= SHARE {
            if *own == 0 {
                waiting.remove(&peer);
            }
            return None;
        }
        *own += 1;
        Some(Place { peer, waiting: Arc::clone(&self.waiting) })
    }

    /// Waits until it is this place's turn; first come, first served.
    pub(super) async fn turn(&self, place: Place) -> Option<Turn> {
        let permit = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        Some(Turn { _permit: permit, _place: place })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = counts(&self.waiting);
        if let Some(own) = waiting.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.peer);
            }
        }
    }
}

fn counts(waiting: &Mutex<HashMap<Option<Peer>, usize>>) -> MutexGuard<'_, HashMap<Option<Peer>, usize>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(text: &str) -> Peer {
        Peer::of(SocketAddr::new(text.parse().unwrap(), 1))
    }

    #[test]
    fn addresses_of_one_place_are_one_peer() {
        assert_eq!(peer("10.0.0.1"), peer("::ffff:10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1:2:3"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    }

    proptest! {
        /// Whoever comes and goes: a peer below its share finds a place unless all are taken, and leaves no trace.
        #[test]
        fn a_place_is_refused_only_to_who_has_a_share_or_when_all_are_taken(
            steps in prop::collection::vec((0..12_u8, any::<Option<prop::sample::Index>>()), 1..300),
        ) {
            let queue = Queue::default();
            let mut held: Vec<(u8, Place)> = Vec::new();
            for (who, leaves) in steps {
                if let Some(index) = leaves.filter(|_| !held.is_empty()) {
                    held.swap_remove(index.index(held.len()));
                    continue;
                }
                let own = held.iter().filter(|(other, _)| *other == who).count();
                let expected = own < SHARE && held.len() < WAITING;
                let place = queue.enter((who > 0).then(|| peer(&format!("10.0.0.{who}"))));
                prop_assert_eq!(place.is_some(), expected);
                held.extend(place.map(|place| (who, place)));
            }
            held.clear();
            prop_assert!(counts(&queue.waiting).is_empty());
        }
    }
}
