"""What installs, checks and ships audiosim fits together: Makefile, check, CI, image, pins and pyproject."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
PINS = {name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("cpu", "gpu")}
# As pip's --require-hashes reads it: a requirement over several lines, each but the last ending in a backslash.
PIN = re.compile(
    r"^[A-Za-z0-9._-]+==[^ ;\\]+(?: ; [^\\]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", flags=re.MULTILINE
)


def instructions(path):
    """Instructions of a Dockerfile as (keyword, arguments), continued lines joined, comments gone."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


IMAGE = instructions(ROOT / "Dockerfile.gpu")


def tracked():
    """Files that are, or are about to be, in the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("no git, or no checkout")
    return [path for name in listing.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


# Pins


@pytest.mark.parametrize("name", PINS)
def test_every_requirement_is_pinned_with_hashes_and_names_no_host(name):
    assert PIN.sub("", PINS[name]) == ""
    assert len(PIN.findall(PINS[name])) > 50
    assert not re.search(r"://|^\s*-[a-z]|--(?!hash=)|@", PINS[name], flags=re.MULTILINE)


def pinned(name):
    """Requirements with their exact version, by package."""
    found = {}
    for pin in PIN.findall(PINS[name]):
        requirement = Requirement(pin.partition("\\")[0])
        found.setdefault(requirement.name, []).append(requirement)
    return found


def wanted(*extras):
    groups = PROJECT["project"]["optional-dependencies"]
    texts = [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in groups[extra])]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(("name", "extras"), [("cpu", ("build", "dev")), ("gpu", ("build", "gpu"))])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_pins_satisfy_what_the_project_asks_for(name, extras, python):
    pins = pinned(name)
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    for requirement in wanted(*extras):
        versions = [
            Version(next(iter(pin.specifier)).version)
            for pin in pins.get(requirement.name, [])
            if pin.marker is None or pin.marker.evaluate(environment)
        ]
        assert len(versions) == 1, f"{requirement} has {len(versions)} pins for Python {python}"
        assert requirement.specifier.contains(versions[0], prereleases=True), (
            f"{requirement} is pinned to {versions[0]}"
        )


def test_what_builds_the_package_is_pinned():
    for requirement in map(Requirement, PROJECT["build-system"]["requires"]):
        assert requirement.name in {needed.name for needed in wanted("build")}


def test_the_versions_agree():
    from audiosim import __version__

    assert PROJECT["project"]["version"] == __version__


# The image


def copied():
    """Paths of the repository that the image has."""
    return {part for keyword, text in IMAGE if keyword == "COPY" for part in text.split()[:-1]}


def test_the_image_installs_as_the_makefile_does():
    steps = [text for keyword, text in IMAGE if keyword == "RUN"]
    assert "make .venv REQUIREMENTS=requirements/gpu.txt" in steps
    assert not [step for step in steps if "pip" in step.split()]
    recipe = MAKEFILE[MAKEFILE.index("$(STAMP):") :]
    assert "--require-hashes -r $(REQUIREMENTS)" in recipe
    assert "--no-deps --no-build-isolation --editable ." in recipe


def test_the_image_has_every_file_that_the_installation_reads():
    roots = {Path(package).parts[0] for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    needed = {*roots, "Makefile", "pyproject.toml", PROJECT["project"]["readme"], "requirements"}
    needed |= set(PROJECT["project"]["license-files"])
    assert needed <= copied()
    assert all((ROOT / path).exists() for path in copied())
    keywords = [keyword for keyword, _ in IMAGE]
    install = next(i for i, (_, text) in enumerate(IMAGE) if text.startswith("make .venv"))
    assert max(i for i, keyword in enumerate(keywords) if keyword == "COPY") < install


def test_the_image_runs_audiosim_as_nobody_special():
    by_keyword = dict(IMAGE)  # the last one of each counts
    assert by_keyword["USER"] not in ("root", "0")
    assert by_keyword["ENTRYPOINT"] == '["audiosim"]'
    assert by_keyword["VOLUME"] == '["/music", "/library"]'
    variables = dict(part.split("=", 1) for part in by_keyword["ENV"].split())
    assert variables["AUDIOSIM_LIBRARY"] == "/library"
    workdir = by_keyword["WORKDIR"]
    assert variables["PATH"].split(":")[0] == f"{workdir}/.venv/bin"
    # librosa does not even import where compiled functions can be kept nowhere.
    assert variables["NUMBA_CACHE_DIR"].startswith("/tmp/")


# Checks


def test_ci_runs_what_people_run():
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert ci[-1] == "exec make test"
    assert re.search(r"^test: \.venv\n\t\./check$", MAKEFILE, flags=re.MULTILINE)
    for script in (ROOT / "check", ROOT / ".ci" / "run"):
        assert script.stat().st_mode & 0o111, f"{script} cannot be run"
        assert "set -euo pipefail" in script.read_text()


@pytest.mark.parametrize(
    "command",
    [
        "ruff format --check .",
        "ruff check .",
        "basedpyright",
        "lint-imports",
        "pytest --doctest-modules .*audiosim kernels pipelines",
        "NUMBA_ENABLE_CUDASIM=1 pytest .*gpu.*",
        "pytest -q(?! --doctest).*",
    ],
)
def test_check_runs_every_tool(command):
    assert re.search(rf"^ *{command}$", (ROOT / "check").read_text(), flags=re.MULTILINE)


def test_everything_that_is_imported_is_installed():
    """`make .venv` installs the packages where Python finds them from any folder."""
    assert set(PROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"]) == {".", "kernels", "pipelines"}
    assert PROJECT["project"]["scripts"] == {"audiosim": "audiosim_pipelines.cli:main"}


# What does not belong in a repository


@pytest.mark.parametrize(
    "needle",
    # In halves, so that this file does not hold them itself.
    ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "pypi" + ".org", "python" + "hosted"],
)
def test_no_file_names_a_machine_or_a_registry(needle):
    found = []
    for path in tracked():
        lines = path.read_bytes().splitlines()
        found += [f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(lines, start=1) if needle.encode() in line]
    assert found == []
