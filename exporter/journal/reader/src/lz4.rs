//! LZ4 blocks, decoded as far as asked. The decoders that others offer want room for the whole text,
//! which a local user chooses; this one stops at the limit, and where the input was cut.

/// A match of length 0 has four bytes.
const MIN_MATCH: usize = 4;

/// Decodes a block behind what `out` holds until it has given `limit` bytes or ends; how many it
/// gave. `None` where it points outside of what it gave.
pub(crate) fn decode(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<usize> {
    let from = out.len();
    let mut rest = block.iter();
    while let Some(token) = rest.next() {
        let room = limit - (out.len() - from);
        let Some(literals) = length(token >> 4, &mut rest) else { break };
        let bytes = rest.as_slice();
        let take = literals.min(room).min(bytes.len());
        out.extend_from_slice(bytes.get(..take)?);
        if take < literals || take == room {
            break;
        }
        rest = bytes.get(take..)?.iter();
        let (Some(low), Some(high)) = (rest.next(), rest.next()) else { break };
        let distance = usize::from(u16::from_le_bytes([*low, *high]));
        let Some(matched) = length(token & 15, &mut rest) else { break };
        let start =
            out.len().checked_sub(distance).filter(|start| *start >= from && distance > 0)?;
        let mut left = matched.saturating_add(MIN_MATCH).min(limit - (out.len() - from));
        // What is copied may run into what it has just written: then it repeats.
        while left > 0 {
            let take = left.min(out.len() - start);
            out.extend_from_within(start..start + take);
            left -= take;
        }
        if out.len() - from == limit {
            break;
        }
    }
    Some(out.len() - from)
}

/// A length whose first four bits are these; `None` where the input ends within it.
fn length(bits: u8, rest: &mut std::slice::Iter<'_, u8>) -> Option<usize> {
    let mut len = usize::from(bits);
    if bits == 15 {
        loop {
            let byte = *rest.next()?;
            len = len.saturating_add(usize::from(byte));
            if byte != u8::MAX {
                break;
            }
        }
    }
    Some(len)
}
