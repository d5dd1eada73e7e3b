#!/usr/bin/env python3
"""No module of a library knows one that knows it, be it by way of others, but for its own parts; and each is imported from where it is.

circles.py DIRECTORY...    the crates' directories

What a module knows is read from its paths that begin with `crate`, `super` or `self`, without comments and unit tests. That a module
names its own parts by their names counts for nothing: they are of one room, and may know what is in it.
"""

import re
import sys
from pathlib import Path

TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[.*\]\n)*mod \w+ \{.*?^\}\n", re.MULTILINE | re.DOTALL)
INNER = re.compile(r"^(?:pub(?:\([^)]*\))? )?mod \w+ \{.*?^\}\n", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"//.*")
USE = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?use ((?:crate|super|self)\b[^;]*);", re.MULTILINE)
PATH = re.compile(r"\b(?:crate|super)(?:::\w+)+")


def modules(source):
    """Each file of a crate by its path of modules; that of `lib.rs` is empty."""
    found = {}
    for file in source.rglob("*.rs"):
        *folders, name = file.relative_to(source).with_suffix("").parts
        found[tuple(folders) if name in ("mod", "lib") else (*folders, name)] = file
    return found


def leaves(tree):
    """The paths of a `use`: `a::{b, c::d}` is `a::b` and `a::c::d`."""
    depth, part = 0, ""
    for character in tree + ",":
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            head, brace, inner = part.strip().partition("{")
            if brace:
                yield from (head + leaf for leaf in leaves(inner.rstrip()[:-1]))
            elif head:
                yield head.split(" as ")[0].strip()
            part = ""
        else:
            part += character


def known(module, text, all_modules):
    """The modules that a module knows."""
    text = COMMENT.sub("", TESTS.sub("", text))
    # Above a module within the file is the file.
    text = INNER.sub(lambda inner: inner.group().replace("super::", "self::"), text)
    uses = [leaf for tree in USE.findall(text) for leaf in leaves(" ".join(tree.split()))]
    for path in uses + PATH.findall(USE.sub("", text)):
        base, parts = list(module), path.replace(" ", "").split("::")
        while parts and parts[0] in ("crate", "super", "self"):
            base = {"crate": [], "super": base[:-1], "self": base}[parts.pop(0)]
        target = tuple(base + parts)
        while target not in all_modules:
            target = target[:-1]
        if target != module:
            yield target


def circle(graph):
    """A way from a module back to it, if there is one."""
    done = set()

    def follow(module, way):
        if module in way:
            return way[way.index(module):] + [module]
        if module in done:
            return None
        found = next(filter(None, (follow(next_one, way + [module]) for next_one in sorted(graph[module]))), None)
        done.add(module)
        return found

    return next(filter(None, (follow(module, []) for module in sorted(graph))), None)


def check(directory):
    all_modules = modules(Path(directory) / "src")
    if () not in all_modules:
        yield "there is no src/lib.rs"
        return
    graph = {module: set(known(module, file.read_text(), all_modules)) for module, file in all_modules.items()}
    name = lambda module: "::".join(("crate", *module))
    for module in sorted(graph):
        if module and () in graph[module]:
            yield f"{name(module)} imports something by way of lib.rs: import it from the module that has it"
    graph[()] = set()
    if way := circle(graph):
        yield "a circle: " + " -> ".join(map(name, way))


problems = [f"{directory}: {problem}" for directory in sys.argv[1:] for problem in check(directory)]
print("\n".join(problems) or f"no circle in {', '.join(sys.argv[1:])}")
sys.exit(1 if problems or len(sys.argv) < 2 else 0)
