//! Where a client's requests go under client-IP balancing: weighted rendezvous hashing.
//!
//! Each endpoint gets a score from the client's address and its own name, and the highest wins.
//! Taking one endpoint out moves only its own clients; changing a weight moves only the share
//! that changed. The hash is our own (FNV-1a with the finalizer of splitmix64), so that a client
//! keeps its endpoint across restarts and versions.
//!
//! Source: Wang and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996); weights by
//! `-weight / ln(unit hash)` after Schindelhauer and Schomaker (2005).

use std::net::IpAddr;

/// Of an instance's name.
pub(crate) fn name(name: &str) -> u64 {
    mix(fnv(0xcbf2_9ce4_8422_2325, name.as_bytes()))
}

/// The higher the better. A weight of zero never wins.
pub(crate) fn score(client: IpAddr, name: u64, weight: u32) -> f64 {
    let hash = match client {
        IpAddr::V4(ip) => fnv(name, &ip.octets()),
        IpAddr::V6(ip) => fnv(name, &ip.octets()),
    };
    // 53 bits, never 0 and never 1.
    let unit = ((mix(hash) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(weight) / unit.ln()
}

fn fnv(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_shared_out_by_weight() {
        let members = [("app-1", 100), ("app-2", 200), ("app-3", 0), ("app-4", 700)];
        let mut counts = [0_u32; 4];
        for client in 0..10_000_u32 {
            let client = IpAddr::from(client.to_be_bytes());
            let scores = members.map(|(instance, weight)| score(client, name(instance), weight));
            let best = scores.iter().enumerate();
            let best = best.max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap().0;
            counts[best] += 1;
        }
        for (count, share) in counts.into_iter().zip([1000, 2000, 0, 7000]) {
            assert!(count.abs_diff(share) <= 300, "{counts:?}");
        }
    }

    /// A new version that hashed in another way would move every client.
    #[test]
    fn the_hash_does_not_change_between_versions() {
        assert_eq!(name("shop-dev-app-r1-1"), 0x8924_e81e_7691_8c32);
    }
}
