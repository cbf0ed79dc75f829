"""What a calibration found: numbers with their intervals, levels, maps, and what speaks against them.

Convention: None is "these frames do not tell"; intervals hold the truth in 95 of 100 cases; a doubt is a
sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..estimators.survey import number
from ..noise import CalibratedCamera, NoiseCurve, PoissonGaussian
from ..noise.camera_maps import save_maps
from ..stack import Float
from .line import Level, Line

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Maps:
    """What each pixel does.

    Parameters
    ----------
    offset : ndarray, (Y, X)
        Counts of no light.
    read_var : ndarray, (Y, X)
        Variance of the read noise, counts squared.
    gain : ndarray, (Y, X), or None
        Counts per electron, drawn towards the mean as far as it is uncertain; None without flats.
    hot : ndarray of bool, (Y, X)
        Pixels whose offset or read noise is far outside.
    """

    offset: Float
    read_var: Float
    gain: Float | None
    hot: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Gain, offset and read noise of a camera, all in counts.

    Parameters
    ----------
    gain : float or None
        Counts per electron; None without light levels.
    offset : float or None
        Counts of no light, the mean over pixels that are not hot; None without dark frames.
    read_std : float or None
        Root mean square read noise of those pixels; None without dark frames.
    gain_interval, offset_interval, read_interval : tuple of float or None
        95 % confidence intervals.
    line : Line or None
        variance = gain * mean + intercept: the intercept is read_std^2 - gain * offset.
    levels : tuple of Level
        Light levels, in the order of the flats, or brightness classes of a scene.
    dark : Level or None
        The dark frames.
    hot_share : float
        Share of hot pixels.
    maps : Maps or None
        Per pixel; None where there are too few dark frames.
    low, high : float or None
        Where the camera cuts values off, if that was seen or given.
    doubts : tuple of str
        Sentences that speak against the numbers; none when they can be trusted.
    """

    gain: float | None = None
    offset: float | None = None
    read_std: float | None = None
    gain_interval: Interval | None = None
    offset_interval: Interval | None = None
    read_interval: Interval | None = None
    line: Line | None = None
    levels: tuple[Level, ...] = ()
    dark: Level | None = None
    hot_share: float = 0.0
    maps: Maps | None = None
    low: float | None = None
    high: float | None = None
    doubts: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the numbers."""
        return not self.doubts

    @property
    def used(self) -> tuple[Level, ...]:
        """The levels that the line was fitted to."""
        return tuple(level for level in self.levels if not level.left_out)

    @property
    def deviation(self) -> float:
        """Largest deviation of a used level from the line, as a share of its variance."""
        return max((abs(level.deviation) for level in self.used), default=0.0)

    def sentence(self) -> str:
        """Say what was found, and what speaks against it."""
        found = [self._gain_words(), self._offset_words(), self._read_words()]
        text = ", ".join(part for part in found if part)
        return " ".join([f"{text[:1].upper()}{text[1:]}{self._fit_words()}.", *self.doubts])

    def model(self, gain: float | None = None, offset: float | None = None) -> PoissonGaussian:
        """Return the noise model, its verdict the sentence.

        Parameters
        ----------
        gain, offset : float, optional
            From a data sheet, where the frames do not tell. An offset given to a calibration without dark
            frames tells the read noise too.

        Raises
        ------
        ValueError
            If the gain is neither known nor given.
        """
        gain = self.gain if gain is None else gain
        if gain is None:
            raise ValueError(
                "dark frames alone do not tell the gain; give flats to calibrate, or the gain of the "
                "camera's data sheet: model(gain=...), in counts per electron."
            )
        if self.offset is not None and self.read_std is not None:
            return self._made(gain, self.offset if offset is None else offset, self.read_std)
        intercept = self.line.intercept if self.line else 0.0
        if offset is not None:
            return self._made(gain, offset, max(intercept + gain * offset, 0.0) ** 0.5)
        if gain == 0:
            return self._made(0.0, 0.0, max(intercept, 0.0) ** 0.5)
        plain = PoissonGaussian.from_line(gain, intercept)
        return plain.replace(low=self.low, high=self.high, verdict=self.sentence())

    def curve(self) -> NoiseCurve:
        """Return the levels themselves as a noise model, for a camera that is not linear.

        Raises
        ------
        ValueError
            If there are fewer than two levels.
        """
        levels = sorted(([self.dark] if self.dark else []) + list(self.used), key=lambda level: level.mean)
        rising = [b for a, b in zip([None, *levels[:-1]], levels, strict=True) if not a or b.mean > a.mean]
        if len(rising) < 2:
            raise ValueError(
                f"a noise curve needs two levels of different brightness; there are {len(rising)}."
            )
        means, variances = ([getattr(level, name) for level in rising] for name in ("mean", "variance"))
        return NoiseCurve(tuple(means), tuple(variances), verdict=self.sentence())

    def camera(self, path: str | Path, origin: tuple[int, int] = (0, 0)) -> CalibratedCamera:
        """Write the maps to an npz file and return the noise model that corrects images by them.

        Parameters
        ----------
        path : str or Path
            Ends in ".npz".
        origin : tuple of int
            Row and column on the calibrated frames of the image's pixel (0, 0).

        Raises
        ------
        ValueError
            If the frames gave no maps of offset and gain.
        """
        if self.maps is None or self.maps.gain is None:
            raise ValueError(
                "there are no maps of offset and gain per pixel: they need at least 10 dark frames and, "
                "for the gain, flats that are not saturated."
            )
        read_var = np.where(self.maps.hot, np.float32(np.nan), self.maps.read_var)
        save_maps(path, self.maps.offset, self.maps.gain, read_var)
        return CalibratedCamera.from_file(path, origin).replace(
            low=self.low, high=self.high, verdict=self.sentence()
        )

    def _made(self, gain: float, offset: float, read_std: float) -> PoissonGaussian:
        return PoissonGaussian(gain, offset, read_std, low=self.low, high=self.high, verdict=self.sentence())

    def _gain_words(self) -> str:
        if self.gain is None or self.gain_interval is None:
            return "no gain (flats are missing)"
        low, high = (number(end) for end in self.gain_interval)
        return f"gain {number(self.gain)} counts/electron (95 %: {low} to {high})"

    def _offset_words(self) -> str:
        if self.offset is None:
            intercept = number(self.line.intercept) if self.line else "?"
            return f"read noise^2 - gain x offset = {intercept} counts^2 (dark frames would tell them apart)"
        return f"offset {number(self.offset)} counts"

    def _read_words(self) -> str:
        if self.read_std is None:
            return ""
        electrons = f" ({number(self.read_std / self.gain)} electrons)" if self.gain else ""
        return f"read noise {number(self.read_std)} counts{electrons}"

    def _fit_words(self) -> str:
        words = ""
        if self.levels:
            words += f"; {len(self.used)} light levels, at most {self.deviation:.1%} off the line"
            if left_out := len(self.levels) - len(self.used):
                words += f", {left_out} left out"
        return words + (f"; {self.hot_share:.2%} hot pixels" if self.hot_share else "")
