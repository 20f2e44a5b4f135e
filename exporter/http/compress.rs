//! Compression of bodies: gzip by zlib-rs at level 1, zstd by ruzstd at its fastest.
//!
//! Both are Rust alone. Level 1 costs a quarter of level 6, and metrics shrink sixfold under it.

use exposition::ContentEncoding;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::sync::{Mutex, PoisonError};

/// Compresses bodies; the state of one gzip stream, some 300 KiB, is kept from one to the next.
#[derive(Debug, Default)]
pub struct Compressor {
    spare: Mutex<Option<Compress>>,
}

/// RFC 1952: deflate, no flags, no time, fastest, unknown system.
pub(super) const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

// === impl Compressor ===

impl Compressor {
    /// `body` in `encoding`; and the encoding that it really has.
    pub fn compress(&self, body: Vec<u8>, encoding: ContentEncoding) -> (Vec<u8>, ContentEncoding) {
        match encoding {
            ContentEncoding::Identity => (body, encoding),
            ContentEncoding::Zstd => {
                (compress_to_vec(body.as_slice(), CompressionLevel::Fastest), encoding)
            }
            ContentEncoding::Gzip => match self.gzip(&body) {
                Some(packed) => (packed, encoding),
                None => (body, ContentEncoding::Identity),
            },
        }
    }

    fn gzip(&self, body: &[u8]) -> Option<Vec<u8>> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut stream = match spare {
            Some(mut stream) => {
                stream.reset();
                stream
            }
            None => Compress::new(Compression::new(1), false),
        };
        let mut out = Vec::with_capacity(body.len() / 5 + 256);
        out.extend_from_slice(&GZIP_HEADER);
        loop {
            let done = usize::try_from(stream.total_in()).ok()?;
            match stream.compress_vec(body.get(done..)?, &mut out, FlushCompress::Finish).ok()? {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => out.reserve(out.len() / 2 + 256),
            }
        }
        let mut crc = Crc::new();
        crc.update(body);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&crc.amount().to_le_bytes());
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_goes_in_comes_out() {
        let compressor = Compressor::default();
        let noise: Vec<u8> =
            (0..100_000u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        let text = "node_network_up{device=\"veth\"} 1\n".repeat(10_000).into_bytes();
        for body in [Vec::new(), b"a".to_vec(), text, noise] {
            let (gzip, encoding) = compressor.compress(body.clone(), ContentEncoding::Gzip);
            assert_eq!(encoding, ContentEncoding::Gzip);
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&*gzip).read_to_end(&mut back).unwrap();
            assert!(back == body);
            let (zstd, _) = compressor.compress(body.clone(), ContentEncoding::Zstd);
            let mut back = Vec::new();
            ruzstd::decoding::StreamingDecoder::new(&*zstd)
                .unwrap()
                .read_to_end(&mut back)
                .unwrap();
            assert!(back == body);
            let (same, _) = compressor.compress(body.clone(), ContentEncoding::Identity);
            assert!(same == body);
        }
    }
}
