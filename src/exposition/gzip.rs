//! One gzip member in two parts: a compressed one that is kept, and a small one added at each scrape.
//!
//! The kept part ends in a full flush, so it stops at a byte and nothing after it refers back into it.
//! The small part follows as stored blocks. Two members one after the other would be simpler, but some
//! clients read only the first.

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, CompressError, Compression, FlushCompress};

/// Magic, deflate, no flags, no time, fastest, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// The most that one stored block can hold.
const STORED_MAX: usize = 0xffff;

/// The header and the compressed part of a member that is not finished.
#[derive(Clone)]
pub(super) struct Prefix {
    bytes: Bytes,
    crc: Hasher,
    length: u32,
}

impl std::fmt::Debug for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prefix").field("compressed", &self.bytes.len()).field("length", &self.length).finish()
    }
}

impl Prefix {
    /// Compresses the first part. Level 1: at ten times the speed of level 6, a fifth larger.
    pub(super) fn new(part: &[u8]) -> Result<Prefix, CompressError> {
        let mut out = Vec::with_capacity(64 + part.len() / 8);
        out.extend_from_slice(&HEADER);
        if !part.is_empty() {
            let mut deflate = Compress::new(Compression::fast(), false);
            let mut rest = part;
            loop {
                out.reserve(32 * 1024);
                let before = deflate.total_in();
                deflate.compress_vec(rest, &mut out, FlushCompress::Full)?;
                // Invariant: the compressor takes no more than it was given.
                rest = &rest[(deflate.total_in() - before) as usize..];
                // A flush is complete when it did not fill what was offered.
                if rest.is_empty() && out.len() < out.capacity() {
                    break;
                }
            }
        }
        out.shrink_to_fit();
        let mut crc = Hasher::new();
        crc.update(part);
        // The trailer holds the length modulo 2^32.
        Ok(Prefix { bytes: out.into(), crc, length: part.len() as u32 })
    }

    /// The kept bytes, the first of the member.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The same with other storage of the same bytes.
    pub(super) fn map_bytes(self, store: impl FnOnce(Bytes) -> Bytes) -> Prefix {
        Prefix { bytes: store(self.bytes), ..self }
    }

    /// What follows the kept bytes: the second part stored, and the trailer of both.
    pub(super) fn finish(&self, part: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(part.len() + 5 * (part.len() / STORED_MAX + 1) + 8);
        let mut rest = part;
        loop {
            let (block, after) = rest.split_at(rest.len().min(STORED_MAX));
            let last = after.is_empty();
            // Invariant: a block is at most STORED_MAX long.
            let length = block.len() as u16;
            out.push(u8::from(last));
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&(!length).to_le_bytes());
            out.extend_from_slice(block);
            rest = after;
            if last {
                break;
            }
        }
        let mut crc = self.crc.clone();
        crc.update(part);
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        out.extend_from_slice(&self.length.wrapping_add(part.len() as u32).to_le_bytes());
        out
    }
}
