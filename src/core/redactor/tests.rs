use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::fmt::Write as _;

const VALUE: &str = "p4ss \"word\"/with\\odd 'parts' & ümlaut?";

fn redactor() -> Redactor {
    Redactor::new([SecretString::from(VALUE)])
}

#[test]
fn every_form_in_which_programs_print_a_value_is_hidden() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let json = json!({ "a": VALUE }).to_string();
    let twice = json!({ "line": json }).to_string();
    let url: String = url::form_urlencoded::byte_serialize(VALUE.as_bytes()).collect();
    let hex = VALUE.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let mut printed = vec![
        VALUE.to_owned(),
        json,
        twice,
        hex.to_uppercase(),
        hex,
        VALUE.replace('\'', "'\\''"),
        STANDARD.encode(VALUE),
        URL_SAFE.encode(VALUE),
    ];
    // As form data, except for the few characters that programs encode differently.
    printed.push(url.replace('*', "%2A"));
    for before in ["u:", "us:", "use:"] {
        printed.push(STANDARD.encode(format!("{before}{VALUE}@host")));
    }
    for text in printed {
        let clean = redactor().redact_text(&format!("it said {text}!"));
        assert!(clean.contains(HIDDEN), "{text}: {clean}");
        assert!(redactor().contains_secret(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_key_of_several_lines_is_hidden_line_by_line_and_wrapped() {
    use base64::Engine as _;
    let body: Vec<String> = (0..12_u32)
        .map(|n| format!("{:0>64}", n.wrapping_mul(2_654_435_761)))
        .collect();
    let frame = |kind: &str| format!("-----{kind} PRIVATE KEY-----");
    let key = format!("{}\n{}\n{}", frame("BEGIN"), body.join("\n"), frame("END"));
    let redactor = Redactor::new([SecretString::from(key.as_str())]);
    for line in &body {
        assert_eq!(redactor.redact_text(line), HIDDEN);
    }
    assert_eq!(redactor.redact_text(&frame("BEGIN")), frame("BEGIN"));
    let shown = redactor.redact_text(&key);
    assert!(body.iter().all(|line| !shown.contains(line)), "{shown}");
    let short = Redactor::new([SecretString::from(&key[..200])]);
    let letters = base64::engine::general_purpose::STANDARD.encode(&key[..200]);
    let wrapped: Vec<String> = letters
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let shown = short.redact_text(&wrapped.join("\n"));
    assert!(shown.len() < 20, "{shown}");
}

#[test]
fn clones_share_their_secrets_and_short_values_are_not_hidden() {
    let one = Redactor::default();
    let other = one.clone();
    assert!(other.is_empty());
    one.add_secrets(["abc", "hunter2"].map(SecretString::from));
    assert_eq!(other.redact_text("abc hunter2"), "abc [secret]");
    assert!(!format!("{other:?}").contains("hunter2"));
}

#[test]
fn lines_of_json_stay_json() {
    let redactor = Redactor::new([SecretString::from("12345678")]);
    let line = json!({ "n": 12_345_678, "t": "12345678" }).to_string();
    let clean: Value = serde_json::from_str(&redactor.redact_line(&line)).unwrap();
    assert_eq!(clean, json!({ "n": 12_345_678, "t": HIDDEN }));
}

#[test]
fn the_largest_secret_is_hidden_whole_and_in_part() {
    let words = 0..4096_u64;
    let value = words.fold(String::new(), |mut value, n| {
        write!(value, "{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
        value
    });
    assert_eq!(value.len(), 64 * 1024);
    let redactor = Redactor::new([SecretString::from(value.as_str())]);
    let shown = redactor.redact_text(&value).replace(HIDDEN, "");
    assert_eq!(shown, "");
    let part = redactor.redact_text(&value[1000..2000]);
    assert!(part.len() < 600, "{part}");
}

proptest! {
    #[test]
    fn a_stream_hides_the_same_as_a_text_wherever_it_is_split(
        pieces in proptest::collection::vec("(abcd|abcdef|cdab|xyz| |ab|f){0,6}", 0..8),
    ) {
        let redactor = Redactor::new(["abcd", "abcdef", "cdabxyz"].map(SecretString::from));
        let mut stream = redactor.stream();
        let mut shown = Vec::new();
        for piece in &pieces {
            shown.extend(stream.push(piece.as_bytes()));
        }
        shown.extend(stream.finish());
        let whole = redactor.redact_text(&pieces.concat());
        prop_assert_eq!(String::from_utf8(shown).unwrap(), whole);
    }
}
