// The spans of one trace: a tree, and beside it when each was.
const waterfall = {
  trace: null,
  // Places in the list, as indices of spans.
  rows: [],
  folded: new Set(),
  onlyCritical: false,
  // Kinds of spans that are not shown.
  hidden: new Set(),
  view: [0, 1],
  list: null,
};

function openWaterfall() {
  waterfall.list = new List(document.getElementById("span-list"), 24, (place) => drawSpan(waterfall.rows[place]));
  new ResizeObserver(() => waterfall.trace && drawTicks()).observe(document.getElementById("ticks"));
}

function showTrace(trace) {
  waterfall.trace = trace;
  waterfall.view = [trace.start, Math.max(trace.stop, trace.start + 1)];
  document.getElementById("axis-name").textContent = visible(data.spans[trace.first].name);
  waterfall.list.box.scrollTop = 0;
  layOut();
}

// Which spans have a row.
function layOut() {
  const { trace, folded, onlyCritical, hidden } = waterfall;
  const end = trace.first + trace.count;
  const rows = [];
  for (let i = trace.first; i < end; ) {
    const span = data.spans[i];
    if ((onlyCritical && !span.isCritical) || hidden.has(span.kind)) {
      i += 1;
      continue;
    }
    rows.push(i);
    i = folded.has(i) ? lastBelow(i, end) : i + 1;
  }
  waterfall.rows = rows;
  waterfall.list.show(rows.length);
  drawTicks();
}

function fraction(time) {
  const [start, end] = waterfall.view;
  return (time - start) / (end - start);
}

function percent(time) {
  return `${100 * Math.min(1.2, Math.max(-0.2, fraction(time)))}%`;
}

function drawSpan(index) {
  const span = data.spans[index];
  const end = waterfall.trace.first + waterfall.trace.count;
  const isInner = hasInner(index);
  const isFolded = waterfall.folded.has(index);
  const row = element("div", "row span");
  row.style.setProperty("--kind", `var(--${span.kind})`);
  row.classList.toggle("failed", span.failed);
  row.classList.toggle("found", found.has(index));
  row.setAttribute("role", "treeitem");
  row.setAttribute("aria-level", String(span.depth + 1));
  if (isInner) row.setAttribute("aria-expanded", String(!isFolded));
  row.setAttribute("aria-label", `${visible(span.name)}, ${span.kind}, ${spanDuration(span)}`);

  const cell = element("div", "cell");
  cell.style.paddingLeft = `${4 + 14 * Math.min(span.depth, 24)}px`;
  const fold = element("span", "fold", isInner ? (isFolded ? "▸" : "▾") : "");
  const more = isFolded ? `+${lastBelow(index, end) - index - 1}` : span.hint === null ? "" : visible(span.hint);
  cell.append(fold, element("span", "dot"), element("span", "name", visible(span.name)), element("span", "more foreign", more));
  const time = element("div", "time", span.anatomy ? splitBar(span) : null);
  row.append(cell, time, drawTrack(span));
  return row;
}

function drawTrack(span) {
  const track = element("div", "track");
  const stop = span.start + span.duration;
  const bar = element("div", "bar");
  bar.style.left = percent(span.start);
  bar.style.width = `calc(${percent(stop)} - ${percent(span.start)})`;
  bar.classList.toggle("open-start", span.missing === "start");
  bar.classList.toggle("open-end", span.missing === "end");
  track.append(bar);
  for (const [start, length] of span.critical) {
    const stretch = element("div", "stretch");
    stretch.style.left = percent(start);
    stretch.style.width = `calc(${percent(start + length)} - ${percent(start)})`;
    track.append(stretch);
  }
  // More of them could not be told from each other.
  for (const event of span.events(100)) {
    const log = element("div", "log");
    log.style.left = percent(event.time);
    track.append(log);
  }
  const [left, right] = [fraction(span.start), fraction(stop)];
  if (right > 0 && left < 1) {
    const label = element("div", "length", spanDuration(span));
    if (right < 0.86) label.style.left = percent(stop);
    else if (left > 0.14) { label.style.left = percent(span.start); label.classList.add("before"); }
    else { label.style.left = `${100 * Math.max(0, left)}%`; label.classList.add("within"); }
    track.append(label);
  }
  return track;
}

function drawTicks() {
  const [start, end] = waterfall.view;
  const origin = waterfall.trace.start;
  // As many as have room for their labels.
  const rough = (end - start) / Math.max(2, Math.min(8, Math.floor(document.getElementById("ticks").clientWidth / 90)));
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => each >= rough);
  const ticks = [];
  for (let time = Math.ceil((start - origin) / step) * step; time <= end - origin; time += step) {
    const tick = element("div", "tick", time === 0 ? "0" : duration(Math.round(time)));
    tick.style.left = percent(origin + time);
    ticks.push(tick);
  }
  document.getElementById("ticks").replaceChildren(...ticks);
  drawLane();
}

function zoom(start, end) {
  if (end - start < 10) return;
  waterfall.view = [start, end];
  drawTicks();
  waterfall.list.refresh();
}

function zoomOut() {
  zoom(waterfall.trace.start, Math.max(waterfall.trace.stop, waterfall.trace.start + 10));
}

function listenForZoom() {
  const ticks = document.getElementById("ticks");
  const timeAt = (event) => {
    const { left, width } = ticks.getBoundingClientRect();
    const [start, end] = waterfall.view;
    return start + (end - start) * Math.min(1, Math.max(0, (event.clientX - left) / width));
  };
  let from = null, mark = null;
  ticks.addEventListener("pointerdown", (event) => {
    if (!waterfall.trace) return;
    from = timeAt(event);
    mark = element("div", "drag");
    ticks.append(mark);
    ticks.setPointerCapture(event.pointerId);
  });
  ticks.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const [start, end] = [from, timeAt(event)].sort((one, other) => one - other);
    mark.style.left = percent(start);
    mark.style.width = `calc(${percent(end)} - ${percent(start)})`;
  });
  ticks.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const [start, end] = [from, timeAt(event)].sort((one, other) => one - other);
    mark.remove();
    from = null;
    if (fraction(end) - fraction(start) > 0.005) zoom(start, end);
  });
  ticks.addEventListener("dblclick", () => waterfall.trace && zoomOut());
}
