//! Gives back the memory that only the start needed.
//!
//! The shim is part of a large executable: finding the addresses of all of it (relocation) and the
//! first steps read several megabytes of its file that are never looked at again. They are clean
//! copies of the file; given back, they cost nothing and come again where they are asked for.

use rustix::mm::{Advice, madvise};

/// One range of addresses that mirrors a file and that nobody has written to.
#[derive(Debug, PartialEq, Eq)]
struct Mirror {
    start: usize,
    length: usize,
}

pub(crate) fn give_back() {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    mirrors(&text).iter().for_each(drop_pages);
}

#[expect(
    unsafe_code,
    reason = "which ranges may be given back only the caller can know"
)]
fn drop_pages(mirror: &Mirror) {
    let start = std::ptr::without_provenance_mut(mirror.start);
    // SAFETY: the range is a private, read-only mapping of a file without a page of its own, so
    // that each page comes back from the file as it was. A refusal changes nothing.
    let _ = unsafe { madvise(start, mirror.length, Advice::LinuxDontNeed) };
}

/// From `/proc/self/smaps` (proc(5)): private mappings of files that cannot be written to now
/// (`Anonymous: 0 kB`: nor were before, as the relocated ones were).
fn mirrors(smaps: &str) -> Vec<Mirror> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some((mirror, read_only)) = heading(line) {
            candidate = read_only.then_some(mirror);
        } else if line.strip_prefix("Anonymous:").map(str::trim) == Some("0 kB") {
            found.extend(candidate.take());
        }
    }
    found
}

/// The range that a heading begins, and whether it is a private, read-only mapping of a file;
/// `None` where the line is no heading.
fn heading(line: &str) -> Option<(Mirror, bool)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let (start, end) = (address(start)?, address(end)?);
    let (mode, path) = (fields.next()?, fields.nth(3).unwrap_or_default());
    let read_only = mode.starts_with('r') && !mode.contains('w') && mode.ends_with('p');
    let mirror = Mirror {
        start,
        length: end.checked_sub(start)?,
    };
    Some((mirror, read_only && path.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clean_private_mirrors_of_files_are_given_back() {
        let smaps = "\
00400000-00402000 r-xp 00000000 08:01 11 /usr/bin/mainstay\n\
Size:                  8 kB\n\
Anonymous:             0 kB\n\
00402000-00403000 r--p 00002000 08:01 11 /usr/bin/mainstay\n\
Anonymous:             4 kB\n\
00403000-00404000 rw-p 00003000 08:01 11 /usr/bin/mainstay\n\
Anonymous:             0 kB\n\
00404000-00405000 r--s 00003000 08:01 12 /dev/shm/x\n\
Anonymous:             0 kB\n\
00405000-00406000 r--p 00000000 00:00 0 [vvar]\n\
Anonymous:             0 kB\n\
00406000-00407000 r--p 00000000 00:00 0\n\
Anonymous:             0 kB\n\
00407000-0040a000 r--p 00001000 08:01 13 /lib/libc.so.6\n\
Anonymous:             0 kB\n";
        let expected = [(0x40_0000, 0x2000), (0x40_7000, 0x3000)];
        let expected = expected.map(|(start, length)| Mirror { start, length });
        assert_eq!(mirrors(smaps), expected);
    }

    #[test]
    fn the_process_goes_on_as_before() {
        give_back();
        assert_eq!(format!("{:?}", Some(7)), "Some(7)");
    }
}
