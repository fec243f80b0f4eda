//! Frames a second over the last hours, as a small picture with its words.

use std::fmt::Write as _;

use maud::{Markup, html};

/// Minutes that are one point.
const MINUTES_A_POINT: usize = 3;

const WIDTH: u64 = 360;
const HEIGHT: u64 = 40;

/// Draws `minutes` (frames of each, the present one last); nothing where nothing was committed.
pub(super) fn picture(minutes: &[u64]) -> Markup {
    let points: Vec<u64> = minutes
        .rchunks(MINUTES_A_POINT)
        .map(|chunk| chunk.iter().sum::<u64>() * 1000 / (60 * chunk.len() as u64))
        .collect();
    let most = points.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return html! { p.quiet.history { "Nothing was committed in the last hours, since this coordinator began to lead." } };
    }
    let latest = points.first().copied().unwrap_or(0);
    let words = format!(
        "Frames a second over the last {}: {} in the last three, {} at most.",
        match minutes.len() {
            1 => "minute".to_owned(),
            some => format!("{some} minutes"),
        },
        thousandths(latest),
        thousandths(most)
    );
    // The oldest point is at the left edge, the present one at the right.
    let mut shown: Vec<u64> = points.iter().rev().copied().collect();
    if let [only] = shown[..] {
        // Of one point there is a level and no curve.
        shown.push(only);
    }
    let columns = shown.len() as u64 - 1;
    let mut line = String::new();
    for (at, value) in (0_u64..).zip(&shown) {
        let (x, y) = (at * WIDTH / columns, HEIGHT - value * (HEIGHT - 2) / most);
        write!(line, "{x},{y} ").ok();
    }
    let area = format!("0,{HEIGHT} {line}{WIDTH},{HEIGHT}");
    html! {
        figure.history {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) role="img" aria-label=(words)
                preserveAspectRatio="none" {
                polygon.area points=(area) {}
                polyline.curve points=(line.trim_end()) {}
            }
            figcaption { (words) }
        }
    }
}

fn thousandths(milli: u64) -> String {
    format!("{}.{}", milli / 1000, milli % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_become_a_curve_with_its_words() {
        let told = picture(&[0, 0, 0, 3600, 3600, 3600, 1800, 1800, 1800]).into_string();
        assert!(told.contains("30.0 in the last three, 60.0 at most"), "{told}");
        assert!(told.contains(r#"points="0,40 180,2 360,21""#), "{told}");
        assert!(picture(&[0, 0]).into_string().contains("Nothing"));
        assert!(picture(&[]).into_string().contains("Nothing"));
        assert!(picture(&[60]).into_string().contains("the last minute: 1.0 in the last three"));
    }
}
