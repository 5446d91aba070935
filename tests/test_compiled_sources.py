"""Sources as they were imported: an edit after that is noticed."""

import subprocess
import sys
import time

from audiosim_kernels import compiled_sources


def test_sources_that_were_edited_after_their_import_have_no_digest(tmp_path, monkeypatch):
    """What runs is then not what the files say; nor is it if somebody has put the old text back."""
    source = tmp_path / "kernel.py"
    source.write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(compiled_sources, "_FOLDER", tmp_path)
    monkeypatch.setattr(compiled_sources, "_AT_IMPORT", compiled_sources._stamps())
    compiled_sources._digest.cache_clear()
    try:
        before = compiled_sources.digest()
        assert before is not None
        time.sleep(0.02)  # the clock of a file system ticks a few hundred times a second
        source.write_text("x = 2\n", encoding="utf-8")
        assert compiled_sources.digest() is None
        source.write_text("x = 1\n", encoding="utf-8")
        assert compiled_sources.digest() is None
        monkeypatch.setattr(compiled_sources, "_AT_IMPORT", compiled_sources._stamps())
        assert compiled_sources.digest() == before
        monkeypatch.setattr(compiled_sources, "_AT_IMPORT", ())  # imported from an archive
        assert compiled_sources.digest() is None
    finally:
        compiled_sources._digest.cache_clear()


def test_sources_are_seen_before_any_of_them_is_imported():
    """Else an edit between the two would go unseen."""
    script = "import sys, audiosim_kernels; print(next(n for n in sys.modules if n.startswith('audiosim_kernels.')))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert found == "audiosim_kernels.compiled_sources"
