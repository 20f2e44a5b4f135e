//! Quantities of the API: a decimal number with a suffix, binary (`Ki` … `Ei`), decimal (`n` … `E`)
//! or an exponent (`e3`), such as `100m`, `1536Mi` or `12e6`.
//!
//! They are kept exactly and asked for in three ways, which are the API's own: whole units rounded
//! up, thousandths rounded up, and the nearest floating-point number. Unlike the API's library they
//! do not overflow: what is beyond 128 bits is the nearest floating-point number.

use exposition::Value;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};
use std::fmt;

/// `digits` × 10^`power` × 2^`shift`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Quantity {
    digits: i128,
    power: i32,
    shift: u32,
}

/// A whole number, or where it is too large for that, the nearest floating-point number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Whole(i128),
    Float(f64),
}

/// Digits that are kept; of longer numbers the rest is rounded up, as what is below `n` is.
const MAX_DIGITS: usize = 36;

/// Beyond it the API counts in whole units only.
const MAX_WITH_THOUSANDTHS: i128 = i64::MAX as i128 / 1000;

/// A quantity as the API writes it, such as `100m`, `1536Mi` or `12e6`: the nearest floating-point number.
pub fn quantity(text: &str) -> Option<f64> {
    Some(Quantity::parse(text)?.float())
}

// === impl Quantity ===

impl Quantity {
    /// Reads a quantity as the API writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text),
        };
        let whole = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let (integer, rest) = rest.split_at_checked(rest.len() - whole.len())?;
        let (fraction, suffix) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(rest) => {
                let suffix = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                rest.split_at_checked(rest.len() - suffix.len())?
            }
        };
        if integer.is_empty() && fraction.is_empty() {
            return None;
        }
        let (power, shift) = suffix_of(suffix)?;
        let mut digits: i128 = 0;
        let mut kept = 0;
        let mut dropped: i32 = 0;
        let mut rest = false;
        for digit in integer.bytes().chain(fraction.bytes()).map(|b| i128::from(b - b'0')) {
            if kept < MAX_DIGITS {
                digits = digits * 10 + digit;
                kept += usize::from(digits != 0);
            } else {
                dropped = dropped.saturating_add(1);
                rest = rest || digit != 0;
            }
        }
        digits += i128::from(rest);
        let behind = i32::try_from(fraction.len()).ok()?;
        let power = power.checked_sub(behind)?.checked_add(dropped)?;
        Some(Self { digits: if negative { -digits } else { digits }, power, shift })
    }

    /// Whole units, rounded away from 0: how bytes and counted things are exposed.
    pub(crate) fn whole(self) -> Number {
        self.scaled(0)
    }

    /// Units with thousandths, rounded away from 0, where the number is small enough for the API to
    /// count them.
    pub(crate) fn thousandths(self) -> Number {
        match (self.whole(), self.scaled(3)) {
            (Number::Whole(whole), Number::Whole(milli))
                if whole <= MAX_WITH_THOUSANDTHS && milli % 1000 != 0 =>
            {
                Number::Float(float(milli) / 1000.0)
            }
            (whole, _) => whole,
        }
    }

    /// The nearest floating-point number.
    pub(crate) fn float(self) -> f64 {
        if self.digits == 0 {
            return 0.0;
        }
        let scaled = float(self.digits) * 2f64.powi(self.shift.cast_signed());
        if self.power < 0 {
            scaled / 10f64.powi(-self.power)
        } else {
            scaled * 10f64.powi(self.power)
        }
    }

    /// The number in units of 10^-`scale`, rounded away from 0.
    fn scaled(self, scale: i32) -> Number {
        let too_large = || Number::Float(self.float() * 10f64.powi(scale));
        let Some(shifted) =
            2i128.checked_pow(self.shift).and_then(|by| self.digits.checked_mul(by))
        else {
            return too_large();
        };
        let power = self.power.saturating_add(scale);
        let Some(by) = 10i128.checked_pow(power.unsigned_abs()) else {
            return match (shifted, power) {
                (0, _) => Number::Whole(0),
                (_, 0..) => too_large(),
                _ => Number::Whole(shifted.signum()),
            };
        };
        if power >= 0 {
            return shifted.checked_mul(by).map_or_else(too_large, Number::Whole);
        }
        let rest = shifted % by;
        Number::Whole(shifted / by + if rest == 0 { 0 } else { rest.signum() })
    }
}

/// The power of ten and of two that a suffix stands for.
fn suffix_of(suffix: &str) -> Option<(i32, u32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            (all.then(|| exponent.parse().ok()).flatten()?, 0)
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "the nearest floating-point number is asked for")]
fn float(number: i128) -> f64 {
    number as f64
}

impl Value for Number {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(number) => match i64::try_from(number) {
                Ok(number) => number.write(out),
                Err(_) => float(number).write(out),
            },
            Self::Float(number) => number.write(out),
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Quantities;
        impl Visitor<'_> for Quantities {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity such as 100m or 2Gi")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Quantity, E> {
                Quantity::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity { digits: number.into(), ..Quantity::default() })
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Quantity, E> {
                Ok(Quantity { digits: number.into(), ..Quantity::default() })
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_unit<E: Error>(self) -> Result<Quantity, E> {
                Ok(Quantity::default())
            }
        }
        deserializer.deserialize_any(Quantities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: impl Value) -> String {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whole_thousandths_and_float() {
        for (quantity, whole, thousandths, float) in [
            ("0", "0", "0", "0"),
            ("1500m", "2", "1.5", "1.5"),
            ("-1500m", "-2", "-1.5", "-1.5"),
            ("100n", "1", "0.001", "1e-7"),
            ("1u", "1", "0.001", "1e-6"),
            ("1.0005", "2", "1.001", "1.0005"),
            (".5", "1", "0.5", "0.5"),
            ("5.", "5", "5", "5"),
            ("+3", "3", "3", "3"),
            ("1Ki", "1024", "1024", "1024"),
            ("1.5Gi", "1610612736", "1610612736", "1610612736"),
            ("0.1Mi", "104858", "104857.6", "104857.6"),
            ("12e6", "12000000", "12000000", "12000000"),
            ("12E-3", "1", "0.012", "0.012"),
            ("1E3", "1000", "1000", "1000"),
            // Beyond what counts thousandths the API counts whole units.
            ("9223372036854775500m", "9223372036854776", "9223372036854776", "9223372036854776"),
            ("7Ei", "8070450532247928832", "8070450532247928832", "8.070450532247929e+18"),
            // The API's library overflows on these.
            ("10E", "1e+19", "1e+19", "1e+19"),
            (
                "12345678901234567890",
                "1.2345678901234567e+19",
                "1.2345678901234567e+19",
                "1.2345678901234567e+19",
            ),
            ("1e400", "+Inf", "+Inf", "+Inf"),
            ("1e-400", "1", "0.001", "0"),
            ("0e999999999", "0", "0", "0"),
            ("0.0000000000000000000000000000000000000000001", "1", "0.001", "1e-43"),
            ("100000000000000000000000000000000000000000000000001n", "1e+41", "1e+41", "1e+41"),
        ] {
            let parsed = Quantity::parse(quantity).expect(quantity);
            assert_eq!(
                (text(parsed.whole()), text(parsed.thousandths()), text(parsed.float())),
                (whole.to_owned(), thousandths.to_owned(), float.to_owned()),
                "{quantity}"
            );
        }
        for wrong in [
            "",
            "m",
            "1mm",
            "1 m",
            "1ki",
            "1Zi",
            "e3",
            "1e",
            "1e+",
            "1e99999999999",
            "-",
            "1.2.3",
            "½",
        ] {
            assert_eq!(Quantity::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_rounding_is_up(number in 0u64..1_000_000_000, digits in 0usize..12, suffix in "(|n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e-?[0-9]{1,3})") {
            let written = format!("{number}.{number:0digits$}{suffix}");
            let quantity = Quantity::parse(&written).unwrap();
            let (Number::Whole(whole), Number::Whole(milli)) = (quantity.scaled(0), quantity.scaled(3)) else {
                return Ok(());
            };
            prop_assert!(milli <= whole.saturating_mul(1000));
            prop_assert!(whole.saturating_sub(1).saturating_mul(1000) < milli || whole == 0);
        }

        #[test]
        fn any_text(text in "\\PC*") {
            if let Some(quantity) = Quantity::parse(&text) {
                let _ = (quantity.thousandths(), quantity.float());
            }
        }
    }
}
