//! The slow part: a pure computation over one text.

use serde::{Deserialize, Serialize};

/// The part of an analysis that is worth remembering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub lines: usize,
    /// The two different lines that are most alike, and by how many edits they differ:
    /// where copy and paste has been at work.
    pub most_alike: Option<Pair>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub lines: (usize, usize),
    pub edits: usize,
    pub text: String,
}

/// Shorter lines are alike by chance.
const WORTH_IT: usize = 24;

/// Compares every line with every other: the square of the lines times the square of their length.
pub fn analyse(text: &str) -> Report {
    let lines: Vec<(usize, &[u8])> = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.trim().as_bytes()))
        .filter(|(_, line)| line.len() >= WORTH_IT)
        .collect();
    let mut best: Option<(usize, usize, usize)> = None;
    for (later, (_, line)) in lines.iter().enumerate() {
        for (earlier, (_, other)) in lines[..later].iter().enumerate() {
            let edits = edits(line, other);
            if edits > 0 && best.is_none_or(|(least, ..)| edits < least) {
                best = Some((edits, earlier, later));
            }
        }
    }
    let most_alike = best.map(|(edits, earlier, later)| Pair {
        lines: (lines[earlier].0, lines[later].0),
        edits,
        text: String::from_utf8_lossy(lines[later].1).into_owned(),
    });
    Report { lines: text.lines().count(), most_alike }
}

/// The Levenshtein distance, one row at a time.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_lines_that_are_alike() {
        let text = "let first = compute(alpha, beta);\nfn main() {\nlet second = compute(alpha, beta);\n";
        let pair = analyse(text).most_alike.unwrap();
        assert_eq!((pair.lines, pair.edits), ((1, 3), 6));
        assert_eq!(edits(b"kitten", b"sitting"), 3);
        assert_eq!(analyse("short\nlines\n").most_alike, None);
    }
}
