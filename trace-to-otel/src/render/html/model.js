// What the page shows, and when that was.
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
