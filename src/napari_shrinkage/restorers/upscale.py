"""Super-resolution: a finer grid, by a network that is told how the coarse one came about, or linearly.

Convention: fields are pixel values of the coarse grid. A filter bank gives the fine pixels of each coarse
one, "packed" as channels; a network corrects them, and only then do they become a grid.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import annotated_types as at
import numpy as np
from scipy.ndimage import uniform_filter

from ..degradation import Bicubic, Degradation
from ..degradation.kernels import Kernel, centroid, cubic, lanczos
from ..degradation.limits import ONLY_BICUBIC, Limits
from ..degradation.linear import (
    REACH,
    ROUNDING,
    Filters,
    blur_code,
    interpolation_filters,
    upscaling_filters,
)
from ..degradation.noise_level import noise_less_detail
from ..geometry import Border, Geometry
from ..methods import ADVANCED, HIDDEN, Suggestions, method
from ..nn.inference import fastest_precision
from ..nn.upscaler_models import OWN, upscaler_card
from ..stack import Float, Stack
from .base import Apply, Restorer
from .cnn import GREY_LEVELS, LEAST_SPAN, MARGIN, Range, channel_ranges, percentile_range, white_equivalent

if TYPE_CHECKING:
    from torch import Tensor

    from ..degradation.estimate import KernelEstimate
    from ..nn.upscaler_models import UpscalerCard
    from ..noise import Autocorrelation, NoiseModel
    from ..sample import Sample

INTERPOLANTS = {"bicubic": (cubic, 2), "lanczos": (lanczos, 3)}  # weight, and reach in coarse pixels
LINEAR = ("linear", *INTERPOLANTS)
LIGHT_PIXELS, HEAVY_PIXELS = 2**18, 2**17  # of a tile
MEASURED = 2**19  # pixels, from which the degradation is measured
SMOOTHED = 5  # side of the means from which the noise's std follows where it depends on brightness


@method("upscale", title="Super-resolution")
class Upscale(Restorer):
    """Give an image a finer grid: by a network that knows blur and noise, or linearly.

    Parameters
    ----------
    scale : {2, 3, 4}
        Fine pixels in a coarse one along Y and X.
    model : str
        "light", our network; "light-bicubic", the same trained on bicubic reduction alone, for x2; "linear",
        the best linear upscaling for this blur and noise; "bicubic" or "lanczos" interpolation; or the path
        of a weight file of RDN.
    degradation : Degradation
        How the coarse pixels came about; None measures it in the image.
    back_projections : int
        How often the fine image is corrected so that reducing it gives the coarse one; 0 is never.
    precision : {"float32", "bfloat16", "float16"}
        Number format of the convolutions; None takes the fastest on the device that loses next to nothing.
    border : {"symmetric", "reflect", "periodic"}
        How the image goes on beyond its border.
    weights : str
        The weight file; None takes that of the model.
    checksum : str
        The sha256 checksum that this file must have; None takes any.
    ranges : tuple of (float, float)
        For each channel, or for three colours together, what becomes 0 and 1; None takes percentiles 0.1 and
        99.9.
    levels : tuple of float
        Std of each channel's noise at its median; None takes it from the noise.

    Notes
    -----
    Valid where the image came about as it is told, within what the network was trained for; a warning says
    so where it is not. What is finer than the coarse grid shows is the network's guess: do not measure in it.
    With back-projection [1]_ reducing the result gives the input again, noise and all; in the last pixels at
    the border only nearly (to a few thousandths of the range), since what lies beyond is not known.

    The network adds to the linear upscaling what no linear filter can; a constant that is added to the image
    is added to the result. A network that is not told blur and noise (RDN) expects those of its training.
    Each channel is restored by itself, colours by a network for colour together.

    References
    ----------
    .. [1] Irani, Peleg, "Improving resolution by image registration", CVGIP: Graphical Models and Image
       Processing 53, 1991, doi:10.1016/1049-9652(91)90045-L.
    """

    scale: Literal[2, 3, 4] = 2
    model: Annotated[str, Suggestions((*OWN, *LINEAR))] = "light"
    degradation: Degradation | None = Bicubic()
    back_projections: Annotated[int, at.Ge(0), at.Le(50)] = 0
    precision: Annotated[Literal["float32", "bfloat16", "float16"] | None, ADVANCED] = None
    border: Border = "symmetric"
    weights: Annotated[str | None, HIDDEN] = None
    checksum: Annotated[str | None, HIDDEN] = None
    ranges: Annotated[tuple[Range, ...] | None, HIDDEN] = None
    levels: Annotated[tuple[float, ...] | None, HIDDEN] = None

    domain: ClassVar[Literal["noise", "counts"]] = "counts"
    denoises: ClassVar[bool] = False

    @property
    def spatial_ndim(self) -> int:
        """Two: planes."""
        return 2

    @property
    def magnification(self) -> Fraction:
        """The scale."""
        return Fraction(self.scale)

    @property
    def needs_noise(self) -> bool:
        """Whether it is told the noise; interpolation is not."""
        return self.model not in INTERPOLANTS

    @property
    def tile_pixels(self) -> int:
        """Fewer where each pixel costs a network much memory."""
        card = self.card
        return LIGHT_PIXELS if card is None or card.told else HEAVY_PIXELS

    @property
    def card(self) -> UpscalerCard | None:
        """The card of the network, None where there is none."""
        if self.model in LINEAR:
            return None
        if self.model not in OWN and not Path(self.model).suffix:
            raise ValueError(
                f"model={self.model!r}: expected one of {', '.join((*OWN, *LINEAR))}, or the path of a "
                "weight file."
            )
        return upscaler_card(self.weights or self.model, self.checksum or "")

    def noise_seen(self, stack: Stack, estimated: NoiseModel) -> NoiseModel:
        """Return the noise less the detail that the coarse grid cannot show and that looks like noise."""
        kernel = (self.degradation or Bicubic()).kernel(self.scale)
        return noise_less_detail(stack, estimated, kernel, self.scale)

    def resolve(self, sample: Sample) -> Self:
        """Return the restorer with its weight file, the degradation, and the image's range and noise."""
        assert sample.noise is not None
        card = self.card
        if card is not None:
            self._check_scale(card)
        weights = {} if card is None else {"weights": card.name, "checksum": card.checksum}
        joint = card is not None and card.colors == 3 and sample.color
        ranges = (percentile_range(sample.values),) if joint else channel_ranges(sample.values)
        return self.replace(
            **weights,
            ranges=self.ranges or ranges,
            levels=self.levels or _typical_levels(sample.values, sample.noise),
            degradation=self.degradation or _measured(sample, self.scale),
        )

    def for_device(self, device: str) -> Self:
        """Return the restorer with the number format that is fastest there, unless one was asked for.

        A network that gives the image itself, not a correction, rounds it in every layer: that one stays in
        float32.
        """
        card = self.card
        own = card is not None and card.told
        return self.replace(
            precision=self.precision or (fastest_precision(device, residual=True) if own else "float32")
        )

    def geometry(self) -> Geometry:
        """Return a narrow margin, and a halo of all that the network, filters and corrections reach."""
        card = self.card
        once = REACH + math.ceil(len(self._kernel) / (2 * self.scale))
        reach = (0 if card is None else card.reach) + REACH + SMOOTHED // 2 + self.back_projections * once
        return Geometry(self.border, (MARGIN,) * 2, (1, 1), (reach,) * 2, wraps=False)

    def doubt(self, noise: NoiseModel, color: bool) -> str:
        """Say if blur or noise are unlike those that the network was trained for, else ""."""
        card = self.card
        if card is None:
            return ""
        told = self.noise_share(noise)
        return " ".join(limits_of(card).objections(self._kernel, self.scale, told))

    def noise_share(self, noise: NoiseModel) -> float:
        """Return the std that the resolved network is told as a share of the range, the largest of a channel.

        A channel whose range is below 3 stds of its noise, such as a constant one, does not count.
        """
        levels, spans = np.broadcast_arrays(self.levels or 0.0, self._spans)
        wide = spans > LEAST_SPAN * levels
        largest = float((levels[wide] / spans[wide]).max(initial=0.0))
        return largest * white_equivalent(noise.autocorrelation)

    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Return fine fields (B, C, s * Y, s * X) of extended ones with noise of std 1; differentiable."""
        return self._upscaled(z, z.new_tensor(white_equivalent(correlation)), str(z.device))

    def build_counts(self, noise: NoiseModel) -> Apply:
        """Return the function for one extended field (C, *domain) of pixel values, on the CPU."""
        return self.build_counts_uneven(noise, "cpu", None)

    def build_counts_uneven(self, noise: NoiseModel, device: str, level: Float | None) -> Apply:
        """Return that function, on a device, for noise that is `level`, (Y, X), times as strong."""
        strength = white_equivalent(noise.autocorrelation) * (1 if level is None else level)

        def upscaled(values: Float) -> Float:
            import torch

            mean = uniform_filter(values, (1, SMOOTHED, SMOOTHED), mode="nearest")
            std = np.asarray(noise.std(mean) * strength, np.float32)
            with torch.inference_mode():
                fields, stds = (torch.from_numpy(one).to(device)[None] for one in (values, std))
                return self._upscaled(fields, stds, device)[0].cpu().numpy()

        return upscaled

    @property
    def _kernel(self) -> Kernel:
        assert self.degradation is not None, "resolve it first"
        return self.degradation.kernel(self.scale)

    @property
    def _lows(self) -> list[float]:
        """Value of each channel that becomes 0."""
        return [low for low, _ in self.ranges or ()]

    @property
    def _spans(self) -> list[float]:
        """Length of each channel's range; 1 where it has none."""
        return [high - low if high > low else 1.0 for low, high in self.ranges or ()]

    def _upscaled(self, z: Tensor, std: Tensor, device: str) -> Tensor:
        """Return fine fields (B, C, s * Y, s * X) of coarse ones whose noise has the given std."""
        from ..degradation.reduction import reduced_tensor
        from ..nn.upscaling import back_projected

        low, span = (z.new_tensor(part)[:, None, None] for part in (self._lows, self._spans))
        images = (z - low) / span
        fine = self._fine(images, std / span, device)
        if self.back_projections:
            kernel = z.new_tensor(self._kernel)
            sharp = self._filters(z, [ROUNDING] * z.shape[1])
            fine = back_projected(
                fine,
                images,
                lambda one: reduced_tensor(one, kernel, self.scale),
                sharp,
                self.back_projections,
            )
        return fine * span + low

    def _fine(self, images: Tensor, sigma: Tensor, device: str) -> Tensor:
        """Return fine images of coarse ones, both of range 0 to 1."""
        from ..nn.upscaling import corrected, packed_upscaling, unpacked

        card = self.card
        if card is not None and not card.told:
            return self._by_foreign(images, card, device)
        packed = packed_upscaling(images, self._filters(images, self._grey_levels(images.shape[1])))
        if card is not None:
            network: Any = self._network(card, device)
            most = math.inf if card.sigma_max is None else max(card.sigma_max, ROUNDING / GREY_LEVELS)
            told = sigma.clamp(ROUNDING / GREY_LEVELS, most)
            code = images.new_tensor(blur_code(self._kernel, self.scale))
            packed = corrected(network, images, packed, told, code)
        return unpacked(packed)

    def _by_foreign(self, images: Tensor, card: UpscalerCard, device: str) -> Tensor:
        """Return fine images by a network that knows neither blur nor noise, three colours together."""
        network: Any = self._network(card, device)
        dtype = next(network.parameters()).dtype
        if images.shape[1] == card.colors and len(self._lows) == 1:
            fine: Tensor = network(images.to(dtype))
            return fine.float()
        planes = images.flatten(0, 1)[:, None].expand(-1, card.colors, -1, -1)
        gray: Tensor = network(planes.to(dtype)).float().mean(1)
        return gray.view(*images.shape[:2], *gray.shape[-2:])

    def _network(self, card: UpscalerCard, device: str) -> Any:
        from ..nn.upscaling import ready_upscaler

        return ready_upscaler(card.name, card.checksum, device, self.precision or "float32")

    def _grey_levels(self, channels: int) -> list[float]:
        """Return each channel's noise std in grey levels of 255, at least that of rounding."""
        shares = np.broadcast_to(self.levels or 0.0, channels) / np.broadcast_to(self._spans, channels)
        levels: list[float] = np.maximum(shares * GREY_LEVELS, ROUNDING).tolist()
        return levels

    def _filters(self, images: Tensor, levels: list[float]) -> Tensor:
        """Return the filter bank (C, s * s, m, m) for channels with these noise stds in grey levels."""
        banks = [self._filters_for(level) for level in levels]
        return images.new_tensor(np.stack(banks))

    def _filters_for(self, level: float) -> Filters:
        if self.model in INTERPOLANTS:
            weight, reach = INTERPOLANTS[self.model]
            return interpolation_filters(weight, reach, self.scale, centroid(self._kernel))
        return upscaling_filters(self._kernel, self.scale, level)

    def _check_scale(self, card: UpscalerCard) -> None:
        if self.scale not in card.scales:
            known = ", ".join(f"x{scale}" for scale in card.scales)
            raise ValueError(
                f"{card.path.name} has weights for {known}, and scale={self.scale} was asked for. Choose "
                'another scale or model; "light" has weights for x2, x3 and x4.'
            )


def limits_of(card: UpscalerCard) -> Limits:
    """Return what a network was trained for; one whose file does not say so, for what is usual."""
    return Limits(
        any_kernel=card.told and card.degradations != ONLY_BICUBIC,
        sigma_max=card.sigma_max or 0.0,
        stated=bool(card.degradations),
    )


def measured_blur(fields: Float, noise: NoiseModel, scale: int) -> KernelEstimate:
    """Return the blur that the mean of the channels of coarse fields (B, C, Y, X) shows.

    Raises
    ------
    ValueError
        If they are too small or too flat.
    """
    from ..degradation.measuring import kernel_from_image

    levels = np.array(_typical_levels(fields, noise))
    return kernel_from_image(fields.mean(axis=1), scale, float(np.sqrt(np.mean(levels**2) / len(levels))))


def _measured(sample: Sample, scale: int) -> Degradation:
    """Return the degradation as the image shows it."""
    assert sample.noise is not None
    return measured_blur(sample.part(MEASURED).values, sample.noise, scale).degradation


def _typical_levels(fields: Float, noise: NoiseModel) -> tuple[float, ...]:
    """Return the std of each channel's noise at its median."""
    medians = np.nanmedian(fields, axis=(0, 2, 3))[:, None, None]
    return tuple(np.asarray(noise.std(medians)).ravel().tolist())
