// Draws regions over a still. Owns nothing but what is shown: the lines of the text field are the regions, and are what is sent.
"use strict";

(() => {
  const root = document.querySelector("[data-draw]");
  if (!root) return;
  root.hidden = false;
  const SVG = "http://www.w3.org/2000/svg";
  const stage = document.getElementById("stage");
  const canvas = root.querySelector("canvas");
  const lines = document.getElementById("regions");
  const told = document.getElementById("told");
  const wide = document.getElementById("wide");
  const high = document.getElementById("high");
  const still = document.getElementById("still");
  const glimpse = document.getElementById("glimpse");
  const input = document.getElementById("input");
  const owner = document.getElementById("owner");
  const seen = document.getElementById("seen");
  const LEAST = 2;
  let regions = [];
  let now = -1;

  const size = () => [Number(wide.value) || 1920, Number(high.value) || 1080];
  const bounded = (value, low, top) => Math.round(Math.min(Math.max(value, low), Math.max(low, top)));

  const read = () => {
    regions = [];
    for (const line of lines.value.split("\n")) {
      const found = /^\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(@.*)?$/.exec(line);
      if (found) {
        const [x, y, width, height] = found.slice(1, 5).map(Number);
        regions.push({ x, y, width, height, when: found[5] ?? "" });
      }
    }
    now = Math.min(now, regions.length - 1);
    draw();
  };

  // As on the command line: who names something to remove has nothing else looked for, unless it is asked for.
  const looked = document.getElementById("detect-static");
  let asked = false;
  looked.addEventListener("change", () => { asked = true; });
  const write = () => {
    if (!asked) looked.checked = regions.length === 0;
    lines.value = regions
      .map(({ x, y, width, height, when }) => `${x},${y},${width},${height}${when}`)
      .join("\n");
    draw();
  };

  const draw = () => {
    const [width, height] = size();
    stage.setAttribute("viewBox", `0 0 ${width} ${height}`);
    stage.replaceChildren(...regions.map((region, at) => {
      const rect = document.createElementNS(SVG, "rect");
      for (const name of ["x", "y", "width", "height"]) rect.setAttribute(name, region[name]);
      rect.setAttribute("class", at === now ? "region now" : "region");
      return rect;
    }));
    const region = regions[now];
    if (region) {
      told.textContent =
        `Region ${now + 1} of ${regions.length}: ${region.width} by ${region.height} at ${region.x}, ${region.y}.`;
    } else if (regions.length > 0) {
      told.textContent = `${regions.length === 1 ? "1 region" : `${regions.length} regions`}; none is chosen.`;
    } else {
      told.textContent = "There is no region yet.";
    }
  };

  const point = (event) => {
    const box = stage.getBoundingClientRect();
    const [width, height] = size();
    return [
      bounded(((event.clientX - box.x) * width) / box.width, 0, width),
      bounded(((event.clientY - box.y) * height) / box.height, 0, height),
    ];
  };

  let from = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    from = point(event);
    const [x, y] = from;
    const inside = regions.findLastIndex((it) =>
      x >= it.x && y >= it.y && x < it.x + it.width && y < it.y + it.height);
    now = inside;
    draw();
  });
  const spanned = (event) => {
    const [x, y] = point(event);
    return {
      x: Math.min(x, from[0]), y: Math.min(y, from[1]),
      width: Math.abs(x - from[0]), height: Math.abs(y - from[1]), when: "",
    };
  };
  let drawn = false;
  stage.addEventListener("pointermove", (event) => {
    if (!from) return;
    const region = spanned(event);
    if (!drawn && (region.width < LEAST || region.height < LEAST)) return;
    if (!drawn) {
      regions.push(region);
      now = regions.length - 1;
      drawn = true;
    }
    regions[now] = region;
    draw();
  });
  const end = () => {
    from = null;
    if (drawn) {
      regions[now].width = Math.max(regions[now].width, LEAST);
      regions[now].height = Math.max(regions[now].height, LEAST);
      write();
    }
    drawn = false;
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  stage.addEventListener("keydown", (event) => {
    const [width, height] = size();
    const region = regions[now];
    const step = STEPS[event.key];
    if (event.key === "Enter") {
      regions.push({
        x: Math.round(width * 0.4), y: Math.round(height * 0.4),
        width: Math.round(width * 0.2), height: Math.round(height * 0.2), when: "",
      });
      now = regions.length - 1;
    } else if (step && region) {
      const by = event.altKey ? 10 : 1;
      if (event.shiftKey) {
        region.width = bounded(region.width + step[0] * by, LEAST, width - region.x);
        region.height = bounded(region.height + step[1] * by, LEAST, height - region.y);
      } else {
        region.x = bounded(region.x + step[0] * by, 0, width - region.width);
        region.y = bounded(region.y + step[1] * by, 0, height - region.height);
      }
    } else if (event.key === "Delete" && region) {
      regions.splice(now, 1);
      now = regions.length - 1;
    } else if (event.key.toLowerCase() === "n" && regions.length > 0) {
      now = (now + 1) % regions.length;
    } else {
      return;
    }
    event.preventDefault();
    write();
  });

  const show = (image, [width, height], of) => {
    [wide.value, high.value, seen.value] = [width, height, of];
    resize();
    canvas.getContext("2d").drawImage(image, 0, 0, width, height);
  };

  const look = async () => {
    const of = input.value.trim();
    const asked = new URLSearchParams({ input: of });
    if (owner?.value) asked.set("owner", owner.value);
    glimpse.disabled = true;
    told.textContent = "A frame is being fetched.";
    try {
      const answer = await fetch(`/api/v1/glimpse?${asked}`);
      if (!answer.ok) throw new Error((await answer.json()).detail);
      const image = await createImageBitmap(await answer.blob());
      show(image, answer.headers.get("cleanplate-size").split("x").map(Number), of);
    } catch (why) {
      told.textContent = `There is no frame to show: ${why.message}`;
    }
    glimpse.disabled = false;
  };
  glimpse.addEventListener("click", () => {
    if (input.reportValidity()) look();
  });

  // A still is drawn here and sent nowhere.
  still.addEventListener("change", async () => {
    const [file] = still.files;
    if (!file) return;
    try {
      const image = await createImageBitmap(file);
      show(image, [image.width, image.height], "");
    } catch {
      told.textContent = "That file is no picture that this browser can show.";
    }
  });
  const resize = () => {
    [canvas.width, canvas.height] = size();
    draw();
  };
  for (const side of [wide, high]) {
    side.addEventListener("change", () => {
      seen.value = "";
      resize();
    });
  }
  lines.addEventListener("input", read);
  resize();
  read();
  // The form came back with something to mend: its frame is shown again.
  if (seen.value && seen.value === input.value.trim()) look();
})();
