"""The program that one writes first: `obvious.py IN OUT X Y WIDTH HEIGHT CRF`.

PyAV decodes, `cv2.inpaint` fills the rectangle on a crop of each frame, PyAV encodes with libx264 veryfast.
"""

import sys

import av
import cv2
import numpy

MARGIN = 16


def main(source, target, x, y, width, height, crf):
    with av.open(source) as inside, av.open(target, "w") as outside:
        video = inside.streams.video[0]
        video.thread_type = "AUTO"
        encoded = outside.add_stream("libx264", rate=video.average_rate)
        encoded.width, encoded.height, encoded.pix_fmt = video.width, video.height, "yuv420p"
        encoded.options = {"preset": "veryfast", "crf": str(crf)}
        top, left = max(y - MARGIN, 0), max(x - MARGIN, 0)
        bottom, right = min(y + height + MARGIN, video.height), min(x + width + MARGIN, video.width)
        hole = numpy.zeros((bottom - top, right - left), numpy.uint8)
        hole[y - top : y - top + height, x - left : x - left + width] = 255
        for frame in inside.decode(video):
            picture = frame.to_ndarray(format="bgr24")
            crop = numpy.ascontiguousarray(picture[top:bottom, left:right])
            picture[top:bottom, left:right] = cv2.inpaint(crop, hole, 3, cv2.INPAINT_TELEA)
            clean = av.VideoFrame.from_ndarray(picture, format="bgr24")
            clean.pts, clean.time_base = frame.pts, frame.time_base
            outside.mux(encoded.encode(clean))
        outside.mux(encoded.encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(word) for word in sys.argv[3:8]))
