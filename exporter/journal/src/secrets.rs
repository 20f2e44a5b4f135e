//! Secrets in log lines: what looks like one is replaced by `***` before a person or a label sees it.
//!
//! It errs towards masking. What it knows: values of keys that name a secret (`password=`,
//! `"client_secret": "…"`, `--token …`, `Authorization: Bearer …`), user names and passwords in
//! URLs, keys and tokens that are known by their form (AWS, GitHub, GitLab, Slack, Stripe, Google,
//! npm, Vault, JSON web tokens), private keys in PEM, and lines of base64 as PEM's bodies are, since
//! a service's standard output reaches the journal line by line.

use regex_lite::{Captures, Regex};
use std::{borrow::Cow, sync::LazyLock};

/// What stands in a secret's place.
const MASK: &str = "***";

/// Words that tell that a key's value is a secret; a line with none of them is not searched for keys.
const WORDS: [&str; 10] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "authorization",
    "cookie",
    "bearer",
    "sess",
];

/// A key that names a secret, and its value: in quotes, or up to what ends a value.
static KEYED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)((?:(?:password|passwd|passphrase|pwd|secret|token|(?:api|access|private|account|shared|encryption|signing|master|session)[_-]?key|credentials?|authorization|cookie|session_?id|sessid)[\w.-]*|(?:\b|_)pass(?:code)?)\\?["']?\s*(?:=>|[:=])\s*)(?:(?:bearer|basic|digest|token|apikey)\s+[^\s"',;]+|\\"(?:[^"\\]|\\[^"])*(?:\\")?|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'}\])]+)"#,
    )
});

/// The same as an option of a command line: its value is the next word.
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(--?[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key)[\w-]*\s+)[^\s-]\S*",
    )
});

/// A header with a scheme, whichever, and what follows it.
static AUTHORIZATION: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)(authorization\s*[:=]\s*)[a-z][\w-]*\s+[^\s"',;\\]+"#));

/// Cookies, one behind the other.
static COOKIES: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)(cookie\s*[:=]\s*)[^\s;"'\\]+(?:;\s*[^\s;"'\\]+)*"#));

/// A password in quotes, and an element of XML.
static QUOTED: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)((?:password|passwd|passphrase)\s+)(?:'[^']+'|"[^"]+")"#));
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(<[\w:.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key)[\w:.-]*(?:\s[^<>]*)?>)[^<]+(</)",
    )
});

/// What lets the holder of a URL in.
static SIGNATURE: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)((?:signature|[?&;]sig)=)[^\s,;&"']+"#));

static BEARER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\b(bearer\s+)[a-z0-9._~+/=-]{8,}"));

/// User name and password in a URL; a password may have a slash, where what stands before it is no port.
static USERINFO: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(://)(?:[^/\s"'<>]+|[^/\s"'<>:@\[]*:\d*[^\d/\s"'<>][^\s"'<>]*)@"#));

/// One of these stands in whatever [`FORMS`] finds; a line with none of them is not searched for forms.
const MARKS: [&str; 18] = [
    "-----BEGIN ",
    "AKIA",
    "ASIA",
    "gho_",
    "ghp_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xox",
    "k_live_",
    "k_test_",
    "AIza",
    "npm_",
    "hvs.",
    "hvb.",
    "eyJ",
];

/// What is a secret by its form.
static FORMS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
        r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"|\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{10,}",
        r"|\b[sr]k_(?:live|test)_\w{10,}|\bAIza[\w-]{30,}|\bnpm_\w{30,}|\bhv[sb]\.[\w-]{20,}",
        r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",
    ))
});

/// A word that may be a line of a PEM's body.
static BASE64: LazyLock<Regex> = LazyLock::new(|| regex(r"[A-Za-z0-9+/]{48,}={0,2}"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is part of the program and tested")
}

/// `text` with everything that looks like a secret replaced by `***`.
pub fn mask_secrets(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    let lower = text.to_ascii_lowercase();
    if text.contains("://") {
        replace(&mut masked, &USERINFO, |c| format!("{}{MASK}@", group(c, 1)));
    }
    if MARKS.iter().any(|mark| text.contains(mark)) {
        replace(&mut masked, &FORMS, |_| MASK.to_owned());
    }
    if WORDS.iter().any(|word| lower.contains(word)) {
        let keep = |c: &Captures<'_>| format!("{}{MASK}", group(c, 1));
        replace(&mut masked, &AUTHORIZATION, keep);
        replace(&mut masked, &COOKIES, keep);
        replace(&mut masked, &ELEMENT, |c| format!("{}{MASK}{}", group(c, 1), group(c, 2)));
        replace(&mut masked, &QUOTED, keep);
        replace(&mut masked, &KEYED, keep);
        replace(&mut masked, &OPTION, keep);
        replace(&mut masked, &BEARER, keep);
    }
    if lower.contains("sig") {
        replace(&mut masked, &SIGNATURE, |c| format!("{}{MASK}", group(c, 1)));
    }
    if has_long_word(text) {
        replace(&mut masked, &BASE64, |c| match group(c, 0) {
            word if is_random(word) => MASK.to_owned(),
            word => word.to_owned(),
        });
    }
    masked
}

/// Whether there is a word that [`BASE64`] may find.
fn has_long_word(text: &str) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    text.as_bytes().split(|b| !plain(b)).any(|word| word.len() >= 48)
}

fn group<'a>(captures: &Captures<'a>, index: usize) -> &'a str {
    captures.get(index).map_or("", |found| found.as_str())
}

fn replace(text: &mut Cow<'_, str>, regex: &Regex, with: impl Fn(&Captures<'_>) -> String) {
    if let Cow::Owned(changed) = regex.replace_all(text, |c: &Captures<'_>| with(c)) {
        *text = Cow::Owned(changed);
    }
}

/// Whether a word has capitals, small letters and digits, as 48 random characters have. Digests in
/// hexadecimal and paths have not.
fn is_random(word: &str) -> bool {
    let has = |class: fn(&u8) -> bool| word.as_bytes().iter().any(class);
    has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && !word.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_is_kept() {
        // Texts that look like secrets are put together here, so that no scanner takes the file for one.
        let aws = concat!("AK", "IAIOSFODNN7EXAMPLE");
        let github = concat!("gh", "p_0123456789abcdefghijABCDEFGHIJ012345");
        let jwt = concat!("ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl");
        let begin = concat!("-----BEGIN RSA PRIV", "ATE KEY-----");
        let end = concat!("-----END RSA PRIV", "ATE KEY-----");
        for (text, masked) in [
            ("password=hunter2 user=a", "password=*** user=a"),
            ("PASSWORD: hunter2, next", "PASSWORD: ***, next"),
            (r#"{"db_password":"a b\"c","x":1}"#, r#"{"db_password":***,"x":1}"#),
            (r#"{\"password\":\"a b\",\"x\":1}"#, r#"{\"password\":***,\"x\":1}"#),
            (r#"{"client_secret": "abc def", "id": 1}"#, r#"{"client_secret": ***, "id": 1}"#),
            ("DB_PASSWD='x y' ok", "DB_PASSWD=*** ok"),
            ("login --password hunter2 --user a", "login --password *** --user a"),
            ("curl -H 'Authorization: Bearer abcdefgh.ij' x", "curl -H 'Authorization: ***' x"),
            ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
            ("got bearer abcdefghij from a", "got bearer *** from a"),
            ("GET /?access_token=abc&x=1 200", "GET /?access_token=***&x=1 200"),
            ("X-Api-Key: 12345", "X-Api-Key: ***"),
            ("Set-Cookie: sid=abc; Path=/", "Set-Cookie: ***"),
            ("Cookie: theme=dark; session=abc; x=y' -v", "Cookie: ***' -v"),
            ("Authorization: Negotiate YIIabc== next", "Authorization: *** next"),
            ("Authorization: SSWS 00abc", "Authorization: ***"),
            (
                "Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=h, Signature=abc",
                "Authorization: ***, SignedHeaders=h, Signature=***",
            ),
            ("<password>hunter2</password>", "<password>***</password>"),
            ("<Password type=\"x\">hunter2</Password>", "<Password type=\"x\">***</Password>"),
            ("dial postgres://me:p/ss@db:5432/x", "dial postgres://***@db:5432/x"),
            ("see http://host:80/a@b", "see http://host:80/a@b"),
            ("GET /x?sv=1&sig=abc%3D&se=2", "GET /x?sv=1&sig=***&se=2"),
            ("GET /x?X-Amz-Signature=abc&y=1", "GET /x?X-Amz-Signature=***&y=1"),
            ("AccountName=a;AccountKey=abc==;x", "AccountName=a;AccountKey=***;x"),
            ("encryption_key=abc signing-key: abc", "encryption_key=*** signing-key: ***"),
            ("PHPSESSID=abc session_id=abc", "PHPSESSID=*** session_id=***"),
            ("pass=hunter2 passcode: 1234", "pass=*** passcode: ***"),
            ("compass=north bypass: on", "compass=north bypass: on"),
            ("password is wrong, token is expired", "password is wrong, token is expired"),
            ("password 'hunter2' rejected", "password *** rejected"),
            ("dial postgres://me:p@ss@db:5432/x failed", "dial postgres://***@db:5432/x failed"),
            ("amqp://guest@mq", "amqp://***@mq"),
            ("see https://example.org/@me", "see https://example.org/@me"),
            (&format!("key {aws} used"), "key *** used"),
            (&format!("clone with {github}"), "clone with ***"),
            (&format!("jwt {jwt}!"), "jwt ***!"),
            (&format!("a {begin}\nMIIE\n{end} b"), "a *** b"),
            (&format!("a {begin}\nMIIE"), "a ***"),
            ("MIIEpAIBAAKCAQEAn8s9Zk1x0a+Q3cHq5V2Jt7rG4mLw6Yb0PdXfUeNi", "***"),
            (
                "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            ),
            ("Failed password for root from 10.0.0.1", "Failed password for root from 10.0.0.1"),
            ("token bucket is empty", "token bucket is empty"),
            ("", ""),
        ] {
            assert_eq!(mask_secrets(text), masked, "{text}");
        }
    }

    #[test]
    fn masking_twice_changes_nothing() {
        for text in [
            "password=hunter2",
            "a://b:c@d",
            "--token x y",
            "Authorization: Bearer abcdefgh",
            "Cookie: a=b; c=d",
            "<token>x</token>",
            "password 'x'",
            "?sig=x&signature=y",
            "a://b:c/d@e",
        ] {
            let once = mask_secrets(text).into_owned();
            assert_eq!(mask_secrets(&once), once);
        }
    }
}
