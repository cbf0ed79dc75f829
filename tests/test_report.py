"""What is said of a record can be run again and says what was done."""

from __future__ import annotations

import numpy as np
import pytest

import napari_shrinkage as ns
from napari_shrinkage import files
from napari_shrinkage.report import as_python, methods_paragraph, references_of, summary_lines
from napari_shrinkage.restorers import NAMED

SMALL = ns.Shrinkage(transform=ns.Wavelet(wavelet="db2", levels=2), threshold=ns.Universal())


def noisy_file(tmp_path, axes: str = "YX", shape: tuple[int, ...] = (64, 80)) -> ns.Stack:
    rng = np.random.default_rng(0)
    array = (100 + 40 * np.sin(np.arange(shape[-1]) / 9) + 5 * rng.standard_normal(shape)).astype(np.float32)
    stack = ns.Stack(array, axes, (0.5,) * len(axes), ("micrometer",) * len(axes))
    path = files.write(tmp_path / "input.ome.tif", stack, overwrite=True)
    return files.read(path)


def executed(code: str, **names: object) -> ns.Result:
    exec(compile(code, "as_python", "exec"), names)
    return names["result"]


@pytest.mark.parametrize("name", [*NAMED])
def test_running_the_code_of_a_record_repeats_the_result(tmp_path, name):
    stack = noisy_file(tmp_path)
    made = ns.drain(ns.run(ns.Recipe.of(NAMED[name], threads=1), stack))
    again = executed(as_python(made.record))
    np.testing.assert_array_equal(again.stack.array, made.stack.array)
    assert again.record.plans[0].restorer == made.record.plans[0].restorer
    assert again.record.input["digest"] == made.record.input["digest"]


@pytest.mark.parametrize(
    "restorer",
    [
        SMALL.replace(rule=ns.Firm(), threshold=ns.RatioPerLevel(r=(3.0, 2.0))),
        SMALL.replace(rule=ns.Lp(p=0.5), threshold=ns.Sure(), spins=2),
        SMALL.replace(rule=ns.TanhHard(), threshold=ns.PerBand(values={"1/dd": (2.0,), "1/ad": (1.5,)})),
        ns.EmpiricalWiener(pilot=SMALL, transform=ns.SlidingDCT(size=5, stride=2), mu=0.7),
    ],
)
def test_code_of_a_recipe_makes_an_equal_recipe(tmp_path, restorer):
    recipe = ns.Recipe((ns.Step(restorer, ns.Gaussian(4.5)), ns.Step(SMALL)), device="cpu", threads=1)
    noisy_file(tmp_path)
    names: dict[str, object] = {}
    code = as_python(recipe, str(tmp_path / "input.ome.tif"))
    exec(code[: code.index("result =")], names)
    assert names["recipe"] == recipe


def test_code_repeats_a_region_and_correlated_noise(tmp_path):
    stack = noisy_file(tmp_path, "ZYX", (3, 40, 50))
    noise = ns.Gaussian(5.0, ns.Autocorrelation.from_kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]]))
    region = (slice(1, 2), slice(4, 30), slice(10, 50))
    made = ns.drain(ns.run(ns.Recipe.of(SMALL, noise, threads=1), stack, region))
    again = executed(as_python(made.record))
    assert again.region == region
    np.testing.assert_array_equal(again.stack.array, made.stack.array)


def record(tmp_path, name: str = "dct-wiener", noise: ns.Gaussian | None = None) -> ns.Record:
    return ns.drain(ns.run(ns.Recipe.of(NAMED[name], noise, threads=1), noisy_file(tmp_path))).record


def test_a_paragraph_names_methods_noise_grid_versions_and_references(tmp_path):
    made = record(tmp_path)
    text = methods_paragraph(made)
    sigma = made.plans[0].noise.sigma[0]
    expected = [
        "Empirical Wiener",
        f"sigma {sigma:.4g}",
        "estimated from the image",
        "0.5 x 0.5 micrometer",
        "64 x 80",
        made.versions["napari-shrinkage"],
        made.versions["numpy"],
        "doi:10.1117/12.292799",
    ]
    for words in expected:
        assert words in text
    assert "given" in methods_paragraph(record(tmp_path, noise=ns.Gaussian(5.0)))


def test_a_large_autocorrelation_is_counted_not_written_out(tmp_path):
    large = ns.Autocorrelation.from_kernel(np.ones((8, 8)))
    text = methods_paragraph(record(tmp_path, noise=ns.Gaussian(5.0, large)))
    assert "225 numbers" in text
    assert len(text) < 2000


def test_every_citation_is_listed_once_and_cited(tmp_path):
    made = record(tmp_path)
    paragraph, _, listed = methods_paragraph(made).partition("\n\n")
    lines = listed.strip().splitlines()
    assert len({line.partition("doi:")[2].split()[0] for line in lines}) == len(lines) >= 3
    for number in range(1, len(lines) + 1):
        assert str(number) in paragraph.partition("[")[2].partition("]")[0].split(", ")


@pytest.mark.parametrize("name", [*NAMED])
def test_every_named_method_can_be_cited(name):
    references = references_of(NAMED[name])
    assert references
    assert all("doi:10." in reference and not reference.endswith(".") for reference in references)


def test_summary_lines_say_what_a_reader_needs(tmp_path):
    made = record(tmp_path)
    lines = summary_lines(made)
    text = "\n".join(lines)
    for words in (
        "Empirical Wiener",
        "noise: Gaussian",
        "device: cpu",
        "64 x 80 (YX)",
        "float32",
        "input.ome.tif",
        *made.messages,
    ):
        assert words in text
    assert all("\n" not in line for line in lines)
