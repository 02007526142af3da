//! Blocks of all operations to one body, families together in catalogue order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::metrics::catalogue;
use crate::metrics::{Block, Family, Label, Sample};

use super::encode::{Writer, lines};
use super::{Format, OperationBlocks};

/// A rendered body and where each part of it came from.
#[derive(Debug)]
pub(super) struct Rendered {
    /// The lines of the prepared families.
    pub(super) bytes: Bytes,
    /// Where the lines of each family of each source stand.
    chunks: HashMap<(usize, usize), Range<usize>>,
    /// Keeps the sources alive, so that no other one can come to stand at an address in `chunks`.
    _sources: Vec<Arc<Vec<Block>>>,
}

/// The families that may be prepared, in catalogue order: those with an `operation` label.
static PREPARED: LazyLock<Vec<&'static Family>> = LazyLock::new(|| {
    catalogue::all().filter(|family| family.labels.first() == Some(&Label::Operation)).collect()
});

static POSITIONS: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| PREPARED.iter().enumerate().map(|(position, family)| (family.name, position)).collect());

/// How many series the blocks hold; a histogram's buckets, sum and count are one each.
pub(super) fn series(operations: &[OperationBlocks]) -> usize {
    let blocks =
        operations.iter().flat_map(|operation| operation.blocks.iter().flat_map(|blocks| blocks.iter()));
    blocks.map(|block| block.samples.len() * lines(block.family)).sum()
}

/// The series of one family of one operation.
#[derive(Clone)]
struct Chunk<'a> {
    operation: usize,
    address: usize,
    block: &'a Block,
}

/// Renders operations, sorted by name; what `previous` (of the same format) holds of an unchanged source
/// is copied from there.
pub(super) fn render(
    operations: &[&OperationBlocks],
    format: Format,
    previous: Option<&Rendered>,
) -> Rendered {
    let mut by_family: Vec<Vec<Chunk<'_>>> = vec![Vec::new(); PREPARED.len()];
    let mut sources = Vec::new();
    for (nth, operation) in operations.iter().enumerate() {
        for source in &operation.blocks {
            sources.push(Arc::clone(source));
            for block in source.iter() {
                let Some(position) = POSITIONS.get(block.family.name) else {
                    debug_assert!(false, "{} cannot be prepared", block.family.name);
                    continue;
                };
                let entries = &mut by_family[*position];
                if entries.last().is_some_and(|last| last.operation == nth) {
                    debug_assert!(false, "{} comes twice in {}", block.family.name, operation.name);
                    continue;
                }
                entries.push(Chunk { operation: nth, address: Arc::as_ptr(source).addr(), block });
            }
        }
    }

    let mut out = String::with_capacity(previous.map_or(0, |previous| previous.bytes.len() + 4096));
    let mut chunks = HashMap::with_capacity(previous.map_or(0, |previous| previous.chunks.len()));
    for (position, entries) in by_family.iter().enumerate() {
        if entries.iter().all(|chunk| chunk.block.samples.is_empty()) {
            continue;
        }
        let writer = Writer::new(PREPARED[position], format);
        writer.head(&mut out, format);
        for Chunk { address, block, .. } in entries {
            let start = out.len();
            let key = (*address, position);
            let copied = previous.and_then(|previous| {
                let range = previous.chunks.get(&key)?.clone();
                std::str::from_utf8(&previous.bytes[range]).ok()
            });
            match copied {
                Some(text) => out.push_str(text),
                None => {
                    let samples = in_order(&block.samples);
                    debug_assert!(matches!(samples, Cow::Borrowed(_)), "{} is not sorted", block.family.name);
                    writer.samples(&mut out, &samples);
                }
            }
            chunks.insert(key, start..out.len());
        }
    }
    // The body may live long, and what it grew into spare with it.
    out.shrink_to_fit();
    Rendered { bytes: Bytes::from(out), chunks, _sources: sources }
}

/// The samples sorted by labels, each label set once: as they are, or mended when they are not.
pub(super) fn in_order(samples: &[Sample]) -> Cow<'_, [Sample]> {
    if samples.is_sorted_by(|a, b| a.labels < b.labels) {
        return Cow::Borrowed(samples);
    }
    let mut samples = samples.to_vec();
    samples.sort_by(|a, b| a.labels.cmp(&b.labels));
    samples.dedup_by(|a, b| a.labels == b.labels);
    Cow::Owned(samples)
}
