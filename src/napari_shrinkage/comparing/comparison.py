"""What a comparison found: one row per candidate, best first.

Convention: the order follows the error estimated from the noisy image, whether a reference is there or not;
what the reference says stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..noise import NoiseModel
from ..recipe import Step
from ..restorers.base import Restorer

Cell = Callable[["Row"], str]


@dataclass(frozen=True)
class Row:
    """One candidate and how well it does.

    Parameters
    ----------
    name : str
        Of the candidate.
    restorer : Restorer
        As it was asked for; its "auto" fields are still open.
    noise : NoiseModel
        What the candidate was told of the noise.
    mse : float
        Estimated mean squared error, in the units of the image squared.
    mse_error : float
        Standard error of `mse`. Differences between candidates are far more certain: they share their noise.
    psnr_estimated : float
        Peak signal-to-noise ratio of `mse` in dB; infinite where the estimate is not above zero.
    seconds : float
        Time for the whole image, reckoned from the parts that were restored.
    psnr, ssim, error_std : float or None
        With a reference: PSNR in dB, structural similarity, and the std of result minus reference in the
        units of the image; all on the parts that were restored.
    """

    name: str
    restorer: Restorer
    noise: NoiseModel
    mse: float
    mse_error: float
    psnr_estimated: float
    seconds: float
    psnr: float | None = None
    ssim: float | None = None
    error_std: float | None = None

    @property
    def step(self) -> Step:
        """The candidate as a step of a recipe, its noise named."""
        return Step(self.restorer, self.noise)


COLUMNS: dict[str, Cell] = {
    "method": lambda row: row.name,
    "estimated PSNR / dB": lambda row: f"{row.psnr_estimated:.2f}",
    "estimated MSE": lambda row: f"{row.mse:.4g} ± {row.mse_error:.2g}",
    "seconds": lambda row: f"{row.seconds:.2g}",
}
WITH_REFERENCE: dict[str, Cell] = {
    "PSNR / dB": lambda row: _number(row.psnr, ".2f"),
    "SSIM": lambda row: _number(row.ssim, ".3f"),
    "error std": lambda row: _number(row.error_std, ".4g"),
}


@dataclass(frozen=True)
class Comparison:
    """Candidates in the order of their estimated error.

    Parameters
    ----------
    rows : tuple of Row
        Best first.
    noise : NoiseModel
        The noise of the image, under which every error was estimated.
    peak : float
        Of the PSNR: 255 for 8-bit images, otherwise the range that all but 0.1 % of the values at either end
        span.
    pixels : int
        Pixels that took part, channels counted.
    whole : bool
        Whether that was the whole image, or windows that represent it.
    """

    rows: tuple[Row, ...]
    noise: NoiseModel
    peak: float
    pixels: int
    whole: bool = True

    @property
    def best(self) -> Step:
        """The candidate of least estimated error, with the noise it was told of."""
        return self.rows[0].step

    @property
    def has_reference(self) -> bool:
        """Whether the rows hold PSNR and SSIM against a reference."""
        return any(row.psnr is not None for row in self.rows)

    def row(self, name: str) -> Row:
        """Return the row of a candidate."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(
            f"no candidate is named {name!r}; there is {', '.join(row.name for row in self.rows)}."
        )

    def cells(self) -> list[list[str]]:
        """Return the header and the rows as text."""
        columns = COLUMNS | (WITH_REFERENCE if self.has_reference else {})
        return [list(columns), *([text(row) for text in columns.values()] for row in self.rows)]

    def table(self) -> str:
        """Return the rows as a Markdown table."""
        header, *lines = self.cells()
        return "\n".join(_line(cells) for cells in (header, ["---"] * len(header), *lines))

    def __str__(self) -> str:
        header, *lines = cells = self.cells()
        widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in (header, *lines)
        )


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
