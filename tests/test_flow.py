"""The whole way on real music over loopback: new releases, fetched and audited, and what is near and far rated."""

import csv
import json

import fake_spotdl
import pytest
from loopback import Answer, Loopback
from make_library import audiosim

from audiosim.sources.spotdl_file import Song, song_list_text

N_KNOWN, N_NEW, N_PLAYED = 16, 7, 4
WRONG = 2  # which of the new releases arrives as another recording than it should


@pytest.fixture(scope="module")
def clips(shared_data):
    """Rows about real tracks with their files, one an artist in turn so that the first of them differ."""
    folder = shared_data / "music"
    with (folder / "tracks.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "dev"]
    by_artist = {}
    for row in rows:
        by_artist.setdefault(row["artist"], []).append(row)
    turns = [
        row
        for turn in range(max(map(len, by_artist.values())))
        for of in by_artist.values()
        for row in of[turn : turn + 1]
    ]
    return [{**row, "path": folder / row["file"]} for row in turns]


@pytest.fixture
def services(clips):
    """ListenBrainz, which lists the new releases, and what spotdl asks."""
    new = clips[N_KNOWN : N_KNOWN + N_NEW]
    with Loopback() as server:
        releases = [
            {
                "artist_credit_name": row["artist"],
                "release_name": row["title"],
                "release_date": "2026-11-19",
                "release_group_primary_type": "Single",
                "release_tags": [row["style"]],
            }
            for row in new
        ]
        server.answers["/1/explore/fresh-releases/"] = Answer({"payload": {"releases": releases}})
        songs = {
            f"{row['artist']} - {row['title']}": Song(
                row["title"],
                (row["artist"],),
                duration=90.0 if i == WRONG else float(row["clip_duration_s"]),
                song_id=f"{i:022d}",
                url=f"https://open.spotify.com/track/{i:022d}",
            )
            for i, row in enumerate(new)
        }
        files = {song.song_id: row["path"].read_bytes() for song, row in zip(songs.values(), new, strict=True)}
        server.answers["/search"] = lambda asked: Answer(song_list_text([songs[asked.query["q"][0]]]))
        server.answers["/audio"] = lambda asked: Answer(files[asked.query["id"][0]])
        yield server


def test_from_new_releases_to_ratings(clips, services, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "AUDIOSIM_ONLINE_LISTENBRAINZ_URL": services.url,
        "AUDIOSIM_FETCH_COMMAND": fake_spotdl.command(),
        "AUDIOSIM_FETCH_FORMAT": "ogg",
        "FAKE_SPOTDL_URL": services.url,
        "AUDIOSIM_COMPARE_MEASURES": '["timbre"]',
        "AUDIOSIM_LIBRARY": str(tmp_path / "library"),
    }

    def run(*arguments, expected=0):
        return audiosim(*arguments, settings=settings, expected=expected)

    # What is there already, and what of it was played.
    with (tmp_path / "known.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "artist", "title"])
        writer.writerows([row["path"], row["artist"], row["title"]] for row in clips[:N_KNOWN])
    played = [
        {
            "endTime": f"2026-11-{day:02d} 20:00",
            "artistName": row["artist"],
            "trackName": row["title"],
            "msPlayed": 180_000,
        }
        for row in clips[:N_PLAYED]
        for day in range(1, 6)
    ]
    (tmp_path / "StreamingHistory0.json").write_text(json.dumps(played))
    run("add", "known.csv")
    told = json.loads(run("history", "import", "StreamingHistory0.json", "--json")[0])
    assert (told["n_new"], told["summary"]["n_matched"]) == (20, 20)

    # New releases become files, and what is not what it should be stays out.
    run("releases", "--days", "7", "-o", "new.txt")
    assert len((tmp_path / "new.txt").read_text().splitlines()) == N_NEW
    fetched = json.loads(run("fetch", "new.txt", "--json", expected=3)[0])
    assert len(list((tmp_path / "library" / "fetched" / "quarantine").iterdir())) == 1
    assert fetched["n_fetched"] == N_NEW - 1
    n_asked = len(services.asked)
    run("fetch", "new.txt", expected=3)
    assert len(services.asked) == n_asked

    compared = json.loads(run("run", "--json")[0])
    assert compared["compared"][0]["n_rows"] == N_KNOWN + N_NEW - 1

    # Near to and far from what is played, among what is new; both rated.
    recommended = json.loads(
        run("recommend", "--from", "history", "--among", "library/fetched", "-k", "2", "--artist-cap", "0", "--json")[0]
    )
    assert recommended["n_candidates"] == N_NEW - 1
    assert {seed["label"] for seed in recommended["seeds"]} == {
        f"{row['artist']} - {row['title']}" for row in clips[:N_PLAYED]
    }
    kinds = [item["kind"] for item in recommended["tracks"]]
    distances = [item["distance"] for item in recommended["tracks"]]
    assert kinds == ["near", "near", "far", "far"]
    assert distances[0] <= distances[1] < distances[3] <= distances[2]
    for item, rating in zip(recommended["tracks"], (9, 8, 3, 4), strict=True):
        run("rate", item["track_id"], str(rating))
    means = json.loads(run("ratings", "--json")[0])["means"]
    assert (means["near"]["mean"], means["far"]["mean"], means["near minus far"]["mean"]) == (8.5, 3.5, 5.0)
