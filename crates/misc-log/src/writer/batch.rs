//! Lines that are written together.

/// How many bytes go into one call at most, so that there is progress to see on a slow output.
pub(super) const CHUNK: usize = 64 << 10;
/// The same where others write, too: what POSIX has pipes take in one piece (`PIPE_BUF` on Linux).
pub(super) const SHARED_CHUNK: usize = 4096;
/// How much room an empty batch keeps.
const KEEP: usize = 1 << 20;

/// Lines, one after the other; a line of a format for people may have several line breaks.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
}

impl Batch {
    pub(super) fn push(&mut self, line: &str) {
        self.bytes.extend_from_slice(line.as_bytes());
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets the lines and keeps the room, unless it was far too much.
    pub(super) fn clear(&mut self) {
        let idle = self.bytes.len() < self.bytes.capacity() / 4;
        self.bytes.clear();
        self.ends.clear();
        if idle && self.bytes.capacity() > KEEP {
            self.bytes.shrink_to(KEEP);
            self.ends.shrink_to(KEEP / 64);
        }
    }

    /// Splits the lines into what goes into one call each: whole lines, and at least one.
    pub(super) fn chunks(&self, limit: usize) -> impl Iterator<Item = Chunk<'_>> {
        let (mut start, mut rest) = (0, &*self.ends);
        std::iter::from_fn(move || {
            rest.first()?;
            let count = rest.partition_point(|end| end - start <= limit).max(1);
            let (ends, later) = rest.split_at(count);
            let end = ends[count - 1];
            let chunk = Chunk { bytes: &self.bytes[start..end], start, ends };
            (start, rest) = (end, later);
            Some(chunk)
        })
    }
}

/// Some of the lines of a batch.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    pub(super) bytes: &'a [u8],
    start: usize,
    ends: &'a [usize],
}

impl Chunk<'_> {
    /// How many lines are whole in the first `count` bytes.
    pub(super) fn lines_within(&self, count: usize) -> u64 {
        self.ends.partition_point(|end| end - self.start <= count) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &[usize]) -> Batch {
        let mut batch = Batch::default();
        lines.iter().for_each(|length| batch.push(&"x".repeat(*length)));
        batch
    }

    #[track_caller]
    fn check(lines: &[usize], expected: &[(usize, u64)]) {
        let batch = batch(lines);
        let chunks: Vec<_> =
            batch.chunks(CHUNK).map(|chunk| (chunk.bytes.len(), chunk.lines_within(chunk.bytes.len()))).collect();
        assert_eq!(chunks, expected);
    }

    #[test]
    fn chunks_are_whole_lines() {
        check(&[], &[]);
        check(&[10, 20, 30], &[(60, 3)]);
        check(&[CHUNK, 1, CHUNK - 1, 1], &[(CHUNK, 1), (CHUNK, 2), (1, 1)]);
        check(&[1, 3 * CHUNK, 1], &[(1, 1), (3 * CHUNK, 1), (1, 1)]);
    }

    #[test]
    fn a_part_of_a_line_does_not_count() {
        let batch = batch(&[CHUNK, 10, 20]);
        let chunk = batch.chunks(CHUNK).nth(1).unwrap();
        assert_eq!([0, 9, 10, 29, 30].map(|count| chunk.lines_within(count)), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_batch_that_was_huge_gives_its_room_back() {
        let mut batch = batch(&[8 * KEEP]);
        batch.clear();
        batch.push("small");
        batch.clear();
        assert_eq!(batch.bytes.capacity(), KEEP);
    }
}
