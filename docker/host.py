"""What a root is lent of this machine so that it reaches the network as the machine does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict

#: Name a file of trusted certificates.
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")


def mirror(archive: str, settings: Path = Path("/etc/apt")) -> str:
    """Where this machine's apt gets an archive (`debian`, `debian-security`), else Debian's own address."""
    files = [settings / "sources.list", *sorted((settings / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix in (".list", ".sources") and file.is_file():
            lines = re.sub("#.*", "", file.read_text())
            found = re.search(r"https?://\S+/%s(?=/?\s)" % archive, lines)
            if found:
                return found[0]
    return "http://deb.debian.org/" + archive


def lend_settings(root: Path) -> Dict[str, str]:
    """Copy name servers, apt's and pip's settings and certificates; return the environment to go with them."""
    for name in ("/etc/resolv.conf", "/etc/hosts"):
        _copy(Path(name), root)
    for name in ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf"):
        _copy(Path(name).expanduser(), root)
    if shutil.which("apt-config"):
        settings = subprocess.check_output(["apt-config", "dump"], text=True).splitlines()
        network = r"Acquire::(Check-|https?::|ftp::|Retries)"
        kept = [line for line in settings if re.match(network, line)]
        (root / "etc/apt/apt.conf.d/99host").write_text("\n".join(kept) + "\n")
    names = r"(https?|ftp|no|all)_proxy|PIP_\w+"
    env = {name: value for name, value in os.environ.items() if re.fullmatch(names, name, re.I)}
    for name in CERTIFICATES:
        bundle = Path(os.environ.get(name, ""))
        if bundle.is_file():
            # Not at its own path: the package ca-certificates would write over it.
            env[name] = "/etc/host-%s.pem" % name
            shutil.copyfile(bundle, root / env[name].lstrip("/"))
    return env


def _copy(file: Path, root: Path) -> None:
    if file.is_file():
        target = root / str(file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
