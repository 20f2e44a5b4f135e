//! `?collect[]=…` and `?exclude[]=…`: which collectors a request asks for.

use crate::engine::Select;

/// Why a query cannot be served; the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// The query is longer than anybody needs.
    #[error("the query is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It names more collectors than there are.
    #[error("the query names more than {MAX_NAMES} collectors")]
    TooMany,
    /// It names collectors to run and collectors to leave out.
    #[error("Combined collect and exclude queries are not allowed.")]
    Combined,
}

const MAX_BYTES: usize = 8192;
const MAX_NAMES: usize = 256;

/// The selection that a raw query makes of `whole`; other parameters are ignored, and so is what is
/// no parameter (a wrong escape, a semicolon), as Go's parser does.
pub fn select(query: &str, whole: Select) -> Result<Select, BadQuery> {
    if query.len() > MAX_BYTES {
        return Err(BadQuery::TooLong);
    }
    let (mut only, mut except) = (Vec::new(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.contains(';')) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let names = match decode(key).as_deref() {
            Some("collect[]") => &mut only,
            Some("exclude[]") => &mut except,
            _ => continue,
        };
        names.extend(decode(value));
        if names.len() > MAX_NAMES {
            return Err(BadQuery::TooMany);
        }
    }
    match (only.is_empty(), except.is_empty()) {
        (true, true) => Ok(whole),
        (false, true) => Ok(Select::Only(only)),
        (true, false) => Ok(Select::Except(except)),
        (false, false) => Err(BadQuery::Combined),
    }
}

/// Undoes percent-encoding and `+`; `None` where an escape is torn.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(names: &[&str]) -> Select {
        Select::Only(names.iter().map(|&n| n.to_owned()).collect())
    }

    #[test]
    fn queries() {
        let select = |query: &str| super::select(query, Select::All);
        assert_eq!(select(""), Ok(Select::All));
        assert_eq!(select("a=b&name[]=cpu&&=&%"), Ok(Select::All));
        assert_eq!(select("collect[]=cpu&collect[]=arp"), Ok(only(&["cpu", "arp"])));
        assert_eq!(select("collect%5B%5D=cpu&collect%5b]=a%20b+c"), Ok(only(&["cpu", "a b c"])));
        assert_eq!(select("collect[]"), Ok(only(&[""])));
        assert_eq!(select("collect[]=%f0%28"), Ok(only(&["\u{fffd}("])));
        assert_eq!(select("collect[]=%zz&collect[]=%4&collect[]=a;b"), Ok(Select::All));
        assert_eq!(select("exclude[]=nope"), Ok(Select::Except(vec!["nope".to_owned()])));
        assert_eq!(select("exclude[]=a&collect[]=b"), Err(BadQuery::Combined));
        assert_eq!(super::select("", Select::Part("node")), Ok(Select::Part("node")));
    }

    #[test]
    fn caps() {
        assert_eq!(select(&"x".repeat(8193), Select::All), Err(BadQuery::TooLong));
        assert_eq!(select(&"collect[]=&".repeat(257), Select::All), Err(BadQuery::TooMany));
    }
}
