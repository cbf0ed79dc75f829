"""How a low-resolution image came about: the operators, what undoes them linearly, and measuring them.

Convention: an image is low-resolution where each of its pixels is a weighted mean of pixels of a finer grid,
`scale` times as fine along Y and X; the weights are the kernel, the same for every pixel.
"""

from .base import AnyKernel, Bicubic, Binning, Decimation, Degradation, GaussianBlur

__all__ = ["AnyKernel", "Bicubic", "Binning", "Decimation", "Degradation", "GaussianBlur"]
