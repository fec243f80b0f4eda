//! The lines of all samples together: neighbours share one, but across the overlay's edges.
//!
//! Owns where those edges are, and the least-squares solution between them.

use super::stack::{Belief, CLEAR, DEPTH_HALF, Stack, Sums, depth};

/// Codes are counted from here, so that sums of squares stay small.
const GREY: f32 = 128.0;
/// Lines whose difference explains more than this of the evidence are not one line: for the samples
/// that a sample is averaged with before edges are looked for, and for neighbours after that.
const APART_MAX: f32 = 50.0;
const EDGE: f32 = 12.0;
/// Samples so near to each other see the same detail: no more than this many count as independent.
const INDEPENDENT_MAX: f32 = 8.0;
/// Radii of the averaging before edges are looked for.
const RADII: [usize; 2] = [1, 2];
/// Pull between neighbours, in parts of the mean evidence of a sample.
const STIFFNESS: f32 = 8.0;
/// Sweeps over the field, and their over-relaxation.
const SWEEPS: usize = 60;
const OMEGA: f32 = 1.7;
/// Least share of the background that is taken to be let through.
pub(super) const PASS_MIN: f32 = 0.02;
/// Evidence on a line: sums of weights, of guesses, of their squares, of products, of seen.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence {
    n: f32,
    b: f32,
    bb: f32,
    jb: f32,
    j: f32,
}

/// A line through grey: what is seen is `pass * (background - GREY) + level` beyond it.
#[derive(Debug, Clone, Copy)]
struct Line {
    pass: f32,
    level: f32,
}

/// The links between neighbours, and the evidence on each sample.
#[derive(Debug)]
pub(super) struct Field {
    width: usize,
    inside: Vec<usize>,
    evidence: Vec<Evidence>,
    /// How much each sample's evidence counts.
    reliance: Vec<f32>,
    /// Links to the right and down, 0 to 1.
    right: Vec<f32>,
    down: Vec<f32>,
    start: Vec<Line>,
    mean: Evidence,
    /// The pass of samples of which it is known.
    pinned: Vec<Option<Pin>>,
}

/// What is settled of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pin {
    pub(super) pass: f32,
    pub(super) paint: Option<f32>,
}

impl Pin {
    /// The line, where its level would be `level`.
    fn line(self, level: f32) -> Line {
        let told = self.paint.map(|paint| paint - GREY * (1.0 - self.pass));
        Line { pass: self.pass, level: told.unwrap_or(level) }
    }
}

impl Evidence {
    fn of(sums: &Sums, at: usize) -> Self {
        let (n, b, j) = (sums.n[at], sums.b[at], sums.j[at]);
        Self {
            n,
            b: b - n * GREY,
            bb: sums.bb[at] - 2.0 * GREY * b + n * GREY * GREY,
            jb: sums.jb[at] - GREY * (j + b) + n * GREY * GREY,
            j: j - n * GREY,
        }
    }

    fn add(&mut self, other: &Self, weight: f32) {
        self.n += weight * other.n;
        self.b += weight * other.b;
        self.bb += weight * other.bb;
        self.jb += weight * other.jb;
        self.j += weight * other.j;
    }

    fn line(&self) -> Line {
        let variance = self.bb - self.b * self.b / self.n;
        let covariance = self.jb - self.j * self.b / self.n;
        let is_varied = variance > 1e-3 * self.n;
        let pass = if is_varied { (covariance / variance).clamp(PASS_MIN, 1.0) } else { 1.0 };
        Line { pass, level: (self.j - pass * self.b) / self.n }
    }

    /// How much worse this evidence fits one of the lines than the other.
    fn apart(&self, one: Line, other: Line) -> f32 {
        let mean = self.b / self.n;
        let variance = (self.bb - self.b * mean).max(0.0);
        let pass = one.pass - other.pass;
        let shift = one.level - other.level + pass * mean;
        variance * pass * pass + self.n * shift * shift
    }
}

impl Field {
    pub(super) fn new(stack: &Stack, sums: &Sums, belief: &Belief, pinned: &[Option<Pin>]) -> Self {
        let size = stack.inside.len();
        let evidence: Vec<Evidence> = (0..size).map(|at| Evidence::of(sums, at)).collect();
        let mut start = averaged(stack, &evidence);
        for ((line, own), pass) in start.iter_mut().zip(&evidence).zip(pinned) {
            if let Some(pin) = *pass {
                *line = pin.line((own.j - pin.pass * own.b) / own.n);
            }
        }
        let inside: Vec<usize> = (0..size).filter(|at| stack.inside[*at]).collect();
        let mut mean = Evidence::default();
        for at in &inside {
            mean.add(&evidence[*at], 1.0 / inside.len() as f32);
        }
        let link = |a: usize, b: usize| {
            if !stack.inside[a] || !stack.inside[b] {
                return 0.0;
            }
            let near = (1.0 - mean.apart(start[a], start[b]) / EDGE).max(0.0);
            near * near
        };
        let right = (0..size).map(|at| if at + 1 < size { link(at, at + 1) } else { 0.0 });
        let below = |at: usize| at + stack.width;
        let down = (0..size).map(|at| if below(at) < size { link(at, below(at)) } else { 0.0 });
        let clear: Vec<bool> = (0..size)
            .map(|at| !stack.inside[at] || belief.pass[at] > CLEAR && belief.paint[at] > 0.0)
            .collect();
        let depths = depth(stack.width, &clear);
        let reliance = depths.iter().zip(&stack.muted).map(|(depth, muted)| {
            let near = 1.0 / (1.0 + depth * depth / (DEPTH_HALF * DEPTH_HALF));
            if *muted { 0.0 } else { near }
        });
        let (right, down, reliance) = (right.collect(), down.collect(), reliance.collect());
        Self {
            width: stack.width,
            inside,
            evidence,
            reliance,
            right,
            down,
            start,
            mean,
            pinned: pinned.to_vec(),
        }
    }

    /// Solves for the lines and writes them into `belief`.
    pub(super) fn solve(&self, sums: &Sums, belief: &mut Belief) {
        let mut lines = self.start.clone();
        for _ in 0..SWEEPS {
            self.sweep(&mut lines);
        }
        for at in &self.inside {
            let line = lines[*at];
            let pass = line.pass.clamp(PASS_MIN, 1.0);
            // Where the slope was cut, the line turns about the middle of its evidence.
            let level = line.level + (line.pass - pass) * (sums.b[*at] / sums.n[*at] - GREY);
            belief.pass[*at] = pass;
            belief.paint[*at] = (level + GREY * (1.0 - pass)).clamp(0.0, 255.0 * (1.0 - pass));
        }
    }

    fn sweep(&self, lines: &mut [Line]) {
        for at in &self.inside {
            let at = *at;
            let own = &self.evidence[at];
            let mut sum = Evidence::default();
            sum.add(own, self.reliance[at]);
            let neighbours = [
                (at + 1, self.right[at]),
                (at + self.width, self.down[at]),
                (at - 1, self.right[at - 1]),
                (at - self.width, self.down[at - self.width]),
            ];
            for (other, link) in neighbours.into_iter().filter(|(_, link)| *link > 0.0) {
                let line = lines[other];
                let pull = STIFFNESS * link;
                sum.add(
                    &Evidence {
                        jb: self.mean.bb * line.pass + self.mean.b * line.level,
                        j: self.mean.b * line.pass + self.mean.n * line.level,
                        ..self.mean
                    },
                    pull,
                );
            }
            if let Some(pin) = self.pinned[at] {
                let level = (sum.j - pin.pass * sum.b) / sum.n.max(1e-9);
                let old = lines[at].level;
                lines[at] = pin.line(old + OMEGA * (level - old));
                continue;
            }
            let determinant = sum.bb * sum.n - sum.b * sum.b;
            if determinant > 0.0 {
                let pass = (sum.jb * sum.n - sum.j * sum.b) / determinant;
                let level = (sum.j * sum.bb - sum.jb * sum.b) / determinant;
                let old = lines[at];
                lines[at] = Line {
                    pass: old.pass + OMEGA * (pass - old.pass),
                    level: old.level + OMEGA * (level - old.level),
                };
            }
        }
    }
}

/// Each sample's line from its own evidence and that of neighbours whose lines are not another.
fn averaged(stack: &Stack, evidence: &[Evidence]) -> Vec<Line> {
    let (width, height) = (stack.width, stack.height);
    let mut lines: Vec<Line> = evidence.iter().map(Evidence::line).collect();
    let mut pooled = evidence.to_vec();
    let mut weights = vec![1.0_f32; evidence.len()];
    for radius in RADII {
        let before = (lines.clone(), pooled.clone());
        for at in (0..evidence.len()).filter(|at| stack.inside[*at]) {
            let (x, y) = (at % width, at / width);
            let scale = 1.0 / (APART_MAX * weights[at].min(INDEPENDENT_MAX));
            let mut sum = Evidence::default();
            let mut total = 0.0;
            let columns = x.saturating_sub(radius)..(x + radius + 1).min(width);
            for v in y.saturating_sub(radius)..(y + radius + 1).min(height) {
                for u in columns.clone() {
                    let other = v * width + u;
                    if !stack.inside[other] {
                        continue;
                    }
                    let far = u.abs_diff(x).pow(2) + v.abs_diff(y).pow(2);
                    let near = 1.0 - far as f32 / ((radius * radius + 1) as f32);
                    let apart = before.1[at].apart(before.0[other], before.0[at]);
                    let weight = near.max(0.0) * (1.0 - apart * scale).max(0.0);
                    if weight > 0.0 {
                        sum.add(&evidence[other], weight);
                        total += weight;
                    }
                }
            }
            lines[at] = sum.line();
            pooled[at] = sum;
            weights[at] = total;
        }
    }
    lines
}
