"""Real micrographs of FMD beside the peers, everything found from each noisy image alone.

`python benchmarks/microscopy.py --data FOLDER` prints the mean PSNR (peak 255, output clipped to 0..255) of
each scene, then whether brightness survives: means, proportion and the intensity of added spots. `--bm3d`
adds the bm3d package where it is installed (slow); its licence keeps it out of our dependencies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from datasets import Picture, parser, psnr, table
from micrographs import Pair, fmd
from quality import bayes_shrink, nl_means
from skimage.restoration import estimate_sigma

import napari_shrinkage as ns
from napari_shrinkage.noise import NoiseModel
from napari_shrinkage.trust import injected_spots, photometry

# Mean PSNR over the 48 images of FMD's mixed test set: Zhang et al., CVPR 2019, doi:10.1109/CVPR.2019.01198.
PUBLISHED = {"VST+BM3D": 32.71, "PURE-LET": 31.95}
OURS = {"fast": "fast", "balanced": "balanced", "let": "let", "wavelet": "wavelet"}
MEASURED = ("ours: balanced", "ours: wavelet", "BayesShrink")  # for brightness
Method = Callable[[Picture, NoiseModel], Picture]


def ours(name: str) -> Method:
    return lambda image, noise: ns.restore(image, name, noise=noise)


def blind(method: Callable[[Picture, float], Picture]) -> Method:
    return lambda image, _: method(np.asarray(image, np.float32), estimate_sigma(image))


METHODS: dict[str, Method] = {
    **{f"ours: {name}": ours(method) for name, method in OURS.items()},
    "BayesShrink": blind(bayes_shrink),
    "NL-means": blind(nl_means),
}


def bm3d_methods() -> dict[str, Method]:
    """Return the bm3d package on our stabilised values, with the spectrum that we estimate and as white."""
    import bm3d

    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # noqa: NPY201 - the name by which bm4d 4.2 knows it

    def filtered(image: Picture, noise: NoiseModel, told: bool) -> Picture:
        correlation = noise.autocorrelation if told else None
        z = noise.forward(np.asarray(image, np.float64))
        strength = 1.0 if correlation is None else spectrum(correlation, z.shape)
        return noise.inverse(bm3d.bm3d(z, strength))

    return {
        "bm3d, our spectrum": lambda image, noise: filtered(image, noise, True),
        "bm3d, white": lambda image, noise: filtered(image, noise, False),
    }


def spectrum(correlation: ns.Autocorrelation, shape: tuple[int, ...]) -> np.ndarray:
    """Return the variance of each Fourier coefficient of noise of variance 1."""
    lags = correlation.array
    canvas = np.zeros(shape)
    canvas[tuple(slice(0, n) for n in lags.shape)] = lags
    centred = np.roll(canvas, [-(n // 2) for n in lags.shape], range(lags.ndim))
    return np.maximum(np.fft.fft2(centred).real, 0) * canvas.size


@dataclass(frozen=True)
class Scored:
    """A pair with its noise and the result of every method, not clipped."""

    pair: Pair
    noise: NoiseModel
    results: dict[str, Picture]

    @classmethod
    def of(cls, pair: Pair, methods: dict[str, Method]) -> Scored:
        """Estimate the noise of the noisy image and restore it by every method."""
        noise = ns.estimate_noise(pair.noisy)
        return cls(pair, noise, {name: method(pair.noisy, noise) for name, method in methods.items()})

    @property
    def scores(self) -> list[float]:
        """PSNR of the noisy image and of every result, clipped."""
        images = [self.pair.noisy.astype(np.float32), *self.results.values()]
        return [psnr(np.clip(image, 0, 255), self.pair.truth) for image in images]


def psnr_table(scored: list[Scored]) -> str:
    scenes = list(dict.fromkeys(one.pair.scene for one in scored))
    groups = {scene: [one for one in scored if one.pair.scene == scene] for scene in scenes}
    groups["white noise"] = [one for one in scored if not one.pair.is_correlated]
    groups["correlated noise"] = [one for one in scored if one.pair.is_correlated]
    groups["all"] = scored
    rows = [
        [name, len(found), *np.mean([one.scores for one in found], axis=0).tolist()]
        for name, found in groups.items()
        if found
    ]
    return table(["scene", "images", "raw", *scored[0].results], rows)


def brightness_table(scored: list[Scored], names: list[str]) -> str:
    """Compare means and proportion with those of the noisy images, pixels sorted by the truth."""
    rows = []
    for name in names:
        tests = [photometry(s.pair.noisy, s.results[name], reference=s.pair.truth) for s in scored]
        means = np.abs([test.whole.difference for test in tests])
        slopes, areas = (
            np.abs([part.slope - 1 for part in parts])
            for parts in ([test.linearity for test in tests], [test.areas for test in tests])
        )
        values = [f(v) for v in (means, slopes, areas) for f in (np.median, np.max)]
        rows.append([name, *(f"{value:.3f}" for value in values)])
    header = [
        f"{what}, {how}"
        for what in ("mean, % off", "slope - 1", "slope of areas - 1")
        for how in ("median", "worst")
    ]
    return table(["method", *header], rows)


def spot_table(pairs: list[Pair], methods: dict[str, Method], names: list[str]) -> str:
    """Return measured over true intensity of added spots, a mean over images."""
    rows: list[list[object]] = []
    snrs: list[float] = []
    for name in names:
        found = []
        for pair in pairs:
            noise = ns.estimate_noise(pair.noisy)
            spots = injected_spots(pair.noisy, lambda x, n=noise, f=methods[name]: f(x, n), noise)
            found.append(spots.ratios)
            snrs = spots.snrs.tolist()
        rows.append([name, *np.mean(found, axis=0).tolist()])
    return table(["measured / true intensity", *(f"SNR {snr:g}" for snr in snrs)], rows)


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--shots", type=int, default=4, help="noisy images of each scene, up to 4")
    options.add_argument("--bm3d", action="store_true", help="also the bm3d package, where installed (slow)")
    options.add_argument("--only-psnr", action="store_true", help="leave the tables on brightness out")
    chosen = options.parse_args()
    warnings.simplefilter("ignore", ns.NoiseWarning)
    extra = bm3d_methods() if chosen.bm3d else {}
    scored = [Scored.of(pair, METHODS | extra) for pair in fmd(chosen.data, chosen.shots)]
    print(f"\nFMD, mean PSNR in dB, noise estimated from each image\n\n{psnr_table(scored)}")
    said = ", ".join(f"{name} {value}" for name, value in PUBLISHED.items())
    print(f"\nPublished, over all 48 images: {said} (doi:10.1109/CVPR.2019.01198).")
    if not chosen.only_psnr:
        names = [*MEASURED, *extra]
        print(f"\nFMD, brightness against the noisy images\n\n{brightness_table(scored, names)}")
        first = [one.pair for one in scored if one.pair.shot == 1]
        print(f"\nFMD, added spots, first shots\n\n{spot_table(first, METHODS | extra, [*MEASURED])}")


if __name__ == "__main__":
    main()
