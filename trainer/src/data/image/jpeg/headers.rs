//! Everything before the pixels.

use super::huffman::Table;
use super::{BLOCK, SIDE};

/// Where the coefficients of a file, which come from low to high frequencies, are in a block.
#[rustfmt::skip]
pub(super) const ZIGZAG: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A component of the image: grey, or one of Y, Cb and Cr.
pub(super) struct Component {
    id: u8,
    /// Its blocks in a unit: columns.
    pub(super) across: usize,
    /// And rows.
    pub(super) down: usize,
    quantization_table: usize,
    /// What coefficients are multiplied by, in the order of the file.
    pub(super) quantization: [i16; BLOCK],
    /// Which tables its first coefficients are written with.
    pub(super) dc: usize,
    /// And the others.
    pub(super) ac: usize,
}

/// What is said of the pixels.
pub(crate) struct Headers<'a> {
    /// Columns.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
    /// The data that cameras add, if they did.
    pub(crate) exif: Option<&'a [u8]>,
    pub(super) components: Vec<Component>,
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// Units after which decoding starts afresh; 0 for never.
    pub(super) restart_interval: usize,
    /// What follows.
    pub(super) scan: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Those of a file; nothing if it is not of the plain kind.
    pub(crate) fn read(file: &'a [u8]) -> Option<Self> {
        let mut headers = Self {
            width: 0,
            height: 0,
            exif: None,
            components: Vec::new(),
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart_interval: 0,
            scan: &[],
        };
        let mut quantization = [None; 4];
        // Whether markers say that the components are Y, Cb and Cr.
        let mut said = false;
        let mut rest = file.strip_prefix(&[0xff, 0xd8])?;
        loop {
            let [0xff, marker, high, low, after @ ..] = rest else { return None };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (segment, after) = after.split_at_checked(length.checked_sub(2)?)?;
            match marker {
                0xe0 => said |= segment.starts_with(b"JFIF\0"),
                0xe1 if segment.starts_with(b"Exif\0\0") => headers.exif = headers.exif.or(segment.get(6..)),
                // Adobe's, whose last byte says what the components are.
                0xee if segment.starts_with(b"Adobe") => match segment.get(11)? {
                    1 => said = true,
                    _ => return None,
                },
                0xe2..=0xef | 0xe1 | 0xfe => {}
                0xdb => read_quantization(segment, &mut quantization)?,
                0xc4 => headers.read_huffman(segment)?,
                0xc0 | 0xc1 => headers.read_frame(segment)?,
                0xdd => headers.restart_interval = usize::from(u16::from_be_bytes(segment.try_into().ok()?)),
                0xda => {
                    headers.read_scan(segment)?;
                    headers.scan = after;
                    break;
                }
                _ => return None,
            }
            rest = after;
        }
        let ids: Vec<u8> = headers.components.iter().map(|component| component.id).collect();
        for component in &mut headers.components {
            component.quantization = quantization[component.quantization_table]?;
        }
        (ids.len() == 1 || said || ids == [1, 2, 3]).then_some(headers)
    }

    /// Units of the scan: (columns, rows).
    pub(super) fn units(&self) -> (usize, usize) {
        let (across, down) = (self.components[0].across * SIDE, self.components[0].down * SIDE);
        (self.width.div_ceil(across), self.height.div_ceil(down))
    }

    fn read_huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [class_and_place, rest @ ..] = segment {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let (values, rest) = rest.split_at_checked(counts.iter().map(|count| usize::from(*count)).sum())?;
            let tables = match class_and_place >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(class_and_place & 15))? = Some(Table::new(counts, values)?);
            segment = rest;
        }
        Some(())
    }

    fn read_frame(&mut self, segment: &[u8]) -> Option<()> {
        let [8, h0, h1, w0, w1, count, rest @ ..] = segment else { return None };
        self.width = usize::from(u16::from_be_bytes([*w0, *w1]));
        self.height = usize::from(u16::from_be_bytes([*h0, *h1]));
        let (described, []) = rest.as_chunks::<3>() else { return None };
        if described.len() != usize::from(*count) || !self.components.is_empty() || self.width * self.height == 0 {
            return None;
        }
        for [id, sampling, table] in described {
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            let quantization_table = usize::from(*table).min(3);
            let component =
                Component { id: *id, across, down, quantization_table, quantization: [0; BLOCK], dc: 0, ac: 0 };
            self.components.push(component);
        }
        // Of libjpeg's ways of making up what was left out of Cb and Cr those that are in use.
        match self.components.as_mut_slice() {
            // Alone, blocks come one by one whatever is said.
            [grey] => (grey.across, grey.down) = (1, 1),
            [y, cb, cr] => {
                let whole = [cb, cr].iter().all(|c| (c.across, c.down) == (1, 1));
                // Where there are next to no columns libjpeg has other ways.
                if !whole || !matches!((y.across, y.down), (1, 1) | (2, 1) | (2, 2)) || self.width < 2 * SIDE {
                    return None;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn read_scan(&mut self, segment: &[u8]) -> Option<()> {
        let [count, rest @ ..] = segment else { return None };
        let (described, [0, 63, 0]) = rest.split_at_checked(rest.len().checked_sub(3)?)? else { return None };
        let (described, []) = described.as_chunks::<2>() else { return None };
        let all = usize::from(*count) == self.components.len() && described.len() == self.components.len();
        for (component, [id, tables]) in self.components.iter_mut().zip(described) {
            (component.dc, component.ac) = (usize::from(tables >> 4).min(3), usize::from(tables & 15).min(3));
            if component.id != *id {
                return None;
            }
        }
        (all && !described.is_empty()).then_some(())
    }
}

/// Tables of 8 bits; wider ones are not of the plain kind.
fn read_quantization(mut segment: &[u8], to: &mut [Option<[i16; BLOCK]>; 4]) -> Option<()> {
    while let [place, rest @ ..] = segment {
        let (values, rest) = rest.split_first_chunk::<BLOCK>()?;
        *to.get_mut(usize::from(*place))? = Some(values.map(i16::from));
        segment = rest;
    }
    Some(())
}
