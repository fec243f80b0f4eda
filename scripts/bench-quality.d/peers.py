"""OpenCV's inpainting on the planes of a clip: what a short Python program would do to each frame.

`peers.py inpaint telea|ns WIDTH HEIGHT`: standard input has, frame by frame, a yuv420p picture, four 32-bit
little-endian numbers (x, y, width and height of a rectangle of luma; width 0 where nothing is covered) and a
byte for each sample of the rectangle (0 or 255). Standard output has the pictures, filled. The milliseconds
that `cv2.inpaint` took for each picture go to standard error at the end.

`peers.py alone WIDTH HEIGHT`: milliseconds of one `cv2.inpaint` of a hole of that size in a BGR crop with
texture, by both methods: the fastest and the median of 30.
"""

import statistics
import struct
import sys
import time

import cv2
import numpy

METHODS = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}
RADIUS = 3
# Samples around a hole that the method may look at.
MARGIN = 16


def fill(plane, mask, x, y, method):
    """Fills the hole `mask`, whose upper left corner is at (x, y), in one plane; returns the seconds."""
    rows, columns = mask.shape
    top, left = max(y - MARGIN, 0), max(x - MARGIN, 0)
    bottom, right = min(y + rows + MARGIN, plane.shape[0]), min(x + columns + MARGIN, plane.shape[1])
    crop = numpy.ascontiguousarray(plane[top:bottom, left:right])
    hole = numpy.zeros_like(crop)
    hole[y - top : y - top + rows, x - left : x - left + columns] = mask
    began = time.perf_counter()
    filled = cv2.inpaint(crop, hole, RADIUS, method)
    spent = time.perf_counter() - began
    plane[top:bottom, left:right] = filled
    return spent


def inpaint(method, width, height):
    source, target = sys.stdin.buffer, sys.stdout.buffer
    luma, chroma = width * height, (width // 2) * (height // 2)
    frames, filled, seconds = 0, 0, 0.0
    while True:
        samples = source.read(luma + 2 * chroma)
        if len(samples) < luma + 2 * chroma:
            break
        picture = numpy.frombuffer(samples, numpy.uint8).copy()
        x, y, columns, rows = struct.unpack("<4I", source.read(16))
        if columns:
            mask = numpy.frombuffer(source.read(columns * rows), numpy.uint8).reshape(rows, columns)
            # A chroma sample is in the hole where one of the four luma samples that share it is.
            small = mask.reshape(rows // 2, 2, columns // 2, 2).max(axis=(1, 3))
            planes = (
                (picture[:luma].reshape(height, width), mask, x, y),
                (picture[luma : luma + chroma].reshape(height // 2, -1), small, x // 2, y // 2),
                (picture[luma + chroma :].reshape(height // 2, -1), small, x // 2, y // 2),
            )
            seconds += sum(fill(*plane, method) for plane in planes)
            filled += 1
        target.write(picture.tobytes())
        frames += 1
    target.flush()
    print(seconds * 1000 / max(filled, 1), file=sys.stderr)


def alone(width, height):
    at = numpy.arange((width + 2 * MARGIN) * (height + 2 * MARGIN) * 3, dtype=numpy.uint32)
    texture = (60 + at * 2654435761 % 97).astype(numpy.uint8)
    texture = texture.reshape(height + 2 * MARGIN, width + 2 * MARGIN, 3)
    hole = numpy.zeros(texture.shape[:2], numpy.uint8)
    hole[MARGIN:-MARGIN, MARGIN:-MARGIN] = 255
    for name, method in METHODS.items():
        times = []
        for _ in range(30):
            began = time.perf_counter()
            cv2.inpaint(texture, hole, RADIUS, method)
            times.append((time.perf_counter() - began) * 1000)
        print(name, min(times), statistics.median(times))


if __name__ == "__main__":
    if sys.argv[1] == "inpaint":
        inpaint(METHODS[sys.argv[2]], int(sys.argv[3]), int(sys.argv[4]))
    else:
        alone(int(sys.argv[2]), int(sys.argv[3]))
