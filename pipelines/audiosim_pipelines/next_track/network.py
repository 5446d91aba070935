"""The recurrent network of what is played next: trained when it is first asked for, and kept in the library."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from audiosim.library import Library
from audiosim.recommend.next_track.lstm import Lstm, LstmSettings, training_key
from audiosim.recommend.next_track.models import Training
from audiosim_pipelines.progress import Progress, Silent

if TYPE_CHECKING:
    from audiosim.recommend.next_track.lstm import Epoch

FOLDER = "next"


class Network:
    """Networks of a library, by the name of what they are for; each is trained anew when the history has changed."""

    def __init__(self, library: Library, progress: Progress | None = None) -> None:
        self._library = library
        self._progress = progress or Silent()

    def trained(self, training: Training, name: str) -> Lstm:
        """The network of this training, from its file, or trained; an interrupted training goes on where it was."""
        settings = LstmSettings()
        key = training_key(training, settings)
        path = self._library.folder / FOLDER / f"{name}.npz"
        network = Lstm.load(path, key=key)
        if network is None:
            from audiosim.recommend.next_track.lstm_fit import fit_lstm  # noqa: PLC0415 - keras takes its time to import

            with self._library.writing(), _Bars(self._progress) as bars:
                path.parent.mkdir(exist_ok=True)
                checkpoint = path.with_suffix(".checkpoint")
                network = fit_lstm(training, settings=settings, checkpoint=checkpoint, progress=bars.show)
                draft = path.with_suffix(".draft")
                network.save(draft, key=key)
                draft.replace(path)
                checkpoint.unlink(missing_ok=True)
        return network


class _Bars(contextlib.ExitStack):
    """A bar for each stage of a training, the first of which may end before its last epoch."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._stage: str | None = None
        self._advance: Callable[[int], None] = lambda _: None
        self._n_shown = 0

    def show(self, epoch: "Epoch") -> None:
        if epoch.stage != self._stage:
            self.close()
            what = "choose how long to train" if epoch.stage == "choosing" else "train on all sessions"
            bar = self._progress.bar(f"lstm: {what}", epoch.at_most, "epochs")
            self._stage, self._advance, self._n_shown = epoch.stage, self.enter_context(bar), 0
        self._advance(epoch.number - self._n_shown)
        self._n_shown = epoch.number
