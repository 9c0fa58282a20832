#!/usr/bin/env python3
"""Writes what the binary is built of: an SBOM (CycloneDX 1.5) and the texts of all licences.

usage: inventory.py TARGET SBOM LICENCES

Everything comes from `cargo metadata`, Cargo.lock and the sources of the crates; nothing from the network or the clock.
Only crates that the package `etl` is built of are listed: normal and build dependencies for TARGET, none of the tests'.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib
import uuid

NAMES = re.compile(r"(?i)^(un)?(licen[cs]e|copying|copyright|notice)([-_.].*)?$")
# Below this the sources of a crate are not searched: bundled C code lies at most there.
DEPTH = 3


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def packages(target):
    """The root package, all packages that it is built of (sorted), and what each depends on."""
    found = json.loads(run("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    known = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    root, edges = found["resolve"]["root"], {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in edges:
            built = [d for d in nodes[name]["deps"] if any(kind["kind"] != "dev" for kind in d["dep_kinds"])]
            edges[name] = sorted({d["pkg"] for d in built})
            waiting.extend(edges[name])
    order = sorted(edges, key=lambda name: (known[name]["name"], known[name]["version"]))
    return known[root], [known[name] for name in order], edges


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def licence(package):
    """The SPDX expression; old manifests write a slash for OR."""
    return (package["license"] or "").replace("/", " OR ")


def component(package, sums):
    """A component of the SBOM. An Apache-2.0/MIT expression stays an expression."""
    made = {"type": "library", "bom-ref": purl(package), "name": package["name"], "version": package["version"]}
    if package.get("description"):
        made["description"] = " ".join(package["description"].split())
    total = sums.get((package["name"], package["version"]))
    if total:
        made["hashes"] = [{"alg": "SHA-256", "content": total}]
    if licence(package):
        made["licenses"] = [{"expression": licence(package)}]
    made["purl"] = purl(package)
    return made


def sbom(root, all_packages, edges, target):
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())
    sums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    of_id = {package["id"]: purl(package) for package in all_packages}
    main = component(root, sums) | {"type": "application"}
    others = [component(package, sums) for package in all_packages if package["id"] != root["id"]]
    rust = run("rustc", "--version").split()[1]
    others.append({"type": "library", "bom-ref": "rust-std", "name": "rust-std", "version": rust,
                   "description": "The standard library of Rust",
                   "licenses": [{"expression": "MIT OR Apache-2.0"}]})
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
    graph = [{"ref": of_id[name], "dependsOn": [of_id[to] for to in edges[name]]} for name in sorted(edges)]
    body = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"timestamp": moment, "component": main,
                         "properties": [{"name": "etl:target", "value": target}]},
            "components": others, "dependencies": sorted(graph, key=lambda entry: entry["ref"])}
    name = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    body["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, name)}"
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def texts(package):
    """The licence files in a crate's sources, those of bundled C code too."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [path for path in sorted(folder.rglob("*"))
             if NAMES.match(path.name) and path.is_file() and path.suffix not in (".rs", ".c", ".h", ".py")
             and len(path.relative_to(folder).parts) <= DEPTH]
    named = package.get("license_file")
    if named and folder / named not in files and (folder / named).is_file():
        files.append(folder / named)
    return [(str(path.relative_to(folder)), path.read_text(errors="replace").strip() + "\n") for path in files]


def licences(root, all_packages):
    """One text for people: who made what under which licence, and each licence text once."""
    users, none = {}, []
    index = []
    for package in all_packages:
        if package["source"] is None:
            continue
        index.append(f"{package['name']} {package['version']}: {licence(package)}")
        found = texts(package)
        if not found:
            none.append(package)
        for name, text in found:
            users.setdefault(text, []).append(f"{package['name']} {package['version']} ({name})")
    out = ["Licences of what etl is built of", "", *index, "rust-std (the standard library of Rust): MIT OR Apache-2.0", ""]
    if none:
        out += ["These crates come without a licence file. They are taken under Apache-2.0, whose text is below:", ""]
        for package in none:
            if "Apache-2.0" not in licence(package):
                sys.exit(f"{package['name']} has no licence file, and its licence is {licence(package)}: add its text")
            by = ", ".join(package["authors"]) or package["repository"] or "no author named"
            out.append(f"{package['name']} {package['version']}: {licence(package)}, by {by}")
        out.append("")
    for text, names in sorted(users.items(), key=lambda entry: entry[1]):
        out += ["-" * 100, *names, "", text]
    return "\n".join(out)


def main():
    target, sbom_file, licence_file = sys.argv[1:]
    root, found, edges = packages(target)
    pathlib.Path(sbom_file).write_text(sbom(root, found, edges, target))
    pathlib.Path(licence_file).write_text(licences(root, found))


main()
