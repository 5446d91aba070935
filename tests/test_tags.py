import make_audio
import pytest

from audiosim.sources.tags import Tags, clean_isrc, clean_text, read_tags

NAMES = {"artist": "Björk 🎹", "title": "Jóga", "album": "Homogenic", "genre": "Electronic"}


def with_id3(path, frames):
    """Put an ID3v2.4 tag of UTF-8 text frames before an mp3."""

    def size(n_bytes):
        return bytes([n_bytes >> 21 & 127, n_bytes >> 14 & 127, n_bytes >> 7 & 127, n_bytes & 127])

    texts = {name: b"\x03" + text.encode() for name, text in frames.items()}
    body = b"".join(name.encode() + size(len(text)) + b"\0\0" + text for name, text in texts.items())
    path.write_bytes(b"ID3\x04\x00\x00" + size(len(body)) + body + path.read_bytes())
    return path


@pytest.mark.parametrize("suffix", ["ogg", "flac"])
def test_vorbis_comments(tmp_path, suffix):
    path = make_audio.write_signal(tmp_path / f"a.{suffix}", make_audio.tone(1.5), tags=NAMES)
    assert read_tags(path) == Tags(**NAMES, duration=pytest.approx(1.5, abs=0.01))


def test_id3(tmp_path):
    path = make_audio.write_tone(tmp_path / "a.mp3", 1.5)
    with_id3(path, {"TPE1": NAMES["artist"], "TIT2": "Jóga\0Second", "TCON": "(17)", "TSRC": "GB-AAA-97-00143"})
    tags = read_tags(path)
    assert tags == Tags(NAMES["artist"], "Jóga", genre="Rock", isrc="GBAAA9700143", duration=tags.duration)
    assert tags.duration == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize("suffix", ["m4a", "wma", "mka", "flac"])
def test_tags_by_ffmpeg(tmp_path, suffix):
    signal = make_audio.tone(1.5, sample_rate=44_100, n_channels=2)
    path = make_audio.write_encoded(tmp_path / f"a.{suffix}", signal, tags={**NAMES, "isrc": "GBAAA9700143"})
    tags = read_tags(path)
    if suffix == "mka":
        assert tags == Tags(), "Matroska is read now: give it its tags"
        return
    assert tags.duration == pytest.approx(1.5, abs=0.1)
    isrc = None if suffix == "m4a" else "GBAAA9700143"  # FFmpeg does not write it into MP4
    assert tags == Tags(**NAMES, isrc=isrc, duration=tags.duration)


def test_the_album_artist_stands_in(tmp_path):
    path = make_audio.write_tone(tmp_path / "a.mp3", 0.5)
    assert read_tags(with_id3(path, {"TPE2": "Various"})).artist == "Various"


def test_nothing_is_derived_and_nothing_fails(tmp_path):
    plain = make_audio.write_tone(tmp_path / "Artist - Title.wav", 1.0)
    assert read_tags(plain) == Tags(duration=pytest.approx(1.0))
    for path in (
        tmp_path / "absent.mp3",
        tmp_path,
        make_audio.make_pipe(tmp_path / "pipe.mp3"),
        make_audio.write_empty(tmp_path / "empty.mp3"),
        make_audio.write_empty(tmp_path / "empty.m4a"),
        make_audio.write_text(tmp_path / "text.ogg"),
        make_audio.write_text(tmp_path / "text.xyz"),
        make_audio.write_noise_bytes(tmp_path / "noise.flac"),
        make_audio.write_noise_bytes(tmp_path / "noise.m4a"),
    ):
        assert read_tags(path) == Tags(), path


def test_damage_never_fails(tmp_path, rng):
    for suffix in ("ogg", "flac", "mp3", "wav", "m4a", "wma"):
        path = tmp_path / f"a.{suffix}"
        if suffix in {"m4a", "wma"}:
            make_audio.write_encoded(path, make_audio.tone(0.5, sample_rate=44_100, n_channels=2), tags=NAMES)
        else:
            make_audio.write_signal(path, make_audio.tone(0.5))
        content = bytearray(path.read_bytes())
        for _ in range(40):
            damaged = content.copy()
            for position in rng.integers(0, min(len(content), 400), 6):
                damaged[position] = rng.integers(256)
            path.write_bytes(damaged)
            tags = read_tags(path)
            assert tags.title is None or tags.title.strip() == tags.title != ""
            assert tags.duration is None or tags.duration > 0


def test_text_is_one_clean_line():
    assert clean_text(" a\r\n b\t\x00c") == "a b"
    assert clean_text("\x00second") == "second"
    assert clean_text("\x1b[31mred\x7f\x9b") == "[31mred"
    assert clean_text("lone \udce9") == "lone"
    assert clean_text("👩\u200d🎤") == "👩\u200d🎤", "joiners belong to what they join"
    for nothing in (None, "", " \n", "\0", "\x07"):
        assert clean_text(nothing) is None


def test_isrc_is_one_or_none():
    assert clean_isrc(" us-rc1-76-07839\0other") == "USRC17607839"
    for nothing in (None, "", "USRC1760783", "USRC176078399", "http://example.org", "1SRC17607839"):
        assert clean_isrc(nothing) is None


def test_overriding_keeps_what_is_not_overridden():
    tags = Tags(artist="a", title="t", duration=3.0)
    assert tags.overridden_by(Tags()) == tags
    assert tags.overridden_by(Tags(title="u", isrc="i")) == Tags(artist="a", title="u", duration=3.0, isrc="i")
