"""Networks: bare torch modules, and the files that hold their weights.

Convention: a network sees fields in units of the noise and knows nothing of images, borders or tiles.
"""
