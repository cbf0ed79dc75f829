"""Groups of similar patches, restored together: the non-local ridge filter.

The k patches most like a reference are the columns of Y, n pixels by k; each is replaced by a linear
combination Y Theta of them all. With X the columns without noise, N the Gram matrix of the noise (n times the
noise's correlation at the distance between any two of the patches: n I for white noise of variance 1) and
E[Y'Y] = X'X + N, the expected squared error |X Theta - X|^2 + tr(Theta' N Theta) is least for

    Theta = (X'X + N)^-1 X'X = I - (X'X + N)^-1 N.

The first step takes Y'Y for X'X + N, less the mean of all pixels of the group. The second takes P'P + N with
P the patches of a pilot; there P and Y are less the mean patch of their group, or, under correlated noise, of
which a mean patch would keep much, less the mean of all pixels. A patch counts by one over the share of the
noise's variance that is left in it, with what was subtracted and is added again.

Herbreteau, Kervrann, "Towards a unified view of unsupervised non-local methods for image denoising: the
NL-Ridge approach", ICIP 2022, doi:10.1109/ICIP46576.2022.9897992.
"""
