"""What a program changed in a clip: its output against its source, sample by sample.

Owns the comparison of pictures and the counting of frames that are covered. Knows no program: it is given two
files. The output must be lossless, or what the encoder changed would count as covered.
"""

import itertools
import json
import subprocess

import cv2
import numpy

# A line of a caption, or a face, counts as covered in a frame where this share of its area was changed.
COVERED_MIN = 0.9
# Samples between the strokes of letters that come out as they were, since what lies behind is like what
# was there, count as changed where changed ones are this near on both sides, in parts of the picture's height.
NEAR_PART = 180


class Unequal(Exception):
    """An output that has not the same frames as its source; says what differs."""


def dimensions(path):
    """Width, height and pixel format of the first video stream."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json"]
    command += ["-show_entries", "stream=width,height,pix_fmt", path]
    stream = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"][0]
    return stream["width"], stream["height"], stream["pix_fmt"]


def planes(path, width, height):
    """Each frame's luma, and its chroma at the size of the luma, of an 8-bit 4:2:0 file: nothing is converted."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-vsync", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    luma, chroma = width * height, ((width + 1) // 2) * ((height + 1) // 2)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as decoder:
        while len(picture := decoder.stdout.read(luma + 2 * chroma)) == luma + 2 * chroma:
            samples = numpy.frombuffer(picture, numpy.uint8)
            half = samples[luma:].reshape(2, (height + 1) // 2, (width + 1) // 2)
            full = half.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
            yield samples[:luma].reshape(height, width), full


def changed(source, output):
    """For each frame the samples that differ at all, as a picture of 0 and 1."""
    width, height, layout = dimensions(source)
    if dimensions(output) != (width, height, layout) or layout != "yuv420p":
        raise Unequal(f"the output is {dimensions(output)}, its source {(width, height, layout)}")
    pairs = itertools.zip_longest(planes(source, width, height), planes(output, width, height))
    for index, (before, after) in enumerate(pairs):
        if before is None or after is None:
            raise Unequal(f"only one of output and source has a frame {index}")
        (luma, chroma), (luma_out, chroma_out) = before, after
        yield ((luma != luma_out) | (chroma != chroma_out).any(axis=0)).astype(numpy.uint8)


def joined(mask):
    """`mask` with the small holes between what is changed closed."""
    near = 2 * max(2, round(mask.shape[0] / NEAR_PART)) + 1
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, numpy.ones((near, near), numpy.uint8))


def share(mask, boxes):
    """The share of the boxes' joint area that `mask` covers."""
    wanted = numpy.zeros_like(mask)
    for x, y, width, height in boxes:
        wanted[y : y + height, x : x + width] = 1
    return float((mask & wanted).sum() / max(int(wanted.sum()), 1))


def of_captions(truth, masks):
    """Frames with a caption, how many of them are covered, and for each caption that is not in all, which."""
    seen, covered, lacking = 0, 0, []
    shares = [[] for _ in truth["captions"]]
    for index, mask in enumerate(masks):
        for number, caption in enumerate(truth["captions"]):
            if caption["start"] <= index < caption["end"]:
                shares[number].append(share(joined(mask), caption["lines"]))
    for caption, of_frames in zip(truth["captions"], shares, strict=True):
        good = sum(part >= COVERED_MIN for part in of_frames)
        seen, covered = seen + len(of_frames), covered + good
        if good < len(of_frames):
            kind = f"{caption['script']} {caption['style']} {caption['height']} high {caption['place']}"
            lacking.append(f"{kind}: {good} of {len(of_frames)} frames, {min(of_frames):.2f} at worst")
    return seen, covered, lacking


def changed_area(masks):
    """The share of all samples of a clip that were changed, and that of the worst frame."""
    parts = [float(mask.mean()) for mask in masks]
    return sum(parts) / max(len(parts), 1), max(parts, default=0.0)
