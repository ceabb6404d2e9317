//! Compressed bytes without what the format puts between them: a zero behind every 0xff, restarts, fill bytes.

use std::ops::Range;

/// Bytes of zeros behind the last, so that reading eight at a time needs no care.
pub(super) const SLACK: usize = 16;

/// The bytes of a scan.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) bytes: Vec<u8>,
    /// Each from one restart to the next, with [`SLACK`] behind it.
    pub(super) parts: Vec<Range<usize>>,
}

impl Scan {
    /// Becomes the scan that `from` begins with; nothing unless it has so many `parts` and the image ends after it.
    pub(super) fn split(&mut self, mut from: &[u8], parts: usize) -> Option<()> {
        self.bytes.clear();
        self.parts.clear();
        let mut start = 0;
        loop {
            let (plain, marked) = from.split_at(find_ff(from)?);
            self.bytes.extend_from_slice(plain);
            from = marked.get(2..)?;
            match marked[1] {
                0x00 => self.bytes.push(0xff),
                // A fill byte: what follows may be a marker.
                0xff => from = &marked[1..],
                marker @ (0xd0..=0xd7 | 0xd9) => {
                    self.bytes.extend_from_slice(&[0; SLACK]);
                    self.parts.push(start..self.bytes.len());
                    start = self.bytes.len();
                    if marker == 0xd9 {
                        return (self.parts.len() == parts).then_some(());
                    }
                    if self.parts.len() == parts {
                        // A file of nothing but restarts would take many times its size.
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }
}

/// Where the first byte 0xff is.
fn find_ff(bytes: &[u8]) -> Option<usize> {
    const STEP: usize = 32;
    let (steps, rest) = bytes.as_chunks::<STEP>();
    let before = steps.iter().position(|step| step.iter().fold(false, |any, byte| any | (*byte == 0xff)));
    let from = before.map_or(bytes.len() - rest.len(), |steps| steps * STEP);
    bytes[from..].iter().position(|byte| *byte == 0xff).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_parts_are_taken_apart() {
        let bytes = [1, 0xff, 0xd0, 2, 0xff, 0x00, 0xff, 0xff, 0xd9, 7];
        let mut scan = Scan::default();
        assert_eq!(scan.split(&bytes, 2), Some(()));
        let parts: Vec<_> = scan.parts.iter().map(|part| &scan.bytes[part.start..part.end - SLACK]).collect();
        assert_eq!(parts, [&[1][..], &[2, 0xff]]);
        assert_eq!(scan.split(&bytes, 1), None);
        assert_eq!(scan.split(&bytes, 3), None);
    }
}
