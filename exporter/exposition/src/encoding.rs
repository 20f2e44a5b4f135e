//! `Accept-Encoding`: how a body is compressed.

use crate::accept::clauses;

/// A content coding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContentEncoding {
    /// Not compressed.
    #[default]
    Identity,
    /// `gzip`
    Gzip,
    /// `zstd`, for who asks for it by name.
    Zstd,
}

// === impl ContentEncoding ===

impl ContentEncoding {
    /// The coding for a value of `Accept-Encoding`: the highest quality wins, at equal qualities
    /// gzip before zstd before none. Where nothing is acceptable, the body goes out as it is.
    pub fn negotiate(accept_encoding: Option<&str>) -> Self {
        let (mut gzip, mut zstd, mut identity, mut any) = (None, None, None, None);
        for clause in clauses(accept_encoding.unwrap_or_default()) {
            let slot = match clause.value.as_str() {
                "gzip" | "x-gzip" => &mut gzip,
                "zstd" => &mut zstd,
                "identity" => &mut identity,
                "*" => &mut any,
                _ => continue,
            };
            slot.get_or_insert(clause.quality);
        }
        let gzip = (gzip.or(any).unwrap_or(0), Self::Gzip);
        let zstd = (zstd.unwrap_or(0), Self::Zstd);
        // Without a word on it, identity is acceptable, but less than what was asked for.
        let identity = (identity.unwrap_or(0), Self::Identity);
        let mut best = gzip;
        for offer in [zstd, identity] {
            if offer.0 > best.0 {
                best = offer;
            }
        }
        if best.0 > 0 { best.1 } else { Self::Identity }
    }

    /// The value of `Content-Encoding`; none where there is nothing to say.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ContentEncoding::{Gzip, Identity, Zstd};

    #[test]
    fn tables() {
        for (accept, encoding) in [
            ("", Identity),
            ("gzip", Gzip),
            ("x-gzip", Gzip),
            ("GZIP;Q=0.5", Gzip),
            ("gzip, zstd", Gzip),
            ("zstd, gzip", Gzip),
            ("zstd", Zstd),
            ("gzip;q=0.5, zstd;q=0.9", Zstd),
            ("gzip;q=0", Identity),
            ("gzip;q=0, *", Identity),
            ("*", Gzip),
            ("*;q=0", Identity),
            ("identity;q=0", Identity),
            ("identity;q=0, gzip;q=0.1", Gzip),
            ("identity, gzip;q=0.5", Identity),
            ("identity;q=0.5, gzip;q=0.5", Gzip),
            ("*;q=0, zstd;q=0.1", Zstd),
            ("br, deflate", Identity),
            ("gzip;q=x, zstd;q=0.2", Zstd),
        ] {
            assert_eq!(ContentEncoding::negotiate(Some(accept)), encoding, "{accept}");
        }
        assert_eq!(ContentEncoding::negotiate(None), Identity);
    }
}
