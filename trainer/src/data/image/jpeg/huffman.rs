//! Bits to coefficients.

use super::BLOCK;
use super::headers::ZIGZAG;
use super::scan::SLACK;

/// Bits that are looked up at once. Longer codes are rare, and larger tables would push each other out of the cache.
const LOOK: u32 = 10;

/// Bits of the longest number that an image of 8 bits needs.
const LONGEST: u8 = 11;

/// A Huffman code. Its values say how many coefficients of 0 come first (the upper four bits), and of how many bits the number
/// behind the code is.
pub(super) struct Table {
    /// For the next [`LOOK`] bits what [`entry`] says; 0 where the code is longer, or is none.
    quick: Box<[u32; 1 << LOOK]>,
    /// For each length: the end of the codes up to it, as 16 bits with the code on top.
    ends: [u32; 17],
    /// And what is added to a code to find the place of its value.
    offsets: [i32; 17],
    values: Vec<u8>,
}

impl Table {
    /// The code that has so many values of each length from 1 to 16, in this order; nothing if there is no such code.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let quick = Box::new([0; 1 << LOOK]);
        let mut table = Self { quick, ends: [0; 17], offsets: [0; 17], values: values.to_vec() };
        let (mut code, mut index) = (0_u32, 0);
        for (length, count) in (1_u32..).zip(counts) {
            table.offsets[length as usize] = index - code as i32;
            for _ in 0..*count {
                let value = *values.get(index as usize).filter(|value| **value & 15 <= LONGEST)?;
                if length <= LOOK {
                    let from = (code << (LOOK - length)) as usize;
                    let entries = table.quick.get_mut(from..from + (1 << (LOOK - length)))?;
                    entries.fill(entry(length, value));
                }
                (code, index) = (code + 1, index + 1);
            }
            if code > 1 << length {
                return None;
            }
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    /// The entry of a longer code, for the next 16 bits; nothing if they begin with no code.
    #[cold]
    fn long(&self, next: u32) -> Option<u32> {
        let length = (LOOK + 1..=16).find(|length| next < self.ends[*length as usize])?;
        let index = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        let value = *self.values.get(usize::try_from(index).ok()?)?;
        Some(entry(length, value))
    }
}

/// Of a code: from below, how many bits it has with the number behind it, how many that number has, how many it has itself, and the
/// coefficients of 0 before it, 8 bits each.
fn entry(length: u32, value: u8) -> u32 {
    let size = u32::from(value & 15);
    (length + size) | size << 8 | length << 16 | u32::from(value >> 4) << 24
}

/// Bits of a part of a scan.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte to be taken.
    at: usize,
    /// The next bits, from the top.
    next: u64,
    /// How many there are.
    left: u32,
}

impl<'a> Bits<'a> {
    /// `bytes` has [`SLACK`] zeros at its end.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, next: 0, left: 0 }
    }

    /// Whether more bits were taken than there are.
    pub(super) fn overrun(&self) -> bool {
        self.at > self.bytes.len() - SLACK + self.left as usize / 8
    }

    /// At least 56 bits are there afterwards; zeros behind the end.
    #[inline(always)]
    fn fill(&mut self) {
        if let Some(eight) = self.bytes.get(self.at..self.at + 8).and_then(|eight| eight.first_chunk()) {
            // Bits below those that are counted are or-ed with themselves.
            self.next |= u64::from_be_bytes(*eight) >> self.left;
        }
        self.at += ((63 - self.left) / 8) as usize;
        self.left |= 56;
    }

    /// The next code, of 27 bits at most with its number: how many coefficients of 0 come first, the bits of the number, and
    /// the number. Without branches, for there is nothing that they could be foretold by.
    #[inline(always)]
    fn symbol(&mut self, table: &Table) -> Option<(usize, u32, i32)> {
        let mut entry = table.quick[(self.next >> (64 - LOOK)) as usize];
        if entry == 0 {
            entry = table.long((self.next >> 48) as u32)?;
        }
        let size = entry >> 8 & 15;
        let bits = self.next << (entry >> 16 & 31);
        // A number that begins with a 0 is negative, and one more than what its bits inverted come to.
        let negative = !((bits as i64) >> 63) as i32;
        let number = ((bits >> 1) >> (63 - size)) as i32 - (negative & ((1 << size) - 1));
        self.next <<= entry & 63;
        self.left -= entry & 63;
        Some(((entry >> 24) as usize, size, number))
    }

    /// The coefficients of a block, multiplied, into a block of zeros. Nothing if there are no such.
    pub(super) fn block(
        &mut self,
        (dc, ac): (&Table, &Table),
        quantization: &[i16; BLOCK],
        prediction: &mut i16,
        to: &mut [i16; BLOCK],
    ) -> Option<()> {
        // Out of memory and into registers.
        let mut bits = Self { ..*self };
        bits.fill();
        let (zeros, _, difference) = bits.symbol(dc)?;
        if zeros != 0 {
            return None;
        }
        *prediction = prediction.wrapping_add(difference as i16);
        to[0] = prediction.wrapping_mul(quantization[0]);
        let mut place = 1;
        // Takes one more, and says whether it is the last.
        let mut take = |bits: &mut Self| {
            let (zeros, size, number) = bits.symbol(ac)?;
            place += zeros;
            match (size, zeros) {
                // The rest is 0.
                (0, 0) => return Some(true),
                (0, 15) => {}
                (0, _) => return None,
                _ => {
                    let factor = *quantization.get(place)?;
                    to[usize::from(ZIGZAG[place] & 63)] = (number as i16).wrapping_mul(factor);
                }
            }
            place += 1;
            Some(place >= BLOCK)
        };
        loop {
            // The difference and one more, and later two of them, have less bits than a fill.
            if take(&mut bits)? {
                break;
            }
            bits.fill();
            if take(&mut bits)? {
                break;
            }
        }
        *self = bits;
        Some(())
    }
}
