"""What napari shows: widgets, commands and layers. The only folder that imports Qt, magicgui or napari."""
