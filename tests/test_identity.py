import hashlib
import threading

import make_audio
import pytest

from audiosim.errors import AudioError
from audiosim.sources.identity import file_digest


def test_the_digest_is_that_of_the_bytes(tmp_path):
    for content in (b"", b"abc", bytes(3_000_001)):
        path = tmp_path / "any name"
        path.write_bytes(content)
        assert file_digest(path) == hashlib.sha256(content).hexdigest()


def test_names_do_not_matter_and_bytes_do(tmp_path):
    paths = make_audio.write_weird_names(tmp_path)
    assert len({file_digest(path) for path in paths}) == len(paths)
    before = file_digest(paths[0])
    assert file_digest(paths[0].rename(tmp_path / "moved.ogg")) == before


def test_what_cannot_be_read_says_why(tmp_path):
    with pytest.raises(AudioError, match="cannot be read: No such file"):
        file_digest(tmp_path / "absent")
    for path in (tmp_path, make_audio.make_pipe(tmp_path / "pipe")):
        with pytest.raises(AudioError, match="no regular file"):
            file_digest(path)
    assert threading.active_count() >= 1
