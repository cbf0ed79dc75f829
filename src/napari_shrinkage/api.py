"""What people type in the console: images in, images out.

Convention: numpy in, float32 numpy out; dask in, lazy dask out; a napari layer in, a layer data tuple out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from . import files
from .checking import TrustReport, checking
from .comparing import Candidate, Comparison, comparing
from .conversion import converted_result
from .degradation import Bicubic, Degradation
from .diagnostics import unsupported_detail as _unsupported_detail
from .engine import drain, resolve, restored, run
from .estimators import FromImage, NoiseEstimator, estimated_noise
from .estimators.from_image import MODELS, Kind
from .fitting import fitting, usual_loss
from .losses import Loss
from .noise import Gaussian, NoiseMap, NoiseModel
from .recipe import Plan, Recipe, Record
from .restorers import Degrade, Upscale, named
from .restorers.base import Restorer
from .stack import Array, Stack
from .storing import stored

BICUBIC = Bicubic()


def restore(
    image: Any,
    method: str | Restorer | Recipe = "balanced",
    noise: NoiseModel | float | Array | None = None,
    axes: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Any:
    """Restore a noisy image.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        Any real type and any number of axes; values are neither clipped nor rescaled.
    method : str, Restorer or Recipe
        A short name ("wavelet", "let", "dct", "dct-wiener", "learned-dct", "unet", "ffdnet"), a
        preset ("fast", "balanced", "best") or a method value.
    noise : NoiseModel, float or array_like, optional
        The noise; a number is the standard deviation of Gaussian noise in the units of the image, an array
        (Y, X) that at each pixel of a plane (see `NoiseMap`; it is kept in a file, so that the record can be
        repeated). None estimates it.
    axes : str, optional
        One letter per axis, such as "TZYX" or "YXC" (colour last). A 2-D array is "YX", a layer knows its
        own.
    device : str
        "auto", "cpu", "cuda" or "mps"; "auto" leaves a recipe's own.
    threads : int, optional
        CPU threads of the fused kernels; None uses every core, or as many as a recipe says.

    Returns
    -------
    ndarray, dask array or tuple
        float32, of the image's shape and in its units; lazy for dask input; for a layer a tuple (data,
        attributes, "image") that keeps its spatial metadata and holds the record.

    Raises
    ------
    TypeError, ValueError
        If the image, its axes, the method or the noise do not fit; the message says what would.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> noisy = 100 + 5 * np.random.default_rng(0).standard_normal((64, 64))
    >>> ns.restore(noisy, "dct", noise=5).shape
    (64, 64)
    """
    if hasattr(image, "as_layer_data_tuple"):
        from .gui.layers import restored_layer

        return restored_layer(image, recipe_of(method, noise, device, threads), axes)
    stack = Stack(image, axes or "")
    recipe = recipe_of(method, noise, device, threads)
    for step in recipe.steps:
        plan = resolve(step, stack, recipe.device, recipe.threads)
        stack = stack.with_array(restored(plan, stack), plan.magnification)
    return stack.array


def restore_file(
    source: str | Path,
    target: str | Path,
    method: str | Restorer | Recipe = "balanced",
    noise: NoiseModel | float | Array | None = None,
    axes: str | None = None,
    dtype: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    compression: str | None = None,
    overwrite: bool = False,
) -> Record:
    """Restore an image file into another; into OME-Zarr block by block, however large it is.

    Parameters
    ----------
    source, target : str or Path
        Their endings decide the formats, see `files.FORMATS`.
    method, noise, axes, device, threads
        As for `restore`; None for `axes` takes those of the file.
    dtype : str, optional
        "float32", "same" for that of the source, or another of `conversion.DTYPES`; None is "same" for PNG
        and float32 for all others.
    compression : str, optional
        One of `files.COMPRESSIONS`; None takes the format's own.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    Record
        How the target was made; it stands in the target too where the format keeps one.

    Raises
    ------
    FileProblem
        If a file cannot be read or written; the message says why.
    TypeError, ValueError
        As for `restore`.

    Notes
    -----
    Into OME-Zarr, the image and its pyramid are made by blocks: on the workers of a `distributed.Client` if
    there is one, else in threads. The same call takes up a run that was interrupted (`storing.stored`).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.save(folder / "noisy.npy", 100 + 5 * np.random.default_rng(0).standard_normal((64, 64)))
    >>> record = ns.restore_file(folder / "noisy.npy", folder / "restored.ome.zarr", "dct", noise=5)
    >>> record.input["shape"]
    [64, 64]
    """
    target = Path(target)
    stack, recipe = files.read(source, axes), recipe_of(method, noise, device, threads)
    if files.FORMATS[files.ending(target)] == "ome_zarr":
        wish = dtype or "float32"
        return drain(stored(recipe, stack, target, dtype=wish, compression=compression, overwrite=overwrite))
    files.checked_target(target, compression, overwrite)
    wish = dtype or ("same" if files.ending(target) == ".png" else "float32")
    result = converted_result(drain(run(recipe, stack)), wish, stack.array.dtype)
    files.write(target, result.stack, result.record, compression, overwrite)
    return result.record


def upscale(
    image: Any,
    scale: int = 2,
    model: str = "light",
    degradation: Degradation | None = BICUBIC,
    noise: NoiseModel | float | None = None,
    axes: str | None = None,
    device: str = "auto",
    **settings: Any,
) -> Any:
    """Give an image a grid 2, 3 or 4 times as fine along Y and X.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        The coarse image; any real type and any number of axes.
    scale : {2, 3, 4}
        Fine pixels in a coarse one along each of the two axes.
    model : str
        "light", our network; "light-bicubic", the same for bicubic reduction alone, x2; "linear", the best
        linear upscaling; "bicubic" or "lanczos" interpolation; or the path of a weight file of RDN.
    degradation : Degradation, optional
        How the coarse pixels came about: `Bicubic()`, `Decimation()`, `Binning()`, `GaussianBlur(...)` or
        `AnyKernel.of(kernel)`; None measures it in the image.
    noise, axes, device
        As for `restore`; noise 0 is none beyond that of rounding.
    **settings
        Other fields of `Upscale`, such as back_projections=10.

    Returns
    -------
    ndarray, dask array or tuple
        float32, with Y and X `scale` times as long; lazy for dask input; for a layer a tuple (data,
        attributes, "image") that lies exactly over it.

    Raises
    ------
    TypeError, ValueError
        If the image or a number does not fit, or the model has no weights for this scale.

    Warns
    -----
    TransferWarning
        If blur or noise are unlike those that the network was trained for.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> coarse = np.random.default_rng(0).random((32, 48))
    >>> ns.upscale(coarse, 3, "linear", noise=0).shape
    (96, 144)
    """
    method = Upscale(scale=cast(Any, scale), model=model, degradation=degradation, **settings)
    return restore(image, method, noise, axes, device)


def degrade(
    image: Any,
    scale: int = 2,
    degradation: Degradation = BICUBIC,
    gain: float = 0.0,
    sigma: float = 0.0,
    axes: str | None = None,
    seed: int = 0,
) -> Any:
    """Reduce an image to a coarser grid by a known kernel, and add noise.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        The fine image, best without noise.
    scale : {2, 3, 4}
        Fine pixels in a coarse one along Y and X; pixels that are left over at the end are dropped.
    degradation : Degradation
        How the coarse pixels come about, as for `upscale`.
    gain : float
        Counts of a photo-electron, for shot noise; 0 adds none.
    sigma : float
        Std of the Gaussian noise that is added, in the units of the image.
    axes : str, optional
        As for `restore`.
    seed : int
        Of the noise.

    Returns
    -------
    ndarray, dask array or tuple
        As for `restore`, with Y and X shorter.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> ns.degrade(np.arange(16.0).reshape(4, 4), 2, ns.Binning())
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """
    method = Degrade(scale=cast(Any, scale), degradation=degradation, gain=gain, sigma=sigma, seed=seed)
    return restore(image, method, 0.0, axes)


def estimate_noise(
    image: Any, model: str | NoiseEstimator = "auto", axes: str | None = None, offset: float | None = None
) -> NoiseModel:
    """Estimate the noise of an image from the image alone.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        The noisy image.
    model : str or NoiseEstimator
        "auto" for the simplest model that the image does not speak against, "gaussian", "poisson-gaussian",
        "curve", or an estimator value such as `FrameDifferences()`.
    axes : str, optional
        As for `restore`.
    offset : float, optional
        Counts of no light, where known: only then can one image tell read noise from it.

    Returns
    -------
    Gaussian, PoissonGaussian or NoiseCurve
        In the units of the image, with an autocorrelation where neighbouring pixels share their noise, and a
        `verdict`: what the estimate is worth, in a sentence.

    Warns
    -----
    NoiseWarning
        If the estimate cannot be trusted; the message is the verdict.
    """
    if isinstance(model, str) and model not in MODELS:
        raise ValueError(f"model={model!r}: expected one of {', '.join(MODELS)}, or an estimator value.")
    estimator = FromImage(model=cast(Kind, model), offset=offset) if isinstance(model, str) else model
    return estimated_noise(stack_of(image, axes), estimator)


def compare(
    image: Any,
    methods: Sequence[Candidate] | Mapping[str, Candidate] | None = None,
    reference: Any = None,
    noise: NoiseModel | float | None = None,
    axes: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    seed: int = 0,
) -> Comparison:
    """Say which method restores a noisy image best, from the image alone.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        The noisy image.
    methods : sequence or mapping of str, optional
        Candidates: short names, method values, or a `Step` that carries the noise it shall be told of; a
        mapping names them. None tries a list that fits the noise (`comparing.default_candidates`).
    reference : array_like or napari Image layer, optional
        What is known of the truth. PSNR, SSIM and the error's std against it stand beside the estimates; the
        order of the candidates is that of the estimates all the same.
    noise : NoiseModel or float, optional
        The noise of the image, under which every error is estimated. None estimates it once.
    axes, device, threads
        As for `restore`.
    seed : int
        Of the probes.

    Returns
    -------
    Comparison
        Its `rows`, best first; `best`, a step with its noise; `table()`, Markdown.

    Raises
    ------
    TypeError, ValueError
        If a candidate does not fit the image, or the reference covers other pixels; the message says what
        would.

    Notes
    -----
    The error is that of `risk.coupled_risk`, which needs no truth: *valid* where the noise model is. Beyond 1
    million pixels, windows that represent the image are restored instead of all of it, by plans that were
    made for all of it. Pixels whose noise is cut off at the end of the range are left out.

    The order is as good as the noise model. Noise that is told too weak favours methods that leave noise in
    place, noise that is told too strong those that smooth. Methods that take their numbers from the same kind
    of estimate (`Sure`, `Let`) profit from an error unseen. Where the verdict on the noise is bad, so is the
    order.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> noisy = 100 + 5 * np.random.default_rng(0).standard_normal((64, 64))
    >>> found = ns.compare(noisy, {"little": ns.Shrinkage(threshold=ns.Ratio(r=0.5)), "much": "dct"}, noise=5)
    >>> found.rows[0].name
    'much'
    """
    stack = stack_of(image, axes)
    truth = None if reference is None else stack_of(reference, stack.axes)
    return drain(comparing(stack, methods, truth, _noise_of(noise), device, threads, seed))


def fit(
    image: Any,
    method: str | Restorer = "wavelet",
    loss: str | Loss | None = None,
    target: Any = None,
    noise: NoiseModel | float | None = None,
    axes: str | None = None,
    iterations: int | None = None,
    device: str = "auto",
    save_as: str | Path | None = None,
) -> Restorer:
    """Fit a method's thresholds or weights, or fine-tune its network, with a clean target or without one.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        The noisy image; all its planes take part.
    method : str or Restorer
        A `Shrinkage`, whose thresholds are fitted, a `Let`, whose weights are, a `Cnn`, whose network is
        fine-tuned, or a `GeneratorPrior`, which is trained to draw the images of the stack; "wavelet", "let",
        "unet" and "generator-prior" name them. A `Ratio`, `RatioPerLevel` or `Profile` keeps its kind; every
        other threshold becomes one for each band and channel. A smooth hard rule (`TanhHard`) gets steeper on
        the way and ends as `Hard`.
    loss : str or Loss, optional
        "sure", "poisson-gaussian-sure", "noise2self", "supervised", "noise2noise", or a value of `losses`.
        None is "supervised" with a target or for a generator, "noise2self" for a network where the noise is
        correlated, else "sure".
    target : array_like or napari Image layer, optional
        On the same pixels: the clean image for "supervised", a second noisy one for "noise2noise". Raw counts
        for a `CalibratedCamera`, as the image.
    noise, axes
        As for `restore`.
    iterations : int, optional
        Steps of a descent, or of a network's learning; None takes 32, for a network 300, for a generator
        3000. Closed forms need none.
    device : str
        Where a descent runs.
    save_as : str or Path, optional
        The weight file of a network or generator, .safetensors; None makes a new one in the user's folder of
        models.

    Returns
    -------
    Shrinkage, Let, Cnn or GeneratorPrior
        With its fitted numbers, in multiples of the noise: `restore(other, fitted)` applies them to any image
        of the same kind, and a `TransferWarning` says when its noise is another. A network lies in a file of
        its own; where learning did not make it surely better, a `TuningWarning` says so and the method comes
        back as it was.

    Raises
    ------
    TypeError, ValueError
        If the method has nothing to fit, or the target is missing or covers other pixels; the message says
        what would fit.

    Notes
    -----
    On an orthonormal transform (`Wavelet` with an orthogonal wavelet, `SlidingDCT` of disjoint blocks) with
    the soft rule the loss is a sum over bands, and each threshold is solved exactly. Elsewhere thresholds
    descend along the gradient through the whole transform, on up to 2 million values, about 131 000 at
    a time; they begin where each band alone is best. A descent that ends worse is not used.

    A network learns from crops; a part of the image is held out and says whether it got better. Without a
    target it learns from the image with noise added [1]_, where the noise is near enough Gaussian, or by
    predicting hidden pixels.

    References
    ----------
    The idea of learning soft thresholds by backpropagation is that of 000_acfeeb3eb12c2365.txt.

    .. [1] Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image
       denoising", CVPR 2021, doi:10.1109/CVPR46437.2021.00208.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> noisy = 100 + 5 * np.random.default_rng(0).standard_normal((64, 64))
    >>> fitted = ns.fit(noisy, ns.Shrinkage(transform=ns.Wavelet(levels=2)), noise=5)
    >>> sorted(fitted.threshold.values)
    ['1/ad', '1/da', '1/dd', '2/ad', '2/da', '2/dd']
    """
    step = recipe_of(method, noise).steps[0]
    stack = stack_of(image, axes)
    aim = None if target is None else stack_of(target, stack.axes)
    step, chosen = usual_loss(step, stack, loss, aim)
    path = None if save_as is None else Path(save_as)
    return drain(fitting(step, stack, chosen, aim, iterations, device, path)).restorer


def trust_report(
    image: Any,
    restored: Any,
    noise: NoiseModel | float | None = None,
    restorer: str | Restorer | Plan | Sequence[Plan] | None = None,
    regions: Any = None,
    second: Any = None,
    axes: str | None = None,
    reference: Any = None,
    seed: int = 0,
) -> TrustReport:
    """Say whether a result can be measured in.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        The noisy image.
    restored : array_like, dask array or napari Image layer
        Its result, on the same pixels and in the same units.
    noise : NoiseModel or float, optional
        The noise of the image. None takes that of the plans, else estimates it.
    restorer : str, Restorer, Plan or sequence of Plan, optional
        How the result was made: `Result.record.plans`, or a method. Without it no spots are added.
    regions : array_like of int, optional
        Labels of regions, 0 is background; of the image's shape without channels, or of one plane.
    second : array_like or napari Image layer, optional
        Another frame of the same scene, which tells the resolution.
    axes : str, optional
        As for `restore`.
    reference : array_like or napari Image layer, optional
        What is known of the truth.
    seed : int
        Of the spots and of the halves that one frame is split into.

    Returns
    -------
    TrustReport
        Its `lines`, each with `passed`, a number and a sentence; `markdown()`.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not cover the same pixels; the message says what would.

    Notes
    -----
    Channels, colours too, are checked one by one. Of a series at most four planes are looked at, evenly
    spread; spots are added to the middle one, and the resolution is that of the middle one. *Valid* where the
    noise model is: most checks compare what was removed with it. The single tests are in `trust`.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> noisy = 100 + 5 * np.random.default_rng(0).standard_normal((64, 64))
    >>> report = ns.trust_report(noisy, ns.restore(noisy, "dct", noise=5), noise=5)
    >>> report.lines[0].check, report.lines[0].passed
    ('Mean', True)
    """
    stack = stack_of(image, axes)
    frame, truth = (None if x is None else stack_of(x, stack.axes) for x in (second, reference))
    result = stack_of(restored, stack.axes)
    return drain(checking(stack, result, _noise_of(noise), restorer, regions, frame, truth, seed=seed))


def unsupported_detail(
    image: Any,
    restored: Any,
    noise: NoiseModel | float | None = None,
    method: str | Restorer = "balanced",
    axes: str | None = None,
) -> Any:
    """Map where a result shows detail that shrinkage does not find and the data do not support.

    Parameters
    ----------
    image : array_like, dask array or napari Image layer
        The noisy image.
    restored : array_like, dask array or napari Image layer
        Its result, of a network for example, on the same pixels and in the same units.
    noise : NoiseModel or float, optional
        The noise of the image, as for `restore`. None estimates it.
    method : str or Restorer
        The shrinkage to compare with.
    axes : str, optional
        As for `restore`.

    Returns
    -------
    ndarray
        float32, of the image's shape; without the colour axis, as colours share one map. 0 where nothing is
        unsupported, else by how many noise stds a pattern in patches of 8 x 8 pixels exceeds 3.

    Raises
    ------
    TypeError, ValueError
        If the result has another shape, or the method or the noise does not fit; the message says what would.

    Notes
    -----
    A pattern is marked where the result has it, shrinkage lacks it, and the data deny it by more than 3 noise
    stds: `diagnostics.unsupported_detail` has the definition and what it finds on photographs. Unsupported is
    not false; noise left in place is not marked, nor is structure wider than some 16 pixels. Lazy arrays are
    read window by window.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_shrinkage as ns
    >>> noisy = 100 + 5 * np.random.default_rng(0).standard_normal((64, 64))
    >>> restored = ns.restore(noisy, "dct", noise=5)
    >>> restored[20:40, 20:40] += 5 * (-1) ** np.arange(20)  # stripes that nobody saw
    >>> marked = ns.unsupported_detail(noisy, restored, noise=5) > 0
    >>> bool(marked[30, 30]), bool(marked[5, 5])
    (True, False)
    """
    step = recipe_of(method, noise).steps[0]
    stack = stack_of(image, axes)
    result = stack_of(restored, stack.axes)
    return _unsupported_detail(stack, result, step.noise or estimated_noise(stack), step.restorer)


def recipe_of(
    method: str | Restorer | Recipe,
    noise: NoiseModel | float | Array | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Recipe:
    """Return the recipe of what `restore` was asked for."""
    if isinstance(method, Recipe):
        if noise is not None:
            raise ValueError(
                "a recipe names its own noise; set it there, or pass the method without a recipe."
            )
        return replace(
            method,
            device=method.device if device == "auto" else device,
            threads=method.threads if threads is None else threads,
        )
    restorer = named(method) if isinstance(method, str) else method
    if not isinstance(restorer, Restorer):
        raise TypeError(
            f"method={method!r}: expected a name, a preset or a method value such as Shrinkage()."
        )
    return Recipe.of(restorer, _noise_of(noise), device=device, threads=threads)


def _noise_of(noise: NoiseModel | float | Array | None) -> NoiseModel | None:
    """Return the noise model of a number, one number per channel, or a map of the noise std."""
    if noise is None or isinstance(noise, NoiseModel):
        return noise
    return NoiseMap.from_array(noise) if np.ndim(noise) > 1 else Gaussian(cast(float, noise))


def stack_of(image: Any, axes: str | None = None) -> Stack:
    """Return the stack of an array or of a napari layer."""
    if hasattr(image, "as_layer_data_tuple"):
        from .gui.layers import stack_of_layer

        return stack_of_layer(image, axes)
    return Stack(image, axes or "")
