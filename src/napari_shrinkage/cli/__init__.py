"""The command line: `napari-shrinkage run | fit | methods | estimate | demo`.

Convention: whatever is wrong with what the user gave is one line on stderr and exit code 2; other files
still get their turn. Commands are imported when they are called, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..conversion import DTYPES
from ..files import COMPRESSIONS, FORMATS

BAD_INPUT = 2
INTERRUPTED = 130
EXAMPLES = """examples:
  napari-shrinkage run cells.tif -o denoised.ome.tif
  napari-shrinkage run *.ome.tif -o results/ --method dct --set transform.size=16
  napari-shrinkage run 'folder/*.tif' -o results/ --report report.csv
  napari-shrinkage run *.png -o "{name}_denoised.png" --noise 12
  napari-shrinkage run photo.png -o large.png --method upscale --set scale=3
  napari-shrinkage fit cells.tif -o cells.json && napari-shrinkage run *.tif -o results/ --recipe cells.json
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave."""
        self.exit(BAD_INPUT, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process when left out.

    Returns
    -------
    int
        Exit code: 0, 2 for input that cannot be used, 130 when interrupted.
    """
    try:
        arguments = parser().parse_args(argv)
        return int(arguments.command(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    except KeyboardInterrupt:
        say(
            "interrupted; files that were not finished are not there. An OME-Zarr image that was begun "
            "goes on with the same command."
        )
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        sys.stderr.close()
        return 0


def parser() -> Parser:
    """Return the parser of every command."""
    top = Parser(
        prog="napari-shrinkage",
        description="Denoise images by shrinkage.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"napari-shrinkage {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add_fit(commands)
    _add_others(commands)
    return top


def say(message: str) -> None:
    """Write one line to stderr."""
    print("napari-shrinkage: " + " ".join(message.split()), file=sys.stderr)


def _add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="denoise image files, or make them larger",
        description="Denoise image files, or give them a finer grid.",
    )
    run.add_argument(
        "input", nargs="+", help=f"image files, folders, or patterns in quotes ({', '.join(FORMATS)})"
    )
    run.add_argument(
        "-o",
        "--output",
        required=True,
        help='a file, a folder, or a pattern with {name} in it, such as "results/{name}.ome.tif"',
    )
    how = run.add_mutually_exclusive_group()
    how.add_argument(
        "--method", default=None, help="name of a method or preset (see `methods`); default: balanced"
    )
    how.add_argument("--recipe", help="recipe file (JSON), or an image file whose record is to be repeated")
    _add_wishes(run)
    run.add_argument(
        "--dtype", choices=DTYPES, help="number type of the output; default: float32 (PNG: same as input)"
    )
    run.add_argument("--compression", choices=COMPRESSIONS, help="default: none for TIFF, zstd for OME-Zarr")
    run.add_argument("--device", help="auto, cpu, cuda or mps; default: auto, or the recipe's")
    run.add_argument("--threads", type=_at_least_one, help="CPU threads; default: all, or the recipe's")
    run.add_argument(
        "--report",
        metavar="FILE",
        help="append what became of each file (noise, seconds, brightness) to a table, .csv or .json",
    )
    run.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that exist; by default those made from the same image by the same recipe are "
        "skipped, others are an error",
    )
    run.set_defaults(command=_run)


def _add_fit(commands: argparse._SubParsersAction[Parser]) -> None:
    about = "Fit thresholds, weights or a network to an image, and write a recipe for `run`."
    fit = commands.add_parser("fit", help="fit a method to an image, for many like it", description=about)
    fit.add_argument("input", help=f"the noisy image file ({', '.join(FORMATS)})")
    fit.add_argument("-o", "--output", required=True, help="the recipe file (JSON)")
    fit.add_argument(
        "--method",
        default="wavelet",
        help="a shrinkage method, let, a network (unet, ffdnet) or generator-prior (see `methods`); "
        "default: wavelet",
    )
    fit.add_argument(
        "--loss",
        help="sure, poisson-gaussian-sure, noise2self, supervised, supervised-psnr or noise2noise; "
        "default: supervised with a target and for generator-prior, noise2self for a network under "
        "correlated noise, else sure",
    )
    fit.add_argument("--target", help="the clean image (supervised), or a second noisy one (noise2noise)")
    fit.add_argument(
        "--iterations",
        type=_at_least_one,
        metavar="STEPS",
        help="steps of learning; default: 32, for a network 300, for a generator 3000",
    )
    fit.add_argument(
        "--save-as",
        metavar="FILE",
        help="weight file (.safetensors) of a network or generator; default: one in the folder of models",
    )
    _add_wishes(fit)
    fit.add_argument("--device", help="auto, cpu, cuda or mps; default: auto")
    fit.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    fit.set_defaults(command=_fit, recipe=None, threads=None)


def _add_wishes(command: Parser) -> None:
    """Add what is said of the method's numbers, of the noise and of the axes."""
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        dest="changes",
        help="change a parameter, such as transform.size=16 (see `methods`); may be repeated",
    )
    command.add_argument(
        "--noise",
        metavar="SIGMA",
        help="noise standard deviation in the units of the image (one, or one per channel: 4,5,6); "
        "default: estimated from each image",
    )
    command.add_argument("--axes", help='one letter per axis where the file does not say, such as "TZYX"')


def _add_others(commands: argparse._SubParsersAction[Parser]) -> None:
    methods = commands.add_parser("methods", help="list methods, presets and their parameters")
    methods.add_argument("name", nargs="?", help="show this one only")
    methods.set_defaults(command=_methods)
    estimate = commands.add_parser("estimate", help="estimate the noise of image files")
    estimate.add_argument("input", nargs="+", help=f"image files ({', '.join(FORMATS)})")
    estimate.add_argument("--axes", help='one letter per axis where the file does not say, such as "TZYX"')
    estimate.set_defaults(command=_estimate)
    demo = commands.add_parser("demo", help="denoise sample images, print a table, write pictures")
    demo.add_argument(
        "-o", "--output", default="demo-output", help="folder of the pictures; default: demo-output"
    )
    demo.add_argument(
        "--no-window", action="store_true", help="do not open napari, even where there is a display"
    )
    demo.add_argument("--threads", type=_at_least_one, help="CPU threads; default: every core")
    demo.set_defaults(command=_demo)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, not {text!r}")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    from .batch import run_files

    return run_files(arguments)


def _fit(arguments: argparse.Namespace) -> int:
    from .fit import fit_file

    return fit_file(arguments)


def _methods(arguments: argparse.Namespace) -> int:
    from .listing import list_methods

    return list_methods(arguments.name)


def _estimate(arguments: argparse.Namespace) -> int:
    from .listing import estimate_files

    return estimate_files(arguments.input, arguments.axes)


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run_demo

    return run_demo(arguments.output, arguments.threads, window=not arguments.no_window)
