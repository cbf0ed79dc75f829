"""The filters of every wavelet, and what follows from them before any image is seen."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch

from napari_shrinkage.transforms.filter_bank import (
    Taps,
    cascade,
    filter_bank,
    subbands,
    weighted_sum,
    wrapped,
)

EXACT_WAVELETS = [name for name in pywt.wavelist(kind="discrete") if name != "dmey"]


def test_the_orthogonal_wavelets_are_those_of_pywavelets():
    for name in EXACT_WAVELETS:
        expected = pywt.Wavelet(name).orthogonal or name in ("bior1.1", "rbio1.1")  # which are Haar's
        assert filter_bank(name).is_orthogonal == expected, name


@pytest.mark.parametrize("name", ["haar", "sym8", "bior2.4", "rbio3.5"])
def test_synthesis_filters_are_biorthogonal_to_those_of_analysis(name):
    bank = filter_bank(name)
    for there, back, expected in (
        (bank.low, bank.low_back, 1),
        (bank.high, bank.high_back, 1),
        (bank.low, bank.high_back, 0),
        (bank.high, bank.low_back, 0),
    ):
        for shift in range(-20, 21, 2):
            placed = dict(back.placed())
            product = sum(value * placed.get(n + shift, 0) for n, value in there.placed())
            assert product == pytest.approx(expected * (shift == 0), abs=1e-9)


@pytest.mark.parametrize("name", ["db99", "morl", "", "wavelet"])
def test_an_unknown_wavelet_is_refused_with_examples(name):
    with pytest.raises(ValueError, match=r"expected a discrete orthogonal or biorthogonal .* sym8"):
        filter_bank(name)


def test_a_wavelet_that_does_not_give_the_image_back_is_refused():
    with pytest.raises(ValueError, match=r"'dmey': its filters are cut short .* only to within 0\.\d%"):
        filter_bank("dmey")


def test_equivalent_filters_are_the_cascade_of_pywavelets_applied_to_impulses():
    low, high = cascade(filter_bank("db3"), 3)
    for level in (1, 2, 3):
        for letter, own in (("a", low[level]), ("d", high[level - 1])):
            rows = []
            for place in range(128):
                impulse = np.zeros(128)
                impulse[place] = 1
                coefficients = pywt.wavedec(impulse, "db3", "periodization", level=level)
                rows.append(coefficients[0 if letter == "a" else 1][8 // level])
            row = np.asarray(rows)
            first = np.flatnonzero(abs(row) > 1e-12)[0]
            np.testing.assert_allclose(row[first : first + own.size], own, atol=1e-12)


def test_bands_of_a_volume_with_fewer_levels_along_z():
    keys = [band.key for band in subbands(filter_bank("haar"), (1, 2, 2))]
    finest = ["aad", "ada", "add", "daa", "dad", "dda", "ddd"]
    assert keys == [f"1/{letters}" for letters in finest] + ["2/aad", "2/ada", "2/add", "2/aaa"]
    assert [band.filters[0].size for band in subbands(filter_bank("haar"), (1, 2, 2))] == [2] * 11


def test_radius_grows_with_frequency():
    radius = {band.key: band.radius for band in subbands(filter_bank("db2"), (3, 3))}
    assert radius["3/aa"] == 0
    assert (
        radius["3/ad"]
        < radius["3/dd"]
        < radius["2/ad"]
        < radius["2/dd"]
        < radius["1/ad"]
        < radius["1/dd"]
        == 1
    )


def test_wrapping_goes_round_as_often_as_needed():
    x = torch.arange(3.0)[None]
    for before, after in ((0, 0), (2, 1), (3, 3), (4, 8)):
        expected = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (before, after)), mode="wrap"))
        torch.testing.assert_close(wrapped(x, -1, before, after), expected)


def test_a_weighted_sum_leaves_its_terms_alone():
    x, y = torch.ones(3), torch.ones(3)
    torch.testing.assert_close(weighted_sum([(2.0, x), (3.0, y)]), torch.full((3,), 5.0))
    torch.testing.assert_close(x, torch.ones(3))


def test_taps_know_where_they_sit():
    taps = Taps(-1, (0.5, 0.0, 2.0))
    assert taps.stop == 1
    assert list(taps.placed()) == [(-1, 0.5), (1, 2.0)]
