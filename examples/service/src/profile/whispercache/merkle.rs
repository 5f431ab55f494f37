//! A hash tree over what somebody stored, and proofs that one thing is in it.
//!
//! As in RFC 9162, section 2.1: SHA-256, leaves and inner nodes told apart by a first byte. A proof
//! shows that a memory is among those of a root without showing the others. It is no
//! zero-knowledge proof and no blockchain: who holds the root has to keep it.

use ring::digest::{SHA256, digest};

pub(crate) type Hash = [u8; 32];

/// The hash of a stored thing, as a leaf.
pub(crate) fn leaf(content: &[u8]) -> Hash {
    hash(&[&[0], content])
}

/// The root over all leaves; that of none is the hash of nothing.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash(&[]),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The neighbours on the way from a leaf to the root, `None` for a leaf that is not there.
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut path, neighbour) = if index < at {
        (path(index, left)?, root(right))
    } else {
        (path(index - at, right)?, root(left))
    };
    path.push(neighbour);
    Some(path)
}

/// Whether the leaf stands at `index` of the `size` leaves under `root` (RFC 9162, 2.1.3.2).
pub(crate) fn verify(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for neighbour in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(neighbour, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, neighbour);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        all.extend_from_slice(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, &all).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::hex;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|n| leaf(&n.to_le_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_nothing_else() {
        let other = leaf(b"other");
        for size in 1..40 {
            let leaves = leaves(size);
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path(index, &leaves).unwrap();
                let proves =
                    |leaf, at: usize, of: usize| verify(leaf, at as u64, of as u64, &path, &root);
                assert!(proves(leaf, index, size), "{index} of {size}");
                assert!(!proves(&other, index, size));
                assert!(size == 1 || !proves(leaf, (index + 1) % size, size));
                assert!(!verify(leaf, index as u64, size as u64, &path, leaf) || size == 1);
                if let Some((_, shorter)) = path.split_last() {
                    assert!(!verify(leaf, index as u64, size as u64, shorter, &root));
                }
            }
            assert_eq!(path(size, &leaves), None);
        }
    }

    #[test]
    fn the_hashes_are_those_of_certificate_transparency() {
        // The first roots of the test vectors that accompany RFC 6962.
        assert_eq!(
            hex(&root(&[])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            hex(&root(&[leaf(b"")])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex(&root(&[leaf(b""), leaf(&[0])])),
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
        );
    }
}
