"""Names what a file's clang-tidy result depends on, so that tools/lint can remember clean files.

lint_keys.py <root> <lint build dir> <files...>: prints `key<TAB>file` per file. The key is a digest of
the checker's version, its checks, the compile command, and the text of the file and of every header
of this project it includes, as the dependency logs of the ordinary builds know them. A file that no
build has compiled, or that changed its includes since, has no key (`-`).
"""

import hashlib
import json
import os
import subprocess
import sys

root, lint_dir, *files = sys.argv[1:]


def text_of(path, known={}):
    if path not in known:
        try:
            with open(path, "rb") as f:
                known[path] = hashlib.sha256(f.read()).digest()
        except OSError:
            known[path] = None
    return known[path]


def dependencies():
    """source -> set of its files, from every build folder, the one built last first."""
    logs = []
    builds = os.path.join(root, "build")
    for name in os.listdir(builds) if os.path.isdir(builds) else []:
        log = os.path.join(builds, name, ".ninja_deps")
        if os.path.exists(log):
            logs.append((os.path.getmtime(log), os.path.join(builds, name)))
    out = {}
    for _, directory in sorted(logs, reverse=True):
        answer = subprocess.run(
            ["ninja", "-C", directory, "-t", "deps"], capture_output=True, text=True, check=False
        )
        block = []
        for line in answer.stdout.splitlines() + [""]:
            if line.startswith("    "):
                block.append(os.path.normpath(os.path.join(directory, line.strip())))
            elif not line.startswith("ninja:"):
                if block and not line.strip():
                    out.setdefault(block[0], set(block))
                    block = []
                elif not line.strip().endswith("(VALID)"):
                    block = []
    return out


def base_digest():
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(version)
    for name in (".clang-tidy", "cmake/pch/std.hpp", "cmake/pch/caf.hpp", "cmake/pch/net.hpp"):
        digest.update(text_of(os.path.join(root, name)) or b"-")
    return digest.digest()


with open(os.path.join(lint_dir, "compile_commands.json"), encoding="utf-8") as f:
    commands = {x["file"]: x["command"].replace(root, "") for x in json.load(f)}
depends = dependencies()
base = base_digest()
for file in files:
    key = hashlib.sha256(base)
    key.update(commands.get(file, "").encode())
    texts = [text_of(x) for x in sorted(depends.get(file, ())) if x.startswith(root + "/")]
    if not texts or None in texts:
        print("-", file, sep="\t")
        continue
    for text in texts:
        key.update(text)
    if file.startswith(os.path.join(root, "tests", "")):
        key.update(text_of(os.path.join(root, "tests", ".clang-tidy")) or b"")
    print(key.hexdigest(), file, sep="\t")
