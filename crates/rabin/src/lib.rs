//! The rolling hash by which files are cut into chunks, as restic and rustic cut them.
//!
//! It stands in for the crate of the same name below rustic_core, with as much of its interface as rustic_core uses
//! and the same values. Theirs computes two tables anew for every file that is saved, which takes longer than to save
//! a small one; here they are made once for a polynomial. And what leaves the window is taken out beside what
//! comes in, not before it: each byte waits for one table, not for two.
//!
//! The hash of a window is its bytes as the coefficients of a polynomial over GF(2), modulo an irreducible one of
//! degree 53 (M. O. Rabin, *Fingerprinting by Random Polynomials*, 1981; restic's design document, *Backups and
//! Deduplication*).
//!
//! **Invariant:** the values are those of the definition; only then is what was saved before found again.

use std::sync::{Arc, Mutex, PoisonError};

/// A polynomial over GF(2): bit *n* is the coefficient of *xⁿ*.
pub type Polynom64 = u64;

/// What is computed with polynomials.
pub trait Polynom {
    /// Of the highest coefficient that is not zero; -1 of zero itself.
    fn degree(&self) -> i32;

    /// The remainder of a division by `divisor`, which must not be zero.
    #[must_use]
    fn modulo(&self, divisor: &Self) -> Self;
}

impl Polynom for Polynom64 {
    fn degree(&self) -> i32 {
        63 - self.leading_zeros().cast_signed()
    }

    fn modulo(&self, divisor: &Self) -> Self {
        let degree = divisor.degree();
        let mut rest = *self;
        while rest.degree() >= degree {
            rest ^= divisor << (rest.degree() - degree);
        }
        rest
    }
}

/// In the window, in bytes: 2⁶, as restic has it.
const WINDOW: usize = 64;

const WINDOW_BITS: u32 = 6;

/// Sums over each value of a byte, for one polynomial.
#[derive(Debug)]
struct Tables {
    polynom: Polynom64,
    /// From where a byte counts as the highest of a hash, in bits.
    shift: u32,
    /// By the highest byte of a hash: takes that byte away once it moved beyond the degree, and adds what it is modulo
    /// the polynomial.
    reduce: [u64; 256],
    /// By the byte that leaves the window: what it is when it has moved once more.
    leave: [u64; 256],
}

impl Tables {
    fn new(polynom: Polynom64) -> Self {
        let degree = u32::try_from(polynom.degree()).unwrap_or(0);
        let shift = degree.saturating_sub(8);
        let by_byte = |of: &dyn Fn(u64) -> u64| {
            let mut table = [0; 256];
            for (value, byte) in table.iter_mut().zip(0..) {
                *value = of(byte);
            }
            table
        };
        let moved = |hash: u64| (hash << 8).modulo(&polynom);
        Self {
            polynom,
            shift,
            reduce: by_byte(&|byte| {
                let above = byte << degree;
                above | above.modulo(&polynom)
            }),
            leave: by_byte(&|byte| (0..WINDOW).fold(byte, |hash, _| moved(hash))),
        }
    }

    /// Those of the polynomial that was asked for last are kept: a repository has one.
    fn of(polynom: Polynom64) -> Arc<Self> {
        static LAST: Mutex<Option<Arc<Tables>>> = Mutex::new(None);
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(tables) if tables.polynom == polynom => tables.clone(),
            _ => last.insert(Arc::new(Self::new(polynom))).clone(),
        }
    }
}

/// What a rolling hash does.
pub trait RollingHash64 {
    /// Starts anew with the first 63 bytes that come; fewer, if fewer come. Answers how many.
    fn reset_and_prefill_window<I>(&mut self, bytes: &mut I) -> usize
    where
        I: Iterator<Item = u8>;

    /// Lets a byte in, and the oldest out.
    fn slide(&mut self, byte: u8);
}

/// The rolling hash over the last 64 bytes.
#[derive(Debug, Clone)]
pub struct Rabin64 {
    tables: Arc<Tables>,
    /// A ring, the oldest byte at `next`.
    window: [u8; WINDOW],
    next: usize,
    /// Of the bytes in the window.
    pub hash: Polynom64,
}

impl Rabin64 {
    /// With a window of zeros. `window_bits` is 6: the window has 2⁶ bytes. The polynomial has a degree of 8 to 56.
    pub fn new_with_polynom(window_bits: u32, polynom: &Polynom64) -> Self {
        assert!(window_bits == WINDOW_BITS, "restic's window has 64 bytes");
        Self {
            tables: Tables::of(*polynom),
            window: [0; WINDOW],
            next: 0,
            hash: 0,
        }
    }

    /// The hash with one more byte behind it.
    #[inline]
    fn with(&self, byte: u8) -> u64 {
        let top = (self.hash >> self.tables.shift) & 0xff;
        ((self.hash << 8) | u64::from(byte)) ^ self.tables.reduce[top as usize]
    }
}

impl RollingHash64 for Rabin64 {
    fn reset_and_prefill_window<I>(&mut self, bytes: &mut I) -> usize
    where
        I: Iterator<Item = u8>,
    {
        self.window = [0; WINDOW];
        (self.next, self.hash) = (0, 0);
        for byte in bytes.take(WINDOW - 1) {
            self.hash = self.with(byte);
            self.window[self.next] = byte;
            self.next += 1;
        }
        // Read while the window fills: as many bytes as have come.
        self.next
    }

    #[inline]
    fn slide(&mut self, byte: u8) {
        let place = &mut self.window[self.next % WINDOW];
        let oldest = std::mem::replace(place, byte);
        self.next = (self.next + 1) % WINDOW;
        self.hash = self.with(byte) ^ self.tables.leave[usize::from(oldest)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one of restic's tests, and another.
    const POLYNOMS: [u64; 2] = [0x003D_A335_8B4D_C173, 0x0025_3F57_7A2D_83B1];

    /// The definition: bit by bit.
    fn by_definition(window: &[u8], polynom: u64) -> u64 {
        let bits = window
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| u64::from(byte >> bit & 1)));
        bits.fold(0, |hash, bit| {
            let hash = hash << 1 | bit;
            if hash.degree() == polynom.degree() {
                hash ^ polynom
            } else {
                hash
            }
        })
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn the_hash_is_that_of_the_definition() {
        for polynom in POLYNOMS {
            let data = noise(2000);
            let mut rabin = Rabin64::new_with_polynom(6, &polynom);
            for at in 0..data.len() {
                rabin.slide(data[at]);
                let window = &data[(at + 1).saturating_sub(WINDOW)..=at];
                assert_eq!(
                    rabin.hash,
                    by_definition(window, polynom),
                    "{at} {polynom:x}"
                );
            }
        }
    }

    #[test]
    fn a_new_start_knows_nothing_of_what_was() {
        let polynom = POLYNOMS[0];
        let data = noise(500);
        let mut rabin = Rabin64::new_with_polynom(6, &polynom);
        for byte in &data {
            rabin.slide(*byte);
        }
        let mut bytes = data.iter().copied();
        assert_eq!(rabin.reset_and_prefill_window(&mut bytes), 63);
        assert_eq!(rabin.hash, by_definition(&data[..63], polynom));
        // The iterator stands where the filling ended.
        for at in 63..data.len() {
            rabin.slide(bytes.next().unwrap());
            let window = &data[at - 63..=at];
            assert_eq!(rabin.hash, by_definition(window, polynom), "{at}");
        }
        let filled = rabin.reset_and_prefill_window(&mut [1, 2].into_iter());
        assert_eq!((filled, rabin.hash), (2, 0x0102));
    }

    #[test]
    fn tables_of_two_polynomials_are_kept_apart() {
        let [first, second] = POLYNOMS.map(|polynom| Rabin64::new_with_polynom(6, &polynom));
        let again = Rabin64::new_with_polynom(6, &POLYNOMS[0]);
        assert_eq!(first.tables.reduce, again.tables.reduce);
        assert_ne!(first.tables.reduce, second.tables.reduce);
        let same = Rabin64::new_with_polynom(6, &POLYNOMS[0]);
        assert!(Arc::ptr_eq(&again.tables, &same.tables), "made once");
    }

    #[test]
    fn degrees_and_remainders() {
        assert_eq!([0, 1, 0x7f, 0x80].map(|p: u64| p.degree()), [-1, 0, 6, 7]);
        assert_eq!(
            [(7, 3), (7, 4), (16, 7)].map(|(a, b)| a.modulo(&b)),
            [1, 3, 2]
        );
    }
}
