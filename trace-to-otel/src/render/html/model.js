// What the page shows, and how times and foreign texts are written.
const data = JSON.parse(document.getElementById("data").textContent);
const base = BigInt(data.base);

// Numbers of children's spans: they stand behind their parent, deeper than it.
function lastBelow(index, end) {
  const depth = data.spans[index].depth;
  let last = index + 1;
  while (last < end && data.spans[last].depth > depth) last += 1;
  return last;
}

data.traces.forEach((trace, number) => {
  let start = Infinity, stop = -Infinity, failed = false;
  for (let i = trace.first; i < trace.first + trace.count; i += 1) {
    const span = data.spans[i];
    span.trace = number;
    start = Math.min(start, span.start);
    stop = Math.max(stop, span.start + span.duration);
    failed ||= span.failed;
  }
  Object.assign(trace, { start, stop, failed, number });
});

// Three digits and a unit.
function duration(nanoseconds) {
  for (const [unit, name] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (nanoseconds >= unit * 0.9995) {
      const value = nanoseconds / unit;
      return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${name}`;
    }
  }
  return `${nanoseconds} ns`;
}

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

// Characters that hide, or change the direction of what stands beside them, as escapes.
function visible(text) {
  const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
  return String(text).replace(hidden, (one) => `\\u{${one.charCodeAt(0).toString(16)}}`);
}

// An element. Texts become text nodes, never markup.
function element(name, classes, ...children) {
  const node = document.createElement(name);
  if (classes) node.className = classes;
  node.append(...children.filter((child) => child !== null));
  return node;
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
