#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON Schema says what the reader says: what loads passes it, and what has wrong keys or values does not.

Runs in the build folder: `uplinkctl schema` is what is looked at.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"SKIP: {missing}: install python3-jsonschema and python3-yaml")
    sys.exit(77)

TOP = pathlib.Path(os.environ.get("srcdir", pathlib.Path(__file__).resolve().parent.parent.parent)).resolve()
GOLDEN = TOP / "tests" / "golden"

# What no schema can know, and what Python's reader of YAML makes whole.
NOT_OF_THE_SCHEMA = {
    "by-packet": "it depends on the links", "cycle-of-weights": "a sum", "duplicate-keys": "Python takes the last",
    "folder": "it is the other file", "mail-nobody": "one of two keys",
    "qos-many": "a count", "qos-mixed": "it depends on the link", "qos-no-default": "with classes only", "qos-sum": "a sum",
    "links-missing": "it could be one of policies.d", "marks": "a sum", "merge-key": "Python merges", "tag": "Python understands it",
}
EXAMPLES = [path for path in TOP.glob("policies/*.yaml") if not path.name.endswith(".expect.yaml")]
failures = []


def expect(what, condition, detail=""):
    print("ok  " if condition else "FAIL", what)
    if not condition:
        failures.append(what)
        print(detail)


def as_json(value):
    """Keys of a map are texts in JSON."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


def load(path):
    """Golden prints have marks where a build has its folders."""
    return as_json(yaml.safe_load(re.sub("@[A-Z]+@", "/folder", path.read_text(encoding="utf-8"))))


def faults(checker, document):
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in checker.iter_errors(document)]


def files(folder):
    for entry in sorted((GOLDEN / folder).iterdir()):
        if entry.suffix == ".yaml":
            yield entry.stem, entry
        elif entry.is_dir():
            yield entry.name, entry / "uplinkd.yaml"


def keys_of(schema):
    """Every (place, key) of the maps in a schema."""
    if isinstance(schema, dict):
        for name, item in schema.get("properties", {}).items() if isinstance(schema.get("properties"), dict) else ():
            yield name, item
        for item in schema.values():
            yield from keys_of(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from keys_of(item)


def test_good(checker):
    paths = [*GOLDEN.glob("good/**/[!.]*.yaml"), *GOLDEN.glob("plan/*.yaml"), *GOLDEN.glob("good/*.out"),
             *EXAMPLES, TOP / "contrib" / "uplinkd.yaml"]
    expect("there is something to look at", len(paths) > 10)
    for path in sorted(paths):
        document = load(path)
        found = [] if document is None else faults(checker, document)
        expect(f"{path.relative_to(TOP)} passes", not found, "\n".join(found))


def test_bad(checker):
    refused = 0
    for name, path in files("bad"):
        try:
            found = faults(checker, load(path))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue
        refused += bool(found)
        expect(f"bad/{name} {'passes' if name in NOT_OF_THE_SCHEMA else 'does not pass'}",
               bool(found) != (name in NOT_OF_THE_SCHEMA), "\n".join(found))
    expect("some are refused", refused >= 10, str(refused))


def test_explained(schema):
    for key, item in keys_of(schema):
        if key not in ("class",):
            expect(f"`{key}' is explained", item.get("description"))
    expect("each form has a schema", "(null)" not in json.dumps(schema) and "<" not in json.dumps(schema["properties"]))


def test_examples():
    line = "# yaml-language-server: $schema=/usr/share/uplinkd/schema.json\n"
    for path in [*EXAMPLES, TOP / "contrib" / "uplinkd.yaml"]:
        expect(f"{path.name} names the schema", path.read_text(encoding="utf-8").startswith(line))


def main():
    schema = json.loads(subprocess.run(["./uplinkctl", "schema"], capture_output=True, check=True, timeout=60).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    test_good(checker)
    test_bad(checker)
    test_explained(schema)
    test_examples()
    print(f"{len(failures)} failed")
    return 1 if failures else 0


sys.exit(main())
