"""What a library's public interface names, from the JSON of rustdoc (its format is not stable: tried with 57).

interface.py foreign FILE CRATE...   fails where it names types or traits of other crates than these and Rust's own
interface.py list FILE               prints its items by path, one on each line, sorted
"""

import json
import sys

RUST = {"core", "alloc", "std"}


def main(verb, file, *crates):
    with open(file, encoding="utf-8") as text:
        docs = json.load(text)
    if verb == "list":
        print("\n".join(sorted(set(items(docs)))))
        return 0
    found = foreign(docs)
    for crate in sorted(set(crates) - found.keys()):
        print(f"{file}: no interface names {crate} any more: take it off the list", file=sys.stderr)
    unknown = found.keys() - set(crates)
    for crate in sorted(unknown):
        names = ", ".join(sorted(found[crate]))
        print(f"{file}: the interface names {names}: a new major version of {crate} will be a break", file=sys.stderr)
    return 1 if unknown or set(crates) - found.keys() else 0


def is_written(item):
    """Whether somebody wrote it: the compiler's own implementations follow from the rest."""
    implementation = item["inner"].get("impl", {})
    return not implementation.get("is_synthetic") and not implementation.get("blanket_impl")


def foreign(docs):
    """The paths of other crates that signatures name, by crate."""
    found = {}
    for item in docs["index"].values():
        if item["crate_id"] != 0 or not is_written(item):
            continue
        for number in named(item["inner"]):
            path = docs["paths"].get(str(number))
            if path and path["crate_id"] != 0 and path["path"][0] not in RUST:
                found.setdefault(path["path"][0], set()).add("::".join(path["path"]))
    return found


def named(part):
    """The ids of all types and traits in a part of an item."""
    if isinstance(part, dict):
        # A path to a type or trait; children are plain numbers in lists.
        if isinstance(part.get("id"), int):
            yield part["id"]
        for inner in part.values():
            yield from named(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from named(inner)


def items(docs):
    """The path and kind of everything that a program can name."""
    root = docs["index"][str(docs["root"])]
    yield from below(docs, root, root["name"], frozenset())


def below(docs, item, path, above):
    (kind, inner), = item["inner"].items()
    if kind == "use":
        target = docs["index"].get(str(inner["id"]))
        here = path.rpartition("::")[0] if inner["is_glob"] else path
        if target is None:
            yield f"{path} = {inner['source']}"
        elif inner["id"] not in above:
            yield from below(docs, target, here, above | {inner["id"]})
        return
    yield f"{path} ({kind})"
    for implementation in implementations(docs, inner):
        if implementation["trait"] is not None:
            yield f"{path}: {implementation['trait']['path']}"
    for child in children(docs, kind, inner):
        name = child["name"] or child["inner"].get("use", {}).get("name")
        if name:
            yield from below(docs, child, f"{path}::{name}", above)


def children(docs, kind, inner):
    numbers = list(inner.get("items", [])) + list(inner.get("variants", []))
    if kind == "struct" and "plain" in inner["kind"]:
        numbers += inner["kind"]["plain"]["fields"]
    for implementation in implementations(docs, inner):
        if implementation["trait"] is None:
            numbers += implementation["items"]
    return filter(None, (docs["index"].get(str(number)) for number in numbers))


def implementations(docs, inner):
    found = filter(None, (docs["index"].get(str(number)) for number in inner.get("impls", [])))
    return [item["inner"]["impl"] for item in found if is_written(item)]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
