//! Secrets as they are remembered: by an HMAC-SHA-256 under a key of the process, which tells nothing of them.
//! Lookups by it may take whatever time they take: without the key nobody can aim at one.

use ring::{hmac, rand::SystemRandom};

pub(super) type Digest = [u8; 32];

/// Makes digests.
pub(super) struct Digests(hmac::Key);

// === impl Digests ===

impl Digests {
    pub(super) fn new() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self(key.expect("the kernel has random numbers"))
    }

    /// That of some parts, in this order.
    pub(super) fn of(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = Digest::default();
        digest.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        digest
    }
}
