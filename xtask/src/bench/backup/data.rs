//! Data to save, the same in every run: large files that do not compress, text that does, and many small files.

use anyhow::Result;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Of the files that do not compress, in bytes.
const LARGE: u64 = 256 << 20;

const TEXT: u64 = 8 << 20;

/// Small files have up to twice as much, in bytes.
const SMALL: u64 = 16 << 10;

/// Files in one folder.
const IN_FOLDER: u64 = 200;

const PIECE: usize = 256 << 10;

const WORDS: [&str; 16] = [
    "the",
    "order",
    "of",
    "customer",
    "was",
    "paid",
    "at",
    "with",
    "a",
    "total",
    "status",
    "shipped",
    "pending",
    "INSERT INTO",
    "VALUES",
    "null",
];

/// Numbers that look random (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn random(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    fn text(&mut self, length: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(length + 32);
        while text.len() < length {
            let number = self.next();
            text.extend(WORDS[(number % 16) as usize].as_bytes());
            if number.is_multiple_of(5) {
                text.extend(format!(" {}", number >> 40).as_bytes());
            }
            text.push(if number.is_multiple_of(11) {
                b'\n'
            } else {
                b' '
            });
        }
        text.truncate(length);
        text
    }
}

/// Half of it large and random, a quarter text, a quarter small files of both kinds. Answers how much it came to.
pub(super) fn make(root: &Path, bytes: u64) -> Result<u64> {
    let mut made = 0;
    let mut number = 0;
    while made < bytes / 2 {
        number += 1;
        let length = LARGE.min(bytes / 2 - made);
        let mut file = fs::File::create(folder(root, "large")?.join(number.to_string()))?;
        let mut dice = Dice::new(number);
        for _ in 0..length / PIECE as u64 {
            file.write_all(&dice.random(PIECE))?;
        }
        made += length;
    }
    while made < bytes / 4 * 3 {
        number += 1;
        let text = Dice::new(number).text(TEXT as usize);
        fs::write(folder(root, "text")?.join(number.to_string()), text)?;
        made += TEXT;
    }
    while made < bytes {
        number += 1;
        let mut dice = Dice::new(number);
        let length = (dice.next() % (2 * SMALL)) as usize;
        let content = if number.is_multiple_of(2) {
            dice.random(length)
        } else {
            dice.text(length)
        };
        let folder = folder(root, &format!("small/{}", number / IN_FOLDER))?;
        fs::write(folder.join(number.to_string()), content)?;
        made += length as u64;
    }
    Ok(made)
}

fn folder(root: &Path, name: &str) -> Result<std::path::PathBuf> {
    let folder = root.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// One small file in a hundred is new, one text in a hundred, and a hundredth in the middle of each large file.
pub(super) fn change(root: &Path) -> Result<()> {
    use std::os::unix::fs::FileExt as _;
    let mut dice = Dice::new(1 << 40);
    for entry in fs::read_dir(root.join("large"))? {
        let file = fs::File::options().write(true).open(entry?.path())?;
        let length = file.metadata()?.len();
        file.write_all_at(&dice.random((length / 100) as usize), length / 2)?;
    }
    let folders = fs::read_dir(root.join("small"))?.map(|entry| Ok(entry?.path()));
    let folders: Vec<_> = folders.collect::<Result<_>>()?;
    for (number, folder) in folders.into_iter().chain([root.join("text")]).enumerate() {
        for (at, entry) in fs::read_dir(folder)?.enumerate() {
            let path = entry?.path();
            if (at + number).is_multiple_of(100) {
                let length = fs::metadata(&path)?.len() as usize;
                fs::write(path, dice.text(length))?;
            }
        }
    }
    Ok(())
}

/// A dump of a database: text of which every piece is another one.
pub(super) fn stream(bytes: u64, to: &mut impl Write) -> Result<()> {
    let mut dice = Dice::new(7);
    let mut piece = dice.text(4 << 20);
    let mut left = bytes;
    while left > 0 {
        // A stamp every 4 KiB: nothing of it was there before, and it is made faster than anybody reads it.
        for stamp in piece.chunks_mut(4096) {
            let random = dice.random(512.min(stamp.len()));
            stamp[..random.len()].copy_from_slice(&random);
        }
        let length = left.min(piece.len() as u64);
        to.write_all(&piece[..length as usize])?;
        left -= length;
    }
    to.flush()?;
    Ok(())
}
