//! The decoded pictures of both files, compared in step.
//!
//! Owns the two decoders on their own threads and the bounded queues between them and the comparison.
//! Frames are paired by exact time alone; whether a pair is one picture is looked at by `identity`. Refuses to
//! compare pictures of another size, depth or chroma: a difference in samples would mean nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::PixelLayout;

use super::identity::{Small, Stray, Watch};
use super::inventory::Inventory;
use super::kept::Excluded;
use super::measure::{Sums, measure};
use super::pairs::{Pair, Tables};
use super::report::{
    Aspect, FrameDifference, FrameOther, LISTED_MAX, MOMENTS_MAX, Moment, Pictures, PlaneQuality,
    Report, Status,
};
use super::{Media, Side, VerifyError, VerifyOrder};
use crate::decode::{DecodeOrder, Decoder, PreRoll};
use crate::error::MediaError;
use crate::frame::VideoFrame;

/// Decoded frames of each file that may wait for the other: 3 MiB each at 1080p, 12 MiB at 2160p.
const WAITING_MAX: usize = 4;

/// Frames that are named as the worst.
const WORST_MAX: usize = 10;

type Decoded = Result<VideoFrame, VerifyError>;

/// Decodes and compares all frames that both show.
pub(super) fn compare(
    (source, one): (&Media, &Inventory),
    (output, other): (&Media, &Inventory),
    tables: &Tables<'_>,
    order: &VerifyOrder,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Pictures, VerifyError> {
    let (video, others) = (&one.description.video, &other.description.video);
    if let Some(why) = unlike(
        (&video.layout, video.width, video.height),
        (&others.layout, others.width, others.height),
    ) {
        return Ok(Pictures { not_compared: Some(why), ..Pictures::default() });
    }
    let first = one.table.pts.first().copied().unwrap_or(cleanplate_types::time::Pts(0));
    let shape = (&video.layout, (video.width, video.height));
    let excluded = Excluded::new(&order.masks, &order.regions, shape, first);
    let mut comparing = Comparing {
        excluded: excluded.map_err(VerifyError::Mask)?,
        depth: video.layout.depth,
        tables,
        step: (one.table.range().end.div_ceil(MOMENTS_MAX)).max(1),
        watch: Watch::default(),
        is_named: !order.masks.is_empty() || !order.regions.is_empty() || order.tolerance.is_some(),
        planes: vec![Sums::default(); usize::from(video.layout.planes)],
        found: Pictures { depth: video.layout.depth, ..Pictures::default() },
    };
    std::thread::scope(|scope| {
        let mut queues = Vec::new();
        for (side, media, file) in [(Side::Source, source, one), (Side::Output, output, other)] {
            let (sender, receiver) = sync_channel(WAITING_MAX);
            std::thread::Builder::new()
                .name(format!("verify-decode-{side}").replace(' ', "-"))
                .spawn_scoped(scope, move || decode(side, media, file, order.threads, &sender))
                .map_err(VerifyError::NoThread)?;
            queues.push(receiver);
        }
        let [mine, others] = [queues.swap_remove(0), queues.swap_remove(0)];
        for pair in tables.pairs() {
            comparing.take(pair, &mine, &others)?;
            progress(comparing.found.compared);
        }
        Ok(comparing.finish())
    })
}

/// Why samples of the two cannot be set against each other.
fn unlike(
    (one, width, height): (&PixelLayout, u32, u32),
    (other, others_width, others_height): (&PixelLayout, u32, u32),
) -> Option<String> {
    let shape = |layout: &PixelLayout| {
        (layout.depth, layout.planes, layout.chroma_shift_x, layout.chroma_shift_y)
    };
    if (width, height) != (others_width, others_height) {
        return Some(format!("{width}x{height} became {others_width}x{others_height}"));
    }
    (shape(one) != shape(other)).then(|| format!("{} became {}", one.name, other.name))
}

fn decode(side: Side, media: &Media, file: &Inventory, threads: u32, sender: &SyncSender<Decoded>) {
    let order = DecodeOrder {
        range: FrameRange::new(0, file.table.range().end),
        threads,
        card: None,
        conceal: true,
        pre_roll: PreRoll::default(),
    };
    let table = Arc::new(file.table.clone());
    let opened = Decoder::open(media.bytes.clone(), &media.name, &file.description, table, order);
    let mut decoder = match opened {
        Ok(decoder) => decoder,
        Err(error) => {
            // Where nobody listens, the comparison has ended for a reason of its own.
            sender.send(Err(VerifyError::of_decoding(side)(error))).ok();
            return;
        }
    };
    loop {
        let next = match decoder.next() {
            Ok(Some((_, frame))) => Ok(frame),
            Ok(None) => return,
            Err(error) => Err(VerifyError::of_decoding(side)(error)),
        };
        let is_last = next.is_err();
        if sender.send(next).is_err() || is_last {
            return;
        }
    }
}

fn next(side: Side, queue: &Receiver<Decoded>) -> Decoded {
    queue.recv().unwrap_or_else(|_gone| {
        let error = MediaError::Internal("its decoder ended before its last frame".to_owned());
        Err(VerifyError::of(side)(error))
    })
}

struct Comparing<'a> {
    excluded: Excluded<'a>,
    depth: u8,
    tables: &'a Tables<'a>,
    /// Frames of the source to a moment.
    step: u64,
    /// Tells frames of one scene apart.
    watch: Watch,
    /// Whether it is told what was removed: nothing else may differ on purpose then.
    is_named: bool,
    planes: Vec<Sums>,
    found: Pictures,
}

impl Comparing<'_> {
    fn take(
        &mut self,
        pair: Pair,
        mine: &Receiver<Decoded>,
        others: &Receiver<Decoded>,
    ) -> Result<(), VerifyError> {
        match pair {
            Pair::Both { source, .. } => {
                let (one, other) = (next(Side::Source, mine)?, next(Side::Output, others)?);
                self.set_against(source, &one, &other);
            }
            Pair::Missing(source) => {
                let one = next(Side::Source, mine)?;
                let kept = self.excluded.kept(one.pts(), self.tables.source_clock());
                let small =
                    kept.planes.first().map(|kept| Small::of(&one.planes(), kept, self.depth));
                self.identify(source, small.map(|small| (small, None)));
                self.moment(source).missing += 1;
            }
            Pair::Extra { before, .. } => {
                drop(next(Side::Output, others)?);
                self.moment(before).extra += 1;
            }
        }
        Ok(())
    }

    fn set_against(&mut self, index: usize, one: &VideoFrame, other: &VideoFrame) {
        let kept = self.excluded.kept(one.pts(), self.tables.source_clock());
        let sums = measure(&one.planes(), &other.planes(), &kept.planes, self.depth);
        let is_same = sums.iter().all(|plane| plane.changed == 0);
        let smalls = kept.planes.first().map(|kept| {
            let small = |frame: &VideoFrame| Small::of(&frame.planes(), kept, self.depth);
            (small(one), (!is_same).then(|| small(other)))
        });
        self.identify(index, smalls);
        let mut frame = Sums::default();
        for (total, plane) in self.planes.iter_mut().zip(&sums) {
            total.add(plane);
            frame.add(plane);
        }
        let mean = frame.absolute as f64 / frame.samples.max(1) as f64;
        self.found.compared += 1;
        self.found.identical += u64::from(frame.changed == 0);
        let moment = self.moment(index);
        moment.compared += 1;
        moment.max = moment.max.max(frame.max);
        moment.changed += frame.changed;
        // The mean of the means, kept up from frame to frame.
        moment.mean += (mean - moment.mean) / moment.compared as f64;
        self.note_worst(index, mean, &frame);
    }

    /// Looks whether the frames that can be told apart are their own.
    fn identify(&mut self, index: usize, smalls: Option<(Small, Option<Small>)>) {
        let Some((source, shown)) = smalls else { return };
        let found = self.watch.take(index, source, shown);
        self.note_misplaced(&found);
    }

    fn note_misplaced(&mut self, found: &[Stray]) {
        for Stray { index, shows, is_sure } in found {
            let list = &mut self.found.misplaced;
            if !is_sure && !self.is_named {
                list.doubtful += 1;
                continue;
            }
            list.count += 1;
            if list.first.len() < LISTED_MAX {
                let time = self.tables.common.time(self.tables.source_at(*index).unwrap_or(0));
                let (index, shows) = (*index as u64, *shows as u64);
                list.first.push(FrameOther { index, time, shows });
            }
        }
    }

    fn note_worst(&mut self, index: usize, mean: f64, frame: &Sums) {
        if frame.changed == 0 {
            return;
        }
        let place = self.found.worst.partition_point(|worse| worse.mean >= mean);
        if place >= WORST_MAX {
            return;
        }
        let common = self.tables.common;
        let difference = FrameDifference {
            index: index as u64,
            time: common.time(self.tables.source_at(index).unwrap_or(0)),
            max: frame.max,
            mean,
            changed: frame.changed,
        };
        self.found.worst.insert(place, difference);
        self.found.worst.truncate(WORST_MAX);
    }

    /// The stretch that frame `index` of the source belongs to.
    fn moment(&mut self, index: usize) -> &mut Moment {
        let frame = (index as u64) / self.step * self.step;
        let moments = &mut self.found.over_time;
        if moments.last().is_none_or(|last| last.frame < frame) {
            let at = usize::try_from(frame).ok().and_then(|frame| self.tables.source_at(frame));
            let seconds = at.map_or(0.0, |at| self.tables.common.time(at).seconds);
            moments.push(Moment { frame, seconds, ..Moment::default() });
        }
        let last = moments.len().saturating_sub(1);
        &mut moments[last]
    }

    fn finish(mut self) -> Pictures {
        let found = self.watch.finish();
        self.note_misplaced(&found);
        let Self { planes, mut found, depth, .. } = self;
        let mut all = Sums::default();
        let (mut weighted, mut weights) = (0.0, 0.0);
        for (name, plane) in ["y", "u", "v"].iter().zip(&planes) {
            all.add(plane);
            if let Some(ssim) = plane.ssim() {
                weighted += ssim * plane.samples as f64;
                weights += plane.samples as f64;
            }
            found.planes.push(PlaneQuality {
                plane: (*name).to_owned(),
                psnr: plane.psnr(depth),
                ssim: plane.ssim(),
                samples: plane.samples,
                changed: plane.changed,
                max: plane.max,
            });
        }
        found.psnr = all.psnr(depth);
        found.ssim = (weights > 0.0).then(|| weighted / weights);
        (found.changed, found.max) = (all.changed, all.max);
        found
    }
}

/// Says what the pictures are worth.
pub(super) fn judge(found: &Pictures, order: &VerifyOrder, report: &mut Report) {
    if let Some(FrameOther { index, time, shows }) = found.misplaced.first.first() {
        let count = found.misplaced.count;
        let detail = format!(
            "{count} of them show the picture of another frame near them; the first is frame {index} at {} s, \
             which shows frame {shows}",
            time.exact
        );
        report.add(Aspect::Frames, Status::Lost, "video", detail);
    }
    if found.misplaced.doubtful > 0 {
        let detail = format!(
            "{} of them look like another frame near them, by what differs in one place alone: it may have been \
             removed there (--region or --mask says so)",
            found.misplaced.doubtful
        );
        report.add(Aspect::Frames, Status::Noted, "video", detail);
    }
    let mut add = |status, detail| report.add(Aspect::Samples, status, "video", detail);
    if let Some(why) = &found.not_compared {
        // What they differ in is a finding of its own, unless somebody asked for the samples.
        let status = if order.tolerance.is_some() { Status::Lost } else { Status::Noted };
        return add(status, format!("not compared: {why}"));
    }
    let outside =
        if order.regions.is_empty() && order.masks.is_empty() { "" } else { " outside the mask" };
    if found.changed == 0 {
        return add(
            Status::Survived,
            format!("none differs{outside} in {} frames", found.compared),
        );
    }
    let psnr = found.psnr.map_or_else(String::new, |psnr| format!(", PSNR {psnr:.2} dB"));
    let ssim = found.ssim.map_or_else(String::new, |ssim| format!(", SSIM {ssim:.5}"));
    let detail = format!(
        "{} samples differ{outside}, by at most {}{psnr}{ssim}; {} of {} frames are the same",
        found.changed, found.max, found.identical, found.compared
    );
    match order.tolerance {
        Some(allowed) if found.max > allowed => {
            let worst = found.worst.first();
            let worst =
                worst.map_or_else(String::new, |worst| format!("; worst frame {}", worst.index));
            add(Status::Lost, format!("{detail}{worst}; {allowed} is allowed"));
        }
        Some(_) => add(Status::Survived, format!("{detail}, as allowed")),
        None => match found.worst.first().filter(|worst| worst.mean > mean_max(found.depth)) {
            Some(FrameDifference { index, mean, .. }) => add(
                Status::Lost,
                format!(
                    "{detail}; frame {index} is another picture, {mean:.1} levels off on average \
                     (what was removed on purpose is named by --region or --mask)"
                ),
            ),
            None => add(Status::OnPurpose, detail),
        },
    }
}

/// Levels by which the samples of a frame may be off on average before it is another picture, whatever
/// the encoder: a sixteenth of their range. An encode that people would call bad is off by 2 to 5 levels of
/// 8 bit, another scene by 30 and more.
fn mean_max(depth: u8) -> f64 {
    f64::from(1_u32 << depth) / 16.0
}
