// Keeps a page live. Owns the stream of a page's jobs and what it changes in place; refuses to build markup of its own:
// texts are set as texts, and a part that changed whole is the server's, fetched again.
"use strict";

(() => {
  const EVENTS = document.querySelector("[data-events]");
  const AGAIN_MS = 2000;

  const put = (element, text) => {
    if (element && element.textContent !== text) {
      element.textContent = text;
    }
  };

  const told = (row) => {
    for (const place of document.querySelectorAll("[data-job]")) {
      if (place.dataset.job !== row.job) continue;
      const is = (name) => place.querySelector(`[data-is="${name}"]`);
      const chip = is("phase");
      put(chip, row.phase);
      if (chip) chip.className = `chip ${row.mark}`;
      const bar = is("bar");
      if (bar) {
        bar.max = row.total;
        bar.value = row.done;
      }
      put(is("doing"), row.doing);
      put(is("left"), row.left);
      const why = is("why");
      put(why, row.why);
      if (why) why.title = row.why;
      for (const form of place.querySelectorAll("[data-verb]")) {
        form.hidden = form.dataset.verb !== row.verb;
      }
    }
  };

  // Parts of the page that are the server's to draw: fetched again where something changed, a few times a minute.
  const parts = () => document.querySelectorAll("[data-part]");
  let waits = null;
  const refresh = async () => {
    waits = null;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts()) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!fresh || fresh.innerHTML === part.dataset.last || part.contains(document.activeElement)) continue;
      const open = [...part.querySelectorAll("details[open]")].map((it) => it.dataset.key);
      part.dataset.last = fresh.innerHTML;
      part.replaceChildren(...fresh.childNodes);
      for (const detail of part.querySelectorAll("details")) {
        detail.open = open.includes(detail.dataset.key);
      }
      document.dispatchEvent(new CustomEvent("part", { detail: part }));
    }
  };
  const later = () => {
    if (parts().length > 0 && waits === null) {
      waits = setTimeout(() => refresh().catch(() => {}), AGAIN_MS);
    }
  };

  // A sound state is sent first; what comes after it is news.
  let begun = false;
  const hear = (event) => {
    const { rows, totals } = JSON.parse(event.data);
    rows.forEach(told);
    for (const [state, count] of Object.entries(totals ?? {})) {
      put(document.querySelector(`[data-total="${state}"]`), String(count));
    }
    if (begun && rows.length > 0) later();
    begun = true;
  };

  if (EVENTS) {
    const stream = new EventSource(EVENTS.dataset.events);
    stream.addEventListener("rows", hear);
    addEventListener("pagehide", () => stream.close());
  }

  // A slider over two pictures: the upper one is shown up to it, and a line tells where that is.
  const slide = (input) => {
    const within = (selector) => input.parentElement.querySelector(selector);
    within("[data-upper]").style.clipPath = `inset(0 ${100 - input.value}% 0 0)`;
    const edge = within(".edge");
    edge.hidden = false;
    edge.style.left = `${input.value}%`;
  };
  document.addEventListener("input", (event) => {
    if (event.target.matches(".compare input")) slide(event.target);
  });
  const slides = () => document.querySelectorAll(".compare input").forEach((input) => {
    input.hidden = false;
    slide(input);
  });
  document.addEventListener("part", slides);
  slides();
})();
