#!/usr/bin/env python3
"""Holds a software bill of materials (CycloneDX, JSON) to what cargo builds.

    tests/sbom.py BOM TARGET

Every package that the program of TARGET is built of must stand in it, with name, version, licence, package URL and the
checksum of the lock file, and the graph must lead to each of them; nothing else may stand in it.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path


def built(target):
    """Packages by id of which the program is built, tests left out; and the root's id."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", "--all-features", f"--filter-platform={target}"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    reached, ahead = set(), [root]
    while ahead:
        found = ahead.pop()
        if found in reached:
            continue
        reached.add(found)
        for dependency in nodes[found]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                ahead.append(dependency["pkg"])
    return {id: packages[id] for id in reached}, root


def complaints(bom, target):
    if bom.get("bomFormat") != "CycloneDX" or not re.fullmatch(r"1\.[3-9]", bom.get("specVersion", "")):
        yield f"no CycloneDX of a version that is known: {bom.get('bomFormat')} {bom.get('specVersion')}"
    packages, root = built(target)
    own = packages.pop(root)
    subject = bom["metadata"]["component"]
    if (subject["name"], subject["version"]) != (own["name"], own["version"]):
        yield f"it is about {subject['name']} {subject['version']}"
    locked = tomllib.loads(Path("Cargo.lock").read_text())["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in locked}
    components = {(one["name"], one["version"]): one for one in bom["components"]}
    wanted = {(package["name"], package["version"]) for package in packages.values()}
    yield from (f"{name} {version} is missing" for name, version in sorted(wanted - components.keys()))
    yield from (f"{name} {version} is not built" for name, version in sorted(components.keys() - wanted))
    for name, version in sorted(wanted & components.keys()):
        one = components[name, version]
        if not one.get("purl", "").startswith(f"pkg:cargo/{name}@{version}"):
            yield f"{name} {version} has the package URL {one.get('purl')}"
        licences = one.get("licenses", [])
        if not all(licence.get("expression") or licence.get("license") for licence in licences) or not licences:
            yield f"{name} {version} has no licence"
        hashes = [sum["content"] for sum in one.get("hashes", []) if sum["alg"] == "SHA-256"]
        if hashes != [checksums[name, version]]:
            yield f"{name} {version} has the checksums {hashes}"
    graph = {node["ref"]: node.get("dependsOn", []) for node in bom["dependencies"]}
    reached, ahead = set(), [subject["bom-ref"]]
    while ahead:
        found = ahead.pop()
        if found not in reached:
            reached.add(found)
            ahead.extend(graph.get(found, []))
    for (name, version), one in sorted(components.items()):
        if one["bom-ref"] not in reached:
            yield f"nothing leads to {name} {version}"


def main():
    path, target = sys.argv[1:]
    bom = json.loads(Path(path).read_text())
    found = list(complaints(bom, target))
    for complaint in found:
        print(f"{path}: {complaint}")
    if found:
        return 1
    print(f"{path}: {len(bom['components'])} components of {target}, CycloneDX {bom['specVersion']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
