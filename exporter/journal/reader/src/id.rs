//! 128-bit ids: of machines, boots, files and numberings. Text is 32 lower-case hex digits.

use std::{fmt, str::FromStr};

/// A 128-bit id as systemd writes it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

// === impl Id ===

impl Id {
    /// Whether nobody has set it.
    pub fn is_null(self) -> bool {
        self.0 == [0; 16]
    }
}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let mut id = [0; 16];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != id.len() || !rest.is_empty() {
            return Err(NotAnId);
        }
        for (byte, [high, low]) in id.iter_mut().zip(pairs) {
            let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
            *byte = digit(high).ok_or(NotAnId)? << 4 | digit(low).ok_or(NotAnId)?;
        }
        Ok(Self(id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl NotAnId ===

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 32 hex digits")
    }
}

impl std::error::Error for NotAnId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let text = "0123456789abcdef00112233445566ff";
        assert_eq!(text.parse::<Id>().unwrap().to_string(), text);
        for wrong in
            ["", "0123", "0123456789abcdef00112233445566fg", "0123456789abcdef00112233445566fff"]
        {
            assert_eq!(wrong.parse::<Id>(), Err(NotAnId), "{wrong}");
        }
    }
}
