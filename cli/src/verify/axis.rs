//! Axes that people read at once: round steps, and as few of them as fit.

/// Steps of a time axis in seconds: people count in minutes and hours.
const TIME_STEPS: [f64; 16] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    7200.0,
];

/// Round values from 0 to at least `most`, with about `count` steps between.
pub(super) fn values(most: f64, count: u32) -> Vec<f64> {
    let rough = most.max(f64::MIN_POSITIVE) / f64::from(count.max(1));
    let unit = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|by| by * unit).into_iter();
    let step = step.clone().find(|step| *step >= rough).unwrap_or(rough);
    let last = (most / step).ceil().max(1.0);
    (0..).map(f64::from).take_while(|place| *place <= last).map(|place| place * step).collect()
}

/// Round times between `from` and `to`, at most `count` of them.
pub(super) fn times(from: f64, to: f64, count: u32) -> Vec<f64> {
    let length = (to - from).max(0.0);
    let fits = |step: &f64| length / step <= f64::from(count);
    let hours = (length / f64::from(count.max(1)) / 3600.0).ceil().max(1.0) * 3600.0;
    let step = TIME_STEPS.into_iter().find(fits).unwrap_or(hours);
    let first = (from / step).ceil();
    (0..).map(|place| (first + f64::from(place)) * step).take_while(|time| *time <= to).collect()
}

/// A time on an axis: `0.5`, `12`, `1:05`, `2:00:00`, as fine as `step` asks for.
pub(super) fn time_label(seconds: f64, is_fine: bool) -> String {
    if is_fine {
        return format!("{seconds:.1}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "a time of a video, in whole seconds")]
    let whole = seconds.round() as i64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{}:{:02}", whole / 60, rest.abs())
    }
}

/// A value on an axis, without needless noughts.
pub(super) fn value_label(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_round_and_reach_the_top() {
        assert_eq!(values(37.0, 4), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(values(255.0, 4), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(values(0.9, 4).len(), 5);
        assert_eq!(values(0.0, 4).first(), Some(&0.0));
    }

    #[test]
    fn times_are_round_and_few() {
        assert_eq!(times(0.0, 60.0, 8), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(
            times(0.52, 2.1, 8),
            [0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0].map(|t: f64| { (t * 5.0).round() * 0.2 })
        );
        assert!(times(0.0, 90_000.0, 8).len() <= 9);
    }

    #[test]
    fn labels_are_as_fine_as_they_need_to_be() {
        assert_eq!(time_label(65.0, false), "1:05");
        assert_eq!(time_label(7200.0, false), "2:00:00");
        assert_eq!(time_label(0.6, true), "0.6");
        assert_eq!((value_label(2.5), value_label(100.0)), ("2.5".to_owned(), "100".to_owned()));
    }
}
