"""`import caffe` in a process whose parent took the engine for Caffe."""

from caffe_style.engine.shim import install_as_caffe

# Puts the engine into sys.modules under this module's name, which is what `import caffe` then gives.
install_as_caffe(replace=True)
