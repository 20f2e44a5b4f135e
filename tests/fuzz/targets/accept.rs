//! Any header value: no panic, and always an answer that names itself.
#![no_main]

use exposition::{ContentEncoding, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let format = Format::negotiate(Some(text));
    assert_eq!(Format::negotiate(Some(format.content_type())), format);
    let encoding = ContentEncoding::negotiate(Some(text));
    assert_eq!(ContentEncoding::negotiate(encoding.name()), encoding);
});
