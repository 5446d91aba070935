"""The recurrent network of what is played next: trained when it is first asked for, and kept in the library."""

from audiosim.library import Library
from audiosim.recommend.next_track.lstm import Lstm, LstmSettings, training_key
from audiosim.recommend.next_track.models import Scorer, Training
from audiosim_pipelines.progress import Progress, Silent

_FOLDER = "next"


class Network:
    """Networks of a library, by the name of what they are for; each is trained anew when the history has changed."""

    def __init__(self, library: Library, progress: Progress | None = None) -> None:
        self._library = library
        self._progress = progress or Silent()

    def scorer(self, training: Training, name: str) -> Scorer:
        """The network of this training, from its file, or trained; an interrupted training goes on where it was."""
        settings = LstmSettings()
        key = training_key(training, settings)
        path = self._library.folder / _FOLDER / f"{name}.npz"
        network = Lstm.load(path, key=key)
        if network is None:
            from audiosim.recommend.next_track.lstm_fit import fit_lstm  # noqa: PLC0415 - keras takes its time to import

            with self._library.writing():
                path.parent.mkdir(exist_ok=True)
                checkpoint = path.with_suffix(".checkpoint")
                network = fit_lstm(training, settings=settings, checkpoint=checkpoint, progress=self._say)
                draft = path.with_suffix(".draft")
                network.save(draft, key=key)
                draft.replace(path)
                checkpoint.unlink(missing_ok=True)
        return network.scorer()

    def _say(self, stage: str, epoch: int, loss: float) -> None:
        what = "how long to train" if stage == "choosing" else "on all sessions"
        self._progress.say(f"lstm, {what}: epoch {epoch}, mean loss {loss:.3f}")
