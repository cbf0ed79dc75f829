"""A generator as a prior: an image is restored as the nearest one that a trained decoder can draw.

Convention: everything is in counts, for a generator knows how bright the images of its training stack were.
An image is a whole field; none is restored in windows, and none takes notice of those beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import annotated_types as at
import numpy as np

from ..geometry import Geometry
from ..methods import ADVANCED, HIDDEN, method
from ..nn.trained_generator import TrainedGenerator, generator_of
from ..noise import Gaussian, NoiseModel
from ..stack import Float
from .base import Apply, Restorer, refuse_gradient
from .generator_misfit import Misfit, misfit_of

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation
    from ..sample import Sample

TOGETHER = 64  # images that are restored at a time
LOOKED_AT = 64  # images that are tried for whether they are like the training stack
NOTICEABLE = 0.05  # of the images; one in a hundred of the training stack's own is beyond the limit
UNIT = Gaussian(1.0)


@method("generator-prior", title="Generator prior")
class GeneratorPrior(Restorer):
    """Restore small images as the nearest that a trained generator can draw.

    An encoder-decoder is trained on a stack of images of one kind and size; its decoder G is the generator.
    A noisy image y becomes G(z), for the code z of the least squared difference between G(z) and y.

    Parameters
    ----------
    latent : int
        Length K of the code: how many numbers an image has.
    network : {"dense", "convolutional"}
        Fully connected layers, or strided convolutions, which draw better with fewer weights.
    prior : float
        How much it costs a code to be unlike those of the training images: 1 is the most probable code if
        these are normally distributed, 0 plain least squares.
    restarts : int
        How many codes besides the encoder's the search begins from.
    tolerance : float
        The search for an image ends when a step lowers its difference by less than this share.
    iterations : int
        Most steps of a search.
    seed : int
        Of the first weights and of the restarts.
    weights : str
        File of the trained generator; None is not yet trained.
    checksum : str
        The sha256 checksum that this file must have; None takes any.
    looked, unlike : int
        How many images were looked at, and how many of them are unlike the training stack.

    Notes
    -----
    Valid for images of the kind, size, place and brightness of the training stack. Of white noise about K of
    n pixels' worth is left, so it removes more the larger the image; what the generator cannot draw is lost
    at any noise. The result shows what the generator can draw, also where the image shows something else:
    `diagnostics.generator_misfit` says which images do.

    Pixels count by 1 / variance of their noise at the brightness that the encoder expects. The generator's
    own error counts as noise. On digits (K = 20) under noise of 2.7 times their mean square, a prior of 0.5
    took 16 % (dense) and 8 % (convolutional) off the error of plain least squares, and nothing was lost at a
    ninth of that noise. Three restarts took off less than 1 % and cost four to seven times the time.

    References
    ----------
    Heckel, Huang, Hand, Voroninski, "Rate-optimal denoising with deep neural networks", Information and
    Inference 10, 2021, doi:10.1093/imaiai/iaaa011.
    """

    latent: Annotated[int, at.Ge(1), at.Le(64)] = 20
    network: Literal["dense", "convolutional"] = "convolutional"
    prior: Annotated[float, at.Ge(0), at.Le(10)] = 0.5
    restarts: Annotated[int, at.Ge(0), at.Le(32), ADVANCED] = 0
    tolerance: Annotated[float, at.Ge(1e-9), at.Le(0.1), ADVANCED] = 1e-4
    iterations: Annotated[int, at.Ge(1), at.Le(1000), ADVANCED] = 50
    seed: Annotated[int, at.Ge(0), at.Le(2**31 - 1), ADVANCED] = 0
    weights: Annotated[str | None, HIDDEN] = None
    checksum: Annotated[str | None, HIDDEN] = None
    looked: Annotated[int | None, at.Ge(0), HIDDEN] = None
    unlike: Annotated[int | None, at.Ge(0), HIDDEN] = None

    domain: ClassVar[Literal["noise", "counts"]] = "counts"
    opponent_color: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False
    takes_levels: ClassVar[bool] = True
    needs_fit: ClassVar[bool] = True
    planes: ClassVar[int] = TOGETHER

    @property
    def spatial_ndim(self) -> int:
        """Two: planes."""
        return 2

    @property
    def generator(self) -> TrainedGenerator:
        """The trained generator.

        Raises
        ------
        ValueError
            If it is not yet trained, or its file is not there.
        """
        if self.weights is None:
            raise ValueError(
                "this GeneratorPrior is not trained: weights=None. Train it on a stack of images first: "
                'fitted = napari_shrinkage.fit(stack, "generator-prior"), then restore with fitted.'
            )
        return generator_of(self.weights, self.checksum or "")[0]

    def resolve(self, sample: Sample) -> Self:
        """Return the restorer with its file's checksum, and how many images are unlike the training stack."""
        generator = self.generator
        self._check_shape(sample.shape)
        noise = UNIT if sample.noise is None else sample.noise
        step = -(-len(sample.values) // LOOKED_AT)
        values = np.moveaxis(sample.values[::step], 1, 0)
        level = noise.level([np.arange(n) for n in sample.shape])
        found = self.misfit(values, self._restored(values, noise, level, "cpu"), noise, level)
        assert self.weights is not None
        return self.replace(
            checksum=generator_of(self.weights)[1] if self.checksum is None else self.checksum,
            latent=generator.network.latent,
            network=generator.network.kind,
            looked=found.out.size,
            unlike=int(np.count_nonzero(found.out)),
        )

    def doubt(self, noise: NoiseModel, color: bool) -> str:
        """Say if a noticeable share of the images is unlike the training stack, else ""."""
        looked, unlike = self.looked or 0, self.unlike or 0
        if unlike <= max(NOTICEABLE * looked, 1 if looked > 1 else 0):
            return ""
        return (
            f"{unlike} of {looked} images look unlike those that the generator was trained on: the result "
            "shows what the generator can draw, not what is there. Train it on images like these, or use "
            "shrinkage."
        )

    def geometry(self) -> Geometry:
        """Return that the whole field is needed, as it is."""
        return Geometry("symmetric", (0, 0), (1, 1), None)

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore fields (B, C, Y, X) of pixel values with noise of variance 1; without a gradient.

        Raises
        ------
        TypeError
            If a gradient is wanted.
        """
        import torch

        refuse_gradient(z, "the search for a code")
        return torch.from_numpy(self._restored(z.detach().cpu().numpy(), UNIT, None, "cpu")).to(z.device)

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return the function for pixel values whose noise has variance 1."""
        return lambda values: self._restored(values, UNIT, None, device)

    def build_counts(self, noise: NoiseModel) -> Apply:
        """Return the function for pixel values (C, ..., Y, X) with the given noise, on the CPU."""
        return self.build_counts_uneven(noise, "cpu", None)

    def build_counts_uneven(self, noise: NoiseModel, device: str, level: Float | None) -> Apply:
        """Return that function for noise that is `level`, (Y, X), times as strong at each pixel."""
        return lambda values: self._restored(values, noise, level, device)

    def misfit(self, values: Float, restored: Float, noise: NoiseModel, level: Float | None) -> Misfit:
        """Return how far images (C, B, Y, X) are from their restored ones, and how far they may be."""
        generator = self.generator
        return misfit_of(
            values, restored, _stds(noise, restored, level), generator.limit * generator.span, noise
        )

    def _restored(self, values: Float, noise: NoiseModel, level: Float | None, device: str) -> Float:
        """Restore images (..., Y, X) of pixel values."""
        import torch

        from ..nn.searching import drawn

        self._check_shape(values.shape[-2:])
        generator = self.generator
        counts = torch.from_numpy(np.ascontiguousarray(values, np.float32)).reshape(-1, 1, *values.shape[-2:])
        settings = (self.prior, self.restarts, self.seed, self.iterations, self.tolerance)

        def variances(expected: Tensor) -> Tensor:
            mean = expected.cpu().numpy().reshape(values.shape)
            return torch.from_numpy(_stds(noise, mean, level) ** 2).reshape(counts.shape)

        found = drawn(generator, counts, variances, device, *settings)
        return found.numpy().reshape(values.shape)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        expected = self.generator.network.shape
        if tuple(shape) != expected:
            raise ValueError(
                f"the generator was trained on images of {_by(expected)} pixels (rows x columns), and these "
                f"have {_by(shape)}. Cut the images to that size, or train a generator on this size."
            )


def _stds(noise: NoiseModel, mean: Float, level: Float | None) -> Float:
    """Return the noise std at pixels of the given means, (C, ..., Y, X)."""
    stds = np.asarray(noise.std(mean), np.float32)
    return stds if level is None else stds * level


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
