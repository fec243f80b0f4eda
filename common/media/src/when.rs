//! A time as people are told it: the tick, to find it by, and the seconds, to know where that is.
//!
//! Owns the one form of it in notes and refusals. Refuses to reckon: it cuts to milliseconds.

/// A tick of a clock of `num`/`den` seconds.
pub(crate) fn told<N: Into<i128>>(tick: i64, (num, den): (N, N)) -> String {
    let (num, den): (i128, i128) = (num.into(), den.into());
    let millis = i128::from(tick) * num * 1000 / den.max(1);
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("tick {tick} ({sign}{}.{:03} s)", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_told_with_its_seconds() {
        assert_eq!(told(91_920, (1_i32, 90_000)), "tick 91920 (1.021 s)");
        assert_eq!(told(-45_000, (1_u32, 90_000)), "tick -45000 (-0.500 s)");
        assert_eq!(told(7, (1_i32, 0)), "tick 7 (7.000 s)");
    }
}
