"""Transforms and filterbanks against MATLAB's answers and against their definitions."""

import numpy as np
import pytest
import reference_spectrum as reference
import scipy.io
import soundfile

from audiosim.features.backend import ops
from audiosim.features.spec import MfccSpec
from audiosim.features.spectrum import hann, mel_filterbank, mel_of_blocks, mel_spectrogram, samples_per_block, stft

# rastamat's filterbanks on Slaney's scale; the even numbers of the set are on the HTK scale, which we do not use.
SLANEY_BANKS = [f"feature-melfb-{number:03d}.mat" for number in range(1, 24, 2)]


def complex_stft(signal, **options):
    real, imaginary = stft(signal, **options)
    return ops.convert_to_numpy(real) + 1j * ops.convert_to_numpy(imaginary)


def matlab(shared_data, name):
    return scipy.io.loadmat(shared_data / "peer_tests" / "librosa_test_data" / name, squeeze_me=True)


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")  # 120 bands on 129 bins
@pytest.mark.parametrize("name", [*SLANEY_BANKS, "feature-melfbnorm-002.mat"])
def test_mel_filterbank_equals_matlab(shared_data, name):
    answer = matlab(shared_data, name)
    spec = MfccSpec(
        sample_rate=int(answer["sr"]),
        n_fft=int(answer["nfft"]),
        n_mels=int(answer["nfilts"]),
        n_mfcc=1,
        fmin=float(answer["fmin"]),
        fmax=float(answer["fmax"]),
    )
    # Their second half, the negative frequencies, is zeros.
    expected = answer["wts"][:, : spec.n_fft // 2 + 1]
    if "norm" in answer:
        # Triangles of unit height in this one; ours, like those of the others, are of unit area.
        corners = answer["frqs"]
        expected = expected * (2.0 / (corners[2:] - corners[:-2]))[:, None]
    np.testing.assert_allclose(mel_filterbank(spec).T, expected, rtol=1e-4, atol=1e-7)


def test_mel_filterbank_equals_its_definition():
    expected = reference.mel_filterbank(sample_rate=22_050, n_fft=2_048, n_mels=128, fmin=0.0, fmax=11_025.0)
    np.testing.assert_allclose(mel_filterbank(MfccSpec()), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["core-stft-005.mat", "core-stft-006.mat"])
def test_stft_equals_matlab(shared_data, name):
    answer = matlab(shared_data, name)
    folder = shared_data / "peer_tests" / "librosa_test_data"
    signal, _ = soundfile.read(folder / "test1_22050.wav", dtype="float32", always_2d=True)
    n_fft = int(answer["nfft"])
    spectrum = complex_stft(
        signal.mean(axis=1),
        n_fft=n_fft,
        hop_length=int(answer["hop_length"]),
        window=hann(n_fft) if answer["hann_w"] else np.ones(n_fft, np.float32),
        centred=False,
    )
    # The file was transposed with MATLAB's ', which conjugates.
    np.testing.assert_allclose(spectrum, answer["D"].conj().T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("n_fft", "hop_length"), [(64, 16), (64, 24), (64, 64), (64, 100), (128, 1)])
@pytest.mark.parametrize("n_samples", [128, 255, 256, 301])
def test_stft_equals_its_definition(rng, n_fft, hop_length, n_samples, centred):
    signal = rng.standard_normal(n_samples).astype(np.float32)
    expected = reference.stft(signal, n_fft=n_fft, hop_length=hop_length, window=reference.hann(n_fft), centred=centred)
    got = complex_stft(signal, n_fft=n_fft, hop_length=hop_length, centred=centred)
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=2e-5)


def test_stft_refuses_less_than_a_frame():
    with pytest.raises(ValueError, match=r"must hold n_fft = 2048 samples .* got 100"):
        stft(np.ones(100, np.float32), centred=False)


@pytest.mark.parametrize("n_mels", [128, 40, 9, 1])
def test_mel_in_groups_of_bands_equals_the_whole_product(rng, n_mels):
    spec = MfccSpec(n_mels=n_mels, n_mfcc=1)
    signal = rng.standard_normal(samples_per_block(spec, 7)).astype(np.float32)
    whole = ops.convert_to_numpy(mel_spectrogram(signal, spec=spec))
    # The first sample of a block starts a window; in the spectrogram, it is the centre of one.
    blocks = ops.convert_to_tensor(signal[None])
    np.testing.assert_allclose(ops.convert_to_numpy(mel_of_blocks(blocks, spec))[0], whole[2:9], rtol=1e-4)


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")  # the case that is tested
def test_mel_bands_without_a_bin_are_silent(rng):
    spec = MfccSpec(n_fft=64, hop_length=32, n_mels=120, n_mfcc=4)
    empty = ~mel_filterbank(spec).any(axis=0)
    assert 20 < empty.sum() < 120
    blocks = ops.convert_to_tensor(rng.standard_normal((2, samples_per_block(spec, 3))).astype(np.float32))
    mel = ops.convert_to_numpy(mel_of_blocks(blocks, spec))
    np.testing.assert_array_equal(mel[:, :, empty], 0.0)
    assert (mel[:, :, ~empty] > 0.0).all()
