//! Frames restored by other hands: those here are the engine's own tools, so the samples must be the engine's.

use cleanplate_types::overlay::{Shape, Step, Track};

use super::*;
use crate::bitmap::Span;
use crate::fill::Blocks;
use crate::matte::{InvertError, Inverter, Origin as Solved};
use crate::piece::{Piece, shifts};

/// The engine's tools over a frame; counts what each was asked for.
struct Hands<'a, 'f> {
    layout: &'a PixelLayout,
    planes: &'a mut [PlaneMut<'f, u16>],
    patcher: Patcher,
    asked: (u32, u32, u32),
}

impl Hands<'_, '_> {
    fn piece(&self, plane: u8, of: &Cells<'_>) -> Piece {
        let view = &self.planes[usize::from(plane)];
        let [left, top, right, bottom] =
            [of.rect.x, of.rect.y, of.rect.right(), of.rect.bottom()].map(|side| side as usize);
        let size = (view.width as usize, view.height as usize);
        let mut piece = Piece::empty(size, Span { left, top, right, bottom });
        piece.set.cells.copy_from_slice(of.cells);
        piece
    }
}

impl Steps for Hands<'_, '_> {
    type Error = InvertError;

    fn take_off(&mut self, site: &MatteSite<'_>) -> Result<Taken, InvertError> {
        self.asked.0 += 1;
        let mut inverter = Inverter::new(site.matte)?;
        if !site.inverts {
            let strength = inverter.strength(0, self.planes)?;
            return Ok(Taken { strength, origins: Vec::new() });
        }
        let planes = 0..self.layout.planes;
        let sets: Vec<Piece> = planes
            .clone()
            .zip(site.within())
            .map(|(plane, cells)| {
                let rect = site.matte.plane_rect(plane);
                self.piece(plane, &Cells { rect, cells: &cells })
            })
            .collect();
        inverter.keep_within(&sets);
        let strength = inverter.take_off(0, self.planes)?.strength;
        let origins: Vec<Vec<Solved>> =
            planes.map(|plane| inverter.origins(plane).to_vec()).collect();
        Ok(Taken { strength, origins })
    }

    fn fill(&mut self, index: u64, plane: u8, hole: &Cells<'_>) -> Result<(), InvertError> {
        self.asked.1 += 1;
        let piece = self.piece(plane, hole);
        self.patcher.fill((index, plane), &piece, &mut self.planes[usize::from(plane)]);
        Ok(())
    }

    fn pixelate(
        &mut self,
        plane: u8,
        covered: &Cells<'_>,
        bounds: Rect,
    ) -> Result<(), InvertError> {
        self.asked.2 += 1;
        let piece = self.piece(plane, covered);
        let blocks = Blocks::new(&piece, bounds, shifts(self.layout, plane)).unwrap();
        blocks.fill(&mut self.planes[usize::from(plane)]);
        Ok(())
    }
}

/// Overlays of every way that touch each other, one of them fainter than its mask, and a track.
fn plan(scene: &Scene) -> (OverlayPlan, Mattes) {
    let box_of = |x, y, width, height| Mask::full(Rect { x, y, width, height });
    let overlays = vec![
        overlay(OverlayOrigin::Static, around(AT), Fill::Auto),
        overlay(OverlayOrigin::Region, box_of(112, 25, 21, 19), Fill::Membrane),
        overlay(OverlayOrigin::Static, around((20, 58)), Fill::Membrane),
        overlay(OverlayOrigin::Mask, box_of(125, 40, 30, 33), Fill::Pixelate),
    ];
    let mut plan = OverlayPlan::new(scene.size.0, scene.size.1, overlays);
    let bounds = Rect { x: 0, y: 0, width: 41, height: 27 };
    let steps = vec![Step { frames: FrameRange::new(4, 8), bounds }];
    let (origin, shape) = (OverlayOrigin::Face, Shape::Ellipse);
    plan.tracks = vec![Track { origin, fill: Fill::Pixelate, shape, steps }];
    let fixed = |at| Made::Fixed(Box::new(scene.matte(at)));
    let mattes = vec![fixed(AT), Made::Unknown, fixed((20, 58)), Made::Unknown];
    (plan, Mattes { overlays: mattes })
}

#[test]
fn a_frame_restored_by_other_hands_is_the_engines_and_so_are_its_counts() {
    let scene = Scene::new(10, (1, 1), (161, 91));
    let (plan, mattes) = plan(&scene);
    let mut restorer =
        Restorer::new(&scene.layout, &plan, mattes.clone(), &scene.coding()).unwrap();
    let mut by_steps = Restorer::new(&scene.layout, &plan, mattes, &scene.coding()).unwrap();
    for (index, is_painted) in [(2, true), (5, true), (6, false), (3, true)] {
        let clean = scene.clean(index);
        let logos = [scene.matte(AT), scene.matte((20, 58))];
        let painted = logos.iter().fold(clean.clone(), |frame, logo| scene.painted(&frame, logo));
        let mut frame = if is_painted { painted } else { clean };
        let mut other = frame.clone();
        let expected = scene.restore(&mut restorer, index, &mut frame);
        let shown = by_steps.by_steps(index).unwrap().unwrap();
        let tracks = if (4..8).contains(&index) { &[0, 1, 2, 3, 4][..] } else { &[0, 1, 2, 3] };
        assert_eq!(shown, tracks);
        let sizes = (0..3).map(|plane| scene.layout.plane_size(plane, scene.size.0, scene.size.1));
        let mut planes: Vec<PlaneMut<'_, u16>> = other
            .iter_mut()
            .zip(sizes)
            .map(|(samples, (width, height))| PlaneMut {
                samples,
                stride: width as usize,
                width,
                height,
            })
            .collect();
        let patcher = Patcher::new(&scene.layout);
        let mut hands =
            Hands { layout: &scene.layout, planes: &mut planes, patcher, asked: (0, 0, 0) };
        let done = by_steps.apply_by(index, &mut hands).unwrap();
        let (solved, filled, blocks) = hands.asked;
        assert!(solved == 2 && filled >= 3, "{:?}", hands.asked);
        assert_eq!(blocks, if shown.len() == 5 { 6 } else { 3 });
        assert_eq!(done, Restored { samples_changed: 0, ..expected });
        assert_eq!(by_steps.origins(), restorer.origins());
        assert!(other == frame, "frame {index}");
    }
}

#[test]
fn a_frame_that_fetches_or_shows_what_moves_is_the_engines_alone() {
    let scene = Scene::new(10, (1, 1), (161, 91));
    let frames: Vec<Frame> = (0..FRAMES).map(|index| scene.clean(index)).collect();
    let (mut plan, mut mattes, painted) = everything(&scene, &frames);
    let restorer = |plan: &OverlayPlan, mattes: &Mattes| {
        Restorer::new(&scene.layout, plan, mattes.clone(), &scene.coding()).unwrap()
    };
    assert_eq!(restorer(&plan, &mattes).by_steps(8), Ok(None), "a logo moves");
    plan.overlays[1].when.clear();
    mattes.overlays[1] = Made::Unknown;
    let mut fetching = restorer(&plan, &mattes);
    assert_eq!(fetching.by_steps(8), Ok(Some(vec![0, 2, 3])), "nothing is laid under yet");
    fetching.lay_under(plan.backgrounds[0].frames, painted).unwrap();
    assert_eq!(fetching.by_steps(8), Ok(None), "what was painted is laid under");
}
