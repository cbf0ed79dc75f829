"""A learned sliding transform: the spectrum of every patch, a gate for each coefficient, and the way back.

Convention: fields are (B, Y, X) in units of the noise. What is computed is the noise, not the image: a field
without anything that looks like noise comes back as it is, and so does a constant.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import fold, softplus

from ..transforms.block_dct import dct_matrix

LOW, RISE = (
    2.1,
    1.0,
)  # thresholds of the cosines to start from: at the lowest frequency, and up to the highest
SLOPE = 2.0
TINY = 1e-6


class LearnedDct(nn.Module):
    """Shrink the coefficients of every patch by learned gates, which see all coefficients of the patch.

    With p the pixels of a patch, W the analysis and D the synthesis:

        c = W p                                    coefficients
        e = log(1 + (c / scale)^2)                 their energies
        gate = sigmoid(A e + B relu(H e) + bias)   what is kept of each, 0 to 1
        noise = D ((1 - gate) c)                   the patch's noise

    The noise at a pixel is the mean over the patches that cover it, a patch counting less the more it keeps.
    At the start W is the orthonormal cosine transform and A a multiple of the identity, so each gate is a
    smooth threshold.

    Parameters
    ----------
    side : int
        Side of the square patches, in pixels.
    extra : int
        Number of atoms besides the side^2 - 1 cosines; they start as sine waves of the lowest frequencies.
    hidden : int
        Number of hidden units that the gates share.
    seed : int
        Of the hidden units' first weights.

    Notes
    -----
    Rows of W sum to zero, so the mean of a patch is never touched. As log energies grow without bound, the
    odds of a strong coefficient grow as a power of it, and what is taken from it tends to zero.

    A shallow network on patches that starts from the DCT: [1]_. There a gate sees its own coefficient only.

    References
    ----------
    .. [1] Herbreteau, Kervrann, "DCT2net: an interpretable shallow CNN for image denoising", IEEE
       Transactions on Image Processing 31, 2022, doi:10.1109/TIP.2022.3181488.
    """

    def __init__(self, side: int = 11, extra: int = 80, hidden: int = 96, seed: int = 0) -> None:
        super().__init__()
        self.side = side
        atoms, radius = first_atoms(side, extra)
        cosines, count = side**2 - 1, len(atoms)
        self.analysis = nn.Parameter(atoms)
        self.synthesis = nn.Parameter(
            torch.cat([atoms[:cosines], torch.zeros(extra, side**2)]).T.contiguous()
        )
        self.log_scale = nn.Parameter(torch.zeros(count))
        self.gate = nn.Parameter(SLOPE * torch.eye(count))
        self.bias = nn.Parameter(-SLOPE * torch.log1p((LOW + RISE * radius) ** 2))
        generator = torch.Generator().manual_seed(seed)
        first = torch.randn(hidden, count, generator=generator)
        self.hidden = nn.Parameter(first / (2 * math.sqrt(count)))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.hidden_gate = nn.Parameter(torch.zeros(count, hidden))
        self.log_kept = nn.Parameter(torch.zeros(count))
        self.floor = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor, stride: int = 1, told: Tensor | None = None) -> Tensor:
        """Return the estimated noise (B, Y, X) of a field; zero where no patch lies.

        Parameters
        ----------
        z : Tensor, (B, Y, X)
            Noisy field, at least a patch in size.
        stride : int
            Step from one patch to the next, in pixels.
        told : Tensor, (K,), optional
            Factor on each coefficient before its energy is taken: the std of its noise if that were white
            over what it is.
        """
        total, weight = self.sums(z, stride, told)
        return total / weight.clamp_min(TINY)

    def sums(self, z: Tensor, stride: int = 1, told: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return, over each pixel, the weighted sum of the patches' noise and of their weights (B, Y, X)."""
        patches, shape = unfolded(z, self.side, stride)
        coefficients = self.analysis @ patches
        gates, weight = self._gates(coefficients, told)
        noise = self.synthesis @ (coefficients * (1 - gates) * weight)
        size = tuple(z.shape[-2:])
        return _sums(noise, shape, size, self.side, stride), _sums(weight, shape, size, self.side, stride)

    def _gates(self, coefficients: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the gates (K, N) of all coefficients, and the weight (N,) of each patch."""
        scale = torch.exp(-self.log_scale) if told is None else torch.exp(-self.log_scale) * told
        energy = torch.log1p((coefficients * scale[:, None]) ** 2)
        odds = torch.addmm(self.bias[:, None], self.gate, energy)
        shared = torch.relu(torch.addmm(self.hidden_bias[:, None], self.hidden, energy))
        gates = torch.sigmoid(torch.addmm(odds, self.hidden_gate, shared))
        kept = torch.exp(self.log_kept) @ gates**2
        return gates, 1 / (1 + softplus(self.floor) + kept)


def first_atoms(side: int, extra: int) -> tuple[Tensor, Tensor]:
    """Return the atoms to start from (K, side^2), each of norm 1 and mean 0, and their frequency, 0 to 1.

    First all cosines but the mean, then as many sine waves as asked for, lowest frequencies first.
    """
    cosine, sine = torch.from_numpy(dct_matrix(side)), _sine_matrix(side)
    waves = [
        (y * y + x * x, torch.outer(first[y], second[x]))
        for y in range(side)
        for x in range(side)
        for first, second, there in ((sine, sine, y and x), (sine, cosine, y), (cosine, sine, x))
        if there
    ]
    waves = sorted(waves, key=lambda wave: wave[0])[:extra]
    powers = [y * y + x * x for y in range(side) for x in range(side)][1:] + [power for power, _ in waves]
    cosines = torch.einsum("ky,lx->klyx", cosine, cosine).reshape(side**2, -1)[1:]
    atoms = torch.cat([cosines, *(wave.reshape(1, -1) for _, wave in waves)])
    atoms = atoms - atoms.mean(1, keepdim=True)
    return (atoms / atoms.norm(dim=1, keepdim=True)).float(), torch.tensor(powers).div(2).sqrt() / (side - 1)


def _sine_matrix(side: int) -> Tensor:
    """Return sine waves (side, side) of the frequencies of the cosines, of norm 1; the first is zero."""
    place, frequency = torch.arange(side).double() + 0.5, torch.arange(side).double()[:, None]
    return torch.sin(math.pi * place * frequency / side) * math.sqrt(2 / side)


def unfolded(z: Tensor, side: int, stride: int) -> tuple[Tensor, tuple[int, int, int]]:
    """Return the pixels of every patch (side^2, N) of a field (B, Y, X), and the patches' shape (B, y, x)."""
    windows = z.unfold(1, side, stride).unfold(2, side, stride)
    batch, rows, columns = windows.shape[:3]
    return windows.permute(3, 4, 0, 1, 2).reshape(side * side, -1), (batch, rows, columns)


def _sums(
    values: Tensor, shape: tuple[int, int, int], size: tuple[int, ...], side: int, stride: int
) -> Tensor:
    """Add up what patches say of each pixel: values (side^2, N), or (N,) where all pixels get the same.

    Returns
    -------
    Tensor, (B, Y, X)
        In float32 or better.
    """
    batch, rows, columns = shape
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    columns_of = values.expand(side * side, -1) if values.ndim == 1 else values
    columns_of = columns_of.reshape(side * side, batch, rows * columns).transpose(0, 1)
    reach = tuple((n - 1) * stride + side for n in (rows, columns))
    total = fold(columns_of, reach, side, stride=stride)[:, 0]
    return nn.functional.pad(total, (0, size[1] - reach[1], 0, size[0] - reach[0]))
