"""What a restorer is: a choice of numbers that turns noisy unit-variance fields into restored ones.

Convention: a restorer works on the extended domain of its `geometry` and leaves the border's pixels in
place; the engine extends, cuts windows and crops. `apply` is the reference, in torch, differentiable unless
the class says otherwise; `build` returns what the engine calls.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from ..geometry import Geometry
from ..methods import Method, parameters
from ..stack import Float
from ..transforms.base import Coefficients, Transform
from ..transforms.block_dct import SlidingDCT, shrink_patches

if TYPE_CHECKING:
    from torch import Tensor

    from ..noise import Autocorrelation, NoiseModel
    from ..sample import Sample
    from ..stack import Stack

TILE_PIXELS = 2**20
Apply = Callable[[Float], Float]
KernelName = tuple[Any, ...]  # a module and the arguments of its `kernels_of`; see `kernels.kernels_of`
Shrink = Callable[..., "tuple[Coefficients, Tensor | None]"]


class Restorer(Method):
    """Base of the restorers; `differentiable` says whether `apply` passes a gradient on.

    `domain` says what the engine hands over: fields in units of the noise, to the function of `build`, or
    pixel values as the camera read them, to that of `build_counts`; those keep their colours apart.
    `takes_levels` says that `build_uneven` knows the noise of each pixel; others see it evened out.
    `needs_fit` says that it restores nothing until it was fitted, so that no list offers it.
    `planes` is how many planes are handed over at a time: more than 1 as (C, planes, *domain).
    `denoises` says that it is one of the ways to take noise off, and so offered and compared among them.
    `torch_serves` says that `apply` is quick enough for a picture while a kernel is being compiled.
    """

    role: ClassVar[str] = "restorer"
    domain: ClassVar[Literal["noise", "counts"]] = "noise"
    opponent_color: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    takes_levels: ClassVar[bool] = False
    needs_fit: ClassVar[bool] = False
    planes: ClassVar[int] = 1
    denoises: ClassVar[bool] = True
    torch_serves: ClassVar[bool] = True

    @property
    @abstractmethod
    def spatial_ndim(self) -> int:
        """Number of spatial axes that are restored together: 2 (planes) or 3 (volumes)."""

    @property
    def magnification(self) -> Fraction:
        """How much finer the result's grid is along Y and X: 1, a whole number, or one over it."""
        return Fraction(1)

    @property
    def needs_noise(self) -> bool:
        """Whether it is told the noise, which is then estimated where none is given."""
        return True

    @property
    def is_fused(self) -> bool:
        """Whether `build` returns fused CPU kernels, which need no torch."""
        return False

    @property
    def kernels(self) -> frozenset[KernelName]:
        """What `build` calls itself, not through another restorer, and has to be compiled before."""
        return frozenset()

    def noise_seen(self, stack: Stack, estimated: NoiseModel) -> NoiseModel:
        """Return the noise of a stack as this restorer has to see it, given the usual estimate."""
        return estimated

    @abstractmethod
    def resolve(self, sample: Sample) -> Self:
        """Return the restorer with every "auto" field and every data-driven threshold made a number."""

    def for_device(self, device: str) -> Self:
        """Return a resolved restorer with what depends on the device decided."""
        return self

    def doubt(self, noise: NoiseModel, color: bool) -> str:
        """Say in a sentence why the resolved restorer may not suit this noise, else ""."""
        return ""

    @property
    def tile_pixels(self) -> int:
        """Pixels of a plane or volume that are best restored at a time."""
        return TILE_PIXELS

    def channel(self, index: int) -> Self:
        """Return a resolved restorer for one channel alone, with that channel's thresholds."""
        inner = {p.name: getattr(self, p.name) for p in parameters(type(self))}
        cut = {name: value.channel(index) for name, value in inner.items() if hasattr(value, "channel")}
        return self.replace(**cut)

    def at(self, plane: tuple[int, ...]) -> Self:
        """Return a resolved restorer for one plane or volume, by its place along the axes that count them."""
        return self

    @abstractmethod
    def geometry(self) -> Geometry:
        """Return border, margin, alignment and halo of a resolved restorer."""

    @abstractmethod
    def apply(self, z: Tensor, correlation: Autocorrelation | None = None) -> Tensor:
        """Restore extended fields (B, C, *domain) with noise of variance 1; differentiable."""

    def build(self, device: str, correlation: Autocorrelation | None, threads: int) -> Apply:
        """Return the function that restores one extended field (C, *domain), float32 in and out."""
        return on_device(self, device, correlation)

    def build_uneven(
        self, device: str, correlation: Autocorrelation | None, threads: int, level: Float
    ) -> Apply:
        """Return what restores one extended field whose noise has the std `level`, (Y, X), at each pixel.

        Notes
        -----
        Right where the level hardly changes over what the method looks at at a time: the field is divided by
        it and the result multiplied, so a step in the level is seen as one in the image.
        """
        return evened(self.build(device, correlation, threads), level)

    def build_counts(self, noise: NoiseModel) -> Apply:
        """Return the function that restores one extended field (C, *domain) of pixel values, of any type.

        Only for the domain "counts".
        """
        raise NotImplementedError(f"{type(self).__name__} works in units of the noise; use build.")

    def build_counts_uneven(self, noise: NoiseModel, device: str, level: Float | None) -> Apply:
        """Return that function for noise that is `level`, (Y, X), times as strong; None is 1 everywhere."""
        return evened(self.build_counts(noise), level)


def refuse_gradient(z: Tensor, what: str) -> None:
    """Raise a `TypeError` if a gradient is wanted; `what` has none."""
    import torch

    if z.requires_grad and torch.is_grad_enabled():
        raise TypeError(
            f"{what} has no gradient; fit a Shrinkage or an EmpiricalWiener, or restore a tensor without "
            "requires_grad."
        )


def check_pilot(pilot: Restorer) -> None:
    """Raise a `ValueError` unless a restorer gives a first estimate of fields in units of the noise."""
    fits = pilot.domain == "noise" and pilot.denoises and pilot.magnification == 1
    if not fits or pilot.needs_fit or pilot.planes != 1:
        raise ValueError(
            f"{type(pilot).__name__} cannot be a pilot: it takes no noise off by itself, or changes the "
            "size. Use a denoiser such as Shrinkage or LearnedDct, and others as steps of their own before."
        )


def evened(apply: Apply, level: Float | None) -> Apply:
    """Return a restoring function for fields whose noise is `level` times what it expects; None is 1."""
    return apply if level is None else lambda values: apply(values / level) * level


def through(transform: Transform, shrink: Shrink, x: Tensor, *guides: Tensor) -> Tensor:
    """Analyse `x` and its guides (B, C, *domain), shrink, synthesise; by patches where no gradient is due."""
    import torch

    if isinstance(transform, SlidingDCT) and not torch.is_grad_enabled():
        return shrink_patches(transform, x, shrink, *guides)
    return transform.synthesis(*shrink(*(transform.analysis(image) for image in (x, *guides))))


def on_device(restorer: Restorer, device: str, correlation: Autocorrelation | None) -> Apply:
    """Return `restorer.apply` as a function of numpy arrays, computed by torch on `device`."""
    import torch

    def restored(z: Float) -> Float:
        with torch.inference_mode():
            field = torch.from_numpy(z).to(device)[None]
            return restorer.apply(field, correlation)[0].cpu().numpy()

    return restored
