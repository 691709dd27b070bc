//! Times for people; JSON has full timestamps.

use jiff::Timestamp;

/// Formats the time from `then` to `now` in one unit: `12s`, `3m`, `2h`, `5d`.
pub fn format_elapsed(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Formats a time in UTC to the second: `2026-01-31 12:00:00`.
pub fn format_timestamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_time_is_shown_in_one_unit() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (then, shown) in [(1000, "0s"), (941, "59s"), (940, "1m"), (2000, "0s")] {
            assert_eq!(format_elapsed(at(then), at(1000)), shown);
        }
        assert_eq!(format_elapsed(at(0), at(7200)), "2h");
        assert_eq!(format_elapsed(at(0), at(200_000)), "2d");
    }
}
