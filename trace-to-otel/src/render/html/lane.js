// What the runtime did meanwhile: garbage collections, and when the world was stopped, over the waterfall.
const lane = { box: document.getElementById("lane"), ranges: [] };

// A garbage collection, a stop of the world, or whatever else keeps goroutines from their work.
function sortOfRange(name) {
  if (name.startsWith("stop-the-world")) return "stopped";
  return name === "GC concurrent mark phase" ? "collection" : "other";
}

function openLane() {
  const { names, name, process, start, duration } = data.lane;
  let time = 0;
  lane.ranges = start.map((since, place) => {
    time += since;
    return { name: names[name[place]], sort: sortOfRange(names[name[place]]), process: data.processes[process[place]], start: time, stop: time + duration[place] };
  });
  const isEmpty = lane.ranges.length === 0 || data.spans.length === 0;
  document.getElementById("lane-row").hidden = isEmpty;
  if (isEmpty) return;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawLane);
  const tip = document.getElementById("tip");
  lane.box.addEventListener("mousemove", (event) => {
    const { left, width } = lane.box.getBoundingClientRect();
    const [start, end] = waterfall.view;
    const at = start + ((end - start) * (event.clientX - left)) / width;
    // As wide as a finger's pixel on each side.
    const near = (2 * (end - start)) / width;
    const under = rangesOfTrace().filter((range) => range.start - near <= at && range.stop + near >= at);
    tip.hidden = under.length === 0;
    const lines = under.slice(0, 8).map((range) => element("div", "", `${visible(range.name)}, ${lengthOf(range)}`));
    tip.replaceChildren(...lines, under.length > 8 ? `and ${under.length - 8} more` : "");
    if (!tip.hidden) placeTip(tip, event);
  });
  lane.box.addEventListener("mouseleave", () => { tip.hidden = true; });
}

function lengthOf(range) {
  return duration(range.stop - range.start);
}

// Those of the processes that the trace has spans of: of one process alone, spans do not say which it is.
function rangesOfTrace() {
  const { trace } = waterfall;
  if (trace === null || data.processes.length < 2) return lane.ranges;
  trace.processes ??= new Set(spansOf(trace).map((span) => span.process));
  return lane.ranges.filter((range) => trace.processes.has(range.process));
}

function drawLane() {
  const { box } = lane;
  const ranges = rangesOfTrace();
  if (lane.ranges.length === 0 || waterfall.trace === null) return;
  const scale = devicePixelRatio || 1;
  const width = (box.width = Math.round(box.clientWidth * scale));
  const height = (box.height = Math.round(box.clientHeight * scale));
  const [from, to] = waterfall.view;
  const style = getComputedStyle(box);
  const pen = box.getContext("2d");
  const rows = { collection: [0, 1, "--gc-lane"], other: [0.55, 0.45, "--runnable"], stopped: [0, 1, "--error"] };
  const inView = ranges.filter((range) => range.stop >= from && range.start <= to);
  // What stops everything is drawn over what goes on beside the program.
  for (const [sort, [top, part, colour]] of Object.entries(rows)) {
    pen.fillStyle = style.getPropertyValue(colour);
    for (const range of inView.filter((each) => each.sort === sort)) {
      const left = (width * (range.start - from)) / (to - from);
      const right = (width * (range.stop - from)) / (to - from);
      pen.fillRect(left, top * height, Math.max(scale, right - left), part * height);
    }
  }
  const count = (sort) => inView.filter((range) => range.sort === sort).length;
  const [collections, stops] = [count("collection"), count("stopped")];
  box.setAttribute("aria-label", `${collections} garbage collection${collections === 1 ? "" : "s"}, ${stops} stop${stops === 1 ? "" : "s"} of the world meanwhile`);
}
