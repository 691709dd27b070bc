//! Checking screenshots: a page that has taken over the browser can send any bytes in place of one.

use crate::browser::error::BrowserError;

/// The maximum size in bytes: in base64, it is what the model's endpoint accepts.
pub(crate) const MAX_BYTES: usize = 2_500_000;
/// The maximum width and height in pixels.
const MAX_SIDE: u32 = 8000;
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A checked screenshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageScreenshot {
    /// The PNG file.
    pub png: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Returns the width and height of a PNG file in pixels, after checking that its chunks are complete and
/// in order, and that nothing follows them.
///
/// # Errors
/// The file is not a valid PNG, or it is too large.
pub(crate) fn check_png(png: &[u8]) -> Result<(u32, u32), BrowserError> {
    let wrong = |why: &str| BrowserError::Picture(why.to_owned());
    if png.len() > MAX_BYTES {
        return Err(wrong("it has too many bytes"));
    }
    let mut rest = png
        .strip_prefix(SIGNATURE)
        .ok_or_else(|| wrong("it is not a PNG file"))?;
    let mut size = None;
    while let Some((kind, data, after)) = split_chunk(rest) {
        rest = after;
        match (kind, size) {
            (b"IHDR", None) if data.len() == 13 => {
                size = Some((read_number(&data[..4]), read_number(&data[4..8])));
            }
            (b"IEND", Some((width, height))) if rest.is_empty() => {
                let usable = 1..=MAX_SIDE;
                if usable.contains(&width) && usable.contains(&height) {
                    return Ok((width, height));
                }
                return Err(wrong("it has no usable size"));
            }
            (b"IHDR" | b"IEND", _) | (_, None) => break,
            (_, Some(_)) => {}
        }
    }
    Err(wrong("it is a damaged PNG file"))
}

/// Splits off the next chunk. Returns its kind, its data, and the rest.
fn split_chunk(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let length = usize::try_from(read_number(bytes.get(..4)?)).ok()?;
    let end = length.checked_add(8)?;
    // Four bytes of checksum follow the data.
    Some((
        bytes.get(4..8)?,
        bytes.get(8..end)?,
        bytes.get(end.checked_add(4)?..)?,
    ))
}

fn read_number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut file = SIGNATURE.to_vec();
        let mut header = Vec::new();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 2, 0, 0, 0]);
        for (kind, data) in [(b"IHDR", header), (b"IDAT", vec![0; 9]), (b"IEND", vec![])] {
            file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
            file.extend(kind);
            file.extend(data);
            file.extend([0; 4]);
        }
        file
    }

    #[test]
    fn a_screenshot_is_a_complete_png_of_an_allowed_size() {
        assert_eq!(check_png(&png(3, 2)).unwrap(), (3, 2));
        let whole = png(3, 2);
        let mut longer = whole.clone();
        longer.extend(b"<script>");
        for wrong in [
            &b""[..],
            b"<svg>",
            &whole[..whole.len() - 1],
            &whole[..20],
            &longer,
            &png(0, 1),
            &png(9000, 1),
        ] {
            assert!(check_png(wrong).is_err());
        }
        let mut bomb = SIGNATURE.to_vec();
        bomb.extend([0xff; 64]);
        assert!(check_png(&bomb).is_err());
        assert!(check_png(&vec![0; MAX_BYTES + 1]).is_err());
    }
}
