"""What is light stays light: neither importing audiosim nor asking for help loads what takes seconds to load."""

import subprocess
import sys

import pytest
from make_library import ENVIRONMENT

HEAVY = (
    *("tensorflow", "keras", "jax", "numba", "librosa", "zarr", "pandas", "dask", "distributed", "xarray", "scipy"),
    *("scipy.stats", "sklearn", "matplotlib", "jinja2", "pyloudnorm"),
)


def loaded_by(statements, *arguments):
    """Heavy packages in a process of its own after the statements."""
    report = f"\nprint('loaded:', *sorted(set(sys.modules) & set({HEAVY!r})))"
    outcome = subprocess.run(
        [sys.executable, "-c", f"import sys\ntry:\n    {statements}\nexcept SystemExit:\n    pass{report}", *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return outcome.stdout.rpartition("loaded:")[2].split()


def test_importing_audiosim_loads_nothing_heavy():
    assert loaded_by("import audiosim; audiosim.__version__") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["export", "matrix", "--help"],
        ["features", "show", "--help"],
        ["report", "--help"],
        ["--version"],
    ],
)
def test_help_loads_nothing_heavy(arguments):
    assert loaded_by("from audiosim_pipelines.cli import main; main()", *arguments) == []


def test_questions_load_neither_keras_nor_dask(odd_library):
    ask = "from audiosim_pipelines.cli import main; main()"
    slow = {"tensorflow", "keras", "jax", "librosa", "distributed", "scipy.stats"}
    for arguments in (["nearest", "Übung"], ["status"]):
        assert not slow & set(loaded_by(ask, *arguments, "--library", str(odd_library)))


def test_comparing_loads_what_it_needs():
    """And not the half of scipy, which takes as long as all the rest."""
    loaded = loaded_by("import audiosim_pipelines.compare")
    assert {"zarr", "distributed"} <= set(loaded)
    assert not {"scipy.stats", "tensorflow", "matplotlib", "sklearn"} & set(loaded)


def test_a_misspelled_name_of_the_package_is_an_attribute_error():
    import audiosim

    with pytest.raises(AttributeError, match="module 'audiosim' has no attribute 'Libary'"):
        audiosim.Libary  # noqa: B018 - the access is what fails


def test_what_is_asked_of_the_package_is_there():
    assert loaded_by("import audiosim; audiosim.Library.open").count("tensorflow") == 0
