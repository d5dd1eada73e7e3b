// Draws a flame graph, as far as it is in view.
const flame = { profile: null, span: null, rows: [], top: null, chosen: null, found: new Set(), matches: [], box: document.getElementById("flame-graph") };
const FLAME_ROW = 20;
// What is narrower could not be told from what is beside it.
const NARROWEST = 3;

function amount(weight) {
  return flame.profile.unit === "nanoseconds" ? duration(weight) : `${weight.toLocaleString("en")} ${flame.profile.unit}`;
}

function share(weight) {
  return `${((100 * weight) / Math.max(1, flame.rows[0][0].total)).toFixed(2)} %`;
}

function drawFlame() {
  const { rows, box } = flame;
  const room = box.firstElementChild;
  const first = Math.max(0, Math.floor(box.scrollTop / FLAME_ROW) - 2);
  const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / FLAME_ROW) + 2);
  const drawn = [];
  for (const row of rows.slice(first, last)) drawFlameRow(row, box.clientWidth, drawn);
  room.style.height = `${rows.length * FLAME_ROW}px`;
  room.replaceChildren(...drawn);
  if (flame.chosen) box.setAttribute("aria-activedescendant", idOf(flame.chosen));
}

function drawFlameRow(row, width, drawn) {
  const { start, total } = flame.top;
  const scale = width / Math.max(1, total);
  // A run of boxes that are too narrow, as one.
  let run = null;
  const close = () => {
    if (run !== null && run.width >= 1) drawn.push(place(element("div", "box narrow"), run));
    run = null;
  };
  for (let i = firstBehind(row, start); i < row.length && row[i].start < start + total; i += 1) {
    const box = row[i];
    const left = Math.max(0, (box.start - start) * scale);
    const right = Math.min(width, (box.start + box.total - start) * scale);
    const at = { left, width: right - left, depth: box.depth };
    if (at.width >= NARROWEST || box === flame.chosen) {
      close();
      drawn.push(place(drawBox(box, at.width), at));
    } else if (run !== null && left - run.left - run.width < 1) {
      run.width = right - run.left;
    } else {
      close();
      run = at;
    }
  }
  close();
}

function place(node, { left, width, depth }) {
  node.style.left = `${left}px`;
  node.style.width = `${Math.max(1, width - 0.5)}px`;
  node.style.top = `${depth * FLAME_ROW}px`;
  return node;
}

function idOf(box) {
  return `flame-${box.depth}-${box.place}`;
}

function drawBox(box, width) {
  const name = visible(box.name);
  const node = element("div", `box ${sortOf(box)}`, width < 30 ? "" : element("span", "foreign", withoutPath(name)));
  node.id = idOf(box);
  node.dataset.depth = box.depth;
  node.dataset.place = box.place;
  node.style.setProperty("--shade", shadeOf(box.name));
  node.classList.toggle("found", flame.found.has(box));
  node.classList.toggle("dull", flame.found.size > 0 && !flame.found.has(box));
  node.classList.toggle("above", box.depth < flame.top.depth);
  node.classList.toggle("chosen", box === flame.chosen);
  node.setAttribute("role", "treeitem");
  node.setAttribute("aria-level", String(box.depth + 1));
  node.setAttribute("aria-selected", String(box === flame.chosen));
  node.setAttribute("aria-label", `${name}, ${amount(box.total)}, ${share(box.total)}`);
  return node;
}

function boxAt(target) {
  const node = target.closest("[data-depth]");
  return node === null ? null : flame.rows[node.dataset.depth][node.dataset.place];
}

function isInView(box) {
  const { start, total, depth } = flame.top;
  return box.depth <= depth ? box.start <= start && box.start + box.total >= start + total : box.start >= start && box.start + box.total <= start + total;
}

function zoomTo(box) {
  flame.top = box;
  document.getElementById("flame-out").disabled = box.caller === null;
  chooseBox(box);
}

// Shows a box wherever it is.
function chooseBox(box) {
  if (!isInView(box)) flame.top = flame.rows[0][0];
  flame.chosen = box;
  const top = box.depth * FLAME_ROW, graph = flame.box;
  if (top < graph.scrollTop) graph.scrollTop = top;
  else if (top + FLAME_ROW > graph.scrollTop + graph.clientHeight) graph.scrollTop = top + FLAME_ROW - graph.clientHeight;
  showBox(box);
  drawFlame();
}

function showBox(box) {
  const facts = [["with all that it calls", `${amount(box.total)}  ${share(box.total)}`], ["of it by itself", `${amount(box.own)}  ${share(box.own)}`]];
  const parts = [element("h2", "foreign", visible(box.name)), boxTable(facts)];
  if (box.file) {
    const lines = [...box.lines].sort((one, other) => one - other);
    parts.push(element("h3", "", "Source"), element("p", "foreign", visible(box.file) + (lines.length > 0 ? `:${lines.slice(0, 20).join(", ")}${lines.length > 20 ? ", …" : ""}` : "")));
  }
  const callees = [...box.callees.values()];
  if (callees.length > 0) parts.push(element("h3", "", `Calls (${callees.length})`), linkTable(callees.slice(0, 20)));
  const callers = [];
  for (let { caller } = box; caller !== null; { caller } = caller) callers.push(caller);
  if (callers.length > 0) parts.push(element("h3", "", "Called by"), linkTable(callers));
  document.getElementById("flame-details").replaceChildren(...parts);
}

function boxTable(pairs) {
  return element("table", "", element("tbody", "", ...pairs.map(([what, text]) => element("tr", "", element("td", "", what), element("td", "number", text)))));
}

function linkTable(boxes) {
  const rows = boxes.map((box) => {
    const link = element("a", "foreign", visible(box.name));
    link.tabIndex = 0;
    link.setAttribute("role", "button");
    link.addEventListener("click", () => chooseBox(box));
    link.addEventListener("keydown", (event) => event.key === "Enter" && chooseBox(box));
    return element("tr", "", element("td", "", link), element("td", "number", amount(box.total)));
  });
  return element("table", "links", element("tbody", "", ...rows));
}

function showBoxTip(box, event) {
  const tip = document.getElementById("flame-tip");
  tip.replaceChildren(element("b", "foreign", visible(box.name)), element("div", "", `${amount(box.total)}, ${share(box.total)}`));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
}
