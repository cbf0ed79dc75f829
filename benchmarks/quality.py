"""Quality of our methods beside their peers: mean PSNR in dB on the standard test sets, noise level known.

`python benchmarks/quality.py --data FOLDER` prints one table for gray and one for colour pictures. With
`--attenuation` it compares soft, hard and Wiener shrinkage with the oracle attenuation (the ceiling) on
every picture, per transform.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from datasets import Picture, noisy, parser, pictures, psnr, table
from skimage.restoration import denoise_nl_means, denoise_wavelet

import napari_shrinkage as ns

SIGMAS = (15, 25, 50)
GRAY = (("set12", None), ("bsd68", 12))
COLOR = (("cbsd68", 16), ("kodak24", None))
Method = Callable[[Picture, float], Picture]


def ours(name: str | ns.Shrinkage) -> Method:
    return lambda picture, sigma: ns.restore(
        picture, name, noise=sigma, axes="YX" if picture.ndim == 2 else "YXC"
    )


def bayes_shrink(picture: Picture, sigma: float) -> Picture:
    color = {"channel_axis": -1, "convert2ycbcr": True} if picture.ndim == 3 else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaled = denoise_wavelet(
            np.clip(picture / 255, -1, 1) if color else picture / 255,
            sigma=sigma / 255,
            method="BayesShrink",
            rescale_sigma=True,
            **color,
        )
    return scaled * 255


def nl_means(picture: Picture, sigma: float) -> Picture:
    axis = -1 if picture.ndim == 3 else None
    return denoise_nl_means(picture, 5, 6, h=0.8 * sigma, sigma=sigma, fast_mode=True, channel_axis=axis)


METHODS: dict[str, Method] = {
    "ours: dct": ours("dct"),
    "ours: dct-wiener": ours("dct-wiener"),
    "ours: learned-dct": ours("learned-dct"),
    "ours: wavelet (stationary, BayesShrink)": ours("wavelet"),
    "ours: let (SURE-LET)": ours("let"),
    "scikit-image BayesShrink": bayes_shrink,
    "scikit-image NL-means 5/6": nl_means,
}


def bm3d_if_installed() -> dict[str, Method]:
    """Return the bm3d package's method where installed; its licence keeps it out of our dependencies."""
    try:
        import bm3d
    except ImportError:
        return {}
    return {
        "bm3d package": lambda picture, sigma: (
            bm3d.bm3d(picture, sigma) if picture.ndim == 2 else bm3d.bm3d_rgb(picture, sigma)
        )
    }


def mean_psnr(method: Method, images: list[Picture], sigma: float) -> float:
    return float(np.mean([psnr(method(noisy(image, sigma), sigma), image) for image in images]))


def quality_table(sets: tuple[tuple[str, int | None], ...], methods: dict[str, Method], data: str) -> str:
    loaded = [(name, limit, pictures(data, name, limit)) for name, limit in sets]
    header = [
        "method",
        *(
            f"{name}{'' if limit is None else f'[:{limit}]'} {sigma}"
            for name, limit, _ in loaded
            for sigma in SIGMAS
        ),
    ]
    rows = [
        [name, *(mean_psnr(method, images, sigma) for _, _, images in loaded for sigma in SIGMAS)]
        for name, method in methods.items()
    ]
    return table(header, rows)


def attenuation_table(
    transform: ns.SlidingDCT | ns.StationaryWavelet | ns.Wavelet, images: list[Picture], sigma: float
) -> str:
    """Soft and hard at each picture's best single ratio, Wiener with a hard pilot, the oracle attenuation."""
    ratios = np.arange(0.6, 3.6, 0.2).round(1)
    rows = []
    for number, image in enumerate(images, start=1):
        picture = noisy(image, sigma)
        best = {}
        for rule in (ns.Soft(), ns.Hard()):
            scores = {
                r: psnr(ns.restore(picture, shrinkage(transform, rule, r), noise=sigma), image)
                for r in ratios
            }
            best[rule.name] = max(scores.items(), key=lambda item: item[1])
        wiener = ns.EmpiricalWiener(
            pilot=shrinkage(transform, ns.Hard(), best["hard"][0]), transform=transform
        )
        rows.append(
            [
                f"{number:02d}",
                best["soft"][1],
                f"{best['soft'][0]:.1f}",
                best["hard"][1],
                f"{best['hard'][0]:.1f}",
                psnr(ns.restore(picture, wiener, noise=sigma), image),
                psnr(oracle(transform, picture, image, sigma), image),
            ]
        )
    means = [float(np.mean([row[i] for row in rows])) for i in (1, 3, 5, 6)]
    rows.append(["mean", means[0], "", means[1], "", means[2], means[3]])
    return table(["picture", "soft", "r", "hard", "r", "Wiener", "oracle"], rows)


def shrinkage(
    transform: ns.SlidingDCT | ns.StationaryWavelet | ns.Wavelet, rule: ns.Soft | ns.Hard, ratio: float
) -> ns.Shrinkage:
    return ns.Shrinkage(transform=transform, rule=rule, threshold=ns.Ratio(r=float(ratio)))


def oracle(
    transform: ns.SlidingDCT | ns.StationaryWavelet | ns.Wavelet,
    picture: Picture,
    truth: Picture,
    sigma: float,
) -> Picture:
    """Attenuate every coefficient by r^2 / (r^2 + v) with r the clean picture's coefficient."""
    import torch

    def tensor(values: Picture) -> torch.Tensor:
        return torch.from_numpy(values / np.float32(sigma))[None, None]

    gains = transform.noise_gain()
    signal = transform.forward(tensor(truth))
    attenuated = transform.forward(tensor(picture)).map(
        lambda band: band.data * signal[band.key] ** 2 / (signal[band.key] ** 2 + gains[band.key] ** 2)
    )
    return transform.inverse(attenuated)[0, 0].numpy() * sigma


def main() -> None:
    arguments = parser(__doc__.partition("\n")[0])
    arguments.add_argument(
        "--attenuation", action="store_true", help="compare with the oracle attenuation instead"
    )
    arguments.add_argument(
        "--bm3d", action="store_true", help="also run the bm3d package where it is installed (slow)"
    )
    arguments.add_argument(
        "--all", action="store_true", help="every picture of each set instead of its first ones"
    )
    chosen = arguments.parse_args()
    if chosen.attenuation:
        for transform in (
            ns.SlidingDCT(),
            ns.StationaryWavelet(wavelet="haar", levels=4),
            ns.Wavelet(wavelet="sym8", levels=4),
        ):
            print(f"\n{transform}, Set12, sigma 25, dB\n")
            print(attenuation_table(transform, pictures(chosen.data, "set12"), 25))
        return
    methods = METHODS | (bm3d_if_installed() if chosen.bm3d else {})
    for title, sets in (("Gray", GRAY), ("Colour", COLOR)):
        sets = tuple((name, None) for name, _ in sets) if chosen.all else sets
        print(f"\n{title}, mean PSNR in dB, noise level known\n")
        print(quality_table(sets, methods, chosen.data))


if __name__ == "__main__":
    main()
