//! What counts as a number: true and false, words for them, times, quantities, percentages.

use super::value::Value;
use crate::{quantity::Quantity, time::Time};

/// The number that a value is.
///
/// Fails with what it is instead.
#[expect(clippy::cast_precision_loss, reason = "samples are floating-point numbers")]
pub(super) fn of(value: &Value<'_>) -> Result<f64, String> {
    match value {
        Value::Bool(yes) => Ok(f64::from(u8::from(*yes))),
        Value::Int(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::Text(text) => {
            of_text(text).ok_or_else(|| format!("expected a number, found {:?}", cut(text)))
        }
        other => Err(format!("expected a number, found {}", other.kind())),
    }
}

/// The number that a text stands for: true, yes (1), false, no, unknown (0), seconds since 1970 of a
/// time, a quantity such as `250m` or `2Gi`, a share such as `25%` (0.25), or plain digits.
#[expect(clippy::cast_precision_loss, reason = "samples are floating-point numbers")]
pub(super) fn of_text(text: &str) -> Option<f64> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    if ["true", "yes"].iter().any(is) {
        return Some(1.0);
    }
    if ["false", "no", "unknown"].iter().any(is) {
        return Some(0.0);
    }
    // Capital letters only, as Go reads them.
    if let Some(time) = Time::parse(text).filter(|_| !text.contains(['t', 'z'])) {
        return Some(time.0 as f64);
    }
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if let Some(quantity) = Quantity::parse(text) {
        return Some(quantity.float());
    }
    let digits = text.strip_suffix('%')?;
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse::<f64>().ok()).flatten().map(|number| number / 100.0)
}

/// As much of a text as a message holds.
fn cut(text: &str) -> String {
    let mut kept: String = text.chars().take(64).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_numbers() {
        for (text, number) in [
            ("True", 1.0),
            ("YES", 1.0),
            ("No", 0.0),
            ("Unknown", 0.0),
            ("2026-01-02T03:04:05Z", 1_767_323_045.0),
            ("2026-01-02T03:04:05.9+01:00", 1_767_319_445.0),
            ("250m", 0.25),
            ("9m", 0.009),
            ("2Gi", 2_147_483_648.0),
            ("1E", 1e18),
            ("1E3", 1000.0),
            ("0e999999999", 0.0),
            ("0e999999999k", f64::NAN),
            ("25%", 0.25),
            ("1e-7", 1e-7),
            ("+Inf", f64::INFINITY),
            ("1234567.8901234567", 1_234_567.890_123_456_7),
        ] {
            let found = of_text(text);
            assert!(
                found == Some(number) || number.is_nan() && found.is_none(),
                "{text} {found:?}"
            );
        }
        for text in ["", "%", "-5%", "1.5%", "Ready", "12 m", "0x1p4", "2026-01-02t03:04:05z"] {
            assert_eq!(of_text(text), None, "{text}");
        }
        let long = Value::Text("x".repeat(100).into());
        assert_eq!(of(&long).unwrap_err().chars().filter(|c| *c == 'x').count(), 65);
        assert_eq!(of(&Value::List(vec![])).unwrap_err(), "expected a number, found a list");
    }
}
