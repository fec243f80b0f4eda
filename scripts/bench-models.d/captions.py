"""Clips with captions burned in, and the truth about each.

Owns what is drawn where and when; all chance comes from a seed, so every run has the same clips.
Measures nothing. A clip comes with a JSON file: width, height, fps, frames and captions, each with its first
frame, the frame after its last one, its script, style, height in samples and the boxes [x, y, width, height]
of its lines as drawn, outline and shadow included, plates behind the words not.
"""

import json
import os
import random
import subprocess

from PIL import Image, ImageDraw, ImageFont, features

# Words by script, and the font files that can show them: names within the folder of fonts.
WORDS = {
    "latin": [
        "The river was higher than anyone", "remembered, and still it rained.", "Where are you going?",
        "I will be back before dark.", "No.", "- Who is it?", "- Nobody you know.", "It costs $1,250.00 a month",
        "All of them, every single one,", "left before the morning came.", "[DOOR CREAKS]", "THE END OF THE WORLD",
    ],
    "cyrillic": ["Я вернусь до темноты.", "Куда ты идёшь?", "Никто из них не оглянулся", "Слушай меня: всё кончено"],
    "greek": ["Πού πηγαίνεις;", "Θα γυρίσω πριν νυχτώσει", "Κανείς δεν κοίταξε πίσω"],
    "chinese": ["我天黑之前回来", "你要去哪里？", "没有一个人回头看", "听我说，一切都结束了"],
    "japanese": ["暗くなる前に戻ります", "どこへ行くの？", "誰も振り返らなかった"],
    "korean": ["어두워지기 전에 돌아올게", "어디로 가니?", "아무도 뒤돌아보지 않았다"],
    "arabic": ["سأعود قبل حلول الظلام", "إلى أين أنت ذاهب؟", "لم ينظر أحد إلى الوراء"],
    "hebrew": ["אחזור לפני החשכה", "לאן אתה הולך?", "אף אחד לא הביט לאחור"],
    "devanagari": ["मैं अंधेरा होने से पहले लौट आऊंगा", "तुम कहाँ जा रहे हो?", "किसी ने पीछे मुड़कर नहीं देखा"],
}
WESTERN = [
    "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSerif-Regular.ttf",
    "LiberationSans-Italic.ttf", "LiberationSansNarrow-Bold.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf",
]
FONTS = {
    "latin": WESTERN,
    "cyrillic": ["LiberationSans-Regular.ttf", "DejaVuSans-Bold.ttf", "LiberationSerif-Regular.ttf"],
    "greek": ["DejaVuSans-Bold.ttf", "LiberationSans-Regular.ttf"],
    "chinese": ["wqy-microhei.ttc"],
    "japanese": ["wqy-microhei.ttc"],
    "korean": ["wqy-microhei.ttc"],
    "arabic": ["Amiri-Bold.ttf"],
    "hebrew": ["FreeSansBold.ttf"],
    "devanagari": ["Lohit-Devanagari.ttf"],
}
# Without a shaping library these scripts come out as no reader would see them.
SHAPED = {"arabic", "hebrew", "devanagari"}
STYLES = ["outline", "box", "shade", "shadow", "yellow", "translucent", "plain", "karaoke"]
# Seconds that a caption stands, and between two, with how often each is drawn.
STANDS = ([0.4, 0.6, 0.9, 1.3, 2.0, 3.0, 4.0], [3, 4, 4, 4, 2, 1, 1])
PAUSES = ([0.0, 0.1, 0.2, 0.5, 1.0], [5, 3, 4, 5, 3])
# A shorter one is cut off by the end of the clip and is not drawn.
STANDS_MIN = 0.4
# No line is wider than this share of the picture.
WIDTH_MAX = 0.94


def fonts(folder):
    """The scripts that can be drawn, each with its font files, and why others cannot."""
    there = {name: os.path.join(at, name) for at, _, names in os.walk(folder) for name in names}
    usable, lacking = {}, []
    for script, names in FONTS.items():
        files = [there[name] for name in names if name in there]
        if script in SHAPED and not features.check("raqm"):
            lacking.append(f"{script} (Pillow has no shaping: libfribidi0 is missing)")
        elif files:
            usable[script] = files
        else:
            lacking.append(f"{script} (no font)")
    return usable, lacking


def drawn(size, caption, highlight):
    """The caption as a transparent picture of `size`, and the boxes of its lines."""
    width, height = size
    pixels, style = caption["height"], caption["style"]
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    font = ImageFont.truetype(caption["font"], pixels)
    stroke = max(1, pixels // 14) if style in ("outline", "yellow", "karaoke") else 0
    shadow = max(1, pixels // 16) if style == "shadow" else 0
    pitch, lines = int(pixels * 1.28), caption["text"]
    tops = {"bottom": int(height * 0.94) - len(lines) * pitch, "top": int(height * 0.05)}
    top = tops.get(caption["place"], (height - len(lines) * pitch) // 2)
    ink = {"yellow": (255, 225, 30, 255), "translucent": (255, 255, 255, 150)}.get(style, (255, 255, 255, 255))
    places = []
    for number, text in enumerate(lines):
        at = (int((width - draw.textlength(text, font=font)) / 2), top + number * pitch)
        left, upper, right, lower = draw.textbbox(at, text, font=font, stroke_width=stroke)
        box = (max(left, 0), max(upper, 0), min(right + shadow, width), min(lower + shadow, height))
        places.append((at, text, box))
    if style in ("box", "shade"):
        for (_, y), _, (left, _, right, _) in places:
            plate = (left - pixels // 4, y - pixels // 8, right + pixels // 4, y + pitch - pixels // 8)
            draw.rectangle(plate, fill=(0, 0, 0, 255 if style == "box" else 130))
    for (x, y), text, _ in places:
        if shadow:
            draw.text((x + shadow, y + shadow), text, font=font, fill=(0, 0, 0, 200))
        draw.text((x, y), text, font=font, fill=ink, stroke_width=stroke, stroke_fill=(0, 0, 0, 255))
        if highlight is not None:
            sung = Image.new("RGBA", size, (0, 0, 0, 0))
            inked = ImageDraw.Draw(sung)
            edge = {"stroke_width": stroke, "stroke_fill": (0, 0, 0, 255)}
            inked.text((x, y), text, font=font, fill=(90, 220, 255, 255), **edge)
            until = int(x + draw.textlength(text, font=font) * highlight)
            layer.alpha_composite(sung.crop((0, 0, until, height)))
    return layer, [[box[0], box[1], box[2] - box[0], box[3] - box[1]] for _, _, box in places]


def planned(frames, fps, height, width, usable, sizes, seed):
    """What stands when: every script with every style in an order drawn by `seed`, until the clip is full."""
    chance = random.Random(seed)
    kinds = [(script, style) for script in sorted(usable) for style in STYLES]
    chance.shuffle(kinds)
    captions, frame = [], chance.randrange(fps // 2)
    while True:
        stands = round(fps * chance.choices(*STANDS)[0])
        end = min(frames, frame + stands)
        if end - frame < STANDS_MIN * fps:
            return captions
        script, style = kinds[len(captions) % len(kinds)]
        words, first = WORDS[script], chance.randrange(len(WORDS[script]))
        text = [words[(first + more) % len(words)] for more in range(chance.choices([1, 2, 3], [5, 4, 1])[0])]
        file, pixels = chance.choice(usable[script]), int(height * chance.choice(sizes))
        while max(ImageFont.truetype(file, pixels).getlength(line) for line in text) > width * WIDTH_MAX:
            pixels -= 1
        captions.append({
            "start": frame, "end": end, "script": script, "style": style, "font": file, "height": pixels,
            "place": chance.choices(["bottom", "top", "middle"], [3, 1, 1])[0], "text": text,
        })
        frame = end + round(fps * chance.choices(*PAUSES)[0])


def pictures(source, width, height, frames, start=0.0):
    """The frames of a clip as bytes of RGB, scaled; from its beginning again where it is shorter."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", "-1", "-ss", str(start), "-i", source, "-vf", f"scale={width}:{height}"]
    command += ["-frames:v", str(frames), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as decoder:
        while len(picture := decoder.stdout.read(width * height * 3)) == width * height * 3:
            yield picture


def make(target, source, size, frames, fps, usable, sizes, seed):
    """Writes `target` (H.264) and its truth beside it; without `sizes` there are no captions in it."""
    width, height = size
    captions = planned(frames, fps, height, width, usable, sizes, seed) if sizes else []
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(fps), "-i", "-", "-c:v", "libx264", "-preset", "veryfast"]
    command += ["-crf", "20", "-pix_fmt", "yuv420p", target]
    written = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        layers = {}
        for index, picture in enumerate(pictures(source, width, height, frames)):
            for number, caption in enumerate(captions):
                if not caption["start"] <= index < caption["end"]:
                    continue
                sung = caption["style"] == "karaoke"
                if sung or number not in layers:
                    past = (index - caption["start"]) / (caption["end"] - caption["start"])
                    layer, caption["lines"] = drawn(size, caption, past if sung else None)
                    layers = {number: layer}
                image = Image.frombytes("RGB", size, picture)
                image.paste(layers[number], (0, 0), layers[number])
                picture = image.tobytes()
            encoder.stdin.write(picture)
            written += 1
    if encoder.returncode:
        raise SystemExit(f"bench-models: ffmpeg could not write {target}")
    captions = [caption for caption in captions if "lines" in caption]
    for caption in captions:
        caption["end"] = min(caption["end"], written)
        caption["font"] = os.path.basename(caption["font"])
    truth = {"width": width, "height": height, "fps": fps, "frames": written, "captions": captions}
    with open(os.path.splitext(target)[0] + ".json", "w", encoding="utf-8") as file:
        json.dump(truth, file, ensure_ascii=False, indent=1)
    return truth
