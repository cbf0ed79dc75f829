"""Denoising by a convolutional network that was trained on pictures: ours, or anybody's.

Convention: the network sees images of range 0 to 1, by one affine map for each channel, or one for the three
colours where it restores them together; that map is part of the plan. What it is told is the noise's std in
that range; of correlated noise, that of white noise which is as strong over a few pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import annotated_types as at
import numpy as np

from ..color import OPPONENT, to_rgb
from ..geometry import Border, Geometry, rounded_up
from ..methods import ADVANCED, HIDDEN, Suggestions, method
from ..nn.inference import denoised, fastest_precision, tile_pixels
from ..nn.models import OWN, Card, card_of, has_own, weight_file
from ..stack import Float
from .base import Apply, Restorer
from .fitted import Fitted

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation, NoiseModel
    from ..sample import Sample

PERCENTILES = (0.1, 99.9)  # of an image, that become 0 and 1
MARGIN = 8  # pixels that the image goes on beyond its border; then the network sees zeros, as in training
SIGMA_MAX = 75 / 255  # that a network of unknown training is told at most
GREY_LEVELS = 255
SEEN = 3  # side of the means by which correlated noise is told; of 2 to 8 the safest (docs, "Networks")
LEAST_SPAN = 3.0  # noise stds, of which noise alone spans 6: below it there are only a few pixels
WEAK = 2 / 255  # of the range: below it our networks do no better than shrinkage, or worse than nothing
FAR = 2.0  # times white noise: from there on shrinkage, which knows the whole spectrum, does better

Range = tuple[float, float]
Network = Callable[["Tensor", "Tensor"], "Tensor"]  # from images and a noise std, both on the range 0 to 1


@method("cnn", title="CNN")
class Cnn(Restorer):
    """Denoise by a convolutional network that is told the noise level.

    Parameters
    ----------
    model : str
        One of ours ("unet", "ffdnet"), or the path of a weight file of FFDNet or DnCNN.
    strength : float
        Factor on the noise level that the network is told; above 1 smooths more.
    blend : float
        Share of the noisy image in the result: 0 is the network's, 1 the noisy image.
    precision : {"float32", "bfloat16", "float16"}
        Number format of the convolutions; None takes the fastest on the device that loses next to nothing.
    trained_sigma : float
        Noise std that a network which is not told the noise level was trained at; the image is handed over at
        the brightness that gives its noise this std. None or 0 leaves the brightness alone.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border.
    weights : str
        The weight file; None takes that of the model for gray, or for colour.
    checksum : str
        The sha256 checksum that this file must have; None takes any.
    ranges : tuple of (float, float)
        For each channel, or for three colours together, what becomes 0 and 1, in units of the noise; None
        takes percentiles 0.1 and 99.9.
    fitted : Fitted
        What the weights were fine-tuned to, if they were.

    Notes
    -----
    Valid for images whose details are like those of the training pictures, and noise of a known strength.
    What a network adds was learned elsewhere: compare with shrinkage (`unsupported_detail`), and do not
    measure in what is not in the data.

    The network was trained on white noise. Of correlated noise it is told the std of the white noise whose
    means over 3 x 3 pixels scatter as much; where noise reaches over more, shrinkage, which knows its
    spectrum, does better, and a warning says so. Where the noise is stronger than in training in proportion
    to the image's range, the image is handed over with less contrast, so that its noise is within.

    Noise below 0.008 of the range is too weak for a network, whose own errors are about as large; a warning
    says so.

    Colours are restored together by weights for colour, else, or where they share their noise (`ColorNoise`),
    luminance and chrominance are each restored as gray.

    References
    ----------
    Zhang, Zuo, Zhang, "FFDNet: toward a fast and flexible solution for CNN-based image denoising", IEEE
    Transactions on Image Processing 27, 2018, doi:10.1109/TIP.2018.2839891.
    """

    model: Annotated[str, Suggestions(OWN)] = OWN[0]
    strength: Annotated[float, at.Ge(0.5), at.Le(2)] = 1.0
    blend: Annotated[float, at.Ge(0), at.Le(1)] = 0.0
    precision: Annotated[Literal["float32", "bfloat16", "float16"] | None, ADVANCED] = None
    trained_sigma: Annotated[
        float | None, at.Ge(0), at.Le(GREY_LEVELS), at.Unit("grey levels of 255"), ADVANCED
    ] = None
    border: Border = "symmetric"
    weights: Annotated[str | None, HIDDEN] = None
    checksum: Annotated[str | None, HIDDEN] = None
    ranges: Annotated[tuple[Range, ...] | None, HIDDEN] = None
    fitted: Annotated[Fitted | None, HIDDEN] = None

    takes_levels: ClassVar[bool] = True

    @property
    def spatial_ndim(self) -> int:
        """Two: planes."""
        return 2

    @property
    def tile_pixels(self) -> int:
        """Pixels that are restored at a time: as many as free memory holds with ease."""
        return tile_pixels()

    @property
    def card(self) -> Card:
        """The card of the weights in use; of the gray ones before it is resolved."""
        return card_of(self.weights or weight_file(self.model, 1), self.checksum or "")

    def resolve(self, sample: Sample) -> Self:
        """Return the restorer with its weight file and the image's range."""
        card = self._card_for(sample)
        self._check_ranges(card, sample)
        ranges = self.ranges or (_rgb_range if card.colors == 3 else channel_ranges)(sample.values)
        return self.replace(
            weights=self.weights or card.name,
            checksum=card.checksum,
            ranges=ranges,
            trained_sigma=self.trained_sigma or 0.0,
        )

    def for_device(self, device: str) -> Self:
        """Return the restorer with the number format that is fastest there, unless one was asked for."""
        return self.replace(precision=self.precision or fastest_precision(device, self.card.residual))

    def channel(self, index: int) -> Self:
        """Return the resolved restorer of one channel alone."""
        assert self.ranges is not None
        return self.replace(ranges=self.ranges[min(index, len(self.ranges) - 1) :][:1])

    def geometry(self) -> Geometry:
        """Return a narrow margin, and the network's reach as the halo."""
        card = self.card
        margin, halo = (rounded_up(n, card.multiple_of) for n in (MARGIN, card.reach))
        return Geometry(self.border, (margin,) * 2, (card.multiple_of,) * 2, (halo,) * 2, wraps=False)

    def doubt(self, noise: NoiseModel, color: bool) -> str:
        """Say if the noise is unlike any in training, or too weak for a network, else ""."""
        told = [white_equivalent(one) for one in noise.correlations(color)]
        if max(told) > FAR:
            return (
                "The noise is correlated over several pixels, and the network was trained on white noise: "
                "shrinkage, which knows the noise's spectrum, is likely to do better here."
            )
        shares, most = self._shares(told), self._sigma_max
        if (strongest := max(shares, default=0)) > most:
            return (
                f"The noise is {strongest:.2g} of the image's range, and the network was trained up to "
                f"{most:.2g}: the image is handed to it with less contrast. Compare with shrinkage."
            )
        if (weakest := min(shares, default=1)) < WEAK and not noise.silent():
            return (
                f"The noise is only {weakest:.2g} of the image's range: the network's own errors may exceed "
                "what it takes off, and shrinkage is likely to do better."
            )
        return ""

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields (B, C, *domain) in the plan's precision; differentiable."""
        return self._restored(z, z.new_tensor(white_equivalent(correlation)), self._network(str(z.device)))

    def apply_by(self, network: Network, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields by another network than that of the weight file, one that still learns."""
        return self._restored(z, z.new_tensor(white_equivalent(correlation)), network)

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return the function that restores one extended field (C, *domain) in the plan's precision."""
        return self._built(device, white_equivalent(correlation))

    def build_uneven(
        self, device: str, correlation: Autocorrelation | None, threads: int, level: Float
    ) -> Apply:
        """Return that function for noise of std `level`, (Y, X); the network is told of each pixel's."""
        return self._built(device, white_equivalent(correlation) * level)

    @property
    def _file(self) -> tuple[str, str]:
        assert self.weights is not None, "resolve it first"
        return self.weights, self.checksum or ""

    @property
    def _sigma_max(self) -> float:
        return self.card.sigma_max or SIGMA_MAX

    def _shares(self, told: list[float]) -> list[float]:
        """Return the std that the network is told over the range of each channel that has one to speak of."""
        assert self.ranges is not None
        stds, spans = np.broadcast_arrays(self.strength * np.array(told), np.diff(self.ranges)[:, 0])
        wide = spans > LEAST_SPAN
        return [float(share) for share in stds[wide] / spans[wide]]

    def _built(self, device: str, told: float | Float) -> Apply:
        """Return the function that restores one extended field by a network that is told the noise's std."""

        def restored(z: Float) -> Float:
            import torch

            with torch.inference_mode():
                fields = torch.from_numpy(z)[None]
                return self._restored(fields, torch.as_tensor(told, dtype=fields.dtype), network)[0].numpy()

        network = self._network(device)
        return restored

    def _network(self, device: str) -> Network:
        """Return the network of the weight file on a device, in the plan's precision."""
        precision = self.precision or "float32"
        return lambda images, sigma: denoised(*self._file, images, sigma, device, precision)

    def _card_for(self, sample: Sample) -> Card:
        """Return the card of the weights for an image: those for colour where colours share white noise."""
        if self.weights or self.model not in OWN:
            card = card_of(self.weights or self.model, self.checksum or "")
            return _fitting(card, sample)
        joint = sample.color and len(sample.correlations) == 1 and has_own(self.model, 3)
        return card_of(weight_file(self.model, 3 if joint else 1))

    def _check_ranges(self, card: Card, sample: Sample) -> None:
        """Raise an error if the ranges are those of an image with other channels."""
        count = len(self.ranges or ())
        if count > 1 and count != (1 if card.colors == 3 else sample.channels):
            raise ValueError(
                f"this {type(self).__name__} knows the ranges of {count} channels, the image has "
                f"{sample.channels}. Use ranges=None, which takes them from the image."
            )

    def _restored(self, z: Tensor, told: Tensor, network: Network) -> Tensor:
        """Restore fields (B, C, *domain) by a network that is told the noise's std, one or (*domain)."""
        images = self._images(z)
        low, scale = self._map(images, told)
        restored = network((images - low) / scale, self.strength * told / scale) * scale + low
        return self._fields(restored, z).lerp(z, self.blend)

    def _map(self, images: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """Return what becomes 0, and the length that becomes 1, of each image (N, 1, 1, 1) or its pixels."""
        assert self.ranges is not None
        ranges = images.new_tensor(self.ranges)
        low, high = ranges.repeat(len(images) // len(ranges), 1).T.reshape(2, -1, 1, 1, 1)
        if self.trained_sigma and not self.card.told:
            return low, (self.strength * told * GREY_LEVELS / self.trained_sigma).expand_as(low + told)
        return low, (high - low).maximum(self.strength * told / self._sigma_max)

    def _images(self, z: Tensor) -> Tensor:
        """Return fields (B, C, *domain) as images: RGB where colours go together, else each channel alone."""
        if self.card.colors == 1:
            return z.flatten(0, 1)[:, None]
        return (z.movedim(1, -1) @ z.new_tensor(OPPONENT)).movedim(-1, 1)

    def _fields(self, images: Tensor, z: Tensor) -> Tensor:
        """Return images as fields of the shape of `z`; inverts `_images`."""
        if self.card.colors == 1:
            return images.reshape(z.shape)
        return (images.movedim(1, -1) @ images.new_tensor(OPPONENT).T).movedim(-1, 1)


def channel_ranges(values: Float) -> tuple[Range, ...]:
    """Return the range of each channel of fields (B, C, *spatial)."""
    return tuple(percentile_range(values[:, index]) for index in range(values.shape[1]))


def _rgb_range(values: Float) -> tuple[Range, ...]:
    """Return the range that three colours share, of opponent fields (B, 3, *spatial)."""
    return (percentile_range(to_rgb(np.moveaxis(values, 1, 0))),)


def percentile_range(values: Float) -> Range:
    """Return the percentiles of all values that become 0 and 1."""
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def white_equivalent(correlation: Autocorrelation | None) -> float:
    """Return the std of the white noise whose means over `SEEN` x `SEEN` pixels scatter as this noise's do.

    At least 1, that of each single pixel.
    """
    if correlation is None:
        return 1.0
    if correlation.ndim != 2:
        raise ValueError(
            f"the noise's autocorrelation has {correlation.ndim} axes, the network 2; "
            "estimate the noise with two spatial axes."
        )
    mean = np.full(SEEN, SEEN**-0.5)
    return math.sqrt(max(correlation.variance([mean, mean]), 1.0))


def _fitting(card: Card, sample: Sample) -> Card:
    """Return the card, or raise an error if its weights are for another kind of image."""
    if card.colors == 1 or (sample.color and len(sample.correlations) == 1):
        return card
    found = "colours that share their noise" if sample.color else "no colours (axes ending in C)"
    raise ValueError(
        f"{card.path.name} restores three colours together, each with noise of its own; this image has "
        f"{found}. Use weights for gray images, which restore each channel by itself."
    )
