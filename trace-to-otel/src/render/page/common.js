// What all pages need: their data, and how durations and foreign texts are written.
const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (character) => character.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
const data = await new Response(unpacked).json();
document.getElementById("notes").hidden = true;

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
