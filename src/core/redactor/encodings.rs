//! The encodings in which programs print a value.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Shorter encodings are ignored, because they could occur by chance. In bytes.
const SHORTEST_FORM: usize = 8;
/// A longer value is split into pieces, each of which is hidden: output that contains a part of the
/// value hides that part, and a search never has to buffer the whole value. In bytes.
const MAX_PIECE_BYTES: usize = 256;
/// A line of a multi-line value is hidden by itself from this length on, because people print keys
/// line by line. In bytes.
const SHORTEST_LINE: usize = 16;
/// Line lengths of encoders: `base64` and MIME, and PEM.
const WIDTHS: [usize; 2] = [76, 64];

/// Returns the encodings of `value`, including the value itself.
pub(crate) fn encodings_of(value: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = vec![Zeroizing::new(value.as_bytes().to_vec())];
    let mut encoded = Vec::new();
    if value.len() <= MAX_PIECE_BYTES {
        push_encodings(value, &mut encoded);
    } else {
        // The pieces cover the value itself.
        forms.clear();
        split_overlapping(value).for_each(|piece| {
            forms.push(Zeroizing::new(piece.as_bytes().to_vec()));
            push_encodings(piece, &mut encoded);
        });
    }
    for line in value.lines().map(str::trim) {
        let is_frame = line.starts_with("-----");
        if line.len() >= SHORTEST_LINE && line.len() < value.len() && !is_frame {
            push_encodings(line, &mut encoded);
            encoded.push(line.to_owned());
        }
    }
    let fit = encoded
        .into_iter()
        .filter(|form| form.len() >= SHORTEST_FORM);
    forms.extend(fit.map(|form| Zeroizing::new(form.into_bytes())));
    forms
}

/// Returns the pieces of a value, split between characters. The last piece overlaps the one before
/// it, so that no piece is short.
fn split_overlapping(value: &str) -> impl Iterator<Item = &str> {
    let floor = |mut at: usize| {
        while !value.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let last = value.len() - MAX_PIECE_BYTES;
    let starts = (0..last).step_by(MAX_PIECE_BYTES).chain([last]);
    starts.map(move |start| &value[floor(start)..floor(start + MAX_PIECE_BYTES)])
}

fn push_encodings(value: &str, forms: &mut Vec<String>) {
    let bytes = value.as_bytes();
    for json in json_escapes(value) {
        // A line of a transcript contains JSON within JSON.
        forms.extend(json_escapes(&json));
        forms.push(json);
    }
    forms.push(value.replace('\'', "'\\''"));
    forms.push(value.replace('\n', "\r\n"));
    let hex = crate::hex::encode(bytes);
    forms.push(hex.to_uppercase());
    forms.push(hex);
    forms.extend(url_encodings(bytes));
    forms.extend(base64_encodings(bytes));
}

/// Returns a value as JSON text: as serde writes it, in ASCII only, and with `\/`.
fn json_escapes(value: &str) -> [String; 3] {
    let quoted = serde_json::Value::from(value).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let ascii = plain.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    });
    let slashed = plain.replace('/', "\\/");
    [plain, ascii, slashed]
}

/// Returns a value with percent-encoding, in upper and lower case, and as form data.
fn url_encodings(bytes: &[u8]) -> [String; 3] {
    let encoded = |digits: fn(u8) -> String| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    text.push(char::from(*byte));
                }
                other => text.push_str(&digits(*other)),
            }
            text
        })
    };
    let upper = encoded(|byte| format!("%{byte:02X}"));
    let form = upper.replace("%20", "+");
    [upper, encoded(|byte| format!("%{byte:02x}")), form]
}

/// Returns a value in base64, by itself and as a part of a longer value: there it begins at one of
/// three positions of a group, and its first and last letters depend on the bytes around it.
fn base64_encodings(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for shift in 0..3 {
        let shifted = Zeroizing::new([&[0; 2][..shift], bytes].concat());
        // The letters that contain bits of the bytes before, and those that contain bits of the
        // bytes after.
        let (before, bits) = ([0, 2, 3][shift], shifted.len() * 8);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let letters = engine.encode(&*shifted);
            if shift == 0 {
                forms.extend(WIDTHS.map(|width| wrap_lines(&letters, width)));
                forms.push(letters.clone());
            }
            forms.push(letters[before.min(letters.len())..bits / 6].to_owned());
        }
    }
    forms
}

fn wrap_lines(letters: &str, width: usize) -> String {
    let mut text = String::new();
    for (at, letter) in letters.chars().enumerate() {
        if at > 0 && at % width == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text
}
