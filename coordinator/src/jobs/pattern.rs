//! Patterns of names: `*` and `?` within a part of a path, `**` across parts. Nothing else is special.
//!
//! The work is bounded by the lengths of both, whatever the pattern is.

/// Whether the path `name` fits `pattern`. One without a slash is of the last part alone.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let name = if pattern.contains('/') { name } else { name.rsplit('/').next().unwrap_or(name) };
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // `reached[n]`: the pattern so far fits the first `n` letters.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let (step, crosses) = match pattern[at] {
            '*' if pattern.get(at + 1) == Some(&'*') => (2, true),
            '*' => (1, false),
            letter => {
                reached = one_letter(&reached, &name, letter);
                at += 1;
                continue;
            }
        };
        for end in 1..=name.len() {
            reached[end] |= reached[end - 1] && (crosses || name[end - 1] != '/');
        }
        at += step;
        // `**/` is no folder too.
        if crosses && pattern.get(at) == Some(&'/') {
            let stays = reached.clone();
            let after = one_letter(&reached, &name, '/');
            let begins = |end: usize| end == 0 || name[end - 1] == '/';
            reached =
                (0..=name.len()).map(|end| after[end] || (stays[end] && begins(end))).collect();
            at += 1;
        }
    }
    reached[name.len()]
}

fn one_letter(reached: &[bool], name: &[char], letter: char) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for (end, found) in name.iter().enumerate() {
        let is_it = *found == letter || (letter == '?' && *found != '/');
        next[end + 1] = reached[end] && is_it;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_what_they_do_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.mp4", "a.mp4", true),
            ("*.mp4", "deep/er/a.mp4", true),
            ("*.mp4", "a.mkv", false),
            ("season-?/*.mkv", "season-1/a.mkv", true),
            ("season-?/*.mkv", "season-10/a.mkv", false),
            ("season-1/*", "season-1/b/a.mkv", false),
            ("season-1/**", "season-1/b/a.mkv", true),
            ("**/a.mkv", "a.mkv", true),
            ("**/a.mkv", "x/y/a.mkv", true),
            ("**/a.mkv", "x/ya.mkv", false),
            ("*", "", true),
            ("a", "", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_length() {
        assert!(!fits(&"*a".repeat(120), &"a".repeat(119)));
        assert!(fits(&"**a".repeat(80), &"a".repeat(200)));
    }
}
