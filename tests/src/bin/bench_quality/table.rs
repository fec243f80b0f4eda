//! The table of all overlays on all clips, printed as it grows and kept as Markdown.

use std::fmt::Write as _;
use std::path::Path;

use cleanplate_tests::quality::overlays::KINDS;

use crate::Choice;
use crate::case::{self, Case, Row};
use crate::goals;
use crate::material::{Class, RECIPES, Set};

/// Measures what is chosen; returns the page's block.
pub(crate) fn quality(folder: &Path, choice: &Choice) -> String {
    let (mut cases, mut absent) = (Vec::new(), Vec::new());
    for recipe in RECIPES.into_iter().filter(|recipe| choice.clip(recipe.name)) {
        let clip = match recipe.make(choice.frames_max) {
            Ok(clip) => clip,
            Err(why) => {
                println!("\n# {}: skipped: {why}", recipe.name);
                absent.push(format!("{}: skipped: {why}", recipe.name));
                continue;
            }
        };
        for kind in KINDS.into_iter().filter(|kind| choice.overlay(&kind.name())) {
            let case = case::run(&clip, kind, folder);
            println!("\n# {}", headline(&case));
            println!("{}", LINE.join("  "));
            for row in &case.rows {
                println!("{}", line(row));
            }
            cases.push(case);
        }
    }
    let goals = goals::table(&cases);
    println!("\n# goals (docs/quality.md says how each is counted)\n{goals}");
    page(&cases, &absent, &goals)
}

/// The heads of the columns, as wide as what stands below them.
const LINE: [&str; 9] = [
    "who                     ",
    "PSNR Y",
    "PSNR all",
    "SSIM Y",
    "SSIM all",
    "flicker",
    "coverage",
    "ms/frame",
    "note",
];

fn headline(case: &Case) -> String {
    let recipe = case.recipe;
    let found = case.found.map_or_else(
        || "found: no".to_owned(),
        |found| {
            format!(
                "found: IoU {:.2}, with margin {:.2}, of the boxes {:.2}, {:.1} % of it reached",
                found.exact,
                found.grown,
                found.boxes,
                found.reached * 100.0
            )
        },
    );
    format!(
        "{} ({}, {}), {} by seed {}: {:.1} % of the picture; background {}; {found}",
        recipe.name,
        recipe.class.name(),
        recipe.set.name(),
        case.kind.name(),
        recipe.seed,
        case.share * 100.0,
        moves(case),
    )
}

/// The number by which a background moves or does not.
fn moves(case: &Case) -> String {
    let background = case.background;
    format!(
        "{} ({:.0} % of samples vary by 6 codes, median {:.1}; {:.1} a frame)",
        if background.moves() { "moves" } else { "does not move" },
        background.moving * 100.0,
        background.deviation,
        background.change
    )
}

/// The cells of a row after its name.
fn cells(row: &Row) -> [String; 8] {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let of = |pick: fn(&cleanplate_tests::quality::measure::Measures) -> f64| {
        row.measures.as_ref().map(pick)
    };
    [
        number(of(|measures| measures.psnr_luma), 2),
        number(of(|measures| measures.psnr_all), 2),
        number(of(|measures| measures.ssim_luma), 3),
        number(of(|measures| measures.ssim_all), 3),
        number(of(|measures| measures.flicker), 2),
        row.coverage.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0)),
        number(row.ms, 1),
        row.note.clone(),
    ]
}

fn line(row: &Row) -> String {
    let mut text = format!("{:24}", row.who.name());
    for (cell, head) in cells(row).iter().zip(&LINE[1..]) {
        let width = head.len();
        write!(text, "  {cell:>width$}").ok();
    }
    text
}

/// The block of the page: goals first, then the rows by set and class.
fn page(cases: &[Case], absent: &[String], goals: &str) -> String {
    let mut text = format!("{}\n", goals.trim());
    for why in absent {
        write!(text, "\n{why}\n").ok();
    }
    for set in [Set::Tuned, Set::HeldOut] {
        for class in [Class::Pan, Class::Cuts, Class::NearLocked] {
            let here = |case: &&Case| case.recipe.set == set && case.recipe.class == class;
            let here: Vec<&Case> = cases.iter().filter(here).collect();
            if !here.is_empty() {
                write!(text, "\n### {}, {} clips\n", class.name(), set.name()).ok();
            }
            for case in here {
                write!(text, "\n{}\n\n", headline(case)).ok();
                let heads = LINE.map(str::trim).join(" | ");
                write!(text, "| {heads} |\n|{}\n", "---|".repeat(LINE.len())).ok();
                for row in &case.rows {
                    let cells = cells(row).map(|cell| cell.replace('|', "\\|"));
                    writeln!(text, "| {} | {} |", row.who.name(), cells.join(" | ")).ok();
                }
            }
        }
    }
    text
}
