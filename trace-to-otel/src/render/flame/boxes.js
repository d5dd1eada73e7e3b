// The boxes of a flame graph, of the samples of a profile.

// Calls of a function from the same one are one box, on whatever lines they are. Of a span, those of its descendants too.
function growBoxes(profile, span) {
  const { texts, frames } = data.flame;
  const root = newBox(null, "all", "");
  const boxes = [root];
  for (const [parent, frame] of profile.nodes) {
    const [name, file, line] = frames[frame];
    const callees = boxes[parent].callees;
    const key = `${name} ${file}`;
    if (!callees.has(key)) callees.set(key, newBox(boxes[parent], texts[name], texts[file]));
    const box = callees.get(key);
    if (line > 0) box.lines.add(line);
    boxes.push(box);
  }
  for (const [node, weight] of span === null ? profile.samples : samplesOf(profile, span)) {
    boxes[node].own += weight;
    for (let box = boxes[node]; box !== null; box = box.caller) box.total += weight;
  }
  return root;
}

function samplesOf(profile, span) {
  const end = lastBelow(span, data.spans.length);
  return profile.of_spans.filter(([, , place]) => place >= span && place < end);
}

function newBox(caller, name, file) {
  return { caller, name, file, lines: new Set(), callees: new Map(), own: 0, total: 0, start: 0, depth: caller === null ? 0 : caller.depth + 1, place: 0 };
}

// Row by row, callers above those that they call, which stand in the order of their weights.
function layOutBoxes(root) {
  const rows = [];
  for (let row = [root]; row.length > 0; row = row.flatMap((box) => [...box.callees.values()])) {
    rows.push(row);
    row.forEach((box, place) => {
      box.place = place;
      const callees = [...box.callees].filter(([, callee]) => callee.total > 0).sort(([, one], [, other]) => other.total - one.total);
      let { start } = box;
      for (const [, callee] of callees) {
        callee.start = start;
        start += callee.total;
      }
      box.callees = new Map(callees);
    });
  }
  return rows;
}

// The first box of a row that ends behind a point.
function firstBehind(row, point) {
  let [low, high] = [0, row.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row[middle].start + row[middle].total > point) high = middle;
    else low = middle + 1;
  }
  return low;
}

// A function's name before its receiver and its type arguments, which may hold slashes and dots of their own.
function headOf(name) {
  return name.split(/[[(]/, 1)[0];
}

function packageOf(name) {
  const head = headOf(name);
  const dot = head.indexOf(".", head.lastIndexOf("/") + 1);
  return dot < 0 ? head : head.slice(0, dot);
}

function withoutPath(name) {
  return name.slice(headOf(name).lastIndexOf("/") + 1);
}

// Whose a function is.
function sortOf({ name, file, caller }) {
  if (caller === null || /^\[.*\]$/.test(name)) return "reason";
  const place = packageOf(name);
  const isStandard = !place.split("/")[0].includes(".") && (file.includes(`/src/${place}/`) || file.startsWith(`${place}/`));
  return isStandard ? "standard" : "own";
}

// From 0 to 1, the same for all functions of a package.
function shadeOf(name) {
  let number = 7;
  for (const character of packageOf(name)) number = (31 * number + character.codePointAt(0)) % 9973;
  return number / 9973;
}
