"""A process that trains a network and is killed after its first epoch, for test_next_lstm.py."""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from audiosim.recommend.next_track.lstm import LstmSettings
from audiosim.recommend.next_track.lstm_fit import fit_lstm
from audiosim.recommend.next_track.models import Training

with np.load(sys.argv[1]) as walks:
    sessions = [walks[f"s{i}"] for i in range(len(walks.files) - 1)]
    training = Training(sessions, 60, walks["vectors"])
settings = LstmSettings(n_dims=8, n_units=8, learning_rate=0.02, max_epochs=3, patience=3)
fit_lstm(
    training,
    settings=settings,
    checkpoint=Path(sys.argv[2]),
    progress=lambda _: os.kill(os.getpid(), signal.SIGKILL),
)
