//! Whether a JPEG file is all there: decoders fill what is missing with grey and say nothing.

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Whether the file has its end: the marker after the last scan. A thumbnail inside a segment has one too, so segments
/// are walked over.
pub(crate) fn is_whole(file: &[u8]) -> bool {
    // After the start of the image.
    let mut at = 2;
    loop {
        let Some(marker) = next_marker(file, &mut at) else { return false };
        match marker {
            END_OF_IMAGE => return true,
            // Of no length: TEM, restarts, another start.
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(length) = file.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                if marker == START_OF_SCAN {
                    skip_scan(file, &mut at);
                }
            }
        }
    }
}

/// The marker at or after `at`, which moves behind it. Fill bytes and what does not belong there are passed over.
fn next_marker(file: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        *at += file.get(*at..)?.iter().position(|byte| *byte == 0xff)? + 1;
        let marker = *file.get(*at)?;
        if marker != 0x00 && marker != 0xff {
            *at += 1;
            return Some(marker);
        }
    }
}

/// Moves `at` over entropy-coded data to the marker that ends it.
fn skip_scan(file: &[u8], at: &mut usize) {
    while let Some(found) = file.get(*at..).and_then(|rest| rest.iter().position(|byte| *byte == 0xff)) {
        *at += found;
        match file.get(*at + 1) {
            // A byte 0xff of the data, and restarts.
            Some(0x00 | 0xd0..=0xd7) => *at += 2,
            Some(0xff) => *at += 1,
            _ => return,
        }
    }
    *at = file.len();
}
