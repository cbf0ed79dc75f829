"""Restore a z-stack as a volume, file to file: voxel size is kept, and the file says how it was made."""

from __future__ import annotations

import napari_shrinkage as ns
from napari_shrinkage.files import read, read_record, write
from napari_shrinkage.samples import fluorescence_stack

sample = fluorescence_stack().noisy
part = sample.with_array(sample.array[8:16, 64:192, 64:192])
write("cells.ome.tif", part, overwrite=True)  # stands for your own file

stack = read("cells.ome.tif")
print(stack.axes, stack.shape, stack.array.dtype, "voxel", stack.spacing, stack.units)

# Blocks of 8 x 8 pixels and, because planes are 3 times farther apart than pixels, 3 planes.
volume = ns.Shrinkage(transform=ns.SlidingDCT(ndim=3), rule=ns.Hard(), threshold=ns.Profile())
work = ns.run(ns.Recipe.of(volume), stack)  # a generator of progress, which ends with the result
result = ns.drain(work)

write("cells-restored.ome.tif", result.stack, result.record, overwrite=True)
again = read("cells-restored.ome.tif")
assert again.spacing == stack.spacing

plan = read_record("cells-restored.ome.tif").plans[0]
print("noise:", plan.noise.sigma, "block:", plan.restorer.transform.sizes)
print(f"in {result.record.seconds:.1f} s")
