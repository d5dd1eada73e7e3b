// What the page shows, and when that was.
const base = BigInt(data.base);

// A span, read from the columns when it is looked at.
class Span {
  constructor(index, start) {
    const { parent } = data.columns;
    this.index = index;
    this.parent = parent[index] === 0 ? -1 : index - parent[index];
    this.start = start;
  }

  get duration() { return data.columns.duration[this.index]; }
  get id() { return data.columns.id.slice(16 * this.index, 16 * this.index + 16); }
  get name() { return textAt("name", this.index); }
  get kind() { return textAt("kind", this.index); }
  get scope() { return textAt("scope", this.index); }
  get process() { return textAt("process", this.index); }
  get hint() { return textAt("hint", this.index); }
  get missing() { return textAt("missing", this.index); }
  get approximate() { return data.columns.approximate[this.index] === 1; }
  get failed() { return data.columns.failed[this.index] === 1; }
  get attributes() { return attributesOf(data.columns.attributes[this.index]); }
  get assist() { return data.columns.assist[this.index]; }
  get dropped() { return data.columns.dropped[this.index]; }

  get anatomy() {
    const some = data.columns.anatomy[this.index];
    if (some === null) return null;
    const times = data.parts.map(() => 0);
    pairs(some).forEach(([part, time]) => { times[part] = time; });
    return times;
  }

  get eventCount() { return data.columns.events[this.index].length; }

  // The first events: of those of a long task, only as many as are looked at are read.
  events(most) {
    const { texts, events } = data.columns;
    return events[this.index].slice(0, most).map(([time, name, attributes]) => ({ time: this.start + time, name: texts[name], attributes: attributesOf(attributes) }));
  }

  get links() {
    return data.columns.links[this.index].map(([id, span]) => ({ id, span }));
  }

  // Whether any of a critical path is in it, and its stretches.
  get isCritical() { return data.columns.critical[this.index].length > 0; }
  get critical() {
    return pairs(data.columns.critical[this.index]).map(([start, length]) => [this.start + start, length]);
  }
}

// Whether anything that is shown is below a span.
function hasInner(index) {
  const { trace, depth } = data.spans[index];
  for (let i = index + 1; data.spans[i]?.trace === trace && data.spans[i].depth > depth; i += 1) {
    if (!waterfall.hidden.has(data.spans[i].kind)) return true;
  }
  return false;
}

function textAt(column, index) {
  const place = data.columns[column][index];
  return place < 0 ? null : data.columns.texts[place];
}

function pairs(row) {
  return row.flatMap((one, place) => (place % 2 === 0 ? [[one, row[place + 1]]] : []));
}

function attributesOf(places) {
  return pairs(places.map((place) => data.columns.texts[place]));
}

data.spans = [];
data.columns.parent.forEach((distance, index) => {
  const span = new Span(index, (data.spans[index - 1]?.start ?? 0) + data.columns.start[index]);
  span.depth = distance === 0 ? 0 : data.spans[span.parent].depth + 1;
  data.spans.push(span);
});

// Which spans somebody came for: what was served before what was asked for, and the runtime's own last.
const ranks = { server: 0, consumer: 0, http: 0, rpc: 0, messaging: 1, task: 1, client: 2, producer: 2, internal: 2, db: 2, sql: 2, function: 2, region: 2, net: 3, tls: 3, range: 4 };

// Numbers of children's spans: they stand behind their parent, deeper than it.
function lastBelow(index, end) {
  const depth = data.spans[index].depth;
  let last = index + 1;
  while (last < end && data.spans[last].depth > depth) last += 1;
  return last;
}

data.traces.forEach((trace, number) => {
  let start = Infinity, stop = -Infinity, failed = false, rank = Infinity, longest = 0, slowest = trace.first;
  const kinds = new Set();
  for (let i = trace.first; i < trace.first + trace.count; i += 1) {
    const span = data.spans[i];
    span.trace = number;
    start = Math.min(start, span.start);
    stop = Math.max(stop, span.start + span.duration);
    failed ||= span.failed;
    // How slow a trace is, is told by the longest of those spans that somebody came for.
    const own = ranks[span.kind] ?? 2;
    if (own < rank || (own === rank && span.duration > longest)) [rank, longest, slowest] = [own, span.duration, i];
    kinds.add(span.kind);
  }
  Object.assign(trace, { start, stop, failed, rank, longest, slowest, kinds, number });
});

// How long a span took, as far as that is known.
function spanDuration(span) {
  return `${span.approximate ? "≈" : ""}${duration(span.duration)}`;
}

// A wall time, UTC, to the microsecond.
function wall(offset, withDay) {
  const time = base + BigInt(Math.round(offset));
  const text = new Date(Number(time / 1000000n)).toISOString();
  const micro = String((time / 1000n) % 1000n).padStart(3, "0");
  return (withDay ? text.slice(0, 10) + " " : "") + text.slice(11, 23) + micro;
}

const partColors = ["running", "runnable", "syscall", "network", "sync", "channel", "select-wait", "sleep", "gc", "other"];

// How a span's time splits, as a bar.
function splitBar(span) {
  const bar = element("div", "split");
  const whole = span.anatomy.reduce((sum, time) => sum + time, 0) || 1;
  span.anatomy.forEach((time, part) => {
    if (time === 0) return;
    const piece = element("i");
    piece.style.width = `${(100 * time) / whole}%`;
    piece.style.setProperty("--part", `var(--${partColors[part]})`);
    bar.append(piece);
  });
  return bar;
}
