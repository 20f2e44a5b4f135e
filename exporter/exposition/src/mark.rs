//! What tells lines from others without writing them: a number of 64 bits that is the same for the
//! same lines, and for others only by a chance of one in 2⁶⁴.

/// Lines that were looked at, and the number that they come to.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    pub(crate) lines: usize,
    number: u64,
    line: u64,
}

/// Bits without a pattern: digits of π.
const MIX: u64 = 0x243f_6a88_85a3_08d3;

// === impl Mark ===

impl Mark {
    /// That of a text by itself.
    pub(crate) fn of(text: &[u8]) -> u64 {
        let mut number = mix(text.len() as u64);
        for bytes in text.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            number = mix(number ^ u64::from_le_bytes(word));
        }
        number
    }

    /// What all lines so far come to.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Adds a part of a line by what it comes to itself.
    #[inline]
    pub(crate) fn add(&mut self, part: u64) {
        // Parts have been mixed: turning what came before keeps their order.
        self.line = self.line.rotate_left(19) ^ part;
    }

    /// What the parts of the line at hand come to, as one part of others.
    pub(crate) fn parts(&self) -> u64 {
        self.line
    }

    /// Adds a part of a line by its text.
    #[inline]
    pub(crate) fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.add(Self::of(text.as_bytes()));
        }
    }

    /// Ends a line, whose number has these bits.
    #[inline]
    pub(crate) fn line(&mut self, bits: u64) {
        self.lines += 1;
        self.number = mix(self.number ^ std::mem::take(&mut self.line));
        self.number = mix(self.number ^ bits);
    }
}

/// Spreads what differs in one bit over all of them; no two numbers come to the same but by chance.
#[inline]
fn mix(number: u64) -> u64 {
    let (low, high) = (number ^ MIX).carrying_mul(MIX.rotate_left(32) | 1, 0);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(lines: &[(&[&str], u64)]) -> u64 {
        let mut mark = Mark::default();
        for (parts, bits) in lines {
            parts.iter().for_each(|part| mark.text(part));
            mark.line(*bits);
        }
        assert_eq!(mark.lines, lines.len());
        mark.number()
    }

    #[test]
    fn other_lines_have_another_number() {
        let all: [&[(&[&str], u64)]; 9] = [
            &[],
            &[(&["a", "b"], 1)],
            &[(&["b", "a"], 1)],
            &[(&["a", "b"], 2)],
            &[(&["ab"], 1)],
            &[(&["ab\0"], 1)],
            &[(&["a", "b"], 1), (&["a", "b"], 1)],
            &[(&["a", "b"], 1), (&["a", "c"], 1)],
            &[(&["a", "c"], 1), (&["a", "b"], 1)],
        ];
        let mut marks = all.map(mark);
        assert_eq!(marks, all.map(mark));
        marks.sort_unstable();
        assert!(marks.windows(2).all(|two| two[0] != two[1]), "{marks:?}");
    }
}
