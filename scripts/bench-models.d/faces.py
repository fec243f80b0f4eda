"""Where faces are, and how long one stays uncovered: the product against `deface`.

Owns the reference and the peer. The reference is not what either program covers: it is where the detector
that both use is sure at the picture's full size, with the frames between two sure sights filled in along a
straight line, so that a face which the detector loses for some frames is still asked for.
"""

import contextlib
import json
import os
import subprocess
import sys
import time

import cv2
import numpy
from deface.centerface import CenterFace

from captions import pictures
from coverage import COVERED_MIN, share

# The score of a sure sight, the seconds that a face may be lost for and still be the same one, how much of
# the joint area two sights of it share, and the sights that a face has at least.
SURE = 0.5
LOST_MAX = 1.0
ALIKE = 0.3
SIGHTS_MIN = 5
# What `deface` puts over a face, so that its output shows what was covered, and how near a sample must come.
COLOUR = (255, 0, 255)
NEAR = 60


def alike(one, other):
    """The shared area of two boxes (left, top, right, bottom) over their joint area."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / max(area - both, 1e-9)


def reference(path, width, height, fps, frames):
    """The faces of a clip: for each a table from the frame's number to its box."""
    # It prints where it runs; the table is all that goes to standard output.
    with contextlib.redirect_stdout(sys.stderr):
        detector, faces = CenterFace(override_execution_provider="CPUExecutionProvider"), []
    for index, picture in enumerate(pictures(path, width, height, frames)):
        image = numpy.frombuffer(picture, numpy.uint8).reshape(height, width, 3)
        boxes = [box[:4] for box in detector(image, threshold=SURE)[0]]
        for face in faces:
            last = max(face)
            if index - last > LOST_MAX * fps or not boxes:
                continue
            near = max(boxes, key=lambda box: alike(face[last], box))
            if alike(face[last], near) >= ALIKE:
                for between in range(last + 1, index + 1):
                    part = (between - last) / (index - last)
                    face[between] = face[last] * (1 - part) + near * part
                boxes = [box for box in boxes if box is not near]
        faces += [{index: box} for box in boxes]
    return [face for face in faces if len(face) >= SIGHTS_MIN]


def judged(faces, masks):
    """Faces times frames, how many are covered, and the most frames in a row in which one is not."""
    seen, covered, gap, gaps = 0, 0, 0, [0] * len(faces)
    for index, mask in enumerate(masks):
        for number, face in enumerate(faces):
            if index not in face:
                continue
            left, top, right, bottom = (max(int(side), 0) for side in face[index])
            good = share(mask, [(left, top, right - left, bottom - top)]) >= COVERED_MIN
            seen, covered = seen + 1, covered + good
            gaps[number] = 0 if good else gaps[number] + 1
            gap = max(gap, gaps[number])
    return seen, covered, gap


def deface(source, target, *options):
    """Runs it as a user would; returns its seconds."""
    command = [os.path.join(os.path.dirname(sys.executable), "deface"), source, "-o", target, *options]
    began = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"bench-models: deface failed: {run.stderr.strip().splitlines()[-1]}")
    return time.perf_counter() - began


def covered_by_deface(source, folder, width, height, frames):
    """The samples of each frame that `deface` covers with its own defaults."""
    colour, target = os.path.join(folder, "cover.png"), os.path.join(folder, "deface-cover.mkv")
    cv2.imwrite(colour, numpy.full((8, 8, 3), COLOUR[::-1], numpy.uint8))
    settings = {
        "codec": "libx264rgb", "pixelformat": "rgb24", "quality": None, "macro_block_size": 1,
        "output_params": ["-qp", "0", "-preset", "ultrafast"],
    }
    deface(source, target, "--replacewith", "img", "--replaceimg", colour, "--ffmpeg-config", json.dumps(settings))
    for picture in pictures(target, width, height, frames):
        image = numpy.frombuffer(picture, numpy.uint8).reshape(height, width, 3).astype(numpy.int16)
        yield (numpy.abs(image - COLOUR).max(axis=2) <= NEAR).astype(numpy.uint8)
