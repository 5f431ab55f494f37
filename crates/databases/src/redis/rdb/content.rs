//! What a key holds, as a digest of what a client sees of it.

use super::RdbError;
use super::packed::{intset, listpack, ziplist};
use super::source::Source;
use ring::digest::{Context, SHA256};
use std::fmt;

/// Half of a SHA-256.
pub(super) type Digest = [u8; 16];

/// A sum of digests, the same in whatever order they come; a doubled one counts twice.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum(u128);

impl Sum {
    pub(super) fn add(&mut self, digest: &Digest) {
        self.0 = self.0.wrapping_add(u128::from_le_bytes(*digest));
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn half(context: Context) -> Digest {
    let whole = context.finish();
    std::array::from_fn(|at| whole.as_ref()[at])
}

fn take(context: &mut Context, part: &[u8]) {
    context.update(&(part.len() as u64).to_le_bytes());
    context.update(part);
}

/// Of parts in this order; where one ends and the next begins counts.
pub(super) fn digest(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        take(&mut context, part);
    }
    half(context)
}

/// What is being summed up: the elements of a list in their order, of everything else in any.
struct Elements {
    ordered: Context,
    sum: Sum,
    /// Of a pair that has not all its parts yet.
    waiting: Vec<Vec<u8>>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    List,
    Set,
    Scored,
    Hash,
    /// Fields with a time to live.
    Expiring,
}

impl Elements {
    fn new(kind: Kind) -> Self {
        Self {
            ordered: Context::new(&SHA256),
            sum: Sum::default(),
            waiting: Vec::new(),
            kind,
        }
    }

    fn take(&mut self, element: Vec<u8>) -> Result<(), RdbError> {
        let parts = match self.kind {
            Kind::String | Kind::List => {
                take(&mut self.ordered, &element);
                return Ok(());
            }
            Kind::Set => 1,
            Kind::Scored | Kind::Hash => 2,
            Kind::Expiring => 3,
        };
        self.waiting.push(element);
        if self.waiting.len() < parts {
            return Ok(());
        }
        if self.kind == Kind::Scored
            && let Some(score) = self.waiting.pop()
        {
            let text = String::from_utf8_lossy(&score);
            let score: f64 = text.parse().map_err(|_| RdbError::Damaged("a score"))?;
            self.waiting.push(score.to_bits().to_le_bytes().to_vec());
        }
        let parts: Vec<&[u8]> = self.waiting.iter().map(Vec::as_slice).collect();
        self.sum.add(&digest(&parts));
        self.waiting.clear();
        Ok(())
    }

    fn pair(&mut self, parts: &[&[u8]]) {
        self.sum.add(&digest(parts));
    }

    fn end(self) -> Digest {
        let name = match self.kind {
            Kind::String => b"string".as_slice(),
            Kind::List => b"list",
            Kind::Set => b"set",
            Kind::Scored => b"zset",
            Kind::Hash | Kind::Expiring => b"hash",
        };
        let ordered = half(self.ordered);
        digest(&[name, &ordered, &self.sum.0.to_le_bytes()])
    }
}

/// The digest of one value.
pub(super) fn value(source: &mut Source<'_>, kind: u8) -> Result<Digest, RdbError> {
    match kind {
        0 => strings(source, Kind::String, 1),
        1 => counted(source, Kind::List, 1),
        2 => counted(source, Kind::Set, 1),
        4 => counted(source, Kind::Hash, 2),
        3 | 5 => scored(source, kind),
        7 => module(source),
        10..=13 | 16 | 17 | 20 => packed(source, kind),
        14 | 18 => quicklist(source, kind),
        15 | 19 | 21 => stream(source, kind),
        24 => expiring(source),
        25 => {
            let earliest: [u8; 8] = source.array()?;
            let mut elements = Elements::new(Kind::Expiring);
            let _ = earliest;
            listpack(&source.string()?, |element| elements.take(element))?;
            Ok(elements.end())
        }
        _ => Err(RdbError::Unknown(kind)),
    }
}

fn strings(source: &mut Source<'_>, kind: Kind, count: u64) -> Result<Digest, RdbError> {
    let mut elements = Elements::new(kind);
    for _ in 0..count {
        elements.take(source.string()?)?;
    }
    Ok(elements.end())
}

fn counted(source: &mut Source<'_>, kind: Kind, parts: u64) -> Result<Digest, RdbError> {
    let count = source.length()?;
    strings(source, kind, count.saturating_mul(parts))
}

fn scored(source: &mut Source<'_>, kind: u8) -> Result<Digest, RdbError> {
    let mut elements = Elements::new(Kind::Scored);
    for _ in 0..source.length()? {
        let member = source.string()?;
        let score = if kind == 5 {
            f64::from_le_bytes(source.array()?)
        } else {
            score(source)?
        };
        elements.pair(&[&member, &score.to_bits().to_le_bytes()]);
    }
    Ok(elements.end())
}

/// A score as text, which Redis before 4 wrote.
fn score(source: &mut Source<'_>) -> Result<f64, RdbError> {
    Ok(match source.byte()? {
        253 => f64::NAN,
        254 => f64::INFINITY,
        255 => f64::NEG_INFINITY,
        length => {
            let text = source.bytes(u64::from(length))?;
            let text = String::from_utf8_lossy(&text);
            text.trim()
                .parse()
                .map_err(|_| RdbError::Damaged("a score"))?
        }
    })
}

fn packed(source: &mut Source<'_>, kind: u8) -> Result<Digest, RdbError> {
    let what = match kind {
        10 => Kind::List,
        11 | 20 => Kind::Set,
        12 | 17 => Kind::Scored,
        _ => Kind::Hash,
    };
    let mut elements = Elements::new(what);
    let packed = source.string()?;
    let take = |element| elements.take(element);
    match kind {
        11 => intset(&packed, take),
        16 | 17 | 20 => listpack(&packed, take),
        _ => ziplist(&packed, take),
    }?;
    Ok(elements.end())
}

/// A list in pieces: ziplists, or with Redis 7 listpacks and single large elements.
fn quicklist(source: &mut Source<'_>, kind: u8) -> Result<Digest, RdbError> {
    let mut elements = Elements::new(Kind::List);
    for _ in 0..source.length()? {
        let plain = kind == 18 && source.length()? == 1;
        let piece = source.string()?;
        let take = |element| elements.take(element);
        match (kind, plain) {
            (14, _) => ziplist(&piece, take)?,
            (_, true) => elements.take(piece)?,
            (_, false) => listpack(&piece, take)?,
        }
    }
    Ok(elements.end())
}

/// A hash of whose fields some have a time to live (Redis 7.4).
fn expiring(source: &mut Source<'_>) -> Result<Digest, RdbError> {
    let earliest = u64::from_le_bytes(source.array()?);
    let mut elements = Elements::new(Kind::Expiring);
    for _ in 0..source.length()? {
        let after = source.length()?;
        let at = match after {
            0 => 0,
            after => earliest.wrapping_add(after).wrapping_sub(1),
        };
        let (field, value) = (source.string()?, source.string()?);
        elements.pair(&[&field, &value, at.to_string().as_bytes()]);
    }
    Ok(elements.end())
}

/// A stream with its groups, in the order in which the server writes it.
fn stream(source: &mut Source<'_>, kind: u8) -> Result<Digest, RdbError> {
    let mut context = Context::new(&SHA256);
    for _ in 0..source.length()? {
        take(&mut context, &source.string()?);
        take(&mut context, &source.string()?);
    }
    // Entries and the last identifier; since Redis 7 the first, the largest that was deleted, and a count.
    lengths(source, &mut context, if kind == 15 { 3 } else { 8 })?;
    for _ in 0..source.length()? {
        take(&mut context, &source.string()?);
        lengths(source, &mut context, if kind == 15 { 2 } else { 3 })?;
        for _ in 0..source.length()? {
            take(&mut context, &source.array::<24>()?);
            lengths(source, &mut context, 1)?;
        }
        for _ in 0..source.length()? {
            take(&mut context, &source.string()?);
            // When it was last seen, and since 7.2 last active.
            let times = if kind == 21 { 16 } else { 8 };
            take(&mut context, &source.bytes(times)?);
            for _ in 0..source.length()? {
                take(&mut context, &source.array::<16>()?);
            }
        }
    }
    Ok(half(context))
}

fn lengths(source: &mut Source<'_>, context: &mut Context, count: usize) -> Result<(), RdbError> {
    for _ in 0..count {
        take(context, &source.length()?.to_le_bytes());
    }
    Ok(())
}

/// What a module wrote: its number, then values that say of themselves what they are.
pub(super) fn module(source: &mut Source<'_>) -> Result<Digest, RdbError> {
    let mut context = Context::new(&SHA256);
    lengths(source, &mut context, 1)?;
    loop {
        match source.length()? {
            0 => return Ok(half(context)),
            1 | 2 => lengths(source, &mut context, 1)?,
            3 => take(&mut context, &source.array::<4>()?),
            4 => take(&mut context, &source.array::<8>()?),
            5 => take(&mut context, &source.string()?),
            _ => return Err(RdbError::Damaged("a module's value")),
        }
    }
}
