//! Patterns of rule files: what one part of a path matches, as Go's `path.Match`.
//!
//! `*` any characters, `?` one, `[a-z]` one of these, `[^a-z]` none of these, `\` takes the next as it
//! is. None of them is a slash: a path is matched part by part.

/// Whether a part of a path is a pattern.
pub fn is_pattern(part: &str) -> bool {
    part.contains(['*', '?', '[', '\\'])
}

/// Whether a part of a path matches; what is no pattern (`[a`) matches nothing.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands and what it has eaten: it alone may eat more.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            None if n == name.len() => return true,
            Some(_) if n < name.len() => {
                if let Some(behind) = one(&pattern, p, name[n]) {
                    (p, n) = (behind, n + 1);
                    continue;
                }
            }
            _ => {}
        }
        match star {
            Some((at, eaten)) if eaten < name.len() => {
                star = Some((at, eaten + 1));
                (p, n) = (at + 1, eaten + 1);
            }
            _ => return false,
        }
    }
}

/// Where the pattern goes on behind what matches this character.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => class(pattern, at + 1, c),
        '\\' => (*pattern.get(at + 1)? == c).then_some(at + 2),
        other => (*other == c).then_some(at + 1),
    }
}

fn class(pattern: &[char], mut at: usize, c: char) -> Option<usize> {
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut found = false;
    let mut any = false;
    loop {
        if pattern.get(at) == Some(&']') && any {
            return (found != negated).then_some(at + 1);
        }
        let (low, behind) = member(pattern, at)?;
        let (high, behind) = match pattern.get(behind) {
            Some('-') => member(pattern, behind + 1)?,
            _ => (low, behind),
        };
        found |= (low..=high).contains(&c);
        (at, any) = (behind, true);
    }
}

fn member(pattern: &[char], at: usize) -> Option<(char, usize)> {
    match pattern.get(at)? {
        '-' | ']' => None,
        '\\' => Some((*pattern.get(at + 1)?, at + 2)),
        other => Some((*other, at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_go_matches_them() {
        for (pattern, name, is) in [
            ("rules.yml", "rules.yml", true),
            ("*.yml", "rules.yml", true),
            ("*.yml", ".yml", true),
            ("*.yml", "rules.yaml", false),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxbxxbx", false),
            ("r?les", "rules", true),
            ("r?les", "rles", false),
            ("[a-c]1", "b1", true),
            ("[^a-c]1", "b1", false),
            ("[^a-c]1", "d1", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[", "[", false),
            ("[]a]", "]", false),
            ("[\\]]", "]", true),
            ("", "", true),
            ("*", "", true),
            ("ü*", "üa", true),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
        // No text takes longer than its length times the pattern's.
        let long = "a".repeat(10_000);
        assert!(!matches("*a*a*a*a*a*a*a*a*b", &long));
    }
}
